//! log out: appends messages to a log on the device, each confirmed when it is on the disk.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tokio::sync::Notify;

use super::logs_of;
use crate::connector::{Connector, ConnectorHost, Delivery, Incoming};
use crate::copies::Copy;
use crate::descriptor::{Category, Descriptor, Field, Outputs, Role};
use crate::error::NodeError;
use crate::host::{Append, Keep, LogRecord, Logs};
use crate::message::Message;
use crate::node::{Built, NodeConfig, NodeType};
use crate::path::Path;
use crate::read;
use crate::value::{Str, Value};

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "log out",
    category: Category::Storage,
    summary: "Appends messages to a log on the device.",
    help: include_str!("log_out.md"),
    examples: include_str!("log_out.examples.json"),
    inputs: 1,
    outputs: Outputs::Fixed(0),
    role: Role::Connector,
    fields: &[
        Field::text("log", "Log", "The name of the log. Where it is empty, msg.log of each message names it."),
        Field::text(
            "key",
            "Key",
            "The property of the message that says what the record is about: log in can filter by it, and compaction goes by it.",
        )
        .default("\"topic\""),
        Field::number(
            "keep_bytes",
            "Keep (bytes)",
            "When the log is larger, the oldest records go, about 4 MiB at a time; 0 is no limit.",
        )
        .default("0")
        .at_least(0.0),
        Field::integer(
            "keep_messages",
            "Keep (messages)",
            "The newest so many records stay; older ones go when there is a whole block of them. 0 is no limit.",
        )
        .default("0")
        .at_least(0.0),
        Field::number(
            "keep_age",
            "Keep (seconds)",
            "Records older than this go. Only time that the gateway runs counts, so that a clock that jumps drops nothing. 0 keeps them.",
        )
        .default("0")
        .at_least(0.0),
        Field::bool("compact", "Keep the last of each key", "Of records with the same key only the newest stays, after a while.")
            .default("false"),
        Field::bool(
            "urgent",
            "At once",
            "Writes without waiting for others to go in the same write. Messages with msg.priority alarm never wait.",
        )
        .default("false"),
    ],
};

/// Messages on their way to the disk. While it is full or slow, more wait before this node.
const ON_THE_WAY: usize = 4_096;

#[derive(Deserialize)]
struct Config {
    #[serde(default, deserialize_with = "read::text")]
    log: String,
    key: Option<String>,
    #[serde(default, deserialize_with = "read::number")]
    keep_bytes: f64,
    #[serde(default, deserialize_with = "read::count")]
    keep_messages: usize,
    #[serde(default, deserialize_with = "read::number")]
    keep_age: f64,
    #[serde(default, deserialize_with = "read::boolean")]
    compact: bool,
    #[serde(default, deserialize_with = "read::boolean")]
    urgent: bool,
}

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    make(config.read()?).map(Built::connector)
}

fn make(config: Config) -> Result<LogOut, NodeError> {
    if !(0.0..9e15).contains(&config.keep_bytes) {
        return Err(NodeError::config("/keep_bytes", "expected bytes from 0; 0 is no limit"));
    }
    let max_age = Duration::try_from_secs_f64(config.keep_age)
        .map_err(|_| NodeError::config("/keep_age", "expected seconds from 0; 0 keeps the records"))?;
    let key = config.key.unwrap_or_else(|| "topic".to_string());
    let key = (!key.trim().is_empty()).then(|| Path::parse_msg(key.trim())).transpose();
    let key = key.map_err(|error| NodeError::config("/key", error.message()))?;
    if config.compact && key.is_none() {
        return Err(NodeError::config(
            "/key",
            "to keep the last of each key it takes a key: topic, for example",
        ));
    }
    let log = config.log.trim();
    Ok(LogOut {
        log: (!log.is_empty()).then(|| Str::new(log)),
        key,
        keep: Keep {
            max_bytes: (config.keep_bytes > 0.0).then_some(config.keep_bytes as u64),
            max_messages: (config.keep_messages > 0).then_some(config.keep_messages as u64),
            max_age: (!max_age.is_zero()).then_some(max_age),
            compact: config.compact,
            queue: false,
        },
        urgent: config.urgent,
        open: None,
        way: Arc::default(),
    })
}

struct LogOut {
    /// Nothing: the message says it.
    log: Option<Str>,
    key: Option<Path>,
    keep: Keep,
    urgent: bool,
    open: Option<Open>,
    way: Arc<Way>,
}

struct Open {
    logs: Arc<dyn Logs>,
    host: Arc<dyn ConnectorHost>,
}

/// What is on its way to the disk. The store tells from its own thread what became of it.
#[derive(Default)]
struct Way {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    messages: usize,
    /// There was no room: somebody waits to hear of some.
    full: bool,
    /// What could not be written now, to be given back.
    back: Vec<Delivery>,
    error: Option<NodeError>,
}

impl Way {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connector for LogOut {
    async fn open(&mut self, host: Arc<dyn ConnectorHost>) -> Result<(), NodeError> {
        self.open = Some(Open { logs: logs_of(&*host)?, host });
        Ok(())
    }

    /// Hears of appends that failed, and of room.
    async fn next(&mut self) -> Result<Vec<Incoming>, NodeError> {
        loop {
            {
                let mut state = self.way.lock();
                if let Some(error) = state.error.take() {
                    return Err(error);
                }
                if state.full && state.messages <= ON_THE_WAY / 2 {
                    state.full = false;
                    return Ok(Vec::new());
                }
            }
            self.way.changed.notified().await;
        }
    }

    async fn handle(&mut self, batch: &mut Vec<Delivery>) -> Result<(), NodeError> {
        let Some(Open { logs, host }) = &self.open else { return Ok(()) };
        let take = {
            let mut state = self.way.lock();
            let room = ON_THE_WAY.saturating_sub(state.messages);
            state.full = batch.len() > room;
            batch.len().min(room)
        };
        // Mostly one log, and then one append.
        let mut appends: Vec<Going> = Vec::new();
        for delivery in batch.drain(..take) {
            let message = delivery.message();
            let log = match self.log_of(message) {
                Ok(log) => log,
                Err(error) => {
                    delivery.fail(error);
                    continue;
                }
            };
            let record = self.record(message, &**host);
            let urgent = self.urgent || message.get("priority").and_then(Value::as_str) == Some("alarm");
            let at = appends.iter().position(|going| going.log == log).unwrap_or_else(|| {
                appends.push(Going { log, append: Append::default(), deliveries: Vec::new() });
                appends.len() - 1
            });
            let Going { append, deliveries, .. } = &mut appends[at];
            append.records.push(record);
            append.copies.extend(Copy::of(&message.token));
            append.urgent |= urgent;
            deliveries.push(delivery);
        }
        for Going { log, append, deliveries } in appends {
            let batch = Batch::of(deliveries, &self.way);
            logs.append(&log, &self.keep, append, Box::new(move |result| batch.told(result)));
        }
        Ok(())
    }

    /// Only what could not be written. What is on its way to the disk is not given back, or it would stand in the log
    /// twice: it is confirmed when it is there, also when this node is closed by then.
    fn take_unconfirmed(&mut self) -> Vec<Delivery> {
        std::mem::take(&mut self.way.lock().back)
    }

    async fn close(&mut self) {
        self.open = None;
    }
}

impl LogOut {
    fn log_of(&self, message: &Message) -> Result<Str, NodeError> {
        if let Some(log) = &self.log {
            return Ok(log.clone());
        }
        let found = match message.get("log") {
            Some(Value::Str(name)) if !name.trim().is_empty() => return Ok(Str::new(name.trim())),
            Some(Value::Str(_)) => "msg.log is empty".to_string(),
            Some(other) => format!("msg.log is no name (it is of the type {})", other.kind()),
            None => "msg.log is missing".to_string(),
        };
        Err(NodeError::rejected(format!("{found}: name the log in the node or in msg.log")))
    }

    fn record(&self, message: &Message, host: &dyn ConnectorHost) -> LogRecord {
        let mut value = message.value.clone();
        // Of another log, or of where it goes: log in sets it anew.
        if value.contains_key("log") {
            value.remove("log");
        }
        let key = self.key.as_ref().and_then(|key| key.find(&message.value, &message.value));
        let meta = &message.meta;
        LogRecord {
            sequence: 0,
            value,
            key: key.filter(|key| !key.is_null()).map(|key| key.to_text()),
            // A message that came from nowhere has no time.
            wall_ms: if meta.wall_ms == 0 { host.wall_ms() } else { meta.wall_ms },
            event_ms: meta.event_ms,
            source: meta.source.clone(),
        }
    }
}

/// One append, and the messages that it is made of.
struct Going {
    log: Str,
    append: Append,
    deliveries: Vec<Delivery>,
}

/// The messages of one append, until it is told what became of them.
struct Batch {
    deliveries: Vec<Delivery>,
    way: Arc<Way>,
}

impl Batch {
    fn of(deliveries: Vec<Delivery>, way: &Arc<Way>) -> Batch {
        way.lock().messages += deliveries.len();
        Batch { deliveries, way: way.clone() }
    }

    fn told(mut self, result: Result<Vec<u64>, NodeError>) {
        self.settle(result);
    }

    fn settle(&mut self, result: Result<Vec<u64>, NodeError>) {
        let deliveries = std::mem::take(&mut self.deliveries);
        if deliveries.is_empty() {
            return;
        }
        let mut state = self.way.lock();
        state.messages -= deliveries.len();
        match result {
            Err(error @ NodeError::Disconnected(_)) => {
                state.back.extend(deliveries);
                state.error = Some(error);
            }
            result => {
                // Confirming may wake others: not under the lock.
                drop(state);
                for delivery in deliveries {
                    match &result {
                        Ok(_) => delivery.confirm(),
                        Err(error) => delivery.fail(NodeError::rejected(error.message())),
                    }
                }
            }
        }
        self.way.changed.notify_one();
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        // Dropped without a word: the store is closed.
        self.settle(Err(NodeError::disconnected("the store does not take it: it is closed")));
    }
}

#[cfg(test)]
#[path = "log_out_tests.rs"]
mod tests;

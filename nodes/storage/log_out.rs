//! Log out: appends messages to a log on the device.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Deserialize;
use tokio::sync::Notify;

use crate::connector::{Connector, ConnectorHost, Delivery, Incoming};
use crate::descriptor::{Category, Descriptor, Field, Outputs, Role};
use crate::error::NodeError;
use crate::host::{Keep, LogRecord, Logs};
use crate::node::{Built, NodeConfig, NodeType};
use crate::path::Path;
use crate::read;
use crate::value::Value;

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
        Field::text("log", "Log", "The name of the log. It is made with its first message.").required(),
        Field::text(
            "key",
            "Key",
            "The property of the message that says what it is about: for filters and compaction.",
        )
        .default("\"topic\""),
        Field::number(
            "keep_bytes",
            "Keep bytes",
            "Most bytes of the log on the disk; the oldest messages go first. 0 is no limit.",
        )
        .default("268435456")
        .at_least(0.0),
        Field::integer("keep_messages", "Keep messages", "Most messages; 0 is no limit.").at_least(0.0),
        Field::number(
            "keep_age",
            "Keep for",
            "Seconds that a message is kept, counting only time that the gateway runs; 0 is for ever.",
        )
        .at_least(0.0),
        Field::bool(
            "compact",
            "Compact",
            "Of messages with the same key only the newest is kept, after a while.",
        )
        .default("false"),
        Field::bool(
            "urgent",
            "At once",
            "Does not wait for others to be written together with. Alarms (`msg.priority`) never wait.",
        )
        .default("false"),
    ],
};

#[derive(Deserialize)]
struct Config {
    #[serde(default, deserialize_with = "read::text")]
    log: String,
    #[serde(default = "topic", deserialize_with = "read::text")]
    key: String,
    #[serde(default = "quarter", deserialize_with = "read::number")]
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

fn topic() -> String {
    "topic".to_string()
}

fn quarter() -> f64 {
    268_435_456.0
}

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    make(config).map(Built::connector)
}

fn make(config: &NodeConfig) -> Result<LogOut, NodeError> {
    let Config { log, key, keep_bytes, keep_messages, keep_age, compact, urgent } = config.read()?;
    super::check_name("/log", &log)?;
    let key = match key.as_str() {
        "" => None,
        key => Some(Path::parse_msg(key).map_err(|error| NodeError::config("/key", error.message()))?),
    };
    let max_age = (keep_age > 0.0).then(|| std::time::Duration::try_from_secs_f64(keep_age)).transpose();
    let max_age = max_age.map_err(|_| NodeError::config("/keep_age", "expected seconds from 0"))?;
    let keep = Keep {
        max_bytes: (keep_bytes > 0.0).then_some(keep_bytes as u64),
        max_messages: (keep_messages > 0).then_some(keep_messages as u64),
        max_age,
        compact,
    };
    Ok(LogOut { log, key, keep, urgent, open: None, source: config.id.clone(), failed: Arc::default() })
}

struct LogOut {
    log: String,
    key: Option<Path>,
    keep: Keep,
    urgent: bool,
    open: Option<(Arc<dyn Logs>, Arc<dyn ConnectorHost>)>,
    source: crate::value::Str,
    failed: Arc<Failed>,
}

/// An append that was given up by the store: the connector opens again, and its sources send again.
#[derive(Default)]
struct Failed {
    happened: AtomicBool,
    stir: Notify,
}

impl Connector for LogOut {
    async fn open(&mut self, host: Arc<dyn ConnectorHost>) -> Result<(), NodeError> {
        self.open = Some((super::logs_of(&*host)?, host));
        Ok(())
    }

    async fn next(&mut self) -> Result<Vec<Incoming>, NodeError> {
        loop {
            let stir = self.failed.stir.notified();
            if self.failed.happened.swap(false, Ordering::AcqRel) {
                return Err(NodeError::disconnected(format!("the log {} could not be written", self.log)));
            }
            stir.await;
        }
    }

    /// What the store has taken in it keeps until it is on the disk; only a stop makes it drop it, and then the sources
    /// are told.
    async fn handle(&mut self, batch: &mut Vec<Delivery>) -> Result<(), NodeError> {
        let Some((logs, host)) = &self.open else { return Ok(()) };
        let deliveries: Vec<Delivery> = std::mem::take(batch);
        let mut urgent = self.urgent;
        let mut records = Vec::with_capacity(deliveries.len());
        for delivery in &deliveries {
            let message = delivery.message();
            urgent |= message.get("priority").and_then(Value::as_str) == Some("alarm");
            let key = self.key.as_ref().and_then(|key| key.find(&message.value, &message.value));
            let source = if message.meta.source.is_empty() { &self.source } else { &message.meta.source };
            let mut value = message.value.clone();
            // Where it was read from before; log in says it anew.
            if matches!(value.get("log"), Some(Value::Object(_))) {
                value.remove("log");
            }
            records.push(LogRecord {
                sequence: 0,
                value,
                key: key.map(|key| key.to_text()),
                // One that came from nowhere, a tick, has no time of its own.
                wall_ms: if message.meta.wall_ms > 0 { message.meta.wall_ms } else { host.wall_ms() },
                event_ms: message.meta.event_ms,
                source: source.clone(),
            });
        }
        let failed = self.failed.clone();
        logs.append(
            &self.log,
            &self.keep,
            records,
            urgent,
            Box::new(move |result| match result {
                Ok(_) => deliveries.into_iter().for_each(Delivery::confirm),
                Err(error @ NodeError::Rejected(_)) => {
                    deliveries.into_iter().for_each(|delivery| delivery.fail(error.clone()));
                }
                Err(_) => {
                    drop(deliveries);
                    failed.happened.store(true, Ordering::Release);
                    failed.stir.notify_one();
                }
            }),
        );
        Ok(())
    }
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;

//! Trigger: sends a message, and a second one after a while; or resends; or waits until it is reset.

mod fields;
mod operand;

use std::collections::HashMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value as Json;

use self::operand::{First, Second};
use super::{number_in, parse_float, wait};
use crate::cx::{Cx, Held};
use crate::error::NodeError;
use crate::host::{Status, TimerId};
use crate::message::Message;
use crate::node::{Built, NodeConfig, NodeType, Transform};
use crate::path::Path;
use crate::read;
use crate::value::{Object, Str, Value};

pub const NODE: NodeType = NodeType { descriptor: &fields::DESCRIPTOR, build };

/// The topic of messages without one, and of all where topics are not told apart.
const NO_TOPIC: &str = "_none";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    op1: Option<Json>,
    #[serde(rename = "op1type")]
    op1_type: Option<String>,
    op2: Option<Json>,
    #[serde(rename = "op2type")]
    op2_type: Option<String>,
    #[serde(default, deserialize_with = "read::text")]
    duration: String,
    #[serde(default, deserialize_with = "read::text")]
    extend: String,
    #[serde(default, deserialize_with = "read::boolean")]
    override_delay: bool,
    units: Option<String>,
    #[serde(default, deserialize_with = "read::text")]
    reset: String,
    bytopic: Option<String>,
    #[serde(default, deserialize_with = "read::text")]
    topic: String,
    #[serde(default, deserialize_with = "read::number")]
    outputs: f64,
}

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    let config: Config = config.read()?;
    let duration = parse_float(&config.duration).unwrap_or(250.0);
    let unit = match config.units.as_deref() {
        Some("s") => 1000.0,
        Some("min") => 60_000.0,
        Some("hr") => 3_600_000.0,
        _ => 1.0,
    };
    let by_topic = match config.bytopic.as_deref() {
        None | Some("" | "all") => None,
        Some(_) => {
            let path = if config.topic.is_empty() { "topic" } else { &config.topic };
            Some(Path::parse_msg(path).map_err(|error| NodeError::config("/topic", error.message()))?)
        }
    };
    let resends = duration < 0.0;
    Ok(Built::transform(Trigger {
        first: First::parse(config.op1, config.op1_type)?,
        second: Second::parse(config.op2, config.op2_type)?,
        by_topic,
        ms: duration.abs() * unit,
        resends,
        extends: !resends && config.extend == "true",
        override_delay: config.override_delay,
        reset: Some(config.reset).filter(|reset| !reset.is_empty()),
        port: usize::from(config.outputs == 2.0),
        topics: HashMap::new(),
        by_timer: HashMap::new(),
        count: 0,
        skipped: 0,
    }))
}

struct Trigger {
    first: First,
    second: Second,
    /// Where a message has its topic, when topics are told apart.
    by_topic: Option<Path>,
    ms: f64,
    resends: bool,
    extends: bool,
    override_delay: bool,
    /// A payload that resets.
    reset: Option<String>,
    /// Where the second message goes.
    port: usize,
    topics: HashMap<Str, Topic>,
    by_timer: HashMap<TimerId, Str>,
    count: TimerId,
    /// Resends that came due while one waited for a credit.
    skipped: u64,
}

struct Topic {
    timer: TimerId,
    state: State,
    /// The payload of the second message, as far as it is known from the start.
    payload: Option<Value>,
}

enum State {
    /// No message has set it off; one that failed may have left it so.
    Idle,
    /// Until it is reset.
    Blocked,
    /// Until the time is over. The message is the second one, where there is one.
    Waiting {
        second: Option<Held>,
        extended: bool,
    },
    Resending {
        msg: Object,
        every: Duration,
        late: bool,
    },
}

impl Transform for Trigger {
    fn handle(&mut self, msg: &mut Option<Message>, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        let Some(message) = msg else { return Ok(()) };
        let name = self.topic_of(&message.value)?;
        let delay = number_in(&message.value, "delay").filter(|_| self.override_delay).unwrap_or(self.ms);
        if self.is_reset(&message.value) {
            self.forget(&name, cx);
            self.show(cx);
            return Ok(());
        }
        let state = &self.topic(&name, cx)?.state;
        let is_idle = matches!(state, State::Idle);
        let takes_latest = matches!(state, State::Waiting { extended: false, .. });
        if self.resends || is_idle {
            return self.set_off(&name, delay, msg, cx);
        }
        if self.extends && delay > 0.0 {
            let second = match self.second {
                Second::Nothing => None,
                _ => Some(copy_held(message, cx)?),
            };
            self.wait_for(&name, second, true, delay, cx);
        } else if takes_latest && matches!(self.second, Second::Latest) {
            let latest = copy_held(message, cx)?;
            if let Some(Topic { state: State::Waiting { second, .. }, .. }) = self.topics.get_mut(&name)
                && let Some(earlier) = second.replace(latest)
            {
                forget(earlier);
            }
        }
        Ok(())
    }

    fn timer(&mut self, id: TimerId, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        let Some(name) = self.by_timer.get(&id).cloned() else { return Ok(()) };
        if let Some(Topic { state: State::Resending { msg, every, late }, .. }) = self.topics.get_mut(&name) {
            cx.set_timer(id, *every);
            if *late {
                self.skipped += 1;
            } else {
                *late = !resend(&self.first, msg, cx);
            }
            return Ok(());
        }
        let topic = self.take(&name);
        if let Some(Topic { state: State::Waiting { second: Some(held), extended }, payload, .. }) = topic {
            self.send_second(held, extended, payload, cx);
        }
        self.show(cx);
        Ok(())
    }

    fn resume(&mut self, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        for topic in self.topics.values_mut() {
            if let State::Resending { msg, late, .. } = &mut topic.state
                && *late
            {
                *late = !resend(&self.first, msg, cx);
                if *late {
                    return Ok(());
                }
            }
        }
        if self.skipped > 0 {
            cx.warn(format!("{} messages not resent: the flow behind was busy", self.skipped));
            self.skipped = 0;
        }
        Ok(())
    }

    fn close(&mut self, cx: &mut Cx<'_>) {
        cx.status(Status::clear());
    }
}

impl Trigger {
    fn topic_of(&self, msg: &Object) -> Result<Str, NodeError> {
        let value = match &self.by_topic {
            Some(path) => path.get(msg, msg)?.filter(Value::truthy),
            None => None,
        };
        Ok(value.map_or(Str::new_static(NO_TOPIC), |value| value.to_text()))
    }

    fn is_reset(&self, msg: &Object) -> bool {
        msg.contains_key("reset")
            || match (&self.reset, msg.get("payload")) {
                (Some(reset), Some(payload)) => !payload.is_null() && payload.to_text() == reset.as_str(),
                _ => false,
            }
    }

    /// The topic, made where it is not known yet.
    fn topic(&mut self, name: &Str, cx: &Cx<'_>) -> Result<&mut Topic, NodeError> {
        let limit = cx.settings().hold_limit;
        if !self.topics.contains_key(name) {
            if self.topics.len() >= limit {
                let text = format!("the node keeps {limit} topics, as many as it may (setting hold_limit)");
                return Err(NodeError::rejected(text));
            }
            self.count += 1;
            self.by_timer.insert(self.count, name.clone());
        }
        let timer = self.count;
        Ok(self.topics.entry(name.clone()).or_insert(Topic { timer, state: State::Idle, payload: None }))
    }

    fn take(&mut self, name: &Str) -> Option<Topic> {
        let topic = self.topics.remove(name)?;
        self.by_timer.remove(&topic.timer);
        Some(topic)
    }

    /// Takes a topic away; what it held is done with.
    fn forget(&mut self, name: &Str, cx: &mut Cx<'_>) {
        if let Some(topic) = self.take(name) {
            cx.cancel_timer(topic.timer);
            if let State::Waiting { second: Some(held), .. } = topic.state {
                forget(held);
            }
        }
    }

    /// The first message of a topic: sends one, and waits or resends.
    fn set_off(
        &mut self,
        name: &Str,
        delay: f64,
        msg: &mut Option<Message>,
        cx: &mut Cx<'_>,
    ) -> Result<(), NodeError> {
        let Some(message) = msg else { return Ok(()) };
        let came = message.clone();
        let payload = self.second.payload(&came.value, cx)?;
        self.first.apply(&mut message.value, cx)?;
        cx.done_with(message);
        let waits = delay != 0.0 && !self.resends;
        let second = match &self.second {
            Second::Nothing => None,
            _ if !waits => None,
            Second::Latest => Some(copy_held(&came, cx)?),
            _ => Some(copy_held(message, cx)?),
        };
        self.topic(name, cx)?.payload = payload;
        if delay == 0.0 {
            self.set_state(name, State::Blocked, cx);
        } else if waits {
            self.wait_for(name, second, false, delay, cx);
        } else if !matches!(self.first, First::Nothing) {
            let (msg, every) = (message.value.clone(), wait(delay));
            self.set_state(name, State::Resending { msg, every, late: false }, cx);
            if let Some(topic) = self.topics.get(name) {
                cx.set_timer(topic.timer, every);
            }
        }
        self.show(cx);
        if !matches!(self.first, First::Nothing)
            && let Some(message) = msg.take()
        {
            cx.send(0, message);
        }
        Ok(())
    }

    fn wait_for(&mut self, name: &Str, second: Option<Held>, extended: bool, delay: f64, cx: &mut Cx<'_>) {
        self.set_state(name, State::Waiting { second, extended }, cx);
        if let Some(topic) = self.topics.get(name) {
            cx.set_timer(topic.timer, wait(delay));
        }
    }

    /// What the topic held before is done with, and its timer is off.
    fn set_state(&mut self, name: &Str, state: State, cx: &mut Cx<'_>) {
        if let Some(topic) = self.topics.get_mut(name) {
            cx.cancel_timer(topic.timer);
            if let State::Waiting { second: Some(held), .. } = std::mem::replace(&mut topic.state, state) {
                forget(held);
            }
        }
    }

    fn send_second(&self, mut held: Held, extended: bool, payload: Option<Value>, cx: &mut Cx<'_>) {
        let payload = match &self.second {
            Second::Latest => return cx.send_held(self.port, held),
            second => match second.payload_now(extended, &held.message().value, cx) {
                None => payload,
                Some(Ok(payload)) => payload,
                Some(Err(error)) => {
                    forget(held);
                    return cx.error(error, None);
                }
            },
        };
        set_payload(&mut held.message_mut().value, payload);
        cx.send_held(self.port, held);
    }

    fn show(&self, cx: &mut Cx<'_>) {
        cx.status(match self.topics.len() {
            0 => Status::clear(),
            1 => Status { text: None, ..Status::new("blue", "dot", "") },
            topics => Status::new("blue", "dot", topics),
        });
    }
}

/// Holds a copy of a message for later; the message itself goes its way.
fn copy_held(message: &Message, cx: &mut Cx<'_>) -> Result<Held, NodeError> {
    cx.hold_message(message.clone()).map_err(|(error, _)| error)
}

/// Done with a message that is not needed any more: Complete nodes have heard of it when it came.
fn forget(held: Held) {
    drop(held.into_message());
}

/// Sends a message once more. `false` when there is no credit for it.
fn resend(first: &First, msg: &Object, cx: &mut Cx<'_>) -> bool {
    let mut msg = msg.clone();
    if first.is_time() {
        msg.insert("payload", cx.wall_ms());
    }
    cx.originate(0, msg)
}

fn set_payload(msg: &mut Object, payload: Option<Value>) {
    match payload {
        Some(payload) => msg.insert("payload", payload),
        None => {
            msg.remove("payload");
        }
    }
}

#[cfg(test)]
#[path = "trigger_tests.rs"]
mod tests;

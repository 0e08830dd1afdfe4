//! Batch: makes sequences of messages, by number, by time, or by putting sequences together.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value as Json;

use crate::cx::{Cx, Held};
use crate::descriptor::{Category, Descriptor, Field, FieldKind, Outputs, Role};
use crate::error::NodeError;
use crate::host::TimerId;
use crate::message::Message;
use crate::node::{Built, NodeConfig, NodeType, Transform};
use crate::read;
use crate::sequence::batch_concat::Concat;
use crate::sequence::parts::{parts, parts_mut};
use crate::value::{Object, Value};

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "batch",
    category: Category::Sequence,
    summary: "Makes sequences of messages by rules.",
    help: include_str!("batch.md"),
    examples: include_str!("batch.examples.json"),
    inputs: 1,
    outputs: Outputs::Fixed(1),
    role: Role::Transform,
    fields: &[
        Field::choice(
            "mode",
            &[
                ("count", "group by number of messages"),
                ("interval", "group by time interval"),
                ("concat", "concatenate sequences"),
            ],
            "Mode",
            "What makes a sequence.",
        )
        .default(r#""count""#),
        Field::integer("count", "Number of messages", "How many messages make a sequence.")
            .default("10")
            .at_least(1.0)
            .visible_if("mode", &["count"]),
        Field::integer("overlap", "Overlap", "How many messages at the end of a sequence begin the next one as well.")
            .default("0")
            .at_least(0.0)
            .visible_if("mode", &["count"]),
        Field::bool(
            "honourParts",
            "Honour msg.parts",
            "The last message of a sequence that comes in (by its msg.parts) also ends the sequence that is made.",
        )
        .default("false")
        .visible_if("mode", &["count"]),
        Field::number("interval", "Interval in seconds", "How often what has come is sent as a sequence.")
            .default("10")
            .at_least(0.001)
            .visible_if("mode", &["interval"]),
        Field::bool(
            "allowEmptySequence",
            "Send an empty message when nothing came",
            "Sends a sequence of one message with the payload null after an interval in which no message came.",
        )
        .default("false")
        .visible_if("mode", &["interval"]),
        Field::list(
            "topics",
            &[Field::new("topic", FieldKind::Text, "Topic", "The msg.topic of a sequence.")],
            "Topics",
            "The sequences that are put together, in this order. A topic may be named more than once.",
        )
        .default("[]")
        .visible_if("mode", &["concat"]),
    ],
};

#[derive(Deserialize, Default)]
#[serde(default)]
struct Config {
    #[serde(deserialize_with = "read::text")]
    mode: String,
    #[serde(deserialize_with = "read::number")]
    count: f64,
    #[serde(deserialize_with = "read::number")]
    overlap: f64,
    #[serde(rename = "honourParts", deserialize_with = "read::boolean")]
    honour_parts: bool,
    #[serde(deserialize_with = "read::number")]
    interval: f64,
    #[serde(rename = "allowEmptySequence", deserialize_with = "read::boolean")]
    allow_empty: bool,
    topics: Vec<Topic>,
}

#[derive(Deserialize)]
struct Topic {
    #[serde(default)]
    topic: Json,
}

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    let Config { mode, count, overlap, honour_parts, interval, allow_empty, topics } = config.read()?;
    match mode.as_str() {
        "" | "count" => {
            let count = whole(if count == 0.0 { 1.0 } else { count }, "/count")?;
            let overlap = whole(overlap, "/overlap")?;
            if count <= overlap {
                let error =
                    "Invalid count and overlap: the overlap must be smaller than the number of messages";
                return Err(NodeError::config("/overlap", error));
            }
            let queue = Vec::new();
            Ok(Built::transform(Count { count, overlap, honour_parts, queue, since_sent: 0 }))
        }
        "interval" => match Duration::try_from_secs_f64(interval) {
            Ok(interval) if !interval.is_zero() => {
                // Never shorter than a millisecond, as JavaScript's timers.
                let interval = interval.max(Duration::from_millis(1));
                let queue = Vec::new();
                Ok(Built::transform(Interval { interval, allow_empty, queue, owes_empty: false }))
            }
            _ => Err(NodeError::config("/interval", "the interval must be longer than 0 seconds")),
        },
        "concat" => {
            let topics = topics.iter().map(|topic| Value::from(&topic.topic)).collect();
            Ok(Built::transform(Concat::new(topics)))
        }
        other => {
            let error = format!("unexpected mode {other}: one of count, interval, concat");
            Err(NodeError::config("/mode", error))
        }
    }
}

fn whole(n: f64, pointer: &str) -> Result<usize, NodeError> {
    if n >= 0.0 && n.fract() == 0.0 && n < 9e15 {
        Ok(n as usize)
    } else {
        Err(NodeError::config(pointer, format!("expected a whole number from 0, found {n}")))
    }
}

/// The id of a sequence is that of its first message.
pub fn sequence_id(first: Option<&Held>, cx: &mut Cx<'_>) -> Value {
    match first.and_then(|held| held.message().get("_msgid")) {
        Some(id) => id.clone(),
        None => Value::from(cx.new_id()),
    }
}

fn number_it(msg: &mut Object, id: &Value, index: usize, count: usize) {
    let parts = parts_mut(msg);
    parts.insert("id", id.clone());
    parts.insert("index", index);
    parts.insert("count", count);
}

/// Sends messages as a sequence, and is done with them.
fn send(mut queue: Vec<Held>, cx: &mut Cx<'_>) {
    let (id, count) = (sequence_id(queue.first(), cx), queue.len());
    for (index, mut held) in queue.drain(..).enumerate() {
        number_it(&mut held.message_mut().value, &id, index, count);
        cx.release(0, held);
    }
}

/// Sends copies of messages as a sequence; the messages stay.
pub fn send_copies<'h>(id: &Value, queue: impl ExactSizeIterator<Item = &'h Held>, cx: &mut Cx<'_>) {
    let count = queue.len();
    for (index, held) in queue.enumerate() {
        let mut msg = held.message().value.clone();
        number_it(&mut msg, id, index, count);
        cx.release_copy(0, msg, held);
    }
}

/// Drops what waits, as a reset asks.
fn drop_all(queue: &mut Vec<Held>, cx: &mut Cx<'_>) {
    for held in queue.drain(..) {
        cx.done(held);
    }
}

pub fn too_many() -> NodeError {
    NodeError::rejected("too many pending messages in batch node")
}

/// More wait than may: all of them go, and the last tells of it.
fn give_up(queue: &mut Vec<Held>, cx: &mut Cx<'_>) {
    if let Some(last) = queue.pop() {
        cx.fail(last, too_many());
    }
    drop_all(queue, cx);
}

pub fn exceeds(count: usize, cx: &Cx<'_>) -> bool {
    let most = cx.settings().node_message_buffer_max_length;
    most > 0 && count > most
}

pub fn is_reset(msg: &Option<Message>) -> bool {
    msg.as_ref().is_some_and(|msg| msg.value.contains_key("reset"))
}

struct Count {
    count: usize,
    overlap: usize,
    honour_parts: bool,
    queue: Vec<Held>,
    /// What `nodeMessageBufferMaxLength` limits: an overlap does not count.
    since_sent: usize,
}

impl Transform for Count {
    fn handle(&mut self, msg: &mut Option<Message>, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        if is_reset(msg) {
            drop_all(&mut self.queue, cx);
            self.since_sent = 0;
            return Ok(());
        }
        let ends = self.honour_parts && msg.as_ref().is_some_and(|msg| is_last(&msg.value));
        self.queue.push(cx.hold(msg)?);
        self.since_sent += 1;
        if self.queue.len() == self.count || ends {
            if self.overlap == 0 {
                send(std::mem::take(&mut self.queue), cx);
            } else {
                let id = sequence_id(self.queue.first(), cx);
                send_copies(&id, self.queue.iter(), cx);
                let leaving = self.queue.len().saturating_sub(self.overlap);
                for held in self.queue.drain(..leaving) {
                    cx.done(held);
                }
            }
            self.since_sent = 0;
        }
        if exceeds(self.since_sent, cx) {
            give_up(&mut self.queue, cx);
            self.since_sent = 0;
        }
        Ok(())
    }
}

fn is_last(msg: &Object) -> bool {
    let number = |key: &str| parts(msg).and_then(|parts| parts.get(key)).and_then(Value::as_f64);
    matches!((number("index"), number("count")), (Some(index), Some(count)) if index + 1.0 == count)
}

const TICK: TimerId = 0;

struct Interval {
    interval: Duration,
    allow_empty: bool,
    queue: Vec<Held>,
    /// An empty sequence was due, and there was no credit for it.
    owes_empty: bool,
}

impl Transform for Interval {
    fn start(&mut self, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        cx.set_timer(TICK, self.interval);
        Ok(())
    }

    fn handle(&mut self, msg: &mut Option<Message>, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        if is_reset(msg) {
            drop_all(&mut self.queue, cx);
            cx.set_timer(TICK, self.interval);
            return Ok(());
        }
        self.queue.push(cx.hold(msg)?);
        if exceeds(self.queue.len(), cx) {
            give_up(&mut self.queue, cx);
        }
        Ok(())
    }

    fn timer(&mut self, _id: TimerId, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        cx.set_timer(TICK, self.interval);
        if !self.queue.is_empty() {
            self.owes_empty = false;
            send(std::mem::take(&mut self.queue), cx);
        } else if self.allow_empty && !self.owes_empty {
            // One that is owed stands for those that would follow it.
            self.owes_empty = !send_empty(cx);
        }
        Ok(())
    }

    fn resume(&mut self, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        if std::mem::take(&mut self.owes_empty) {
            self.owes_empty = !send_empty(cx);
        }
        Ok(())
    }
}

fn send_empty(cx: &mut Cx<'_>) -> bool {
    let mut msg: Object = [("payload", Value::Null)].into_iter().collect();
    let id = Value::from(cx.new_id());
    number_it(&mut msg, &id, 0, 1);
    cx.originate(0, msg)
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;

//! Sort: puts the messages of a sequence, or the items of an array, in order.

use std::cmp::Ordering;

use serde::Deserialize;

use crate::cx::{Cx, Held};
use crate::descriptor::{Category, Descriptor, Field, Outputs, Role};
use crate::error::NodeError;
use crate::jsonata::Expression;
use crate::message::Message;
use crate::node::{Built, NodeConfig, NodeType, Transform};
use crate::path::Path;
use crate::read;
use crate::sequence::parts::{Groups, group_id, or_default, parts, parts_mut};
use crate::sequence::sort_order::{Comparable, order};
use crate::value::{Object, Value};

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "sort",
    category: Category::Sequence,
    summary: "Puts a sequence of messages or an array in order.",
    help: include_str!("sort.md"),
    examples: include_str!("sort.examples.json"),
    inputs: 1,
    outputs: Outputs::Fixed(1),
    role: Role::Transform,
    fields: &[
        Field::typed(
            "target",
            "targetType",
            &["msg", "seq"],
            "Sort",
            "A property of the message that holds an array, or with the type seq the messages of a sequence.",
        )
        .default(r#""payload""#),
        Field::typed(
            "msgKey",
            "msgKeyType",
            &["elem", "jsonata"],
            "Key of an item",
            "What items are compared by: the item itself, or a JSONata expression over it.",
        )
        .visible_if("targetType", &["msg"]),
        Field::typed(
            "seqKey",
            "seqKeyType",
            &["msg", "jsonata"],
            "Key of a message",
            "What messages are compared by: a property, or a JSONata expression over the message.",
        )
        .default(r#""payload""#)
        .visible_if("targetType", &["seq"]),
        Field::choice(
            "order",
            &[("ascending", "ascending"), ("descending", "descending")],
            "Order",
            "Smallest first, or largest first.",
        )
        .default(r#""ascending""#),
        Field::bool(
            "as_num",
            "As number",
            "Compares keys as numbers. Without it texts compare as texts: \"1000\" is before \"4\".",
        )
        .default("false"),
    ],
};

#[derive(Deserialize, Default)]
#[serde(default)]
struct Config {
    #[serde(deserialize_with = "read::text")]
    target: String,
    #[serde(rename = "targetType", deserialize_with = "read::text")]
    target_type: String,
    #[serde(rename = "msgKey", deserialize_with = "read::text")]
    msg_key: String,
    #[serde(rename = "msgKeyType", deserialize_with = "read::text")]
    msg_key_type: String,
    #[serde(rename = "seqKey", deserialize_with = "read::text")]
    seq_key: String,
    #[serde(rename = "seqKeyType", deserialize_with = "read::text")]
    seq_key_type: String,
    #[serde(deserialize_with = "read::text")]
    order: String,
    #[serde(deserialize_with = "read::boolean")]
    as_num: bool,
}

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    let config: Config = config.read()?;
    let expression = |text: &str, pointer: &str| {
        Expression::parse(text).map_err(|error| NodeError::config(pointer, invalid(&error).message()))
    };
    let path = |text: String, pointer: &str| {
        Path::parse_msg(&text).map_err(|error| NodeError::config(pointer, error.message()))
    };
    let by = By { descending: !matches!(config.order.as_str(), "" | "ascending"), as_num: config.as_num };
    if config.target_type == "msg" {
        let key = match config.msg_key_type.as_str() {
            "jsonata" => Some(expression(&config.msg_key, "/msgKey")?),
            _ => None,
        };
        let target = path(or_default(config.target, "payload"), "/target")?;
        return Ok(Built::transform(SortArray { target, key, by }));
    }
    let key = match config.seq_key_type.as_str() {
        "jsonata" => Key::Expression(expression(&config.seq_key, "/seqKey")?),
        _ => Key::Property(path(or_default(config.seq_key, "payload"), "/seqKey")?),
    };
    Ok(Built::transform(SortSequence { key, by, groups: Groups::default(), pending: 0 }))
}

fn invalid(error: &NodeError) -> NodeError {
    NodeError::rejected(format!("Invalid JSONata expression in sort node: {}", error.message()))
}

/// How two keys compare.
#[derive(Debug, Clone, Copy)]
struct By {
    descending: bool,
    as_num: bool,
}

impl By {
    fn order(self, keys: Vec<Option<Value>>) -> Vec<usize> {
        let number = |key: Option<Value>| Value::Float(key.as_ref().map_or(f64::NAN, Value::to_number));
        let keys: Vec<Comparable> = keys
            .into_iter()
            .map(|key| Comparable::new(if self.as_num { Some(number(key)) } else { key }))
            .collect();
        let (before, behind) = match self.descending {
            true => (Ordering::Greater, Ordering::Less),
            false => (Ordering::Less, Ordering::Greater),
        };
        order(keys.len(), |a, b| match keys[a].relation(&keys[b]) {
            _ if keys[a].same(&keys[b]) => Ordering::Equal,
            Some(Ordering::Greater) => behind,
            // Keys that cannot be compared go where Node-RED's comparison puts them.
            _ => before,
        })
    }
}

/// Sorts an array in each message.
struct SortArray {
    target: Path,
    key: Option<Expression>,
    by: By,
}

impl Transform for SortArray {
    fn handle(&mut self, msg: &mut Option<Message>, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        let Some(message) = msg.as_mut() else { return Ok(()) };
        let Some(sorted) = self.sorted(&message.value, cx)? else { return Ok(()) };
        let asked = message.value.clone();
        self.target.set(&mut message.value, &asked, sorted, true)?;
        cx.done_with(message);
        if let Some(message) = msg.take() {
            cx.send(0, message);
        }
        Ok(())
    }
}

impl SortArray {
    /// The array in order; nothing where the target is no array.
    fn sorted(&self, msg: &Object, cx: &Cx<'_>) -> Result<Option<Value>, NodeError> {
        let Some(Value::Array(items)) = self.target.get(msg, msg)? else { return Ok(None) };
        let keys = match &self.key {
            None => items.iter().cloned().map(Some).collect(),
            Some(key) => items
                .iter()
                .map(|item| key.eval_with(item, &[], cx).map_err(|error| invalid(&error)))
                .collect::<Result<_, _>>()?,
        };
        let order = self.by.order(keys);
        Ok(Some(Value::array(order.into_iter().map(|at| items[at].clone()).collect())))
    }
}

enum Key {
    Property(Path),
    Expression(Expression),
}

/// Waits for the messages of a sequence, and sends them in order.
struct SortSequence {
    key: Key,
    by: By,
    groups: Groups<Sequence>,
    pending: usize,
}

#[derive(Default)]
struct Sequence {
    count: Option<Value>,
    held: Vec<Held>,
}

impl Transform for SortSequence {
    fn handle(&mut self, msg: &mut Option<Message>, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        let Some(message) = msg.as_ref() else { return Ok(()) };
        let parts =
            parts(&message.value).filter(|parts| parts.contains_key("id") && parts.contains_key("index"));
        let Some(parts) = parts.cloned() else { return Ok(()) };
        let held = cx.hold(msg)?;
        let (number, sequence) = self.groups.entry(&group_id(parts.get("id")), Sequence::default);
        sequence.held.push(held);
        if let Some(count) = parts.get("count") {
            sequence.count = Some(count.clone());
        }
        self.pending += 1;
        if sequence.count.as_ref().and_then(Value::as_f64) == Some(sequence.held.len() as f64) {
            if let Some(sequence) = self.groups.remove(number) {
                self.pending -= sequence.held.len();
                self.send(sequence.held, cx);
            }
            return Ok(());
        }
        let most = cx.settings().node_message_buffer_max_length;
        if most > 0 && self.pending > most {
            // More wait than may: the oldest sequence goes.
            if let Some(oldest) = self.groups.remove_first() {
                self.pending -= oldest.held.len();
                fail_last(oldest.held, NodeError::rejected("Too many pending messages in sort node"), cx);
            }
        }
        Ok(())
    }
}

/// The last message tells of the error; the others are done.
fn fail_last(mut held: Vec<Held>, error: NodeError, cx: &mut Cx<'_>) {
    if let Some(last) = held.pop() {
        cx.fail(last, error);
    }
    for held in held {
        cx.done(held);
    }
}

impl SortSequence {
    fn send(&self, held: Vec<Held>, cx: &mut Cx<'_>) {
        // As in Node-RED a property is asked for when two messages are compared.
        let alone = held.len() == 1 && matches!(self.key, Key::Property(_));
        let keys: Result<Vec<_>, _> = held.iter().map(|held| self.key(&held.message().value, cx)).collect();
        let order = match keys {
            Ok(keys) => self.by.order(keys),
            Err(_) if alone => vec![0],
            Err(error) => return fail_last(held, error, cx),
        };
        let mut held: Vec<Option<Held>> = held.into_iter().map(Some).collect();
        for (index, at) in order.into_iter().enumerate() {
            let Some(mut held) = held[at].take() else { continue };
            parts_mut(&mut held.message_mut().value).insert("index", index);
            cx.release(0, held);
        }
    }

    fn key(&self, msg: &Object, cx: &Cx<'_>) -> Result<Option<Value>, NodeError> {
        match &self.key {
            Key::Property(path) => path.get(msg, msg),
            Key::Expression(key) => key.eval(msg, cx).map_err(|error| invalid(&error)),
        }
    }
}

#[cfg(test)]
#[path = "sort_tests.rs"]
mod tests;

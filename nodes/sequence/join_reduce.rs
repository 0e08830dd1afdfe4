//! Join's reduce mode: one value from a sequence of messages, computed with JSONata.

use std::cmp::Ordering;

use serde::Deserialize;
use serde_json::Value as Json;

use crate::cx::{Cx, Held};
use crate::error::NodeError;
use crate::jsonata::Expression;
use crate::message::Message;
use crate::node::{NodeConfig, Transform};
use crate::path::Path;
use crate::read;
use crate::sequence::parts::{Groups, group_id, parts};
use crate::sequence::sort_order::{Comparable, order};
use crate::typed::Typed;
use crate::value::{Object, Value};

#[derive(Deserialize, Default)]
#[serde(default)]
struct Config {
    #[serde(rename = "reduceExp", deserialize_with = "read::text")]
    expression: String,
    #[serde(rename = "reduceInit")]
    initial: Json,
    #[serde(rename = "reduceInitType", deserialize_with = "read::text")]
    initial_type: String,
    #[serde(rename = "reduceFixup", deserialize_with = "read::text")]
    fixup: String,
    #[serde(rename = "reduceRight", deserialize_with = "read::boolean")]
    right: bool,
}

pub struct Reduce {
    /// Of no use here, but a message in which it cannot be reached is refused, as in the other modes.
    path: Path,
    expression: Expression,
    /// None: `$A` is undefined for the first message.
    initial: Option<Typed>,
    fixup: Option<Expression>,
    right: bool,
    groups: Groups<Group>,
    pending: usize,
}

#[derive(Default)]
struct Group {
    /// How many messages make it; told by the first message that has a count.
    count: Option<Value>,
    held: Vec<Held>,
}

impl Reduce {
    pub fn build(config: &NodeConfig, path: Path) -> Result<Reduce, NodeError> {
        let Config { expression, initial, initial_type, fixup, right } = config.read()?;
        let parse = |text: &str, pointer: &str| {
            Expression::parse(text).map_err(|error| {
                NodeError::config(pointer, format!("Invalid JSONata expression: {}", error.message()))
            })
        };
        Ok(Reduce {
            path,
            expression: parse(&expression, "/reduceExp")?,
            initial: match initial {
                Json::Null => None,
                initial => Some(Typed::parse(&initial, &initial_type, "/reduceInit")?),
            },
            fixup: if fixup.is_empty() { None } else { Some(parse(&fixup, "/reduceFixup")?) },
            right,
            groups: Groups::default(),
            pending: 0,
        })
    }
}

impl Transform for Reduce {
    fn handle(&mut self, msg: &mut Option<Message>, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        let Some(message) = msg.as_ref() else { return Ok(()) };
        if self.path.get(&message.value, &message.value).is_err() {
            cx.warn(format!("Message property {} not found", self.path.text()));
            return Ok(());
        }
        if !message.value.contains_key("parts") {
            if let Some(message) = msg.take() {
                cx.send(0, message);
            }
            return Ok(());
        }
        let parts = parts(&message.value).cloned().unwrap_or_default();
        let held = cx.hold(msg)?;
        let (number, group) = self.groups.entry(&group_id(parts.get("id")), Group::default);
        if group.count.is_none() {
            group.count = parts.get("count").cloned();
        }
        group.held.push(held);
        self.pending += 1;
        let complete = group.count.as_ref().and_then(Value::as_f64) == Some(group.held.len() as f64);
        if let Some(group) = complete.then(|| self.groups.remove(number)).flatten() {
            self.pending -= group.held.len();
            self.reduce(group, cx);
        }
        let most = cx.settings().node_message_buffer_max_length;
        if most > 0 && self.pending > most {
            self.give_up(number, cx);
        }
        Ok(())
    }
}

impl Reduce {
    fn reduce(&self, mut group: Group, cx: &mut Cx<'_>) {
        let order = self.order(&group.held);
        match (self.compute(&group, &order, cx), order.last()) {
            (Ok(result), Some(last)) => {
                let msg = &mut group.held[*last].message_mut().value;
                match result {
                    Some(result) => msg.insert("payload", result),
                    None => {
                        msg.remove("payload");
                    }
                }
                let msg = msg.clone();
                cx.release_as(0, msg, group.held);
            }
            (Err(error), _) => {
                // The message that came last tells of it.
                let last = group.held.pop();
                for held in group.held {
                    cx.done(held);
                }
                if let Some(last) = last {
                    cx.fail(last, error);
                }
            }
            (Ok(_), None) => {}
        }
    }

    fn order(&self, held: &[Held]) -> Vec<usize> {
        let index = |held: &Held| parts(&held.message().value).and_then(|parts| parts.get("index")).cloned();
        let indexes: Vec<Comparable> = held.iter().map(|held| Comparable::new(index(held))).collect();
        order(held.len(), |a, b| {
            let order = indexes[a].relation(&indexes[b]).unwrap_or(Ordering::Equal);
            if self.right { order.reverse() } else { order }
        })
    }

    fn compute(&self, group: &Group, order: &[usize], cx: &Cx<'_>) -> Result<Option<Value>, NodeError> {
        let mut sum = match &self.initial {
            Some(initial) => initial.eval(&Object::new(), cx).map_err(|error| {
                NodeError::rejected(format!("Invalid JSONata expression: {}", error.message()))
            })?,
            None => None,
        };
        let count = group.count.clone().unwrap_or_default();
        for at in order {
            let msg = &group.held[*at].message().value;
            let index = parts(msg).and_then(|parts| parts.get("index")).cloned();
            let bindings: Vec<(&str, Value)> = [("I", index), ("N", Some(count.clone())), ("A", sum)]
                .into_iter()
                .filter_map(|(name, value)| Some((name, value?)))
                .collect();
            sum = self.expression.eval_with(&Value::Object(msg.clone()), &bindings, cx)?;
        }
        let Some(fixup) = &self.fixup else { return Ok(sum) };
        let bindings: Vec<(&str, Value)> = [("N", Some(count)), ("A", sum)]
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect();
        fixup.eval_with(&Value::Object(Object::new()), &bindings, cx)
    }

    /// More wait than may: all of them go, and the one that was too many tells of it.
    fn give_up(&mut self, number: u64, cx: &mut Cx<'_>) {
        let last = self.groups.get_mut(number).and_then(|group| group.held.pop());
        for (_, group) in self.groups.take_all() {
            for held in group.held {
                cx.done(held);
            }
        }
        self.pending = 0;
        if let Some(last) = last {
            cx.fail(last, NodeError::rejected("too many pending messages in join node"));
        }
    }
}

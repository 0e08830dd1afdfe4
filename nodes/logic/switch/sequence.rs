//! Messages of a sequence that wait until it is complete, because a rule counts from its end or the parts that leave
//! are to be numbered anew.

use std::collections::HashMap;

use super::{Decider, Rule, parts};
use crate::cx::{Cx, Held};
use crate::error::NodeError;
use crate::message::Message;
use crate::value::{Object, Str, Value};

pub struct Sequences {
    /// Each output gets a sequence of its own.
    repair: bool,
    wait: bool,
    open: HashMap<Str, Sequence>,
    held: usize,
}

#[derive(Default)]
struct Sequence {
    /// How many messages it has, once one has said so.
    count: Option<Value>,
    held: Vec<Held>,
}

impl Sequences {
    pub fn new(repair: bool, rules: &[Rule]) -> Sequences {
        let wait = repair || rules.iter().any(Rule::is_tail);
        Sequences { repair, wait, open: HashMap::new(), held: 0 }
    }

    /// Whether messages of a sequence wait for the rest of it.
    pub fn wait(&self) -> bool {
        self.wait
    }

    /// Holds a message of a sequence, and decides on all of them when it was the last.
    pub fn gather(
        &mut self,
        msg: &mut Option<Message>,
        decider: &mut Decider,
        cx: &mut Cx<'_>,
    ) -> Result<(), NodeError> {
        let Some(parts) = msg.as_ref().and_then(|message| parts(&message.value)) else { return Ok(()) };
        let id = parts.get("id").map(Value::to_text).unwrap_or_default();
        let count = parts.get("count").cloned();
        let held = cx.hold(msg)?;

        self.held += 1;
        let limit = cx.settings().node_message_buffer_max_length;
        if limit > 0 && self.held > limit {
            self.give_up(held, cx);
            return Ok(());
        }
        let sequence = self.open.entry(id.clone()).or_default();
        sequence.held.push(held);
        sequence.count = count.or(sequence.count.take());
        let complete = match &sequence.count {
            Some(count @ (Value::Int(_) | Value::Float(_))) => {
                count.as_i64() == i64::try_from(sequence.held.len()).ok()
            }
            _ => false,
        };
        if complete && let Some(sequence) = self.open.remove(&id) {
            self.held -= sequence.held.len();
            self.finish(sequence, decider, cx);
        }
        Ok(())
    }

    /// The limit is passed: nothing of any sequence goes on. The error carries the last message; of the others their
    /// sources hear that they were not delivered.
    fn give_up(&mut self, last: Held, cx: &mut Cx<'_>) {
        let lost = self.held - 1;
        self.held = 0;
        self.open.clear();
        cx.info(format!("{lost} messages of unfinished sequences were dropped"));
        cx.fail(last, NodeError::rejected("too many pending messages in switch node"));
    }

    fn finish(&self, sequence: Sequence, decider: &mut Decider, cx: &mut Cx<'_>) {
        let mut decided = Vec::with_capacity(sequence.held.len());
        for mut held in sequence.held {
            if let (Some(parts), Some(count)) = (parts_mut(&mut held.message_mut().value), &sequence.count) {
                parts.insert("count", count.clone());
            }
            match decider.decide(&held.message().value, cx) {
                Err(error) => cx.fail(held, error),
                Ok(()) if decider.matched.is_empty() => cx.done(held),
                Ok(()) if self.repair => decided.push((held, decider.matched.clone())),
                Ok(()) => cx.release_to(decider.matched.iter().copied(), held),
            }
        }
        // From here on only where sequences are repaired: what is numbered is what leaves by each output.
        let outputs = decider.rules.len();
        let mut counts = vec![0usize; outputs];
        for port in decided.iter().flat_map(|(_, ports)| ports) {
            counts[*port] += 1;
        }
        let ids: Vec<Str> = (0..outputs).map(|_| cx.new_id()).collect();
        let mut next = vec![0usize; outputs];
        for (held, ports) in decided {
            let copies: Vec<(usize, Object)> = ports
                .into_iter()
                .map(|port| {
                    let mut copy = held.message().value.clone();
                    if let Some(parts) = parts_mut(&mut copy) {
                        parts.insert("id", ids[port].clone());
                        parts.insert("index", next[port]);
                        parts.insert("count", counts[port]);
                    }
                    next[port] += 1;
                    (port, copy)
                })
                .collect();
            cx.release_each(held, copies);
        }
    }
}

fn parts_mut(msg: &mut Object) -> Option<&mut Object> {
    msg.get_mut("parts")?.as_object_mut()
}

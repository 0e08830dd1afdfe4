//! Batch's concat mode: puts one sequence of each topic together, in the order of the topics.

use crate::cx::{Cx, Held};
use crate::error::NodeError;
use crate::message::Message;
use crate::node::Transform;
use crate::sequence::batch::{exceeds, is_reset, send_copies, sequence_id, too_many};
use crate::sequence::parts::{Groups, group_id, parts};
use crate::value::{Object, Value};

pub struct Concat {
    topics: Vec<Value>,
    /// The sequences of each topic that has come, the oldest first.
    pending: Vec<(Value, Groups<Sequence>)>,
    count: usize,
}

struct Sequence {
    /// What the first message of it says.
    count: Option<Value>,
    held: Vec<Held>,
}

impl Concat {
    pub fn new(topics: Vec<Value>) -> Concat {
        Concat { topics, pending: Vec::new(), count: 0 }
    }
}

impl Transform for Concat {
    fn handle(&mut self, msg: &mut Option<Message>, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        if is_reset(msg) {
            for held in self.take_all() {
                cx.done(held);
            }
            return Ok(());
        }
        let Some(value) = msg.as_ref().map(|msg| msg.value.clone()) else { return Ok(()) };
        let Some(topic) = value.get("topic").filter(|topic| self.topics.contains(topic)) else {
            // As in Node-RED: a message of no topic of ours ends here, and the node says nothing.
            cx.not_done();
            return Ok(());
        };
        let parts =
            parts(&value).filter(|parts| ["id", "index", "count"].iter().all(|key| parts.contains_key(key)));
        let parts = parts.ok_or_else(|| NodeError::rejected("no parts property in message"))?;
        let held = cx.hold(msg)?;
        let place = self.pending.iter().position(|(known, _)| known == topic).unwrap_or_else(|| {
            self.pending.push((topic.clone(), Groups::default()));
            self.pending.len() - 1
        });
        let begin = || Sequence { count: parts.get("count").cloned(), held: Vec::new() };
        self.pending[place].1.entry(&group_id(parts.get("id")), begin).1.held.push(held);
        self.count += 1;
        let too_many = exceeds(self.count, cx);
        if too_many {
            self.tell_too_many(&value, cx);
        }
        if self.is_complete() {
            self.send(cx);
        }
        if too_many {
            // They were told of already.
            self.take_all().for_each(|held| drop(held.into_message()));
        }
        Ok(())
    }
}

impl Concat {
    /// The sequence of a topic that is next.
    fn next(&self, topic: &Value) -> Option<(u64, &Sequence)> {
        self.pending.iter().find(|(known, _)| known == topic).and_then(|(_, groups)| groups.first())
    }

    fn is_complete(&self) -> bool {
        self.topics.iter().all(|topic| {
            self.next(topic).is_some_and(|(_, sequence)| {
                sequence.count.as_ref().and_then(Value::as_f64) == Some(sequence.held.len() as f64)
            })
        })
    }

    fn send(&mut self, cx: &mut Cx<'_>) {
        let all: Vec<&Held> = self
            .topics
            .iter()
            .filter_map(|topic| self.next(topic))
            .flat_map(|(_, sequence)| &sequence.held)
            .collect();
        let id = sequence_id(all.first().copied(), cx);
        send_copies(&id, all.into_iter(), cx);
        // A topic that is named twice gave the same sequence twice, which ends once.
        let mut distinct: Vec<&Value> = Vec::new();
        for topic in &self.topics {
            if distinct.contains(&topic) {
                continue;
            }
            distinct.push(topic);
            let groups = self.pending.iter_mut().find(|(known, _)| known == topic).map(|(_, groups)| groups);
            let Some(sequence) = groups.and_then(Groups::remove_first) else { continue };
            self.count -= sequence.held.len();
            for held in sequence.held {
                cx.done(held);
            }
        }
    }

    /// As Node-RED does: every message that waits fails, but those whose `msg.id` is another one, which are done.
    fn tell_too_many(&self, current: &Object, cx: &mut Cx<'_>) {
        let waiting =
            self.pending.iter().flat_map(|(_, groups)| groups.iter()).flat_map(|sequence| &sequence.held);
        for message in waiting.map(Held::message) {
            if message.get("id") == current.get("id") {
                cx.error(too_many(), Some(message.clone()));
            } else {
                cx.complete(message);
            }
        }
    }

    fn take_all(&mut self) -> impl Iterator<Item = Held> + use<> {
        self.count = 0;
        let pending = std::mem::take(&mut self.pending);
        pending
            .into_iter()
            .flat_map(|(_, mut groups)| groups.take_all())
            .flat_map(|(_, sequence)| sequence.held)
    }
}

//! The latest message of every topic waits its turn: one topic at a time, or all of them together.

use std::collections::{HashMap, VecDeque};

use super::pace::{Pace, REPORT};
use crate::cx::{Cx, Held};
use crate::error::NodeError;
use crate::host::{Status, TimerId};
use crate::message::Message;
use crate::node::Transform;
use crate::time::{flush_count, properties};
use crate::value::{Str, Value};

const NO_TOPIC: &str = "_none_";

pub struct Queue {
    /// Whether all go at once.
    all: bool,
    second: bool,
    pace: Pace,
    held: VecDeque<Held>,
    /// The number of the first that is held; the others follow.
    first: u64,
    topics: HashMap<Topic, u64>,
}

/// A topic, as far as two can be the same.
#[derive(PartialEq, Eq, Hash)]
enum Topic {
    Text(Str),
    Number(u64),
    Bool(bool),
    Null,
}

impl Topic {
    fn of(message: &Message) -> Option<Topic> {
        match message.get("topic")? {
            Value::Str(text) => Some(Topic::Text(text.clone())),
            Value::Bool(b) => Some(Topic::Bool(*b)),
            Value::Null => Some(Topic::Null),
            // Adding 0 makes one zero of two.
            number @ (Value::Int(_) | Value::Float(_)) => {
                number.as_f64().map(|n| Topic::Number((n + 0.0).to_bits()))
            }
            _ => None,
        }
    }
}

impl Queue {
    pub fn new(all: bool, ms: f64, by_message: bool, second: bool) -> Queue {
        let (held, topics) = (VecDeque::new(), HashMap::new());
        Queue { all, second, pace: Pace::new(ms, by_message), held, first: 0, topics }
    }

    fn pop(&mut self) -> Option<Held> {
        let held = self.held.pop_front()?;
        if let Some(topic) = Topic::of(held.message())
            && self.topics.get(&topic) == Some(&self.first)
        {
            self.topics.remove(&topic);
        }
        self.first += 1;
        Some(held)
    }

    /// Puts a message in the place of an older one of its topic, else behind the others. Returns its number.
    fn put(&mut self, held: Held, cx: &mut Cx<'_>) -> u64 {
        let topic = Topic::of(held.message());
        let known = topic.as_ref().and_then(|topic| self.topics.get(topic)).copied();
        if let Some(number) = known
            && let Some(place) = self.held.get_mut((number - self.first) as usize)
        {
            let old = std::mem::replace(place, held);
            if self.second {
                cx.release(1, old);
            } else {
                cx.done(old);
            }
            return number;
        }
        let number = self.first + self.held.len() as u64;
        if let Some(topic) = topic {
            self.topics.insert(topic, number);
        }
        self.held.push_back(held);
        self.pace.report(cx);
        number
    }

    /// Sends the first messages on without the properties that were meant for this node.
    fn flush(&mut self, flush: &Value, cx: &mut Cx<'_>) {
        let mut left = flush_count(flush, self.held.len());
        while left >= 1.0
            && let Some(mut held) = self.pop()
        {
            let message = held.message_mut();
            message.value.remove("flush");
            message.value.remove("reset");
            // A message with nothing but a topic only asked for this.
            if properties(&message.value) > 1 {
                cx.release(0, held);
            } else {
                drop(held.into_message());
            }
            left -= 1.0;
        }
        cx.status(Status::clear());
    }
}

impl Transform for Queue {
    fn start(&mut self, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        self.pace.set_timer(cx);
        Ok(())
    }

    fn handle(&mut self, msg: &mut Option<Message>, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        let Some(message) = msg else { return Ok(()) };
        if self.pace.take_rate(&message.value) {
            self.pace.set_timer(cx);
        }
        if message.get("topic").is_none() {
            message.set("topic", NO_TOPIC);
        }
        let mut came = message.clone();
        // Complete nodes are told below, and more than once, as Node-RED does.
        cx.not_done();
        let mut number = None;
        let mut full = None;
        match cx.hold(msg) {
            Ok(held) => number = Some(self.put(held, cx)),
            // A node that is full can still be emptied.
            Err(error) => full = Some(error),
        }
        if let Some(flush) = came.get("flush").cloned() {
            self.flush(&flush, cx);
            if number.is_some_and(|number| number < self.first) {
                came.value.remove("flush");
                came.value.remove("reset");
            }
            cx.complete(&came);
        }
        if came.get("reset").is_some() {
            while let Some(held) = self.pop() {
                cx.done(held);
            }
            self.pace.reset_rate();
            cx.status(Status::text("reset"));
            cx.complete(&came);
        }
        full.map_or(Ok(()), Err)
    }

    fn timer(&mut self, id: TimerId, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        if id == REPORT {
            self.pace.reported(self.held.len(), cx);
            return Ok(());
        }
        while let Some(held) = self.pop() {
            cx.release(0, held);
            if !self.all {
                break;
            }
        }
        self.pace.report(cx);
        self.pace.again(cx);
        Ok(())
    }

    fn close(&mut self, cx: &mut Cx<'_>) {
        cx.status(Status::clear());
    }
}

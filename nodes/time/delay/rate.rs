//! The rate of all messages is limited: what comes too fast waits in a queue, or is left out.

use std::collections::VecDeque;
use std::time::Duration;

use super::pace::{Pace, REPORT};
use super::show;
use crate::cx::{Cx, Held};
use crate::error::NodeError;
use crate::host::{Status, TimerId};
use crate::message::Message;
use crate::node::Transform;
use crate::time::{flush_count, properties, wait};
use crate::value::Value;

/// Queues.
pub struct Rate {
    pace: Pace,
    /// Whether a message was sent within the last interval: then the next one waits.
    running: bool,
    held: VecDeque<Held>,
}

impl Rate {
    pub fn new(ms: f64, by_message: bool) -> Rate {
        Rate { pace: Pace::new(ms, by_message), running: false, held: VecDeque::new() }
    }

    fn run(&mut self, cx: &mut Cx<'_>) {
        self.running = true;
        self.pace.set_timer(cx);
    }

    /// Sends a message on without the properties that were meant for this node; not one that had no others.
    fn let_go(&self, mut held: Held, without: &[&str], cx: &mut Cx<'_>) {
        if !without.iter().any(|key| held.message().value.contains_key(key)) {
            return cx.release(0, held);
        }
        let before = held.message().clone();
        for key in without {
            held.message_mut().value.remove(key);
        }
        if properties(&held.message().value) > 0 {
            cx.complete(&before);
            cx.send_held(0, held);
        } else {
            forget(held);
        }
    }

    fn discard(&mut self) {
        self.held.drain(..).for_each(forget);
    }

    /// Behind the others, or in front where the message asks for it.
    fn queue(&mut self, msg: &mut Option<Message>, cx: &mut Cx<'_>) {
        let Some(message) = msg else { return };
        let max = cx.settings().node_message_buffer_max_length;
        if max > 0 && self.held.len() >= max {
            self.discard();
            message.value.remove("flush");
            cx.error(NodeError::rejected("too many pending messages in delay node"), msg.take());
            return;
        }
        let to_front = message.get("toFront") == Some(&Value::Bool(true));
        match cx.hold(msg) {
            Ok(held) if to_front => self.held.push_front(held),
            Ok(held) => self.held.push_back(held),
            Err(error) => return cx.error(error, msg.take()),
        }
        self.pace.report(cx);
    }
}

/// Done with a message that was told to go: nobody is told.
fn forget(held: Held) {
    drop(held.into_message());
}

impl Transform for Rate {
    fn handle(&mut self, msg: &mut Option<Message>, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        let Some(message) = msg else { return Ok(()) };
        let came = message.clone();
        let flush = came.get("flush").cloned();
        let reset = came.get("reset").is_some();
        // Complete nodes are told below, and more than once, as Node-RED does.
        cx.not_done();
        if properties(&came.value) > usize::from(flush.is_some()) {
            let other_rate = self.pace.take_rate(&came.value);
            if self.running {
                if other_rate {
                    self.pace.set_timer(cx);
                }
                self.queue(msg, cx);
            } else {
                match (reset, &flush) {
                    (true, Some(_)) => self.queue(msg, cx),
                    (true, None) => {}
                    (false, _) => {
                        message.value.remove("flush");
                        if let Some(message) = msg.take() {
                            cx.send(0, message);
                        }
                    }
                }
                self.pace.report(cx);
                self.run(cx);
                cx.complete(&came);
            }
        }
        if let Some(flush) = &flush {
            let mut left = flush_count(flush, self.held.len());
            if left == 0.0 {
                self.running = false;
                cx.cancel_timer(super::pace::ROUND);
            } else {
                while left >= 1.0
                    && let Some(held) = self.held.pop_front()
                {
                    self.let_go(held, &["flush", "reset"], cx);
                    left -= 1.0;
                }
                self.run(cx);
            }
            show("dot", self.held.len(), cx);
            cx.complete(&came);
        }
        if reset {
            if flush.is_none() {
                self.running = false;
                cx.cancel_timer(super::pace::ROUND);
            }
            self.discard();
            self.pace.reset_rate();
            show("ring", 0, cx);
            cx.complete(&came);
        }
        Ok(())
    }

    fn timer(&mut self, id: TimerId, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        if id == REPORT {
            self.pace.reported(self.held.len(), cx);
            return Ok(());
        }
        match self.held.pop_front() {
            Some(held) => self.let_go(held, &["flush"], cx),
            None => self.running = false,
        }
        // In this order, so that the badge comes before the next round where both are due.
        self.pace.report(cx);
        if self.running {
            self.pace.again(cx);
        }
        Ok(())
    }

    fn close(&mut self, cx: &mut Cx<'_>) {
        cx.status(Status::clear());
    }
}

/// Leaves out what comes too fast, or sends it to the second output.
pub struct Thin {
    pace: Pace,
    second: bool,
    last: Option<Duration>,
}

impl Thin {
    pub fn new(ms: f64, by_message: bool, second: bool) -> Thin {
        Thin { pace: Pace::new(ms, by_message), second, last: None }
    }
}

impl Transform for Thin {
    fn handle(&mut self, msg: &mut Option<Message>, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        let Some(message) = msg else { return Ok(()) };
        if message.get("reset").is_some() {
            if message.get("flush").is_none() {
                self.last = None;
            }
            self.pace.reset_rate();
            show("ring", 0, cx);
            return Ok(());
        }
        self.pace.take_rate(&message.value);
        let now = cx.elapsed();
        let is_free = self.last.is_none_or(|last| now.saturating_sub(last) > wait(self.pace.rate()));
        if is_free {
            self.last = Some(now);
        }
        if (is_free || self.second)
            && let Some(message) = msg.take()
        {
            cx.send(usize::from(!is_free), message);
        }
        Ok(())
    }

    fn close(&mut self, cx: &mut Cx<'_>) {
        cx.status(Status::clear());
    }
}

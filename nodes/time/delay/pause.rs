//! Each message is held for a time of its own: fixed, its own `msg.delay`, or random.

use std::collections::BTreeMap;

use super::show;
use crate::cx::{Cx, Held};
use crate::error::NodeError;
use crate::host::{Status, TimerId};
use crate::message::Message;
use crate::node::Transform;
use crate::time::{flush_count, number_in, properties, wait};
use crate::value::Object;

pub struct Pause {
    how: How,
    /// Whether the badge counts: not for short times.
    counts: bool,
    /// In the order in which they came, by the number of their timer.
    held: BTreeMap<TimerId, Held>,
    count: TimerId,
}

enum How {
    Fixed(f64),
    ByMessage(f64),
    Random { first: f64, span: f64 },
}

impl Pause {
    pub fn fixed(ms: f64) -> Pause {
        Pause::new(How::Fixed(ms), ms > 1000.0)
    }

    pub fn by_message(ms: f64) -> Pause {
        Pause::new(How::ByMessage(ms), true)
    }

    /// `timeout_ms` says whether the badge counts, though it has nothing to do with the wait: as in Node-RED.
    pub fn random(first: f64, last: f64, timeout_ms: f64) -> Pause {
        Pause::new(How::Random { first, span: last - first }, timeout_ms >= 1000.0)
    }

    fn new(how: How, counts: bool) -> Pause {
        Pause { how, counts, held: BTreeMap::new(), count: 0 }
    }

    fn ms(&self, msg: &Object, cx: &mut Cx<'_>) -> f64 {
        match self.how {
            How::Fixed(ms) => ms,
            How::ByMessage(ms) => number_in(msg, "delay").unwrap_or(ms),
            How::Random { first, span } => first + span * cx.random_unit(),
        }
    }

    fn hold(&mut self, msg: &mut Option<Message>, ms: f64, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        let held = cx.hold(msg)?;
        self.count += 1;
        self.held.insert(self.count, held);
        cx.set_timer(self.count, wait(ms));
        Ok(())
    }

    fn let_go(&mut self, held: Held, cx: &mut Cx<'_>) {
        match self.how {
            How::Fixed(_) => self.show_count(cx),
            How::ByMessage(_) if self.held.is_empty() => cx.status(Status::clear()),
            _ => {}
        }
        cx.release(0, held);
        if !matches!(self.how, How::Fixed(_)) {
            self.show_count(cx);
        }
    }

    fn show_count(&self, cx: &mut Cx<'_>) {
        if self.counts {
            show("dot", self.held.len(), cx);
        }
    }

    fn reset(&mut self, cx: &mut Cx<'_>) {
        for (timer, held) in std::mem::take(&mut self.held) {
            cx.cancel_timer(timer);
            cx.done(held);
        }
    }
}

impl Transform for Pause {
    fn handle(&mut self, msg: &mut Option<Message>, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        let Some(message) = msg else { return Ok(()) };
        let message = message.clone();
        let flush = message.get("flush").cloned();
        let is_fixed = matches!(self.how, How::Fixed(_));
        // Who asks is told with `complete`, and more than once, as Node-RED does.
        cx.not_done();
        if message.get("reset").is_some() {
            self.reset(cx);
            cx.complete(&message);
            show("ring", 0, cx);
        } else if flush.is_some() && properties(&message.value) == 1 {
            cx.complete(&message);
        } else {
            let ms = self.ms(&message.value, cx);
            self.hold(msg, ms, cx)?;
        }
        match flush {
            // A reset with a fixed time looks at nothing else.
            Some(_) if is_fixed && message.get("reset").is_some() => {}
            Some(flush) => {
                let mut left = flush_count(&flush, self.held.len());
                while left >= 1.0
                    && let Some((timer, held)) = self.held.pop_first()
                {
                    cx.cancel_timer(timer);
                    self.let_go(held, cx);
                    left -= 1.0;
                }
                show("dot", self.held.len(), cx);
                cx.complete(&message);
                if !is_fixed {
                    self.show_count(cx);
                }
            }
            None if is_fixed && message.get("reset").is_some() => {}
            None => self.show_count(cx),
        }
        Ok(())
    }

    fn timer(&mut self, id: TimerId, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        if let Some(held) = self.held.remove(&id) {
            self.let_go(held, cx);
        }
        Ok(())
    }

    fn close(&mut self, cx: &mut Cx<'_>) {
        cx.status(Status::clear());
    }
}

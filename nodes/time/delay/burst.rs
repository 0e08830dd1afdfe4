//! So many messages go on at once; more only when the time of the first is over.

use std::collections::VecDeque;
use std::time::Duration;

use crate::cx::Cx;
use crate::error::NodeError;
use crate::host::{Status, TimerId};
use crate::message::Message;
use crate::node::Transform;
use crate::time::wait;

const OVER: TimerId = 0;

pub struct Burst {
    size: f64,
    period: Duration,
    second: bool,
    /// When the places of the messages that were sent come free, the next first.
    taken: VecDeque<Duration>,
}

impl Burst {
    pub fn new(size: f64, period_ms: f64, second: bool) -> Burst {
        Burst { size, period: wait(period_ms), second, taken: VecDeque::new() }
    }
}

fn show_free(cx: &mut Cx<'_>) {
    cx.status(Status::new("green", "ring", ""));
}

impl Transform for Burst {
    fn start(&mut self, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        show_free(cx);
        Ok(())
    }

    fn handle(&mut self, msg: &mut Option<Message>, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        let Some(message) = msg else { return Ok(()) };
        if message.get("reset").is_some() {
            self.taken.clear();
            cx.cancel_timer(OVER);
            show_free(cx);
            return Ok(());
        }
        let is_free = (self.taken.len() as f64) < self.size;
        if is_free {
            if self.taken.is_empty() {
                cx.set_timer(OVER, self.period);
            }
            self.taken.push_back(cx.elapsed() + self.period);
        }
        if (is_free || self.second)
            && let Some(message) = msg.take()
        {
            cx.send(usize::from(!is_free), message);
        }
        if !is_free {
            cx.status(Status::new("red", "dot", ""));
        }
        Ok(())
    }

    fn timer(&mut self, _id: TimerId, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        let now = cx.elapsed();
        while self.taken.front().is_some_and(|over| *over <= now) {
            if self.taken.len() as f64 == self.size {
                show_free(cx);
            }
            self.taken.pop_front();
        }
        if let Some(over) = self.taken.front() {
            cx.set_timer(OVER, *over - now);
        }
        Ok(())
    }

    fn close(&mut self, cx: &mut Cx<'_>) {
        cx.status(Status::clear());
    }
}

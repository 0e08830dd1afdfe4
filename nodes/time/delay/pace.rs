//! What the modes with a rate share: a timer that comes round, and the badge that follows half a second behind.

use std::time::Duration;

use super::show;
use crate::cx::Cx;
use crate::host::TimerId;
use crate::time::{number_in, wait};
use crate::value::Object;

pub const ROUND: TimerId = 0;
pub const REPORT: TimerId = 1;

pub struct Pace {
    /// Milliseconds between messages.
    rate: f64,
    configured: f64,
    /// Whether `msg.rate` may change it.
    by_message: bool,
    /// How long the timer runs that comes round now; a new rate counts from when it is set again.
    interval: Duration,
    reporting: bool,
}

impl Pace {
    pub fn new(rate: f64, by_message: bool) -> Pace {
        Pace { rate, configured: rate, by_message, interval: wait(rate), reporting: false }
    }

    pub fn rate(&self) -> f64 {
        self.rate
    }

    pub fn set_timer(&mut self, cx: &mut Cx<'_>) {
        self.interval = wait(self.rate);
        cx.set_timer(ROUND, self.interval);
    }

    pub fn again(&self, cx: &mut Cx<'_>) {
        cx.set_timer(ROUND, self.interval);
    }

    /// Takes the rate that a message brings; whether it is another one.
    pub fn take_rate(&mut self, msg: &Object) -> bool {
        match number_in(msg, "rate") {
            Some(rate) if self.by_message && rate != self.rate => {
                self.rate = rate;
                true
            }
            _ => false,
        }
    }

    pub fn reset_rate(&mut self) {
        self.rate = self.configured;
    }

    /// Asks for the badge to be set; not more often than every half second.
    pub fn report(&mut self, cx: &mut Cx<'_>) {
        if !self.reporting {
            self.reporting = true;
            cx.set_timer(REPORT, Duration::from_millis(500));
        }
    }

    pub fn reported(&mut self, held: usize, cx: &mut Cx<'_>) {
        self.reporting = false;
        show("dot", held, cx);
    }
}

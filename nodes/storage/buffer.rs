//! buffer: the outbox as a node of its own. What comes in is on the disk before its source is done with it, and goes out
//! in order; each message stays until all that was made from it downstream is delivered.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::time::{Instant, sleep_until};

use super::logs_of;
use crate::connector::{Connector, ConnectorHost, Delivery, Incoming};
use crate::descriptor::{Category, Descriptor, Field, Outputs, Role};
use crate::error::NodeError;
use crate::host::Status;
use crate::message::Outcome;
use crate::node::{Built, NodeConfig, NodeType};
use crate::outbox;
use crate::read;
use crate::value::Value;

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "buffer",
    category: Category::Storage,
    summary: "Keeps messages on the disk until what comes behind it has dealt with them.",
    help: include_str!("buffer.md"),
    examples: include_str!("buffer.examples.json"),
    inputs: 1,
    outputs: Outputs::Fixed(1),
    role: Role::Connector,
    fields: &[
        Field::choice(
            "open",
            &[
                ("always", "always"),
                ("open", "until msg.buffer is hold"),
                ("held", "when msg.buffer is release"),
            ],
            "Open",
            "When messages go out. By msg.buffer: hold, release, or release one; such a message goes no further.",
        )
        .default("\"always\""),
        Field::integer(
            "window",
            "Window",
            "So many messages are in memory: on their way behind this node, or next to go. The others wait on the disk.",
        )
        .default("100")
        .range(1.0, MAX_WINDOW),
        outbox::ALWAYS,
    ],
};

const MAX_WINDOW: f64 = 10_000.0;
/// Before a message that was lost downstream goes out again; doubled each time.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// While it is held with a full window it asks so often whether an alarm says release.
const ASK_AGAIN: Duration = Duration::from_millis(250);
/// The badge changes no more often.
const SHOW_EVERY: Duration = Duration::from_millis(500);

#[derive(Deserialize)]
struct Config {
    #[serde(default, deserialize_with = "read::text")]
    open: String,
    #[serde(default, deserialize_with = "read::maybe_number")]
    window: Option<f64>,
}

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    make(config.read()?).map(Built::connector)
}

fn make(config: Config) -> Result<Buffer, NodeError> {
    let (by_message, held) = match config.open.as_str() {
        "" | "always" => (false, false),
        "open" => (true, false),
        "held" => (true, true),
        other => {
            let text = format!("unknown choice \"{other}\": use always, open or held");
            return Err(NodeError::config("/open", text));
        }
    };
    let window = read::within("/window", config.window.unwrap_or(100.0), 1.0, MAX_WINDOW)?;
    Ok(Buffer {
        by_message,
        window: window as usize,
        gate: if held { Gate::Held(0) } else { Gate::Open },
        next: VecDeque::new(),
        out: VecDeque::new(),
        again_at: None,
        full: false,
        count: 0,
        host: None,
        shown: None,
    })
}

/// Whether messages may go out.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Gate {
    Open,
    /// But so many.
    Held(usize),
}

struct Buffer {
    by_message: bool,
    window: usize,
    gate: Gate,
    /// Not out yet, in order.
    next: VecDeque<Kept>,
    /// Out, and not settled, in the order in which they went out.
    out: VecDeque<Out>,
    /// When what was lost downstream, in front of `next`, goes out again; nothing goes out before it.
    again_at: Option<Instant>,
    /// Something was left before this node.
    full: bool,
    /// Numbers messages as they come, and as they go out.
    count: u64,
    host: Option<Arc<dyn ConnectorHost>>,
    shown: Option<(Badge, Instant)>,
}

struct Kept {
    /// By when it came.
    order: u64,
    /// How often it was lost downstream.
    lost: u32,
    delivery: Delivery,
}

struct Out {
    number: u64,
    kept: Kept,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Badge {
    waiting: usize,
    gate: Gate,
    full: bool,
}

impl Connector for Buffer {
    async fn open(&mut self, host: Arc<dyn ConnectorHost>) -> Result<(), NodeError> {
        // In memory only it would keep nothing, and say that it does.
        logs_of(&*host)?;
        self.host = Some(host);
        self.shown = None;
        Ok(())
    }

    async fn next(&mut self) -> Result<Vec<Incoming>, NodeError> {
        loop {
            let now = Instant::now();
            let going = self.going(now);
            let hide_until = self.show(now);
            if !going.is_empty() {
                return Ok(going);
            }
            // What is left before this node is offered again when this returns.
            let room = self.full && self.has_room();
            if room {
                self.full = false;
                return Ok(Vec::new());
            }
            let ask_at = (self.full && self.by_message && self.gate != Gate::Open).then(|| now + ASK_AGAIN);
            let until = self.again_at.into_iter().chain(hide_until).chain(ask_at).min();
            match until {
                Some(until) => sleep_until(until).await,
                // `handle` and `acknowledge` change something, and this is asked again then.
                None => std::future::pending().await,
            }
            if ask_at.is_some_and(|at| at <= Instant::now()) {
                self.full = false;
                return Ok(Vec::new());
            }
        }
    }

    async fn handle(&mut self, batch: &mut Vec<Delivery>) -> Result<(), NodeError> {
        let mut left = Vec::new();
        for delivery in batch.drain(..) {
            // A word is taken also where there is no room: it may be what makes some.
            if self.by_message && delivery.message().value.contains_key("buffer") {
                self.word(delivery);
            } else if left.is_empty() && self.has_room() {
                let order = self.number();
                self.next.push_back(Kept { order, lost: 0, delivery });
            } else {
                left.push(delivery);
            }
        }
        self.full = !left.is_empty();
        *batch = left;
        Ok(())
    }

    async fn acknowledge(&mut self, outcomes: &[(u64, Outcome)]) -> Result<(), NodeError> {
        for &(number, outcome) in outcomes {
            let Some(at) = self.out.iter().position(|out| out.number == number) else { continue };
            let Some(Out { kept, .. }) = self.out.remove(at) else { continue };
            match outcome {
                Outcome::Done => kept.delivery.confirm(),
                Outcome::Undelivered => self.again(kept),
            }
        }
        Ok(())
    }

    fn take_unconfirmed(&mut self) -> Vec<Delivery> {
        let out = self.out.drain(..).map(|out| out.kept);
        let mut all: Vec<Kept> = out.chain(self.next.drain(..)).collect();
        all.sort_by_key(|kept| kept.order);
        self.again_at = None;
        all.into_iter().map(|kept| kept.delivery).collect()
    }
}

impl Buffer {
    fn has_room(&self) -> bool {
        self.next.len() + self.out.len() < self.window
    }

    fn number(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    /// What may go out now.
    fn going(&mut self, now: Instant) -> Vec<Incoming> {
        if self.again_at.is_some_and(|at| at > now) {
            return Vec::new();
        }
        self.again_at = None;
        let may = match &mut self.gate {
            Gate::Open => self.next.len(),
            Gate::Held(but) => {
                let may = self.next.len().min(*but);
                *but -= may;
                may
            }
        };
        let going: Vec<Kept> = self.next.drain(..may).collect();
        let out = |kept: Kept| {
            let number = self.number();
            let message = kept.delivery.message();
            let (value, event_ms) = (message.value.clone(), message.meta.event_ms);
            let origin = kept.delivery.origin();
            self.out.push_back(Out { number, kept });
            Incoming { port: 0, value, event_ms, acknowledge: Some(number), origin, answered: false }
        };
        going.into_iter().map(out).collect()
    }

    /// One that was lost downstream goes out again after a while, before all that came later and is not out.
    fn again(&mut self, kept: Kept) {
        let wait = AGAIN_AFTER.saturating_mul(1 << kept.lost.min(8)).min(LONGEST_WAIT);
        let kept = Kept { lost: kept.lost + 1, ..kept };
        let at = self.next.partition_point(|known| known.order < kept.order);
        self.next.insert(at, kept);
        self.again_at.get_or_insert_with(|| Instant::now() + wait);
        // It was let through once.
        if let Gate::Held(but) = &mut self.gate {
            *but += 1;
        }
    }

    fn word(&mut self, delivery: Delivery) {
        let word = delivery.message().get("buffer").and_then(Value::as_str).unwrap_or_default();
        self.gate = match (word, self.gate) {
            ("hold", _) => Gate::Held(0),
            ("release", _) | ("release one", Gate::Open) => Gate::Open,
            ("release one", Gate::Held(but)) => Gate::Held(but + 1),
            _ => {
                let text = "msg.buffer is no word for this node: use hold, release or release one";
                return delivery.fail(NodeError::rejected(text));
            }
        };
        delivery.confirm();
    }

    /// Shows how many wait, now and then. Gives when it has something new to show.
    fn show(&mut self, now: Instant) -> Option<Instant> {
        let badge = Badge {
            waiting: self.next.len() + self.out.len(),
            gate: if self.gate == Gate::Open { Gate::Open } else { Gate::Held(0) },
            full: self.full,
        };
        if let Some((shown, at)) = &self.shown {
            if *shown == badge {
                return None;
            }
            if now < *at + SHOW_EVERY {
                return Some(*at + SHOW_EVERY);
            }
        }
        self.shown = Some((badge, now));
        let host = self.host.as_ref()?;
        let more = if badge.full { "more than " } else { "" };
        host.status(match badge.gate {
            Gate::Open if badge.waiting == 0 => Status::new("green", "ring", "empty"),
            Gate::Open => Status::new("green", "dot", format!("{more}{} wait", badge.waiting)),
            Gate::Held(_) => Status::new("yellow", "ring", format!("held: {more}{} wait", badge.waiting)),
        });
        None
    }
}

#[cfg(test)]
#[path = "buffer_tests.rs"]
mod tests;

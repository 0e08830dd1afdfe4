//! The queue of one client. Statuses and troubles overwrite one another, of messages so many are shown a second, and the
//! oldest goes where a client does not keep up. All that is left out is counted.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tidegate_nodes::cx::weight;
use tidegate_nodes::host::{DebugRecord, Level, Status};
use tidegate_nodes::value::{Object, Str};
use tokio::sync::Notify;

use super::wants::{Kinds, Wants};
use crate::engine::{Event, NodeRef};

/// What waits at the most.
const MOST_SHOWN: usize = 1_000;
const MOST_BYTES: usize = 4 * 1024 * 1024;
/// Nodes that something is told of at once: a flow has no more.
const MOST_NODES: usize = 100_000;

/// How many messages a client is shown a second.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    /// Of one node.
    pub each: u32,
    pub all: u32,
}

pub struct Feed {
    rate: Rate,
    queue: Mutex<Queue>,
    arrived: Notify,
}

#[derive(Default)]
struct Queue {
    wants: Wants,
    news: Inbox,
    bytes: usize,
    second: Option<Instant>,
    in_second: HashMap<(Str, Option<(u16, Str)>), u32>,
    all_in_second: u32,
}

/// What a client has not seen yet.
#[derive(Default)]
pub struct Inbox {
    pub statuses: HashMap<Str, Status>,
    pub troubles: HashMap<Str, Trouble>,
    pub shown: VecDeque<Shown>,
    /// Messages that were not shown, by their node.
    pub skipped: HashMap<Str, u64>,
}

impl Inbox {
    pub fn is_empty(&self) -> bool {
        self.statuses.is_empty()
            && self.troubles.is_empty()
            && self.shown.is_empty()
            && self.skipped.is_empty()
    }
}

#[derive(Debug, Clone)]
pub struct Trouble {
    pub node: Arc<NodeRef>,
    pub kind: &'static str,
    /// It may say what a message was.
    pub text: String,
    pub count: u64,
}

/// One message, or line, of a node.
#[derive(Debug)]
pub struct Shown {
    pub node: Arc<NodeRef>,
    pub what: What,
    bytes: usize,
}

#[derive(Debug)]
pub enum What {
    Debug(DebugRecord),
    /// A warning or an error, for the debug panel.
    Line(Level, String),
    /// A message at its input, or out of a node that has none.
    Message {
        came_in: bool,
        value: Object,
    },
    /// A message on a wire of the node.
    OnWire {
        port: u16,
        to: Str,
        value: Object,
    },
}

impl Feed {
    pub fn new(rate: Rate) -> Feed {
        Feed { rate, queue: Mutex::default(), arrived: Notify::new() }
    }

    pub fn want(&self, wants: Wants) {
        self.lock().wants = wants;
    }

    pub fn kinds(&self) -> Kinds {
        self.lock().wants.kinds()
    }

    /// Called by whoever runs nodes: it never waits, and does little.
    pub fn take(&self, node: &NodeRef, event: &Event) {
        let mut queue = self.lock();
        if let Event::Passed { port, to, value } = event {
            let took = queue.on_wire(self.rate, node, *port, to, value);
            drop(queue);
            if took {
                self.arrived.notify_one();
            }
            return;
        }
        let took = match event {
            // Badges are of what is looked at; what debug nodes show and what goes wrong is told of all flows.
            Event::Status(status) if queue.wants.statuses && queue.wants.of.has_node(node) => {
                queue.status(&node.id, status.clone())
            }
            Event::Debug(record) if queue.wants.debug && record.to_sidebar => {
                let bytes = record.value.as_ref().map_or(0, |value| value.weight());
                queue.show(self.rate, node, bytes, || What::Debug(record.clone()))
            }
            Event::Log(level @ (Level::Warn | Level::Error), text) if queue.wants.debug => {
                queue.show(self.rate, node, text.len(), || What::Line(*level, text.clone()))
            }
            Event::Error { error, caught: false } => {
                let text = error.to_string();
                let (debug, troubles) = (queue.wants.debug, queue.wants.troubles);
                let shown = debug
                    && queue.show(self.rate, node, text.len(), || What::Line(Level::Error, text.clone()));
                (troubles && queue.trouble(node, "error", text, 1)) || shown
            }
            Event::Panicked { text, again_in } if queue.wants.troubles => {
                let kind = if again_in.is_some() { "panicked" } else { "stopped" };
                queue.trouble(node, kind, text.clone(), 1)
            }
            Event::Lost { count, reason } if queue.wants.troubles => {
                queue.trouble(node, "lost", (*reason).to_string(), *count)
            }
            Event::Received(value) | Event::Sent(value) if queue.wants.taps.contains(&node.id) => {
                let came_in = matches!(event, Event::Received(_));
                let bytes = weight(value) as usize;
                queue.show(self.rate, node, bytes, || What::Message { came_in, value: value.clone() })
            }
            _ => false,
        };
        drop(queue);
        if took {
            self.arrived.notify_one();
        }
    }

    /// Waits until there is something.
    pub async fn arrived(&self) {
        loop {
            let arrived = self.arrived.notified();
            if !self.lock().news.is_empty() {
                return;
            }
            arrived.await;
        }
    }

    pub fn drain(&self) -> Inbox {
        let mut queue = self.lock();
        queue.bytes = 0;
        std::mem::take(&mut queue.news)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn status(&mut self, node: &Str, status: Status) -> bool {
        if self.news.statuses.len() >= MOST_NODES && !self.news.statuses.contains_key(node) {
            return false;
        }
        self.news.statuses.insert(node.clone(), status);
        true
    }

    fn trouble(&mut self, node: &NodeRef, kind: &'static str, text: String, count: u64) -> bool {
        if let Some(known) = self.news.troubles.get_mut(&node.id) {
            (known.kind, known.text, known.count) = (kind, text, known.count + count);
        } else if self.news.troubles.len() < MOST_NODES {
            let trouble = Trouble { node: Arc::new(node.clone()), kind, text, count };
            self.news.troubles.insert(node.id.clone(), trouble);
        }
        true
    }

    fn on_wire(&mut self, rate: Rate, node: &NodeRef, port: u16, to: &Str, value: &Object) -> bool {
        if !self.wants.wires.contains(&(node.id.clone(), port, to.clone())) {
            return false;
        }
        let may = self.may_show(rate, (node.id.clone(), Some((port, to.clone()))));
        let what = || What::OnWire { port, to: to.clone(), value: value.clone() };
        self.show_if(may, node, weight(value) as usize, what)
    }

    fn show(&mut self, rate: Rate, node: &NodeRef, bytes: usize, what: impl FnOnce() -> What) -> bool {
        let may = self.may_show(rate, (node.id.clone(), None));
        self.show_if(may, node, bytes, what)
    }

    fn show_if(&mut self, may: bool, node: &NodeRef, bytes: usize, what: impl FnOnce() -> What) -> bool {
        if !may || bytes > MOST_BYTES {
            return self.skip(&node.id);
        }
        self.bytes += bytes;
        self.news.shown.push_back(Shown { node: Arc::new(node.clone()), what: what(), bytes });
        while self.news.shown.len() > MOST_SHOWN || self.bytes > MOST_BYTES {
            let Some(oldest) = self.news.shown.pop_front() else { break };
            self.bytes = self.bytes.saturating_sub(oldest.bytes);
            self.skip(&oldest.node.id);
        }
        true
    }

    fn skip(&mut self, node: &Str) -> bool {
        if self.news.skipped.len() < MOST_NODES || self.news.skipped.contains_key(node) {
            *self.news.skipped.entry(node.clone()).or_default() += 1;
        }
        true
    }

    fn may_show(&mut self, rate: Rate, of: (Str, Option<(u16, Str)>)) -> bool {
        let now = Instant::now();
        if self.second.is_none_or(|since| now.duration_since(since) >= Duration::from_secs(1)) {
            self.second = Some(now);
            self.in_second.clear();
            self.all_in_second = 0;
        }
        if self.all_in_second >= rate.all {
            return false;
        }
        let of_this = self.in_second.entry(of).or_default();
        if *of_this >= rate.each {
            return false;
        }
        *of_this += 1;
        self.all_in_second += 1;
        true
    }
}

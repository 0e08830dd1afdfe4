//! A node in its place: what runs, its wires, who listens to it, and what the engine keeps for it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use tidegate_nodes::host::{Holding, Place, State};
use tidegate_nodes::message::Unconfirmed;
use tidegate_nodes::node::{Listen, Transform};
use tidegate_nodes::value::{Str, Value};

use super::admission::Pool;
use super::inbox::LaneHandle;
use super::lane::Envelope;
use super::observer::NodeRef;
use super::port::Port;
use super::timings::Timings;
use crate::flow::PlanNode;

pub struct Slot {
    pub node: Running,
    pub around: Around,
}

pub enum Running {
    Transform(Box<dyn Transform>),
    /// Its host loop runs as a task of its own.
    Connector(Arc<Port>),
    /// A connector in a flow test: what comes in is confirmed, and answered where the test says so.
    Stub(VecDeque<super::Reply>),
    /// What comes in is shown as the status of the subflow instance around it.
    SubflowStatus,
    /// It panicked and starts again soon; what comes in waits.
    Resting(VecDeque<Envelope>),
    Stopped(String),
}

/// Everything about a node but the node itself, so that both can be borrowed at once.
pub struct Around {
    pub index: u32,
    pub id: NodeRef,
    pub plan: Arc<PlanNode>,
    pub facts: Facts,
    /// By port, then in the order of the document.
    pub wires: Vec<Vec<Wire>>,
    pub listeners: Listeners,
    pub counters: Arc<Counters>,
    /// What this node may have on its way that it made or released itself.
    pub pool: Arc<Pool>,
    /// Released messages that wait for a credit.
    pub waiting: VecDeque<(u16, Unconfirmed, Place)>,
    /// Whether `resume` is owed to it.
    pub resume: bool,
    pub holding: Holding,
    pub state: Keyed,
    /// When it panicked lately.
    pub panics: Vec<Duration>,
    /// What `save` gave last, and when.
    pub saved: Option<Value>,
    pub saved_at: Option<Duration>,
    /// Whether the store knows whose state it is.
    pub type_noted: bool,
    pub touched: bool,
    /// Whether it is watched from the start.
    pub watched: bool,
    /// Owners of its `node` and `flow` contexts, and of `$parent`'s.
    pub contexts: ContextOwners,
}

impl Around {
    /// Whether somebody wants to see what reaches it. The counters are written at each message, so they are at hand.
    pub fn is_watched(&self) -> bool {
        self.watched || self.counters.taps.load(Ordering::Relaxed) > 0
    }
}

/// What the node said about itself when it was built.
#[derive(Default)]
pub struct Facts {
    pub listen: Option<Listen>,
    pub links: Vec<String>,
    pub callable: bool,
    pub tells_empty_name: bool,
}

#[derive(Clone)]
pub struct ContextOwners {
    pub node: Str,
    /// The subflow instance or tab first, then what is around it.
    pub flows: Vec<Str>,
}

pub struct Wire {
    pub target: Target,
    /// The node at its end.
    pub to: Str,
    pub counters: Arc<WireCounters>,
}

#[derive(Clone)]
pub enum Target {
    Here(u32),
    There { lane: Arc<LaneHandle>, node: Str },
}

/// Who hears of this node's events, worked out when the flow is built.
#[derive(Default, Clone)]
pub struct Listeners {
    /// The Catch nodes that take its errors; the errors of all nodes in a subflow that no Catch in it takes come here too.
    pub catch: Vec<u32>,
    pub status: Vec<u32>,
    pub complete: Vec<u32>,
    /// Nodes whose status this one's is as well: the subflow instances around it.
    pub status_shows_on: Option<u32>,
}

/// A counter that one thread adds to and others read.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// A plain load and store: only the lane's thread writes, so no bus lock is needed.
    pub fn add(&self, n: u64) {
        self.0.store(self.0.load(Ordering::Relaxed) + n, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Debug, Default)]
pub struct Counters {
    pub received: Count,
    pub sent: Count,
    pub errors: Count,
    /// How many look at the node's messages just now.
    pub taps: AtomicU32,
    pub timings: Timings,
}

#[derive(Debug, Default)]
pub struct WireCounters {
    pub passed: Count,
    /// How many look at its messages just now: beside the counter that is written at each of them.
    pub taps: AtomicU32,
}

/// Keyed state, in memory, and what of it is to be written.
#[derive(Debug, Default)]
pub struct Keyed {
    values: HashMap<Str, Value>,
    changed: Vec<Str>,
}

impl Keyed {
    pub fn of(values: HashMap<Str, Value>) -> Keyed {
        Keyed { values, changed: Vec::new() }
    }

    pub fn is_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    /// What changed since the last call: only that is written.
    pub fn take_changes(&mut self) -> Vec<(Str, Option<Value>)> {
        let changed = std::mem::take(&mut self.changed);
        changed.into_iter().map(|key| (key.clone(), self.values.get(&key).cloned())).collect()
    }

    fn note(&mut self, key: &str) {
        // One that is written often within a message is written once.
        if self.changed.last().is_none_or(|last| last != key) {
            self.changed.push(Str::new(key));
        }
    }
}

impl State for Keyed {
    fn get(&self, key: &str) -> Option<Value> {
        self.values.get(key).cloned()
    }

    fn put(&mut self, key: &str, value: Value) {
        self.values.insert(Str::new(key), value);
        self.note(key);
    }

    fn delete(&mut self, key: &str) {
        if self.values.remove(key).is_some() {
            self.note(key);
        }
    }
}

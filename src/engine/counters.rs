//! Counters of nodes and wires, kept over deploys. Lanes write them, the editor and metrics read them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tidegate_nodes::value::Str;

use super::slot::{Counters, WireCounters};
use super::timings::Timing;

#[derive(Default)]
pub struct CounterTable {
    /// Another one when other counters may be here. It changes under the lock of what changes.
    version: AtomicU64,
    nodes: Mutex<BTreeMap<Str, Arc<Counters>>>,
    wires: Mutex<BTreeMap<(Str, u16, Str), Arc<WireCounters>>>,
    pub(super) watched: Arc<Watched>,
}

/// What somebody watches that costs something. Without anybody it is one look.
#[derive(Debug, Default)]
pub struct Watched {
    timings: AtomicU32,
    waits: AtomicU32,
}

impl Watched {
    pub fn has_timings(&self) -> bool {
        self.timings.load(Ordering::Relaxed) > 0
    }

    pub fn has_waits(&self) -> bool {
        self.waits.load(Ordering::Relaxed) > 0
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeCount {
    pub node: Str,
    pub received: u64,
    pub sent: u64,
    pub errors: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WireCount {
    pub from: Str,
    pub port: u16,
    pub to: Str,
    pub passed: u64,
}

/// Handles to all counters there are. The place of a node in it is the one that `Timing` tells of, in the same version.
pub struct Handles {
    pub version: u64,
    pub nodes: Vec<NodeCounter>,
    pub wires: Vec<WireCounter>,
}

/// What nodes took for their messages since the last look.
#[derive(Debug, Default)]
pub struct TimingLook {
    pub version: u64,
    /// By the place of the node among the handles.
    pub timings: Vec<(usize, Timing)>,
}

/// A handle to the counters of a node.
pub struct NodeCounter {
    pub node: Str,
    counters: Arc<Counters>,
}

impl NodeCounter {
    /// Received, sent, errors.
    pub fn counts(&self) -> [u64; 3] {
        let Counters { received, sent, errors, .. } = &*self.counters;
        [received.get(), sent.get(), errors.get()]
    }
}

/// A handle to the counter of a wire.
pub struct WireCounter {
    /// From a node's port to a node.
    pub wire: (Str, u16, Str),
    counters: Arc<WireCounters>,
}

impl WireCounter {
    pub fn passed(&self) -> u64 {
        self.counters.passed.get()
    }
}

impl CounterTable {
    /// While it is the same, so are the handles.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    pub fn handles(&self) -> Handles {
        // A version has one list of nodes: nothing comes in between.
        let (nodes, wires) = (lock(&self.nodes), lock(&self.wires));
        let node = |(node, counters): (&Str, &Arc<Counters>)| NodeCounter {
            node: node.clone(),
            counters: counters.clone(),
        };
        let wire = |(wire, counters): (&(Str, u16, Str), &Arc<WireCounters>)| WireCounter {
            wire: wire.clone(),
            counters: counters.clone(),
        };
        Handles {
            version: self.version(),
            nodes: nodes.iter().map(node).collect(),
            wires: wires.iter().map(wire).collect(),
        }
    }

    pub fn nodes(&self) -> Vec<NodeCount> {
        let nodes = lock(&self.nodes);
        let count = |(node, c): (&Str, &Arc<Counters>)| NodeCount {
            node: node.clone(),
            received: c.received.get(),
            sent: c.sent.get(),
            errors: c.errors.get(),
        };
        nodes.iter().map(count).collect()
    }

    pub fn wires(&self) -> Vec<WireCount> {
        let wires = lock(&self.wires);
        let count = |((from, port, to), counters): (&(Str, u16, Str), &Arc<WireCounters>)| WireCount {
            from: from.clone(),
            port: *port,
            to: to.clone(),
            passed: counters.passed.get(),
        };
        wires.iter().map(count).collect()
    }

    /// Has the messages of a node told to the observer, until what is given is dropped. `None`: no such node runs.
    pub fn tap(&self, node: &str) -> Option<Tap> {
        let counters = lock(&self.nodes).get(node)?.clone();
        counters.taps.fetch_add(1, Ordering::Relaxed);
        Some(Tap(Tapped::Node(counters)))
    }

    /// The same for the messages on one wire.
    pub fn tap_wire(&self, from: &str, port: u16, to: &str) -> Option<Tap> {
        let wires = lock(&self.wires);
        let counters = wires.get(&(Str::new(from), port, Str::new(to)))?.clone();
        counters.taps.fetch_add(1, Ordering::Relaxed);
        Some(Tap(Tapped::Wire(counters)))
    }

    /// Has calls of nodes timed, until what is given is dropped.
    pub fn watch_timings(&self) -> Watching {
        self.watched.timings.fetch_add(1, Ordering::Relaxed);
        Watching { watched: self.watched.clone(), of: |watched| &watched.timings }
    }

    /// Has the waits of sources timed, until what is given is dropped.
    pub fn watch_waits(&self) -> Watching {
        self.watched.waits.fetch_add(1, Ordering::Relaxed);
        Watching { watched: self.watched.clone(), of: |watched| &watched.waits }
    }

    /// What nodes took for a message since the last look: each sample is given once.
    pub fn take_timings(&self) -> TimingLook {
        let nodes = lock(&self.nodes);
        let taken = nodes.values().enumerate();
        let taken = taken.filter_map(|(place, counters)| Some((place, counters.timings.take()?)));
        TimingLook { version: self.version(), timings: taken.collect() }
    }

    pub(super) fn node(&self, id: &Str) -> Arc<Counters> {
        let mut nodes = lock(&self.nodes);
        let known = nodes.entry(id.clone());
        self.changed_by(&known);
        known.or_default().clone()
    }

    pub(super) fn wire(&self, from: &Str, port: u16, to: &Str) -> Arc<WireCounters> {
        let mut wires = lock(&self.wires);
        let known = wires.entry((from.clone(), port, to.clone()));
        self.changed_by(&known);
        known.or_default().clone()
    }

    /// Forgets what no longer runs.
    pub(super) fn retain(&self, runs: impl Fn(&str) -> bool) {
        let (mut nodes, mut wires) = (lock(&self.nodes), lock(&self.wires));
        nodes.retain(|node, _| runs(node));
        wires.retain(|(from, _, to), _| runs(from) && runs(to));
        self.version.fetch_add(1, Ordering::Release);
    }

    fn changed_by<Key: Ord, Value>(&self, entry: &Entry<'_, Key, Value>) {
        if matches!(entry, Entry::Vacant(_)) {
            self.version.fetch_add(1, Ordering::Release);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Somebody looks at the messages of a node, or on a wire.
pub struct Tap(Tapped);

enum Tapped {
    Node(Arc<Counters>),
    Wire(Arc<WireCounters>),
}

impl Drop for Tap {
    fn drop(&mut self) {
        let taps = match &self.0 {
            Tapped::Node(counters) => &counters.taps,
            Tapped::Wire(counters) => &counters.taps,
        };
        taps.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Somebody watches what costs something.
pub struct Watching {
    watched: Arc<Watched>,
    of: fn(&Watched) -> &AtomicU32,
}

impl Drop for Watching {
    fn drop(&mut self) {
        (self.of)(&self.watched).fetch_sub(1, Ordering::Relaxed);
    }
}

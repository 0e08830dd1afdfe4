//! Counters of nodes and wires, kept over deploys. Lanes write them, the editor and metrics read them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use tidegate_nodes::value::Str;

use super::slot::{Counters, WireCounters};
use super::timings::Timing;

#[derive(Default)]
pub struct CounterTable {
    /// Another one when other counters may be here.
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

    pub fn node_counters(&self) -> Vec<NodeCounter> {
        let nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        let handle = |(node, counters): (&Str, &Arc<Counters>)| NodeCounter {
            node: node.clone(),
            counters: counters.clone(),
        };
        nodes.iter().map(handle).collect()
    }

    pub fn wire_counters(&self) -> Vec<WireCounter> {
        let wires = self.wires.lock().unwrap_or_else(PoisonError::into_inner);
        let handle = |(wire, counters): (&(Str, u16, Str), &Arc<WireCounters>)| WireCounter {
            wire: wire.clone(),
            counters: counters.clone(),
        };
        wires.iter().map(handle).collect()
    }

    pub fn nodes(&self) -> Vec<NodeCount> {
        let nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        let count = |(node, c): (&Str, &Arc<Counters>)| NodeCount {
            node: node.clone(),
            received: c.received.get(),
            sent: c.sent.get(),
            errors: c.errors.get(),
        };
        nodes.iter().map(count).collect()
    }

    pub fn wires(&self) -> Vec<WireCount> {
        let wires = self.wires.lock().unwrap_or_else(PoisonError::into_inner);
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
        let counters = self.nodes.lock().unwrap_or_else(PoisonError::into_inner).get(node)?.clone();
        counters.taps.fetch_add(1, Ordering::Relaxed);
        Some(Tap(Tapped::Node(counters)))
    }

    /// The same for the messages on one wire.
    pub fn tap_wire(&self, from: &str, port: u16, to: &str) -> Option<Tap> {
        let wires = self.wires.lock().unwrap_or_else(PoisonError::into_inner);
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
    pub fn take_timings(&self) -> Vec<Timing> {
        let nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        nodes.iter().filter_map(|(node, counters)| counters.timings.take(node)).collect()
    }

    pub(super) fn node(&self, id: &Str) -> Arc<Counters> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner).entry(id.clone()).or_default().clone()
    }

    pub(super) fn wire(&self, from: &Str, port: u16, to: &Str) -> Arc<WireCounters> {
        let mut wires = self.wires.lock().unwrap_or_else(PoisonError::into_inner);
        wires.entry((from.clone(), port, to.clone())).or_default().clone()
    }

    /// Forgets what no longer runs.
    pub(super) fn retain(&self, runs: impl Fn(&str) -> bool) {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner).retain(|node, _| runs(node));
        let mut wires = self.wires.lock().unwrap_or_else(PoisonError::into_inner);
        wires.retain(|(from, _, to), _| runs(from) && runs(to));
        self.version.fetch_add(1, Ordering::Release);
    }
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

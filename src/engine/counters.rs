//! Counters of nodes and wires, kept over deploys. Lanes write them, the editor and metrics read them.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use tidegate_nodes::value::Str;

use super::slot::{Count, Counters};

#[derive(Default)]
pub struct CounterTable {
    nodes: Mutex<BTreeMap<Str, Arc<Counters>>>,
    wires: Mutex<BTreeMap<(Str, u16, Str), Arc<Count>>>,
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

impl CounterTable {
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
        let count = |((from, port, to), passed): (&(Str, u16, Str), &Arc<Count>)| WireCount {
            from: from.clone(),
            port: *port,
            to: to.clone(),
            passed: passed.get(),
        };
        wires.iter().map(count).collect()
    }

    /// Has the messages of a node told to the observer, until what is given is dropped. `None`: no such node runs.
    pub fn tap(&self, node: &str) -> Option<Tap> {
        let counters = self.nodes.lock().unwrap_or_else(PoisonError::into_inner).get(node)?.clone();
        counters.taps.fetch_add(1, Ordering::Relaxed);
        Some(Tap(counters))
    }

    pub(super) fn node(&self, id: &Str) -> Arc<Counters> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner).entry(id.clone()).or_default().clone()
    }

    pub(super) fn wire(&self, from: &Str, port: u16, to: &Str) -> Arc<Count> {
        let mut wires = self.wires.lock().unwrap_or_else(PoisonError::into_inner);
        wires.entry((from.clone(), port, to.clone())).or_default().clone()
    }

    /// Forgets what no longer runs.
    pub(super) fn retain(&self, runs: impl Fn(&str) -> bool) {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner).retain(|node, _| runs(node));
        let mut wires = self.wires.lock().unwrap_or_else(PoisonError::into_inner);
        wires.retain(|(from, _, to), _| runs(from) && runs(to));
    }
}

/// Somebody looks at the messages of a node.
pub struct Tap(Arc<Counters>);

impl Drop for Tap {
    fn drop(&mut self) {
        self.0.taps.fetch_sub(1, Ordering::Relaxed);
    }
}

//! Counters as a client is told them: how much they have grown, and only those that have. A look goes over a list of handles,
//! which is made anew only when other nodes run: an open editor must cost next to nothing.

use std::collections::HashMap;
use std::time::Instant;

use tidegate_nodes::value::Str;

use super::messages::{ByNode, Told, WireDelta};
use super::wants::{Selection, Wire};
use crate::engine::{CounterTable, NodeCounter, Timing, WireCounter};
use crate::flow::Document;

pub struct Meter {
    /// Of the table whose handles these are.
    version: Option<u64>,
    nodes: Vec<(NodeCounter, [u64; 3])>,
    wires: Vec<(WireCounter, u64)>,
    looked: Instant,
}

/// The tab of each node that is on one.
#[derive(Default)]
pub struct Places(HashMap<String, String>);

impl Places {
    pub fn of(document: &Document) -> Places {
        let placed = document.nodes.iter().filter_map(|node| Some((node.id.clone(), node.z.clone()?)));
        Places(placed.collect())
    }

    pub fn flow(&self, node: &str) -> &str {
        self.0.get(node).map_or("", String::as_str)
    }
}

impl Meter {
    /// What was counted before is not told.
    pub fn new(counters: &CounterTable, of: &Selection, places: &Places) -> Meter {
        let mut meter = Meter { version: None, nodes: Vec::new(), wires: Vec::new(), looked: Instant::now() };
        meter.take_handles(counters, of, places, true);
        meter
    }

    /// Other nodes may run now, or stand elsewhere.
    pub fn deployed(&mut self) {
        self.version = None;
    }

    pub fn look(
        &mut self,
        counters: &CounterTable,
        timings: &[Timing],
        of: &Selection,
        places: &Places,
    ) -> Told {
        let span_ms = u64::try_from(self.looked.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.looked = Instant::now();
        if self.version != Some(counters.version()) {
            self.take_handles(counters, of, places, false);
        }
        let mut nodes = Vec::new();
        for (counter, before) in &mut self.nodes {
            let now = counter.counts();
            if now != *before {
                // One that began anew counts from 0.
                let grown = std::array::from_fn(|n| now[n].checked_sub(before[n]).unwrap_or(now[n]));
                *before = now;
                nodes.push((counter.node.clone(), grown));
            }
        }
        let mut wires = Vec::new();
        for (counter, before) in &mut self.wires {
            let now = counter.passed();
            if now != *before {
                let passed = now.checked_sub(*before).unwrap_or(now);
                *before = now;
                let (from, port, to) = counter.wire.clone();
                wires.push(WireDelta { from, port, to, passed });
            }
        }
        let timings = timings.iter().filter(|timing| of.has(places.flow(&timing.node), &timing.node));
        let timings = timings
            .map(|timing| (timing.node.clone(), [timing.p50_us, timing.p95_us, f64::from(timing.samples)]));
        Told::Metrics { span_ms, nodes: ByNode(nodes), wires, timings: ByNode(timings.collect()) }
    }

    /// `is_first`: what has been counted by now is not told.
    fn take_handles(&mut self, counters: &CounterTable, of: &Selection, places: &Places, is_first: bool) {
        // Before the handles: what is changed meanwhile is seen at the next look.
        self.version = Some(counters.version());
        let wanted = |node: &Str| of.has(places.flow(node), node);
        let known: HashMap<Str, [u64; 3]> =
            self.nodes.drain(..).map(|(counter, before)| (counter.node, before)).collect();
        let nodes = counters.node_counters().into_iter().filter(|counter| wanted(&counter.node));
        let with_before = |counter: NodeCounter| {
            let new = || if is_first { counter.counts() } else { [0; 3] };
            let before = known.get(&counter.node).copied().unwrap_or_else(new);
            (counter, before)
        };
        self.nodes = nodes.map(with_before).collect();
        let known: HashMap<Wire, u64> =
            self.wires.drain(..).map(|(counter, before)| (counter.wire, before)).collect();
        let wires = counters.wire_counters().into_iter().filter(|counter| wanted(&counter.wire.0));
        let with_before = |counter: WireCounter| {
            let new = || if is_first { counter.passed() } else { 0 };
            let before = known.get(&counter.wire).copied().unwrap_or_else(new);
            (counter, before)
        };
        self.wires = wires.map(with_before).collect();
    }
}

//! Counters as a client is told them: how much they have grown, and only those that have. Names are told once, and numbers
//! from then on. A look goes over a list of handles, which is made anew only when other nodes run or others are watched: an
//! open editor must cost next to nothing.

use std::collections::HashMap;
use std::time::Instant;

use tidegate_nodes::value::Str;

use super::messages::{Legend, Told};
use super::wants::{Selection, Wire};
use crate::engine::{CounterTable, Handles, NodeCounter, TimingLook, WireCounter};
use crate::flow::Document;

pub struct Meter {
    /// Of the table whose handles these are.
    version: Option<u64>,
    /// The number of a node is its place in here.
    nodes: Vec<(NodeCounter, [u64; 3])>,
    wires: Vec<(WireCounter, u64)>,
    /// The number of each node in the table, where it is watched.
    numbers: Vec<Option<u32>>,
    /// What the client knows or is told next.
    legend: Legend,
    is_told: bool,
    looked: Instant,
    /// Other nodes are watched since the last look: what they have counted before is not told.
    is_moved: bool,
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

/// What a look has found.
pub struct Look {
    /// Where it is another one than before.
    pub legend: Option<Told>,
    pub metrics: Told,
}

impl Meter {
    /// What was counted before is not told.
    pub fn new(counters: &CounterTable, of: &Selection, places: &Places) -> Meter {
        let mut meter = Meter {
            version: None,
            nodes: Vec::new(),
            wires: Vec::new(),
            numbers: Vec::new(),
            legend: Legend::default(),
            is_told: true,
            looked: Instant::now(),
            is_moved: true,
        };
        meter.take_handles(counters.handles(), of, places);
        meter
    }

    /// Other nodes may run now, or stand elsewhere.
    pub fn deployed(&mut self) {
        self.version = None;
    }

    /// Others are watched from now on.
    pub fn moved(&mut self) {
        (self.version, self.is_moved) = (None, true);
    }

    pub fn look(
        &mut self,
        counters: &CounterTable,
        timings: &TimingLook,
        of: &Selection,
        places: &Places,
    ) -> Look {
        let span_ms = u64::try_from(self.looked.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.looked = Instant::now();
        if self.version != Some(counters.version()) {
            self.take_handles(counters.handles(), of, places);
        }
        let mut nodes = Vec::new();
        for (number, (counter, before)) in (0..).zip(&mut self.nodes) {
            let now = counter.counts();
            if now != *before {
                let grown = |n: usize| grown(before[n], now[n]);
                nodes.extend([number, grown(0), grown(1), grown(2)]);
                *before = now;
            }
        }
        let mut wires = Vec::new();
        for (number, (counter, before)) in (0..).zip(&mut self.wires) {
            let now = counter.passed();
            if now != *before {
                wires.extend([number, grown(*before, now)]);
                *before = now;
            }
        }
        let mut timed = Vec::new();
        // Of other nodes than are known here: those of the next look are not.
        let is_known = self.version == Some(timings.version);
        for (place, timing) in timings.timings.iter().filter(|_| is_known) {
            if let Some(number) = self.numbers.get(*place).copied().flatten() {
                timed.extend([number.into(), timing.p50, timing.p95, timing.samples.into()]);
            }
        }
        let is_told = std::mem::replace(&mut self.is_told, true);
        let legend = (!is_told).then(|| Told::Legend(self.legend.clone()));
        Look { legend, metrics: Told::Metrics { span_ms, nodes, wires, timings: timed } }
    }

    fn take_handles(&mut self, handles: Handles, of: &Selection, places: &Places) {
        self.version = Some(handles.version);
        let is_moved = std::mem::take(&mut self.is_moved);
        let wanted = |node: &Str| of.has(places.flow(node), node);
        let known: HashMap<Str, [u64; 3]> =
            self.nodes.drain(..).map(|(counter, before)| (counter.node, before)).collect();
        self.numbers.clear();
        for counter in handles.nodes {
            let is_wanted = wanted(&counter.node);
            self.numbers.push(is_wanted.then_some(self.nodes.len() as u32));
            if is_wanted {
                let new = || if is_moved { counter.counts() } else { [0; 3] };
                let before = known.get(&counter.node).copied().unwrap_or_else(new);
                self.nodes.push((counter, before));
            }
        }
        let known: HashMap<Wire, u64> =
            self.wires.drain(..).map(|(counter, before)| (counter.wire, before)).collect();
        let wires = handles.wires.into_iter().filter(|counter| wanted(&counter.wire.0));
        let with_before = |counter: WireCounter| {
            let new = || if is_moved { counter.passed() } else { 0 };
            let before = known.get(&counter.wire).copied().unwrap_or_else(new);
            (counter, before)
        };
        self.wires = wires.map(with_before).collect();
        let legend = self.legend_of_handles();
        if legend != self.legend {
            (self.legend, self.is_told) = (legend, false);
        }
    }

    fn legend_of_handles(&self) -> Legend {
        let mut nodes: Vec<Str> = self.nodes.iter().map(|(counter, _)| counter.node.clone()).collect();
        let mut known: HashMap<Str, u32> = nodes.iter().cloned().zip(0..).collect();
        // A wire may lead to where nothing is watched.
        let mut number = |node: &Str| match known.get(node) {
            Some(number) => *number,
            None => {
                let number = nodes.len() as u32;
                nodes.push(node.clone());
                known.insert(node.clone(), number);
                number
            }
        };
        let wires = self.wires.iter().map(|(counter, _)| {
            let (from, port, to) = &counter.wire;
            [number(from), (*port).into(), number(to)]
        });
        let wires = wires.collect();
        Legend { nodes, wires }
    }
}

/// One that began anew counts from 0.
fn grown(before: u64, now: u64) -> u64 {
    now.checked_sub(before).unwrap_or(now)
}

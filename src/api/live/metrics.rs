//! Counters as a client is told them: how much they have grown, and only those that have.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use tidegate_nodes::value::Str;

use super::messages::{Told, WireDelta};
use super::wants::Selection;
use crate::engine::{CounterTable, Timing};
use crate::flow::Document;

pub struct Meter {
    nodes: HashMap<Str, [u64; 3]>,
    wires: HashMap<(Str, u16, Str), u64>,
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
    pub fn new(counters: &CounterTable) -> Meter {
        let mut meter = Meter { nodes: HashMap::new(), wires: HashMap::new(), looked: Instant::now() };
        meter.look(counters, &[], &Selection::All, &Places::default());
        meter
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
        let before = std::mem::take(&mut self.nodes);
        let flow = |node: &str| places.flow(node);
        let mut nodes = BTreeMap::new();
        for count in counters.nodes() {
            let now = [count.received, count.sent, count.errors];
            let old = before.get(&count.node).copied().unwrap_or_default();
            // One that began anew counts from 0.
            let grown: [u64; 3] = std::array::from_fn(|n| now[n].checked_sub(old[n]).unwrap_or(now[n]));
            if grown != [0; 3] && of.has(flow(&count.node), &count.node) {
                nodes.insert(count.node.clone(), grown);
            }
            self.nodes.insert(count.node, now);
        }
        let before = std::mem::take(&mut self.wires);
        let mut wires = Vec::new();
        for count in counters.wires() {
            let key = (count.from, count.port, count.to);
            let old = before.get(&key).copied().unwrap_or_default();
            let passed = count.passed.checked_sub(old).unwrap_or(count.passed);
            if passed > 0 && of.has(flow(&key.0), &key.0) {
                let (from, port, to) = key.clone();
                wires.push(WireDelta { from, port, to, passed });
            }
            self.wires.insert(key, count.passed);
        }
        let timings = timings.iter().filter(|timing| of.has(flow(&timing.node), &timing.node));
        let timings = timings
            .map(|timing| (timing.node.clone(), [timing.p50_us, timing.p95_us, f64::from(timing.samples)]));
        Told::Metrics { span_ms, nodes, wires, timings: timings.collect() }
    }
}

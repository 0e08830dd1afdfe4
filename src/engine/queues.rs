//! Where messages wait, and how many. A wire inside of a tab has no queue; sinks, nodes that hold, links to other tabs and
//! the credits of sources have.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::time::Duration;

use serde::Serialize;
use tidegate_nodes::host::Holding;
use tidegate_nodes::value::Str;

use super::Engine;
use super::admission::Pool;

/// In which kind of place messages wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum QueueKind {
    /// Of a sink: in memory and on the disk.
    Outbox,
    /// Of a connector: not taken yet, and in its hands.
    Inbox,
    /// By the node itself.
    Held,
    /// On the way from other tabs.
    Lane,
    /// Made by a source, and not done with.
    InFlight,
}

/// One of these places, as it stands. What is counted is counted from the start.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueCount {
    pub node: Str,
    pub kind: QueueKind,
    pub depth: u64,
    pub capacity: Option<u64>,
    pub bytes: Option<u64>,
    /// How long messages found no room, or a source no credit.
    pub blocked: Option<Duration>,
    pub dropped: u64,
    pub spilling: bool,
}

impl QueueCount {
    pub fn new(node: &Str, kind: QueueKind, depth: u64) -> QueueCount {
        let node = node.clone();
        QueueCount {
            node,
            kind,
            depth,
            capacity: None,
            bytes: None,
            blocked: None,
            dropped: 0,
            spilling: false,
        }
    }
}

/// Handles to what nodes hold and have in flight, so that nobody needs their lane to look.
#[derive(Default)]
pub struct Gauges {
    holdings: Mutex<BTreeMap<Str, Holding>>,
    sources: Mutex<BTreeMap<Str, Arc<Pool>>>,
}

impl Gauges {
    pub fn holds(&self, node: &Str, holding: &Holding) {
        lock(&self.holdings).insert(node.clone(), holding.clone());
    }

    pub fn is_source(&self, node: &Str, pool: &Arc<Pool>) {
        lock(&self.sources).insert(node.clone(), pool.clone());
    }

    /// Forgets what no longer runs.
    pub fn retain(&self, runs: impl Fn(&str) -> bool) {
        lock(&self.holdings).retain(|node, _| runs(node));
        lock(&self.sources).retain(|node, _| runs(node));
    }
}

/// So many messages on their way into one tab are looked at: the tab cannot take any meanwhile.
const LOOKED_AT: usize = 10_000;

impl Engine {
    /// All places where messages wait, one a node. `None` in the middle of a deploy.
    pub fn queues(&self) -> Option<Vec<QueueCount>> {
        let layout = match self.layout.try_lock() {
            Ok(layout) => layout,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        let mut found = Vec::new();
        for (id, task) in layout.tasks.iter().filter(|(_, task)| task.takes_messages) {
            found.push(match &task.port.outbox {
                Some(outbox) => outbox.queue(),
                None => QueueCount::new(id, QueueKind::Inbox, task.port.unconfirmed() as u64),
            });
        }
        let lanes = layout.lanes.clone();
        drop(layout);
        for (id, holding) in &*lock(&self.shared.gauges.holdings) {
            let held = QueueCount::new(id, QueueKind::Held, holding.messages() as u64);
            found.push(QueueCount {
                capacity: Some(holding.most() as u64),
                bytes: Some(holding.bytes() as u64),
                ..held
            });
        }
        for lane in lanes {
            let waiting = lane.inbox.waiting(LOOKED_AT);
            found.extend(waiting.iter().map(|(id, count)| QueueCount::new(id, QueueKind::Lane, *count)));
        }
        for (id, pool) in &*lock(&self.shared.gauges.sources) {
            let in_flight = QueueCount::new(id, QueueKind::InFlight, pool.in_flight() as u64);
            let (capacity, blocked) = (Some(pool.most() as u64), Some(pool.waited()));
            found.push(QueueCount { capacity, blocked, ..in_flight });
        }
        let mut seen = HashSet::new();
        found.retain(|queue| seen.insert(queue.node.clone()));
        Some(found)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

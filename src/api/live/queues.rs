//! Queues as a client is told them: those that have changed, and what has been counted since the last look.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use serde::Serialize;
use tidegate_nodes::value::Str;
use utoipa::ToSchema;

use super::messages::Told;
use crate::engine::{QueueCount, QueueKind};

/// One place where messages wait.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = LiveQueue)]
pub struct Queue {
    pub kind: QueueKind,
    pub depth: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// The share of the span in which messages found no room, from 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked: Option<f64>,
    /// In the span.
    pub dropped: u64,
    /// New messages go to the disk.
    pub spilling: bool,
}

/// What one client knows.
pub struct Gauge {
    known: HashMap<Str, (QueueCount, Queue)>,
    looked: Instant,
    is_new: bool,
}

impl Gauge {
    pub fn new() -> Gauge {
        Gauge { known: HashMap::new(), looked: Instant::now(), is_new: true }
    }

    /// Nothing where nothing has changed.
    pub fn look(&mut self, queues: &[QueueCount], wanted: impl Fn(&Str) -> bool) -> Option<Told> {
        let span = self.looked.elapsed();
        self.looked = Instant::now();
        let mut before = std::mem::take(&mut self.known);
        let mut nodes = BTreeMap::new();
        for now in queues.iter().filter(|queue| wanted(&queue.node)) {
            let (old, told) = before.remove(&now.node).unzip();
            let old = old.filter(|old| old.kind == now.kind);
            let blocked = now.blocked.map(|all| {
                let waited = old.as_ref().and_then(|old| Some(all.saturating_sub(old.blocked?)));
                let share = waited.unwrap_or_default().as_secs_f64() / span.as_secs_f64().max(1e-3);
                (share.min(1.0) * 100.0).round() / 100.0
            });
            let queue = Queue {
                kind: now.kind,
                depth: now.depth,
                capacity: now.capacity,
                bytes: now.bytes,
                blocked,
                dropped: old.map_or(0, |old| now.dropped.saturating_sub(old.dropped)),
                spilling: now.spilling,
            };
            if told.as_ref() != Some(&queue) {
                nodes.insert(now.node.clone(), queue.clone());
            }
            self.known.insert(now.node.clone(), (now.clone(), queue));
        }
        // What is on the way between tabs is told by those that something waits for.
        for (node, (_, told)) in before {
            if told.kind == QueueKind::Lane && told.depth > 0 {
                nodes.insert(node, Queue { depth: 0, ..told });
            }
        }
        let is_new = std::mem::take(&mut self.is_new);
        let span_ms = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        (is_new || !nodes.is_empty()).then_some(Told::Queues { span_ms, nodes })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn count(node: &str, kind: QueueKind, depth: u64) -> QueueCount {
        QueueCount::new(&Str::new(node), kind, depth)
    }

    fn look(gauge: &mut Gauge, queues: &[QueueCount]) -> Option<BTreeMap<Str, Queue>> {
        match gauge.look(queues, |node| node.as_str() != "hidden")? {
            Told::Queues { nodes, .. } => Some(nodes),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_what_has_changed_is_told() {
        let mut gauge = Gauge::new();
        let outbox = |depth, dropped| QueueCount { dropped, ..count("o", QueueKind::Outbox, depth) };
        let all = [outbox(3, 10), count("l", QueueKind::Lane, 2), count("hidden", QueueKind::Held, 1)];
        let first = look(&mut gauge, &all).unwrap();
        assert_eq!((first.len(), first["o"].depth, first["o"].dropped), (2, 3, 0));
        assert_eq!(look(&mut gauge, &all), None);
        let second = look(&mut gauge, &[outbox(3, 14)]).unwrap();
        assert_eq!((second["o"].dropped, second["l"].depth), (4, 0));
        let third = look(&mut gauge, &[outbox(3, 14)]).unwrap();
        assert_eq!((third.len(), third["o"].dropped), (1, 0));
        assert_eq!(look(&mut gauge, &[outbox(3, 14)]), None);
    }

    #[test]
    fn an_empty_gateway_is_told_once_too() {
        let mut gauge = Gauge::new();
        assert_eq!(look(&mut gauge, &[]), Some(BTreeMap::new()));
        assert_eq!(look(&mut gauge, &[]), None);
    }

    #[test]
    fn the_share_of_waiting_is_between_nothing_and_all() {
        let mut gauge = Gauge::new();
        let source = |waited| QueueCount { blocked: Some(waited), ..count("s", QueueKind::InFlight, 1) };
        let first = look(&mut gauge, &[source(Duration::from_secs(5))]).unwrap();
        assert_eq!(first["s"].blocked, Some(0.0), "what was before is not told");
        let second = look(&mut gauge, &[source(Duration::from_secs(60))]).unwrap();
        assert_eq!(second["s"].blocked, Some(1.0));
    }
}

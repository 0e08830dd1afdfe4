//! How an outbox fares, for people: how much waits, how long, and when it will be empty or full.

use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;
use tidegate_nodes::outbox::Priority;

use super::super::queues::{QueueCount, QueueKind};
use super::Outbox;

#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Backlog {
    pub node: String,
    /// Whether new messages go to the disk.
    pub storing: bool,
    /// In memory, unconfirmed.
    pub passing: usize,
    /// For which there is no room; their sources wait.
    pub parked: usize,
    /// On the disk, by priority: alarm, event, telemetry.
    pub messages: [u64; 3],
    pub bytes: u64,
    /// Of the oldest on the disk, counting only time that the gateway ran.
    pub oldest_age_ms: Option<u64>,
    /// Delivered a second, lately.
    pub drain_rate: f64,
    /// Coming a second, lately, where it is stored.
    pub fill_rate: f64,
    pub seconds_to_empty: Option<f64>,
    pub hours_until_full: Option<f64>,
}

/// How often something happens, between two looks a second apart at least.
#[derive(Default)]
pub struct Rate {
    total: u64,
    appended: Option<u64>,
    looked: Option<Instant>,
    seen: u64,
    drain: f64,
    fill: f64,
}

impl Rate {
    pub fn count(&mut self) {
        self.total += 1;
    }

    fn look(&mut self, appended: u64) -> (f64, f64) {
        let now = Instant::now();
        let since = self.looked.map_or(f64::INFINITY, |at| now.duration_since(at).as_secs_f64());
        if since >= 1.0 {
            if let (Some(before), true) = (self.appended, since.is_finite()) {
                self.drain = (self.total - self.seen) as f64 / since;
                self.fill = appended.saturating_sub(before) as f64 / since;
            }
            (self.looked, self.seen, self.appended) = (Some(now), self.total, Some(appended));
        }
        (self.drain, self.fill)
    }
}

impl Outbox {
    /// How much waits in it, without a look at the disk.
    pub fn queue(&self) -> QueueCount {
        let bytes = self.queues.iter().map(|queue| queue.log.bytes_behind(&queue.cursor)).sum();
        let capacity = self.settings().max_messages;
        let state = self.lock();
        let stored = self.messages(&state);
        QueueCount {
            capacity,
            bytes: Some(bytes),
            blocked: Some(state.full.total()),
            dropped: state.dropped,
            spilling: state.storing && stored > 0,
            ..QueueCount::new(
                &self.node,
                QueueKind::Outbox,
                (state.passing.len() + state.parked.len()) as u64 + stored,
            )
        }
    }

    /// It reads the oldest record from the disk.
    pub fn backlog(self: &Arc<Outbox>) -> Backlog {
        let messages = Priority::ALL.map(|priority| {
            let queue = &self.queues[priority as usize];
            queue.cursor.left(queue.log.next())
        });
        let bytes: u64 = self.queues.iter().map(|queue| queue.log.bytes_behind(&queue.cursor)).sum();
        let ran_ms = self.store.ran_ms();
        let oldest = self.queues.iter().filter_map(|queue| {
            let first = queue.cursor.position() + 1;
            let page = self.store.read(&queue.log, first, 1, 1).ok()?;
            let oldest = page.records.iter().find(|(sequence, _)| !queue.cursor.is_done(*sequence))?;
            Some(ran_ms.saturating_sub(oldest.1.ran_ms))
        });
        let oldest_age_ms = oldest.max();
        let appended: u64 = self.queues.iter().map(|queue| queue.log.next()).sum();
        let max_bytes = self.settings().max_bytes;
        let mut state = self.lock();
        let (drain_rate, fill_rate) = state.delivered.look(appended);
        let total: u64 = messages.iter().sum();
        let net = drain_rate - fill_rate;
        let each = if total > 0 { bytes as f64 / total as f64 } else { 0.0 };
        Backlog {
            node: self.node.to_string(),
            storing: state.storing,
            passing: state.passing.len(),
            parked: state.parked.len(),
            messages,
            bytes,
            oldest_age_ms,
            drain_rate,
            fill_rate,
            seconds_to_empty: (total > 0 && net > 0.0).then(|| total as f64 / net),
            hours_until_full: (net < 0.0 && each > 0.0)
                .then(|| max_bytes.saturating_sub(bytes) as f64 / each / -net / 3_600.0),
        }
    }
}

//! The timers of a lane, in the order in which they come due.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use tidegate_nodes::host::TimerId;
use tidegate_nodes::message::Token;

/// What comes due.
pub enum Due {
    /// A timer that a node set, with the token it was set under.
    Node(TimerId, Token),
    /// A node that panicked starts again.
    Restart,
}

#[derive(Default)]
pub struct Timers {
    /// By time, then in the order in which they were set.
    due: BTreeMap<(Duration, u64), (u32, Due)>,
    by_id: HashMap<(u32, TimerId), (Duration, u64)>,
    count: u64,
}

impl Timers {
    pub fn set(&mut self, at: Duration, node: u32, id: TimerId, token: Token) {
        self.cancel(node, id);
        self.count += 1;
        let key = (at, self.count);
        self.due.insert(key, (node, Due::Node(id, token)));
        self.by_id.insert((node, id), key);
    }

    pub fn restart(&mut self, at: Duration, node: u32) {
        self.count += 1;
        self.due.insert((at, self.count), (node, Due::Restart));
    }

    pub fn cancel(&mut self, node: u32, id: TimerId) -> bool {
        self.by_id.remove(&(node, id)).is_some_and(|key| self.due.remove(&key).is_some())
    }

    pub fn next(&self) -> Option<Duration> {
        self.due.keys().next().map(|(at, _)| *at)
    }

    /// Takes the first that is due.
    pub fn take(&mut self, now: Duration) -> Option<(u32, Due)> {
        let entry = self.due.first_entry().filter(|entry| entry.key().0 <= now)?;
        let (node, due) = entry.remove();
        if let Due::Node(id, _) = &due {
            self.by_id.remove(&(node, *id));
        }
        Some((node, due))
    }

    /// Moves timers to the places that nodes have after a deploy; those of nodes that are gone are dropped.
    pub fn remap(&mut self, place: impl Fn(u32) -> Option<u32>) {
        self.by_id.clear();
        for (key, (node, due)) in std::mem::take(&mut self.due) {
            let Some(node) = place(node) else { continue };
            if let Due::Node(id, _) = &due {
                self.by_id.insert((node, *id), key);
            }
            self.due.insert(key, (node, due));
        }
    }

    /// Drops the timers of a node that stops.
    pub fn forget(&mut self, node: u32) {
        self.remap(|n| (n != node).then_some(n));
    }
}

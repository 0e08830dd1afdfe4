//! An outbox that is full: who waits, and what is dropped and counted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tidegate_nodes::message::Unconfirmed;
use tidegate_nodes::outbox::{Priority, WhenFull};

use super::super::pending::Pending;
use super::{Outbox, Settings, State};
use crate::store::Reason;

/// How much there is on the disk, looked up now and then: it takes a walk over the segments.
#[derive(Default)]
pub struct Room {
    bytes: u64,
    at: Option<Instant>,
    asked: u32,
}

/// How much of a limit a priority may fill.
fn share(limit: u64, priority: Priority) -> u64 {
    ((limit as f64 * priority.share()) as u64).max(1)
}

const LOOK_EVERY: Duration = Duration::from_millis(200);
const LOOK_AFTER: u32 = 256;

impl Outbox {
    /// Whether a message of this priority may be stored. It may have taken others out for that.
    pub(super) fn make_room(
        &self,
        settings: &Settings,
        state: &mut State,
        priority: Priority,
        pending: &mut Pending,
    ) -> bool {
        if !self.is_full(settings, state, priority) {
            return true;
        }
        if settings.when_full != WhenFull::DropOldest {
            return false;
        }
        let queue = &self.queues[priority as usize];
        // A fiftieth at once, so that a full outbox does not write the ledger at every message.
        let count = (queue.cursor.left(queue.log.next()) / 50).max(1);
        self.drop_oldest(state, priority, count, pending);
        // Where nothing could be dropped the connector has all of it in hand or it is on its way to the disk: little.
        true
    }

    fn drop_oldest(&self, state: &mut State, priority: Priority, count: u64, pending: &mut Pending) {
        for (first, last) in state.feeds[priority as usize].give_up(count) {
            state.dropped += last - first + 1;
            let detail = "the outbox was full and made room";
            self.note_given_up(priority, (first, last), Reason::DroppedOldest, detail, pending);
        }
        state.room.at = None;
    }

    /// What came to the disk beyond the limit, while it was on its way, is dropped as the policy says.
    pub(super) fn trim(&self, state: &mut State, of: [bool; 3]) {
        let settings = self.settings();
        let (Some(max), WhenFull::DropOldest) = (settings.max_messages, settings.when_full) else {
            return;
        };
        let mut pending = Pending::default();
        for priority in Priority::ALL.into_iter().filter(|priority| of[*priority as usize]) {
            let over = self.messages(state).saturating_sub(share(max, priority));
            if over > 0 {
                self.drop_oldest(state, priority, over, &mut pending);
            }
        }
        pending.submit(&self.store);
    }

    fn is_full(&self, settings: &Settings, state: &mut State, priority: Priority) -> bool {
        if let Some(max) = settings.max_messages
            && self.messages(state) >= share(max, priority)
        {
            return true;
        }
        let room = &mut state.room;
        room.asked += 1;
        if room.asked >= LOOK_AFTER || room.at.is_none_or(|at| at.elapsed() > LOOK_EVERY) {
            let queues = self.queues.iter();
            room.bytes = queues.map(|queue| queue.log.bytes_behind(&queue.cursor)).sum();
            (room.at, room.asked) = (Some(Instant::now()), 0);
        }
        room.bytes + state.pending_bytes >= share(settings.max_bytes, priority)
    }

    /// What the policy says of a message for which there is no room.
    pub(super) fn no_room(
        &self,
        settings: &Settings,
        state: &mut State,
        priority: Priority,
        message: Unconfirmed,
        pending: &mut Pending,
    ) {
        match settings.when_full {
            WhenFull::DropNewest => {
                let scope = self.queues[priority as usize].log.name.as_str();
                pending.ledger(scope, Reason::DroppedNewest, 1, "the outbox was full");
                pending.guard(&message.message().token);
                message.confirm();
                state.dropped += 1;
            }
            WhenFull::Block | WhenFull::DropOldest => {
                state.parked.push_back((priority, message));
                state.full.begin();
            }
        }
    }

    /// Stores what waited for room, as far as there is some; order within a priority stays, so nothing passes what a lane
    /// has taken in and not handed over yet.
    pub(super) fn unpark(self: &Arc<Outbox>, state: &mut State) {
        if state.with_lane > 0 {
            return;
        }
        let settings = self.settings();
        let mut pending = Pending::default();
        let mut full = [false; 3];
        for (priority, message) in std::mem::take(&mut state.parked) {
            let blocked = &mut full[priority as usize];
            *blocked = *blocked || !self.make_room(&settings, state, priority, &mut pending);
            if *blocked {
                state.parked.push_back((priority, message));
            } else {
                self.write_one(&settings, state, priority, message, &mut pending);
            }
        }
        if state.parked.is_empty() {
            state.full.end();
        }
        pending.hand_over(&self.store);
        state.with_lane = 0;
    }
}

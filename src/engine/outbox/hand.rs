//! What goes out: messages are handed to the connector, confirmed, and given back.

use std::sync::Arc;
use std::time::Instant;

use tidegate_nodes::outbox::{Mode, Priority};

use super::super::pending::Pending;
use super::feed::Item;
use super::passing::Confirmed;
use super::{Handed, Outbox, Returned, State, Ticket};
use crate::store::Commit;

/// So many may be confirmed and not on the disk, beside what the connector has in its hands.
const UNSAVED: u64 = 500;

impl Outbox {
    /// The next messages for the connector: those in memory, then alarms, events, telemetry. While the gateway drains
    /// nothing is taken from the disk.
    pub async fn next_batch(self: &Arc<Outbox>, most: usize, draining: bool) -> Vec<Handed> {
        loop {
            let (batch, read) = self.take(most, draining);
            let Some(priority) = read.filter(|_| batch.is_empty()) else { return batch };
            let outbox = self.clone();
            let read = tokio::task::spawn_blocking(move || outbox.read(priority));
            if !read.await.unwrap_or(false) {
                return Vec::new();
            }
        }
    }

    /// What can be handed out at once, and the priority of which more is on the disk.
    fn take(self: &Arc<Outbox>, most: usize, draining: bool) -> (Vec<Handed>, Option<Priority>) {
        let settings = self.settings();
        let mut pending = Pending::default();
        let mut state = self.lock();
        let state = &mut *state;
        let mut batch = Vec::new();
        self.retries_due(state);
        let limit = if settings.mode == Mode::Offline { settings.slow_messages } else { most };
        state.passing.take(most, limit, &mut batch);
        // What passes is older than all that is stored: it goes first.
        // While it is being written down nothing is read either: it would be handed out twice.
        if draining || state.passing.is_waiting() || state.passing.is_being_stored() {
            return (batch, None);
        }
        // What is confirmed and not on the disk would go out again after a kill: that is bounded.
        let mut room = UNSAVED.saturating_sub(self.unsaved()) as usize;
        // A disk that cannot be written must not keep on the board what can leave it.
        if room == 0 && self.store.health().trouble.is_some() {
            room = most;
        }
        for priority in Priority::ALL {
            let queue = &self.queues[priority as usize];
            let paced = priority != Priority::Alarm;
            while batch.len() < most && room > 0 && (!paced || state.pace.may(Instant::now())) {
                let Some(item) = state.feeds[priority as usize].pop() else {
                    let more = state.feeds[priority as usize].end() < queue.log.next();
                    if more {
                        pending.submit(&self.store);
                        return (batch, Some(priority));
                    }
                    break;
                };
                if queue.cursor.is_done(item.sequence) {
                    continue;
                }
                if self.is_expired(&settings, &item) {
                    self.expire(priority, &item, &mut pending);
                    continue;
                }
                if paced {
                    state.pace.spend();
                }
                let ticket = Ticket::Stored(priority, item.sequence).number();
                let Item { sent_as, message, .. } = state.feeds[priority as usize].hand(item);
                batch.push(Handed { ticket, sent_as, message });
                room -= 1;
            }
        }
        if room == 0 {
            self.save(state);
        }
        pending.submit(&self.store);
        (batch, None)
    }

    /// The outside has it.
    pub fn confirm(self: &Arc<Outbox>, ticket: Ticket) {
        let mut state = self.lock();
        state.delivered.count();
        let original = match ticket {
            Ticket::Passing(id) => {
                state.attempts.remove(&ticket);
                match state.passing.confirm(id) {
                    Confirmed::Now(original) => Some(original),
                    Confirmed::Later => None,
                    Confirmed::Stored(priority, sequence) => {
                        self.confirm_stored(&mut state, priority, sequence);
                        None
                    }
                }
            }
            Ticket::Stored(priority, sequence) => {
                self.confirm_stored(&mut state, priority, sequence);
                None
            }
        };
        self.settle_down(&mut state);
        drop(state);
        if let Some(original) = original {
            original.confirm();
        }
    }

    pub(super) fn confirm_stored(self: &Arc<Outbox>, state: &mut State, priority: Priority, sequence: u64) {
        let queue = &self.queues[priority as usize];
        state.feeds[priority as usize].settle(sequence);
        state.attempts.remove(&Ticket::Stored(priority, sequence));
        queue.cursor.confirm(sequence, sequence);
        if self.store.advance(&queue.log, &queue.cursor) > UNSAVED / 2 {
            self.save(state);
        }
    }

    fn unsaved(&self) -> u64 {
        self.queues.iter().map(|queue| queue.cursor.unsaved()).sum()
    }

    /// Writes down now what was confirmed, and goes on then.
    fn save(self: &Arc<Outbox>, state: &mut State) {
        if std::mem::replace(&mut state.saving, true) {
            return;
        }
        let outbox = self.clone();
        let positions = self.queues.iter().map(|queue| (queue.log.clone(), queue.cursor.clone())).collect();
        let done = Box::new(move |_: Result<_, _>| {
            outbox.lock().saving = false;
            outbox.arrived.notify_one();
        });
        self.store.submit(Commit { positions, urgent: true, done: Some(done), ..Commit::default() });
    }

    /// After something has gone: room for what is parked, and back to memory when all is delivered.
    pub(super) fn settle_down(self: &Arc<Outbox>, state: &mut State) {
        if !state.storing {
            return;
        }
        if !state.parked.is_empty() {
            self.unpark(state);
        }
        let done = state.pending == 0
            && state.parked.is_empty()
            && state.retries.is_empty()
            && state.passing.is_empty()
            && self.left() == 0
            && self.settings().mode != Mode::Always;
        if done {
            state.storing = false;
            state.passing.forget_stored();
        }
    }

    /// The connector gives these back, in order; they go out again, before the others.
    pub fn give_back(self: &Arc<Outbox>, returned: Vec<Returned>) {
        let mut state = self.lock();
        returned.into_iter().for_each(|one| self.give_one_back(&mut state, one));
    }

    pub(super) fn give_one_back(&self, state: &mut State, (ticket, sent_as, message): Returned) {
        let stored = match ticket {
            Ticket::Passing(id) => state.passing.give_back(id),
            Ticket::Stored(priority, sequence) => Some((priority, sequence)),
        };
        if let Some((priority, sequence)) = stored {
            let sent_as = self.went_out_as(ticket, sent_as);
            let feed = &mut state.feeds[priority as usize];
            let ran_ms = feed.settle(sequence).unwrap_or_else(|| self.store.ran_ms());
            feed.give_back(Item { sequence, ran_ms, sent_as, message });
        }
    }

    /// The connector is gone with all it had.
    pub fn take_all_back(&self) {
        let mut state = self.lock();
        state.passing.take_all_back();
        state.retries.clear();
        state.attempts.retain(|ticket, _| matches!(ticket, Ticket::Stored(..)));
        for (feed, queue) in state.feeds.iter_mut().zip(&self.queues) {
            feed.start_over(queue.cursor.position() + 1);
        }
        drop(state);
        self.arrived.notify_one();
    }
}

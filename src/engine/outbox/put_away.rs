//! From memory to the disk: the connection is lost, the other side is slow, or the gateway stops. What is unconfirmed is
//! written down in order, before anything that comes later, and may be in the connector's hands meanwhile.

use std::sync::Arc;

use tidegate_nodes::copies::Copy;
use tidegate_nodes::message::{Message, Token};
use tidegate_nodes::outbox::{Mode, Priority};

use super::super::pending::Pending;
use super::feed::Item;
use super::passing::Fate;
use super::{Outbox, Ticket, priority_of};

impl Outbox {
    /// The connection is lost: what is unconfirmed is written down, in order, and what comes goes behind it.
    pub fn disconnected(self: &Arc<Outbox>) {
        if self.settings().mode == Mode::Offline {
            self.put_away();
        }
    }

    /// The same where the other side does not keep up.
    pub fn look_whether_slow(self: &Arc<Outbox>) {
        let settings = self.settings();
        if settings.mode != Mode::Offline {
            return;
        }
        let slow = {
            let state = self.lock();
            !state.storing
                && (state.passing.len() > settings.slow_messages
                    || state.passing.is_older(settings.slow_after))
        };
        if slow {
            tracing::info!("outbox of {}: the other side is slow, what comes is stored", self.node);
            self.put_away();
        }
    }

    /// Writes all that is in memory to the disk, before anything that comes later.
    pub fn put_away(self: &Arc<Outbox>) {
        let settings = self.settings();
        let mut pending = Pending::default();
        let mut state = self.lock();
        if std::mem::replace(&mut state.storing, true) {
            return;
        }
        let boot = self.store.boot();
        let mut places = Vec::new();
        state.passing.move_to_disk(|id, message, went_out| {
            pending.commit.copies.extend(Copy::of(&message.token));
            let priority = priority_of(&settings, message);
            let mut record = self.record(&settings, message);
            if went_out {
                record.about.insert("sent_as", self.passing_name(boot, id));
            }
            places.push((pending.commit.records.len(), id, priority));
            pending.commit.urgent |= priority == Priority::Alarm;
            pending.commit.records.push((self.queues[priority as usize].log.clone(), record));
        });
        if places.is_empty() {
            return;
        }
        state.pending += places.len();
        let outbox = self.clone();
        pending.commit.done =
            Some(Box::new(move |result| outbox.put_away_done(&places, result.as_deref().ok())));
        // Under the lock: what lanes store from now on is handed over later.
        self.store.submit(pending.commit);
    }

    fn put_away_done(self: &Arc<Outbox>, places: &[(usize, u64, Priority)], sequences: Option<&[u64]>) {
        let mut originals = Vec::new();
        let mut refused = Vec::new();
        let mut state = self.lock();
        state.pending -= places.len();
        for &(at, id, priority) in places {
            let Some(sequences) = sequences else {
                // It cannot be written at all: back into memory.
                state.passing.not_stored(id);
                continue;
            };
            let sequence = sequences[at];
            let Some(now) = state.passing.is_stored(id, priority, sequence) else { continue };
            let content = Message { token: Token::none(), ..now.original.message().clone() };
            let sent_as = now.went_out.then(|| self.passing_name(self.store.boot(), id));
            let ran_ms = self.store.ran_ms();
            let item = Item { sequence, ran_ms, sent_as, message: content };
            let feed = &mut state.feeds[priority as usize];
            match now.fate {
                Fate::Waiting => feed.append_passed(item, false),
                Fate::InHand => feed.append_passed(item, true),
                Fate::Confirmed => {
                    feed.append_passed(item, true);
                    self.confirm_stored(&mut state, priority, sequence);
                }
                Fate::Refused(error) => {
                    feed.append_passed(item, true);
                    feed.settle(sequence);
                    refused.push((priority, sequence, id, error, now.original.message().clone()));
                }
            }
            originals.push(now.original);
        }
        if sequences.is_none() {
            state.storing = self.settings().mode == Mode::Always || self.left() > 0;
        }
        self.settle_down(&mut state);
        drop(state);
        for original in originals {
            original.confirm();
        }
        for (priority, sequence, id, error, message) in refused {
            let message = Message { token: Token::none(), ..message };
            self.bury(priority, sequence, Some(self.name(Ticket::Passing(id))), &error, &message);
        }
        self.arrived.notify_one();
    }
}

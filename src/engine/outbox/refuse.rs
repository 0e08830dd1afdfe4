//! Messages that the other side refuses: sent again, taken by a Catch, or dead letters.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tidegate_nodes::error::NodeError;
use tidegate_nodes::message::{Admitted, Message, Outcome, Settle, Token};
use tidegate_nodes::outbox::Priority;
use tidegate_nodes::value::{Str, Value};

use super::super::pending::{Pending, dead_letters, record_of};
use super::feed::Item;
use super::{Outbox, State, Ticket, key_of};
use crate::store::Reason;

/// What is to be done about a refused message.
pub enum Refusal {
    /// It is sent again after a while.
    Again(Duration),
    /// The engine raises the error with this message, whose token says what becomes of it.
    Raise(Message),
    /// It is a dead letter already; the error is only told.
    Told(Message),
}

const LONGEST_WAIT: Duration = Duration::from_secs(300);

impl Outbox {
    /// `catches`: whether a Catch takes the errors of the sink.
    pub fn refuse(
        self: &Arc<Outbox>,
        ticket: Ticket,
        sent_as: Option<Str>,
        error: &NodeError,
        message: Message,
        catches: bool,
    ) -> Refusal {
        let sent_as = self.went_out_as(ticket, sent_as);
        let settings = self.settings();
        let mut state = self.lock();
        let ticket = now_at(&mut state, ticket);
        let attempt = *state.attempts.entry(ticket).and_modify(|n| *n += 1).or_insert(1);
        if attempt < settings.attempts {
            let doubled = settings.retry_wait.saturating_mul(1 << (attempt - 1).min(16));
            let wait = doubled.min(LONGEST_WAIT);
            let sent_as = sent_as.filter(|_| matches!(ticket, Ticket::Stored(..)));
            state.retries.push((Instant::now() + wait, (ticket, sent_as, message)));
            return Refusal::Again(wait);
        }
        state.attempts.remove(&ticket);
        let (priority, sequence) = match ticket {
            Ticket::Passing(id) => {
                if let Some(original) = state.passing.remove(id) {
                    // Its own token goes to Catch, or to the dead letters, as that of any message that fails.
                    return Refusal::Raise(original.into_message());
                }
                state.passing.refuse_on_the_way(id, error);
                return Refusal::Told(message);
            }
            Ticket::Stored(priority, sequence) => (priority, sequence),
        };
        state.feeds[priority as usize].settle(sequence);
        drop(state);
        if catches {
            let letter = CaughtLetter { outbox: self.clone(), priority, sent_as, message: message.clone() };
            let settle = Arc::new(letter);
            let token = Token::new(Some(Admitted::new(sequence, settle)), None);
            return Refusal::Raise(Message { token, ..message });
        }
        self.bury(priority, sequence, sent_as, error, &message);
        Refusal::Told(message)
    }

    /// Into the dead letters, out of the queue, and into the ledger: all or nothing.
    pub(super) fn bury(
        &self,
        priority: Priority,
        sequence: u64,
        sent_as: Option<Str>,
        error: &NodeError,
        message: &Message,
    ) {
        let settings = self.settings();
        let mut pending = Pending::default();
        let queue = &self.queues[priority as usize];
        let mut record = record_of(&self.store, message, Some(self.node.clone()));
        record.about.insert("reason", error.message());
        record.about.insert("outbox", queue.log.name.clone());
        record.about.insert("sequence", Value::Int(sequence as i64));
        record.about.insert("node", self.node.clone());
        record
            .about
            .insert("sent_as", sent_as.unwrap_or_else(|| self.name(Ticket::Stored(priority, sequence))));
        let key = key_of(&settings, message);
        if let Some(key) = key {
            record.about.insert("key", key);
        }
        pending.commit.records.push((dead_letters(&self.store, &settings.dead_letter), record));
        self.note_given_up(priority, (sequence, sequence), Reason::DeadLetter, error.message(), &mut pending);
        pending.submit(&self.store);
    }
}

/// Where a message is by now that went out from memory: it may have been stored meanwhile.
fn now_at(state: &mut State, ticket: Ticket) -> Ticket {
    let Ticket::Passing(id) = ticket else { return ticket };
    let Some((priority, sequence)) = state.passing.take_stored(id) else { return ticket };
    let stored = Ticket::Stored(priority, sequence);
    if let Some(attempts) = state.attempts.remove(&ticket) {
        state.attempts.insert(stored, attempts);
    }
    stored
}

/// A stored message that a Catch has taken: it is done with when what the Catch leads to is.
struct CaughtLetter {
    outbox: Arc<Outbox>,
    priority: Priority,
    sent_as: Option<Str>,
    message: Message,
}

impl Settle for CaughtLetter {
    fn settled(&self, sequence: u64, outcome: Outcome) {
        match outcome {
            Outcome::Done => {
                let mut pending = Pending::default();
                let detail = "a catch node took its error";
                let range = (sequence, sequence);
                self.outbox.note_given_up(self.priority, range, Reason::Caught, detail, &mut pending);
                pending.submit(&self.outbox.store);
            }
            Outcome::Undelivered => {
                let ran_ms = self.outbox.store.ran_ms();
                let sent_as = self.sent_as.clone();
                let item = Item { sequence, ran_ms, sent_as, message: self.message.clone() };
                self.outbox.lock().feeds[self.priority as usize].give_back(item);
                self.outbox.arrived.notify_one();
            }
        }
    }
}

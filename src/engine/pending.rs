//! What a lane wants written, gathered over a turn and handed to the store as one commit: the state that its nodes
//! changed and the messages that it put into outboxes are on the disk together, or not at all. Until then the sources
//! of all these messages wait.

use std::sync::Arc;

use tidegate_nodes::copies::Copy;
use tidegate_nodes::error::NodeError;
use tidegate_nodes::message::{Message, Meta, Token, Unconfirmed};
use tidegate_nodes::outbox::Priority;
use tidegate_nodes::value::{Object, Str, Value};

use super::outbox::Outbox;
use crate::store::{
    Commit, ContextChange, DEAD_LETTERS, Entry, Log, Reason, Record, Retention, StateChange, Store,
};

/// Dead letters are kept up to this size; the oldest go first, and are counted.
const DEAD_LETTER_BYTES: u64 = 16 * 1024 * 1024;

#[derive(Default)]
pub struct Pending {
    pub commit: Commit,
    kept: Vec<Kept>,
    /// Messages that are done with when it is on the disk.
    guards: Vec<Unconfirmed>,
}

/// A message on its way into an outbox.
struct Kept {
    /// Which record of the commit it is.
    at: usize,
    outbox: Arc<Outbox>,
    priority: Priority,
    message: Unconfirmed,
}

/// A message that is on the disk now.
pub struct Stored {
    pub priority: Priority,
    pub sequence: u64,
    pub message: Unconfirmed,
}

impl Pending {
    /// Whether it has so much that it should be handed over now.
    pub fn is_large(&self) -> bool {
        self.commit.records.len() + self.guards.len() >= 512
    }

    /// A message for an outbox. Its source is acknowledged when it is on the disk.
    pub fn keep(
        &mut self,
        outbox: &Arc<Outbox>,
        log: &Arc<Log>,
        priority: Priority,
        record: Record,
        message: Unconfirmed,
    ) {
        self.commit.urgent |= priority == Priority::Alarm;
        self.commit.copies.extend(Copy::of(&message.message().token));
        self.kept.push(Kept { at: self.commit.records.len(), outbox: outbox.clone(), priority, message });
        self.commit.records.push((log.clone(), record));
    }

    /// The sources of this token wait until what was written meanwhile is on the disk.
    pub fn guard(&mut self, token: &Token) {
        if token.is_tracked() || token.has_credit() {
            self.commit.copies.extend(Copy::of(token));
            let value = Object::new();
            self.guards.push(Unconfirmed::new(Message {
                value,
                meta: Arc::<Meta>::default(),
                token: token.clone(),
            }));
        }
    }

    pub fn put_state(&mut self, owner: &Str, key: &str, value: Option<Value>) {
        self.commit.state.push(StateChange { owner: owner.clone(), key: Some(Str::new(key)), value });
    }

    pub fn forget_state(&mut self, owner: &Str) {
        self.commit.state.push(StateChange { owner: owner.clone(), key: None, value: None });
    }

    pub fn put_context(&mut self, changes: Vec<ContextChange>) {
        self.commit.context.extend(changes);
    }

    pub fn ledger(&mut self, scope: &str, reason: Reason, count: u64, detail: impl Into<String>) {
        let entry = Entry { scope: Str::new(scope), reason, count, range: None, detail: detail.into() };
        self.commit.ledger.push(entry);
    }

    /// A message that can never be handled: into the dead letters, and its source is done with it. `queue`: into which it
    /// goes when a person sends it again, where the node has an outbox.
    pub fn dead_letter(
        &mut self,
        store: &Store,
        node: &str,
        queue: Option<Str>,
        error: &NodeError,
        message: &Message,
    ) {
        let mut record = record_of(store, message, message.topic().map(Str::new));
        record.about.insert("reason", error.message());
        record.about.insert("node", node);
        if let Some(queue) = queue {
            record.about.insert("outbox", queue);
        }
        if let Some(key) = record.key.replace(Str::new(node)) {
            record.about.insert("key", key);
        }
        self.commit.records.push((dead_letters(store, DEAD_LETTERS), record));
        // Its scope is the node: it was in no outbox, so it is in no outbox's balance.
        self.ledger(node, Reason::DeadLetter, 1, error.message());
        self.guard(&message.token);
    }

    /// Hands it over, and lets its outboxes know.
    pub fn submit(&mut self, store: &Store) {
        let mut outboxes: Vec<(Arc<Outbox>, usize)> = Vec::new();
        for kept in &self.kept {
            match outboxes.iter_mut().find(|(outbox, _)| Arc::ptr_eq(outbox, &kept.outbox)) {
                Some((_, count)) => *count += 1,
                None => outboxes.push((kept.outbox.clone(), 1)),
            }
        }
        self.hand_over(store);
        for (outbox, count) in outboxes {
            outbox.handed_over(count);
        }
    }

    pub(super) fn hand_over(&mut self, store: &Store) {
        if self.commit.is_empty() && self.kept.is_empty() && self.guards.is_empty() {
            return;
        }
        let Pending { mut commit, kept, guards } = std::mem::take(self);
        if !kept.is_empty() || !guards.is_empty() {
            commit.done = Some(Box::new(move |result| {
                let Ok(sequences) = result else {
                    // It failed for good: what is dropped here tells its sources, and nothing is on its way any more.
                    kept.iter().for_each(|kept| kept.outbox.not_stored());
                    return;
                };
                for guard in guards {
                    guard.confirm();
                }
                tell_outboxes(kept, &sequences);
            }));
        }
        store.submit(commit);
    }
}

/// The outboxes hear of their messages, in runs of the same one.
fn tell_outboxes(kept: Vec<Kept>, sequences: &[u64]) {
    let mut run: Vec<Stored> = Vec::new();
    let mut of: Option<Arc<Outbox>> = None;
    for Kept { at, outbox, priority, message } in kept {
        if let Some(before) = of.take_if(|before| !Arc::ptr_eq(before, &outbox)) {
            before.stored(std::mem::take(&mut run));
        }
        run.push(Stored { priority, sequence: sequences[at], message });
        of = Some(outbox);
    }
    if let Some(outbox) = of {
        outbox.stored(run);
    }
}

/// A message as it is stored.
pub fn record_of(store: &Store, message: &Message, key: Option<Str>) -> Record {
    Record {
        value: message.value.clone(),
        wall_ms: message.meta.wall_ms,
        ran_ms: store.ran_ms(),
        event_ms: message.meta.event_ms,
        source: message.meta.source.clone(),
        key,
        about: Object::new(),
    }
}

pub fn dead_letters(store: &Store, name: &str) -> Arc<Log> {
    store.log(name, &Retention { queue: true, max_bytes: Some(DEAD_LETTER_BYTES), ..Retention::default() })
}

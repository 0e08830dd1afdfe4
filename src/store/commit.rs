//! What is to be written together: all of it, or none.

use std::sync::Arc;

use rusqlite::params;
use tidegate_nodes::copies::Copy;
use tidegate_nodes::packed;
use tidegate_nodes::value::{Str, Value};

use super::StoreError;
use super::batch::Batch;
use super::block::Record;
use super::cursor::{Cursor, Reservation};
use super::ledger::{Entry, Reason};
use super::log::Log;

/// Called when a commit is on the disk, with the sequences that its records got, or with why it never will be.
pub type Told = Box<dyn FnOnce(Result<Vec<u64>, StoreError>) + Send>;
type Act = Box<dyn FnMut(&mut Batch<'_>) -> Result<(), StoreError> + Send>;

/// One job for the writer. It may be applied several times (the disk was full): only what is committed counts.
#[derive(Default)]
pub struct Commit {
    pub records: Vec<(Arc<Log>, Record)>,
    pub state: Vec<StateChange>,
    pub context: Vec<ContextChange>,
    pub ledger: Vec<Entry>,
    /// Readers whose positions are to be written down.
    pub positions: Vec<(Arc<Log>, Arc<Cursor>)>,
    /// Ranges that a reader gives up, each with its entry in the ledger.
    pub given_up: Vec<(Arc<Log>, Arc<Cursor>, Entry)>,
    /// What of those ranges nobody else may take meanwhile; free again when the commit has ended.
    pub reserved: Vec<Reservation>,
    /// Copies of messages that are kept until this has ended. Where they are the last ones of a message that came from a
    /// log or a queue here, its reader is done with it by this commit.
    pub copies: Vec<Copy>,
    /// Anything else.
    pub act: Option<Act>,
    /// Alarms do not wait for others, and may go into the reserve.
    pub urgent: bool,
    pub done: Option<Told>,
    /// What its records got; filled in when it is applied.
    pub sequences: Vec<u64>,
}

/// A key of a node's state; nothing deletes it.
#[derive(Debug, Clone, PartialEq)]
pub struct StateChange {
    pub owner: Str,
    /// Nothing: all keys of the owner.
    pub key: Option<Str>,
    pub value: Option<Value>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ContextChange {
    pub store: Str,
    pub owner: Str,
    /// Nothing: all keys of the owner.
    pub key: Option<Str>,
    pub value: Option<Value>,
}

impl Commit {
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
            && self.state.is_empty()
            && self.context.is_empty()
            && self.ledger.is_empty()
            && self.positions.is_empty()
            && self.given_up.is_empty()
            && self.act.is_none()
            && self.done.is_none()
    }

    /// What is left of a range will not be delivered: into the ledger, and the reader is done with it. Gives how many.
    pub fn give_up(
        &mut self,
        log: &Arc<Log>,
        cursor: &Arc<Cursor>,
        (first, last): (u64, u64),
        reason: Reason,
        detail: &str,
    ) -> u64 {
        let reservation = cursor.reserve(first, last);
        let mut count = 0;
        for &(first, last) in &reservation.parts {
            count += last + 1 - first;
            let entry = Entry {
                scope: log.name.clone(),
                reason,
                count: last + 1 - first,
                range: Some((first, last)),
                detail: detail.to_string(),
            };
            self.given_up.push((log.clone(), cursor.clone(), entry));
        }
        self.reserved.push(reservation);
        count
    }

    /// What it counts for in a batch.
    pub fn messages(&self) -> usize {
        self.records.len() + self.state.len() + self.context.len()
    }

    pub fn bytes(&self) -> usize {
        let records: usize = self.records.iter().map(|(_, record)| record.weight()).sum();
        let state: usize =
            self.state.iter().map(|change| change.value.as_ref().map_or(24, Value::weight)).sum();
        records + state
    }

    pub(super) fn apply(&mut self, batch: &mut Batch<'_>) -> Result<(), StoreError> {
        self.sequences.clear();
        self.sequences.extend(self.records.iter().map(|(log, record)| batch.append(log, record)));
        for change in &self.state {
            write_state(batch, change)?;
        }
        for change in &self.context {
            write_context(batch, change)?;
        }
        for entry in &self.ledger {
            batch.note(entry.clone());
        }
        for (log, cursor) in &self.positions {
            batch.advance(log, cursor);
        }
        for (log, cursor, entry) in &self.given_up {
            batch.give_up(log, cursor, entry.clone());
        }
        match &mut self.act {
            Some(act) => act(batch),
            None => Ok(()),
        }
    }

    pub(super) fn finish(mut self, result: Result<(), StoreError>) {
        let (done, sequences) = (self.done.take(), std::mem::take(&mut self.sequences));
        // Whoever hears of it finds it gone: what it had reserved is free, and readers that it moved are not held.
        drop(self);
        if let Some(done) = done {
            done(result.map(|()| sequences));
        }
    }
}

fn write_state(batch: &Batch<'_>, change: &StateChange) -> Result<(), StoreError> {
    let (owner, connection) = (change.owner.as_str(), batch.connection);
    match (&change.key, &change.value) {
        (Some(key), Some(value)) => connection
            .prepare_cached("INSERT OR REPLACE INTO state (owner, key, value) VALUES (?, ?, ?)")?
            .execute(params![owner, key.as_str(), packed_value(value)])?,
        (Some(key), None) => connection
            .prepare_cached("DELETE FROM state WHERE owner = ? AND key = ?")?
            .execute([owner, key.as_str()])?,
        (None, _) => connection.prepare_cached("DELETE FROM state WHERE owner = ?")?.execute([owner])?,
    };
    Ok(())
}

fn write_context(batch: &Batch<'_>, change: &ContextChange) -> Result<(), StoreError> {
    let (store, owner) = (change.store.as_str(), change.owner.as_str());
    let connection = batch.connection;
    match (&change.key, &change.value) {
        (Some(key), Some(value)) => connection
            .prepare_cached("INSERT OR REPLACE INTO context (store, owner, key, value) VALUES (?, ?, ?, ?)")?
            .execute(params![store, owner, key.as_str(), packed_value(value)])?,
        (Some(key), None) => connection
            .prepare_cached("DELETE FROM context WHERE store = ? AND owner = ? AND key = ?")?
            .execute([store, owner, key.as_str()])?,
        (None, _) => connection
            .prepare_cached("DELETE FROM context WHERE store = ? AND owner = ?")?
            .execute([store, owner])?,
    };
    Ok(())
}

/// With a checksum behind it, so that a damaged page is not taken for a value.
pub(super) fn packed_value(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    packed::pack(value, &mut bytes);
    let crc = crc32c::crc32c(&bytes).to_le_bytes();
    bytes.extend_from_slice(&crc);
    bytes
}

pub(super) fn unpacked_value(bytes: &[u8]) -> Option<Value> {
    let (mut value, crc) = bytes.split_last_chunk::<4>()?;
    (crc32c::crc32c(value).to_le_bytes() == *crc).then(|| packed::unpack(&mut value).ok()).flatten()
}

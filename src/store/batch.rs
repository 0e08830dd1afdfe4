//! One transaction: what many commits want written, put together, and published to the mirrors when it is on the disk.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::{Connection, params};
use tidegate_nodes::origin::Origin;
use tidegate_nodes::value::Str;

use super::StoreError;
use super::block::{Blocks, Record};
use super::catalog::HIGHEST;
use super::cursor::{Cursor, Done, Reservation};
use super::ledger::{Entry, Ledger};
use super::log::{Log, Segment};
use super::schema;
use super::standing;

/// How segments are made.
pub struct Segments {
    /// The id of the next one.
    pub next: i64,
    /// One is closed when it holds so much.
    pub bytes: u64,
}

/// What one transaction does to logs.
pub struct Batch<'c> {
    pub connection: &'c Connection,
    pub ledger: &'c mut Ledger,
    pub wall_ms: i64,
    pub ran_ms: u64,
    segments: &'c mut Segments,
    appends: BTreeMap<u32, Appending>,
    moves: BTreeMap<(u32, Str), Move>,
    entries: Vec<Entry>,
    /// Logs whose retention is to be noted in the database.
    noted: Vec<Arc<Log>>,
    /// Logs that are taken out of the database, after all else.
    gone: Vec<Arc<Log>>,
}

struct Appending {
    log: Arc<Log>,
    blocks: Blocks,
    oldest_ran_ms: u64,
    newest_ran_ms: u64,
    changed: Vec<Segment>,
}

struct Move {
    log: Arc<Log>,
    cursor: Arc<Cursor>,
    done: Done,
    given_up: Vec<(u64, u64)>,
    /// What is done with by this batch.
    made: Vec<Reservation>,
    /// What of the confirmed beyond the position was written down.
    ahead: Vec<(u64, u64)>,
}

impl<'c> Batch<'c> {
    pub fn new(
        connection: &'c Connection,
        ledger: &'c mut Ledger,
        segments: &'c mut Segments,
        wall_ms: i64,
        ran_ms: u64,
    ) -> Batch<'c> {
        Batch {
            connection,
            ledger,
            wall_ms,
            ran_ms,
            segments,
            appends: BTreeMap::new(),
            moves: BTreeMap::new(),
            entries: Vec::new(),
            noted: Vec::new(),
            gone: Vec::new(),
        }
    }

    /// Appends a record, and gives its sequence.
    pub fn append(&mut self, log: &Arc<Log>, record: &Record) -> u64 {
        let appending = self.appends.entry(log.id).or_insert_with(|| Appending {
            log: log.clone(),
            blocks: Blocks::new(log.id, log.next()),
            oldest_ran_ms: record.ran_ms,
            newest_ran_ms: record.ran_ms,
            changed: Vec::new(),
        });
        appending.newest_ran_ms = appending.newest_ran_ms.max(record.ran_ms);
        appending.oldest_ran_ms = appending.oldest_ran_ms.min(record.ran_ms);
        appending.blocks.push(record)
    }

    /// Writes down how far a reader has come.
    pub fn advance(&mut self, log: &Arc<Log>, cursor: &Arc<Cursor>) {
        cursor.taken();
        let now = cursor.done();
        let known = self.move_of(log, cursor);
        // What this batch gives up is not in the cursor yet.
        let given_up = std::mem::take(&mut known.given_up);
        known.done = now;
        for &(first, last) in &given_up {
            known.done.add(first, last, false);
        }
        known.given_up = given_up;
    }

    /// A range of a log will not be delivered: into the ledger, and the reader is done with it, both or neither.
    pub fn give_up(&mut self, log: &Arc<Log>, cursor: &Arc<Cursor>, entry: Entry) {
        if let Some((first, last)) = entry.range {
            let known = self.move_of(log, cursor);
            known.done.add(first, last, false);
            known.given_up.push((first, last));
        }
        self.entries.push(entry);
    }

    /// All that was made of these records is in this batch: their readers are done with them by it.
    pub fn made_of(&mut self, origins: Vec<Origin>) {
        for (standing, first, last) in standing::runs(origins) {
            let reservation = standing.cursor.reserve(first, last);
            let known = self.move_of(&standing.log, &standing.cursor);
            for &(first, last) in &reservation.parts {
                known.done.add(first, last, true);
            }
            known.made.push(reservation);
        }
    }

    pub fn note(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// Notes the log and its retention in the database.
    pub fn note_log(&mut self, log: &Arc<Log>) {
        self.noted.push(log.clone());
    }

    /// Takes a log out of the database, with its readers.
    pub fn drop_log(&mut self, log: &Arc<Log>) {
        self.gone.push(log.clone());
    }

    fn move_of(&mut self, log: &Arc<Log>, cursor: &Arc<Cursor>) -> &mut Move {
        self.moves.entry((log.id, cursor.reader.clone())).or_insert_with(|| Move {
            log: log.clone(),
            cursor: cursor.clone(),
            done: cursor.done(),
            given_up: Vec::new(),
            made: Vec::new(),
            ahead: Vec::new(),
        })
    }

    /// Writes all that was put together; what is left is to commit.
    pub fn write(&mut self) -> Result<(), StoreError> {
        for log in std::mem::take(&mut self.noted) {
            note_log(self.connection, &log)?;
        }
        let mut appends = std::mem::take(&mut self.appends);
        for appending in appends.values_mut() {
            self.write_blocks(appending)?;
        }
        self.appends = appends;
        for entry in merged(std::mem::take(&mut self.entries)) {
            self.ledger.write(self.connection, &entry, self.wall_ms)?;
        }
        for moved in self.moves.values_mut() {
            write_move(self.connection, moved)?;
        }
        for log in std::mem::take(&mut self.gone) {
            erase_log(self.connection, log.id)?;
        }
        Ok(())
    }

    fn write_blocks(&mut self, appending: &mut Appending) -> Result<(), StoreError> {
        appending.blocks.finish();
        let log = appending.log.clone();
        let mut segment = match log.last_segment() {
            Some(segment) => segment,
            None => {
                // Its first record: the log itself may not be in the database yet.
                note_log(self.connection, &log)?;
                self.begin_segment(&log, log.next())?
            }
        };
        for (head, block) in std::mem::take(&mut appending.blocks.finished) {
            if segment.bytes >= self.segments.bytes {
                segment.last = Some(head.first - 1);
                self.connection
                    .prepare_cached(
                        "UPDATE segments SET last = ?2, bytes = ?3, oldest_ran_ms = ?4, newest_ran_ms = ?5 WHERE id = ?1",
                    )?
                    .execute(params![
                        segment.id,
                        head.first as i64 - 1,
                        segment.bytes as i64,
                        segment.oldest_ran_ms.map(|ms| ms as i64),
                        segment.newest_ran_ms.map(|ms| ms as i64),
                    ])?;
                appending.changed.push(segment);
                segment = self.begin_segment(&log, head.first)?;
            }
            self.connection
                .prepare_cached(&format!(
                    "INSERT INTO {} (first, block) VALUES (?, ?)",
                    schema::segment_table(segment.id)
                ))?
                .execute(params![head.first as i64, block])?;
            segment.bytes += block.len() as u64;
            segment.oldest_ran_ms.get_or_insert(appending.oldest_ran_ms);
            segment.newest_ran_ms = segment.newest_ran_ms.max(Some(appending.newest_ran_ms));
        }
        appending.changed.push(segment);
        Ok(())
    }

    fn begin_segment(&mut self, log: &Log, first: u64) -> Result<Segment, StoreError> {
        let id = self.segments.next;
        // Counts up also when this transaction is undone: an id is cheap.
        self.segments.next += 1;
        self.connection.execute_batch(&schema::create_segment(id))?;
        self.connection.execute(
            "INSERT INTO segments (id, log, first) VALUES (?, ?, ?)",
            params![id, log.id, first as i64],
        )?;
        Ok(Segment { id, first, last: None, bytes: 0, oldest_ran_ms: None, newest_ran_ms: None })
    }

    /// It is on the disk: the mirrors follow.
    pub fn publish(self) {
        for moved in self.moves.into_values() {
            for (first, last) in moved.given_up {
                moved.cursor.give_up(first, last);
            }
            for reservation in moved.made {
                reservation.confirm();
            }
            moved.cursor.written(&moved.done, &moved.ahead);
        }
        for appending in self.appends.into_values() {
            appending.log.publish(appending.changed, appending.blocks.next());
        }
    }
}

/// Entries of the same kind in one batch are one.
fn merged(entries: Vec<Entry>) -> Vec<Entry> {
    let mut merged: Vec<Entry> = Vec::new();
    for entry in entries {
        let same = merged.iter_mut().find(|known| {
            known.scope == entry.scope
                && known.reason == entry.reason
                && known.range.is_some() == entry.range.is_some()
        });
        match same {
            Some(known) => {
                known.count += entry.count;
                if let (Some((first, last)), Some((from, to))) = (known.range, entry.range) {
                    known.range = Some((first.min(from), last.max(to)));
                }
                known.detail = entry.detail;
            }
            None => merged.push(entry),
        }
    }
    merged
}

fn note_log(connection: &Connection, log: &Log) -> Result<(), StoreError> {
    let retention = serde_json::to_string(&log.view().retention)
        .map_err(|error| StoreError::Mistake(format!("a retention cannot be written: {error}")))?;
    connection
        .prepare_cached(
            "INSERT INTO logs (id, name, settings) VALUES (?1, ?2, ?3)
             ON CONFLICT (id) DO UPDATE SET settings = excluded.settings",
        )?
        .execute(params![log.id, log.name.as_str(), retention])?;
    Ok(())
}

/// Of positions that were written a moment ago too: nothing of it may be taken for another log's later.
fn erase_log(connection: &Connection, id: u32) -> Result<(), StoreError> {
    let mut segments = connection.prepare_cached("SELECT id FROM segments WHERE log = ?")?;
    let segments: Vec<i64> = segments.query_map([id], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for segment in segments {
        connection.execute_batch(&format!("DROP TABLE IF EXISTS {}", schema::segment_table(segment)))?;
    }
    for table in ["segments", "readers", "skips", "ahead"] {
        connection.execute(&format!("DELETE FROM {table} WHERE log = ?"), [id])?;
    }
    connection.execute("DELETE FROM logs WHERE id = ?", [id])?;
    // Numbers of logs are not given again.
    connection.execute(
        "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = max(value, excluded.value)",
        params![HIGHEST, id],
    )?;
    Ok(())
}

fn write_move(connection: &Connection, moved: &mut Move) -> Result<(), StoreError> {
    let (log, reader) = (moved.log.id, moved.cursor.reader.as_str());
    connection
        .prepare_cached(
            "INSERT INTO readers (log, name, position, confirmed) VALUES (?, ?, ?, ?)
             ON CONFLICT (log, name) DO UPDATE SET position = excluded.position, confirmed = excluded.confirmed",
        )?
        .execute(params![log, reader, moved.done.position as i64, moved.done.confirmed as i64])?;
    for sql in [
        "DELETE FROM skips WHERE log = ? AND reader = ? AND last <= ?",
        "DELETE FROM ahead WHERE log = ? AND reader = ? AND last <= ?",
    ] {
        connection.prepare_cached(sql)?.execute(params![log, reader, moved.done.position as i64])?;
    }
    // The reader of a queue never goes back; one of a log can be put back to read it all again.
    if moved.log.view().retention.queue || !moved.made.is_empty() {
        moved.ahead = moved.cursor.ahead_to_write(&moved.done, !moved.made.is_empty());
    }
    for (first, last) in &moved.ahead {
        connection
            .prepare_cached("INSERT OR REPLACE INTO ahead (log, reader, first, last) VALUES (?, ?, ?, ?)")?
            .execute(params![log, reader, *first as i64, *last as i64])?;
    }
    if !moved.given_up.is_empty() {
        let mut insert = connection
            .prepare_cached("INSERT OR REPLACE INTO skips (log, reader, first, last) VALUES (?, ?, ?, ?)")?;
        for (first, last) in moved.done.given_up() {
            insert.execute(params![log, reader, first as i64, last as i64])?;
        }
    }
    Ok(())
}

//! Writes recovered blocks into new segments.

use super::SalvageError;
use crate::store::block;
use crate::store::schema;
use rusqlite::{Connection, params};

/// So much of blocks stands in a segment, but for one that is larger by itself.
const FULL: u64 = 16 * 1024 * 1024;

/// A segment at a time is a transaction: not all of it is in the WAL of the new database at once.
pub struct Segments {
    id: i64,
    log: u32,
    open: Option<Open>,
}

struct Open {
    first: u64,
    last: u64,
    bytes: u64,
    oldest_ran_ms: Option<u64>,
    last_block: Vec<u8>,
}

impl Segments {
    pub fn new(into: &Connection) -> Result<Segments, SalvageError> {
        let id = into.query_row("SELECT coalesce(max(id), 0) FROM segments", [], |row| row.get(0))?;
        Ok(Segments { id, log: 0, open: None })
    }

    pub fn begin(&mut self, log: u32) {
        self.log = log;
    }

    pub fn push(&mut self, into: &Connection, first: u64, block: &[u8]) -> Result<(), SalvageError> {
        let full = |open: &Open| open.bytes + block.len() as u64 > FULL;
        if self.open.as_ref().is_some_and(full) {
            self.close(into)?;
        }
        // They were checked when they were read, a moment ago.
        let Ok(head) = block::check(block) else { return Ok(()) };
        if self.open.is_none() {
            self.id += 1;
            into.execute_batch("BEGIN")?;
            self.create(into, first)?;
            let records = block::open(block).ok();
            let oldest_ran_ms = records.and_then(|(_, records)| Some(records.first()?.1.ran_ms));
            self.open = Some(Open { first, last: first, bytes: 0, oldest_ran_ms, last_block: Vec::new() });
        }
        let sql = format!("INSERT INTO {} (first, block) VALUES (?, ?)", schema::segment_table(self.id));
        into.prepare_cached(&sql)?.execute(params![first as i64, block])?;
        if let Some(open) = &mut self.open {
            open.last = head.last();
            open.bytes += block.len() as u64;
            open.last_block.clear();
            open.last_block.extend_from_slice(block);
        }
        Ok(())
    }

    fn create(&self, into: &Connection, first: u64) -> Result<(), SalvageError> {
        into.execute_batch(&schema::create_segment(self.id))?;
        let sql = "INSERT INTO segments (id, log, first) VALUES (?, ?, ?)";
        into.execute(sql, params![self.id, self.log, first as i64])?;
        Ok(())
    }

    fn close(&mut self, into: &Connection) -> Result<(), SalvageError> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let records = block::open(&open.last_block).ok();
        let newest_ran_ms = records.and_then(|(_, records)| Some(records.last()?.1.ran_ms as i64));
        into.execute(
            "UPDATE segments SET last = ?, bytes = ?, oldest_ran_ms = ?, newest_ran_ms = ? WHERE id = ? AND first = ?",
            params![
                open.last as i64,
                open.bytes as i64,
                open.oldest_ran_ms.map(|ms| ms as i64),
                newest_ran_ms,
                self.id,
                open.first as i64
            ],
        )?;
        into.execute_batch("COMMIT")?;
        Ok(())
    }

    /// Ends a log with an empty segment, which says what its next sequence is.
    pub fn end(&mut self, into: &Connection, next: u64) -> Result<(), SalvageError> {
        self.close(into)?;
        self.id += 1;
        self.create(into, next)
    }
}

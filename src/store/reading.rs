//! Reads logs beside the writer, from a sequence on, block by block.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension};

use super::StoreError;
use super::block::{self, Record};
use super::database;
use super::log::{Log, Segment};
use super::schema::segment_table;

/// Connections for reading, opened when they are needed and kept.
pub struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

/// So many are kept open when nobody reads.
const IDLE: usize = 4;

/// What one read gave.
#[derive(Debug, Default)]
pub struct Page {
    pub records: Vec<(u64, Record)>,
    /// Sequences that should be there and are not, or cannot be read: first and last.
    pub gaps: Vec<(u64, u64)>,
    /// Where to read on.
    pub next: u64,
}

impl Readers {
    pub fn new(path: PathBuf) -> Readers {
        Readers { path, idle: Mutex::default() }
    }

    pub fn with<R>(&self, act: impl FnOnce(&Connection) -> Result<R, StoreError>) -> Result<R, StoreError> {
        let idle = self.lock().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => database::open_reader(&self.path)?,
        };
        let result = act(&connection);
        // One that failed may be of a file that is not there any more.
        if result.is_ok() {
            let mut idle = self.lock();
            if idle.len() < IDLE {
                idle.push(connection);
            }
        }
        result
    }

    /// Forgets the open connections: the file was replaced.
    pub fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads records from a sequence on: whole blocks, until there are `records` of them or so many bytes.
pub fn read(
    readers: &Readers,
    log: &Log,
    from: u64,
    records: usize,
    bytes: usize,
) -> Result<Page, StoreError> {
    // A segment that was dropped is known to be a moment later, and then it is not asked for again.
    let patience = Instant::now() + PATIENCE;
    loop {
        let end = log.next();
        let from = from.max(log.first());
        let Some(segment) = log.segment_at(from).filter(|_| from < end) else {
            return Ok(Page { next: from.max(1), ..Page::default() });
        };
        let page =
            readers.with(|connection| read_segment(connection, log, &segment, from, end, records, bytes));
        match page {
            Ok(page) => return Ok(page),
            Err(StoreError::Mistake(text)) if text.contains("no such table") && Instant::now() < patience => {
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(error) => return Err(error),
        }
    }
}

/// Between the commit that drops a segment and its end in the mirror the writer does next to nothing.
const PATIENCE: Duration = Duration::from_secs(10);

fn read_segment(
    connection: &Connection,
    log: &Log,
    segment: &Segment,
    from: u64,
    end: u64,
    records: usize,
    bytes: usize,
) -> Result<Page, StoreError> {
    let table = segment_table(segment.id);
    let last = segment.last.unwrap_or(end - 1).min(end - 1);
    let mut page = Page { next: from, ..Page::default() };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT first, block FROM {table}
         WHERE first >= coalesce((SELECT max(first) FROM {table} WHERE first <= ?1), 0) AND first <= ?2 ORDER BY first"
    ))?;
    let mut rows = statement.query([from as i64, last as i64])?;
    let mut weight = 0;
    while page.records.len() < records && weight < bytes {
        let Some(row) = rows.next()? else {
            // Records at the end of a segment may have been compacted away.
            page.miss(page.next, last, log);
            page.next = last + 1;
            return Ok(page);
        };
        let first = row.get::<_, i64>(0)? as u64;
        let block = row.get_ref(1)?.as_blob().map_err(|error| StoreError::Damaged(error.to_string()))?;
        let opened = block::open(block).ok().filter(|(head, _)| head.log == log.id && head.first == first);
        let Some((head, opened)) = opened else {
            // How far it went, the next block or the end of the segment tells.
            tracing::error!("log {}: the block at sequence {first} is damaged and skipped", log.name);
            continue;
        };
        if head.last() < from {
            continue;
        }
        page.miss(page.next, head.first.max(from) - 1, log);
        weight += block.len() * 3;
        page.next = head.last() + 1;
        page.records.extend(opened.into_iter().filter(|(sequence, _)| *sequence >= from));
    }
    Ok(page)
}

impl Page {
    /// Takes a range as missing, unless it is no wonder.
    fn miss(&mut self, first: u64, last: u64, log: &Log) {
        if first <= last && !log.view().retention.compact {
            self.gaps.push((first, last));
        }
    }
}

/// The first sequence whose record came in at this time or later, by the wall clock of then.
pub fn find_time(readers: &Readers, log: &Log, wall_ms: i64) -> Result<u64, StoreError> {
    let view = log.view();
    // The last segment that begins before the time; a clock that went back may let it begin too early, never too late.
    let mut begin = log.first();
    for segment in &view.segments {
        let first = readers.with(|connection| {
            let sql = format!("SELECT block FROM {} ORDER BY first LIMIT 1", segment_table(segment.id));
            Ok(connection.query_row(&sql, [], |row| row.get::<_, Vec<u8>>(0)).optional()?)
        });
        let Some(block) = first.ok().flatten() else { continue };
        let Ok((head, records)) = block::open(&block) else { continue };
        if records.first().is_some_and(|(_, record)| record.wall_ms >= wall_ms) {
            break;
        }
        begin = head.first;
    }
    let mut at = begin;
    loop {
        let page = read(readers, log, at, 4_096, 1024 * 1024)?;
        if let Some((sequence, _)) = page.records.iter().find(|(_, record)| record.wall_ms >= wall_ms) {
            return Ok(*sequence);
        }
        if page.next <= at || page.next >= log.next() {
            return Ok(log.next());
        }
        at = page.next;
    }
}

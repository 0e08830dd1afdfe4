//! Every log there is, by name.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension};
use tidegate_nodes::value::Str;

use super::StoreError;
use super::block;
use super::cursor::{Cursor, Done};
use super::log::{Log, Retention, Segment, View};
use super::schema::segment_table;

/// Where the highest number of a log is noted, in the table `meta`.
pub const HIGHEST: &str = "highest_log";

#[derive(Default)]
pub struct Catalog {
    logs: Mutex<BTreeMap<Str, Arc<Log>>>,
    /// The highest number of a log ever given, those that are gone included: blocks of theirs may still be found.
    highest: AtomicU32,
}

impl Catalog {
    /// Reads what a database has. How far each log goes stands in its last block.
    pub fn load(connection: &Connection) -> Result<Catalog, StoreError> {
        let mut logs = BTreeMap::new();
        let mut statement = connection.prepare("SELECT id, name, settings FROM logs ORDER BY id")?;
        let rows = statement.query_map([], |row| {
            Ok((row.get::<_, u32>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
        })?;
        for row in rows {
            let (id, name, settings) = row?;
            let retention: Retention = serde_json::from_str(&settings).unwrap_or_else(|error| {
                tracing::warn!(
                    "the settings of the log {name} cannot be read ({error}); it keeps everything"
                );
                Retention::default()
            });
            let log = load_log(connection, id, Str::from(name), retention)?;
            logs.insert(log.name.clone(), log);
        }
        let used = logs.values().map(|log: &Arc<Log>| log.id).max().unwrap_or(0);
        let noted = connection.query_row("SELECT value FROM meta WHERE key = ?", [HIGHEST], |row| row.get(0));
        let highest = noted.optional()?.unwrap_or(0).max(used);
        Ok(Catalog { logs: Mutex::new(logs), highest: AtomicU32::new(highest) })
    }

    pub fn get(&self, name: &str) -> Option<Arc<Log>> {
        self.lock().get(name).cloned()
    }

    /// The log of this name; a new one is in the database from its first record on.
    pub fn get_or_make(&self, name: &str, retention: &Retention) -> Arc<Log> {
        let mut logs = self.lock();
        if let Some(log) = logs.get(name) {
            return log.clone();
        }
        let id = self.highest.fetch_add(1, Ordering::Relaxed) + 1;
        let view = View { retention: retention.clone(), segments: Vec::new() };
        let log = Log::new(id, Str::new(name), view, 1);
        logs.insert(log.name.clone(), log.clone());
        log
    }

    /// Forgets a log, which is taken out of the database by who calls this.
    pub fn remove(&self, name: &str) -> Option<Arc<Log>> {
        self.lock().remove(name)
    }

    pub fn all(&self) -> Vec<Arc<Log>> {
        self.lock().values().cloned().collect()
    }

    pub fn next_segment(connection: &Connection) -> Result<i64, StoreError> {
        Ok(connection.query_row("SELECT coalesce(max(id), 0) + 1 FROM segments", [], |row| row.get(0))?)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Str, Arc<Log>>> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn load_log(
    connection: &Connection,
    id: u32,
    name: Str,
    retention: Retention,
) -> Result<Arc<Log>, StoreError> {
    let mut segments = connection
        .prepare_cached(
            "SELECT id, first, last, bytes, oldest_ran_ms, newest_ran_ms FROM segments WHERE log = ? ORDER BY first, id",
        )?
        .query_map([id], |row| {
            let number = |at| row.get::<_, Option<i64>>(at).map(|n| n.map(|n| n as u64));
            Ok(Segment {
                id: row.get(0)?,
                first: row.get::<_, i64>(1)? as u64,
                last: number(2)?,
                bytes: number(3)?.unwrap_or(0),
                oldest_ran_ms: number(4)?,
                newest_ran_ms: number(5)?,
            })
        })?
        .collect::<Result<Vec<_>, _>>()?;
    let mut next = 1;
    if let Some(segment) = segments.last_mut() {
        next = finish_loading(connection, segment)?;
    }
    let log = Log::new(id, name, View { retention, segments }, next);
    let mut readers =
        connection.prepare_cached("SELECT name, position, confirmed FROM readers WHERE log = ?")?;
    let rows = readers.query_map([id], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)? as u64, row.get::<_, i64>(2)? as u64))
    })?;
    for row in rows {
        let (reader, position, confirmed) = row?;
        let mut done = Done { position, confirmed, ..Done::default() };
        for (first, last) in ranges(connection, "skips", id, &reader)? {
            done.add(first, last, false);
        }
        let ahead =
            if has_ahead(connection)? { ranges(connection, "ahead", id, &reader)? } else { Vec::new() };
        for &(first, last) in &ahead {
            done.add(first, last, true);
        }
        let cursor = Cursor::new(&reader, 0, 0);
        cursor.reset(done.clone());
        cursor.written(&done, &ahead);
        log.put_cursor(cursor);
    }
    Ok(log)
}

/// A database that no gateway of this version has opened yet may be looked at.
fn has_ahead(connection: &Connection) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'ahead')";
    Ok(connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
}

fn ranges(
    connection: &Connection,
    table: &str,
    log: u32,
    reader: &str,
) -> Result<Vec<(u64, u64)>, StoreError> {
    let sql = format!("SELECT first, last FROM {table} WHERE log = ? AND reader = ? ORDER BY first");
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement
        .query_map((log, reader), |row| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What is written down of a segment only when it is closed: read from its table. Gives the next sequence.
fn finish_loading(connection: &Connection, segment: &mut Segment) -> Result<u64, StoreError> {
    let table = segment_table(segment.id);
    if let Some(last) = segment.last {
        return Ok(last + 1);
    }
    let ends = |order: &str| -> Result<Option<Vec<u8>>, StoreError> {
        let sql = format!("SELECT block FROM {table} ORDER BY first {order} LIMIT 1");
        Ok(connection.query_row(&sql, [], |row| row.get(0)).optional()?)
    };
    let open = |block: Vec<u8>| {
        block::open(&block).map_err(|error| StoreError::Damaged(format!("a block of {table}: {error}")))
    };
    segment.bytes =
        connection.query_row(&format!("SELECT coalesce(sum(length(block)), 0) FROM {table}"), [], |row| {
            Ok(row.get::<_, i64>(0)? as u64)
        })?;
    let Some(newest) = ends("DESC")? else { return Ok(segment.first) };
    let (head, records) = open(newest)?;
    segment.newest_ran_ms = records.last().map(|(_, record)| record.ran_ms);
    if let Some(oldest) = ends("ASC")? {
        segment.oldest_ran_ms = open(oldest)?.1.first().map(|(_, record)| record.ran_ms);
    }
    Ok(head.last() + 1)
}

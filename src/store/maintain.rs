//! Drops what need not be kept any more, whole segments at a time, and folds the ledger. Once a second, in the writer.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;

use super::StoreError;
use super::batch::{Batch, Segments};
use super::catalog::Catalog;
use super::database::PAGE;
use super::directory::Directory;
use super::ledger::{self, Entry, Ledger, Reason};
use super::log::{Log, Segment};
use super::odometer::Odometer;
use super::schema::segment_table;

/// How it keeps house. Tests make it small, so that little data goes through all of it.
#[derive(Debug, Clone, Copy)]
pub struct Upkeep {
    /// A segment is closed when it holds so much. Small enough to be dropped in a moment, and for a log that keeps little.
    pub segment_bytes: u64,
    /// How often old segments are looked for.
    pub every: Duration,
}

impl Default for Upkeep {
    fn default() -> Upkeep {
        Upkeep { segment_bytes: 4 * 1024 * 1024, every: Duration::from_secs(1) }
    }
}

/// So many segments are dropped in one transaction: on a full disk it must stay small.
const AT_ONCE: usize = 32;

pub fn run(
    connection: &Connection,
    catalog: &Catalog,
    ledger: &mut Ledger,
    odometer: &Odometer,
) -> Result<(), StoreError> {
    for log in catalog.all() {
        let drop = droppable(&log, odometer.ran_ms());
        for some in drop.chunks(AT_ONCE) {
            drop_segments(connection, &log, some, ledger, odometer)?;
        }
        if log.view().retention.compact {
            super::compact::run(connection, &log)?;
        }
    }
    connection.execute_batch("BEGIN IMMEDIATE")?;
    if ledger::fold(connection)? {
        ledger.forget();
    }
    connection.execute_batch("COMMIT")?;
    Ok(())
}

/// Why the write-ahead log is much larger than it should be. It is emptied as it goes, but not while somebody reads what
/// stands in it.
pub fn overgrown(directory: &Directory, checkpoint_pages: i64) -> Option<String> {
    let bytes = std::fs::metadata(directory.file(DATA_LOG)).ok()?.len();
    let usual = checkpoint_pages as u64 * PAGE as u64;
    (bytes > OVERGROWN * usual).then(|| {
        format!(
            "the write-ahead log {DATA_LOG} has grown to {:.0} MiB and cannot be emptied: another program has had \
             data.db open for a long time, a backup or a database browser; end it",
            bytes as f64 / (1024.0 * 1024.0)
        )
    })
}

/// SQLite's own name for it.
const DATA_LOG: &str = "data.db-wal";
/// A commit may be larger than the log should be, and a log is only cut when it begins anew.
const OVERGROWN: u64 = 8;

/// The oldest segments that go: never the one that is written to.
fn droppable(log: &Log, ran_ms: u64) -> Vec<Segment> {
    let view = log.view();
    let retention = &view.retention;
    let mut bytes: u64 = view.segments.iter().map(|segment| segment.bytes).sum();
    let next = log.next();
    let position =
        retention.queue.then(|| log.readers().iter().map(|cursor| cursor.position()).min().unwrap_or(0));
    let mut drop = Vec::new();
    for segment in view.segments {
        let Some(last) = segment.last else { break };
        let old = |max: u64| segment.newest_ran_ms.is_some_and(|newest| newest + max < ran_ms);
        let goes = match position {
            // A queue with a limit, the dead letters, drops also what nobody has dealt with.
            Some(position) => last <= position || retention.max_bytes.is_some_and(|max| bytes > max),
            None => {
                retention.max_bytes.is_some_and(|max| bytes > max)
                    || retention
                        .max_messages
                        .is_some_and(|max| next - segment.first > max && next - last > max)
                    || retention.max_age_ms.is_some_and(old)
            }
        };
        if !goes {
            break;
        }
        bytes -= segment.bytes;
        drop.push(segment);
    }
    drop
}

fn drop_segments(
    connection: &Connection,
    log: &Arc<Log>,
    segments: &[Segment],
    ledger: &mut Ledger,
    odometer: &Odometer,
) -> Result<(), StoreError> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    // No segment is begun here, so the number does not matter.
    let mut no_segment = Segments { next: 0, bytes: 0 };
    let mut batch = Batch::new(connection, ledger, &mut no_segment, odometer.wall_ms(), odometer.ran_ms());
    let ids: Vec<i64> = segments.iter().map(|segment| segment.id).collect();
    for id in &ids {
        connection.execute_batch(&format!("DROP TABLE IF EXISTS {}", segment_table(*id)))?;
        connection.execute("DELETE FROM segments WHERE id = ?", [id])?;
    }
    let mut reserved = Vec::new();
    let last = segments.last().and_then(|segment| segment.last).unwrap_or(0);
    for cursor in log.readers() {
        // The reader of a queue is known to be past them, but that may not be on the disk yet. Without it a crash would
        // leave it at sequences that nobody can ever confirm.
        if log.view().retention.queue {
            batch.advance(log, &cursor);
        }
        // A reader that had not come so far does not find them any more: that is counted.
        let missed = cursor.reserve(cursor.position() + 1, last);
        for &(first, last) in &missed.parts {
            let reader = &cursor.reader;
            let entry = Entry {
                scope: log.name.clone(),
                reason: Reason::Overtaken,
                count: last + 1 - first,
                range: Some((first, last)),
                detail: format!(
                    "the log dropped them, as its retention says, before {reader} was done with them"
                ),
            };
            batch.give_up(log, &cursor, entry);
        }
        reserved.push(missed);
    }
    batch.write()?;
    connection.execute_batch("COMMIT")?;
    batch.publish();
    drop(reserved);
    log.dropped(&ids);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::super::{Commit, Options, Record, Retention, Setup, Store};
    use super::*;

    #[test]
    fn a_log_that_cannot_be_emptied_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let setup = Setup { checkpoint_pages: 10, ..Setup::default() };
        let upkeep = Upkeep { every: Duration::ZERO, ..Upkeep::default() };
        let store = Store::open(dir.path(), Options { setup, upkeep, ..Options::default() }).unwrap();
        let log = store.log("history", &Retention::default());
        let write_until = |so: &dyn Fn(Option<String>) -> bool| {
            let end = Instant::now() + Duration::from_secs(60);
            while !so(store.health().warning) {
                assert!(Instant::now() < end, "{:?}", store.health());
                let records = vec![(log.clone(), Record::default())];
                let commit = Commit { records, ..Commit::default() };
                store.submit_and_wait(commit, Duration::from_secs(10)).unwrap();
            }
        };
        write_until(&|warning| warning.is_none());
        let other = Connection::open(dir.path().join("data.db")).unwrap();
        other.execute_batch("BEGIN; SELECT count(*) FROM sqlite_master").unwrap();
        write_until(&|warning| warning.is_some_and(|warning| warning.contains("another program")));
        other.execute_batch("COMMIT").unwrap();
        write_until(&|warning| warning.is_none());
    }
}

//! Compaction by key: of closed segments only the newest record of each key is kept. The last value a key, for ever, in
//! little space.

use std::collections::HashSet;
use std::sync::Arc;

use rusqlite::Connection;

use super::StoreError;
use super::block::{self, Blocks, Record};
use super::log::{Log, Segment};
use super::schema::{create_segment, segment_table};

/// It is done again when there are so many closed segments: each time the last values are read anew.
const SEGMENTS: usize = 4;
/// So many different keys are told apart; of more the older stay as they are.
const KEYS: usize = 1_000_000;

/// Compacts a log if it is time.
pub fn run(connection: &Connection, log: &Arc<Log>) -> Result<(), StoreError> {
    let closed: Vec<Segment> =
        log.view().segments.into_iter().filter(|segment| segment.last.is_some()).collect();
    if closed.len() < SEGMENTS {
        return Ok(());
    }
    // From the newest to the oldest: what was seen before is newer. What is open counts too.
    let mut seen: HashSet<u64> = HashSet::new();
    if let Some(open) = log.last_segment().filter(|segment| segment.last.is_none()) {
        survivors(connection, &open, &mut seen)?;
    }
    let mut kept: Vec<Vec<(u64, Record)>> = Vec::new();
    for segment in closed.iter().rev() {
        kept.push(survivors(connection, segment, &mut seen)?);
    }
    kept.reverse();

    // They become one segment, in the place of the newest of them.
    let Some((target, others)) = closed.split_last() else { return Ok(()) };
    let first = closed[0].first;
    let mut blocks = Blocks::new(log.id, first);
    for (sequence, record) in kept.iter().flatten() {
        blocks.push_at(*sequence, record);
    }
    blocks.finish();
    let mut merged = Segment { first, bytes: 0, oldest_ran_ms: closed[0].oldest_ran_ms, ..target.clone() };
    connection.execute_batch("BEGIN IMMEDIATE")?;
    for segment in &closed {
        connection.execute_batch(&format!("DROP TABLE {}", segment_table(segment.id)))?;
    }
    connection.execute_batch(&create_segment(target.id))?;
    let mut insert = connection
        .prepare(&format!("INSERT INTO {} (first, block) VALUES (?, ?)", segment_table(target.id)))?;
    for (head, block) in &blocks.finished {
        insert.execute((head.first as i64, block))?;
        merged.bytes += block.len() as u64;
    }
    drop(insert);
    for segment in others {
        connection.execute("DELETE FROM segments WHERE id = ?", [segment.id])?;
    }
    connection.execute(
        "UPDATE segments SET first = ?2, bytes = ?3, oldest_ran_ms = ?4 WHERE id = ?1",
        (target.id, first as i64, merged.bytes as i64, merged.oldest_ran_ms.map(|ms| ms as i64)),
    )?;
    connection.execute_batch("COMMIT")?;
    let ids: Vec<i64> = others.iter().map(|segment| segment.id).collect();
    log.merged(&ids, merged);
    Ok(())
}

/// The records of a segment whose key was not seen before, in order. Records without a key stay.
fn survivors(
    connection: &Connection,
    segment: &Segment,
    seen: &mut HashSet<u64>,
) -> Result<Vec<(u64, Record)>, StoreError> {
    let mut statement = connection
        .prepare(&format!("SELECT block FROM {} ORDER BY first DESC", segment_table(segment.id)))?;
    let mut rows = statement.query([])?;
    let mut kept = Vec::new();
    while let Some(row) = rows.next()? {
        let block = row.get_ref(0)?.as_blob().map_err(|error| StoreError::Damaged(error.to_string()))?;
        let (_, records) = block::open(block)
            .map_err(|error| StoreError::Damaged(format!("a block of segment {}: {error}", segment.id)))?;
        for (sequence, record) in records.into_iter().rev() {
            let newest = match &record.key {
                Some(_) if seen.len() >= KEYS => true,
                Some(key) => seen.insert(hash(key)),
                None => true,
            };
            if newest {
                kept.push((sequence, record));
            }
        }
    }
    kept.reverse();
    Ok(kept)
}

/// 64 bits tell a million keys apart but for one chance in forty million; a fixed hash, so that a run can be repeated.
fn hash(key: &str) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

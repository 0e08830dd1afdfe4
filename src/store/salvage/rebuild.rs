//! Makes a new database of a damaged one.

use super::SalvageError;
use super::merge::{Candidate, Merge, Piece};
use super::pages::{MAX_SEQUENCE, Pages, Rank};
use super::report::{LogReport, Report};
use super::source::Source;
use super::tables::{Outcome, Table};
use super::view::View;
use super::write::Segments;
use crate::store::block::{self, Blocks};
use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};
use std::collections::BTreeMap;
use std::path::Path;

/// A number this far beyond all else that is known was overwritten. Taken for true it would be a gap that nobody believes,
/// or a reader that skips all that will ever come.
const BEYOND_BELIEF: u64 = 1 << 32;

/// What the tables and the blocks say of a log.
#[derive(Debug, Default)]
struct Known {
    name: Option<String>,
    /// The first sequence of its oldest segment.
    floor: Option<u64>,
    /// The last sequence that a segment or a block speaks of.
    high: u64,
    /// Of its readers: the position of the slowest, and that of the fastest.
    slowest: Option<u64>,
    fastest: u64,
    /// A block of it stands where SQLite would read it, or was committed.
    live: bool,
    found: bool,
}

/// Reads all that can be read of a damaged database, and puts it into a fresh one. Nothing else is written but a second
/// name of the damaged file beside it, which is taken away at the end. What is read does not fail, what is written may.
/// Until it returns, `into` is unfinished and to be thrown away.
pub fn rebuild(damaged: &Path, into: &mut Connection) -> Result<Report, SalvageError> {
    let source = Source::open(damaged).map_err(SalvageError::Read)?;
    let mut report = Report::default();
    if let Some(damage) = source.wal.damage(true) {
        report.notes.push(damage);
    }
    let mut pages = Pages::new(&source);
    collect(&mut pages, into)?;
    let view = View::open(damaged, &source);
    report.notes.extend(view.note.clone());
    let mut known = blocks_by_log(into)?;
    let transaction = into.transaction()?;
    copy_tables(&view, &transaction, &mut known, &mut report)?;
    transaction.commit()?;
    drop(view);
    let mut segments = Segments::new(into)?;
    for (&id, log) in &known {
        let Some(name) = &log.name else { continue };
        let mut its = LogReport { name: name.clone(), named_anew: false, ..LogReport::default() };
        its.named_anew = report.logs.get(&id).is_some_and(|log| log.named_anew);
        copy_log(id, log, &pages, into, &mut segments, &mut its)?;
        report.logs.insert(id, its);
    }
    into.execute_batch("DROP TABLE salvage_found")?;
    Ok(report)
}

/// Where all blocks are. It is on disk, for there may be millions.
fn collect(pages: &mut Pages<'_>, into: &mut Connection) -> Result<(), SalvageError> {
    let transaction = into.transaction()?;
    transaction.execute_batch(
        "CREATE TABLE salvage_found (
            log INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, rank INTEGER NOT NULL,
            page INTEGER NOT NULL, frame INTEGER NOT NULL, at INTEGER NOT NULL, astray INTEGER NOT NULL,
            PRIMARY KEY (log, first, last)) WITHOUT ROWID",
    )?;
    {
        let mut insert = transaction.prepare(
            "INSERT INTO salvage_found VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT DO UPDATE SET rank = ?4, page = ?5, frame = ?6, at = ?7, astray = ?8
             WHERE ?4 < rank OR (?4 = rank AND ?8 < astray)",
        )?;
        pages.scan(|found| {
            let (head, image) = (found.head, found.image);
            let place = params![
                head.log,
                head.first as i64,
                head.last() as i64,
                found.rank as u8,
                image.page,
                image.frame as i64,
                found.at as i64,
                found.astray
            ];
            insert.execute(place).map(|_| ())
        })?;
        let mut remove =
            transaction.prepare("DELETE FROM salvage_found WHERE log = ? AND first = ? AND last = ?")?;
        let mut astray =
            transaction.prepare("SELECT log, first, last, page FROM salvage_found WHERE astray")?;
        let mut rows = astray.query([])?;
        let mut no_blocks = Vec::new();
        while let Some(row) = rows.next()? {
            if pages.rests.has(row.get(3)?) {
                no_blocks.push((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?));
            }
        }
        for key in no_blocks {
            remove.execute(key)?;
        }
    }
    transaction.commit()?;
    Ok(())
}

fn blocks_by_log(into: &Connection) -> Result<BTreeMap<u32, Known>, SalvageError> {
    let mut known = BTreeMap::new();
    let mut logs = into.prepare("SELECT log, max(last), min(rank) FROM salvage_found GROUP BY log")?;
    let mut rows = logs.query([])?;
    while let Some(row) = rows.next()? {
        let live = row.get::<_, u8>(2)? < Rank::Old as u8;
        let high = row.get::<_, i64>(1)? as u64;
        known.insert(row.get(0)?, Known { high, live, found: true, ..Known::default() });
    }
    Ok(known)
}

type Logs = BTreeMap<u32, Known>;

fn copy_tables(
    view: &View,
    into: &Connection,
    known: &mut Logs,
    report: &mut Report,
) -> Result<(), SalvageError> {
    let mut read = |name: &str, row: &mut dyn FnMut(&[Value]) -> Result<bool, SalvageError>| {
        let table = Table::named(name);
        let outcome = match &view.connection {
            Some(connection) if table.is_not_there_yet(connection) => Outcome::default(),
            Some(connection) => table.read(connection, row)?,
            None => Outcome { senseless: 0, error: Some("the database cannot be opened".to_owned()) },
        };
        let rows = format!("{} rows make no sense", outcome.senseless);
        match &outcome.error {
            Some(error) => _ = report.unreadable.insert(table.name, error.clone()),
            None if outcome.senseless > 0 => _ = report.unreadable.insert(table.name, rows),
            None => {}
        }
        Ok::<bool, SalvageError>(outcome.is_complete())
    };
    let copy = |name: &str, values: &[Value]| insert(into, Table::named(name), values);

    let logs_complete = read("logs", &mut |row| {
        let (Some(id), Value::Text(name)) = (log_id(&row[0]), &row[1]) else { return Ok(false) };
        let whole = copy("logs", row)?;
        if whole {
            known.entry(id).or_default().name = Some(name.clone());
        }
        Ok(whole)
    })?;
    let segments_complete = read("segments", &mut |row| {
        let (Some(id), Some(first)) = (log_id(&row[1]), sequence(&row[2])) else { return Ok(false) };
        let log = known.entry(id).or_default();
        let last = sequence(&row[3]).unwrap_or(first.saturating_sub(1));
        if first == 0 || last.max(first) > log.high.saturating_add(BEYOND_BELIEF) {
            return Ok(false);
        }
        log.high = log.high.max(last);
        log.floor = Some(log.floor.map_or(first, |floor| floor.min(first)));
        Ok(true)
    })?;
    if !segments_complete {
        known.values_mut().for_each(|log| log.floor = None);
    }
    read("readers", &mut |row| {
        let (Some(id), Some(position)) = (log_id(&row[0]), sequence(&row[2])) else { return Ok(false) };
        let log = known.entry(id).or_default();
        if position > log.high.saturating_add(BEYOND_BELIEF) || !copy("readers", row)? {
            return Ok(false);
        }
        log.slowest = Some(log.slowest.map_or(position, |slowest| slowest.min(position)));
        log.fastest = log.fastest.max(position);
        Ok(true)
    })?;
    for name in ["skips", "ahead"] {
        read(name, &mut |row| {
            let (Some(id), Some(first), Some(last)) = (log_id(&row[0]), sequence(&row[2]), sequence(&row[3]))
            else {
                return Ok(false);
            };
            let log = known.entry(id).or_default();
            if first > last || last > log.high.saturating_add(BEYOND_BELIEF) || !copy(name, row)? {
                return Ok(false);
            }
            // What comes next must not be among what a reader is done with.
            log.fastest = log.fastest.max(last);
            Ok(true)
        })?;
    }
    for name in ["meta", "state", "context", "ledger", "ledger_totals"] {
        read(name, &mut |row| copy(name, row))?;
    }
    name_the_nameless(into, known, logs_complete, report)
}

/// Logs whose row is lost. A log that has neither a row nor a block in use was taken away, and stays away.
fn name_the_nameless(
    into: &Connection,
    known: &mut Logs,
    logs_complete: bool,
    report: &mut Report,
) -> Result<(), SalvageError> {
    for (&id, log) in known.iter_mut().filter(|(_, log)| log.name.is_none()) {
        let is_spoken_of = log.found || log.floor.is_some() || log.slowest.is_some();
        if !(log.live || (is_spoken_of && !logs_complete)) {
            continue;
        }
        let mut name = format!("salvaged-{id}");
        let mut insert = into.prepare_cached("INSERT OR IGNORE INTO logs (id, name) VALUES (?, ?)")?;
        while insert.execute(params![id, name])? == 0 {
            name.push_str("-again");
        }
        report.logs.insert(id, LogReport { named_anew: true, ..LogReport::default() });
        log.name = Some(name);
    }
    // Another log may get that id one day, and its first records are not to be behind a reader that it never had.
    into.execute_batch(
        "DELETE FROM readers WHERE log NOT IN (SELECT id FROM logs);
         DELETE FROM skips WHERE log NOT IN (SELECT id FROM logs);
         DELETE FROM ahead WHERE log NOT IN (SELECT id FROM logs)",
    )?;
    Ok(())
}

/// Copies a row; false if the new table does not take it. One that is there already stays as it is.
fn insert(into: &Connection, table: &Table, values: &[Value]) -> Result<bool, SalvageError> {
    let marks = vec!["?"; values.len()].join(", ");
    let sql =
        format!("INSERT INTO {} ({}) VALUES ({marks}) ON CONFLICT DO NOTHING", table.name, table.list());
    match into.prepare_cached(&sql)?.execute(params_from_iter(values)) {
        Ok(_) => Ok(true),
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation) => {
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

fn log_id(value: &Value) -> Option<u32> {
    match value {
        Value::Integer(id) => u32::try_from(*id).ok(),
        _ => None,
    }
}

fn sequence(value: &Value) -> Option<u64> {
    match value {
        Value::Integer(n) => u64::try_from(*n).ok().filter(|n| *n < MAX_SEQUENCE),
        _ => None,
    }
}

/// Puts the blocks of a log in order, writes them into segments, and what is missing between them into the ledger.
fn copy_log(
    id: u32,
    log: &Known,
    pages: &Pages<'_>,
    into: &Connection,
    segments: &mut Segments,
    report: &mut LogReport,
) -> Result<(), SalvageError> {
    // Of what may have been dropped, the tables say whether it was: all in front of the oldest segment.
    let floor = log.floor.unwrap_or(0);
    let mut candidates = Candidates { into, log: id, floor, after: (0, 0), batch: Vec::new().into_iter() };
    let mut merge = Merge::default();
    let mut expected = None;
    let gaps_from = log.floor.or(log.slowest.map(|slowest| slowest + 1));
    segments.begin(id);
    while let Some(piece) = merge.next(|| candidates.next())? {
        let from = *expected.get_or_insert(gaps_from.unwrap_or(piece.from));
        let Some(blocks) = blocks_of(&piece, id, pages) else { continue };
        if piece.from > from {
            gap(into, report, from, piece.from - 1)?;
        }
        expected = Some(from.max(piece.to + 1));
        report.records += piece.to - piece.from + 1;
        for (first, block) in blocks {
            report.blocks += 1;
            segments.push(into, first, &block)?;
        }
    }
    let last = log.high.max(log.fastest);
    let from = expected.or(gaps_from).unwrap_or(last + 1);
    if from <= last {
        gap(into, report, from, last)?;
    }
    report.next = from.max(last + 1);
    segments.end(into, report.next)?;
    Ok(())
}

/// The blocks for what was chosen of a block: itself, or new ones with a part of its records.
fn blocks_of(piece: &Piece, log: u32, pages: &Pages<'_>) -> Option<Vec<(u64, Vec<u8>)>> {
    let candidate = &piece.of;
    let whole = pages.block(candidate.image, candidate.at)?;
    if (piece.from, piece.to) == (candidate.first, candidate.last) {
        return Some(vec![(piece.from, whole)]);
    }
    let (_, opened) = block::open(&whole).ok()?;
    let mut blocks = Blocks::new(log, piece.from);
    let chosen = opened.iter().filter(|(sequence, _)| (piece.from..=piece.to).contains(sequence));
    chosen.for_each(|(_, record)| _ = blocks.push(record));
    blocks.finish();
    Some(blocks.finished.into_iter().map(|(head, block)| (head.first, block)).collect())
}

fn gap(into: &Connection, report: &mut LogReport, first: u64, last: u64) -> Result<(), SalvageError> {
    report.gap(first, last);
    let mut insert = into.prepare_cached(
        "INSERT INTO ledger (wall_ms, scope, reason, count, first, last, detail)
         VALUES (CAST(unixepoch('subsec') * 1000 AS INTEGER), ?, 'salvage gap', ?, ?, ?,
                 'the database was damaged, and these records could not be recovered')",
    )?;
    insert.execute(params![report.name, (last - first + 1) as i64, first as i64, last as i64])?;
    Ok(())
}

/// The blocks that were found of a log, by their first sequence.
struct Candidates<'c> {
    into: &'c Connection,
    log: u32,
    floor: u64,
    after: (i64, i64),
    batch: std::vec::IntoIter<Candidate>,
}

impl Candidates<'_> {
    fn next(&mut self) -> Result<Option<Candidate>, SalvageError> {
        if self.batch.len() == 0 {
            let mut select = self.into.prepare_cached(
                "SELECT first, last, rank, page, frame, at FROM salvage_found
                 WHERE log = ?1 AND (first, last) > (?2, ?3) AND (rank < ?4 OR last >= ?5)
                 ORDER BY first, last LIMIT 500",
            )?;
            let (first, last) = self.after;
            let bounds = params![self.log, first, last, Rank::Old as u8, self.floor as i64];
            let batch = select.query_map(bounds, Candidate::of_row)?.collect::<Result<Vec<_>, _>>()?;
            self.batch = batch.into_iter();
        }
        let next = self.batch.next();
        if let Some(next) = &next {
            self.after = (next.first as i64, next.last as i64);
        }
        Ok(next)
    }
}

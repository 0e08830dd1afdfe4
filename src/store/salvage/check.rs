//! The quick check at the start of the gateway.

use super::tables::TABLES;
use super::{SalvageError, view, wal};
use crate::store::block;
use crate::store::schema::segment_table;
use rusqlite::{Connection, OpenFlags};
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Why a database is damaged, in words for a person; none if nothing is wrong with it, or if there is none yet. It looks
/// at the WAL, at the small tables and at the newest segment of each log: older segments are checked later.
/// It changes neither the database nor its WAL, and the database must not be open elsewhere.
/// `synced`: whether each commit was on the disk before the next began.
pub fn damaged(database: &Path, synced: bool) -> Result<Option<String>, SalvageError> {
    let wal = wal::look(database).map_err(SalvageError::Read)?;
    if let Some(damage) = wal.damage(synced) {
        return Ok(Some(damage));
    }
    let length = match fs::metadata(database) {
        Ok(file) => file.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
        Err(error) => return Err(SalvageError::Read(error)),
    };
    if length == 0 {
        let lost = "there is a write-ahead log, but the database that it belongs to is gone or empty";
        return Ok((wal.committed > 0).then(|| lost.to_owned()));
    }
    if let Some(why) = bad_file(database, length, &wal) {
        return Ok(Some(why));
    }
    match tables(database, &wal) {
        Err(error) if is_of_the_system(&error) => Err(SalvageError::Open(error)),
        Err(error) => Ok(Some(format!("the database cannot be read: {error}"))),
        Ok(why) => Ok(why),
    }
}

fn bad_file(database: &Path, length: u64, wal: &wal::Wal) -> Option<String> {
    let Some(page_size) = wal::page_size_of(database) else {
        return Some("the header of the database is damaged".to_owned());
    };
    if wal.committed > 0 && wal.page_size != page_size {
        return Some("the database and its write-ahead log have pages of different sizes".to_owned());
    }
    // A checkpoint that was cut off leaves a file that is too short; the WAL has the rest then.
    let there = (length / page_size as u64) as u32;
    let pages = match wal.pages_after(wal.committed) {
        0 => pages_in_header(database)?,
        pages => pages,
    };
    let in_wal = wal.frames[..wal.committed].iter().map(|frame| frame.page);
    let behind: HashSet<u32> = in_wal.filter(|page| *page > there && *page <= pages).collect();
    let missing = pages.saturating_sub(there) as usize;
    (behind.len() < missing)
        .then(|| format!("the end of the database is missing: {} pages", missing - behind.len()))
}

fn pages_in_header(database: &Path) -> Option<u32> {
    use std::os::unix::fs::FileExt;
    let mut header = [0; 100];
    fs::File::open(database).ok()?.read_exact_at(&mut header, 0).ok()?;
    // Only while both counters are the same is it kept up to date.
    Some(if header[24..28] == header[92..96] { wal::word(&header, 28) } else { 0 })
}

/// What no rebuilding helps against, and what may be gone in a minute.
fn is_of_the_system(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{
        CannotOpen, DatabaseBusy, DatabaseLocked, DiskFull, OutOfMemory, PermissionDenied, ReadOnly,
        SystemIoFailure,
    };
    let code = error.sqlite_error_code();
    [
        CannotOpen,
        DatabaseBusy,
        DatabaseLocked,
        DiskFull,
        OutOfMemory,
        PermissionDenied,
        ReadOnly,
        SystemIoFailure,
    ]
    .iter()
    .any(|of_the_system| code == Some(*of_the_system))
}

fn tables(database: &Path, wal: &wal::Wal) -> rusqlite::Result<Option<String>> {
    let mut shared = database.as_os_str().to_owned();
    shared.push("-shm");
    let shared = PathBuf::from(shared);
    let had_shared = shared.exists();
    let connection = match wal.committed {
        0 => view::immutable(database)?,
        // A connection that only reads makes an index of the WAL in memory, and writes into neither file.
        _ => Connection::open_with_flags(
            database,
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?,
    };
    connection.pragma_update(None, "writable_schema", false)?;
    let why = check_tables(&connection);
    drop(connection);
    if !had_shared {
        // Left there it would be taken away by the next that opens the database.
        let _ = fs::remove_file(shared);
    }
    why
}

fn check_tables(connection: &Connection) -> rusqlite::Result<Option<String>> {
    // Its tables were about to be made: nothing was ever acknowledged.
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    if number("PRAGMA page_count")? <= 1 && number("SELECT count(*) FROM sqlite_master")? == 0 {
        return Ok(None);
    }
    for table in TABLES.iter().filter(|table| !table.is_not_there_yet(connection)) {
        if let Some(why) = quick_check(connection, table.name)? {
            return Ok(Some(why));
        }
        let outcome = table.read(connection, &mut |_| Ok::<_, rusqlite::Error>(true))?;
        if let Some(error) = outcome.error {
            return Ok(Some(format!("table {} cannot be read: {error}", table.name)));
        }
        if outcome.senseless > 0 {
            return Ok(Some(format!("table {} has rows that make no sense", table.name)));
        }
    }
    let mut newest = connection.prepare("SELECT log, max(id), first FROM segments GROUP BY log")?;
    let mut rows = newest.query([])?;
    while let Some(row) = rows.next()? {
        let (log, id, first): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let known = connection
            .query_row("SELECT count(*) FROM logs WHERE id = ?", [log], |row| row.get::<_, i64>(0))?;
        if known == 0 {
            return Ok(Some(format!("segment {id} is of log {log}, which there is not")));
        }
        if let Some(why) = segment(connection, log, id, first)? {
            return Ok(Some(format!("the newest segment of log {log}: {why}")));
        }
    }
    Ok(None)
}

fn quick_check(connection: &Connection, table: &str) -> rusqlite::Result<Option<String>> {
    let sql = format!("PRAGMA quick_check('{table}')");
    let said: String = connection.query_row(&sql, [], |row| row.get(0))?;
    Ok((said != "ok").then(|| format!("table {table} is damaged: {said}")))
}

fn segment(connection: &Connection, log: i64, id: i64, first: i64) -> rusqlite::Result<Option<String>> {
    let table = segment_table(id);
    if let Some(why) = quick_check(connection, &table)? {
        return Ok(Some(why));
    }
    let mut blocks = connection.prepare(&format!("SELECT first, block FROM {table} ORDER BY first"))?;
    let mut rows = blocks.query([])?;
    let mut next = first.max(1) as u64;
    while let Some(row) = rows.next()? {
        let sequence = row.get::<_, i64>(0)? as u64;
        let head = match block::check(row.get_ref(1)?.as_blob().unwrap_or_default()) {
            Ok(head) => head,
            Err(error) => return Ok(Some(format!("the block at {sequence} cannot be read: {error}"))),
        };
        if i64::from(head.log) != log || head.first != sequence || head.first < next {
            return Ok(Some(format!("the block at {sequence} is in the wrong place")));
        }
        next = head.last() + 1;
    }
    Ok(None)
}

//! SQLite itself, as the store uses it: that is what the store stands on, and by what breaks here we know that the model
//! finds what is broken.

use std::ops::Range;
use std::path::Path;

use rusqlite::{Connection, params};

use crate::check::{Checker, Recorded, crash, images, recorded};
use crate::support::expected::{Violation, damaged, ensure, intact_database};
use crate::support::images::Random;
use crate::support::recording::{Recording, Syncs};

/// For the tests of every day.
const IMAGES: usize = 1_000;
const BATCHES: usize = 40;
const DATABASE: &str = "rows.db";

/// What the database must contain after so many batches, from none at all.
struct Plan(Vec<Range<u32>>);

/// Rows are added at the end and, at times, removed at the begin.
fn plan(random: &mut Random) -> Plan {
    let (mut start, mut end) = (0, 0);
    let added = (0..BATCHES).map(|_| {
        end += 1 + u32::try_from(random.below(20)).unwrap();
        start += if random.percent(10) { (end - start) / 2 } else { 0 };
        start..end
    });
    Plan(std::iter::once(0..0).chain(added).collect())
}

fn payload(id: u32) -> Vec<u8> {
    let mut random = Random(u64::from(id));
    // Some are larger than a page.
    let length = if random.percent(5) { 9000 } else { random.below(700) };
    random.bytes(length)
}

fn open(path: &Path, synchronous: &str, random: &mut Random) -> Connection {
    let connection = Connection::open(path).unwrap();
    let page = random.of(&[512, 1024, 4096]);
    // FULL gives free pages back at each commit, so checkpoints shorten the file.
    let vacuum = random.of(&["NONE", "FULL"]);
    // With a small cache, pages of an open transaction go into the WAL before it commits.
    let cache = random.of(&[10, 1000]);
    connection
        .execute_batch(&format!(
            "PRAGMA page_size={page}; PRAGMA auto_vacuum={vacuum}; PRAGMA cache_size={cache};
             PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=20; PRAGMA synchronous={synchronous};
             CREATE TABLE IF NOT EXISTS rows(id INTEGER PRIMARY KEY, payload BLOB NOT NULL);
             CREATE INDEX IF NOT EXISTS by_payload ON rows(payload);
             CREATE TABLE IF NOT EXISTS state(batches INTEGER NOT NULL);
             INSERT INTO state SELECT 0 WHERE NOT EXISTS (SELECT * FROM state);"
        ))
        .unwrap();
    connection
}

/// What the database contains before this batch and after it is `rows`.
fn commit(connection: &mut Connection, batches: u32, rows: &[Range<u32>]) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for id in rows[0].end..rows[1].end {
        transaction.execute("INSERT INTO rows VALUES (?, ?)", params![id, payload(id)])?;
    }
    if rows[0].start < rows[1].start {
        transaction.execute("DELETE FROM rows WHERE id < ?", [rows[1].start])?;
    }
    transaction.execute("UPDATE state SET batches = ?", [batches])?;
    transaction.commit()
}

/// Marks the number of batches that are committed.
fn record(seed: u64, synchronous: &str, syncs: Syncs) -> Recorded<Plan> {
    let mut random = Random(seed);
    let plan = plan(&mut random);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(DATABASE);
    let recording = Recording::start(folder.path(), syncs);
    let mut connection = open(&path, synchronous, &mut random);
    for (batches, rows) in (1_u32..).zip(plan.0.windows(2)) {
        commit(&mut connection, batches, rows).unwrap();
        recording.mark(u64::from(batches));
        match random.below(20) {
            0 => {
                drop(connection);
                connection = open(&path, synchronous, &mut random);
            }
            1 => {
                let how = random.of(&["PASSIVE", "FULL", "RESTART", "TRUNCATE"]);
                connection.query_row(&format!("PRAGMA wal_checkpoint({how})"), [], |_| Ok(())).unwrap();
            }
            _ => (),
        }
    }
    drop(connection);
    Recorded { tape: recorded(recording, folder.path(), &[]), checker: plan }
}

impl Checker for Plan {
    fn check(&self, directory: &Path, marks: &[u64], recording: &Recording) -> Result<(), Violation> {
        let acknowledged = marks.last().map_or(0, |batches| u32::try_from(*batches).unwrap());
        let mut connection = Connection::open(directory.join(DATABASE)).map_err(damaged)?;
        intact_database(&connection)?;
        let tables: u32 = connection
            .query_row("SELECT count(*) FROM sqlite_schema WHERE type = 'table'", [], |row| row.get(0))
            .map_err(damaged)?;
        if tables < 2 {
            ensure!(
                acknowledged == 0,
                Lost,
                "{acknowledged} batches are acknowledged, the tables are not there"
            );
            return Ok(());
        }
        let batches: u32 = connection
            .query_row("SELECT coalesce(max(batches), 0) FROM state", [], |row| row.get(0))
            .map_err(damaged)?;
        ensure!(
            batches >= acknowledged,
            Lost,
            "{acknowledged} batches are acknowledged, {batches} are there"
        );
        // The one after the last that is acknowledged may have come to its commit.
        ensure!(
            batches <= acknowledged + 1,
            Wrong,
            "{acknowledged} batches are acknowledged, and {batches} are there"
        );
        let mut statement =
            connection.prepare("SELECT id, payload FROM rows ORDER BY id").map_err(damaged)?;
        let rows: Vec<(u32, Vec<u8>)> = statement
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .and_then(Iterator::collect)
            .map_err(damaged)?;
        let expected = self.0[usize::try_from(batches).unwrap()].clone();
        let found: Vec<u32> = rows.iter().map(|(id, _)| *id).collect();
        ensure!(
            found.iter().copied().eq(expected.clone()),
            Wrong,
            "after {batches} batches {expected:?} must be there: {found:?}"
        );
        for (id, found) in &rows {
            ensure!(*found == payload(*id), Wrong, "row {id} has another payload");
        }
        drop(statement);
        recording.mark(u64::from(batches));
        // Behind what was recovered the WAL may have leftovers of what was not: it goes on over them.
        for (batches, rows) in (1..).zip(self.0.windows(2)).skip(usize::try_from(batches).unwrap()).take(3) {
            commit(&mut connection, batches, rows).map_err(damaged)?;
            recording.mark(u64::from(batches));
        }
        Ok(())
    }
}

#[test]
fn sqlite_in_wal_mode_with_full_syncs_keeps_what_is_committed() {
    let tally = crash(images(IMAGES), |seed| record(seed, "FULL", Syncs::Honest));
    println!("{}", tally.told("FULL"));
    assert!(tally.violations.is_empty(), "{}", tally.told("FULL"));
}

#[test]
fn without_syncs_the_checker_finds_loss_and_damage() {
    let swallowed = crash(100, |seed| record(seed, "FULL", Syncs::Swallowed));
    let off = crash(100, |seed| record(seed, "OFF", Syncs::Honest));
    swallowed.assert_loss_and_damage("syncs swallowed");
    off.assert_loss_and_damage("OFF");
}

/// SQLite's documentation says of NORMAL that it may take back commits in a power failure, and does no damage. A model
/// that is harder than a disk would find damage here.
#[test]
fn normal_syncs_lose_the_last_commits_and_nothing_else() {
    let tally = crash(200, |seed| record(seed, "NORMAL", Syncs::Honest));
    tally.assert_only_loss("NORMAL");
}

//! Damage of other kinds than one byte.

use super::fixture::{self, Content, Files, LOGS, Writer, busy, content, fresh, record, scratch};
use super::report::Report;
use super::tables::TABLES;
use super::{damaged, rebuild, wal};
use crate::store::block::Blocks;
use crate::store::schema::segment_table;
use rusqlite::params;
use std::path::{Path, PathBuf};

struct Case {
    _directory: tempfile::TempDir,
    path: PathBuf,
    files: Files,
    whole: Content,
}

fn case(checkpoint: bool) -> Case {
    let directory = scratch();
    let path = directory.path().join("made.db");
    let writer = busy(&path, 9, 4096);
    if checkpoint {
        writer.checkpoint();
    }
    let whole = content(&writer.connection).unwrap();
    let files = Files::read(&path);
    drop(writer);
    Case { path: directory.path().join("data ?#%.db"), _directory: directory, files, whole }
}

/// Rebuilds, and checks that all is in order that came out.
fn salvage(path: &Path) -> (Report, Content) {
    let before = Files::read(path);
    let mut into = fresh(None);
    let report = rebuild(path, &mut into).unwrap();
    assert!(before.are_at(path));
    assert!(!report.to_string().is_empty());
    let out = content(&into).unwrap();
    for (log, its) in &report.logs {
        let sql = "SELECT first FROM segments WHERE log = ? ORDER BY id DESC LIMIT 1";
        let newest: i64 = into.query_row(sql, [log], |row| row.get(0)).unwrap();
        assert_eq!(newest as u64, its.next);
        assert!(out.records[log].last().is_none_or(|last| *last < its.next));
    }
    let none = into
        .query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'salvage_found'", [], |row| row.get(0));
    assert_eq!(none, Ok(0));
    (report, out)
}

#[test]
fn the_tables_are_those_of_the_schema() {
    let fresh = fresh(None);
    let mut names =
        fresh.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").unwrap();
    let names: Vec<String> = names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let mut ours: Vec<_> = TABLES.iter().map(|table| table.name).collect();
    ours.sort_unstable();
    assert_eq!(ours, names);
    for table in &TABLES {
        let sql = format!("SELECT group_concat(name, ', ') FROM pragma_table_info('{}')", table.name);
        let columns: String = fresh.query_row(&sql, [], |row| row.get(0)).unwrap();
        assert_eq!(columns, table.list(), "{}", table.name);
    }
}

#[test]
fn a_whole_database_is_whole_and_comes_out_the_same() {
    for checkpoint in [false, true] {
        let case = case(checkpoint);
        case.files.write(&case.path);
        assert_eq!(damaged(&case.path, true).unwrap(), None);
        assert!(case.files.are_at(&case.path));
        let (report, out) = salvage(&case.path);
        assert_eq!(out, case.whole);
        assert_eq!((report.missing(), report.unreadable.len()), (0, 0), "{report}");
    }
}

#[test]
fn there_may_be_no_database_yet() {
    let directory = scratch();
    let path = directory.path().join("data.db");
    assert_eq!(damaged(&path, true).unwrap(), None);
    std::fs::write(&path, []).unwrap();
    assert_eq!(damaged(&path, true).unwrap(), None);
    assert_eq!(salvage(&path).0.records(), 0);
}

#[test]
fn a_write_ahead_log_without_its_database_is_read_alone() {
    for empty in [true, false] {
        let case = case(false);
        case.files.write(&case.path);
        match empty {
            true => std::fs::write(&case.path, []).unwrap(),
            false => std::fs::remove_file(&case.path).unwrap(),
        }
        assert!(damaged(&case.path, true).unwrap().unwrap().contains("gone or empty"));
        let (report, out) = salvage(&case.path);
        assert!(report.records() > 50 && report.missing() > 50, "{report}");
        for (log, got) in &out.records {
            assert!(got.is_subset(&case.whole.records[log]));
        }
        assert!(report.logs[&1].named_anew, "the page with their names is not in the WAL");
    }
}

#[test]
fn without_its_write_ahead_log_the_database_is_as_it_was_before() {
    let case = case(false);
    case.files.write(&case.path);
    std::fs::remove_file(wal::path_of(&case.path)).unwrap();
    assert_eq!(damaged(&case.path, true).unwrap(), None);
    let (_, out) = salvage(&case.path);
    for (log, got) in &out.records {
        let last = got.last().copied().unwrap_or(0);
        let expected: Vec<_> = case.whole.records[log].iter().filter(|n| **n <= last).collect();
        assert_eq!(got.iter().collect::<Vec<_>>(), expected);
    }
}

#[test]
fn a_file_that_was_cut_off_loses_what_was_behind() {
    let case = case(true);
    for parts in 1..8 {
        let mut files = case.files.clone();
        files.wal.clear();
        files.main.truncate(files.main.len() * parts / 8 - 100);
        files.write(&case.path);
        assert!(damaged(&case.path, true).unwrap().is_some(), "{parts} of 8");
        let (report, out) = salvage(&case.path);
        for (log, got) in &out.records {
            assert!(got.is_subset(&case.whole.records[log]), "log {log}");
            let missing = case.whole.records[log].len() - got.len();
            assert!(report.logs[log].missing <= missing as u64);
        }
    }
}

#[test]
fn a_page_of_zeros_costs_that_page() {
    let case = case(true);
    let mut files = case.files.clone();
    files.wal.clear();
    let pages = files.main.len() / 4096;
    let mut recovered = 0;
    for page in (0..pages).step_by(3) {
        let mut files = files.clone();
        files.main[page * 4096..(page + 1) * 4096].fill(0);
        files.write(&case.path);
        damaged(&case.path, true).unwrap();
        let (report, _) = salvage(&case.path);
        let all: usize = case.whole.records.values().map(|log| log.len()).sum();
        assert!(report.records() as usize > all * 3 / 4, "page {page}: {report}");
        recovered += 1;
    }
    assert!(recovered > 10);
}

#[test]
fn the_first_sector_of_each_page_may_be_gone() {
    let case = case(true);
    let mut files = case.files.clone();
    files.wal.clear();
    files.main.chunks_mut(4096).for_each(|page| page[..512].fill(0));
    files.write(&case.path);
    assert!(damaged(&case.path, true).unwrap().unwrap().contains("header"));
    let (report, out) = salvage(&case.path);
    // The small blocks are in the rest of their pages; pictures go through pages that lost a part.
    for log in [1, 2] {
        let (got, all) = (out.records[&log].len(), case.whole.records[&log].len());
        assert!(got * 10 > all * 8, "log {log}: {got} of {all}: {report}");
    }
    assert!(report.logs[&1].named_anew && out.rows["logs"][0].starts_with("1salvaged-1"), "{report}");
}

#[test]
fn garbage_has_nothing_in_it_and_harms_nobody() {
    let case = case(false);
    let mut random = fixture::Random(3);
    let mut garbage = |len: usize| (0..len).map(|_| random.below(256) as u8).collect::<Vec<_>>();
    let files = Files { main: garbage(200_000), wal: garbage(100_000) };
    files.write(&case.path);
    assert!(damaged(&case.path, true).unwrap().is_some());
    assert_eq!(salvage(&case.path).0.records(), 0);
    // With the WAL still good, that is read.
    Files { wal: case.files.wal.clone(), ..files }.write(&case.path);
    assert!(damaged(&case.path, true).unwrap().is_some());
    assert!(salvage(&case.path).0.records() > 50);
}

#[test]
fn a_transaction_that_a_power_cut_tore_is_no_damage() {
    let case = case(false);
    let frame = 4096 + wal::FRAME;
    case.files.write(&case.path);
    let wal = wal::look(&case.path).unwrap();
    // The last transaction without the frame that ends it, and one of its frames not written.
    let before = wal.frames[..wal.committed - 1].iter().rposition(|frame| frame.pages != 0).unwrap() + 1;
    assert!(wal.committed - before > 2, "there is something to tear");
    let mut files = case.files.clone();
    files.wal.truncate(wal::HEADER + (wal.committed - 1) * frame);
    let torn = wal::HEADER + before * frame;
    files.wal[torn + 24 + 512..torn + frame].fill(0);
    files.write(&case.path);
    let torn = wal::look(&case.path).unwrap();
    assert_eq!((torn.good, torn.committed, torn.damage(true)), (before, before, None));
    assert_eq!(damaged(&case.path, true).unwrap(), None);
    // Nor with that frame: its writes may reach the disk in any order before the sync that is not there yet.
    files.wal.extend_from_slice(&case.files.wal[wal::HEADER + (wal.committed - 1) * frame..][..frame]);
    files.write(&case.path);
    assert_eq!(damaged(&case.path, true).unwrap(), None);
    // But a single word that was overwritten is no work of a power cut, wherever in the frame it is.
    for at in [0, 5, 8, 12, 16, 22, 24, 24 + 2_000, frame - 1] {
        let mut files = case.files.clone();
        files.wal[wal::HEADER + before * frame + at] ^= 0x41;
        files.write(&case.path);
        assert!(damaged(&case.path, true).unwrap().is_some_and(|why| why.contains("commit")), "byte {at}");
    }
}

#[test]
fn a_commit_whose_mark_was_overwritten_is_seen() {
    let case = case(false);
    case.files.write(&case.path);
    let wal = wal::look(&case.path).unwrap();
    let mut files = case.files.clone();
    let at = wal::HEADER + (wal.committed - 1) * (4096 + wal::FRAME) + 4;
    files.wal[at..at + 4].fill(0);
    files.write(&case.path);
    let looked = wal::look(&case.path).unwrap();
    assert_eq!((looked.unmarked, looked.commits_behind), (Some(wal.committed), 1));
    let (_, out) = salvage(&case.path);
    assert_eq!(out, case.whole);
}

/// A reader may be ahead of all that was found; what comes next must not be behind it.
#[test]
fn a_reader_beyond_the_end_skips_nothing_that_comes_later() {
    let directory = scratch();
    let path = directory.path().join("data.db");
    let mut writer = Writer::new(&path, 4096);
    writer.append(1, 50);
    writer.connection.execute("UPDATE readers SET position = 70 WHERE log = 1", []).unwrap();
    writer.connection.execute("UPDATE readers SET position = ? WHERE log = 2", [1i64 << 60]).unwrap();
    let (report, out) = salvage(&path);
    assert_eq!((report.logs[&1].next, &report.logs[&1].first_gaps[..]), (71, &[(51, 70)][..]));
    assert_eq!(out.gaps["telemetry"], [(51, 70)]);
    // Nobody has read so far.
    assert_eq!((report.logs[&2].next, report.logs[&2].missing), (1, 0), "{report}");
    assert!(report.unreadable.contains_key("readers"));
}

/// What a reader is done with beyond its position stays so, and nothing that comes later is taken for it.
#[test]
fn ranges_that_a_reader_is_done_with_come_along() {
    let directory = scratch();
    let path = directory.path().join("data.db");
    let mut writer = Writer::new(&path, 4096);
    writer.append(1, 50);
    writer
        .connection
        .execute_batch(
            "INSERT INTO ahead VALUES (1, 'out', 40, 45), (1, 'out', 60, 64), (2, 'out', 9, 3), (9, 'out', 1, 2);
             INSERT INTO skips VALUES (1, 'out', 47, 48), (1, 'out', 70, 1152921504606846976)",
        )
        .unwrap();
    let (report, out) = salvage(&path);
    assert_eq!(out.rows["ahead"], ["1 out 40 45", "1 out 60 64"]);
    assert_eq!(out.rows["skips"], ["1 out 47 48"]);
    assert_eq!(report.logs[&1].next, 65);
    assert!(report.unreadable.contains_key("skips") && report.unreadable.contains_key("ahead"));
}

#[test]
fn a_database_from_before_there_was_a_table_is_whole() {
    let directory = scratch();
    let path = directory.path().join("data.db");
    let mut writer = Writer::new(&path, 4096);
    writer.append(1, 50);
    writer.connection.execute_batch("DROP TABLE ahead").unwrap();
    assert_eq!(damaged(&path, true).unwrap(), None);
    let (report, out) = salvage(&path);
    assert_eq!((report.missing(), report.unreadable.len(), out.records[&1].len()), (0, 0, 50), "{report}");
}

#[test]
fn a_log_whose_name_is_lost_keeps_its_readers_and_its_place() {
    let directory = scratch();
    let path = directory.path().join("data.db");
    let mut writer = Writer::new(&path, 4096);
    writer.append(1, 50);
    writer
        .connection
        .execute_batch(
            "UPDATE logs SET name = CAST('no name ' || id AS BLOB) WHERE id IN (1, 2);
             UPDATE readers SET position = 500 WHERE log = 2",
        )
        .unwrap();
    let (report, out) = salvage(&path);
    assert!(damaged(&path, true).unwrap().unwrap().contains("table logs"));
    assert_eq!((&report.logs[&1].name[..], report.logs[&1].records), ("salvaged-1", 50));
    // Not one of its records is left, but its reader is.
    assert_eq!((&report.logs[&2].name[..], report.logs[&2].next), ("salvaged-2", 501));
    assert_eq!(out.rows["readers"], readers_of(&writer));
}

fn readers_of(writer: &Writer) -> Vec<String> {
    let sql = "SELECT log || name || position || ' ' || confirmed FROM readers ORDER BY 1";
    let mut rows = writer.connection.prepare(sql).unwrap();
    rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[test]
fn a_log_that_was_taken_away_stays_away() {
    let directory = scratch();
    let path = directory.path().join("data.db");
    let mut writer = Writer::new(&path, 4096);
    writer.append(1, 300);
    writer.append(2, 300);
    writer.checkpoint();
    writer.drop_oldest(1);
    writer.connection.execute_batch("DELETE FROM logs WHERE id = 1").unwrap();
    let (report, out) = salvage(&path);
    assert_eq!(report.logs.keys().copied().collect::<Vec<_>>(), [2, 3], "{report}");
    assert_eq!(out.records[&2].len(), 300);
    // Nor is its reader kept, for the next log that gets that id.
    assert!(out.rows["readers"].iter().all(|row| !row.starts_with("1out")), "{:?}", out.rows);
}

/// A message may itself be a database, or a block of one.
#[test]
fn a_block_in_a_message_is_no_block() {
    let directory = scratch();
    let path = directory.path().join("data.db");
    let writer = Writer::new(&path, 4096);
    let mut inner = Blocks::new(2, 500);
    inner.push(&record(2, 500));
    inner.finish();
    let inner = inner.finished.remove(0).1;
    // As a row of a segment would be, in a value of a table that is none, in the leaf and behind it.
    let mut row = vec![(inner.len() + 4) as u8, 0x83, 0x74, 4, 0];
    let kind = inner.len() * 2 + 12;
    row.extend([0x80 | (kind >> 7) as u8, (kind & 0x7f) as u8]);
    row.extend(&inner);
    let state = "INSERT INTO state VALUES ('a', ?, ?)";
    writer.connection.execute(state, params!["short", row]).unwrap();
    let (report, out) = salvage(&path);
    assert_eq!((report.records(), out.records[&2].len()), (0, 0), "{report}");
}

#[test]
fn segments_are_closed_when_they_are_full() {
    let directory = scratch();
    let path = directory.path().join("data.db");
    let mut writer = Writer::new(&path, 4096);
    (0..30).for_each(|_| writer.append(1, 40));
    let mut into = fresh(Some(&directory.path().join("new.db")));
    into.pragma_update(None, "journal_mode", "wal").unwrap();
    let report = rebuild(&path, &mut into).unwrap();
    assert_eq!(report.logs[&1].records, 1_200);
    let sql =
        "SELECT first, last, bytes > 0, oldest_ran_ms, newest_ran_ms FROM segments WHERE log = 1 ORDER BY id";
    let mut segments = into.prepare(sql).unwrap();
    let rows =
        segments.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)));
    type Row = (i64, Option<i64>, Option<bool>, Option<i64>, Option<i64>);
    let rows: Vec<Row> = rows.unwrap().map(Result::unwrap).collect();
    assert_eq!(rows, [(1, Some(1_200), Some(true), Some(10), Some(12_000)), (1_201, None, None, None, None)]);
    drop(segments);
    assert_eq!(LOGS.len(), report.logs.len());
    let table = segment_table(1);
    assert!(
        into.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0)).unwrap() > 5
    );
    drop(into);
    assert_eq!(damaged(&directory.path().join("new.db"), true).unwrap(), None);
}

//! A data directory that an older version has written: everything in it goes on, and there is a way back.
// Clippy lets tests unwrap, but does not know the functions that they call as tests.
#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;

use support::small_disk::{SmallDisk, with_small_disks};
use tidegate::store::{Archive, Balance, Options, Store};
use tidegate_nodes::value::Value;

/// Written by a gateway of version 1 of the database: 40 messages in a log and into an outbox with alarms and events, 9
/// delivered, 1 a dead letter, 30 waiting; and a context of 40 values.
fn old() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::copy("tests/version-1/data.db", dir.path().join("data.db")).unwrap();
    dir
}

/// What waits for a sink, in order.
fn waiting(store: &Store, queue: &str) -> Vec<i64> {
    let log = store.find_log(queue).unwrap();
    let cursor = log.cursor("sink");
    let page = store.read(&log, 1, 1_000, 1 << 20).unwrap();
    assert!(page.gaps.is_empty());
    let left = page.records.iter().filter(|(sequence, _)| !cursor.is_done(*sequence));
    left.map(|(_, record)| record.value.get("payload").and_then(Value::as_i64).unwrap()).collect()
}

fn balances_hold(balances: &[Balance]) {
    let sums: Vec<_> =
        balances.iter().map(|b| (&b.log[..], b.appended, b.confirmed, b.stored, b.ledgered)).collect();
    let outboxes: Vec<_> = sums.into_iter().filter(|(log, ..)| log.starts_with("outbox/")).collect();
    assert_eq!(outboxes, [("outbox/out/alarm", 20, 9, 10, 1), ("outbox/out/event", 20, 0, 20, 0)]);
    assert!(balances.iter().all(|balance| balance.holds));
}

#[test]
fn all_that_an_older_version_has_stored_goes_on() {
    let dir = old();
    let before = std::fs::read(dir.path().join("data.db")).unwrap();
    // The commands of this version look at it before a gateway of this version has opened it, and change nothing.
    let archive = Archive::open(dir.path()).unwrap();
    balances_hold(&archive.view().balances().unwrap());
    drop(archive);
    assert_eq!(std::fs::read(dir.path().join("data.db")).unwrap(), before);

    for _ in 0..2 {
        let store = Store::open(dir.path(), Options::default()).unwrap();
        balances_hold(&store.view(|view| view.balances()).unwrap());
        assert_eq!(waiting(&store, "outbox/out/alarm"), (20..40).step_by(2).collect::<Vec<_>>());
        assert_eq!(waiting(&store, "outbox/out/event"), (1..40).step_by(2).collect::<Vec<_>>());
        let history = store.find_log("history").unwrap();
        assert_eq!(store.read(&history, 1, 1_000, 1 << 20).unwrap().records.len(), 40);
        let context = store.context_of("disk").unwrap();
        assert!(
            context.iter().any(|(_, key, value)| key.as_str() == "seen" && value.as_f64() == Some(39.0)),
            "{context:?}"
        );
        store.close();
    }
    // The way back: the copy is what it was.
    let back = tempfile::tempdir().unwrap();
    std::fs::copy(dir.path().join("data.v1.bak"), back.path().join("data.db")).unwrap();
    assert_eq!(version(&back.path().join("data.db")), 1);
    balances_hold(&Archive::open(back.path()).unwrap().view().balances().unwrap());
}

/// A gateway on a roof must come up, also where nothing can be kept to go back to.
#[test]
fn where_there_is_no_space_for_a_copy_it_goes_on_without() {
    with_small_disks("where_there_is_no_space_for_a_copy_it_goes_on_without", || {
        let disk = SmallDisk::new(1);
        let data = disk.path().join("data.db");
        std::fs::copy("tests/version-1/data.db", &data).unwrap();
        let large = rusqlite::Connection::open(&data).unwrap();
        large.execute("INSERT INTO state VALUES ('a node', 'large', zeroblob(400000))", []).unwrap();
        large.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(())).unwrap();
        drop(large);
        // Enough for the write-ahead log and its index, and too little for a second database.
        disk.fill(250 * 1024);
        let store = Store::open(disk.path(), Options::default()).unwrap();
        balances_hold(&store.view(|view| view.balances()).unwrap());
        store.close();
        assert_eq!(version(&data), 2);
        assert!(!disk.path().join("data.v1.bak").exists());
    });
}

fn version(path: &Path) -> i64 {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
}

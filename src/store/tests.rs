use std::path::Path;
use std::sync::mpsc::channel;

use super::*;

fn record(n: u64) -> Record {
    let value = [("payload", Value::from(n as i64)), ("pad", Value::from("x".repeat((n % 300) as usize)))];
    Record {
        value: value.into_iter().collect(),
        key: Some(Str::from(format!("k{}", n % 7))),
        ..Record::default()
    }
}

fn open(path: &Path) -> Store {
    Store::open(path, Options::default()).unwrap()
}

/// Appends records and waits until they are on the disk; gives their sequences.
fn append(store: &Store, log: &Arc<Log>, numbers: impl Iterator<Item = u64>) -> Vec<u64> {
    let (sender, receiver) = channel();
    let records = numbers.map(|n| (log.clone(), Record { ran_ms: store.ran_ms(), ..record(n) })).collect();
    let done: Told = Box::new(move |result| sender.send(result).unwrap());
    store.submit(Commit { records, urgent: true, done: Some(done), ..Commit::default() });
    receiver.recv().unwrap().unwrap()
}

fn read_all(store: &Store, log: &Log, mut from: u64) -> Vec<(u64, Record)> {
    let mut all = Vec::new();
    loop {
        let page = store.read(log, from, 100, 100_000).unwrap();
        assert!(page.gaps.is_empty(), "{:?}", page.gaps);
        all.extend(page.records);
        // A page may be empty where records were compacted away.
        if page.next <= from {
            return all;
        }
        from = page.next;
    }
}

fn numbers(records: &[(u64, Record)]) -> Vec<u64> {
    records
        .iter()
        .map(|(_, record)| record.value.get("payload").and_then(Value::as_i64).unwrap() as u64)
        .collect()
}

const QUEUE: Retention =
    Retention { max_bytes: None, max_messages: None, max_age_ms: None, compact: false, queue: true };

#[test]
fn what_was_appended_is_there_after_a_restart_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let log = store.log("a", &Retention::default());
    assert_eq!(append(&store, &log, 0..1_000), (1..=1_000).collect::<Vec<_>>());
    assert_eq!(append(&store, &log, 1_000..1_001), [1_001]);
    assert_eq!(numbers(&read_all(&store, &log, 1)), (0..=1_000).collect::<Vec<_>>());
    assert_eq!(numbers(&read_all(&store, &log, 500)), (499..=1_000).collect::<Vec<_>>());
    let (device, boot) = (store.device().to_string(), store.boot());
    store.close();
    drop(store);
    let store = open(dir.path());
    assert_eq!((store.device(), store.boot()), (device.as_str(), boot + 1));
    let log = store.find_log("a").unwrap();
    assert_eq!(log.next(), 1_002);
    assert_eq!(append(&store, &log, 1_001..1_003), [1_002, 1_003]);
    assert_eq!(numbers(&read_all(&store, &log, 1)), (0..1_003).collect::<Vec<_>>());
}

#[test]
fn a_commit_is_whole_and_state_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let log = store.log("outbox/a/event", &QUEUE);
    let state = |key: &str, value: Option<Value>| StateChange {
        owner: Str::new("n"),
        key: Some(Str::new(key)),
        value,
    };
    store
        .submit_and_wait(
            Commit {
                records: vec![(log.clone(), record(1))],
                state: vec![state("a", Some(Value::Float(0.5))), state("b", Some(Value::from("x")))],
                context: vec![ContextChange {
                    store: Str::new("disk"),
                    owner: Str::new("global"),
                    key: Some(Str::new("k")),
                    value: Some(Value::array(vec![Value::Null])),
                }],
                ..Commit::default()
            },
            Duration::from_secs(10),
        )
        .unwrap();
    let refused = store.submit_and_wait(
        Commit {
            records: vec![(log.clone(), record(2))],
            state: vec![state("a", None)],
            act: Some(Box::new(|_| Err(StoreError::Refused("no".to_string())))),
            ..Commit::default()
        },
        Duration::from_secs(10),
    );
    assert_eq!(refused, Err(StoreError::Refused("no".to_string())));
    store.close();
    drop(store);
    let store = open(dir.path());
    let kept = store.state_of("n").unwrap();
    assert_eq!((kept.get("a"), kept.get("b")), (Some(&Value::Float(0.5)), Some(&Value::from("x"))));
    let context = store.context_of("disk").unwrap();
    assert_eq!(context, [(Str::new("global"), Str::new("k"), Value::array(vec![Value::Null]))]);
    assert_eq!(store.find_log("outbox/a/event").unwrap().next(), 2, "the refused record is not there");
}

#[test]
fn a_queue_drops_whole_segments_behind_its_reader_and_the_balance_holds() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let log = store.log("outbox/a/event", &QUEUE);
    let cursor = log.cursor("sink");
    for n in 0..60 {
        // Hard to compress, so that there are several segments.
        let noise = |k: u64| {
            let mut seed = n * 1_000 + k;
            (0..4_000).map(|_| tidegate_nodes::testing::splitmix(&mut seed) as u8).collect::<Vec<_>>()
        };
        let records = (0..50)
            .map(|k| {
                let value = [("payload", Value::from(noise(k)))].into_iter().collect();
                (log.clone(), Record { value, ..Record::default() })
            })
            .collect();
        store.submit_and_wait(Commit { records, ..Commit::default() }, Duration::from_secs(10)).unwrap();
    }
    assert!(log.view().segments.len() >= 3, "{:?}", log.view().segments);
    cursor.confirm(1, 2_000);
    cursor.confirm(2_010, 2_011);
    let entry = Entry {
        scope: log.name.clone(),
        reason: Reason::DroppedOldest,
        count: 3,
        range: Some((2_020, 2_022)),
        detail: String::new(),
    };
    let given_up = vec![(log.clone(), cursor.clone(), entry)];
    store.submit_and_wait(Commit { given_up, ..Commit::default() }, Duration::from_secs(10)).unwrap();
    assert!(cursor.is_done(2_021), "the mirror follows the commit");
    store.advance(&log, &cursor);
    let end = std::time::Instant::now() + Duration::from_secs(20);
    while log.first() == 1 {
        assert!(std::time::Instant::now() < end, "segments are never dropped");
        std::thread::yield_now();
    }
    assert!(log.first() <= 2_001, "nothing is dropped that is not done with");
    let expected = Balance {
        log: log.name.to_string(),
        appended: 3_000,
        confirmed: 2_000,
        stored: 997,
        ledgered: 3,
        holds: true,
    };
    assert_eq!(store.view(|view| view.balances()).unwrap(), std::slice::from_ref(&expected));
    store.close();
    drop(store);
    let store = open(dir.path());
    let log = store.find_log("outbox/a/event").unwrap();
    let cursor = log.cursor("sink");
    assert_eq!(cursor.position(), 2_000);
    assert!(cursor.is_done(2_022) && !cursor.is_done(2_023));
    assert!(!cursor.is_done(2_010), "what was confirmed out of order comes again");
    assert_eq!(store.view(|view| view.balances()).unwrap(), [expected]);
}

#[test]
fn what_was_confirmed_behind_one_that_is_stuck_does_not_come_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let log = store.log("outbox/a/event", &QUEUE);
    append(&store, &log, 0..3_000);
    let advance = |store: &Store, log: &Arc<Log>| {
        let positions = vec![(log.clone(), log.cursor("sink"))];
        store.submit_and_wait(Commit { positions, ..Commit::default() }, Duration::from_secs(10)).unwrap();
    };
    let balance = |store: &Store| {
        let balance = store.view(|view| view.balances()).unwrap().remove(0);
        assert!(balance.holds, "{balance:?}");
        (balance.confirmed, balance.stored)
    };
    let again = |store: Store| {
        store.close();
        drop(store);
        let store = open(dir.path());
        let log = store.find_log("outbox/a/event").unwrap();
        (store, log)
    };
    // 1 and 1,500 are tried again and again; a few out of order are not worth writing down.
    log.cursor("sink").confirm(2, 20);
    advance(&store, &log);
    assert_eq!(balance(&store), (0, 3_000));
    for (first, last) in [(21, 1_000), (1_001, 1_499), (1_501, 2_500)] {
        log.cursor("sink").confirm(first, last);
        advance(&store, &log);
    }
    assert_eq!(balance(&store), (2_498, 502));
    let (store, log) = again(store);
    let cursor = log.cursor("sink");
    let left: Vec<u64> = (1..=2_501).filter(|sequence| !cursor.is_done(*sequence)).collect();
    assert_eq!((cursor.position(), left), (0, vec![1, 1_500, 2_501]));
    // They grow on, and are gone with what they stood behind.
    cursor.confirm(2_501, 2_900);
    cursor.confirm(1, 1);
    advance(&store, &log);
    assert_eq!(balance(&store), (2_899, 101));
    let (store, log) = again(store);
    let cursor = log.cursor("sink");
    assert_eq!((cursor.position(), cursor.left(log.next())), (1_499, 101));
    cursor.confirm(1_500, 3_000);
    advance(&store, &log);
    let rows = store.view(|view| {
        Ok(view.connection.query_row("SELECT count(*) FROM ahead", [], |row| row.get::<_, i64>(0))?)
    });
    assert_eq!((balance(&store), rows), ((3_000, 0), Ok(0)));
    let (_, log) = again(store);
    assert_eq!(log.cursor("sink").done().confirmed, 3_000);
}

#[test]
fn a_log_keeps_what_its_retention_says_and_counts_what_a_reader_missed() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let retention = Retention { max_bytes: Some(6 << 20), ..Retention::default() };
    let log = store.log("history", &retention);
    log.cursor("slow").confirm(1, 10);
    let mut seed = 7;
    for _ in 0..100 {
        let records = (0..50)
            .map(|_| {
                let noise: Vec<u8> =
                    (0..4_000).map(|_| tidegate_nodes::testing::splitmix(&mut seed) as u8).collect();
                let value = [("payload", Value::from(noise))].into_iter().collect();
                (log.clone(), Record { value, ..Record::default() })
            })
            .collect();
        store.submit_and_wait(Commit { records, ..Commit::default() }, Duration::from_secs(10)).unwrap();
    }
    let end = std::time::Instant::now() + Duration::from_secs(20);
    while log.bytes() > (6 << 20) + Upkeep::default().segment_bytes + (1 << 20) {
        assert!(std::time::Instant::now() < end, "nothing is dropped: {} bytes", log.bytes());
        std::thread::yield_now();
    }
    let totals = store.view(|view| view.ledger_totals()).unwrap();
    let (scope, reason, count) = &totals[0];
    assert_eq!((scope.as_str(), reason.as_str()), ("history", "overtaken"));
    assert_eq!(*count, log.first() - 1 - 10);
    assert_eq!(log.cursor("slow").position(), log.first() - 1);
}

#[test]
fn a_compacted_log_keeps_the_last_value_of_each_key() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let log = store.log("table", &Retention { compact: true, ..Retention::default() });
    let mut seed = 7;
    let mut next = 0;
    while log.view().segments.iter().filter(|segment| segment.last.is_some()).count() < 5 && next < 20_000 {
        let records = (0..100)
            .map(|k| {
                let noise: Vec<u8> =
                    (0..3_000).map(|_| tidegate_nodes::testing::splitmix(&mut seed) as u8).collect();
                let value = [("payload", Value::from(next + k)), ("noise", Value::from(noise))];
                let key = Some(Str::from(format!("k{}", (next + k) % 10)));
                (log.clone(), Record { value: value.into_iter().collect(), key, ..Record::default() })
            })
            .collect();
        store.submit_and_wait(Commit { records, ..Commit::default() }, Duration::from_secs(10)).unwrap();
        next += 100;
    }
    let has_the_last = |store: &Store| {
        let kept = numbers(&read_all(store, &store.find_log("table").unwrap(), 1));
        assert!(kept.is_sorted());
        for key in 0..10 {
            let newest = next as u64 - 10 + key;
            assert!(kept.contains(&newest), "the last value of key {key} is gone");
        }
        kept.len()
    };
    let end = std::time::Instant::now() + Duration::from_secs(20);
    while log.view().segments.iter().filter(|segment| segment.last.is_some()).count() > 3 {
        assert!(std::time::Instant::now() < end, "it is never compacted: {:?}", log.view().segments);
        // Also for who reads just then.
        has_the_last(&store);
    }
    let check = |store: &Store| {
        let kept = has_the_last(store);
        assert!(kept < next as usize / 2, "{kept} of {next} are kept");
    };
    check(&store);
    store.close();
    drop(store);
    check(&open(dir.path()));
}

#[test]
fn a_time_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let log = store.log("a", &Retention::default());
    for n in 0..10u64 {
        let records = (0..200).map(|k| {
            let wall_ms = (n * 200 + k) as i64 * 10;
            (log.clone(), Record { wall_ms, ..record(k) })
        });
        let commit = Commit { records: records.collect(), ..Commit::default() };
        store.submit_and_wait(commit, Duration::from_secs(10)).unwrap();
    }
    for (wall_ms, sequence) in
        [(-5, 1), (0, 1), (1, 2), (4_000, 401), (4_001, 402), (19_990, 2_000), (30_000, 2_001)]
    {
        assert_eq!(store.find_time(&log, wall_ms).unwrap(), sequence, "at {wall_ms}");
    }
}

#[test]
fn a_second_store_on_the_same_directory_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let refused = Store::open(dir.path(), Options::default()).err().unwrap();
    assert!(refused.to_string().contains(&format!("process {}", std::process::id())), "{refused}");
    drop(store);
    assert!(Store::open(dir.path(), Options::default()).is_ok());
}

#[test]
fn another_process_can_look_while_it_runs() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let log = store.log("a", &Retention::default());
    append(&store, &log, 0..100);
    let mut archive = Archive::open(dir.path()).unwrap();
    let seen = archive.find_log("a").unwrap();
    assert_eq!(
        numbers(&archive.read(&seen, 90, 100, 10_000).unwrap().records),
        (89..100).collect::<Vec<_>>()
    );
    append(&store, &log, 100..101);
    archive.refresh().unwrap();
    assert_eq!(archive.view().logs()[0].next, 102);
}

/// Everything under the rest of the store that a person may find broken one morning.
#[test]
fn a_damaged_database_is_kept_and_what_can_be_read_of_it_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let log = store.log("a", &Retention::default());
    for n in 0..20 {
        append(&store, &log, n * 100..(n + 1) * 100);
    }
    let device = store.device().to_string();
    // Not an orderly stop: after one nobody looks.
    drop(store);
    let path = dir.path().join("data.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let blocks = bytes.windows(4).enumerate().filter(|(_, bytes)| *bytes == block::MAGIC);
    let at = blocks.map(|(at, _)| at).nth(5).expect("several blocks");
    bytes[at + 40..at + 48].fill(0xa5);
    std::fs::write(&path, &bytes).unwrap();

    let store = open(dir.path());
    assert_eq!(store.device(), device);
    assert_eq!(std::fs::read(dir.path().join("damaged-1/data.db")).unwrap(), bytes, "it is kept as it was");
    let log = store.find_log("a").unwrap();
    assert_eq!(log.next(), 2_001);
    let mut read = 0;
    let mut gaps = 0;
    let mut from = 1;
    while from < log.next() {
        let page = store.read(&log, from, 100, 100_000).unwrap();
        for (sequence, found) in &page.records {
            assert_eq!(found.value, record(sequence - 1).value);
        }
        read += page.records.len() as u64;
        gaps += page.gaps.iter().map(|(first, last)| last + 1 - first).sum::<u64>();
        from = page.next;
    }
    assert_eq!(read + gaps, 2_000);
    assert!((1..200).contains(&gaps), "{gaps} are missing");
    let totals = store.view(|view| view.ledger_totals()).unwrap();
    assert_eq!(totals, [("a".to_string(), "salvage gap".to_string(), gaps)]);
    assert_eq!(append(&store, &log, 0..1), [2_001]);
    store.close();
    drop(store);
    assert_eq!(open(dir.path()).find_log("a").unwrap().next(), 2_002, "once is enough");
    assert!(!dir.path().join("damaged-2").exists());
}

#[test]
fn a_file_of_garbage_is_kept_and_the_gateway_starts() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("data.db"), vec![7; 100_000]).unwrap();
    std::fs::write(dir.path().join("tidegate.db"), vec![7; 100_000]).unwrap();
    let store = open(dir.path());
    let log = store.log("a", &Retention::default());
    assert_eq!(append(&store, &log, 0..1), [1]);
    assert!(dir.path().join("damaged-1").exists() && dir.path().join("damaged-2").exists());
}

#[test]
fn the_last_that_holds_a_store_may_be_what_its_writer_tells() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(open(folder.path()));
    let (let_go, may_go) = channel::<()>();
    let (sender, receiver) = channel();
    let last = store.clone();
    let done: Told = Box::new(move |_| {
        let _ = may_go.recv();
        drop(last);
        sender.send(()).unwrap();
    });
    store.submit(Commit { urgent: true, done: Some(done), ..Commit::default() });
    drop(store);
    let_go.send(()).unwrap();
    // A writer that waits for itself panics, and says nothing.
    receiver.recv().unwrap();
}

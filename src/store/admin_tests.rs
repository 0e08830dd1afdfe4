use std::ops::ControlFlow::{Break, Continue};

use super::super::{Balance, Options};
use super::*;

const QUEUE: Retention =
    Retention { max_bytes: None, max_messages: None, max_age_ms: None, compact: false, queue: true };

fn open(path: &std::path::Path) -> Store {
    Store::open(path, Options::default()).unwrap()
}

fn message(n: i64) -> Record {
    record([("payload", Value::from(n))].into_iter().collect(), n, "test", Some("topic"))
}

/// A dead letter of a node, which its queue gave up.
fn letter(store: &Store, node: &str, n: i64) {
    let name = queue_name(node, "event");
    let queue = store.log(&name, &QUEUE);
    let sequence = append(store, &queue, [message(n)]).unwrap()[0];
    let about = [
        ("reason", Value::from("no such topic")),
        ("outbox", Value::from(name.as_str())),
        ("sequence", Value::from(sequence as i64)),
        ("node", Value::from(node)),
    ];
    let log = store.log(DEAD_LETTERS, &QUEUE);
    let dead = Record { about: about.into_iter().collect(), key: Some(Str::new(node)), ..message(n) };
    let cursor = queue.cursor(SINK);
    let entry = Entry {
        scope: queue.name.clone(),
        reason: Reason::DeadLetter,
        count: 1,
        range: Some((sequence, sequence)),
        detail: String::new(),
    };
    let job =
        Commit { records: vec![(log, dead)], given_up: vec![(queue, cursor, entry)], ..Commit::default() };
    store.submit_and_wait(job, LIMIT).unwrap();
}

fn go_on(_: u64) -> ControlFlow<()> {
    Continue(())
}

fn balance(store: &Store, name: &str) -> Balance {
    let balances = store.view(|view| view.balances()).unwrap();
    let found = balances.into_iter().find(|balance| balance.log == name).unwrap();
    assert!(found.holds, "{found:?}");
    found
}

fn payloads(store: &Store, name: &str) -> Vec<i64> {
    let log = store.find_log(name).unwrap();
    let cursor = log.readers().first().cloned();
    let page = store.read(&log, 1, 100_000, 1 << 30).unwrap();
    let left = page.records.iter().filter(|(n, _)| !cursor.as_ref().is_some_and(|cursor| cursor.is_done(*n)));
    left.map(|(_, record)| record.value.get("payload").and_then(Value::as_i64).unwrap()).collect()
}

#[test]
fn dead_letters_go_back_once_and_stay_handled_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for n in 0..10 {
        letter(&store, if n % 2 == 0 { "a" } else { "b" }, n);
    }
    let done = retry(&store, "a", Some(3), &mut go_on).unwrap();
    assert_eq!(done, Outcome { messages: 3, stopped: false });
    assert_eq!(payloads(&store, "outbox/a/event"), [0, 2, 4]);
    assert_eq!(retry(&store, "outbox/a/event", None, &mut go_on).unwrap().messages, 2);
    assert_eq!(retry(&store, "a", None, &mut go_on).unwrap().messages, 0, "a letter goes back once");
    store.close();
    drop(store);

    let store = open(dir.path());
    assert_eq!(retry(&store, "a", None, &mut go_on).unwrap().messages, 0, "not after a restart either");
    assert_eq!(payloads(&store, "outbox/a/event"), [0, 2, 4, 6, 8]);
    assert_eq!(payloads(&store, "outbox/b/event"), [] as [i64; 0]);
    let queue = balance(&store, "outbox/a/event");
    assert_eq!((queue.appended, queue.stored, queue.ledgered), (10, 5, 5));
    let dead = balance(&store, DEAD_LETTERS);
    assert_eq!((dead.appended, dead.stored, dead.ledgered), (10, 5, 5));

    let log = store.find_log("outbox/a/event").unwrap();
    let (_, back) = store.read(&log, 6, 1, 1_000_000).unwrap().records.remove(0);
    assert_eq!(back.about.get("sequence"), Some(&Value::from(1_i64)), "the name it was sent under");
    assert!(!back.about.contains_key("reason"));

    assert_eq!(purge_dead_letters(&store, Some("b"), &mut go_on).unwrap().messages, 5);
    assert_eq!(balance(&store, DEAD_LETTERS).stored, 0);
}

#[test]
fn a_purge_is_counted_and_does_not_count_what_was_confirmed() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let log = store.log("outbox/a/event", &QUEUE);
    let sequences = append(&store, &log, (0..3_500).map(message)).unwrap();
    assert_eq!((sequences[0], sequences[3_499]), (1, 3_500));
    let cursor = log.cursor(SINK);
    cursor.confirm(1, 500);
    cursor.confirm(700, 799);
    let mut seen = Vec::new();
    // Stopped between two steps: what is done is done.
    let stopped = purge(&store, "outbox/a/event", None, &mut |n| {
        seen.push(n);
        if n > 1_000 { Break(()) } else { Continue(()) }
    });
    assert_eq!(stopped.unwrap(), Outcome { messages: 1_900, stopped: true });
    assert_eq!(seen, [900, 1_900]);
    store.advance(&log, &cursor);
    assert_eq!(purge(&store, "outbox/a/event", Some((3_400, 9_000)), &mut go_on).unwrap().messages, 101);
    assert_eq!(balance(&store, "outbox/a/event").stored, 899);
    assert_eq!(purge(&store, "outbox/a/event", None, &mut go_on).unwrap().messages, 899);
    let end = balance(&store, "outbox/a/event");
    assert_eq!((end.confirmed, end.stored, end.ledgered), (600, 0, 2_900));
    assert_eq!(payloads(&store, "outbox/a/event"), [] as [i64; 0]);
}

#[test]
fn a_purge_beside_a_sink_that_confirms_counts_nothing_twice() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let log = store.log("outbox/a/event", &QUEUE);
    append(&store, &log, (0..20_000).map(message)).unwrap();
    let cursor = log.cursor(SINK);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 1..=20_000 {
                cursor.confirm(n, n);
                if n % 50 == 0 {
                    store.advance(&log, &cursor);
                }
            }
        });
        purge(&store, "outbox/a/event", None, &mut go_on).unwrap();
    });
    store.submit_and_wait(Commit { positions: vec![(log, cursor)], ..Commit::default() }, LIMIT).unwrap();
    let end = balance(&store, "outbox/a/event");
    assert_eq!((end.stored, end.confirmed + end.ledgered), (0, 20_000));
}

#[test]
fn readers_are_moved_and_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let log = store.log("history", &Retention::default());
    append(&store, &log, (0..100).map(message)).unwrap();
    assert_eq!(seek(&store, "history", "flow", 41), Ok(41));
    assert_eq!(seek(&store, "history", "flow", 11), Ok(11));
    assert_eq!(seek(&store, "history", "flow", 1_000), Ok(101));
    let totals = store.view(|view| view.ledger_totals()).unwrap();
    assert_eq!(totals, [("history".to_string(), "skipped".to_string(), 130)]);

    let held = log.cursor("flow");
    let refused = drop_reader(&store, "history", "flow").unwrap_err().to_string();
    assert!(refused.contains("is reading history now"), "{refused}");
    drop(held);
    drop(log);
    drop_reader(&store, "history", "flow").unwrap();
    store.close();
    drop(store);
    let store = open(dir.path());
    assert!(!store.find_log("history").unwrap().has_reader("flow"));
}

#[test]
fn what_makes_no_sense_is_refused_and_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    append(&store, &store.log("history", &Retention::default()), [message(1)]).unwrap();
    letter(&store, "a", 1);
    let says = |result: Result<u64, StoreError>, text: &str| {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    };
    says(purge(&store, "histroy", None, &mut go_on).map(|o| o.messages), "did you mean `history`?");
    says(purge(&store, "history", None, &mut go_on).map(|o| o.messages), "is no outbox");
    says(purge(&store, DEAD_LETTERS, None, &mut go_on).map(|o| o.messages), "is no outbox");
    says(seek(&store, "outbox/a/event", SINK, 1), "is a queue");
    says(drop_reader(&store, DEAD_LETTERS, HANDLED).map(|()| 0), "is a queue");
    says(drop_reader(&store, "history", "nobody").map(|()| 0), "has no reader nobody");
    says(log_to_append_to(&store, "outbox/a/event").map(|_| 0), "no log to write to");
    assert_eq!(queue_parts("outbox/a/b/alarm"), Some(("a/b", "alarm")));
    assert_eq!(queue_parts("outbox/a"), None);
}

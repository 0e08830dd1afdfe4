//! `tidegate log` and `tidegate outbox` as people meet them, beside a gateway and without one. The gateway is a store
//! held open by the test, with the socket that a running one has.

// A test that goes wrong says where; helpers are part of it.
#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;
use std::sync::Arc;

use serde_json::Value as Json;
use support::{Ended, Running, command, ended, tidegate};
use tidegate::control::Control;
use tidegate::store::{Commit, DEAD_LETTERS, Entry, Options, Reason, Record, Retention, Store, admin};
use tidegate_nodes::value::{Str, Value};

const QUEUE: Retention =
    Retention { max_bytes: None, max_messages: None, max_age_ms: None, compact: false, queue: true };
/// 2026-11-25T10:00Z.
const TEN: i64 = 1_795_600_800_000;

fn message(n: i64) -> Record {
    let value = [("topic", Value::from(format!("site/{}", n % 2))), ("payload", Value::from(n))];
    let key = format!("site/{}", n % 2);
    admin::record(value.into_iter().collect(), TEN + n * 1_000, "source-1", Some(&key))
}

fn letter(store: &Store, n: i64) {
    let queue = store.log("outbox/sink-1/event", &QUEUE);
    let sequence = admin::append(store, &queue, [message(n)]).unwrap()[0];
    let about = [
        ("reason", Value::from("no such topic")),
        ("outbox", Value::from("outbox/sink-1/event")),
        ("sequence", Value::from(sequence as i64)),
        ("node", Value::from("sink-1")),
    ];
    let dead = Record { about: about.into_iter().collect(), key: Some(Str::new("sink-1")), ..message(n) };
    let entry = Entry {
        scope: queue.name.clone(),
        reason: Reason::DeadLetter,
        count: 1,
        range: Some((sequence, sequence)),
        detail: "no such topic".to_string(),
    };
    let records = vec![(store.log(DEAD_LETTERS, &QUEUE), dead)];
    let given_up = vec![(queue.clone(), queue.cursor(admin::SINK), entry)];
    let commit = Commit { records, given_up, ..Commit::default() };
    store.submit_and_wait(commit, std::time::Duration::from_secs(10)).unwrap();
}

/// 100 messages in `history`, 5 alarms and 3 events that wait, 4 dead letters.
fn fill(path: &Path) -> Store {
    let store = Store::open(path, Options::default()).unwrap();
    admin::append(&store, &store.log("history", &Retention::default()), (0..100).map(message)).unwrap();
    admin::append(&store, &store.log("outbox/sink-1/alarm", &QUEUE), (0..5).map(message)).unwrap();
    (0..4).for_each(|n| letter(&store, n));
    admin::append(&store, &store.log("outbox/sink-1/event", &QUEUE), (10..13).map(message)).unwrap();
    store
}

/// A store with something in it and nobody on it.
struct Site(tempfile::TempDir);

impl Site {
    fn new() -> Site {
        let dir = tempfile::tempdir().unwrap();
        let store = fill(dir.path());
        store.close();
        Site(dir)
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        run(self.0.path(), arguments)
    }
}

fn run(data: &Path, arguments: &[&str]) -> Ended {
    ended(command(arguments).env("TIDEGATE_DATA", data).output().unwrap())
}

#[track_caller]
fn lines(ended: &Ended) -> Vec<Json> {
    assert_eq!(ended.code, 0, "{}{}", ended.out, ended.err);
    ended
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e} in {line}")))
        .collect()
}

fn payloads(lines: &[Json]) -> Vec<i64> {
    lines.iter().map(|line| line["value"]["payload"].as_i64().unwrap()).collect()
}

#[test]
fn logs_are_listed_and_read() {
    let site = Site::new();
    let logs = lines(&site.run(&["log", "ls", "--json"]));
    let history = logs.iter().find(|log| log["name"] == "history").unwrap();
    assert_eq!(
        (&history["messages"], &history["first"], &history["next"]),
        (&100.into(), &1.into(), &101.into())
    );
    let shown = site.run(&["log", "ls"]).out;
    assert!(shown.lines().next().unwrap().starts_with("NAME"), "{shown}");
    assert!(shown.contains("sink (3 behind)"), "{shown}");

    let tail = lines(&site.run(&["log", "tail", "history", "-n", "3", "--json"]));
    assert_eq!(payloads(&tail), [97, 98, 99]);
    assert_eq!(tail[0]["sequence"], 98);
    assert_eq!((&tail[0]["key"], &tail[0]["source"]), (&"site/1".into(), &"source-1".into()));
    let of_key = lines(&site.run(&["log", "tail", "history", "-n", "2", "--key", "site/0", "--json"]));
    assert_eq!(payloads(&of_key), [96, 98]);

    let read =
        |more: &[&str]| payloads(&lines(&site.run(&[&["log", "read", "history", "--json"], more].concat())));
    assert_eq!(read(&[]), (0..100).collect::<Vec<_>>());
    assert_eq!(read(&["--from", "99"]), [98, 99]);
    assert_eq!(read(&["--since", "2026-11-25T10:01:38Z"]), [98, 99]);
    assert_eq!(read(&["--since", "2026-11-25T12:01:38+02:00", "--limit", "1"]), [98]);
    assert_eq!(read(&["--key", "site/1", "--limit", "2"]), [1, 3]);
    assert_eq!(read(&["--from", "1000"]), [] as [i64; 0]);
    let page = site.run(&["log", "read", "history", "--limit", "1"]).out;
    assert_eq!(
        page,
        "#1  2026-11-25T10:00:00.000Z  site/0  from source-1\n  {\"topic\":\"site/0\",\"payload\":0}\n"
    );
}

#[test]
fn what_was_exported_can_be_imported() {
    let site = Site::new();
    let file = site.0.path().join("history.jsonl");
    let path = file.to_str().unwrap();
    let told = site.run(&["log", "export", "history", "--from", "51", "--to", path]);
    assert_eq!((told.code, told.out), (0, format!("{path}: 50 messages\n")));
    let names: Vec<_> = std::fs::read_dir(site.0.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(!names.iter().any(|name| name.to_string_lossy().contains(".part")), "{names:?}");

    let told = lines(&site.run(&["log", "import", "copy", path, "--json"]));
    assert_eq!(told[0]["messages"], 50);
    let copied = lines(&site.run(&["log", "read", "copy", "--json"]));
    assert_eq!(payloads(&copied), (50..100).collect::<Vec<_>>());
    assert_eq!((&copied[0]["sequence"], &copied[0]["wall_ms"]), (&1.into(), &(TEN + 50_000).into()));

    let csv = site.run(&["log", "export", "history", "--format", "csv", "--limit", "2"]);
    assert_eq!(
        csv.out,
        "sequence,time,wall_ms,key,source,topic,payload,value\r\n\
         1,2026-11-25T10:00:00.000Z,1795600800000,site/0,source-1,site/0,0,\"{\"\"topic\"\":\"\"site/0\"\",\"\"payload\"\":0}\"\r\n\
         2,2026-11-25T10:00:01.000Z,1795600801000,site/1,source-1,site/1,1,\"{\"\"topic\"\":\"\"site/1\"\",\"\"payload\"\":1}\"\r\n"
    );

    std::fs::write(&file, "{\"value\": {\"payload\": 1}}\n\n{\"payload\": 2}\n").unwrap();
    let wrong = site.run(&["log", "import", "other", path]);
    assert_eq!(wrong.code, 1);
    assert!(wrong.err.contains("line 3: missing field `value`"), "{}", wrong.err);
    assert!(wrong.err.contains("what is before it is in the log: 1 message\n"), "{}", wrong.err);
    let refused = site.run(&["log", "import", "outbox/a/event", path]);
    assert!(refused.code == 1 && refused.err.contains("is no log to write to"), "{}", refused.err);
}

#[test]
fn a_replay_shows_what_a_flow_makes_of_a_log() {
    let site = Site::new();
    let flow = site.0.path().join("flow.json");
    // The inject node would speak at once and every second, but a replay is of the log alone.
    std::fs::write(
        &flow,
        r#"[{"id": "t", "type": "tab", "label": "T"},
            {"id": "in", "type": "inject", "z": "t", "repeat": "1", "once": true, "onceDelay": 0, "props": [{"p": "payload", "v": "noise", "vt": "str"}], "wires": [["twice"]]},
            {"id": "twice", "type": "function", "z": "t", "lang": "rhai", "func": "msg.payload *= 2; msg", "outputs": 1, "wires": [["late", "d"]]},
            {"id": "late", "type": "delay", "z": "t", "pauseType": "delay", "timeout": "1500", "timeoutUnits": "milliseconds", "wires": [["l"]]},
            {"id": "d", "type": "debug", "z": "t", "name": "Now", "active": true, "tosidebar": true, "complete": "payload", "targetType": "msg", "wires": []},
            {"id": "l", "type": "debug", "z": "t", "name": "Late", "active": true, "tosidebar": true, "complete": "payload", "targetType": "msg", "wires": []}]"#,
    )
    .unwrap();
    let flow = flow.to_str().unwrap();
    let replay = |more: &[&str]| {
        let base = ["log", "replay", "history", "--flow", flow, "--from", "11", "--limit", "3"];
        site.run(&[&base[..], more].concat())
    };
    let shown = replay(&["--to", "twice"]);
    // A second lies between two messages, whatever the pace: each comes out late behind the next one.
    let expected = "[Now] 20\n[Now] 22\n[Late] 20\n[Now] 24\n[Late] 22\n[Late] 24\n";
    assert_eq!((shown.code, shown.out.as_str()), (0, expected), "{}", shown.err);
    assert!(shown.err.contains("3 messages went to twice; it would have sent 0"), "{}", shown.err);
    assert_eq!(replay(&["--to", "in"]).out, expected, "a source hands on what it is given");
    assert_eq!(replay(&["--to", "twice", "--speed", "100"]).out, expected);
    let json = lines(&replay(&["--to", "twice", "--json"]));
    assert_eq!((&json[0]["node"], &json[0]["debug"]), (&"d".into(), &20.into()));
    let mut real = replay(&["--to", "twice", "--real"]).out.lines().map(str::to_string).collect::<Vec<_>>();
    real.sort();
    assert_eq!(real, ["[Late] 20", "[Late] 22", "[Late] 24", "[Now] 20", "[Now] 22", "[Now] 24"]);

    let wrong = replay(&["--to", "twcie"]);
    assert!(wrong.code == 1 && wrong.err.contains("did you mean `twice`?"), "{}", wrong.err);
    let fast = replay(&["--to", "twice", "--speed", "0"]);
    assert!(fast.code == 2 && fast.err.contains("expected a number above 0, or max"), "{}", fast.err);
}

#[test]
fn outboxes_are_looked_into() {
    let site = Site::new();
    let queues = lines(&site.run(&["outbox", "ls", "--json", "--check"]));
    let of = |name: &str| queues.iter().find(|queue| queue["queue"] == name).unwrap();
    let event = of("outbox/sink-1/event");
    assert_eq!(
        (&event["node"], &event["priority"], &event["messages"]),
        (&"sink-1".into(), &"event".into(), &3.into())
    );
    assert_eq!(event["balance"]["ledgered"], 4);
    assert_eq!(event["oldest_wall_ms"], TEN + 10_000);
    assert_eq!(of("outbox/sink-1/alarm")["messages"], 5);
    let shown = site.run(&["outbox", "ls"]).out;
    assert!(shown.contains("dead letters: 4") && shown.contains("holds"), "{shown}");

    let peek = lines(&site.run(&["outbox", "peek", "sink-1", "-n", "2", "--json"]));
    assert_eq!(payloads(&peek), [0, 1, 10, 11], "alarms first");
    let peek = lines(&site.run(&["outbox", "peek", "outbox/sink-1/event", "--json"]));
    assert_eq!(payloads(&peek), [10, 11, 12]);
    let dead = site.run(&["outbox", "dead", "sink-1"]).out;
    assert_eq!(dead.matches("(no such topic)").count(), 4, "{dead}");
    let ledger = lines(&site.run(&["outbox", "ledger", "-n", "1", "--json"]));
    assert_eq!((&ledger[0]["reason"], &ledger[0]["count"]), (&"dead-letter".into(), &4.into()));
    assert_eq!(ledger[1]["total"], 4);
}

/// Changes the outboxes by commands, wherever the store is.
fn change(data: &Path) {
    let unsure = run(data, &["outbox", "purge", "sink-1", "--priority", "alarm"]);
    assert_eq!(unsure.code, 1);
    assert!(unsure.err.contains("gives up 5 messages of sink-1 for good; say --yes"), "{}", unsure.err);

    let retried = lines(&run(data, &["outbox", "retry", "sink-1", "--limit", "1", "--json"]));
    assert_eq!(retried[0]["messages"], 1);
    let retried = run(data, &["outbox", "retry", "sink-1", "--limit", "2"]);
    assert_eq!(retried.out, "sink-1: 2 dead letters sent back to their queues\n");
    let peek = lines(&run(data, &["outbox", "peek", "outbox/sink-1/event", "--json"]));
    assert_eq!(payloads(&peek), [10, 11, 12, 0, 1, 2]);
    let purged = run(data, &["outbox", "purge", "sink-1", "--dead", "--yes"]);
    assert_eq!((purged.code, purged.out.as_str()), (0, "sink-1: 1 dead letter given up\n"), "{}", purged.err);
    let purged = lines(&run(data, &["outbox", "purge", "sink-1", "--yes", "--json"]));
    assert_eq!(purged[0]["messages"], 11);

    let checked = run(data, &["outbox", "ls", "--check", "--json"]);
    let queues = lines(&checked);
    assert!(
        queues.iter().all(|queue| queue["messages"] == 0 && queue["balance"]["holds"] == true),
        "{}",
        checked.out
    );
    let imported = ended(
        command(&["log", "import", "new", "/dev/fd/0"])
            .env("TIDEGATE_DATA", data)
            .stdin(std::process::Stdio::from(stdin("{\"value\":{\"payload\":7}}\n")))
            .output()
            .unwrap(),
    );
    assert_eq!((imported.code, imported.out.as_str()), (0, "new: 1 message appended\n"), "{}", imported.err);
    assert_eq!(payloads(&lines(&run(data, &["log", "tail", "new", "--json"]))), [7]);
}

fn stdin(text: &str) -> std::fs::File {
    use std::io::{Seek, Write};
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file.rewind().unwrap();
    file
}

#[test]
fn outboxes_are_changed_without_a_gateway() {
    let site = Site::new();
    change(site.0.path());
}

#[test]
fn outboxes_are_changed_by_the_gateway_that_runs() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(fill(dir.path()));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let control = Control::serve(store.clone(), Arc::new(Default::default), runtime.handle()).unwrap();
    change(dir.path());
    let log = store.find_log("outbox/sink-1/alarm").unwrap();
    assert_eq!(log.cursor(admin::SINK).position(), 5, "the gateway did it, and knows");

    // Followed while the gateway writes.
    let mut tail = command(&["log", "tail", "history", "-n", "1", "--follow", "--json"]);
    tail.env("TIDEGATE_DATA", dir.path());
    let mut tail = Running::start(tail);
    tail.line_with("\"payload\":99");
    admin::append(&store, &store.find_log("history").unwrap(), [message(100)]).unwrap();
    tail.line_with("\"payload\":100");
    drop(tail);

    // Without its socket nobody else may write, but everybody may look.
    drop(control);
    let refused = run(dir.path(), &["outbox", "retry", "sink-1"]);
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains(&format!("process {}", std::process::id())), "{}", refused.err);
    assert_eq!(run(dir.path(), &["log", "ls"]).code, 0);
    drop(runtime);
    store.close();
}

#[test]
fn what_is_wrong_is_told_with_what_to_do() {
    let site = Site::new();
    for (arguments, code, says) in [
        (&["log", "read", "histroy"][..], 1, "no log `histroy`; did you mean `history`?"),
        (&["log", "read", "history", "--from", "x"], 2, "invalid value 'x'"),
        (&["log", "read", "history", "--since", "soon"], 2, "expected a time such as 2026-11-25T10:00Z"),
        (&["log", "read", "history", "--since", "2h", "--from", "1"], 2, "cannot be used with"),
        (&["log", "export", "history", "--format", "xls"], 2, "possible values: jsonl, csv"),
        (&["log", "export", "history", "--to", "/no/such/dir/x"], 1, "cannot write /no/such/dir/"),
        (&["log"], 2, "Usage: tidegate log"),
        (&["outbox", "peek", "snik-1"], 1, "did you mean `sink-1`?"),
        (&["outbox", "retry", "sink-2x"], 1, "no outbox of a node `sink-2x`"),
        (
            &["outbox", "purge", "sink-1", "--priority", "urgent"],
            2,
            "possible values: alarm, event, telemetry",
        ),
    ] {
        let failed = site.run(arguments);
        assert_eq!(failed.code, code, "{arguments:?}: {}{}", failed.out, failed.err);
        assert!(failed.err.contains(says), "{arguments:?}: {}", failed.err);
    }
    let nothing = tempfile::tempdir().unwrap();
    let data = nothing.path().join("data");
    for arguments in [&["log", "ls"], &["outbox", "ls"], &["outbox", "retry"]] {
        let mut arguments = arguments.to_vec();
        if arguments[1] == "retry" {
            arguments.push("a");
        }
        let failed = tidegate(&[&arguments[..], &["--data", data.to_str().unwrap()]].concat());
        assert_eq!(failed.code, 1);
        assert!(failed.err.contains("holds no data of a gateway"), "{}", failed.err);
        assert!(!data.exists(), "looking makes nothing");
    }
}

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::*;
use crate::connector::{Connector, Incoming};
use crate::host::LogRecord;
use crate::lines::testkit::{TestHost, json_of, object};
use crate::message::Outcome::{Done, Undelivered};
use crate::testing::{MemoryHost, MemoryLogs, assert_refused, config};

struct Bench {
    node: Reading,
    logs: MemoryLogs,
    host: Arc<TestHost>,
}

fn node(properties: Json) -> Reading {
    make(config("log in", properties, &MemoryHost::default()).read().unwrap()).unwrap()
}

impl Bench {
    async fn new(logs: &MemoryLogs, properties: Json) -> Bench {
        let mut all = json!({"log": "l"});
        all.as_object_mut().unwrap().extend(properties.as_object().unwrap().clone());
        let host = TestHost::keeping(logs);
        let mut node = node(all);
        Connector::open(&mut node, host.clone()).await.unwrap();
        Bench { node, logs: logs.clone(), host }
    }

    /// What comes next, in one batch.
    async fn batch(&mut self) -> Vec<Incoming> {
        tokio::time::timeout(Duration::from_secs(20), self.node.next()).await.expect("in time").unwrap()
    }

    async fn payloads(&mut self) -> Vec<i64> {
        payloads(&self.batch().await)
    }

    /// That nothing more comes.
    async fn silence(&mut self) {
        let more = tokio::time::timeout(Duration::from_millis(30), self.node.next()).await;
        assert!(more.is_err(), "{more:?}");
    }
}

fn payloads(batch: &[Incoming]) -> Vec<i64> {
    batch.iter().map(|one| one.value.get("payload").unwrap().as_i64().unwrap()).collect()
}

/// Records 1, 2, ... one a second, under the keys `a` and `b/N` in turn; the last has no key.
fn filled(count: i64) -> MemoryLogs {
    let logs = MemoryLogs::default();
    (1..=count).for_each(|n| put(&logs, n, count));
    logs
}

fn put(logs: &MemoryLogs, n: i64, last: i64) {
    let key = match n {
        _ if n == last => None,
        _ if n % 2 == 1 => Some(Str::new("a")),
        _ => Some(Str::from(format!("b/{n}"))),
    };
    let value = object(&json!({ "payload": n }));
    logs.put(
        "l",
        LogRecord { value, key, wall_ms: n * 1_000, source: Str::new("in"), ..LogRecord::default() },
    );
}

#[tokio::test]
async fn what_is_there_is_a_replay_and_what_comes_is_live() {
    let logs = filled(2);
    let mut bench = Bench::new(&logs, json!({})).await;
    let batch = bench.batch().await;
    assert_eq!(payloads(&batch), [1, 2]);
    assert_eq!(
        json_of(&batch[0].value)["log"],
        json!({"name": "l", "sequence": 1, "key": "a", "wall_ms": 1_000, "source": "in", "replayed": true})
    );
    assert_eq!((batch[0].acknowledge, batch[0].event_ms), (None, Some(1_000)));
    assert_eq!(bench.host.shown().unwrap()["text"], "replays");
    put(&logs, 3, 9);
    let batch = bench.batch().await;
    assert_eq!(json_of(&batch[0].value)["log"]["replayed"], json!(false));
    assert_eq!(bench.host.shown().unwrap()["text"], "live");
    bench.silence().await;
}

#[tokio::test]
async fn it_begins_where_it_is_told() {
    let logs = filled(5);
    for (properties, expected) in [
        (json!({"start": "sequence", "sequence": "4"}), vec![4, 5]),
        (json!({"start": "time", "time": "1970-01-01T00:00:02.5Z"}), vec![3, 4, 5]),
        (json!({"start": "time", "time": "1h"}), vec![]),
        (json!({"start": "end"}), vec![]),
        (json!({"limit": 2}), vec![1, 2]),
    ] {
        let mut bench = Bench::new(&logs, properties.clone()).await;
        if !expected.is_empty() {
            assert_eq!(bench.payloads().await, expected, "{properties}");
        }
        bench.silence().await;
    }
}

#[tokio::test]
async fn a_named_reader_goes_on_behind_what_is_done_with() {
    let logs = filled(6);
    let mut bench = Bench::new(&logs, json!({"reader": "r"})).await;
    let batch = bench.batch().await;
    let numbers: Vec<u64> = batch.iter().map(|one| one.acknowledge.unwrap()).collect();
    bench.node.acknowledge(&[(numbers[0], Done), (numbers[1], Done)]).await.unwrap();
    assert_eq!(logs.position("l", "r"), Some(2));
    drop(bench);
    let mut bench = Bench::new(&logs, json!({"reader": "r", "start": "end"})).await;
    assert_eq!(bench.payloads().await, [3, 4, 5, 6]);
    // Another reader is not disturbed by it, nor disturbs it.
    let mut other = Bench::new(&logs, json!({"reader": "q"})).await;
    assert_eq!(other.payloads().await, [1, 2, 3, 4, 5, 6]);
    assert_eq!((logs.position("l", "r"), logs.position("l", "q")), (Some(2), Some(0)));
}

#[tokio::test]
async fn what_was_not_delivered_is_read_again_after_a_while_and_what_comes_late_of_it_is_nothing() {
    let logs = filled(4);
    let mut bench = Bench::new(&logs, json!({"reader": "r", "limit": 3})).await;
    let numbers: Vec<u64> = bench.batch().await.iter().map(|one| one.acknowledge.unwrap()).collect();
    let began = std::time::Instant::now();
    bench.node.acknowledge(&[(numbers[0], Done), (numbers[1], Undelivered)]).await.unwrap();
    bench.node.acknowledge(&[(numbers[2], Done)]).await.unwrap();
    assert_eq!(logs.position("l", "r"), Some(1));
    assert!(bench.host.logged("record 2 of the log l was not delivered; it is read again from there in 1 s"));
    let again = bench.batch().await;
    assert_eq!(payloads(&again), [2, 3], "the limit counts each record once");
    assert!(began.elapsed() > Duration::from_millis(900), "{:?}", began.elapsed());
    assert!(again.iter().all(|one| !numbers.contains(&one.acknowledge.unwrap())));
    bench.node.acknowledge(&[(numbers[2], Undelivered)]).await.unwrap();
    let done: Vec<_> = again.iter().map(|one| (one.acknowledge.unwrap(), Done)).collect();
    bench.node.acknowledge(&done).await.unwrap();
    assert_eq!(logs.position("l", "r"), Some(3));
    bench.silence().await;
}

#[tokio::test]
async fn what_the_key_leaves_out_is_done_with_when_all_before_it_is() {
    let logs = filled(7);
    let mut bench = Bench::new(&logs, json!({"reader": "r", "key": "b/*"})).await;
    let batch = bench.batch().await;
    assert_eq!(payloads(&batch), [2, 4, 6]);
    assert_eq!(logs.position("l", "r"), Some(1), "what stands before the first");
    let numbers: Vec<u64> = batch.iter().map(|one| one.acknowledge.unwrap()).collect();
    bench.node.acknowledge(&[(numbers[0], Done)]).await.unwrap();
    assert_eq!(logs.position("l", "r"), Some(3));
    bench.node.acknowledge(&[(numbers[1], Done), (numbers[2], Done)]).await.unwrap();
    assert_eq!(logs.position("l", "r"), Some(7));
    for (key, expected) in [("a", vec![1, 3, 5]), ("*", vec![1, 2, 3, 4, 5, 6]), ("b/4", vec![4])] {
        let mut bench = Bench::new(&logs, json!({ "key": key })).await;
        assert_eq!(bench.payloads().await, expected, "{key}");
    }
    let mut bench = Bench::new(&logs, json!({"reader": "q", "key": "nobody"})).await;
    bench.silence().await;
    assert_eq!(logs.position("l", "q"), Some(7), "a reader that wants nothing is not behind");
}

#[tokio::test]
async fn without_following_it_ends_where_the_log_ended_and_tells() {
    let logs = filled(3);
    let mut bench = Bench::new(&logs, json!({"follow": false, "tellEnd": true})).await;
    put(&logs, 4, 9);
    let batch = bench.batch().await;
    assert_eq!(batch.len(), 4);
    assert_eq!(payloads(&batch[..3]), [1, 2, 3]);
    assert_eq!(json_of(&batch[3].value), json!({"complete": true, "log": {"name": "l", "sequence": 3}}));
    bench.silence().await;
    assert_eq!(bench.host.shown().unwrap()["text"], "done");
    for (properties, count) in [
        (json!({"follow": false, "tellEnd": true, "key": "nobody"}), 1),
        (json!({"follow": false, "tellEnd": true, "start": "end"}), 1),
        (json!({"follow": false, "start": "end"}), 0),
        (json!({"limit": 2, "tellEnd": true}), 3),
    ] {
        let mut bench = Bench::new(&logs, properties.clone()).await;
        if count > 0 {
            assert_eq!(bench.batch().await.len(), count, "{properties}");
        }
        bench.silence().await;
    }
    let mut empty = Bench::new(&MemoryLogs::default(), json!({"follow": false, "tellEnd": true})).await;
    assert_eq!(json_of(&empty.batch().await[0].value)["complete"], json!(true));
}

#[tokio::test]
async fn records_come_at_the_speed_of_then_or_so_many_a_second() {
    let logs = filled(5);
    for properties in [json!({"speed": "factor", "factor": 20}), json!({"pace": 20})] {
        let began = std::time::Instant::now();
        let mut bench = Bench::new(&logs, properties.clone()).await;
        let mut came = Vec::new();
        while came.len() < 5 {
            // A wait that is cut off, as the engine does, loses nothing.
            if let Ok(batch) = tokio::time::timeout(Duration::from_millis(7), bench.node.next()).await {
                came.extend(payloads(&batch.unwrap()));
            }
        }
        assert_eq!(came, [1, 2, 3, 4, 5]);
        let took = began.elapsed();
        assert!((180..2_000).contains(&took.as_millis()), "{properties} took {took:?}");
    }
    let mut bench = Bench::new(&logs, json!({"speed": "real", "max_gap": 0})).await;
    assert_eq!(bench.payloads().await, [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn one_without_a_name_goes_on_where_it_was_when_it_is_opened_again() {
    let logs = filled(3);
    let mut bench = Bench::new(&logs, json!({})).await;
    assert_eq!(bench.payloads().await, [1, 2, 3]);
    Connector::close(&mut bench.node).await;
    put(&logs, 4, 9);
    Connector::open(&mut bench.node, bench.host.clone()).await.unwrap();
    let batch = bench.batch().await;
    assert_eq!(payloads(&batch), [4]);
    assert_eq!(json_of(&batch[0].value)["log"]["replayed"], json!(false));
    assert_eq!(bench.logs.records("l").len(), 4);
}

#[tokio::test]
async fn a_gateway_without_data_says_what_to_do() {
    let refused = Connector::open(&mut node(json!({"log": "l"})), Arc::new(TestHost::default())).await;
    assert_eq!(refused, Err(NodeError::fatal("this gateway keeps no data: start it with --data DIR")));
}

#[test]
fn wrong_properties_are_refused_with_their_place() {
    for (properties, pointer) in [
        (json!({}), "/log"),
        (json!({"log": "l", "start": "middle"}), "/start"),
        (json!({"log": "l", "start": "time", "time": "soon"}), "/time"),
        (json!({"log": "l", "speed": "fast"}), "/speed"),
        (json!({"log": "l", "speed": "factor", "factor": 0}), "/factor"),
        (json!({"log": "l", "max_gap": -1}), "/max_gap"),
        (json!({"log": "l", "pace": -1}), "/pace"),
        (json!({"log": "l", "pace": 1e-12}), "/pace"),
        (json!({"log": "l", "limit": -1}), "/limit"),
    ] {
        assert_refused(build(&config("log in", properties, &MemoryHost::default())), pointer);
    }
}

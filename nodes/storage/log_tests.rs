use serde_json::{Value as Json, json};
use tokio::time::timeout;

use super::super::log_in;
use super::*;
use crate::lines::testkit::{TestHost, Told, json_of};
use crate::message::Outcome;
use crate::testing::{Appends, MemoryHost, MemoryLogs, config};

const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);

fn host(logs: &MemoryLogs) -> Arc<TestHost> {
    Arc::new(TestHost { device: Some(logs.clone()), ..TestHost::default() })
}

fn log_out(properties: Json) -> Result<LogOut, NodeError> {
    make(&config("log out", properties, &MemoryHost::default()))
}

fn log_in(properties: Json) -> Result<log_in::LogIn, NodeError> {
    log_in::make(&config("log in", properties, &MemoryHost::default()))
}

fn filled(count: i64) -> MemoryLogs {
    let logs = MemoryLogs::default();
    for n in 0..count {
        let value = [("payload", n)].into_iter().collect();
        let key = Some(crate::value::Str::from(format!("site/{}", n % 3)));
        logs.put("a", LogRecord { value, key, wall_ms: n * 1_000, ..LogRecord::default() });
    }
    logs
}

/// Reads until so many messages have come.
async fn read(node: &mut log_in::LogIn, count: usize) -> Vec<Incoming> {
    let mut all = Vec::new();
    while all.len() < count {
        all.extend(timeout(PATIENCE, node.next()).await.expect("something comes").unwrap());
    }
    all
}

fn payloads(incoming: &[Incoming]) -> Vec<i64> {
    incoming.iter().map(|one| one.value.get("payload").and_then(Value::as_i64).unwrap_or(-1)).collect()
}

#[tokio::test]
async fn a_message_is_confirmed_when_it_is_on_the_disk_and_not_before() {
    let (logs, told) = (MemoryLogs::default(), Arc::new(Told::default()));
    let mut node = log_out(json!({"log": "a", "key": "topic", "keep_messages": 5})).unwrap();
    node.open(host(&logs)).await.unwrap();
    logs.set_appends(Appends::Wait);
    let mut batch = vec![
        told.delivery(json!({"topic": "x", "payload": 1, "log": {"name": "other"}})),
        told.delivery(json!({"payload": 2, "priority": "alarm"})),
    ];
    node.handle(&mut batch).await.unwrap();
    assert!(batch.is_empty() && told.confirmed.lock().unwrap().is_empty());
    let (log, keep, count, urgent) = logs.calls().remove(0);
    assert_eq!((log.as_str(), keep.max_messages, count, urgent), ("a", Some(5), 2, true));
    logs.release();
    assert_eq!(told.confirmed.lock().unwrap().len(), 2);
    let records = logs.records("a");
    assert_eq!(records[0].key.as_deref(), Some("x"));
    assert_eq!(json_of(&records[0].value), json!({"topic": "x", "payload": 1}));
    assert_eq!((records[1].key.as_deref(), records[1].wall_ms), (None, 1_700_000_000_000));
}

#[tokio::test]
async fn an_append_that_fails_is_not_confirmed() {
    for (appends, failed) in [
        (Appends::Fail(NodeError::rejected("no")), true),
        (Appends::Fail(NodeError::disconnected("the disk is full")), false),
    ] {
        let (logs, told) = (MemoryLogs::default(), Arc::new(Told::default()));
        let mut node = log_out(json!({"log": "a"})).unwrap();
        node.open(host(&logs)).await.unwrap();
        logs.set_appends(appends);
        node.handle(&mut told.payloads([1])).await.unwrap();
        assert!(told.confirmed.lock().unwrap().is_empty());
        assert_eq!(told.failed.lock().unwrap().len(), usize::from(failed));
        if !failed {
            let error = timeout(PATIENCE, node.next()).await.expect("it hears").unwrap_err();
            assert!(matches!(error, NodeError::Disconnected(_)), "{error}");
        }
    }
}

#[tokio::test]
async fn without_a_data_directory_it_says_what_to_do() {
    let mut node = log_out(json!({"log": "a"})).unwrap();
    let error = node.open(Arc::new(TestHost::default())).await.unwrap_err();
    assert!(error.to_string().contains("--data"), "{error}");
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    for (properties, place) in [
        (json!({}), "/log"),
        (json!({"log": "outbox/x/event"}), "/log"),
        (json!({"log": "dead-letters"}), "/log"),
        (json!({"log": "a", "key": "a["}), "/key"),
        (json!({"log": "a", "keep_age": 1e300}), "/keep_age"),
    ] {
        let refused = log_out(properties.clone()).err();
        assert!(
            matches!(&refused, Some(NodeError::Config { pointer, .. }) if pointer == place),
            "{properties}"
        );
    }
    for (properties, place) in [
        (json!({}), "/log"),
        (json!({"log": "a", "start": "middle"}), "/start"),
        (json!({"log": "a", "start": "time", "time": "yesterday"}), "/time"),
        (json!({"log": "a", "speed": -1}), "/speed"),
    ] {
        let refused = log_in(properties.clone()).err();
        assert!(
            matches!(&refused, Some(NodeError::Config { pointer, .. }) if pointer == place),
            "{properties}"
        );
    }
}

#[tokio::test]
async fn a_named_reader_is_done_with_what_is_settled_in_order() {
    let logs = filled(5);
    let mut node = log_in(json!({"log": "a", "reader": "r", "start": "start", "filter": "site/1"})).unwrap();
    node.open(host(&logs)).await.unwrap();
    let given = read(&mut node, 2).await;
    assert_eq!(payloads(&given), [1, 4]);
    assert_eq!(given[0].acknowledge, Some(2));
    node.acknowledge(&[(2, Outcome::Done)]).await.unwrap();
    assert_eq!(logs.position("a", "r"), Some(4), "what was filtered out behind it is done too");
    let error = node.acknowledge(&[(5, Outcome::Undelivered)]).await.unwrap_err();
    assert!(error.to_string().contains("message 5"), "{error}");
    node.close().await;
    node.open(host(&logs)).await.unwrap();
    assert_eq!(payloads(&read(&mut node, 1).await), [4], "it is given again");
}

#[tokio::test]
async fn it_begins_where_it_is_told_and_ends_where_it_is_told() {
    for (properties, expected) in [
        (json!({"start": "start"}), vec![0, 1, 2, 3, 4, -1]),
        (json!({"start": "sequence", "sequence": 4}), vec![3, 4, -1]),
        (json!({"start": "time", "time": "1970-01-01T00:00:02Z"}), vec![2, 3, 4, -1]),
        (json!({"start": "end"}), vec![-1]),
        (json!({"start": "start", "filter": "site/*", "speed": 1_000}), vec![0, 1, 2, 3, 4, -1]),
        (json!({"start": "start", "pace": 1_000}), vec![0, 1, 2, 3, 4, -1]),
        (json!({"start": "start", "limit": 2}), vec![0, 1]),
    ] {
        let logs = filled(5);
        let mut properties = properties;
        (properties["log"], properties["follow"]) = (json!("a"), json!(false));
        let mut node = log_in(properties.clone()).unwrap();
        node.open(host(&logs)).await.unwrap();
        let given = read(&mut node, expected.len()).await;
        assert_eq!(payloads(&given), expected, "{properties}");
        if expected.ends_with(&[-1]) {
            assert_eq!(given.last().unwrap().value.get("complete"), Some(&Value::Bool(true)));
        }
    }
}

#[tokio::test]
async fn what_was_there_is_replayed_and_what_comes_is_not() {
    let logs = filled(1);
    let mut node = log_in(json!({"log": "a", "start": "start"})).unwrap();
    node.open(host(&logs)).await.unwrap();
    let old = read(&mut node, 1).await;
    logs.put("a", LogRecord { value: [("payload", 1)].into_iter().collect(), ..LogRecord::default() });
    let new = read(&mut node, 1).await;
    let replayed = |incoming: &[Incoming]| incoming[0].value.get("log").unwrap().get("replayed").cloned();
    assert_eq!((replayed(&old), replayed(&new)), (Some(Value::Bool(true)), Some(Value::Bool(false))));
}

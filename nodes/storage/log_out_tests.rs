use serde_json::{Value as Json, json};

use super::*;
use crate::lines::testkit::{TestHost, Told, json_of, object};
use crate::message::Meta;
use crate::testing::{Appends, MemoryHost, MemoryLogs, assert_refused, config};

struct Bench {
    node: LogOut,
    logs: MemoryLogs,
    told: Arc<Told>,
}

impl Bench {
    async fn new(properties: Json) -> Bench {
        let logs = MemoryLogs::default();
        let config = config("log out", properties, &MemoryHost::default());
        let mut node = make(config.read().unwrap()).unwrap();
        Connector::open(&mut node, TestHost::keeping(&logs)).await.unwrap();
        Bench { node, logs, told: Arc::default() }
    }

    async fn hand(&mut self, messages: impl IntoIterator<Item = Json>) {
        let mut batch = messages.into_iter().map(|msg| self.told.delivery(msg)).collect();
        self.node.handle(&mut batch).await.unwrap();
        assert!(batch.is_empty());
    }

    fn failed(&self) -> Vec<String> {
        self.told.failed.lock().unwrap().iter().map(|(error, _)| error.clone()).collect()
    }
}

#[tokio::test]
async fn a_batch_is_one_append_and_is_confirmed_when_it_is_written() {
    let mut bench = Bench::new(json!({"log": "readings", "keep_messages": "1000", "keep_age": 60})).await;
    bench.logs.set_appends(Appends::Wait);
    bench
        .hand((1..=3).map(|n| json!({"topic": format!("s{n}"), "payload": n, "log": {"name": "old"}})))
        .await;
    assert!(bench.told.confirmed_payloads().is_empty());
    assert!(bench.node.take_unconfirmed().is_empty(), "what is on its way is not written twice");
    bench.logs.release();
    assert_eq!(bench.told.confirmed_payloads(), [1, 2, 3]);

    let keep = Keep { max_messages: Some(1000), max_age: Some(Duration::from_secs(60)), ..Keep::default() };
    assert_eq!(bench.logs.calls(), [("readings".to_string(), keep, 3, false)]);
    let records = bench.logs.records("readings");
    assert_eq!(records[1].key.as_deref(), Some("s2"));
    assert_eq!(records[1].wall_ms, 1_700_000_000_000, "it came from nowhere, and so came now");
    assert_eq!(json_of(&records[1].value), json!({"topic": "s2", "payload": 2}));
}

#[tokio::test]
async fn a_record_says_when_and_where_its_message_came_in() {
    let mut bench = Bench::new(json!({"log": "l", "key": "payload.id"})).await;
    let meta = Meta { source: Str::new("in"), wall_ms: 5, event_ms: Some(3), ..Meta::default() };
    let mut message = Message::new(object(&json!({"payload": {"id": 7}})));
    message.meta = Arc::new(meta);
    let mut batch = vec![Delivery::new(message, bench.told.clone())];
    bench.node.handle(&mut batch).await.unwrap();
    let record = &bench.logs.records("l")[0];
    assert_eq!((record.source.as_str(), record.wall_ms, record.event_ms), ("in", 5, Some(3)));
    assert_eq!(record.key.as_deref(), Some("7"));
}

#[tokio::test]
async fn alarms_do_not_wait() {
    let mut bench = Bench::new(json!({"log": "l"})).await;
    bench.hand([json!({"payload": 1}), json!({"payload": 2, "priority": "alarm"})]).await;
    bench.hand([json!({"payload": 3})]).await;
    let mut always = Bench::new(json!({"log": "l", "urgent": "true"})).await;
    always.hand([json!({"payload": 1})]).await;
    let urgent = |bench: &Bench| bench.logs.calls().iter().map(|call| call.3).collect::<Vec<_>>();
    assert_eq!((urgent(&bench), urgent(&always)), (vec![true, false], vec![true]));
}

#[tokio::test]
async fn the_message_names_the_log_where_the_node_does_not() {
    let mut bench = Bench::new(json!({"log": " "})).await;
    let names = [json!("a"), json!("b"), json!(" a "), json!(""), json!({"name": "a"})];
    bench.hand(names.iter().map(|name| json!({"payload": 1, "log": name}))).await;
    bench.hand([json!({"payload": 1})]).await;
    assert_eq!((bench.logs.records("a").len(), bench.logs.records("b").len()), (2, 1));
    assert_eq!(json_of(&bench.logs.records("a")[0].value), json!({"payload": 1}));
    let hint = ": name the log in the node or in msg.log";
    let expected =
        ["msg.log is empty", "msg.log is no name (it is of the type object)", "msg.log is missing"];
    assert_eq!(bench.failed(), expected.map(|text| format!("{text}{hint}")));
}

#[tokio::test]
async fn what_cannot_be_written_now_is_given_back_and_what_never_can_fails() {
    let mut bench = Bench::new(json!({"log": "l"})).await;
    for appends in [Appends::Fail(NodeError::disconnected("the disk does not take it")), Appends::Drop] {
        bench.logs.set_appends(appends);
        bench.hand((1..=2).map(|n| json!({ "payload": n }))).await;
        let error = bench.node.next().await.unwrap_err();
        assert!(matches!(error, NodeError::Disconnected(_)), "{error}");
        let back = bench.node.take_unconfirmed();
        assert_eq!(back.len(), 2);
        assert_eq!(bench.node.way.lock().messages, 0);
    }
    bench.logs.set_appends(Appends::Fail(NodeError::fatal("the log is the gateway's own")));
    bench.hand([json!({"payload": 3})]).await;
    assert_eq!(bench.failed(), ["the log is the gateway's own"]);
    assert!(bench.told.confirmed_payloads().is_empty());
}

#[tokio::test]
async fn a_slow_disk_is_not_run_over() {
    let mut bench = Bench::new(json!({"log": "l"})).await;
    bench.logs.set_appends(Appends::Wait);
    let mut batch = bench.told.payloads(0..5_000);
    bench.node.handle(&mut batch).await.unwrap();
    assert_eq!(batch.len(), 5_000 - ON_THE_WAY);
    let waits = tokio::time::timeout(Duration::from_millis(20), bench.node.next()).await;
    assert!(waits.is_err(), "there is no room yet");
    bench.logs.release();
    assert!(bench.node.next().await.unwrap().is_empty());
    bench.node.handle(&mut batch).await.unwrap();
    assert!(batch.is_empty());
    assert!(bench.told.confirmed_payloads().into_iter().eq(0..5_000));
}

#[tokio::test]
async fn a_gateway_without_data_says_what_to_do() {
    let config = config("log out", json!({"log": "l"}), &MemoryHost::default());
    let mut node = make(config.read().unwrap()).unwrap();
    let refused = Connector::open(&mut node, Arc::new(TestHost::default())).await;
    assert_eq!(refused, Err(NodeError::fatal("this gateway keeps no data: start it with --data DIR")));
}

#[test]
fn wrong_properties_are_refused_with_their_place() {
    for (properties, pointer) in [
        (json!({"keep_bytes": -1}), "/keep_bytes"),
        (json!({"keep_messages": 1.5}), "/keep_messages"),
        (json!({"keep_age": -1}), "/keep_age"),
        (json!({"key": "a..b"}), "/key"),
        (json!({"key": "", "compact": true}), "/key"),
    ] {
        assert_refused(build(&config("log out", properties, &MemoryHost::default())), pointer);
    }
}

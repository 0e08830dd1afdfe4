use serde_json::{Value as Json, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::lines::testkit::{TestHost, Told, json_of, until};
use crate::testing::{MemoryHost, assert_refused, config};

fn node(address: &str, more: Json) -> LinesOut {
    let mut properties = json!({ "address": address });
    properties.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let config = config("lines out", properties, &MemoryHost::default());
    make(config.read().unwrap()).unwrap()
}

struct Server {
    listener: TcpListener,
}

struct Peer(BufReader<TcpStream>);

impl Server {
    async fn new() -> (Server, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        (Server { listener }, address)
    }

    async fn open(&self, node: &mut LinesOut) -> Peer {
        let host = Arc::new(TestHost::default());
        let (opened, accepted) = tokio::join!(Connector::open(node, host), self.listener.accept());
        opened.unwrap();
        Peer(BufReader::new(accepted.unwrap().0))
    }
}

impl Peer {
    async fn line(&mut self) -> Json {
        let mut line = String::new();
        self.0.read_line(&mut line).await.unwrap();
        serde_json::from_str(&line).unwrap()
    }

    async fn payloads(&mut self, count: usize) -> Vec<i64> {
        let mut all = Vec::new();
        for _ in 0..count {
            all.push(self.line().await["payload"].as_i64().unwrap());
        }
        all
    }

    async fn say(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }
}

async fn hand(node: &mut LinesOut, batch: &mut Vec<Delivery>) {
    node.handle(batch).await.unwrap();
}

fn payloads(messages: &[Json]) -> Vec<i64> {
    messages.iter().map(|message| message["payload"].as_i64().unwrap()).collect()
}

fn given_back(node: &mut LinesOut) -> Vec<Delivery> {
    node.take_unconfirmed()
}

fn of(deliveries: &[Delivery]) -> Vec<i64> {
    deliveries.iter().map(|delivery| delivery.message().payload().as_i64().unwrap()).collect()
}

#[tokio::test]
async fn a_message_is_confirmed_when_it_is_answered_and_not_before() {
    let (server, address) = Server::new().await;
    let mut node = node(&address, json!({}));
    let mut peer = server.open(&mut node).await;
    let told = Arc::new(Told::default());
    let mut batch = told.payloads(1..=3);
    hand(&mut node, &mut batch).await;
    assert!(batch.is_empty());
    assert_eq!(peer.payloads(3).await, [1, 2, 3]);
    assert!(told.confirmed.lock().unwrap().is_empty());
    peer.say("ok 1\nno 2 too lo").await;
    until(&mut node, |node| node.sent.len() == 2).await;
    peer.say("ng\nok 3\n").await;
    until(&mut node, |node| node.sent.is_empty()).await;
    assert_eq!(payloads(&told.confirmed.lock().unwrap()), [1, 3]);
    let failed = told.failed.lock().unwrap();
    assert_eq!(failed[0], (format!("{address} refused the line: too long"), json!({"payload": 2})));
}

#[tokio::test]
async fn the_whole_message_or_its_payload_is_sent() {
    let (server, address) = Server::new().await;
    for (send, expected) in [("msg", json!({"topic": "a\nb", "payload": [1]})), ("payload", json!([1]))] {
        let mut node = node(&address, json!({ "send": send }));
        let mut peer = server.open(&mut node).await;
        let told = Arc::new(Told::default());
        let mut batch = vec![told.delivery(json!({"topic": "a\nb", "payload": [1]}))];
        hand(&mut node, &mut batch).await;
        assert_eq!(peer.line().await, expected);
    }
    let mut node = node(&address, json!({"send": "payload"}));
    server.open(&mut node).await;
    let told = Arc::new(Told::default());
    hand(&mut node, &mut vec![told.delivery(json!({"topic": "t"}))]).await;
    assert_eq!(told.failed.lock().unwrap()[0].0, "msg.payload is missing");
}

#[tokio::test]
async fn no_more_than_the_window_is_taken() {
    let (server, address) = Server::new().await;
    let mut node = node(&address, json!({"window": 3}));
    let mut peer = server.open(&mut node).await;
    let told = Arc::new(Told::default());
    let mut batch = told.payloads(1..=5);
    hand(&mut node, &mut batch).await;
    assert_eq!(of(&batch), [4, 5]);
    assert_eq!(peer.payloads(3).await, [1, 2, 3]);
    peer.say("ok 1\n").await;
    until(&mut node, |node| node.sent.len() == 2).await;
    hand(&mut node, &mut batch).await;
    assert_eq!(of(&batch), [5]);
    assert_eq!(peer.payloads(1).await, [4]);
}

#[tokio::test]
async fn a_lost_connection_gives_all_back_in_order() {
    let (server, address) = Server::new().await;
    let mut node = node(&address, json!({}));
    let mut peer = server.open(&mut node).await;
    let told = Arc::new(Told::default());
    hand(&mut node, &mut told.payloads(1..=5)).await;
    assert_eq!(peer.payloads(5).await, [1, 2, 3, 4, 5]);
    // 2 is to be sent again, and was first all the same.
    peer.say("ok 1\nagain 2\n").await;
    until(&mut node, |node| node.sent.len() == 3).await;
    drop(peer);
    let error = loop {
        if let Err(error) = node.next().await {
            break error;
        }
    };
    assert!(matches!(&error, NodeError::Disconnected(text) if text.contains(&address)), "{error}");
    let mut back = given_back(&mut node);
    node.close().await;
    assert_eq!(of(&back), [2, 3, 4, 5]);
    // Again from line 1 on.
    let mut peer = server.open(&mut node).await;
    hand(&mut node, &mut back).await;
    assert_eq!(peer.payloads(4).await, [2, 3, 4, 5]);
    peer.say("ok 1\nok 2\nok 3\nok 4\n").await;
    until(&mut node, |node| node.sent.is_empty()).await;
    assert_eq!(payloads(&told.confirmed.lock().unwrap()), [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn again_is_sent_again_behind_the_others_after_a_pause() {
    let (server, address) = Server::new().await;
    let mut node = node(&address, json!({"window": 4}));
    let mut peer = server.open(&mut node).await;
    let told = Arc::new(Told::default());
    hand(&mut node, &mut told.payloads(1..=3)).await;
    assert_eq!(peer.payloads(3).await, [1, 2, 3]);
    let start = Instant::now();
    peer.say("again 1\nok 2\n").await;
    until(&mut node, |node| node.again.len() == 1).await;
    let mut more = told.payloads(4..=6);
    hand(&mut node, &mut more).await;
    // What waits to be sent again has its place in the window.
    assert_eq!(of(&more), [6]);
    until(&mut node, |node| node.again.is_empty()).await;
    assert!(start.elapsed() >= AGAIN_AFTER);
    assert_eq!(peer.payloads(3).await, [4, 5, 1]);
    peer.say("ok 3\nok 4\nok 5\nok 6\n").await;
    until(&mut node, |node| node.sent.is_empty()).await;
    assert_eq!(payloads(&told.confirmed.lock().unwrap()), [2, 3, 4, 5, 1]);
}

#[tokio::test]
async fn a_silent_receiver_is_left_and_a_slow_one_is_not() {
    let (server, address) = Server::new().await;
    let mut node = node(&address, json!({"timeout": 0.3}));
    let mut peer = server.open(&mut node).await;
    // Nothing waits: no time-out either.
    let idle = tokio::time::timeout(Duration::from_millis(500), node.next()).await;
    assert!(idle.is_err());
    let told = Arc::new(Told::default());
    hand(&mut node, &mut told.payloads(1..=3)).await;
    let start = Instant::now();
    peer.say("ok 1\n").await;
    until(&mut node, |node| node.sent.len() == 2).await;
    let error = node.next().await.unwrap_err();
    assert!(start.elapsed() >= Duration::from_millis(300));
    assert_eq!(error.to_string(), format!("{address} has answered no line for 0.3 s, 2 wait"));
    assert_eq!(of(&given_back(&mut node)), [2, 3]);
}

#[tokio::test]
async fn a_receiver_that_does_not_read_stops_what_is_taken() {
    let (server, address) = Server::new().await;
    let mut node = node(&address, json!({"window": 100_000}));
    let mut peer = server.open(&mut node).await;
    let told = Arc::new(Told::default());
    let text = "x".repeat(100_000);
    let mut batch: Vec<Delivery> =
        (0..500).map(|n| told.delivery(json!({"payload": n, "text": text}))).collect();
    hand(&mut node, &mut batch).await;
    assert!(!batch.is_empty() && batch.len() < 500);
    assert!(node.link.as_ref().unwrap().unsent.len() < UNSENT_BYTES + 200_000);
    // It reads again: all comes, in order, in one piece each.
    let reading = tokio::spawn(async move {
        let all = peer.payloads(500).await;
        (peer, all)
    });
    while !batch.is_empty() {
        until(&mut node, LinesOut::has_room).await;
        hand(&mut node, &mut batch).await;
    }
    until(&mut node, |_| reading.is_finished()).await;
    let (_peer, all) = reading.await.unwrap();
    assert_eq!(all, (0..500).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_is_no_answer_ends_the_connection_and_loses_nothing() {
    let long = "x".repeat(100_000);
    for (said, part) in [
        ("HTTP/1.1 400 Bad Request\n", "does not speak the protocol of lines in: it says \"HTTP/1.1"),
        ("ok 2\n", "\"ok 2\" where line 1 is due"),
        ("no 0 too many connections\n", "does not take the connection: too many connections"),
        (long.as_str(), "an answer without an end"),
    ] {
        let (server, address) = Server::new().await;
        let mut node = node(&address, json!({}));
        let mut peer = server.open(&mut node).await;
        let told = Arc::new(Told::default());
        hand(&mut node, &mut told.payloads(1..=2)).await;
        peer.say(said).await;
        let error = loop {
            if let Err(error) = node.next().await {
                break error;
            }
        };
        assert!(matches!(error, NodeError::Disconnected(_)));
        assert!(error.to_string().contains(part), "{error}");
        assert_eq!(of(&given_back(&mut node)), [1, 2]);
    }
}

#[tokio::test]
async fn the_name_that_an_outbox_gives_goes_along_with_the_whole_message() {
    let (server, address) = Server::new().await;
    let told = Arc::new(Told::default());
    let msg = json!({"payload": {"a": 1}});
    for (send, expected) in
        [("msg", json!({"payload": {"a": 1}, "_name": "device/node/7"})), ("payload", json!({"a": 1}))]
    {
        let mut node = node(&address, json!({ "send": send }));
        let mut peer = server.open(&mut node).await;
        hand(&mut node, &mut vec![told.named(7, msg.clone())]).await;
        assert_eq!(peer.line().await, expected);
    }
    let mut node = node(&address, json!({}));
    let mut peer = server.open(&mut node).await;
    hand(&mut node, &mut vec![told.delivery(msg.clone())]).await;
    assert_eq!(peer.line().await, msg, "without an outbox there is no name");
}

#[tokio::test]
async fn nobody_there_is_told_with_the_address() {
    let (server, address) = Server::new().await;
    drop(server);
    let mut node = node(&address, json!({}));
    let error = Connector::open(&mut node, Arc::new(TestHost::default())).await.unwrap_err();
    assert!(error.to_string().starts_with(&format!("cannot connect to {address}: ")), "{error}");
}

#[tokio::test]
async fn two_gateways_are_joined() {
    let listening = config("lines in", json!({"address": "127.0.0.1:0"}), &MemoryHost::default());
    let built = (crate::lines::lines_in::NODE.build)(&listening).unwrap();
    let crate::node::Kind::Connector(mut inward) = built.kind else { panic!("a connector") };
    let host = Arc::new(TestHost::default());
    inward.open(host.clone()).await.unwrap();
    let address = host.logs.lock().unwrap()[0].1.strip_prefix("listens on ").unwrap().to_string();
    let mut outward = node(&address, json!({}));
    Connector::open(&mut outward, host).await.unwrap();

    let told = Arc::new(Told::default());
    let sent: Vec<Json> = (0..2500)
        .map(|n| json!({"_msgid": "1", "topic": "t", "payload": n, "bytes": {"type": "Buffer", "data": [0, 255]}}))
        .collect();
    let mut batch: Vec<Delivery> = sent.iter().map(|msg| told.delivery(msg.clone())).collect();
    let mut came = Vec::new();
    while told.confirmed.lock().unwrap().len() < sent.len() {
        outward.handle(&mut batch).await.unwrap();
        tokio::select! {
            went = outward.next() => assert!(went.unwrap().is_empty()),
            incoming = inward.next() => {
                let incoming = incoming.unwrap();
                let done: Vec<_> = incoming
                    .iter()
                    .map(|i| (i.acknowledge.unwrap(), crate::message::Outcome::Done))
                    .collect();
                came.extend(incoming.iter().map(|i| json_of(&i.value)));
                inward.acknowledge(&done).await.unwrap();
            }
        }
    }
    assert_eq!(came, sent);
    assert_eq!(*told.confirmed.lock().unwrap(), sent);
    inward.close().await;
}

#[test]
fn wrong_properties_are_refused_with_their_place() {
    for (properties, pointer) in [
        (json!({"address": "nowhere"}), "/address"),
        (json!({"window": 0}), "/window"),
        (json!({"timeout": -1}), "/timeout"),
        (json!({"send": "topic"}), "/send"),
    ] {
        assert_refused(build(&config("lines out", properties, &MemoryHost::default())), pointer);
    }
}

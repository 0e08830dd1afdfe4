use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::lines::testkit::{TestHost, Told, json_of};
use crate::network::testkit::PATIENCE;
use crate::testing::{MemoryHost, config};

async fn node(mut properties: Json) -> (Keep, Arc<TestHost>) {
    properties["out"] = json!("sit");
    let form = Form::read(&config("tcp request", properties, &MemoryHost::default())).unwrap();
    let (mut node, host) = (Keep::new(form), Arc::new(TestHost::default()));
    Connector::open(&mut node, host.clone()).await.unwrap();
    (node, host)
}

async fn server() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

async fn hand(node: &mut Keep, told: &Arc<Told>, message: Json) {
    let mut batch = vec![told.delivery(message)];
    node.handle(&mut batch).await.unwrap();
    assert!(batch.is_empty());
}

async fn read(stream: &mut TcpStream, length: usize) -> String {
    let mut bytes = vec![0; length];
    tokio::time::timeout(PATIENCE, stream.read_exact(&mut bytes)).await.expect("it comes").unwrap();
    String::from_utf8(bytes).unwrap()
}

async fn take(node: &mut Keep, count: usize) -> Vec<Json> {
    let mut all = Vec::new();
    while all.len() < count {
        let incoming = tokio::time::timeout(PATIENCE, node.next()).await.expect("a message comes").unwrap();
        all.extend(incoming.iter().map(|incoming| json_of(&incoming.value)));
    }
    all
}

async fn until(node: &mut Keep, holds: impl Fn(&Keep) -> bool) {
    let waiting = async {
        while !holds(node) {
            tokio::select! {
                incoming = node.next() => assert!(incoming.unwrap().is_empty(), "nothing is expected"),
                () = tokio::task::yield_now() => {}
            }
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("it comes to hold");
}

#[tokio::test]
async fn the_connection_stays_and_all_that_comes_is_handed_on() {
    let (listener, port) = server().await;
    let (mut node, host) =
        node(json!({"server": "127.0.0.1", "port": port, "ret": "string", "newline": "\\n"})).await;
    let told = Arc::new(Told::default());
    hand(&mut node, &told, json!({"payload": "one", "topic": "a"})).await;
    let mut peer = listener.accept().await.unwrap().0;
    assert_eq!(read(&mut peer, 3).await, "one");
    until(&mut node, |node| node.kept.is_empty() && node.links.values().all(|link| link.is_open)).await;
    assert_eq!(told.confirmed.lock().unwrap().len(), 1);
    assert_eq!(host.shown().unwrap(), json!({"fill": "green", "shape": "dot", "text": "1 connection"}));
    peer.write_all(b"x\ny\nz").await.unwrap();
    let expected = ["x", "y"].map(|line| json!({"payload": line, "topic": "a"}));
    assert_eq!(take(&mut node, 2).await, expected);
    hand(&mut node, &told, json!({"payload": "two", "topic": "b"})).await;
    assert_eq!(read(&mut peer, 3).await, "two");
    drop(peer);
    assert_eq!(take(&mut node, 1).await, [json!({"payload": "z", "topic": "b"})]);
    until(&mut node, |node| node.links.is_empty()).await;
    assert_eq!(host.shown().unwrap(), json!({"fill": "grey", "shape": "ring", "text": "disconnected"}));
    // The next message connects again.
    hand(&mut node, &told, json!({"payload": "three"})).await;
    assert_eq!(read(&mut listener.accept().await.unwrap().0, 5).await, "three");
}

#[tokio::test]
async fn each_server_has_a_connection_and_reset_closes_it() {
    let (one, two) = (server().await, server().await);
    let (mut node, host) = node(json!({})).await;
    let told = Arc::new(Told::default());
    let mut peers = Vec::new();
    for (listener, port) in [&one, &two] {
        hand(&mut node, &told, json!({"payload": "x", "host": "127.0.0.1", "port": port})).await;
        peers.push(listener.accept().await.unwrap().0);
    }
    until(&mut node, |node| node.kept.is_empty() && node.links.values().all(|link| link.is_open)).await;
    assert_eq!(host.shown().unwrap()["text"], "2 connections");
    hand(&mut node, &told, json!({"reset": format!("127.0.0.1:{}", one.1)})).await;
    assert_eq!(host.shown().unwrap()["text"], "1 connection");
    let mut all = String::new();
    peers[0].read_to_string(&mut all).await.unwrap();
    assert_eq!(all, "x");
    hand(&mut node, &told, json!({"reset": true})).await;
    assert_eq!(host.shown().unwrap(), json!({"fill": "green", "shape": "ring", "text": "0 connections"}));
    peers[1].read_to_string(&mut all).await.unwrap();
    assert_eq!(told.confirmed.lock().unwrap().len(), 4);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_an_error_of_the_message() {
    let (listener, port) = server().await;
    drop(listener);
    let (mut node, host) = node(json!({"server": "127.0.0.1", "port": port})).await;
    let told = Arc::new(Told::default());
    hand(&mut node, &told, json!({"payload": "x"})).await;
    hand(&mut node, &told, json!({"payload": [1]})).await;
    until(&mut node, |node| node.kept.is_empty() && node.links.is_empty()).await;
    let failed = told.failed.lock().unwrap();
    assert!(failed[0].0.contains("cannot be sent"), "{failed:?}");
    assert!(failed[1].0.contains("refused"), "{failed:?}");
    assert_eq!(host.shown().unwrap(), json!({"fill": "red", "shape": "ring", "text": "error"}));
}

#[tokio::test]
async fn whoever_never_sends_the_delimiter_is_closed_with_an_error() {
    let (listener, port) = server().await;
    let (mut node, host) =
        node(json!({"server": "127.0.0.1", "port": port, "ret": "string", "newline": ";", "max": 4})).await;
    hand(&mut node, &Arc::new(Told::default()), json!({"payload": "x", "topic": "t"})).await;
    let mut peer = listener.accept().await.unwrap().0;
    peer.write_all(b"12345").await.unwrap();
    until(&mut node, |node| node.links.is_empty()).await;
    let errors = host.errors.lock().unwrap();
    assert!(errors[0].0.contains("4 bytes without a delimiter"), "{errors:?}");
    assert_eq!(errors[0].1["topic"], "t");
}

#[tokio::test]
async fn what_has_not_left_is_given_back() {
    let (listener, port) = server().await;
    let (mut node, _) = node(json!({"server": "127.0.0.1", "port": port})).await;
    let told = Arc::new(Told::default());
    node.handle(&mut told.payloads(1..=3)).await.unwrap();
    let back = node.take_unconfirmed();
    assert_eq!(back.len() + told.confirmed.lock().unwrap().len(), 3);
    Connector::close(&mut node).await;
    drop(listener);
    assert!(node.links.is_empty() && node.tasks.is_empty());
}

use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::lines::testkit::{TestHost, json_of};
use crate::network::testkit::{PATIENCE, port_of};
use crate::testing::{MemoryHost, config};

fn node(properties: Json) -> (TcpIn, Arc<Sessions>) {
    let sessions = Arc::<Sessions>::default();
    let node = make(&config("tcp in", properties, &MemoryHost::default()), sessions.clone()).unwrap();
    (node, sessions)
}

/// A node that listens, and where.
async fn listening(mut more: Json) -> (TcpIn, Arc<TestHost>, u16, Arc<Sessions>) {
    (more["server"], more["port"]) = (json!("server"), json!(0));
    let (mut node, sessions) = node(more);
    let host = Arc::new(TestHost::default());
    Connector::open(&mut node, host.clone()).await.unwrap();
    let port = port_of(&host);
    (node, host, port, sessions)
}

async fn take(node: &mut TcpIn, count: usize) -> Vec<Json> {
    let mut all = Vec::new();
    while all.len() < count {
        let incoming = tokio::time::timeout(PATIENCE, node.next()).await.expect("a message comes").unwrap();
        all.extend(incoming.iter().map(|incoming| json_of(&incoming.value)));
    }
    all
}

/// Lets the node see what happens until the condition holds.
async fn until(node: &mut TcpIn, holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::select! {
                incoming = node.next() => assert!(incoming.unwrap().is_empty(), "nothing is expected"),
                () = tokio::task::yield_now() => {}
            }
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("it comes to hold");
}

async fn connect(port: u16) -> TcpStream {
    TcpStream::connect(("127.0.0.1", port)).await.unwrap()
}

#[tokio::test]
async fn lines_of_those_who_connect_are_messages() {
    let (mut node, host, port, sessions) =
        listening(json!({"datatype": "utf8", "newline": "\\n", "topic": "t"})).await;
    let mut peer = connect(port).await;
    let from = peer.local_addr().unwrap();
    peer.write_all(b"one\ntwo\nrest").await.unwrap();
    let messages = take(&mut node, 2).await;
    let session = messages[0]["_session"].clone();
    let shown = host.shown().unwrap();
    assert_eq!(
        shown,
        json!({"text": "1 connection", "event": "connect", "ip": "::ffff:127.0.0.1", "port": from.port(), "_session": session})
    );
    assert_eq!(
        messages[0],
        json!({"topic": "t", "payload": "one", "ip": "::ffff:127.0.0.1", "port": from.port(), "_session": session})
    );
    assert_eq!((&messages[1]["payload"], &messages[1]["_session"]), (&json!("two"), &session));
    assert!(sessions.find(session["id"].as_str().unwrap()).is_some());
    peer.shutdown().await.unwrap();
    assert_eq!(take(&mut node, 1).await[0]["payload"], "rest");
    drop(peer);
    until(&mut node, || host.shown().unwrap()["text"] == "0 connections").await;
    assert_eq!(host.shown().unwrap()["event"], "disconnect");
    assert!(sessions.all().is_empty());
    Connector::close(&mut node).await;
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err());
}

#[tokio::test]
async fn a_single_payload_is_all_there_was() {
    let (mut node, _, port, _) = listening(json!({"datamode": "single", "datatype": "base64"})).await;
    let mut peer = connect(port).await;
    for piece in [&b"h"[..], b"i"] {
        peer.write_all(piece).await.unwrap();
    }
    drop(peer);
    // One that brings nothing is no message.
    drop(connect(port).await);
    let mut last = connect(port).await;
    assert_eq!(take(&mut node, 1).await[0]["payload"], "aGk=");
    last.write_all(b"x").await.unwrap();
    drop(last);
    assert_eq!(take(&mut node, 1).await[0]["payload"], "eA==");
}

#[tokio::test]
async fn whoever_never_sends_the_delimiter_is_closed_with_an_error() {
    let (mut node, host, port, _) =
        listening(json!({"datatype": "utf8", "newline": "\\n", "max": 10, "topic": "t"})).await;
    let mut peer = connect(port).await;
    peer.write_all(&[b'x'; 11]).await.unwrap();
    until(&mut node, || host.errors.lock().unwrap().len() == 1).await;
    let (text, about) = host.errors.lock().unwrap()[0].clone();
    assert!(text.contains("10 bytes without a delimiter"), "{text}");
    assert_eq!((&about["topic"], &about["ip"]), (&json!("t"), &json!("::ffff:127.0.0.1")));
    // Closed, with or without a reset.
    assert!(matches!(peer.read(&mut [0; 1]).await, Ok(0) | Err(_)));
    let mut other = connect(port).await;
    other.write_all(b"fine\n").await.unwrap();
    assert_eq!(take(&mut node, 1).await[0]["payload"], "fine");
}

#[tokio::test]
async fn more_connections_than_there_may_be_are_refused() {
    let (mut node, host, port, _) = listening(json!({"connections": 1, "datatype": "utf8"})).await;
    let mut first = connect(port).await;
    until(&mut node, || host.shown().is_some()).await;
    assert!(matches!(connect(port).await.read(&mut [0; 1]).await, Ok(0) | Err(_)));
    assert!(host.logged("refused: 1 are open already"));
    first.write_all(b"x").await.unwrap();
    assert_eq!(take(&mut node, 1).await[0]["payload"], "x");
}

#[tokio::test]
async fn a_port_in_use_is_told() {
    let (_node, _, port, _) = listening(json!({})).await;
    let (mut second, _) = node(json!({"server": "server", "port": port.to_string()}));
    let error = Connector::open(&mut second, Arc::new(TestHost::default())).await.unwrap_err();
    assert!(matches!(&error, NodeError::Disconnected(text) if text.contains("use another port")), "{error}");
}

#[tokio::test]
async fn a_client_hands_on_what_the_server_says_and_tells_when_it_is_gone() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (mut node, sessions) = node(
        json!({"server": "client", "host": "localhost", "port": port, "datatype": "utf8", "newline": ";"}),
    );
    let host = Arc::new(TestHost::default());
    let (opened, accepted) = tokio::join!(Connector::open(&mut node, host.clone()), listener.accept());
    opened.unwrap();
    let mut server = accepted.unwrap().0;
    server.write_all(b"a;b").await.unwrap();
    let message = take(&mut node, 1).await.remove(0);
    let session = message["_session"].clone();
    assert_eq!(message, json!({"topic": "", "payload": "a", "_session": session}));
    assert_eq!(
        host.shown().unwrap(),
        json!({"fill": "green", "shape": "dot", "text": "connected", "_session": session})
    );
    assert!(sessions.find(session["id"].as_str().unwrap()).is_some());
    drop(server);
    assert_eq!(take(&mut node, 1).await[0]["payload"], "b");
    let lost = tokio::time::timeout(PATIENCE, node.next()).await.unwrap().unwrap_err();
    assert_eq!(lost, NodeError::disconnected(format!("connection lost to localhost:{port}")));
    drop(listener);
    let refused = Connector::open(&mut node, host).await.unwrap_err();
    assert!(matches!(&refused, NodeError::Disconnected(text) if text.contains("refused")), "{refused}");
}

#[tokio::test]
async fn a_flow_that_takes_nothing_makes_the_other_side_wait() {
    let (mut node, _, port, _) = listening(json!({})).await;
    let mut peer = connect(port).await;
    let piece = vec![b'x'; 1 << 20];
    let mut sent = 0;
    // What fits into buffers on the way is bounded.
    while let Ok(written) =
        tokio::time::timeout(std::time::Duration::from_millis(300), peer.write(&piece)).await
    {
        sent += written.unwrap();
        assert!(sent < 256 << 20, "nothing holds it up");
    }
    drop(peer);
    let mut received = 0;
    while received < sent {
        for incoming in tokio::time::timeout(PATIENCE, node.next()).await.unwrap().unwrap() {
            received += incoming.value.get("payload").and_then(|payload| payload.as_bytes()).unwrap().len();
        }
    }
    assert_eq!(received, sent);
}

#[test]
fn what_is_wrong_in_the_form_is_told_with_its_place() {
    for (form, place) in [
        (json!({"server": "server"}), "/port"),
        (json!({"server": "server", "port": "70000"}), "/port"),
        (json!({"server": "client", "port": "1"}), "/host"),
        (json!({"server": "client", "host": "a", "port": "0"}), "/port"),
        (json!({"server": "server", "port": 1, "datatype": "hex"}), "/datatype"),
        (json!({"server": "server", "port": 1, "datatype": "utf8", "newline": "\\q"}), "/newline"),
        (json!({"server": "server", "port": 1, "max": 0}), "/max"),
    ] {
        let refused = make(&config("tcp in", form.clone(), &MemoryHost::default()), Arc::default()).err();
        assert!(matches!(&refused, Some(NodeError::Config { pointer, .. }) if pointer == place), "{form}");
    }
}

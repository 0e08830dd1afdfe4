use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::TcpStream;

use super::*;
use crate::lines::testkit::{TestHost, Told};
use crate::network::sessions::Entry;
use crate::network::testkit::{PATIENCE, port_of};
use crate::value::Str;

async fn listening(end: bool) -> (TcpOut, Arc<TestHost>, u16) {
    let mut node = TcpOut::serving(0, 2, Common { is_base64: false, end, tls: String::new() });
    let host = Arc::new(TestHost::default());
    Connector::open(&mut node, host.clone()).await.unwrap();
    let port = port_of(&host);
    (node, host, port)
}

/// Connects, and lets the node see it.
async fn connect(node: &mut TcpOut, port: u16) -> TcpStream {
    let before = node.serves.as_ref().unwrap().open;
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    until(node, |node| node.serves.as_ref().unwrap().open == before + 1).await;
    stream
}

async fn until(node: &mut TcpOut, holds: impl Fn(&TcpOut) -> bool) {
    let waiting = async {
        while !holds(node) {
            tokio::select! {
                went = node.next() => assert!(went.unwrap().is_empty()),
                () = tokio::task::yield_now() => {}
            }
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("it comes to hold");
}

async fn hand(node: &mut TcpOut, told: &Arc<Told>, messages: Vec<Json>) -> Vec<Delivery> {
    let mut batch = messages.into_iter().map(|message| told.delivery(message)).collect();
    node.handle(&mut batch).await.unwrap();
    batch
}

async fn read(stream: &mut (impl AsyncReadExt + Unpin), length: usize) -> String {
    let mut bytes = vec![0; length];
    tokio::time::timeout(PATIENCE, stream.read_exact(&mut bytes)).await.expect("it comes").unwrap();
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn all_who_are_connected_get_the_message() {
    let (mut node, host, port) = listening(false).await;
    assert_eq!(host.shown().unwrap(), json!({"text": "0 connections"}));
    let told = Arc::new(Told::default());
    // Nobody is there: done, as in Node-RED.
    hand(&mut node, &told, vec![json!({"payload": "missed"})]).await;
    assert_eq!(told.confirmed.lock().unwrap().len(), 1);
    let (mut first, mut second) = (connect(&mut node, port).await, connect(&mut node, port).await);
    assert_eq!(host.shown().unwrap(), json!({"text": "2 connections"}));
    // What they say is thrown away.
    first.write_all(b"nobody hears").await.unwrap();
    hand(&mut node, &told, vec![json!({"payload": "a"}), json!({"payload": 21.5}), json!({"payload": null})])
        .await;
    assert_eq!((read(&mut first, 5).await, read(&mut second, 5).await), ("a21.5".into(), "a21.5".into()));
    until(&mut node, |node| node.kept.is_empty()).await;
    assert_eq!(told.confirmed.lock().unwrap().len(), 4);
    let mut third = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    assert!(matches!(third.read(&mut [0; 1]).await, Ok(0) | Err(_)));
    assert!(host.logged("refused"));
    drop(first);
    until(&mut node, |node| node.serves.as_ref().unwrap().open == 1).await;
    hand(&mut node, &told, vec![json!({"payload": {"a": 1}}), json!({"payload": "z"})]).await;
    assert_eq!(read(&mut second, 1).await, "z");
    assert!(told.failed.lock().unwrap()[0].0.contains("cannot be sent"));
}

#[tokio::test]
async fn the_connection_is_closed_after_the_message_where_that_is_asked() {
    let (mut node, _, port) = listening(true).await;
    let mut peer = connect(&mut node, port).await;
    let told = Arc::new(Told::default());
    hand(&mut node, &told, vec![json!({"payload": "bye"})]).await;
    let mut all = String::new();
    peer.read_to_string(&mut all).await.unwrap();
    assert_eq!(all, "bye");
}

/// A connection as `tcp in` has one, with little room on the way.
struct Session {
    peer: DuplexStream,
    outgoing: Arc<Outgoing>,
    _entry: Entry,
}

fn session(sessions: &Arc<Sessions>, id: &str) -> Session {
    let (mut here, peer) = tokio::io::duplex(64);
    let outgoing = Arc::new(Outgoing::default());
    let entry = sessions.enter(&Str::new(id), outgoing.clone());
    let writing = outgoing.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = writing.write_to(&mut here) => {}
            () = writing.killed() => {}
        }
        writing.close();
    });
    Session { peer, outgoing, _entry: entry }
}

fn to(id: &str, payload: Json) -> Json {
    json!({"payload": payload, "_session": {"type": "tcp", "id": id}})
}

#[tokio::test]
async fn an_answer_goes_to_the_connection_that_the_message_came_from() {
    let sessions = Arc::<Sessions>::default();
    let mut node = TcpOut::replying(true, sessions.clone());
    let (mut a, mut b) = (session(&sessions, "a"), session(&sessions, "b"));
    let told = Arc::new(Told::default());
    hand(&mut node, &told, vec![to("b", json!("aGk=")), json!({"payload": "IQ=="})]).await;
    assert_eq!((read(&mut a.peer, 1).await, read(&mut b.peer, 3).await), ("!".into(), "hi!".into()));
    until(&mut node, |node| node.kept.is_empty()).await;
    assert_eq!(told.confirmed.lock().unwrap().len(), 2);
    let mut reset = to("a", json!("x"));
    reset["reset"] = json!(true);
    hand(&mut node, &told, vec![reset, to("gone", json!("")), to("b", json!("*"))]).await;
    assert_eq!(a.peer.read(&mut [0; 1]).await.unwrap(), 0);
    let failed = told.failed.lock().unwrap();
    assert!(failed[0].0.contains("the connection gone that it came from is closed"), "{failed:?}");
    assert!(failed[1].0.contains("no base64"), "{failed:?}");
}

#[tokio::test]
async fn an_answer_that_did_not_leave_fails() {
    let sessions = Arc::<Sessions>::default();
    let mut node = TcpOut::replying(false, sessions.clone());
    let a = session(&sessions, "a");
    let told = Arc::new(Told::default());
    hand(&mut node, &told, vec![to("a", json!("x".repeat(1000)))]).await;
    drop(a);
    until(&mut node, |node| node.kept.is_empty()).await;
    assert!(told.failed.lock().unwrap()[0].0.contains("closed before all was sent"));
}

#[tokio::test]
async fn whoever_does_not_read_is_closed_and_others_go_on() {
    let sessions = Arc::<Sessions>::default();
    let mut node = TcpOut::replying(false, sessions.clone());
    let host = Arc::new(TestHost::default());
    Connector::open(&mut node, host.clone()).await.unwrap();
    let (slow, mut quick) = (session(&sessions, "slow"), session(&sessions, "quick"));
    let told = Arc::new(Told::default());
    let mut messages = vec![to("slow", json!("x".repeat(5000))); 260];
    messages.push(to("quick", json!("hello")));
    let mut batch: Vec<Delivery> = messages.into_iter().map(|message| told.delivery(message)).collect();
    node.handle(&mut batch).await.unwrap();
    assert!(batch.len() > 1 && slow.outgoing.full_until().is_some());
    // As the host does: it is offered again when `next` has returned.
    let offering = async {
        while !batch.is_empty() {
            node.next().await.unwrap();
            node.handle(&mut batch).await.unwrap();
        }
    };
    tokio::time::timeout(PATIENCE, offering).await.expect("they do not wait for ever");
    assert_eq!(read(&mut quick.peer, 5).await, "hello");
    assert!(host.logged("the other side does not read"));
    until(&mut node, |node| node.kept.is_empty()).await;
    assert_eq!(told.confirmed.lock().unwrap().len(), 1);
    assert_eq!(told.failed.lock().unwrap().len(), 260);
}

#[tokio::test]
async fn what_is_on_its_way_is_given_back_in_order() {
    let sessions = Arc::<Sessions>::default();
    let mut node = TcpOut::replying(false, sessions.clone());
    let _a = session(&sessions, "a");
    let told = Arc::new(Told::default());
    hand(&mut node, &told, (0..3).map(|n| to("a", json!(format!("{n}{}", "x".repeat(100))))).collect()).await;
    let back = node.take_unconfirmed();
    let firsts: Vec<u8> =
        back.iter().map(|d| d.message().payload().as_str().unwrap().as_bytes()[0]).collect();
    assert_eq!(firsts, b"012");
    // What is told of them later is for nobody.
    assert!(tokio::time::timeout(Duration::from_millis(1), node.next()).await.is_err());
}

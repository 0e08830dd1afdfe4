use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::lines::testkit::{TestHost, Told};
use crate::network::testkit::PATIENCE;

async fn server() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

fn node(port: u16, end: bool) -> TcpOutClient {
    TcpOutClient::new("127.0.0.1".into(), port, Common { is_base64: false, end, tls: String::new() })
}

async fn open(node: &mut TcpOutClient, listener: &TcpListener) -> (TcpStream, Arc<TestHost>) {
    let host = Arc::new(TestHost::default());
    let (opened, accepted) = tokio::join!(Connector::open(node, host.clone()), listener.accept());
    opened.unwrap();
    (accepted.unwrap().0, host)
}

/// Works as the host does until all is taken and sent.
async fn send(node: &mut TcpOutClient, told: &Arc<Told>, messages: &[Json]) {
    let mut batch: Vec<Delivery> = messages.iter().map(|message| told.delivery(message.clone())).collect();
    let sending = async {
        loop {
            node.handle(&mut batch).await.unwrap();
            if batch.is_empty() && node.kept.is_empty() {
                return;
            }
            node.next().await.unwrap();
        }
    };
    tokio::time::timeout(PATIENCE, sending).await.expect("it leaves");
}

async fn read(stream: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    tokio::time::timeout(PATIENCE, stream.read_exact(&mut bytes)).await.expect("it comes").unwrap();
    bytes
}

#[tokio::test]
async fn messages_leave_in_order_and_are_confirmed() {
    let (listener, port) = server().await;
    let mut node = node(port, false);
    let (mut peer, host) = open(&mut node, &listener).await;
    assert_eq!(host.shown().unwrap(), json!({"fill": "green", "shape": "dot", "text": "connected"}));
    let told = Arc::new(Told::default());
    let messages = [
        json!({"payload": "a"}),
        json!({"topic": "none"}),
        json!({"payload": [1]}),
        json!({"payload": {"type": "Buffer", "data": [0, 255]}}),
    ];
    send(&mut node, &told, &messages).await;
    assert_eq!(read(&mut peer, 3).await, [b'a', 0, 255]);
    assert_eq!(told.confirmed.lock().unwrap().len(), 3);
    assert!(told.failed.lock().unwrap()[0].0.contains("cannot be sent"));
}

#[tokio::test]
async fn what_has_not_left_when_the_server_goes_is_given_back() {
    let (listener, port) = server().await;
    let mut node = node(port, false);
    let (peer, _) = open(&mut node, &listener).await;
    let told = Arc::new(Told::default());
    // More than fits on the way, so that the end of it stays here.
    let large = json!({"payload": "x".repeat(16 << 20)});
    let mut batch = vec![told.delivery(large), told.delivery(json!({"payload": "second"}))];
    node.handle(&mut batch).await.unwrap();
    drop(peer);
    let lost = async {
        loop {
            if let Err(error) = node.next().await {
                return error;
            }
        }
    };
    let lost = tokio::time::timeout(PATIENCE, lost).await.expect("it is seen");
    assert_eq!(lost, NodeError::disconnected(format!("connection lost to 127.0.0.1:{port}")));
    let back = node.take_unconfirmed().len() + batch.len();
    assert_eq!((back, told.confirmed.lock().unwrap().len()), (2, 0));
    Connector::close(&mut node).await;
    let (mut peer, _) = open(&mut node, &listener).await;
    send(&mut node, &told, &[json!({"payload": "again"})]).await;
    assert_eq!(read(&mut peer, 5).await, b"again");
}

#[tokio::test]
async fn an_idle_connection_that_is_closed_is_seen_at_once() {
    let (listener, port) = server().await;
    let mut node = node(port, false);
    let (mut peer, _) = open(&mut node, &listener).await;
    // What the server says is thrown away.
    peer.write_all(b"welcome").await.unwrap();
    drop(peer);
    let lost = async { while node.next().await.is_ok() {} };
    tokio::time::timeout(PATIENCE, lost).await.expect("it is seen");
    drop(listener);
    let refused = Connector::open(&mut node, Arc::new(TestHost::default())).await.unwrap_err();
    assert!(matches!(&refused, NodeError::Disconnected(text) if text.contains("refused")), "{refused}");
}

#[tokio::test]
async fn each_message_has_a_connection_where_it_is_closed_after_each() {
    let (listener, port) = server().await;
    let mut node = node(port, true);
    let (first, _) = open(&mut node, &listener).await;
    let receiving = tokio::spawn(async move {
        let mut all = Vec::new();
        let mut stream = first;
        for n in 0..3 {
            if n > 0 {
                stream = listener.accept().await.unwrap().0;
            }
            let mut text = String::new();
            stream.read_to_string(&mut text).await.unwrap();
            all.push(text);
        }
        all
    });
    let told = Arc::new(Told::default());
    send(&mut node, &told, &[json!({"payload": "a"}), json!({"payload": "b"}), json!({"payload": "c"})])
        .await;
    let received = tokio::time::timeout(PATIENCE, receiving).await.expect("all come").unwrap();
    assert_eq!(received, ["a", "b", "c"]);
    // The server is gone now: the message is kept, and the host connects again.
    let mut batch = vec![told.delivery(json!({"payload": "d"}))];
    let away = node.handle(&mut batch).await;
    assert!(matches!(away, Err(NodeError::Disconnected(_))));
    assert_eq!(node.take_unconfirmed().len(), 1);
}

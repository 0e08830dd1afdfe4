use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::lines::testkit::{TestHost, Told};
use crate::network::testkit::PATIENCE;
use crate::testing::{MemoryHost, config};

async fn node(mut properties: Json, port: u16) -> (TcpRequest, Arc<TestHost>) {
    if properties.get("server").is_none() {
        (properties["server"], properties["port"]) = (json!("127.0.0.1"), json!(port.to_string()));
    }
    let form = Form::read(&config("tcp request", properties, &MemoryHost::default())).unwrap();
    let (mut node, host) = (TcpRequest::new(form), Arc::new(TestHost::default()));
    Connector::open(&mut node, host.clone()).await.unwrap();
    (node, host)
}

/// A server that reads a line and says something, piece by piece, on each connection in turn; then it closes.
async fn serving(says: Vec<Vec<&'static str>>) -> (u16, tokio::task::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let mut heard = Vec::new();
        for pieces in says {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut line = Vec::new();
            while !line.ends_with(b"\n") {
                line.push(stream.read_u8().await.unwrap());
            }
            heard.push(String::from_utf8(line).unwrap());
            for piece in pieces {
                stream.write_all(piece.as_bytes()).await.unwrap();
                stream.flush().await.unwrap();
            }
        }
        heard
    });
    (port, server)
}

async fn ask(node: &mut TcpRequest, messages: Vec<Json>) -> Arc<Told> {
    let told = Arc::new(Told::default());
    let mut batch = messages.into_iter().map(|message| told.delivery(message)).collect();
    node.handle(&mut batch).await.unwrap();
    assert!(batch.is_empty());
    while !node.kept.is_empty() {
        tokio::time::timeout(PATIENCE, node.next()).await.expect("it ends").unwrap();
    }
    told
}

fn failure(told: &Told) -> String {
    told.failed.lock().unwrap()[0].0.clone()
}

#[tokio::test]
async fn the_answer_ends_at_its_character_count_or_time() {
    for (out, splitc, answer) in [
        ("char", "\\n", "one\n"),
        ("count", "5", "one\nt"),
        ("time", "100", "one\ntwo\n"),
        ("count", "", "o"),
    ] {
        let (port, server) = serving(vec![vec!["on", "e\nt", "wo\n"]]).await;
        let (mut node, host) = node(json!({"out": out, "splitc": splitc, "ret": "string"}), port).await;
        let told = ask(&mut node, vec![json!({"payload": "?\n", "topic": "t"})]).await;
        assert_eq!(*told.answers.lock().unwrap(), [json!({"payload": answer, "topic": "t"})], "{out}");
        assert_eq!(told.confirmed.lock().unwrap().len(), 1);
        assert_eq!(server.await.unwrap(), ["?\n"]);
        let statuses = host.statuses.lock().unwrap();
        assert_eq!(statuses[1], Status::new("green", "dot", "1 connection"));
        assert_eq!(statuses.last(), Some(&Status::clear()));
    }
}

#[tokio::test]
async fn each_message_gets_the_answer_to_it() {
    let (port, server) = serving(vec![vec!["a;"], vec!["b;"], vec!["c;"]]).await;
    let (mut node, _) = node(json!({"out": "char", "splitc": ";", "server": "", "port": ""}), 0).await;
    let ask_for = |n: u32| json!({"payload": format!("{n}\n"), "host": "localhost", "port": port});
    let told = ask(&mut node, (1..=3).map(ask_for).collect()).await;
    assert_eq!(server.await.unwrap(), ["1\n", "2\n", "3\n"]);
    let answers: Vec<Json> =
        told.answers.lock().unwrap().iter().map(|answer| answer["payload"].clone()).collect();
    let buffer = |byte: u8| json!({"type": "Buffer", "data": [byte, b';']});
    assert_eq!(answers, [buffer(b'a'), buffer(b'b'), buffer(b'c')]);
}

#[tokio::test]
async fn without_an_answer_the_message_ends_when_it_is_sent() {
    let (port, server) = serving(vec![vec!["ignored"]]).await;
    let (mut node, _) = node(json!({"out": "immed"}), port).await;
    let told = ask(&mut node, vec![json!({"payload": "go\n"})]).await;
    assert_eq!(server.await.unwrap(), ["go\n"]);
    assert!(told.answers.lock().unwrap().is_empty());
    assert_eq!(told.confirmed.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn what_goes_wrong_is_an_error_of_the_message() {
    let (port, _server) = serving(vec![vec!["half"], vec!["much too long"]]).await;
    let (mut node_char, host) = node(json!({"out": "char", "splitc": "\\n"}), port).await;
    let told = ask(&mut node_char, vec![json!({"payload": "?\n"})]).await;
    assert!(failure(&told).contains("closed the connection after 4 bytes"), "{}", failure(&told));
    assert_eq!(host.shown().unwrap(), json!({"fill": "red", "shape": "ring", "text": "error"}));
    let (mut node_short, _) = node(json!({"out": "char", "splitc": "\\n", "max": 5}), port).await;
    let told = ask(&mut node_short, vec![json!({"payload": "?\n"})]).await;
    assert!(failure(&told).contains("longer than 5 bytes"), "{}", failure(&told));
    // A port that nobody has.
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let told = ask(&mut node(json!({}), free).await.0, vec![json!({"payload": "x"})]).await;
    assert!(failure(&told).contains("refused"), "{}", failure(&told));
    let mut unset = node(json!({"server": ""}), 0).await.0;
    let told =
        ask(&mut unset, vec![json!({"payload": "x"}), json!({"payload": {}, "host": "a", "port": 1})]).await;
    assert!(failure(&told).contains("host and/or port not set"), "{}", failure(&told));
    assert!(told.failed.lock().unwrap()[1].0.contains("cannot be sent"));
    let told =
        ask(&mut unset, vec![json!({"payload": "x", "host": "no.such.host.invalid", "port": 1})]).await;
    assert!(failure(&told).contains("unknown host"), "{}", failure(&told));
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    for out in ["time", "char"] {
        let (mut node, _) = node(json!({"out": out, "splitc": "0", "timeout": 0.1}), port).await;
        let told = ask(&mut node, vec![json!({"payload": "x"})]).await;
        assert!(failure(&told).contains("no whole answer within 0.1 s"), "{}", failure(&told));
    }
}

#[tokio::test]
async fn what_is_under_way_is_given_back() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (mut node, _) = node(json!({}), listener.local_addr().unwrap().port()).await;
    let told = Arc::new(Told::default());
    node.handle(&mut told.payloads(1..=3)).await.unwrap();
    let back = node.take_unconfirmed();
    let payloads: Vec<i64> =
        back.iter().filter_map(|delivery| delivery.message().payload().as_i64()).collect();
    assert_eq!(payloads, [1, 2, 3]);
    assert!(told.failed.lock().unwrap().is_empty());
}

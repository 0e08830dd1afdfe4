use std::os::unix::fs::PermissionsExt;

use serde_json::{Value as Json, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpStream, UnixStream};

use super::*;
use crate::lines::socket::{ReadHalf, Stream, WriteHalf};
use crate::lines::testkit::{TempDir, TestHost, json_of, until};
use crate::testing::{MemoryHost, assert_refused, config};

fn node(properties: Json) -> LinesIn {
    let config = config("lines in", properties, &MemoryHost::default());
    make(config.read().unwrap()).unwrap()
}

/// An open connector, and where it listens.
async fn open(properties: Json) -> (LinesIn, Arc<TestHost>, Address) {
    let mut node = node(properties);
    let host = Arc::new(TestHost::default());
    Connector::open(&mut node, host.clone()).await.unwrap();
    let place = host.logs.lock().unwrap()[0].1.strip_prefix("listens on ").unwrap().to_string();
    (node, host, Address::parse(&place).unwrap())
}

async fn open_tcp() -> (LinesIn, Arc<TestHost>, Address) {
    open(json!({"address": "127.0.0.1:0"})).await
}

struct Client {
    read: BufReader<ReadHalf>,
    write: WriteHalf,
}

impl Client {
    async fn new(address: &Address) -> Client {
        let (read, write) = Stream::connect(address).await.unwrap().split();
        Client { read: BufReader::new(read), write }
    }

    async fn send(&mut self, text: impl AsRef<[u8]>) {
        self.write.write_all(text.as_ref()).await.unwrap();
    }

    /// The next answer; empty at the end of the connection.
    async fn answer(&mut self) -> String {
        let mut line = String::new();
        self.read.read_line(&mut line).await.unwrap();
        line.trim_end().to_string()
    }
}

/// Takes until so many messages have come.
async fn take(node: &mut LinesIn, count: usize) -> Vec<(u64, Json)> {
    let mut all = Vec::new();
    while all.len() < count {
        for incoming in node.next().await.unwrap() {
            all.push((incoming.acknowledge.unwrap(), json_of(&incoming.value)));
        }
    }
    assert_eq!(all.len(), count);
    all
}

fn done(lines: &[(u64, Json)]) -> Vec<(u64, Outcome)> {
    lines.iter().map(|(number, _)| (*number, Outcome::Done)).collect()
}

#[tokio::test]
async fn lines_come_in_order_and_are_answered_when_they_are_acknowledged() {
    let dir = TempDir::new("lines-in-order");
    let unix = format!("unix:{}/l.sock", dir.0.display());
    for address in ["127.0.0.1:0", "[::1]:0", "localhost:0", &unix] {
        if address.starts_with('[') && std::net::TcpListener::bind(address).is_err() {
            continue;
        }
        let (mut node, _, address) = open(json!({"address": address})).await;
        let mut client = Client::new(&address).await;
        client.send("{\"topic\":\"t\",\"payload\":1}\n[2]\n").await;
        client.send("\"thr").await;
        let two = take(&mut node, 2).await;
        client.send("ee\"\n").await;
        let three = take(&mut node, 1).await;
        assert_eq!(two[0].1, json!({"topic": "t", "payload": 1}));
        assert_eq!((&two[1].1, &three[0].1), (&json!({"payload": [2]}), &json!({"payload": "three"})));
        node.acknowledge(&done(&two[..1])).await.unwrap();
        assert_eq!(client.answer().await, "ok 1");
        node.acknowledge(&[(two[1].0, Outcome::Undelivered), (three[0].0, Outcome::Done)]).await.unwrap();
        assert_eq!([client.answer().await, client.answer().await], ["again 2", "ok 3"]);
        node.close().await;
    }
}

#[tokio::test]
async fn what_can_never_be_taken_is_refused_in_its_turn() {
    let (mut node, _, address) = open(json!({"address": "127.0.0.1:0", "max": 64})).await;
    let mut client = Client::new(&address).await;
    let long = "x".repeat(100_000);
    client.send(format!("1\nnot json\n{long}\n\"").as_bytes()).await;
    client.send(b"\xff\"\n\n{\"payload\":6}\n").await;
    let lines = take(&mut node, 2).await;
    assert_eq!(lines[1].1, json!({"payload": 6}));
    // Nothing is said before the first line has its answer.
    assert!(node.peers.values().all(|peer| peer.unanswered() == 6));
    node.acknowledge(&done(&lines)).await.unwrap();
    assert_eq!(client.answer().await, "ok 1");
    assert!(client.answer().await.starts_with("no 2 not JSON: expected"));
    assert_eq!(client.answer().await, "no 3 longer than 64 bytes");
    assert_eq!(client.answer().await, "no 4 not UTF-8 from byte 2 on");
    assert!(client.answer().await.starts_with("no 5 not JSON: EOF"));
    assert_eq!(client.answer().await, "ok 6");
    // And at once when it is the first.
    client.send("?\n").await;
    tokio::select! {
        answer = client.answer() => assert!(answer.starts_with("no 7 "), "{answer}"),
        incoming = node.next() => panic!("nothing is expected: {incoming:?}"),
    }
}

#[tokio::test]
async fn a_half_closed_connection_gets_its_answers_and_ends() {
    let (mut node, _, address) = open_tcp().await;
    let mut client = Client::new(&address).await;
    client.send("1\n2\nhalf a li").await;
    client.write.shutdown().await.unwrap();
    let lines = take(&mut node, 2).await;
    node.acknowledge(&done(&lines)).await.unwrap();
    until(&mut node, |node| node.peers.is_empty()).await;
    assert_eq!([client.answer().await, client.answer().await, client.answer().await], ["ok 1", "ok 2", ""]);
}

#[tokio::test]
async fn a_connection_that_went_away_is_forgotten() {
    let (mut node, host, address) = open_tcp().await;
    let mut gone = Client::new(&address).await;
    gone.send("1\n2\n{\"half\":").await;
    let lines = take(&mut node, 2).await;
    drop(gone);
    let mut other = Client::new(&address).await;
    other.send("3\n").await;
    let more = take(&mut node, 1).await;
    node.acknowledge(&done(&lines)).await.unwrap();
    until(&mut node, |node| node.peers.len() == 1 && node.asked.len() == 1).await;
    node.acknowledge(&done(&more)).await.unwrap();
    assert_eq!(other.answer().await, "ok 1");
    assert!(node.asked.is_empty());
    assert_eq!(host.statuses.lock().unwrap().last().unwrap().text, Some("1 connection".into()));
}

#[tokio::test]
async fn one_that_never_reads_is_closed_and_the_others_go_on() {
    let dir = TempDir::new("lines-in-deaf");
    let (mut node, host, address) =
        open(json!({"address": format!("unix:{}/l.sock", dir.0.display())})).await;
    let Address::Unix(path) = &address else { panic!("a Unix socket") };
    let deaf = UnixStream::connect(path).await.unwrap();
    let sending = tokio::spawn(async move {
        let (read, mut write) = deaf.into_split();
        let lines = "x\n".repeat(1000);
        while write.write_all(lines.as_bytes()).await.is_ok() {}
        drop(read);
    });
    until(&mut node, |_| sending.is_finished()).await;
    until(&mut node, |node| node.peers.is_empty()).await;
    assert!(host.logged("does not read the answers"), "{:?}", host.logs);
    let mut other = Client::new(&address).await;
    other.send("1\n").await;
    let lines = take(&mut node, 1).await;
    node.acknowledge(&done(&lines)).await.unwrap();
    assert_eq!(other.answer().await, "ok 1");
}

#[tokio::test]
async fn what_is_not_taken_is_not_read_and_nothing_of_it_is_lost() {
    let (mut node, _, address) = open_tcp().await;
    let client = Client::new(&address).await;
    let count = 3000;
    let Client { mut read, mut write } = client;
    let sending = tokio::spawn(async move {
        let line = format!("\"{}\"\n", "x".repeat(10_000));
        for _ in 0..count {
            write.write_all(line.as_bytes()).await.unwrap();
        }
        write
    });
    // Nothing is taken: the queue fills to one of its two limits, and stays there.
    let full = |node: &LinesIn| node.open.as_ref().unwrap().listening.events.len();
    while full(&node) < EVENTS {
        tokio::task::yield_now().await;
    }
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(full(&node), EVENTS);
    assert!(!sending.is_finished(), "30 MB do not fit into the buffers of a socket");
    let mut seen = 0;
    while seen < count {
        let incoming = node.next().await.unwrap();
        assert!(incoming.len() <= EVENTS);
        seen += incoming.len();
        let outcomes: Vec<_> = incoming.iter().map(|i| (i.acknowledge.unwrap(), Outcome::Done)).collect();
        node.acknowledge(&outcomes).await.unwrap();
    }
    let _write = sending.await.unwrap();
    let mut last = String::new();
    for number in 1..=count {
        last.clear();
        read.read_line(&mut last).await.unwrap();
        assert_eq!(last, format!("ok {number}\n"));
    }
}

#[tokio::test]
async fn waiting_for_lines_can_be_given_up_at_any_time() {
    let (mut node, _, address) = open_tcp().await;
    let mut client = Client::new(&address).await;
    let sending = tokio::spawn(async move {
        for n in 0..2000 {
            client.send(format!("{n}\n")).await;
            if n % 50 == 0 {
                tokio::task::yield_now().await;
            }
        }
        client
    });
    let mut seen = Vec::new();
    while seen.len() < 2000 {
        tokio::select! {
            biased;
            incoming = node.next() => seen.extend(incoming.unwrap().into_iter().map(|i| json_of(&i.value))),
            () = tokio::task::yield_now() => {}
        }
    }
    let expected: Vec<Json> = (0..2000).map(|n| json!({ "payload": n })).collect();
    assert_eq!(seen, expected);
    drop(sending.await.unwrap());
}

#[tokio::test]
async fn too_many_connections_are_told_so() {
    let (mut node, host, address) = open(json!({"address": "127.0.0.1:0", "connections": 1})).await;
    let first = Client::new(&address).await;
    until(&mut node, |node| node.peers.len() == 1).await;
    let mut second = Client::new(&address).await;
    assert_eq!([second.answer().await, second.answer().await], ["no 0 too many connections", ""]);
    assert!(host.logged("too many"));
    drop(first);
    until(&mut node, |node| node.peers.is_empty()).await;
    let mut third = Client::new(&address).await;
    third.send("1\n").await;
    take(&mut node, 1).await;
}

#[tokio::test]
async fn after_close_and_after_drop_nothing_is_left() {
    let dir = TempDir::new("lines-in-close");
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    for politely in [true, false] {
        let (mut node, _, address) =
            open(json!({"address": format!("unix:{}/l.sock", dir.0.display())})).await;
        let (mut tcp, _, tcp_address) = open_tcp().await;
        let mut clients = Vec::new();
        for address in [&address, &tcp_address] {
            for _ in 0..3 {
                let mut client = Client::new(address).await;
                client.send("1\n2\nhalf").await;
                clients.push(client);
            }
        }
        let lines = take(&mut node, 6).await;
        let old = node.next;
        take(&mut tcp, 6).await;
        node.acknowledge(&done(&lines[..1])).await.unwrap();
        assert!(tasks() > before);
        if politely {
            node.close().await;
            tcp.close().await;
            // An outcome that comes late is for nobody, also when it is open again.
            Connector::open(&mut node, Arc::new(TestHost::default())).await.unwrap();
            node.acknowledge(&done(&lines[1..])).await.unwrap();
            assert_eq!(node.next, old);
            node.close().await;
            assert_eq!(tasks(), before);
            // What was acknowledged before the close was told before the end.
            assert_eq!([clients[0].answer().await, clients[0].answer().await], ["ok 1", ""]);
        } else {
            drop((node, tcp));
            while tasks() > before {
                tokio::task::yield_now().await;
            }
            assert_eq!(clients[0].answer().await.as_str().trim_start_matches("ok 1"), "");
        }
        assert!(!dir.0.join("l.sock").exists());
        assert!(Stream::connect(&address).await.is_err());
        assert!(Stream::connect(&tcp_address).await.is_err());
        let Address::Tcp { host, port } = &tcp_address else { panic!("TCP") };
        assert!(TcpStream::connect((host.as_str(), *port)).await.is_err());
    }
}

#[tokio::test]
async fn an_address_in_use_is_told_plainly_and_only_a_dead_socket_makes_way() {
    let dir = TempDir::new("lines-in-use");
    let socket = dir.0.join("l.sock");
    let unix = json!({"address": format!("unix:{}", socket.display())});
    let host = || Arc::new(TestHost::default());
    let text = |error: NodeError| {
        assert!(matches!(error, NodeError::Disconnected(_)), "{error:?}");
        error.to_string()
    };

    let (_held, _, address) = open_tcp().await;
    let mut second = node(json!({"address": address.to_string()}));
    let error = text(Connector::open(&mut second, host()).await.unwrap_err());
    assert!(error.contains(&address.to_string()) && error.contains("another program has it"), "{error}");

    let (mut live, _, _) = open(unix.clone()).await;
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    let error = text(Connector::open(&mut node(unix.clone()), host()).await.unwrap_err());
    assert!(error.contains("another program listens there"), "{error}");
    live.close().await;

    // What a gateway that was killed leaves: the file without a listener.
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    assert!(socket.exists());
    let (mut after, _, _) = open(unix.clone()).await;
    after.close().await;

    std::fs::write(&socket, "a file of somebody").unwrap();
    let error = text(Connector::open(&mut node(unix), host()).await.unwrap_err());
    assert!(error.contains("is no socket"), "{error}");
    assert_eq!(std::fs::read_to_string(&socket).unwrap(), "a file of somebody");

    let nowhere = json!({"address": format!("unix:{}/none/l.sock", dir.0.display())});
    let error = text(Connector::open(&mut node(nowhere), host()).await.unwrap_err());
    assert!(error.contains("make the folder first"), "{error}");
}

#[test]
fn wrong_properties_are_refused_with_their_place() {
    for (properties, pointer) in [
        (json!({"address": "0.0.0.0:4880"}), "/address"),
        (json!({"address": "192.168.1.9:4880"}), "/address"),
        (json!({"address": "4880"}), "/address"),
        (json!({"max": 1}), "/max"),
        (json!({"connections": "0"}), "/connections"),
    ] {
        assert_refused(build(&config("lines in", properties, &MemoryHost::default())), pointer);
    }
}

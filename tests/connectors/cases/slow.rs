//! The other side is slow, by a hundred times and more: what is held for it stays bounded, and others go on.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use crate::brokers::{PATIENCE, free_port, wait_until};
use crate::gateway::CREDITS;
use crate::peers::lines::Lines;
use crate::proxy::Proxy;
use crate::stage::Stage;
use crate::subject::{Case, Peer, Promise, Subject, Way, message};
use crate::subjects::tcp_out;

/// More than the buffers of the kernel on the way take, which are some megabytes.
const MESSAGES: u64 = 700;
const PADDING: usize = 16 * 1024;
/// Bytes a second that a slow peer takes: four messages.
const SLOW: usize = 64 * 1024;
/// Long enough to see that no more come.
const NO_MORE: Duration = Duration::from_millis(300);

pub fn slow_peer(subject: &Subject) -> String {
    match subject.way {
        Way::In => slow_flow(subject),
        Way::Out => slow_sink(subject),
        Way::Through => slow_subscriber(subject),
    }
}

/// A source, behind it the connector with a slow peer, and beside that another sink.
fn slow_sink(subject: &Subject) -> String {
    let mut stage = Stage::new(subject, Case::SlowPeer);
    let (source, other) = (free_port(), Lines::serving());
    let mut nodes = stage.nodes();
    patient(&mut nodes);
    nodes.push(json!({"id": "source", "type": "tcp in", "z": "t", "server": "server", "port": source.to_string(), "datamode": "stream",
        "datatype": "utf8", "newline": "\\n", "trim": true, "topic": "", "wires": [["out", "other"]]}));
    nodes.push(tcp_out("other", other.port()));
    stage.start_with(&nodes);
    stage.until_back();
    // It came from no source, and has taken no credit of one.
    stage.wait("the first message is confirmed", || in_memory(&stage) == 0);
    let proxy = stage.proxy().clone();
    proxy.slow(subject.side(), SLOW);
    let numbers = stage.numbers(MESSAGES);
    let sending = numbers.clone();
    let sender = std::thread::spawn(move || say_all(source, sending));
    let arrived = other.received();
    let other_has_all = || arrived.all().len() as u64 == MESSAGES;
    // Without an outbox, and without a connection that could be cut, the source waits for its slowest sink.
    let source_waits = subject.promise == Promise::Told;
    let mut held = 0;
    let end = Instant::now() + PATIENCE;
    while !(if source_waits { held == CREDITS } else { other_has_all() }) {
        held = held.max(in_memory(&stage));
        assert!(held <= CREDITS, "{held} messages are held in memory, and their source goes on");
        stage.gateway().wait_within(Duration::ZERO, "the other sink has all", || Instant::now() < end);
        std::thread::sleep(Duration::from_millis(5));
    }
    let behind = stage.came().iter().filter(|number| numbers.contains(number)).count() as u64;
    if source_waits {
        std::thread::sleep(NO_MORE);
        assert!(in_memory(&stage) <= CREDITS && !other_has_all(), "the source waits");
    } else {
        assert!(behind < MESSAGES / 2, "the slow one is far behind: {behind}");
    }
    proxy.at_full_speed();
    sender.join().unwrap();
    wait_until("the other sink has all", || arrived.all().len() as u64 == MESSAGES);
    if subject.promise != Promise::BestEffort {
        stage.wait_came(&numbers);
    }
    let note = stage.settle(&numbers, 1);
    let kept = if source_waits {
        "the source waits".to_string()
    } else {
        format!("the other had all at {behind} of {MESSAGES}")
    };
    format!("{kept}; at most {held} in memory {note}").trim_end().to_string()
}

/// Whoever is slow is not dead: an answer to a heartbeat comes late, behind all that waits. Taken for dead, its connection
/// would be replaced, and what is still on its way in the old one comes beside what is in the new one.
fn patient(nodes: &mut [Json]) {
    for node in nodes {
        for (key, value) in [("keepalive", json!("60")), ("heartbeat", json!(60)), ("hb", json!(60))] {
            if !node[key].is_null() {
                node[key] = value;
            }
        }
        if node["type"] == "lines out" {
            node["timeout"] = json!(60);
        }
    }
}

/// How many messages wait in memory for the slow sink, as far as that can be seen.
fn in_memory(stage: &Stage<'_>) -> usize {
    match stage.gateway().backlog("out") {
        Some(backlog) => backlog.passing,
        None if stage.subject.promise == Promise::Told => {
            stage.gateway().came("out").len().saturating_sub(stage.came().len())
        }
        // A listener sends what it has to the connections at once, and cuts off who does not take it.
        None => 0,
    }
}

/// Says all of them, large, to a node that listens.
fn say_all(port: u16, numbers: std::ops::Range<u64>) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    for number in numbers {
        let text = message(number);
        let padded = format!("{} {}\n", text.trim_end(), "x".repeat(PADDING));
        stream.write_all(padded.as_bytes()).unwrap();
    }
}

/// The sink behind a source takes nothing: the source takes no more than it may, and its peer waits.
fn slow_flow(subject: &Subject) -> String {
    let mut stage = Stage::new(subject, Case::SlowPeer);
    let sink = Lines::serving();
    let way_there = Proxy::to(sink.port());
    way_there.go_away();
    let mut nodes = stage.nodes();
    for node in nodes.iter_mut().filter(|node| node["id"] == "in") {
        node["wires"][0][0] = json!("slow");
    }
    let mut slow = tcp_out("slow", way_there.port);
    // What waits for it stays in memory, and its sources wait.
    slow["outbox"] = json!({"mode": "off"});
    nodes.push(slow);
    nodes.push(json!({"id": "side", "type": "junction", "z": "t", "wires": []}));
    stage.start_with(&nodes);
    let giving = stage.give_meanwhile(2 * CREDITS as u64 + 100);
    let taken = || stage.gateway().came("slow").len();
    let most = match subject.promise {
        // Its peer sends no more before it has acknowledgements.
        Promise::AtLeastOnce { window } => window.min(CREDITS),
        _ => CREDITS,
    };
    stage.wait(&format!("{most} are in the flow"), || taken() >= most);
    std::thread::sleep(NO_MORE);
    assert_eq!(taken(), most, "no more are taken than may be under way");
    stage.gateway().send("side", json!({"payload": message(giving.numbers.start)}));
    stage.wait("others go on", || stage.gateway().came("side").len() == 1);
    way_there.come_back();
    let numbers = giving.wait();
    let arrived = sink.received();
    stage.wait("all come when the sink is there", || arrived.all().len() as u64 >= numbers.end);
    assert!(arrived.all().into_iter().eq(numbers), "each once and in order");
    format!("{most} in the flow, the others wait")
}

/// One subscriber of the broker is slow, another is not.
fn slow_subscriber(subject: &Subject) -> String {
    let stage = Stage::standing(subject, Case::SlowPeer);
    let proxy = stage.proxy().clone();
    let other = stage.peer.came_to_another().unwrap();
    // Messages are small here: it takes nothing at all, and is not helped by the kernel's buffers for long.
    proxy.hold(subject.side());
    let before = stage.came().len();
    let numbers = stage.numbers(MESSAGES);
    stage.peer.put_directly(numbers.clone());
    wait_until("the other subscriber has all", || other.all().ends_with(&[numbers.end - 1]));
    assert_eq!(stage.came().len(), before, "nothing has come to the slow one");
    proxy.release();
    stage.settle(&numbers, 0)
}

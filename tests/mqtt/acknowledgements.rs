//! A message is acknowledged to the broker when the flow is done with it, and comes again when it was lost on the way.

use std::time::Duration;

use serde_json::json;

use super::fake::{Fake, Say};
use super::gateway::{Gateway, broker, mqtt_in, mqtt_out, probe};
use super::mosquitto::Mosquitto;

/// Long enough to see that something does not happen.
const A_WHILE: Duration = Duration::from_millis(300);

/// in (from a fake broker) -> out (to another), without an outbox: a message is under way until the other confirms it.
fn bridge(from: &Fake, to: &Fake, more: serde_json::Value) -> (tempfile::TempDir, Gateway) {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(
        dir.path(),
        &[
            broker("a", from.port, more),
            broker("b", to.port, json!({})),
            mqtt_in("in", "a", "t/#", &["out"], json!({})),
            mqtt_out("out", "b", "", json!({"outbox": {"mode": "off"}})),
        ],
    );
    (dir, gateway)
}

#[test]
fn puback_comes_when_the_sink_has_confirmed_and_in_the_order_of_arrival() {
    let (from, to) = (Fake::start(), Fake::start());
    let (_dir, gateway) = bridge(&from, &to, json!({}));
    let mut source = from.accept(false);
    assert_eq!(source.subscribed(2), "t/#");
    let mut sink = to.accept(false);
    source.send(1, 11, b"t/1", b"one", false);
    source.send(1, 12, b"t/2", b"two", false);
    let (one, two) = (sink.publish(), sink.publish());
    assert_eq!((one.payload.as_str(), two.payload.as_str()), ("one", "two"));
    assert!(source.is_quiet(A_WHILE), "nothing is acknowledged before the sink has it");
    sink.say(Say::Ack, two.id);
    assert!(source.is_quiet(A_WHILE), "acknowledgements keep the order of arrival");
    sink.say(Say::Ack, one.id);
    assert_eq!((source.packet(4), source.packet(4)), (11, 12));
    gateway.stop();
}

#[test]
fn qos_2_is_received_when_the_flow_is_done_and_comes_once_over_a_reconnect() {
    let (from, to) = (Fake::start(), Fake::start());
    let (_dir, gateway) = bridge(&from, &to, json!({"cleansession": false, "clientid": "g"}));
    let mut source = from.accept(true);
    source.subscribed(2);
    let mut sink = to.accept(false);
    source.send(2, 7, b"t/1", b"in the flow", false);
    let first = sink.publish();
    assert!(source.is_quiet(A_WHILE), "PUBREC waits for the flow");
    // The connection breaks while the message is in the flow, and the broker sends it again.
    drop(source);
    let mut source = from.accept(true);
    source.send(2, 7, b"t/1", b"in the flow", true);
    source.send(2, 8, b"t/1", b"another", false);
    assert_eq!(sink.publish().payload, "another", "what is in the flow is not handed out again");
    sink.say(Say::Ack, first.id);
    loop {
        // It subscribes again, or not: the broker may have kept it.
        let (kind, body) = source.read();
        match kind >> 4 {
            8 => source.write(&[0x90, 3, body[0], body[1], 2]),
            5 => break assert_eq!(body, [0, 7]),
            other => panic!("packet of kind {other}"),
        }
    }
    // PUBREC is lost: the broker sends it again, and the gateway knows it.
    drop(source);
    let mut source = from.accept(true);
    source.send(2, 7, b"t/1", b"in the flow", true);
    assert_eq!(source.packet(5), 7);
    source.say(Say::Rel, 7);
    assert_eq!(source.packet(7), 7);
    assert!(sink.is_quiet(A_WHILE), "nothing came twice");
    gateway.vanish();
}

#[test]
fn what_was_under_way_at_a_crash_comes_again() {
    let mosquitto = Mosquitto::start();
    let to = Fake::start();
    let dir = tempfile::tempdir().unwrap();
    let nodes = |middle: &str| {
        vec![
            broker("a", mosquitto.port, json!({"cleansession": false, "clientid": "gateway"})),
            broker("b", to.port, json!({})),
            mqtt_in("in", "a", "work", &[middle], json!({"qos": "1"})),
            mqtt_out("out", "b", "t", json!({"outbox": {"mode": "off"}})),
            probe("p"),
        ]
    };
    let gateway = Gateway::start(dir.path(), &nodes("out"));
    let mut sink = to.accept(false);
    gateway.wait_status("in", "connected");
    (0..10).for_each(|n| mosquitto.publish(&["-t", "work", "-m", &n.to_string(), "-q", "1"]));
    for _ in 0..10 {
        sink.publish();
    }
    gateway.vanish();
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path(), &nodes("p"));
    gateway.wait_received("p", 10);
    let mut payloads: Vec<i64> = gateway.payloads("p").iter().map(|n| n.as_i64().unwrap()).collect();
    payloads.dedup();
    assert_eq!(payloads, (0..10).collect::<Vec<_>>());
    gateway.stop();
}

#[test]
fn a_persistent_session_gets_what_came_while_the_gateway_was_away_however_late_its_nodes_are() {
    let mosquitto = Mosquitto::start();
    let dir = tempfile::tempdir().unwrap();
    let session = json!({"cleansession": false, "clientid": "gateway", "protocolVersion": "5", "sessionExpiry": "3600"});
    let nodes = [
        broker("b", mosquitto.port, session),
        // The first node opens the connection, and the messages are for the second.
        mqtt_in("in", "b", "other", &["q"], json!({})),
        mqtt_in("late", "b", "work", &["p"], json!({"qos": "1"})),
        probe("p"),
        probe("q"),
    ];
    let gateway = Gateway::start(dir.path(), &nodes);
    gateway.wait_status("late", "connected");
    gateway.stop();
    (0..100).for_each(|n| mosquitto.publish(&["-t", "work", "-m", &n.to_string(), "-q", "1"]));
    let gateway = Gateway::start(dir.path(), &nodes);
    let received = gateway.wait_received("p", 100);
    assert!(received.iter().map(|msg| msg["payload"].as_i64().unwrap()).eq(0..100));
    gateway.wait("all are acknowledged", || mosquitto.logged("Received PUBACK from gateway") >= 100);
    assert_eq!(gateway.lost("b"), 0);
    gateway.stop();
}

#[test]
fn a_deploy_that_replaces_the_node_loses_nothing_of_what_comes_meanwhile() {
    let mosquitto = Mosquitto::start();
    let dir = tempfile::tempdir().unwrap();
    let nodes = |name: &str| {
        vec![
            broker("b", mosquitto.port, json!({})),
            // Another user, so that the connection stays.
            mqtt_in("other", "b", "other", &["q"], json!({})),
            mqtt_in("in", "b", "work", &["p"], json!({"qos": "1", "name": name})),
            probe("p"),
            probe("q"),
        ]
    };
    let gateway = Gateway::start(dir.path(), &nodes("first"));
    gateway.wait_status("in", "connected");
    gateway.wait_status("other", "connected");
    let port = mosquitto.port;
    let publisher = std::thread::spawn(move || {
        let text: String = (0..2000).map(|n| format!("{n}\n")).collect();
        let mut child = std::process::Command::new("mosquitto_pub")
            .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-t", "work", "-q", "1", "-l"])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
    });
    for round in 0..5 {
        let before = gateway.received("p").len();
        gateway.wait("some came", || {
            gateway.received("p").len() > before || gateway.received("p").len() >= 2000
        });
        gateway.deploy(&nodes(&format!("round {round}")));
    }
    publisher.join().unwrap();
    let all = || {
        let mut all: Vec<i64> = gateway.payloads("p").iter().filter_map(|n| n.as_i64()).collect();
        all.sort_unstable();
        all.dedup();
        all.len()
    };
    gateway.wait("each came at least once", || all() == 2000);
    gateway.stop();
}

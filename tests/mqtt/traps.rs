//! What client libraries were seen to do wrong, each shown not to happen here.

use std::time::{Duration, Instant};

use serde_json::json;

use super::fake::{Fake, Say};
use super::gateway::{Gateway, broker, mqtt_in, mqtt_out, probe};
use super::mosquitto::Mosquitto;

#[test]
fn a_packet_over_the_limit_goes_nowhere_and_stops_nothing() {
    let mosquitto = Mosquitto::start();
    for (version, clean) in [("4", true), ("4", false), ("5", false)] {
        let subscriber = mosquitto.subscribe(&["-t", "sizes", "-q", "1", "-F", "%l"]);
        let dir = tempfile::tempdir().unwrap();
        let limit = 20_000;
        let settings = json!({"protocolVersion": version, "cleansession": clean, "clientid": "g", "maximumPacketSize": limit});
        let gateway = Gateway::start(
            dir.path(),
            &[broker("b", mosquitto.port, settings), mqtt_out("out", "b", "sizes", json!({}))],
        );
        gateway.wait_status("out", "connected");
        for size in [10, 25_000, 20, 19_000] {
            gateway.send("out", json!({"payload": "x".repeat(size)}));
        }
        assert_eq!(subscriber.wait_for(3), ["10", "20", "19000"]);
        gateway.wait_line("out", "bytes as a packet");
        gateway.wait("it is a dead letter", || gateway.unconfirmed("out") == 0);
        let connected = gateway.lines("b").iter().filter(|line| line.starts_with("connected")).count();
        assert_eq!(connected, 1, "the connection stood: {:?}", gateway.lines("b"));
        gateway.stop();
    }
}

#[test]
fn a_packet_over_the_limit_of_the_broker_is_found_out() {
    // MQTT 5: the broker says what it takes.
    let told = Mosquitto::with("listener PORT 127.0.0.1\nallow_anonymous true\nmax_packet_size 5000\n");
    let subscriber = told.subscribe(&["-t", "t", "-q", "1"]);
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(
        dir.path(),
        &[broker("b", told.port, json!({"protocolVersion": "5"})), mqtt_out("out", "b", "t", json!({}))],
    );
    gateway.wait_status("out", "connected");
    gateway.send("out", json!({"payload": "x".repeat(6000)}));
    gateway.send("out", json!({"payload": "small"}));
    assert_eq!(subscriber.wait_for(1), ["small"]);
    gateway.wait_line("out", "at most 5000 are allowed");
    gateway.stop();
}

#[test]
fn a_message_that_makes_the_broker_close_is_found_and_what_is_behind_it_arrives() {
    // 3.1.1: the broker can only close the connection.
    for qos in ["1", "2"] {
        let fake = Fake::start();
        let dir = tempfile::tempdir().unwrap();
        let gateway = Gateway::start(
            dir.path(),
            &[
                broker("b", fake.port, json!({"cleansession": false, "clientid": "g"})),
                mqtt_out("out", "b", "t", json!({ "qos": qos })),
            ],
        );
        let mut peer = fake.accept(true);
        (0..3).for_each(|n| {
            gateway.send("out", json!({"payload": if n == 1 { "bad".to_string() } else { n.to_string() }}))
        });
        let begin = Instant::now();
        let mut arrived = Vec::new();
        let mut connections = 1;
        while arrived.len() < 2 {
            assert!(begin.elapsed() < Duration::from_secs(60), "{arrived:?} after {connections} connections");
            let Some((first, body)) = peer.try_read() else {
                peer = fake.accept(true);
                connections += 1;
                continue;
            };
            match first >> 4 {
                3 if body.ends_with(b"bad") => {
                    peer.close();
                    peer = fake.accept(true);
                    connections += 1;
                }
                3 => {
                    let id = u16::from_be_bytes([body[3], body[4]]);
                    peer.say(if qos == "1" { Say::Ack } else { Say::Rec }, id);
                    let payload = String::from_utf8(body[5..].to_vec()).unwrap();
                    if !arrived.contains(&payload) {
                        arrived.push(payload);
                    }
                }
                6 => peer.say(Say::Comp, u16::from_be_bytes([body[0], body[1]])),
                12 => peer.write(&[0xd0, 0]),
                other => panic!("packet of kind {other}"),
            }
        }
        assert_eq!(arrived, ["0", "2"]);
        assert!(connections < 10, "{connections} connections");
        assert!(!gateway.lines("b").iter().any(|line| line.contains("nothing was heard")), "nothing stalled");
        gateway.wait_line("out", "closed the connection 3 times in a row");
        gateway.vanish();
    }
}

#[test]
fn a_large_packet_that_comes_in_is_read_past_and_acknowledged() {
    let mosquitto = Mosquitto::start();
    for (version, qos) in [("4", "0"), ("4", "1"), ("4", "2"), ("5", "1")] {
        let dir = tempfile::tempdir().unwrap();
        let settings = json!({
            "protocolVersion": version, "cleansession": false, "clientid": format!("g{version}{qos}"),
            "sessionExpiry": "3600", "maximumPacketSize": 10_000
        });
        let gateway = Gateway::start(
            dir.path(),
            &[
                broker("b", mosquitto.port, settings),
                mqtt_in("in", "b", "sizes", &["p"], json!({})),
                probe("p"),
            ],
        );
        gateway.wait_status("in", "connected");
        let large = "x".repeat(20_000);
        for payload in ["before", &large, "after"] {
            mosquitto.publish(&["-t", "sizes", "-m", payload, "-q", qos]);
        }
        let received = gateway.wait_received("p", 2);
        assert_eq!((&received[0]["payload"], &received[1]["payload"]), (&json!("before"), &json!("after")));
        if version == "4" {
            // MQTT 5 brokers are told, and do not send it at all.
            gateway.wait("it is in the ledger", || gateway.lost("b") == 1);
            gateway.wait_line("b", "over the limit");
        }
        let connected = gateway.lines("b").iter().filter(|line| line.starts_with("connected")).count();
        assert_eq!(connected, 1, "the connection stood: {:?}", gateway.lines("b"));
        gateway.stop();
    }
}

#[test]
fn a_topic_that_is_no_utf_8_is_passed_over() {
    let fake = Fake::start();
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(
        dir.path(),
        &[broker("b", fake.port, json!({})), mqtt_in("in", "b", "#", &["p"], json!({})), probe("p")],
    );
    let mut peer = fake.accept(false);
    peer.subscribed(2);
    peer.send(1, 5, b"a\xff\xfe", b"unreadable", false);
    peer.send(1, 6, b"a/b", b"fine", false);
    assert_eq!((peer.packet(4), peer.packet(4)), (5, 6));
    assert_eq!(gateway.wait_received("p", 1)[0]["payload"], "fine");
    gateway.wait_line("b", "cannot be read");
    gateway.vanish();
}

#[test]
fn bytes_that_are_no_mqtt_end_the_connection_and_nothing_else() {
    let fake = Fake::start();
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(
        dir.path(),
        &[broker("b", fake.port, json!({})), mqtt_out("out", "b", "t", json!({}))],
    );
    let mut peer = fake.incoming(Duration::from_secs(60)).unwrap();
    peer.write(format!("HTTP/1.1 400 Bad Request\r\n\r\n{}", "you are wrong here ".repeat(10)).as_bytes());
    gateway.wait_line("b", "does not speak MQTT");
    let mut peer = fake.accept(false);
    peer.write(&[0x30, 0xff, 0xff, 0xff, 0xff, 0x01]);
    gateway.wait_line("b", "the broker sent");
    let _peer = fake.accept(false);
    gateway.wait_status("out", "connected");
    gateway.vanish();
}

#[test]
fn a_reason_code_that_no_library_knows_refuses_the_message_and_not_the_connection() {
    let dir = tempfile::tempdir().unwrap();
    let fake = Fake::start();
    let gateway = Gateway::start(
        dir.path(),
        &[broker("b", fake.port, json!({"protocolVersion": "5"})), mqtt_out("out", "b", "t", json!({}))],
    );
    let mut peer = fake.incoming(Duration::from_secs(60)).unwrap();
    peer.read();
    peer.write(&[0x20, 3, 0, 0, 0]);
    gateway.send("out", json!({"payload": "large"}));
    let (_, body) = peer.read();
    peer.write(&[0x40, 3, body[3], body[4], 0x95]);
    gateway.wait_line("out", "the packet is too large");
    gateway.wait_status("out", "message refused");
    gateway.send("out", json!({"payload": "small"}));
    let (_, body) = peer.read();
    peer.write(&[0x40, 2, body[3], body[4]]);
    gateway.wait_status("out", "connected");
    gateway.vanish();
}

#[test]
fn a_flood_that_the_flow_does_not_take_is_bounded_and_counted() {
    let fake = Fake::start();
    let dir = tempfile::tempdir().unwrap();
    let never = Fake::start();
    let gateway = Gateway::start(
        dir.path(),
        &[
            broker("b", fake.port, json!({})),
            broker("away", never.port, json!({})),
            mqtt_in("in", "b", "#", &["out"], json!({"datatype": "buffer"})),
            mqtt_out("out", "away", "t", json!({"outbox": {"mode": "off"}})),
        ],
    );
    let mut peer = fake.accept(false);
    peer.subscribed(2);
    let payload = vec![7; 10_000];
    // 40 MB of QoS 0, where some 13 MB may wait: in the flow by credits, at the connector, at the connection.
    (0..4_000).for_each(|_| peer.send(0, 0, b"flood", &payload, false));
    gateway.wait("what is too much is counted", || gateway.lost("b") > 1_000);
    // The connection is read all the time: a ping is answered.
    peer.send(1, 9, b"flood", b"last", false);
    let connected = gateway.lines("b").iter().filter(|line| line.starts_with("connected")).count();
    assert_eq!(connected, 1);
    gateway.vanish();
}

#[test]
fn version_5_costs_no_more_memory_than_3() {
    let resident = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<i64>().unwrap()
    };
    let mosquitto = Mosquitto::start();
    let dir = tempfile::tempdir().unwrap();
    let mut nodes = Vec::new();
    let gateway = Gateway::start(dir.path(), &[probe("p")]);
    let before = resident();
    for n in 0..40 {
        nodes.push(broker(&format!("b{n}"), mosquitto.port, json!({"protocolVersion": "5"})));
        nodes.push(mqtt_out(&format!("o{n}"), &format!("b{n}"), "t", json!({"outbox": {"mode": "off"}})));
    }
    nodes.push(probe("p"));
    gateway.deploy(&nodes);
    (0..40).for_each(|n| gateway.wait_status(&format!("o{n}"), "connected"));
    let each = (resident() - before) / 40;
    // A client of rumqttc for version 5 takes 13.8 MB. Other tests run in this process, so this is no measurement.
    assert!(each < 4_000, "{each} KB for each connection");
    gateway.stop();
}

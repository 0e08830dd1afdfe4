//! The broker goes away: nothing that was taken is lost, nothing storms, and all is as before when it is back.

use std::time::{Duration, Instant};

use serde_json::json;

use super::brokers::wait_until;
use super::fake::{Fake, Say};
use super::gateway::{Gateway, broker, mqtt_in, mqtt_out, probe};
use super::mosquitto::Mosquitto;

/// A session of a subscriber that the broker keeps over its own restart.
fn keep_session(mosquitto: &Mosquitto) {
    drop(mosquitto.subscribe(&["-t", "kept/#", "-q", "2", "-i", "reader", "-c"]));
    wait_until("the reader is gone", || mosquitto.logged("Client reader") >= 1);
}

#[test]
fn messages_accepted_while_the_broker_is_down_arrive_when_it_is_back() {
    for (version, clean, qos) in
        [("4", true, 1), ("4", false, 2), ("5", true, 2), ("5", false, 1), ("4", true, 0)]
    {
        let mut mosquitto = Mosquitto::start();
        keep_session(&mosquitto);
        let dir = tempfile::tempdir().unwrap();
        let settings = json!({"protocolVersion": version, "cleansession": clean, "clientid": "gateway"});
        let nodes = [
            broker("b", mosquitto.port, settings),
            mqtt_out("out", "b", "kept/1", json!({"qos": qos.to_string()})),
        ];
        let gateway = Gateway::start(dir.path(), &nodes);
        gateway.wait_status("out", "connected");
        mosquitto.stop();
        gateway.wait("it is noticed", || {
            gateway
                .statuses("out")
                .last()
                .is_some_and(|status| status["text"].as_str().unwrap().starts_with("disconnected"))
        });
        (0..50).for_each(|n| gateway.send("out", json!({ "payload": n })));
        gateway.wait("all are on the disk", || gateway.stored("out") == 50);
        mosquitto.run();
        let reader = mosquitto.subscribe(&["-t", "kept/#", "-q", "2", "-i", "reader", "-c"]);
        let received = reader.wait_for(50);
        assert!(received.iter().map(|line| line.parse::<i64>().unwrap()).eq(0..50), "{received:?}");
        gateway.wait("all are confirmed", || gateway.unconfirmed("out") == 0);
        gateway.wait_status("out", "connected");
        gateway.stop();
    }
}

#[test]
fn messages_survive_a_restart_of_the_gateway_while_the_broker_is_away() {
    let mut mosquitto = Mosquitto::start();
    keep_session(&mosquitto);
    mosquitto.stop();
    let dir = tempfile::tempdir().unwrap();
    let nodes = [broker("b", mosquitto.port, json!({})), mqtt_out("out", "b", "kept/1", json!({}))];
    let gateway = Gateway::start(dir.path(), &nodes);
    (0..50).for_each(|n| gateway.send("out", json!({ "payload": n })));
    gateway.wait("all are on the disk", || gateway.stored("out") == 50);
    gateway.stop();
    mosquitto.run();
    let gateway = Gateway::start(dir.path(), &nodes);
    let reader = mosquitto.subscribe(&["-t", "kept/#", "-q", "2", "-i", "reader", "-c"]);
    assert!(reader.wait_for(50).iter().map(|line| line.parse::<i64>().unwrap()).eq(0..50));
    gateway.stop();
}

#[test]
fn a_broker_that_restarts_again_and_again_gets_every_message() {
    let mut mosquitto = Mosquitto::start();
    keep_session(&mosquitto);
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(
        dir.path(),
        &[broker("b", mosquitto.port, json!({})), mqtt_out("out", "b", "kept/1", json!({}))],
    );
    gateway.wait_status("out", "connected");
    for round in 0..5 {
        (0..200).for_each(|n| gateway.send("out", json!({ "payload": round * 200 + n })));
        mosquitto.stop();
        mosquitto.run();
    }
    gateway.wait("all are confirmed", || gateway.unconfirmed("out") == 0);
    let reader = mosquitto.subscribe(&["-t", "kept/#", "-q", "2", "-i", "reader", "-c"]);
    let all = || {
        let mut all: Vec<i64> = reader.received().iter().map(|line| line.parse().unwrap()).collect();
        let firsts_in_order = {
            let mut seen = std::collections::BTreeSet::new();
            let firsts: Vec<i64> = all.iter().copied().filter(|n| seen.insert(*n)).collect();
            firsts.is_sorted()
        };
        assert!(firsts_in_order, "order is kept");
        all.sort_unstable();
        all.dedup();
        all.len()
    };
    gateway.wait("every message has come", || all() == 1000);
    assert_eq!(gateway.dead_letters(), 0);
    gateway.stop();
}

#[test]
fn subscriptions_stand_again_after_an_outage() {
    for clean in [true, false] {
        let mut mosquitto = Mosquitto::start();
        let dir = tempfile::tempdir().unwrap();
        let gateway = Gateway::start(
            dir.path(),
            &[
                broker("b", mosquitto.port, json!({"cleansession": clean, "clientid": "gateway"})),
                mqtt_in("in", "b", "a/+", &["p"], json!({})),
                mqtt_in("same", "b", "a/+", &["q"], json!({})),
                probe("p"),
                probe("q"),
            ],
        );
        gateway.wait_status("in", "connected");
        gateway.wait_status("same", "connected");
        mosquitto.publish(&["-t", "a/1", "-m", "before", "-q", "1"]);
        gateway.wait_received("p", 1);
        gateway.wait_received("q", 1);
        let connections = || mosquitto.logged("New client connected from 127.0.0.1") + 1;
        let before = connections();
        assert!(before > 1);
        mosquitto.stop();
        mosquitto.run();
        gateway.wait("both are connected again", || {
            ["in", "same"].iter().all(|id| {
                let texts: Vec<_> =
                    gateway.statuses(id).iter().map(|status| status["text"].clone()).collect();
                texts.iter().filter(|text| *text == "connected").count() == 2
            })
        });
        mosquitto.publish(&["-t", "a/2", "-m", "after", "-q", "1"]);
        assert_eq!(gateway.wait_received("p", 2)[1]["payload"], "after");
        assert_eq!(gateway.wait_received("q", 2)[1]["payload"], "after");
        gateway.stop();
    }
}

#[test]
fn qos_2_goes_on_where_it_stopped() {
    let fake = Fake::start();
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(
        dir.path(),
        &[
            broker("b", fake.port, json!({"cleansession": false, "clientid": "g"})),
            mqtt_out("out", "b", "t", json!({"qos": "2"})),
        ],
    );
    let mut peer = fake.accept(true);
    gateway.send("out", json!({"payload": "a"}));
    gateway.send("out", json!({"payload": "b"}));
    let (a, b) = (peer.publish(), peer.publish());
    peer.say(Say::Rec, b.id);
    assert_eq!(peer.packet(6), b.id);
    // a is not known to have arrived, b is received and not released.
    drop(peer);
    let mut peer = fake.accept(true);
    let (mut again, mut released) = (None, None);
    while again.is_none() || released.is_none() {
        let (first, body) = peer.read();
        match first >> 4 {
            3 => {
                assert!(first & 8 != 0, "it is marked as sent before");
                again = Some(u16::from_be_bytes([body[3], body[4]]));
            }
            6 => released = Some(u16::from_be_bytes([body[0], body[1]])),
            other => panic!("packet of kind {other}"),
        }
    }
    assert_eq!((again, released), (Some(a.id), Some(b.id)), "each goes on with its packet id");
    peer.say(Say::Comp, b.id);
    peer.say(Say::Rec, a.id);
    assert_eq!(peer.packet(6), a.id);
    peer.say(Say::Comp, a.id);
    gateway.wait("both are delivered", || gateway.unconfirmed("out") == 0);
    assert!(peer.is_quiet(Duration::from_millis(300)), "nothing was published anew");
}

#[test]
fn a_port_that_nobody_listens_on_makes_no_storm() {
    let port = super::brokers::free_port();
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(
        dir.path(),
        &[
            broker("b", port, json!({})),
            mqtt_in("in", "b", "a", &["p"], json!({})),
            mqtt_out("out", "b", "b", json!({})),
            mqtt_out("q", "b", "c", json!({})),
            probe("p"),
        ],
    );
    gateway.wait_line("b", "cannot connect");
    let begin = Instant::now();
    gateway.wait("time has passed", || begin.elapsed() > Duration::from_secs(3));
    let tries = gateway.lines("b").len();
    assert!((1..40).contains(&tries), "{tries} tries in three seconds, for all nodes together");
    assert!(
        gateway.lines("in").is_empty() && gateway.lines("out").is_empty(),
        "it is told once, not by each node"
    );
    for id in ["in", "out", "q"] {
        gateway.wait_away(id, "refused");
    }
}

#[test]
fn a_peer_that_takes_every_connection_and_drops_it_is_not_called_at_full_speed() {
    let fake = Fake::start();
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(
        dir.path(),
        &[broker("b", fake.port, json!({})), mqtt_out("out", "b", "t", json!({}))],
    );
    let begin = Instant::now();
    let mut connections = 0;
    while begin.elapsed() < Duration::from_secs(5) {
        if let Some(mut peer) = fake.incoming(Duration::from_millis(50)) {
            peer.welcome(false);
            connections += 1;
        }
    }
    assert!((2..30).contains(&connections), "{connections} connections in five seconds");
    gateway.vanish();
}

#[test]
fn a_broker_that_says_nothing_any_more_is_given_up() {
    let fake = Fake::start();
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(
        dir.path(),
        &[broker("b", fake.port, json!({"keepalive": "1"})), mqtt_out("out", "b", "t", json!({}))],
    );
    let peer = fake.accept(false);
    gateway.wait_line("b", "nothing was heard");
    drop(peer);
    let _peer = fake.accept(false);
    gateway.wait_status("out", "connected");
}

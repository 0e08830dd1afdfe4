//! Messages go through, in both versions and all qualities of service, and count as delivered when the broker says so.

use serde_json::json;

use super::fake::{Fake, Say};
use super::gateway::{Gateway, broker, mqtt_in, mqtt_out, probe};
use super::mosquitto::Mosquitto;
use super::proxy::{End, Proxy};

#[test]
fn messages_pass_through_a_broker_in_all_versions_and_qualities() {
    let mosquitto = Mosquitto::start();
    for version in ["3", "4", "5"] {
        let dir = tempfile::tempdir().unwrap();
        let gateway = Gateway::start(
            dir.path(),
            &[
                broker("b", mosquitto.port, json!({ "protocolVersion": version })),
                mqtt_in("in", "b", "v/#", &["p"], json!({})),
                mqtt_out("out", "b", "", json!({"qos": ""})),
                probe("p"),
            ],
        );
        gateway.wait_status("in", "connected");
        gateway.wait_status("out", "connected");
        for qos in 0..=2 {
            gateway.send("out", json!({"topic": format!("v/{qos}"), "payload": {"n": qos}, "qos": qos}));
        }
        let mut received = gateway.wait_received("p", 3);
        received.sort_by_key(|msg| msg["qos"].as_i64());
        for (qos, msg) in received.iter().enumerate() {
            let topic = format!("v/{qos}");
            let expected =
                json!({"topic": topic, "payload": {"n": qos}, "qos": qos, "retain": false, "_topic": topic});
            assert_eq!(*msg, expected, "version {version}");
        }
        gateway.wait("all are confirmed", || gateway.unconfirmed("out") == 0);
        gateway.stop();
    }
}

#[test]
fn a_message_is_delivered_when_puback_has_come_and_not_before() {
    for (qos, answer) in [(1, Say::Ack), (2, Say::Rec)] {
        let fake = Fake::start();
        let dir = tempfile::tempdir().unwrap();
        let gateway = Gateway::start(
            dir.path(),
            &[broker("b", fake.port, json!({})), mqtt_out("out", "b", "t", json!({"qos": qos.to_string()}))],
        );
        let mut peer = fake.accept(false);
        gateway.send("out", json!({"payload": "one"}));
        gateway.send("out", json!({"payload": "two"}));
        let (first, second) = (peer.publish(), peer.publish());
        assert_eq!((first.payload.as_str(), second.payload.as_str()), ("one", "two"));
        assert_eq!(gateway.unconfirmed("out"), 2, "queued is not delivered");
        // By packet id, whatever the order.
        peer.say(answer, second.id);
        if qos == 2 {
            assert_eq!(peer.packet(6), second.id, "PUBREL");
            assert_eq!(gateway.unconfirmed("out"), 2, "received is not delivered");
            peer.say(Say::Comp, second.id);
        }
        gateway.wait("one is delivered", || gateway.unconfirmed("out") == 1);
        peer.say(answer, first.id);
        if qos == 2 {
            assert_eq!(peer.packet(6), first.id, "PUBREL");
            peer.say(Say::Comp, first.id);
        }
        gateway.wait("both are delivered", || gateway.unconfirmed("out") == 0);
    }
}

#[test]
fn a_thousand_messages_arrive_in_order_and_once() {
    let mosquitto = Mosquitto::start();
    for version in ["4", "5"] {
        let subscriber = mosquitto.subscribe(&["-t", "bulk", "-q", "1"]);
        let dir = tempfile::tempdir().unwrap();
        let gateway = Gateway::start(
            dir.path(),
            &[
                broker("b", mosquitto.port, json!({ "protocolVersion": version })),
                mqtt_out("out", "b", "bulk", json!({})),
            ],
        );
        gateway.wait_status("out", "connected");
        (0..1000).for_each(|n| gateway.send("out", json!({ "payload": n })));
        let received = subscriber.wait_for(1000);
        assert!(received.iter().map(|line| line.parse::<i64>().unwrap()).eq(0..1000));
        gateway.wait("all are confirmed", || gateway.unconfirmed("out") == 0);
        gateway.stop();
    }
}

#[test]
fn birth_close_and_will_are_sent_when_they_are_due() {
    let mosquitto = Mosquitto::start();
    for version in ["4", "5"] {
        let subscriber = mosquitto.subscribe(&["-t", "site/#", "-q", "1", "-F", "%t %p %q"]);
        let more = json!({
            "protocolVersion": version,
            "birthTopic": "site/birth", "birthPayload": "here", "birthQos": "1",
            "closeTopic": "site/close", "closePayload": "gone", "closeQos": "1",
            "willTopic": "site/will", "willPayload": "lost", "willQos": "1",
        });
        let nodes = [broker("b", mosquitto.port, more), mqtt_out("out", "b", "t", json!({}))];
        let dir = tempfile::tempdir().unwrap();
        let gateway = Gateway::start(dir.path(), &nodes);
        subscriber.wait_for(1);
        gateway.stop();
        assert_eq!(subscriber.wait_for(2), ["site/birth here 1", "site/close gone 1"]);
        // A connection that is gone without a word.
        let proxy = Proxy::to(mosquitto.port);
        let mut nodes = nodes;
        nodes[0]["port"] = json!(proxy.port);
        let gateway = Gateway::start(dir.path(), &nodes);
        subscriber.wait_for(3);
        proxy.cut(End::Fin);
        assert_eq!(subscriber.wait_for(4)[3], "site/will lost 1");
        gateway.stop();
    }
}

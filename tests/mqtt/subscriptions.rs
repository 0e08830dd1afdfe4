//! Wildcards, shared subscriptions, several nodes on one connection, and subscriptions that messages ask for.

use serde_json::{Value as Json, json};

use super::gateway::{Gateway, broker, mqtt_in, mqtt_out, node, probe};
use super::mosquitto::Mosquitto;

#[test]
fn wildcards_and_overlaps_reach_each_node_once() {
    let mosquitto = Mosquitto::start();
    for version in ["4", "5"] {
        let dir = tempfile::tempdir().unwrap();
        let gateway = Gateway::start(
            dir.path(),
            &[
                broker("b", mosquitto.port, json!({ "protocolVersion": version })),
                mqtt_in("in", "b", "room/+/t", &["p"], json!({})),
                mqtt_in("all", "b", "room/#", &["q"], json!({"qos": "1"})),
                probe("p"),
                probe("q"),
            ],
        );
        gateway.wait_status("in", "connected");
        gateway.wait_status("all", "connected");
        for topic in ["room/1/t", "room/1/h", "room", "other"] {
            mosquitto.publish(&["-t", topic, "-m", topic, "-q", "2"]);
        }
        mosquitto.publish(&["-t", "room/end", "-m", "end", "-q", "2"]);
        gateway.wait("all came", || gateway.payloads("q").contains(&json!("end")));
        let mut all: Vec<String> =
            gateway.payloads("q").iter().map(|text| text.as_str().unwrap().to_string()).collect();
        if version == "4" {
            // A broker may send one for each subscription, and 3.1.1 does not say for which.
            all.dedup();
        }
        assert_eq!(all, ["room/1/t", "room/1/h", "room", "end"], "version {version}");
        assert!(gateway.payloads("p").iter().all(|text| text == "room/1/t"));
        assert_eq!(gateway.payloads("p").len(), if version == "5" { 1 } else { gateway.payloads("p").len() });
        gateway.stop();
    }
}

#[test]
fn a_shared_subscription_divides_the_messages() {
    let mosquitto = Mosquitto::start();
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(
        dir.path(),
        &[
            broker("b1", mosquitto.port, json!({"protocolVersion": "5"})),
            broker("b2", mosquitto.port, json!({})),
            mqtt_in("in", "b1", "$share/workers/job/#", &["p"], json!({})),
            mqtt_in("other", "b2", "$share/workers/job/#", &["q"], json!({})),
            probe("p"),
            probe("q"),
        ],
    );
    gateway.wait_status("in", "connected");
    gateway.wait_status("other", "connected");
    (0..40).for_each(|n| mosquitto.publish(&["-t", "job/1", "-m", &n.to_string(), "-q", "1"]));
    gateway.wait("all came", || gateway.received("p").len() + gateway.received("q").len() >= 40);
    let (p, q) = (gateway.payloads("p"), gateway.payloads("q"));
    assert!(!p.is_empty() && !q.is_empty(), "both had some: {} and {}", p.len(), q.len());
    let mut all: Vec<i64> = p.iter().chain(&q).map(|n| n.as_i64().unwrap()).collect();
    all.sort_unstable();
    assert!(all.into_iter().eq(0..40), "each came to one of them");
    gateway.stop();
}

fn dynamic(mosquitto: &Mosquitto, version: &str) -> (tempfile::TempDir, Gateway) {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(
        dir.path(),
        &[
            broker("b", mosquitto.port, json!({ "protocolVersion": version })),
            node(
                json!({"id": "in", "type": "mqtt in", "z": "t", "topic": "", "inputs": 1, "datatype": "auto-detect", "broker": "b", "wires": [["p"]]}),
                json!({}),
            ),
            mqtt_out("out", "b", "", json!({})),
            json!({"id": "c", "type": "catch", "z": "t", "scope": ["in"], "wires": [["q"]]}),
            probe("p"),
            probe("q"),
        ],
    );
    gateway.wait_status("in", "connected");
    (dir, gateway)
}

fn with_payload(gateway: &Gateway, payload: &str) -> Option<Json> {
    gateway.received("p").into_iter().find(|msg| msg["payload"] == payload)
}

#[test]
fn messages_subscribe_and_unsubscribe() {
    let mut mosquitto = Mosquitto::start();
    for version in ["4", "5"] {
        let (_dir, gateway) = dynamic(&mosquitto, version);
        gateway.send("in", json!({"action": "subscribe", "topic": [{"topic": "a/#", "qos": 1}, {"topic": "b", "datatype": "buffer"}]}));
        gateway.wait("the broker heard", || mosquitto.logged("Sending SUBACK") >= 2);
        let publish = |topic: &str, text: &str| mosquitto.publish(&["-t", topic, "-m", text, "-q", "1"]);
        publish("a/1", "one");
        publish("b", "two");
        gateway.wait("both came", || {
            with_payload(&gateway, "one").is_some() && gateway.received("p").len() >= 2
        });
        let buffer = json!({"type": "Buffer", "data": b"two"});
        assert!(gateway.payloads("p").contains(&buffer), "the subscription's datatype");
        gateway.send("in", json!({"action": "getSubscriptions"}));
        gateway.wait("it tells", || gateway.received("p").iter().any(|msg| msg["topic"] == "subscriptions"));
        let told = gateway.received("p").into_iter().find(|msg| msg["topic"] == "subscriptions").unwrap();
        let topics: Vec<&str> =
            told["payload"].as_array().unwrap().iter().map(|one| one["topic"].as_str().unwrap()).collect();
        assert_eq!(topics, ["a/#", "b"]);
        assert_eq!(told["payload"][0]["qos"], 1);
        let before = mosquitto.logged("Received UNSUBSCRIBE");
        gateway.send("in", json!({"action": "unsubscribe", "topic": "a/#"}));
        gateway.wait("the broker heard", || mosquitto.logged("Received UNSUBSCRIBE") > before);
        publish("a/1", "not wanted");
        publish("b", "end");
        let end = json!({"type": "Buffer", "data": b"end"});
        gateway.wait("the last came", || gateway.payloads("p").contains(&end));
        assert!(with_payload(&gateway, "not wanted").is_none());
        gateway.send("in", json!({"action": "unsubscribe", "topic": true}));
        gateway.send("in", json!({"action": "getSubscriptions"}));
        gateway.wait("none are left", || gateway.received("p").iter().any(|msg| msg["payload"] == json!([])));
        gateway.stop();
    }
    // They stand again after an outage.
    let (_dir, gateway) = dynamic(&mosquitto, "4");
    gateway.send("in", json!({"action": "subscribe", "topic": "c"}));
    mosquitto.stop();
    mosquitto.run();
    gateway.wait("it has subscribed again", || {
        mosquitto.log().split(" running").nth(2).is_some_and(|log| log.contains("Sending SUBACK"))
    });
    mosquitto.publish(&["-t", "c", "-m", "again", "-q", "1"]);
    gateway.wait("it came", || with_payload(&gateway, "again").is_some());
    gateway.stop();
}

#[test]
fn what_is_no_action_goes_to_a_catch() {
    let mosquitto = Mosquitto::start();
    let (_dir, gateway) = dynamic(&mosquitto, "5");
    for (msg, part) in [
        (json!({"payload": 1}), "unknown action"),
        (json!({"action": "dance"}), "unknown action"),
        (json!({"action": "subscribe"}), "msg.topic"),
        (json!({"action": "subscribe", "topic": "a#"}), "a#"),
        (json!({"action": "subscribe", "topic": {"topic": "a", "datatype": "music"}}), "music"),
    ] {
        let before = gateway.received("q").len();
        gateway.send("in", msg);
        let caught = gateway.wait_received("q", before + 1);
        let text = caught[before]["error"]["message"].as_str().unwrap().to_string();
        assert!(text.contains(part), "{text}");
    }
    gateway.stop();
}

#[test]
fn retained_messages_come_with_their_flag() {
    let mosquitto = Mosquitto::start();
    mosquitto.publish(&["-t", "state/1", "-m", "on", "-q", "1", "-r"]);
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(
        dir.path(),
        &[
            broker("b", mosquitto.port, json!({"protocolVersion": "5"})),
            mqtt_in("in", "b", "state/#", &["p"], json!({"nl": true, "rap": true, "rh": 0})),
            mqtt_in("never", "b", "state/+", &["q"], json!({"rh": 2})),
            mqtt_out("out", "b", "state/2", json!({"retain": "true"})),
            probe("p"),
            probe("q"),
        ],
    );
    gateway.wait_status("in", "connected");
    gateway.wait_status("never", "connected");
    let received = gateway.wait_received("p", 1);
    assert_eq!((&received[0]["payload"], &received[0]["retain"]), (&json!("on"), &json!(true)));
    gateway.send("out", json!({"payload": "ours"}));
    // What is published by this connection comes only to the node that wants it.
    assert_eq!(gateway.wait_received("q", 1)[0]["payload"], "ours");
    assert_eq!((gateway.received("p").len(), gateway.received("q").len()), (1, 1));
    gateway.stop();
}

#[test]
fn a_node_that_is_taken_out_is_unsubscribed_after_a_while() {
    let mosquitto = Mosquitto::start();
    let dir = tempfile::tempdir().unwrap();
    let stays =
        [broker("b", mosquitto.port, json!({})), mqtt_in("in", "b", "stays", &["p"], json!({})), probe("p")];
    let mut both = stays.to_vec();
    both.push(mqtt_in("goes", "b", "goes", &["p"], json!({})));
    let gateway = Gateway::start(dir.path(), &both);
    gateway.wait_status("goes", "connected");
    gateway.wait_status("in", "connected");
    gateway.deploy(&stays);
    gateway.wait("the broker is told", || mosquitto.logged("Received UNSUBSCRIBE") == 1);
    mosquitto.publish(&["-t", "goes", "-m", "not wanted", "-q", "1"]);
    mosquitto.publish(&["-t", "stays", "-m", "wanted", "-q", "1"]);
    assert_eq!(gateway.wait_received("p", 1)[0]["payload"], "wanted");
    gateway.stop();
}

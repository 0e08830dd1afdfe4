//! What people get wrong: each shows on the node, is told in a line that says what to do, and stops nothing else.

use serde_json::json;

use super::fake::Fake;
use super::gateway::{Gateway, broker, mqtt_in, mqtt_out, probe};
use super::mosquitto::Mosquitto;

#[test]
fn a_wrong_password_is_told_and_shown_and_is_in_no_log() {
    let config = "listener PORT 127.0.0.1\nallow_anonymous false\npassword_file DIRpasswords\n";
    let mosquitto = Mosquitto::prepared(tempfile::tempdir().unwrap(), config, |dir| {
        let file = dir.join("passwords");
        let made = std::process::Command::new("mosquitto_passwd")
            .args(["-b", "-c", &file.to_string_lossy(), "gateway", "right"])
            .status();
        assert!(made.unwrap().success());
    });
    for (version, part) in [("4", "not authorized"), ("5", "not authorized")] {
        let dir = tempfile::tempdir().unwrap();
        let login = |password: &str| json!({"protocolVersion": version, "credentials": {"user": "gateway", "password": password}});
        let nodes = |password: &str| {
            [broker("b", mosquitto.port, login(password)), mqtt_out("out", "b", "t", json!({}))]
        };
        let gateway = Gateway::start(dir.path(), &nodes("hunter2"));
        gateway.wait_line("b", part);
        gateway.wait_away("out", part);
        assert!(!gateway.log().contains("hunter2"), "{}", gateway.log());
        gateway.deploy(&nodes("right"));
        gateway.wait_status("out", "connected");
        assert!(!gateway.log().contains("right"));
        gateway.stop();
    }
}

#[test]
fn a_host_that_does_not_exist_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let nowhere = json!({"broker": "no-such-host.invalid"});
    let gateway = Gateway::start(
        dir.path(),
        &[broker("b", 1883, nowhere), mqtt_in("in", "b", "t", &["p"], json!({})), probe("p")],
    );
    gateway.wait_line("b", "cannot connect to mqtt://no-such-host.invalid:1883");
    gateway.wait_line("b", "next try in");
    gateway.wait_away("in", "cannot connect");
}

#[test]
fn a_topic_with_a_wildcard_is_refused_and_a_catch_hears_of_it() {
    let mosquitto = Mosquitto::start();
    let subscriber = mosquitto.subscribe(&["-t", "good/#", "-q", "1"]);
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(
        dir.path(),
        &[
            broker("b", mosquitto.port, json!({})),
            mqtt_out("out", "b", "", json!({})),
            json!({"id": "c", "type": "catch", "z": "t", "scope": ["out"], "wires": [["p"]]}),
            probe("p"),
        ],
    );
    gateway.wait_status("out", "connected");
    gateway.send("out", json!({"topic": "bad/+", "payload": 1}));
    gateway.send("out", json!({"payload": "without a topic"}));
    gateway.send("out", json!({"topic": "good/1", "payload": "fine"}));
    assert_eq!(subscriber.wait_for(1), ["fine"]);
    let caught = gateway.wait_received("p", 2);
    assert!(caught[0]["error"]["message"].as_str().unwrap().contains("wildcards"), "{caught:?}");
    assert!(caught[1]["error"]["message"].as_str().unwrap().contains("no topic"), "{caught:?}");
    assert!(
        gateway
            .statuses("out")
            .iter()
            .any(|status| status["text"] == "message refused" && status["fill"] == "red")
    );
    gateway.wait_line("out", "cannot publish to");
    gateway.wait_status("out", "connected");
    gateway.stop();
}

#[test]
fn a_message_that_the_broker_refuses_is_told_and_the_connection_stands() {
    let config = "listener PORT 127.0.0.1\nallow_anonymous true\nacl_file DIRacl\n";
    let mosquitto = Mosquitto::prepared(tempfile::tempdir().unwrap(), config, |dir| {
        std::fs::write(dir.join("acl"), "topic readwrite open/#\n").unwrap();
    });
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(
        dir.path(),
        &[
            broker("b", mosquitto.port, json!({"protocolVersion": "5"})),
            mqtt_in("in", "b", "open/#", &["p"], json!({})),
            mqtt_out("out", "b", "closed/1", json!({})),
            probe("p"),
        ],
    );
    gateway.wait_status("in", "connected");
    gateway.send("out", json!({"payload": 1}));
    gateway.wait_line("out", "not authorized");
    mosquitto.publish(&["-t", "open/1", "-m", "still here", "-q", "1"]);
    assert_eq!(gateway.wait_received("p", 1)[0]["payload"], "still here");
    gateway.stop();
}

#[test]
fn json_that_is_none_is_an_error_with_the_message() {
    let mosquitto = Mosquitto::start();
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(
        dir.path(),
        &[
            broker("b", mosquitto.port, json!({})),
            mqtt_in("in", "b", "t", &["q"], json!({"datatype": "json"})),
            json!({"id": "c", "type": "catch", "z": "t", "scope": ["in"], "wires": [["p"]]}),
            probe("p"),
            probe("q"),
        ],
    );
    gateway.wait_status("in", "connected");
    mosquitto.publish(&["-t", "t", "-m", "{\"a\":", "-q", "1"]);
    mosquitto.publish(&["-t", "t", "-m", "{\"a\":1}", "-q", "1"]);
    assert_eq!(gateway.wait_received("q", 1)[0]["payload"], json!({"a": 1}));
    let caught = gateway.wait_received("p", 1);
    assert_eq!((&caught[0]["topic"], &caught[0]["qos"]), (&json!("t"), &json!(1)));
    assert!(caught[0]["error"]["message"].as_str().unwrap().contains("no JSON"), "{caught:?}");
    gateway.stop();
}

#[test]
fn a_subscription_that_the_broker_refuses_is_told_and_tried_again() {
    let fake = Fake::start();
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(
        dir.path(),
        &[broker("b", fake.port, json!({})), mqtt_in("in", "b", "secret/#", &["p"], json!({})), probe("p")],
    );
    let mut peer = fake.accept(false);
    assert_eq!(peer.subscribed(0x80), "secret/#");
    gateway.wait_line("in", "refuses the subscription to secret/#");
    // The connection stands, and the node asks again after a while.
    assert_eq!(peer.subscribed(1), "secret/#");
    gateway.wait_status("in", "connected");
    gateway.vanish();
}

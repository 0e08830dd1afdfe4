//! The connection switched on and off by messages.

use serde_json::json;

use super::gateway::{Gateway, broker, mqtt_in, mqtt_out, probe};
use super::mosquitto::Mosquitto;

#[test]
fn a_connection_waits_for_the_message_that_connects_it() {
    let mosquitto = Mosquitto::start();
    let subscriber = mosquitto.subscribe(&["-t", "t", "-q", "1"]);
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(
        dir.path(),
        &[
            broker("b", mosquitto.port, json!({"autoConnect": false, "clientid": "switched"})),
            mqtt_in("in", "b", "a", &["p"], json!({})),
            mqtt_out("out", "b", "t", json!({})),
            probe("p"),
        ],
    );
    gateway.wait_status("out", "disconnected");
    gateway.wait_status("in", "disconnected");
    gateway.send("out", json!({"payload": "early"}));
    gateway.wait("it is kept", || gateway.stored("out") == 1);
    assert_eq!(mosquitto.logged("as switched"), 0, "it does not connect by itself");
    // The command goes past what waits.
    gateway.send("out", json!({"action": "connect"}));
    gateway.wait_status("in", "connected");
    assert_eq!(subscriber.wait_for(1), ["early"]);
    // One that is not confirmed when the connection ends would come again, as QoS 1 may.
    gateway.wait("it is confirmed", || gateway.unconfirmed("out") == 0);
    gateway.send("out", json!({"action": "disconnect"}));
    gateway.wait_status("in", "disconnected");
    gateway.wait("it said goodbye", || mosquitto.logged("Received DISCONNECT from switched") == 1);
    gateway.send("out", json!({"payload": "later"}));
    gateway.wait("it is kept", || gateway.stored("out") == 1);
    gateway.send("out", json!({"action": "connect"}));
    assert_eq!(subscriber.wait_for(2)[1], "later");
    gateway.stop();
}

#[test]
fn a_message_can_bring_other_settings() {
    let (first, second) = (Mosquitto::start(), Mosquitto::start());
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(
        dir.path(),
        &[
            broker("b", first.port, json!({"clientid": "one"})),
            mqtt_out("out", "b", "t", json!({})),
            json!({"id": "c", "type": "catch", "z": "t", "scope": ["out"], "wires": [["p"]]}),
            probe("p"),
        ],
    );
    gateway.wait_status("out", "connected");
    let settings = json!({"port": second.port, "clientid": "two", "protocolVersion": 5, "will": {"topic": "w", "payload": "x", "qos": 1}});
    gateway.send("out", json!({"action": "connect", "broker": settings}));
    assert!(gateway.wait_received("p", 1)[0]["error"]["message"].as_str().unwrap().contains("force"));
    let mut forced = settings;
    forced["force"] = json!(true);
    gateway.send("out", json!({"action": "connect", "broker": forced}));
    gateway.wait("it is at the other broker", || second.logged("as two (p5") == 1);
    gateway.wait_status("out", "connected");
    let subscriber = second.subscribe(&["-t", "t", "-q", "1"]);
    gateway.send("out", json!({"payload": "there"}));
    assert_eq!(subscriber.wait_for(1), ["there"]);
    gateway.send("out", json!({"action": "connect", "broker": {"force": true, "port": 70_000}}));
    let caught = gateway.wait_received("p", 2);
    assert!(caught[1]["error"]["message"].as_str().unwrap().contains("70000"), "{caught:?}");
    gateway.send("out", json!({"action": "fly"}));
    assert!(
        gateway.wait_received("p", 3)[2]["error"]["message"].as_str().unwrap().contains("unknown action")
    );
    gateway.stop();
}

#[test]
fn the_connection_is_opened_for_the_first_user_and_closed_after_the_last() {
    let mosquitto = Mosquitto::start();
    let dir = tempfile::tempdir().unwrap();
    let alone = [broker("b", mosquitto.port, json!({"clientid": "shared"}))];
    let gateway = Gateway::start(dir.path(), &alone);
    let used = [
        alone[0].clone(),
        mqtt_out("out", "b", "t", json!({})),
        mqtt_in("in", "b", "a", &["p"], json!({})),
        probe("p"),
    ];
    assert_eq!(mosquitto.logged("as shared"), 0, "nobody uses it");
    gateway.deploy(&used);
    gateway.wait_status("out", "connected");
    gateway.wait_status("in", "connected");
    assert_eq!(mosquitto.logged("as shared"), 1, "one connection for both");
    gateway.deploy(&used[..2]);
    gateway.send("out", json!({"payload": 1}));
    gateway.wait("it still works", || {
        gateway.unconfirmed("out") == 0 && mosquitto.logged("Sending PUBACK to shared") == 1
    });
    gateway.deploy(&alone);
    gateway.wait("it is closed", || mosquitto.logged("Received DISCONNECT from shared") == 1);
    gateway.deploy(&used);
    gateway.wait("it is open again", || mosquitto.logged("as shared") == 2);
    // Other settings: a new connection, for all.
    let mut changed = used;
    changed[0]["keepalive"] = json!("30");
    gateway.deploy(&changed);
    gateway.wait("it is another connection", || mosquitto.logged("as shared") == 3);
    gateway.wait_status("in", "connected");
    gateway.wait_status("out", "connected");
    gateway.stop();
}

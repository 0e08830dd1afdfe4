//! The properties of MQTT 5, in and out.

use serde_json::{Value as Json, json};

use super::fake::Fake;
use super::gateway::{Gateway, broker, mqtt_in, mqtt_out, probe};
use super::mosquitto::Mosquitto;

#[test]
fn properties_make_the_round_trip() {
    let mosquitto = Mosquitto::start();
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(
        dir.path(),
        &[
            broker("b", mosquitto.port, json!({"protocolVersion": "5"})),
            mqtt_in("in", "b", "a/#", &["p"], json!({})),
            mqtt_out("out", "b", "a/1", json!({"qos": "2"})),
            mqtt_out(
                "q",
                "b",
                "a/2",
                json!({"respTopic": "r", "contentType": "text/plain", "userProps": "{\"k\":\"v\"}", "correl": "c", "expiry": "60"}),
            ),
            probe("p"),
        ],
    );
    gateway.wait_status("in", "connected");
    let properties = json!({
        "responseTopic": "answers/1", "correlationData": {"type": "Buffer", "data": [0, 255]},
        "contentType": "application/json", "userProperties": {"a": "1", "b": ["2", "3"]},
        "messageExpiryInterval": 3600, "payloadFormatIndicator": true
    });
    let mut msg = properties.clone();
    msg["payload"] = json!({"t": 21.5});
    gateway.send("out", msg);
    let received = gateway.wait_received("p", 1).remove(0);
    for (name, value) in properties.as_object().unwrap() {
        assert_eq!(&received[name.as_str()], value, "{name}");
    }
    assert_eq!(received["payload"], json!({"t": 21.5}));
    gateway.send("q", json!({"payload": "5"}));
    let received = gateway.wait_received("p", 2).remove(1);
    assert_eq!(received["payload"], "5", "text/plain stays text");
    assert_eq!(received["userProperties"], json!({"k": "v"}));
    assert_eq!((&received["responseTopic"], &received["messageExpiryInterval"]), (&json!("r"), &json!(60)));
    assert_eq!(received["correlationData"], json!({"type": "Buffer", "data": [99]}));
    gateway.stop();
}

#[test]
fn an_answer_goes_where_it_was_asked_for() {
    let mosquitto = Mosquitto::start();
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(
        dir.path(),
        &[
            broker("b", mosquitto.port, json!({"protocolVersion": "5"})),
            mqtt_in("in", "b", "ask", &["out"], json!({})),
            // Without a topic of its own, and with one in the message taken away.
            json!({"id": "out", "type": "change", "z": "t", "rules": [{"t": "delete", "p": "topic", "pt": "msg"}], "wires": [["q"]]}),
            mqtt_out("q", "b", "", json!({})),
        ],
    );
    gateway.wait_status("in", "connected");
    let answers = mosquitto.subscribe(&["-V", "5", "-t", "answers/#", "-q", "1", "-F", "%t %p %D"]);
    mosquitto.publish(&[
        "-V",
        "5",
        "-t",
        "ask",
        "-m",
        "how",
        "-q",
        "1",
        "-D",
        "publish",
        "response-topic",
        "answers/7",
        "-D",
        "publish",
        "correlation-data",
        "x7",
    ]);
    assert_eq!(answers.wait_for(1), ["answers/7 how x7"]);
    gateway.stop();
}

#[test]
fn a_topic_alias_is_set_once_and_then_stands_for_the_topic() {
    let fake = Fake::start();
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(
        dir.path(),
        &[
            broker("b", fake.port, json!({"protocolVersion": "5", "topicAliasMaximum": 5})),
            mqtt_out("out", "b", "long/topic", json!({"qos": "0"})),
            mqtt_in("in", "b", "#", &["p"], json!({})),
            probe("p"),
        ],
    );
    let mut peer = fake.incoming(super::brokers::PATIENCE).unwrap();
    let (_, connect) = peer.read();
    assert!(connect.windows(3).any(|part| part == [0x22, 0, 5]), "it says how many aliases it takes");
    // CONNACK with a topic alias maximum of 2.
    peer.write(&[0x20, 6, 0, 0, 3, 0x22, 0, 2]);
    let (first, body) = peer.read();
    assert_eq!(first, 0x82);
    peer.write(&[0x90, 4, body[0], body[1], 0, 2]);
    gateway.wait_status("in", "connected");
    for _ in 0..2 {
        gateway.send("out", json!({"payload": "x", "topicAlias": 2}));
    }
    gateway.send("out", json!({"payload": "x", "topicAlias": 3}));
    assert_eq!(peer.read().1, b"\0\x0along/topic\x03\x23\0\x02x");
    assert_eq!(peer.read().1, b"\0\0\x03\x23\0\x02x");
    gateway.wait_line("out", "topicAlias");
    // And the other way round.
    peer.write(b"\x30\x08\0\x01t\x03\x23\0\x01y");
    peer.write(b"\x30\x07\0\0\x03\x23\0\x01z");
    let received = gateway.wait_received("p", 2);
    let texts: Vec<(&Json, &Json)> = received.iter().map(|msg| (&msg["topic"], &msg["payload"])).collect();
    assert_eq!(texts, [(&json!("t"), &json!("y")), (&json!("t"), &json!("z"))]);
    gateway.vanish();
}

#[test]
fn what_is_sent_again_has_the_name_of_before() {
    let fake = Fake::start();
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(
        dir.path(),
        &[
            broker("b", fake.port, json!({"protocolVersion": "5"})),
            mqtt_out("out", "b", "t", json!({"qos": "1", "nameProperty": "id"})),
        ],
    );
    // A user property (0x26), its name, the length of its value, that, and a payload of one letter.
    let named = |body: &[u8]| {
        let text = String::from_utf8_lossy(body).into_owned();
        let (_, value) = text.split_once("\u{26}\0\u{2}id\0").expect("it has a name");
        (value[1..value.len() - 1].to_string(), value[value.len() - 1..].to_string())
    };
    let connect = || {
        let mut peer = fake.incoming(super::brokers::PATIENCE).unwrap();
        peer.read();
        peer.write(&[0x20, 3, 0, 0, 0]);
        peer
    };
    let mut peer = connect();
    ["a", "b"].into_iter().for_each(|payload| gateway.send("out", json!({ "payload": payload })));
    let before = [named(&peer.read().1), named(&peer.read().1)];
    assert!(before[0].1 == "a" && before[1].1 == "b" && before[0].0 != before[1].0, "{before:?}");
    peer.close();
    // After that they go one by one: one of them may be what ended the connection.
    let mut peer = connect();
    for one in before {
        let (_, body) = peer.read();
        assert_eq!(named(&body), one);
        peer.write(&[0x40, 2, body[3], body[4]]);
    }
    gateway.vanish();
}

#[test]
fn the_limits_of_both_sides_are_kept() {
    let fake = Fake::start();
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(
        dir.path(),
        &[
            broker("b", fake.port, json!({"protocolVersion": "5", "receiveMaximum": 7})),
            mqtt_out("out", "b", "t", json!({"qos": "2"})),
        ],
    );
    let mut peer = fake.incoming(super::brokers::PATIENCE).unwrap();
    let (_, connect) = peer.read();
    assert!(connect.windows(3).any(|part| part == [0x21, 0, 7]), "it says how much it takes at a time");
    // CONNACK: receive maximum 2, QoS at most 1, no retained messages.
    peer.write(&[0x20, 10, 0, 0, 7, 0x21, 0, 2, 0x24, 1, 0x25, 0]);
    (0..3).for_each(|n| gateway.send("out", json!({ "payload": n.to_string() })));
    let (first, one) = peer.read();
    assert_eq!(first, 0x32, "QoS 1 is what the broker can do");
    peer.read();
    assert!(peer.is_quiet(std::time::Duration::from_millis(300)), "no more than two at a time");
    peer.write(&[0x40, 2, one[3], one[4]]);
    let (_, third) = peer.read();
    assert!(third.ends_with(b"2"));
    gateway.send("out", json!({"payload": "kept", "retain": true}));
    peer.write(&[0x40, 2, third[3], third[4]]);
    gateway.wait_line("out", "keeps no retained messages");
    gateway.vanish();
}

#[test]
fn a_session_with_an_expiry_outlives_the_connection() {
    let mosquitto = Mosquitto::start();
    let dir = tempfile::tempdir().unwrap();
    let nodes = |more: Json| {
        let mut settings = json!({"protocolVersion": "5", "clientid": "g", "cleansession": false});
        settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        vec![broker("b", mosquitto.port, settings), mqtt_in("in", "b", "t", &["p"], json!({})), probe("p")]
    };
    let gateway = Gateway::start(dir.path(), &nodes(json!({"sessionExpiry": "3600"})));
    gateway.wait_status("in", "connected");
    gateway.stop();
    mosquitto.publish(&["-t", "t", "-m", "kept", "-q", "1"]);
    let gateway = Gateway::start(dir.path(), &nodes(json!({"sessionExpiry": "3600"})));
    assert_eq!(gateway.wait_received("p", 1)[0]["payload"], "kept");
    gateway.wait_line("b", "has kept the session");
    gateway.stop();
    let gateway = Gateway::start(dir.path(), &nodes(json!({"cleansession": true})));
    gateway.wait_status("in", "connected");
    gateway.wait("it is connected", || gateway.lines("b").iter().any(|line| line.starts_with("connected")));
    assert!(!gateway.lines("b").iter().any(|line| line.contains("kept the session")));
    gateway.stop();
}

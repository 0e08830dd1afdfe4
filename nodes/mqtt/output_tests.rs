use serde_json::{Value as Json, json};

use super::*;
use crate::testing::{MemoryHost, config};

fn node(properties: Json) -> Result<Form, NodeError> {
    let mut all = json!({"broker": "b"});
    all.as_object_mut().unwrap().extend(properties.as_object().unwrap().clone());
    Form::read(&config("mqtt out", all, &MemoryHost::default()))
}

fn packet(properties: Json, msg: Json, is_v5: bool) -> Result<Option<Publish>, NodeError> {
    let Value::Object(msg) = Value::from(&msg) else { panic!("a message is an object") };
    node(properties).unwrap().packet(&msg, is_v5, is_v5.then_some("board/out/7"))
}

#[test]
fn the_node_comes_before_the_message() {
    let msg = json!({"topic": "m", "payload": {"a": 1}, "qos": "2", "retain": "true"});
    let said = packet(json!({}), msg.clone(), false).unwrap().unwrap();
    assert_eq!((said.topic.as_str(), said.qos, said.retain), ("m", Qos::ExactlyOnce, true));
    assert_eq!(said.payload, "{\"a\":1}");
    assert_eq!(said.properties, None);
    let fixed = packet(json!({"topic": "n", "qos": "0", "retain": "false"}), msg, false).unwrap().unwrap();
    assert_eq!((fixed.topic.as_str(), fixed.qos, fixed.retain), ("n", Qos::AtMostOnce, true));
    assert_eq!(packet(json!({}), json!({"topic": "m"}), false).unwrap(), None);
}

#[test]
fn properties_are_for_mqtt_5_and_come_from_node_or_message() {
    let msg = json!({
        "payload": "p", "responseTopic": "answers", "contentType": "text/plain", "messageExpiryInterval": "60",
        "correlationData": {"type": "Buffer", "data": [1, 2]}, "payloadFormatIndicator": true, "topicAlias": 3,
        "userProperties": {"a": "1", "b": ["2", "3"], "c": {"d": 4}, "e": null}
    });
    let mut with_topic = msg.clone();
    with_topic["topic"] = json!("t");
    assert_eq!(packet(json!({}), with_topic.clone(), false).unwrap().unwrap().properties, None);
    let properties = packet(json!({}), with_topic.clone(), true).unwrap().unwrap().properties.unwrap();
    let pair = |name: &str, value: &str| (name.to_string(), value.to_string());
    assert_eq!(properties.user, [pair("a", "1"), pair("b", "2"), pair("b", "3"), pair("c", "{\"d\":4}")]);
    assert_eq!(properties.correlation.as_deref(), Some(&[1, 2][..]));
    assert_eq!((properties.expiry, properties.alias, properties.is_utf8), (Some(60), Some(3), Some(true)));
    let fixed = json!({"respTopic": "r", "userProps": "{\"x\": 1}", "correl": "c", "expiry": "5", "contentType": "k"});
    let properties = packet(fixed, with_topic, true).unwrap().unwrap().properties.unwrap();
    assert_eq!(properties.response_topic.as_deref(), Some("r"));
    assert_eq!((properties.user, properties.expiry), (vec![pair("x", "1")], Some(5)));
    // An answer goes where it was asked for.
    let answer = packet(json!({}), msg, true).unwrap().unwrap();
    assert_eq!((answer.topic.as_str(), answer.properties.unwrap().response_topic), ("answers", None));
}

#[test]
fn a_message_goes_out_with_the_name_of_its_repeats_where_the_node_says_in_which_property() {
    let msg = json!({"topic": "t", "payload": 1, "userProperties": {"a": "1"}});
    let named = json!({"nameProperty": "id"});
    let pair = |name: &str, value: &str| (name.to_string(), value.to_string());
    let properties = packet(named.clone(), msg.clone(), true).unwrap().unwrap().properties.unwrap();
    assert_eq!(properties.user, [pair("a", "1"), pair("id", "board/out/7")]);
    assert_eq!(packet(named, msg.clone(), false).unwrap().unwrap().properties, None);
    let properties = packet(json!({}), msg, true).unwrap().unwrap().properties.unwrap();
    assert_eq!(properties.user, [pair("a", "1")]);
}

#[test]
fn what_cannot_be_published_is_told() {
    let long = "x".repeat(70_000);
    for (msg, part) in [
        (json!({"payload": 1}), "no topic"),
        (json!({"payload": 1, "topic": "a/+"}), "wildcards"),
        (json!({"payload": 1, "topic": "a\u{0}"}), "control"),
        (json!({"payload": 1, "topic": long}), "65535"),
        (json!({"payload": 1, "topic": "a", "topicAlias": 70_000}), "topicAlias"),
        (json!({"payload": 1, "topic": "a", "responseTopic": "#"}), "responseTopic"),
        (json!({"payload": 1, "topic": "a", "userProperties": {"k": long}}), "65535"),
    ] {
        let error = packet(json!({}), msg, true).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    for (properties, place) in [
        (json!({"topic": "a/#"}), "/topic"),
        (json!({"qos": "3"}), "/qos"),
        (json!({"userProps": "[1]"}), "/userProps"),
        (json!({"expiry": "soon"}), "/expiry"),
        (json!({"broker": ""}), "/broker"),
    ] {
        match node(properties) {
            Err(NodeError::Config { pointer, .. }) => assert_eq!(pointer, place),
            _ => panic!("{place} was taken"),
        }
    }
}

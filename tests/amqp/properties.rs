//! Properties and headers, in and out.

use lapin::BasicProperties;
use lapin::types::{AMQPValue, ByteArray, FieldArray, FieldTable, LongString};
use serde_json::json;

use super::brokers::amqp_client::Client;
use super::gateway::{Gateway, amqp_in, amqp_out, broker, probe};
use super::rabbit::rabbit;

fn headers() -> FieldTable {
    let text = |text: &str| AMQPValue::LongString(LongString::from(text));
    let mut inner = FieldTable::default();
    inner.insert("unit".into(), text("°C"));
    let mut headers = FieldTable::default();
    headers.insert("whole".into(), AMQPValue::LongLongInt(-7));
    headers.insert("half".into(), AMQPValue::Double(0.5));
    headers.insert("yes".into(), AMQPValue::Boolean(true));
    headers.insert("nothing".into(), AMQPValue::Void);
    headers.insert("bytes".into(), AMQPValue::ByteArray(ByteArray::from(vec![0, 255])));
    headers.insert(
        "list".into(),
        AMQPValue::FieldArray(FieldArray::from(vec![text("a"), AMQPValue::LongLongInt(1)])),
    );
    headers.insert("table".into(), AMQPValue::FieldTable(inner));
    headers
}

#[test]
fn all_properties_and_headers_go_through_a_flow_and_out_again() {
    let rabbit = rabbit();
    let client = Client::of(&rabbit);
    client.queue("round-trip-1");
    client.queue("round-trip-2");
    let sent = BasicProperties::default()
        .with_content_type("application/vnd.reading".into())
        .with_content_encoding("identity".into())
        .with_headers(headers())
        .with_delivery_mode(2)
        .with_priority(3)
        .with_correlation_id("question-1".into())
        .with_reply_to("answers".into())
        .with_expiration("600000".into())
        .with_message_id("id-1".into())
        .with_timestamp(1_700_000_000)
        .with_type("reading".into())
        .with_user_id("guest".into())
        .with_app_id("meter".into());
    client.publish("round-trip-1", br#"{"t":21.5}"#, sent.clone());
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(
        dir.path(),
        &[
            broker("b", rabbit.port, json!({})),
            amqp_in("in", "b", "round-trip-1", &["p", "out"], json!({})),
            amqp_out("out", "b", json!({"routingKey": "round-trip-2"})),
            probe("p"),
        ],
    );
    let got = client.wait_for("round-trip-2", 1).remove(0);
    assert_eq!(got.properties, sent);
    assert_eq!(got.text(), r#"{"t":21.5}"#);
    let seen = gateway.wait_received("p", 1).remove(0);
    let expected = json!({
        "topic": "round-trip-1", "payload": {"t": 21.5}, "exchange": "", "routingKey": "round-trip-1", "redelivered": false,
        "headers": {
            "bytes": {"type": "Buffer", "data": [0, 255]}, "half": 0.5, "list": ["a", 1], "nothing": null,
            "table": {"unit": "°C"}, "whole": -7, "yes": true
        },
        "properties": {
            "contentType": "application/vnd.reading", "contentEncoding": "identity", "deliveryMode": 2, "priority": 3,
            "correlationId": "question-1", "replyTo": "answers", "expiration": "600000", "messageId": "id-1",
            "timestamp": 1_700_000_000, "type": "reading", "userId": "guest", "appId": "meter"
        }
    });
    assert_eq!(seen, expected);
    gateway.stop();
}

#[test]
fn payloads_of_each_kind_come_back_as_they_went_and_a_message_without_a_name_gets_one() {
    let rabbit = rabbit();
    let client = Client::of(&rabbit);
    client.queue("kinds");
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(
        dir.path(),
        &[
            broker("b", rabbit.port, json!({})),
            amqp_out("out", "b", json!({"routingKey": "kinds", "outbox": {"mode": "always"}})),
        ],
    );
    let payloads = [
        json!("text"),
        json!("7"),
        json!(7),
        json!(null),
        json!([1, {"a": 2}]),
        json!({"type": "Buffer", "data": [0, 200]}),
    ];
    for payload in &payloads {
        gateway.send("out", json!({ "payload": payload }));
    }
    gateway.wait("all are confirmed", || client.ready("kinds") == 6 && gateway.unconfirmed("out") == 0);
    gateway.stop();
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(
        dir.path(),
        &[broker("b", rabbit.port, json!({})), amqp_in("in", "b", "kinds", &["p"], json!({})), probe("p")],
    );
    let seen = gateway.wait_received("p", 6);
    let came: Vec<_> = seen.iter().map(|msg| msg["payload"].clone()).collect();
    assert_eq!(came, payloads);
    let mut names: Vec<&str> =
        seen.iter().map(|msg| msg["properties"]["messageId"].as_str().unwrap()).collect();
    names.dedup();
    assert_eq!(names.len(), 6);
    gateway.stop();
}

#[test]
fn queues_exchanges_and_bindings_are_declared_as_the_node_says() {
    let rabbit = rabbit();
    let client = Client::of(&rabbit);
    client.queue("rejected");
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(
        dir.path(),
        &[
            broker("b", rabbit.port, json!({})),
            amqp_in(
                "in",
                "b",
                "declared",
                &["p"],
                json!({
                    "queueMode": "declare", "messageTtl": "60000", "maxLength": 100, "deadLetterExchange": "",
                    "arguments": "{\"x-dead-letter-exchange\":\"\"}", "deadLetterRoutingKey": "rejected", "datatype": "json",
                    "exchange": "site", "exchangeMode": "declare", "bindings": [{"routingKey": "room.*"}, {"routingKey": "hall"}]
                }),
            ),
            // Its queue is its own, bound to the same exchange.
            amqp_in("in2", "b", "", &["q"], json!({"exchange": "site", "bindings": [{"routingKey": "#"}]})),
            amqp_out("out", "b", json!({"exchange": "site", "exchangeMode": "check"})),
            probe("p"),
            probe("q"),
        ],
    );
    gateway.wait_status("in", "connected");
    gateway.wait_status("in2", "connected");
    gateway.wait_status("out", "connected");
    for topic in ["room.1", "hall", "attic"] {
        gateway.send("out", json!({"topic": topic, "payload": {"in": topic}}));
    }
    gateway.send("out", json!({"topic": "hall", "payload": "no JSON"}));
    let topics = |msgs: Vec<serde_json::Value>| -> Vec<String> {
        msgs.iter().map(|msg| msg["topic"].as_str().unwrap().to_string()).collect()
    };
    assert_eq!(topics(gateway.wait_received("q", 4)), ["room.1", "hall", "attic", "hall"]);
    assert_eq!(topics(gateway.wait_received("p", 2)), ["room.1", "hall"]);
    // What is no JSON is rejected, and the broker hands it on.
    gateway.wait_line("in", "no JSON");
    assert_eq!(client.wait_for("rejected", 1)[0].text(), "no JSON");
    gateway.stop();
}

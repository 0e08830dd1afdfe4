//! Confirmations, and messages that are not taken.

use std::collections::BTreeSet;
use std::time::Duration;

use lapin::types::{AMQPValue, LongString};
use serde_json::json;

use super::brokers::amqp_client::Client;
use super::gateway::{Gateway, amqp_out, broker, probe};
use super::proxy::{Proxy, Side};
use super::rabbit::rabbit;

#[test]
fn many_messages_are_with_the_broker_before_the_first_is_confirmed_and_not_more_than_the_window() {
    let rabbit = rabbit();
    let client = Client::of(&rabbit);
    client.queue("pipeline");
    let proxy = Proxy::to(rabbit.port);
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(
        dir.path(),
        &[
            broker("b", proxy.port, json!({})),
            amqp_out("out", "b", json!({"routingKey": "pipeline", "window": 150})),
        ],
    );
    gateway.wait_status("out", "connected");
    proxy.hold(Side::Far);
    (0..200).for_each(|n| gateway.send("out", json!({ "payload": n })));
    gateway.wait("the window is with the broker", || client.ready("pipeline") == 150);
    // Long enough to see that no more come.
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!((client.ready("pipeline"), gateway.unconfirmed("out")), (150, 200));
    proxy.release();
    gateway.wait("all are confirmed", || gateway.unconfirmed("out") == 0);
    assert_eq!(client.ready("pipeline"), 200);
    gateway.stop();
}

/// Routed and unroutable in turn, all in flight together: each must get its own verdict.
#[test]
fn what_no_queue_gets_is_an_error_and_what_one_gets_is_not() {
    let rabbit = rabbit();
    let client = Client::of(&rabbit);
    client.queue("routed");
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(
        dir.path(),
        &[
            broker("b", rabbit.port, json!({})),
            amqp_out("out", "b", json!({"exchange": ""})),
            json!({"id": "c", "type": "catch", "z": "t", "scope": ["out"], "wires": [["p"]]}),
            probe("p"),
        ],
    );
    gateway.wait_status("out", "connected");
    for n in 0..900 {
        let topic = if n % 3 == 0 { "routed" } else { "no-such-queue" };
        gateway.send("out", json!({"topic": topic, "payload": n}));
    }
    gateway.wait("all have a verdict", || gateway.unconfirmed("out") == 0);
    let caught = gateway.wait_received("p", 600);
    let text = caught[0]["error"]["message"].as_str().unwrap();
    assert!(text.contains("exchange \"\" with routing key \"no-such-queue\": NO_ROUTE"), "{text}");
    let refused: BTreeSet<i64> = caught.iter().map(|msg| msg["payload"].as_i64().unwrap()).collect();
    assert_eq!(refused, (0..900).filter(|n| n % 3 != 0).collect());
    let arrived: Vec<i64> =
        client.wait_for("routed", 300).iter().map(|got| got.text().parse().unwrap()).collect();
    assert_eq!(arrived, (0..900).filter(|n| n % 3 == 0).collect::<Vec<_>>());
    assert!(gateway.statuses("out").iter().any(|status| status["text"] == "message refused"));
    gateway.stop();
}

#[test]
fn what_a_full_queue_does_not_take_is_refused() {
    let rabbit = rabbit();
    let client = Client::of(&rabbit);
    let overflow = AMQPValue::LongString(LongString::from("reject-publish"));
    client.queue_with("full", &[("x-max-length", AMQPValue::LongInt(2)), ("x-overflow", overflow)]);
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(
        dir.path(),
        &[
            broker("b", rabbit.port, json!({})),
            // One at a time: the queue counts with a delay.
            amqp_out("out", "b", json!({"routingKey": "full", "window": 1})),
        ],
    );
    (0..6).for_each(|n| gateway.send("out", json!({ "payload": n })));
    gateway.wait("all have a verdict", || client.ready("full") as usize + gateway.errors("out") == 6);
    gateway.wait_line("out", "does not take the message to exchange \"\" with routing key \"full\"");
    assert!(client.ready("full") >= 2);
    gateway.stop();
}

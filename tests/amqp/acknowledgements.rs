//! A message is acknowledged when the flow is done with it, and comes again when it was not.

use std::time::{Duration, Instant};

use serde_json::json;

use super::brokers::amqp_client::Client;
use super::brokers::{free_port, wait_until};
use super::gateway::{Gateway, amqp_in, amqp_out, broker, probe};
use super::rabbit::rabbit;

#[test]
fn what_is_in_the_flow_at_a_crash_comes_again_and_prefetch_is_the_window() {
    let rabbit = rabbit();
    let client = Client::of(&rabbit);
    client.queue("crash");
    client.publish_numbers("crash", 0..20);
    let dir = tempfile::tempdir().unwrap();
    // The sink never gets a connection, so what reaches it is under way.
    let nodes = [
        broker("b", rabbit.port, json!({})),
        broker("away", free_port(), json!({})),
        amqp_in("in", "b", "crash", &["out"], json!({"prefetch": 5})),
        amqp_out("out", "away", json!({"routingKey": "nowhere", "outbox": {"mode": "off"}})),
    ];
    let gateway = Gateway::start(dir.path(), &nodes);
    gateway.wait_received("out", 5);
    wait_until("the broker has handed out five", || client.ready("crash") == 15);
    // Long enough to see that no more come.
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!((client.ready("crash"), gateway.received("out").len()), (15, 5));
    gateway.vanish();
    wait_until("the broker has them again", || client.ready("crash") == 20);
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(
        dir.path(),
        &[broker("b", rabbit.port, json!({})), amqp_in("in", "b", "crash", &["p"], json!({})), probe("p")],
    );
    let again = gateway.wait_received("p", 20);
    let numbers: Vec<i64> = again.iter().map(|msg| msg["payload"].as_i64().unwrap()).collect();
    assert_eq!(numbers, (0..20).collect::<Vec<_>>());
    let redelivered = again.iter().filter(|msg| msg["redelivered"] == true).count();
    assert_eq!(redelivered, 5);
    gateway.stop();
    assert_eq!(client.ready("crash"), 0, "all are acknowledged");
}

#[test]
fn what_a_node_loses_goes_back_to_the_queue_after_a_wait() {
    let rabbit = rabbit();
    let client = Client::of(&rabbit);
    client.queue("lost");
    client.publish_numbers("lost", 0..3);
    let dir = tempfile::tempdir().unwrap();
    let node = |to: &[&str]| {
        vec![
            broker("b", rabbit.port, json!({})),
            broker("away", free_port(), json!({})),
            amqp_in("in", "b", "lost", &["p"], json!({})),
            json!({"id": "p", "type": "junction", "z": "t", "wires": [to]}),
        ]
    };
    let mut with_sink = node(&["out"]);
    with_sink.push(amqp_out("out", "away", json!({"routingKey": "nowhere", "outbox": {"mode": "off"}})));
    let gateway = Gateway::start(dir.path(), &with_sink);
    gateway.wait_received("out", 3);
    let removed = Instant::now();
    let mut without_sink = with_sink.clone();
    without_sink.pop();
    without_sink[3] = json!({"id": "p", "type": "junction", "z": "t", "wires": []});
    gateway.deploy(&without_sink);
    let seen = gateway.wait_received("p", 6);
    assert!(removed.elapsed() >= Duration::from_millis(900), "it does not go round at full speed");
    assert!(seen[..3].iter().all(|msg| msg["redelivered"] == false));
    assert!(seen[3..].iter().all(|msg| msg["redelivered"] == true));
    gateway.wait_line("in", "goes back to the queue");
    gateway.stop();
    assert_eq!(client.ready("lost"), 0);
}

#[test]
fn many_messages_keep_their_order() {
    let rabbit = rabbit();
    let client = Client::of(&rabbit);
    client.queue("order-1");
    client.queue("order-2");
    client.publish_numbers("order-1", 0..2_000);
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(
        dir.path(),
        &[
            broker("b", rabbit.port, json!({})),
            amqp_in("in", "b", "order-1", &["out"], json!({"prefetch": 500})),
            amqp_out("out", "b", json!({"routingKey": "order-2", "window": 100})),
        ],
    );
    gateway.wait("all are there", || client.ready("order-2") == 2_000);
    let numbers: Vec<usize> =
        client.wait_for("order-2", 2_000).iter().map(|got| got.text().parse().unwrap()).collect();
    assert_eq!(numbers, (0..2_000).collect::<Vec<_>>());
    gateway.stop();
    assert_eq!(client.ready("order-1"), 0);
}

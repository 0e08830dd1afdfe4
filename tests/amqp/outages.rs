//! The broker stops and starts again.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::brokers::amqp_client::Client;
use super::gateway::{Gateway, amqp_in, amqp_out, broker};
use super::rabbit::rabbit_alone;

const MESSAGES: usize = 3_000;

#[test]
fn nothing_is_lost_when_the_broker_restarts_under_load_and_repeats_have_the_same_name() {
    let mut rabbit = rabbit_alone();
    let client = Client::of(&rabbit);
    for queue in ["outage-1", "outage-2", "outage-3"] {
        client.queue(queue);
    }
    client.publish_numbers("outage-1", 0..MESSAGES);
    drop(client);
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(
        dir.path(),
        &[
            broker("b", rabbit.port, json!({"heartbeat": 5})),
            amqp_in("in", "b", "outage-1", &["out"], json!({"prefetch": 50})),
            amqp_out("out", "b", json!({"routingKey": "outage-2", "window": 50})),
            amqp_out("own", "b", json!({"routingKey": "outage-3", "window": 50})),
        ],
    );
    gateway.wait_received("out", MESSAGES / 10);
    (0..MESSAGES / 2).for_each(|n| gateway.send("own", json!({ "payload": n })));
    rabbit.stop();
    (MESSAGES / 2..MESSAGES).for_each(|n| gateway.send("own", json!({ "payload": n })));
    gateway.wait_away("in", "");
    gateway.wait_away("own", "");
    rabbit.run();
    let client = Client::of(&rabbit);
    gateway.wait("all have a verdict", || {
        client.ready("outage-1") == 0 && gateway.unconfirmed("out") == 0 && gateway.unconfirmed("own") == 0
    });
    // Some may be on their way back to their queue, from the connection that broke.
    gateway.wait_or_tell(
        "all are there",
        || ["outage-2", "outage-3"].iter().all(|queue| client.ready(queue) as usize >= MESSAGES),
        || {
            let there = ["outage-1", "outage-2", "outage-3"].map(|queue| (queue, client.ready(queue)));
            format!("{there:?}, in hand {} and {}", gateway.unconfirmed("out"), gateway.unconfirmed("own"))
        },
    );
    assert_eq!((gateway.errors("out"), gateway.errors("own")), (0, 0));
    gateway.stop();
    // What had not come in yet, or not gone through, when it stopped.
    let mut left: BTreeSet<String> = BTreeSet::new();
    while let Some(got) = client.get("outage-1") {
        left.insert(got.text());
    }
    for queue in ["outage-2", "outage-3"] {
        let count = client.ready(queue) as usize;
        let mut names: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for got in client.wait_for(queue, count) {
            names.entry(got.text()).or_default().insert(got.message_id());
        }
        let is_left = |n: &usize| queue == "outage-2" && left.contains(&n.to_string());
        let missing: Vec<usize> =
            (0..MESSAGES).filter(|n| !names.contains_key(&n.to_string()) && !is_left(n)).collect();
        assert!(missing.is_empty(), "{queue} lost {missing:?}");
        assert!(names.values().all(|ids| ids.len() == 1), "{queue}: repeats have the same name");
        println!("{queue}: {MESSAGES} messages, {} repeats", count - MESSAGES);
    }
}

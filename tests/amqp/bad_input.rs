//! What is wrong is told on the node and in the log, and the gateway goes on.

use std::collections::BTreeSet;

use lapin::options::{ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, ExchangeKind};
use serde_json::{Value as Json, json};

use super::brokers::amqp_client::Client;
use super::brokers::free_port;
use super::gateway::{Gateway, amqp_in, amqp_out, broker, probe};
use super::rabbit::rabbit;

const SECRET: &str = "not-to-be-seen";

#[test]
fn a_broker_that_cannot_be_reached_or_refuses_is_told_and_no_password_is() {
    let rabbit = rabbit();
    let dir = tempfile::tempdir().unwrap();
    let wrong = |more: Json| broker("b", rabbit.port, more);
    for (node, reason) in [
        (wrong(json!({"credentials": {"user": "guest", "password": SECRET}})), "ACCESS_REFUSED"),
        (wrong(json!({"host": "no-such-host.invalid"})), "cannot connect to amqp://no-such-host.invalid"),
        (broker("b", free_port(), json!({})), "refused"),
        (wrong(json!({"vhost": "no-such-vhost"})), "no-such-vhost"),
    ] {
        let gateway = Gateway::start(
            dir.path(),
            &[
                node,
                amqp_in("in", "b", "q", &[], json!({})),
                amqp_out("out", "b", json!({"routingKey": "q"})),
            ],
        );
        gateway.wait_away("in", reason);
        gateway.wait_away("out", reason);
        gateway.wait_line("b", reason);
        assert!(!gateway.log().contains(SECRET));
        gateway.stop();
    }
}

#[test]
fn a_queue_that_is_there_with_other_settings_is_told_and_taken_when_they_fit() {
    let rabbit = rabbit();
    let client = Client::of(&rabbit);
    client.queue_with("other", &[("x-max-length", AMQPValue::LongLongInt(7))]);
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(
        dir.path(),
        &[
            broker("b", rabbit.port, json!({})),
            amqp_in("in", "b", "other", &["p"], json!({"queueMode": "declare", "maxLength": 8})),
            amqp_in("in2", "b", "not-there", &["q"], json!({})),
            probe("p"),
            probe("q"),
        ],
    );
    gateway.wait_away("in", "PRECONDITION_FAILED");
    gateway.wait_line("in", "it is there with other settings");
    gateway.wait_away("in2", "NOT_FOUND - no queue 'not-there'");
    client.wait(client.channel.queue_delete("other".into(), QueueDeleteOptions::default()));
    client.queue("not-there");
    gateway.wait_status("in", "connected");
    gateway.wait_status("in2", "connected");
    client.publish("other", b"1", BasicProperties::default());
    client.publish("not-there", b"2", BasicProperties::default());
    gateway.wait_received("p", 1);
    gateway.wait_received("q", 1);
    // A queue that goes while it is consumed.
    client.wait(client.channel.queue_delete("not-there".into(), QueueDeleteOptions::default()));
    gateway.wait_away("in2", "the queue is deleted");
    client.queue("not-there");
    client.publish("not-there", b"3", BasicProperties::default());
    gateway.wait_received("q", 2);
    gateway.stop();
}

#[test]
fn messages_wait_for_an_exchange_of_the_node_and_are_refused_for_one_of_their_own() {
    let rabbit = rabbit();
    let client = Client::of(&rabbit);
    client.queue("late");
    client.wait(client.channel.exchange_delete("late".into(), ExchangeDeleteOptions::default()));
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(
        dir.path(),
        &[
            broker("b", rabbit.port, json!({})),
            amqp_out("out", "b", json!({"exchange": "late"})),
            amqp_out("own", "b", json!({"exchange": ""})),
        ],
    );
    gateway.send("out", json!({"topic": "k", "payload": 1}));
    gateway.wait_away("out", "NOT_FOUND - no exchange 'late'");
    let (none, fanout) = (FieldTable::default(), ExchangeKind::Fanout);
    client.wait(client.channel.exchange_declare(
        "late".into(),
        fanout,
        ExchangeDeclareOptions::default(),
        none.clone(),
    ));
    client.wait(client.channel.queue_bind(
        "late".into(),
        "late".into(),
        "".into(),
        QueueBindOptions::default(),
        none,
    ));
    assert_eq!(client.wait_for("late", 1)[0].text(), "1");
    // The broker closes the channel over it; what is beside it goes on.
    gateway.wait_status("own", "connected");
    for n in 0..20 {
        let exchange = if n == 7 { "no-such-exchange" } else { "" };
        gateway.send("own", json!({"exchange": exchange, "topic": "late", "payload": n}));
    }
    gateway.wait("one is refused", || gateway.errors("own") == 1 && gateway.unconfirmed("own") == 0);
    gateway.wait_line(
        "own",
        "the broker refuses the message to exchange \"no-such-exchange\" with routing key \"late\"",
    );
    // All others arrive, some of them twice: what was in flight when the channel closed is sent again.
    let expected: BTreeSet<i64> = (0..20).filter(|n| *n != 7).collect();
    let mut arrived = BTreeSet::new();
    while arrived != expected {
        let number = client.wait_for("late", 1)[0].text().parse().unwrap();
        assert!(expected.contains(&number), "{number} is not to be there");
        arrived.insert(number);
    }
    assert_eq!(gateway.errors("own"), 1);
    gateway.stop();
}

#[test]
fn messages_that_are_too_large_are_refused_wherever_that_shows() {
    let rabbit = rabbit();
    let client = Client::of(&rabbit);
    client.queue("large");
    client.queue("small");
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(
        dir.path(),
        &[
            broker("b", rabbit.port, json!({})),
            amqp_out("out", "b", json!({"routingKey": "large"})),
            amqp_in("in", "b", "small", &["p"], json!({"maxBytes": 1_000})),
            probe("p"),
        ],
    );
    gateway.wait_status("out", "connected");
    // The broker of these tests takes two million bytes, and closes the channel over more without a word about which it was.
    for n in 0..5 {
        let payload = if n == 2 { json!("x".repeat(2_000_001)) } else { json!(n) };
        gateway.send("out", json!({ "payload": payload }));
    }
    gateway.wait("one is refused", || gateway.errors("out") == 1 && gateway.unconfirmed("out") == 0);
    gateway.wait_line("out", "larger than configured max size");
    gateway.send("out", json!({"payload": "x".repeat(17 << 20)}));
    gateway.wait_line("out", "at most 16777216 go");
    gateway.send("out", json!({"payload": 1, "headers": {"a": "x".repeat(70_000)}}));
    gateway.wait_line("out", "msg.headers is too large");
    gateway.send("out", json!({"payload": "last"}));
    gateway.wait("the last is there", || gateway.unconfirmed("out") == 0 && client.ready("large") >= 5);
    let bodies: BTreeSet<String> =
        (0..client.ready("large")).map(|_| client.get("large").unwrap().text()).collect();
    assert_eq!(bodies, ["0", "1", "3", "4", "last"].map(str::to_string).into());
    client.publish("small", &[b'1'; 1_001], BasicProperties::default());
    client.publish("small", b"2", BasicProperties::default());
    assert_eq!(gateway.wait_received("p", 1)[0]["payload"], 2);
    gateway.wait_line("in", "a message of 1001 bytes is rejected");
    gateway.stop();
    assert_eq!(client.ready("small"), 0);
}

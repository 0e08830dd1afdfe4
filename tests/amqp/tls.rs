//! TLS, with certificates of the tests' own.

use serde_json::json;

use super::brokers::amqp_client::Client;
use super::gateway::{Gateway, amqp_out, broker};
use super::rabbit::rabbit;

#[test]
fn messages_go_over_tls_and_a_server_that_is_not_trusted_gets_none() {
    let rabbit = rabbit();
    let client = Client::of(&rabbit);
    client.queue("tls");
    let nodes = |authority: &str| {
        vec![
            json!({"id": "tls", "type": "tls-config", "ca": authority, "cert": rabbit.file("client.pem"), "key": rabbit.file("client.key")}),
            broker("b", 0, json!({"host": format!("amqps://localhost:{}", rabbit.tls_port), "tls": "tls"})),
            amqp_out("out", "b", json!({"routingKey": "tls"})),
        ]
    };
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path(), &nodes(""));
    gateway.wait_away("out", "no TLS with amqps://localhost");
    gateway.stop();
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path(), &nodes(&rabbit.file("ca.pem")));
    gateway.send("out", json!({"payload": "over TLS"}));
    assert_eq!(client.wait_for("tls", 1)[0].text(), "over TLS");
    gateway.stop();
}

//! A gateway in the test's own process, and the AMQP nodes that go into it.

use serde_json::{Value as Json, json};

pub use super::in_process::{Gateway, node, probe};

/// A broker node for a port.
pub fn broker(id: &str, port: u16, more: Json) -> Json {
    node(json!({"id": id, "type": "amqp-broker", "host": "127.0.0.1", "port": port.to_string()}), more)
}

pub fn amqp_in(id: &str, broker: &str, queue: &str, to: &[&str], more: Json) -> Json {
    node(
        json!({"id": id, "type": "amqp in", "z": "t", "queue": queue, "broker": broker, "wires": [to]}),
        more,
    )
}

pub fn amqp_out(id: &str, broker: &str, more: Json) -> Json {
    node(json!({"id": id, "type": "amqp out", "z": "t", "broker": broker, "wires": []}), more)
}

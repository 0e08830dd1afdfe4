//! A gateway in the test's own process, and the MQTT nodes that go into it.

use serde_json::{Value as Json, json};

pub use super::in_process::{Gateway, node, probe};

/// A broker node for a port.
pub fn broker(id: &str, port: u16, more: Json) -> Json {
    node(
        json!({"id": id, "type": "mqtt-broker", "broker": "127.0.0.1", "port": port.to_string(), "keepalive": "60"}),
        more,
    )
}

pub fn mqtt_in(id: &str, broker: &str, topic: &str, to: &[&str], more: Json) -> Json {
    let fixed = json!({"id": id, "type": "mqtt in", "z": "t", "topic": topic, "qos": "2", "datatype": "auto-detect", "broker": broker, "wires": [to]});
    node(fixed, more)
}

pub fn mqtt_out(id: &str, broker: &str, topic: &str, more: Json) -> Json {
    node(
        json!({"id": id, "type": "mqtt out", "z": "t", "topic": topic, "qos": "1", "broker": broker, "wires": []}),
        more,
    )
}

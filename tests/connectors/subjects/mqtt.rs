//! MQTT: in and out against Mosquitto, and the broker of the gateway against clients.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::flow;
use crate::peers::mqtt::Mqtt;
use crate::subject::{Caller, Case, Place, Promise, Subject, Way};

/// What Mosquitto sends before it wants an acknowledgement, and `mqtt out` before it has one.
const SENT_BY_MOSQUITTO: usize = 20;
const SENT_BY_US: usize = 100;
/// DISCONNECT.
const GOODBYE: &[u8] = &[0xe0, 0];

pub fn subjects() -> Vec<Subject> {
    vec![
        Subject {
            name: "mqtt_in",
            way: Way::In,
            caller: Caller::Gateway,
            promise: Promise::AtLeastOnce { window: SENT_BY_MOSQUITTO },
            unordered: |_| None,
            nodes: |place| {
                flow([
                    broker(place),
                    json!({"id": "in", "type": "mqtt in", "z": "t", "topic": topic(place), "qos": "1", "datatype": "utf8", "broker": "b", "wires": [["p"]]}),
                ])
            },
            peer: |place| Arc::new(Mqtt::publishing(&place.name)),
            says_goodbye: |words| words.ends_with(GOODBYE),
            leaves_out: &[],
        },
        Subject {
            name: "mqtt_out",
            way: Way::Out,
            caller: Caller::Gateway,
            promise: Promise::AtLeastOnce { window: SENT_BY_US },
            unordered: |_| None,
            nodes: |place| {
                flow([
                    broker(place),
                    json!({"id": "out", "type": "mqtt out", "z": "t", "topic": topic(place), "qos": "1", "broker": "b", "wires": []}),
                ])
            },
            peer: |place| Arc::new(Mqtt::reading(&place.name)),
            says_goodbye: |words| words.ends_with(GOODBYE),
            leaves_out: &[],
        },
        Subject {
            name: "mqtt_server",
            way: Way::Through,
            caller: Caller::Peer,
            promise: Promise::AtLeastOnce { window: 2 * SENT_BY_US },
            unordered: |_| None,
            nodes: |place| {
                vec![
                    json!({"id": "server", "type": "mqtt-server", "host": "127.0.0.1", "port": place.direct.to_string()}),
                ]
            },
            peer: |place| Arc::new(Mqtt::clients(&place.name, place.port, place.direct)),
            says_goodbye: |_| true,
            leaves_out: &[(Case::BackOff, "it calls nobody: clients come to it")],
        },
    ]
}

/// With a session that the broker keeps, and a keep-alive that finds a silent broker soon.
fn broker(place: &Place) -> Json {
    json!({"id": "b", "type": "mqtt-broker", "broker": "127.0.0.1", "port": place.port.to_string(), "keepalive": "1",
        "cleansession": false, "clientid": place.name})
}

fn topic(place: &Place) -> String {
    format!("suite/{}", place.name)
}

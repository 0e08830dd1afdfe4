//! AMQP against RabbitMQ.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::flow;
use crate::peers::amqp::Queue;
use crate::subject::{Caller, Case, Place, Promise, Subject, Way};

const WINDOW: usize = 100;

pub fn subjects() -> Vec<Subject> {
    vec![
        Subject {
            name: "amqp_in",
            way: Way::In,
            caller: Caller::Gateway,
            promise: Promise::AtLeastOnce { window: WINDOW },
            unordered: given_back_late,
            nodes: |place| {
                flow([
                    broker(place),
                    json!({"id": "in", "type": "amqp in", "z": "t", "queue": place.name, "prefetch": WINDOW, "datatype": "utf8", "broker": "b", "wires": [["p"]]}),
                ])
            },
            peer: |place| Arc::new(Queue::publishing(&place.name)),
            says_goodbye,
            leaves_out: &[],
        },
        Subject {
            name: "amqp_out",
            way: Way::Out,
            caller: Caller::Gateway,
            promise: Promise::AtLeastOnce { window: WINDOW },
            unordered: |_| None,
            nodes: |place| {
                flow([
                    broker(place),
                    json!({"id": "out", "type": "amqp out", "z": "t", "routingKey": place.name, "window": WINDOW, "broker": "b", "wires": []}),
                ])
            },
            peer: |place| Arc::new(Queue::reading(&place.name)),
            says_goodbye,
            leaves_out: &[],
        },
    ]
}

fn broker(place: &Place) -> Json {
    json!({"id": "b", "type": "amqp-broker", "host": "127.0.0.1", "port": place.port.to_string(), "heartbeat": 1})
}

/// `connection.close`: class 10, method 50.
fn says_goodbye(last_words: &[u8]) -> bool {
    last_words.windows(4).any(|words| words == [0, 10, 0, 50])
}

fn given_back_late(case: Case) -> Option<&'static str> {
    let lost = matches!(case, Case::Reset | Case::Silence | Case::GoneBeforeClose | Case::Flapping);
    lost.then_some("RabbitMQ gives the next ones meanwhile, until it has noticed that a connection is lost")
}

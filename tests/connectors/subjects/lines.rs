//! JSON lines, each answered.

use std::sync::Arc;

use serde_json::json;

use super::flow;
use crate::peers::answered::{Program, Receiver, WINDOW};
use crate::subject::{Caller, Case, Promise, Subject, Way};

/// Lines of `lines out` without an answer.
const SENT_BY_US: usize = 100;
const NO_HANDSHAKE: &str = "the lines have no handshake: who is taken is connected, and what was not answered is said again (reset, back_off)";

pub fn subjects() -> Vec<Subject> {
    vec![
        Subject {
            name: "lines_in",
            way: Way::In,
            caller: Caller::Peer,
            promise: Promise::AtLeastOnce { window: WINDOW },
            unordered: |_| None,
            nodes: |place| {
                let address = format!("127.0.0.1:{}", place.direct);
                flow([
                    json!({"id": "in", "type": "lines in", "z": "t", "address": address, "wires": [["p"]]}),
                ])
            },
            peer: |place| Arc::new(Program::calling(place.port)),
            says_goodbye: |_| true,
            leaves_out: &[
                (Case::Handshake, NO_HANDSHAKE),
                (Case::BackOff, "it calls nobody: others come to it"),
            ],
        },
        Subject {
            name: "lines_out",
            way: Way::Out,
            caller: Caller::Gateway,
            promise: Promise::AtLeastOnce { window: SENT_BY_US },
            unordered: |_| None,
            nodes: |place| {
                let address = format!("127.0.0.1:{}", place.port);
                flow([
                    json!({"id": "out", "type": "lines out", "z": "t", "address": address, "window": SENT_BY_US, "timeout": 2, "wires": []}),
                ])
            },
            peer: |_| Arc::new(Receiver::start()),
            says_goodbye: |_| true,
            leaves_out: &[(Case::Handshake, NO_HANDSHAKE)],
        },
    ]
}

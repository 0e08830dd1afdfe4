//! TCP and UDP between std sockets.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::{another_connection, flow};
use crate::peers::lines::Lines;
use crate::peers::udp::Datagrams;
use crate::subject::{Caller, Case, Promise, Subject, Way};

const NO_HANDSHAKE: &str =
    "plain TCP has no handshake: who is taken is connected, and back_off has one that is dropped then";
const NO_KEEP_ALIVE: &str = "TCP has no question whether the other side is there, and the kernel's own takes hours (docs: What is promised)";
const CALLS_NOBODY: &str = "it calls nobody: others come to it";
const NO_CONNECTION: &str = "UDP has no connection that could be opened, refused or lost";

pub fn subjects() -> Vec<Subject> {
    vec![
        Subject {
            name: "tcp_in_client",
            way: Way::In,
            caller: Caller::Gateway,
            promise: Promise::BestEffort,
            unordered: |_| None,
            nodes: |place| flow([tcp_in("client", place.port)]),
            peer: |_| Arc::new(Lines::serving()),
            says_goodbye: |_| true,
            leaves_out: &[(Case::Handshake, NO_HANDSHAKE), (Case::Silence, NO_KEEP_ALIVE)],
        },
        Subject {
            name: "tcp_in_server",
            way: Way::In,
            caller: Caller::Peer,
            promise: Promise::BestEffort,
            unordered: another_connection,
            nodes: |place| flow([tcp_in("server", place.direct)]),
            peer: |place| Arc::new(Lines::calling(place.port)),
            says_goodbye: |_| true,
            leaves_out: &[(Case::Handshake, NO_HANDSHAKE), (Case::BackOff, CALLS_NOBODY)],
        },
        Subject {
            name: "tcp_out_client",
            way: Way::Out,
            caller: Caller::Gateway,
            promise: Promise::KeptWhileAway,
            unordered: |_| None,
            nodes: |place| flow([tcp_out("out", place.port)]),
            peer: |_| Arc::new(Lines::serving()),
            says_goodbye: |_| true,
            leaves_out: &[(Case::Handshake, NO_HANDSHAKE), (Case::Silence, NO_KEEP_ALIVE)],
        },
        Subject {
            name: "udp_in",
            way: Way::In,
            caller: Caller::Nobody,
            promise: Promise::BestEffort,
            unordered: |_| None,
            nodes: |place| {
                flow([
                    json!({"id": "in", "type": "udp in", "z": "t", "port": place.direct.to_string(), "datatype": "utf8", "wires": [["p"]]}),
                ])
            },
            peer: |place| Arc::new(Datagrams::with(place.direct)),
            says_goodbye: |_| true,
            leaves_out: &[
                (Case::Handshake, NO_CONNECTION),
                (Case::Reset, NO_CONNECTION),
                (Case::Silence, NO_CONNECTION),
                (Case::GoneBeforeClose, NO_CONNECTION),
                (Case::Flapping, NO_CONNECTION),
                (Case::BackOff, NO_CONNECTION),
                (
                    Case::SlowPeer,
                    "nobody can be held back over UDP: what is too much is dropped and told (nodes/network/udp_tests.rs)",
                ),
            ],
        },
        Subject {
            name: "udp_out",
            way: Way::Out,
            caller: Caller::Nobody,
            promise: Promise::BestEffort,
            unordered: |_| None,
            nodes: |place| {
                flow([
                    json!({"id": "out", "type": "udp out", "z": "t", "addr": "127.0.0.1", "port": place.port.to_string(), "multicast": "false", "wires": []}),
                ])
            },
            peer: |_| Arc::new(Datagrams::with(0)),
            says_goodbye: |_| true,
            leaves_out: &[
                (Case::PeerComesLate, NO_CONNECTION),
                (Case::Handshake, NO_CONNECTION),
                (Case::Reset, NO_CONNECTION),
                (Case::Silence, NO_CONNECTION),
                (Case::GoneBeforeClose, NO_CONNECTION),
                (Case::Flapping, NO_CONNECTION),
                (Case::BackOff, NO_CONNECTION),
                (Case::SlowPeer, "a receiver that is slow loses datagrams and slows nobody"),
            ],
        },
    ]
}

fn tcp_in(server: &str, port: u16) -> Json {
    json!({"id": "in", "type": "tcp in", "z": "t", "server": server, "host": "127.0.0.1", "port": port.to_string(),
        "datamode": "stream", "datatype": "utf8", "newline": "\\n", "trim": true, "topic": "", "wires": [["p"]]})
}

/// Also the sink beside the one that is slow, see `cases/slow.rs`.
pub fn tcp_out(id: &str, port: u16) -> Json {
    json!({"id": id, "type": "tcp out", "z": "t", "host": "127.0.0.1", "port": port.to_string(), "beserver": "client", "wires": []})
}

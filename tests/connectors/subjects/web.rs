//! HTTP and WebSocket.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::{another_connection, flow};
use crate::peers::http::{Client, Server};
use crate::peers::websocket::Socket;
use crate::subject::{Caller, Case, Promise, Subject, Way};

const CALLS_NOBODY: &str = "it calls nobody: others come to it";

pub fn subjects() -> Vec<Subject> {
    let mut all = websockets();
    all.extend(http());
    all
}

fn http() -> Vec<Subject> {
    vec![
        Subject {
            name: "http_in_and_response",
            way: Way::In,
            caller: Caller::Peer,
            // The client asks for one thing at a time, and again when it was not answered.
            promise: Promise::AtLeastOnce { window: 1 },
            unordered: |_| None,
            nodes: |_| {
                flow([
                    json!({"id": "in", "type": "http in", "z": "t", "url": "/suite", "method": "post", "upload": false, "wires": [["p", "r"]]}),
                    json!({"id": "r", "type": "http response", "z": "t", "statusCode": "200", "after": "delivered", "headers": {}, "wires": []}),
                ])
            },
            peer: |place| Arc::new(Client::of(place.port)),
            says_goodbye: |_| true,
            leaves_out: &[(Case::BackOff, CALLS_NOBODY)],
        },
        Subject {
            name: "http_request",
            way: Way::Out,
            caller: Caller::Gateway,
            promise: Promise::Told,
            unordered: |_| Some("64 requests are under way at a time, and answers may overtake each other"),
            nodes: |place| {
                flow([
                    json!({"id": "out", "type": "http request", "z": "t", "method": "POST", "url": format!("http://127.0.0.1:{}/suite", place.port),
                        "ret": "txt", "senderr": true, "persist": true, "timeout": 2, "wires": [["p"]]}),
                    json!({"id": "c", "type": "catch", "z": "t", "scope": ["out"], "wires": [["q"]]}),
                ])
            },
            peer: |_| Arc::new(Server::start()),
            says_goodbye: |_| true,
            leaves_out: &[(
                Case::BackOff,
                "it has no connection of its own: each message is one try, and its error goes to Catch",
            )],
        },
    ]
}

fn websockets() -> Vec<Subject> {
    vec![
        Subject {
            name: "websocket_in_client",
            way: Way::In,
            caller: Caller::Gateway,
            promise: Promise::BestEffort,
            unordered: |_| None,
            nodes: |place| flow([client(place.port), websocket_in("client")]),
            peer: |_| Arc::new(Socket::serving()),
            says_goodbye: closes_as_client,
            leaves_out: &[],
        },
        Subject {
            name: "websocket_out_client",
            way: Way::Out,
            caller: Caller::Gateway,
            promise: Promise::KeptWhileAway,
            unordered: |_| None,
            nodes: |place| flow([client(place.port), websocket_out("client")]),
            peer: |_| Arc::new(Socket::serving()),
            says_goodbye: closes_as_client,
            leaves_out: &[],
        },
        Subject {
            name: "websocket_in_listener",
            way: Way::In,
            caller: Caller::Peer,
            promise: Promise::BestEffort,
            unordered: another_connection,
            nodes: |_| flow([listener(), websocket_in("server")]),
            peer: |place| Arc::new(Socket::calling(place.port)),
            says_goodbye: closes_as_server,
            leaves_out: &[(Case::BackOff, CALLS_NOBODY)],
        },
        Subject {
            name: "websocket_out_listener",
            way: Way::Out,
            caller: Caller::Peer,
            promise: Promise::BestEffort,
            unordered: |_| None,
            nodes: |_| flow([listener(), websocket_out("server")]),
            peer: |place| Arc::new(Socket::calling(place.port)),
            says_goodbye: closes_as_server,
            leaves_out: &[(Case::BackOff, CALLS_NOBODY)],
        },
    ]
}

fn client(port: u16) -> Json {
    json!({"id": "b", "type": "websocket-client", "path": format!("ws://127.0.0.1:{port}/suite"), "wholemsg": "false", "hb": 1})
}

fn listener() -> Json {
    json!({"id": "b", "type": "websocket-listener", "path": "/suite", "wholemsg": "false"})
}

fn websocket_in(by: &str) -> Json {
    json!({"id": "in", "type": "websocket in", "z": "t", (by): "b", "wires": [["p"]]})
}

fn websocket_out(by: &str) -> Json {
    // What is for a client of the listener that has gone is for nobody; it does not wait.
    let mode = if by == "client" { "offline" } else { "off" };
    json!({"id": "out", "type": "websocket out", "z": "t", (by): "b", "outbox": {"mode": mode}, "wires": []})
}

/// A close frame with a mask and a code.
fn closes_as_client(last_words: &[u8]) -> bool {
    last_words.len() >= 8 && last_words[last_words.len() - 8..].starts_with(&[0x88, 0x82])
}

/// A close frame with a code.
fn closes_as_server(last_words: &[u8]) -> bool {
    last_words.len() >= 4 && last_words[last_words.len() - 4..].starts_with(&[0x88, 0x02])
}

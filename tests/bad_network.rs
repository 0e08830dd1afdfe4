//! All that people get wrong about a network, in one flow: each shows on its node and is told in a line that says where and
//! what, nothing dies of it, and a flow beside it goes on.
// Clippy lets tests unwrap, but does not know the functions that they call as tests.
#![allow(clippy::unwrap_used)]

#[path = "support/brokers/mod.rs"]
mod brokers;
mod support;

use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant};

use brokers::amqp_client::Client;
use brokers::certificates::Authority;
use brokers::mosquitto::Mosquitto;
use brokers::rabbit::{Rabbit, rabbit};
use lapin::types::AMQPValue;
use serde_json::{Value as Json, json};
use support::{Running, command};

/// What is wrong, the node that shows it, what its status says, and a line of the log that tells it.
const EXPECTED: &[(&str, &str, &str, &str)] = &[
    ("a wrong password", "password", "not authorized", "mqtt-broker (global/password-broker)"),
    ("a host that is not there", "host", "no-such-host.invalid", "mqtt-broker (global/host-broker)"),
    ("an expired certificate", "expired", "has expired", "mqtt-broker (global/expired-broker)"),
    ("another CA", "stranger", "not signed by a CA that is trusted", "mqtt-broker (global/stranger-broker)"),
    ("a queue with other settings", "queue", "PRECONDITION_FAILED", "amqp in (t/queue)"),
    ("a port that a program has, TCP", "port", "in use", "tcp in (t/port)"),
    ("a port that a program has, UDP", "datagrams", "in use", "udp in (t/datagrams)"),
    ("nobody listens", "nobody", "ECONNREFUSED", "websocket-client (global/w)"),
];

/// What goes to Catch: the node, and what it says.
const CAUGHT: &[(&str, &str)] = &[("wildcard", "wildcard"), ("large", "too large for the broker")];

struct Brokers {
    passwords: Mosquitto,
    expired: Mosquitto,
    certified: Mosquitto,
    sound: Mosquitto,
    authority: Authority,
}

fn over_tls(authority: &Authority, expired: bool) -> Mosquitto {
    let config = "listener PORT 127.0.0.1\nallow_anonymous true\ncafile DIRca.pem\ncertfile DIRserver.pem\nkeyfile DIRserver.key\n";
    Mosquitto::prepared(tempfile::tempdir().unwrap(), config, |dir| {
        std::fs::write(dir.join("ca.pem"), &authority.pem).unwrap();
        authority.sign("localhost", expired).write(dir, "server");
    })
}

fn with_passwords() -> Mosquitto {
    let config = "listener PORT 127.0.0.1\nallow_anonymous false\npassword_file DIRpasswords\n";
    Mosquitto::prepared(tempfile::tempdir().unwrap(), config, |dir| {
        let file = dir.join("passwords").to_string_lossy().into_owned();
        let made = std::process::Command::new("mosquitto_passwd")
            .args(["-b", "-c", &file, "gateway", "right"])
            .status();
        assert!(made.unwrap().success());
    })
}

/// A broker node and a node that listens to it.
fn mqtt(id: &str, host: &str, port: u16, more: Json) -> Vec<Json> {
    let name = format!("{id}-broker");
    let mut broker = json!({"id": name, "type": "mqtt-broker", "broker": host, "port": port.to_string()});
    broker.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    vec![
        broker,
        json!({"id": id, "type": "mqtt in", "z": "t", "topic": "t", "qos": "1", "broker": name, "wires": [[]]}),
    ]
}

fn flow(brokers: &Brokers, rabbit: &Rabbit, taken: u16, taken_udp: u16) -> Json {
    let mut nodes = vec![
        json!({"id": "t", "type": "tab", "label": "wrong"}),
        json!({"id": "s", "type": "status", "z": "t", "scope": null, "wires": [["shown"]]}),
        json!({"id": "c", "type": "catch", "z": "t", "scope": null, "wires": [["caught"]]}),
        json!({"id": "shown", "type": "template", "z": "t", "field": "payload", "wires": [["d"]],
            "template": "STATUS {{{status.source.id}}} {{{status.text}}} {{{status.reason}}}"}),
        json!({"id": "caught", "type": "template", "z": "t", "field": "payload", "wires": [["d"]],
            "template": "CAUGHT {{{error.source.id}}} {{{error.message}}}"}),
        json!({"id": "d", "type": "debug", "z": "t", "console": true, "complete": "payload", "wires": []}),
        // The neighbour, which has no part in any of it.
        json!({"id": "u", "type": "tab", "label": "right"}),
        json!({"id": "tick", "type": "inject", "z": "u", "repeat": "0.2", "props": [{"p": "payload"}], "payload": "",
            "payloadType": "date", "wires": [["beat"]]}),
        json!({"id": "beat", "type": "template", "z": "u", "field": "payload", "template": "BEAT", "wires": [["e"]]}),
        json!({"id": "e", "type": "debug", "z": "u", "console": true, "complete": "payload", "wires": []}),
        json!({"id": "ca", "type": "tls-config", "verifyservercert": true, "credentials": {"cadata": brokers.authority.pem}}),
        json!({"id": "other-ca", "type": "tls-config", "verifyservercert": true,
            "credentials": {"cadata": Authority::new("another").pem}}),
        json!({"id": "a", "type": "amqp-broker", "host": "127.0.0.1", "port": rabbit.port.to_string()}),
        json!({"id": "queue", "type": "amqp in", "z": "t", "broker": "a", "queue": "bad-network", "queueMode": "declare",
            "maxLength": 8, "wires": [[]]}),
        json!({"id": "port", "type": "tcp in", "z": "t", "server": "server", "port": taken.to_string(), "wires": [[]]}),
        json!({"id": "datagrams", "type": "udp in", "z": "t", "port": taken_udp.to_string(), "ipv": "udp4", "wires": [[]]}),
        json!({"id": "w", "type": "websocket-client", "path": "ws://127.0.0.1:1/"}),
        json!({"id": "nobody", "type": "websocket in", "z": "t", "server": "", "client": "w", "wires": [[]]}),
        json!({"id": "m", "type": "mqtt-broker", "broker": "127.0.0.1", "port": brokers.sound.port.to_string()}),
        json!({"id": "wildcard", "type": "mqtt out", "z": "t", "topic": "", "broker": "m", "wires": []}),
        json!({"id": "large", "type": "mqtt out", "z": "t", "topic": "large", "qos": "1", "broker": "m", "wires": []}),
        json!({"id": "small", "type": "mqtt out", "z": "t", "topic": "small", "qos": "1", "broker": "m", "wires": []}),
        json!({"id": "start", "type": "inject", "z": "t", "once": true, "onceDelay": "0.5", "topic": "plant/#",
            "props": [{"p": "payload"}, {"p": "topic", "vt": "str"}], "payload": "x", "payloadType": "str", "wires": [["wildcard", "swell", "small"]]}),
        json!({"id": "swell", "type": "function", "lang": "rhai", "z": "t", "outputs": 1, "wires": [["large"]],
            "func": "let text = \"0123456789abcdef\"; for n in 0..15 { text += text; } msg.payload = text; msg"}),
    ];
    let wrong = json!({"credentials": {"user": "gateway", "password": "hunter2"}});
    nodes.extend(mqtt("password", "127.0.0.1", brokers.passwords.port, wrong));
    nodes.extend(mqtt("host", "no-such-host.invalid", 1883, json!({})));
    let tls = |id: &str| json!({"usetls": true, "tls": id});
    nodes.extend(mqtt("expired", "localhost", brokers.expired.port, tls("ca")));
    nodes.extend(mqtt("stranger", "localhost", brokers.certified.port, tls("other-ca")));
    Json::Array(nodes)
}

/// Waits until it has said all of this, in one line each.
#[track_caller]
fn wait_for(gateway: &mut Running, what: &str, parts: &[&str]) {
    let end = Instant::now() + brokers::PATIENCE;
    loop {
        let said = gateway.said();
        if said.lines().any(|line| parts.iter().all(|part| line.contains(part))) {
            return;
        }
        assert!(Instant::now() < end, "{what}: no line with {parts:?}; it said:\n{said}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn start(folder: &Path, flow: &Json) -> Running {
    let file = folder.join("flow.json");
    std::fs::write(&file, flow.to_string()).unwrap();
    Running::start(command(&["run", file.to_str().unwrap()]))
}

#[test]
fn all_that_can_be_wrong_at_once_is_told_and_the_rest_goes_on() {
    let authority = Authority::new("test");
    let brokers = Brokers {
        passwords: with_passwords(),
        expired: over_tls(&authority, true),
        certified: over_tls(&authority, false),
        sound: Mosquitto::with("listener PORT 127.0.0.1\nallow_anonymous true\nmax_packet_size 10000\n"),
        authority,
    };
    let subscriber = brokers.sound.subscribe(&["-t", "small", "-q", "1"]);
    let rabbit = rabbit();
    let client = Client::of(&rabbit);
    client.queue_with("bad-network", &[("x-max-length", AMQPValue::LongLongInt(7))]);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken_udp = UdpSocket::bind("0.0.0.0:0").unwrap();
    let (port, port_udp) = (taken.local_addr().unwrap().port(), taken_udp.local_addr().unwrap().port());
    let folder = tempfile::tempdir().unwrap();
    let mut gateway = start(folder.path(), &flow(&brokers, &rabbit, port, port_udp));
    for (what, node, shown, told) in EXPECTED {
        wait_for(&mut gateway, what, &[&format!("STATUS {node} "), shown]);
        wait_for(&mut gateway, what, &[told, shown]);
    }
    for (node, text) in CAUGHT {
        wait_for(&mut gateway, node, &[&format!("CAUGHT {node} "), text]);
    }
    // The small one beside them is through, and so is the flow that has no part in it.
    subscriber.wait_for(1);
    let beats = gateway.said().matches("BEAT").count();
    let end = Instant::now() + brokers::PATIENCE;
    while gateway.said().matches("BEAT").count() < beats + 5 {
        assert!(Instant::now() < end, "the flow beside it has stopped: {}", gateway.said());
        std::thread::sleep(Duration::from_millis(20));
    }
    gateway.signal("TERM");
    let (code, said) = gateway.wait();
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
}

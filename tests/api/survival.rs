//! Deploys in the worst moments: kills in the middle of them, and a hundred of them over an outbox that is full of messages.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::{ask, get, log_in, user};
use crate::gateway::{Gateway, PATIENCE};
use crate::support::{Running, command};

/// Everything in it can be computed from its number.
fn numbered(n: u64) -> Json {
    let mut nodes = vec![
        json!({"id": "t", "type": "tab", "label": format!("number {n}")}),
        json!({"id": "b", "type": "mqtt-broker", "broker": "127.0.0.1", "port": "1", "credentials": {"user": format!("u{n}"), "password": format!("p{n}")}}),
    ];
    nodes.extend((0..50).map(|k| {
        json!({"id": format!("j{k}"), "type": "template", "z": "t", "name": format!("{n}"), "template": "x".repeat(200), "wires": [[]]})
    }));
    Json::Array(nodes)
}

fn run(data: &Path) -> Gateway {
    let mut running =
        Running::start(command(&["run", "--data", data.to_str().unwrap(), "--listen", "127.0.0.1:0"]));
    let line = running.line_with("listening for HTTP on");
    let port = line.rsplit_once(':').unwrap().1.trim().parse().unwrap();
    let gateway = Gateway { running, port };
    gateway.until("GET", "/health/ready", 200);
    gateway
}

#[test]
fn a_kill_in_the_middle_of_a_deploy_leaves_the_old_or_the_new_one_whole() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    user(&data, "eve", "editor", &[]);
    let (sent, answered) = (AtomicU64::new(0), AtomicU64::new(0));
    let mut seed = 5_u64;
    for round in 0..12 {
        let gateway = run(&data);
        let eve = log_in(&gateway, "eve");
        let runs = get(&gateway, &eve, "/flows").json();
        // One that was answered is there; one that was only sent may be.
        if round > 0 {
            let label = runs[0]["label"].as_str().unwrap();
            let n: u64 = label.strip_prefix("number ").unwrap().parse().unwrap();
            let (sent, answered) = (sent.load(Ordering::SeqCst), answered.load(Ordering::SeqCst));
            assert!((answered..=sent).contains(&n), "{n} runs, {answered} was answered, {sent} was sent");
            let mut expected = numbered(n);
            expected[1].as_object_mut().unwrap().shift_remove("credentials");
            assert_eq!(runs, expected, "whole");
            let has = get(&gateway, &eve, "/credentials/mqtt-broker/b").json();
            assert_eq!(has, json!({"has_user": true, "has_password": true}));
        }
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let life = Duration::from_millis(40 + (seed >> 33) % 300);
        let (is_over, port) = (AtomicBool::new(false), gateway.port);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::SeqCst) {
                    let n = sent.fetch_add(1, Ordering::SeqCst) + 1;
                    match deploy(port, &eve, &numbered(n)) {
                        Some(204) => answered.store(n, Ordering::SeqCst),
                        Some(status) => panic!("number {n} is answered with {status}"),
                        None => return,
                    }
                }
            });
            std::thread::sleep(life);
            gateway.running.signal("KILL");
            is_over.store(true, Ordering::SeqCst);
        });
    }
    assert!(answered.load(Ordering::SeqCst) > 12, "too few deploys to say anything");
}

/// The status of the answer; none when the gateway goes away meanwhile.
fn deploy(port: u16, who: &str, flow: &Json) -> Option<u16> {
    use std::io::Write;
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let body = flow.to_string();
    let head = format!(
        "POST /flows HTTP/1.1\r\nhost: gateway\r\nnode-red-deployment-type: nodes\r\n{who}content-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body.as_bytes()).ok()?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).ok()?;
    line.split(' ').nth(1)?.parse().ok()
}

const MESSAGES: usize = 1_000;

/// A sink with a number in its own name, and in those of its neighbours.
fn edited(n: u64, port: u16) -> Json {
    json!([
        {"id": "t", "type": "tab", "label": "edited"},
        {"id": "i", "type": "inject", "z": "t", "props": [], "wires": [["f"]]},
        {"id": "f", "type": "function", "lang": "rhai", "z": "t", "name": format!("{n}"), "outputs": 1,
         "func": format!("let all = []; for k in 0..{MESSAGES} {{ all.push(#{{payload: \"message \" + k + \"\\n\"}}); }} [all]"), "wires": [["o"]]},
        {"id": "o", "type": "tcp out", "z": "t", "name": format!("uplink {n}"), "beserver": "client", "host": "127.0.0.1", "port": port.to_string(), "wires": []}
    ])
}

#[test]
fn a_hundred_edits_over_a_full_outbox_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    user(&data, "ada", "admin", &[]);
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut gateway = run(&data);
    let mut ada = log_in(&gateway, "ada");
    assert_eq!(deploy(gateway.port, &ada, &edited(0, port)), Some(204));
    gateway.until_asked(&ada, "/inject/i");
    let waiting = |gateway: &Gateway, ada: &str| -> u64 {
        let status = get(gateway, ada, "/api/v1/status").json();
        let outbox =
            status["outboxes"].as_array().unwrap().iter().find(|outbox| outbox["node"] == "o").cloned();
        let stored = |outbox: &Json| {
            outbox["messages"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).sum::<u64>()
        };
        outbox.map_or(0, |outbox| stored(&outbox) + outbox["passing"].as_u64().unwrap())
    };
    let end = std::time::Instant::now() + PATIENCE;
    while waiting(&gateway, &ada) < MESSAGES as u64 {
        assert!(std::time::Instant::now() < end, "{} wait", waiting(&gateway, &ada));
        std::thread::sleep(Duration::from_millis(10));
    }
    for n in 1..=100 {
        assert_eq!(deploy(gateway.port, &ada, &edited(n, port)), Some(204), "edit {n}");
        if n % 40 == 0 {
            // It is waited for: its data directory is its own until it is gone.
            drop(gateway);
            gateway = run(&data);
            ada = log_in(&gateway, "ada");
        }
    }
    assert_eq!(waiting(&gateway, &ada), MESSAGES as u64);
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let stream = listener.accept().unwrap().0;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut came = BTreeSet::new();
    for line in BufReader::new(stream).lines() {
        let Ok(line) = line else {
            panic!("{} came, {} wait: {}", came.len(), waiting(&gateway, &ada), gateway.running.said());
        };
        came.insert(line);
        if came.len() == MESSAGES {
            break;
        }
    }
    assert!((0..MESSAGES).all(|k| came.contains(&format!("message {k}"))));
}

impl Gateway {
    /// Presses a button as soon as its node is there.
    fn until_asked(&self, who: &str, target: &str) {
        assert_eq!(ask(self, who, "POST", target, "", &Json::Null).status, 200, "{target}");
    }
}

//! A database that is damaged while the gateway runs, where nobody can reach the board: it repairs it by itself, and goes on.
// Clippy lets tests unwrap, but does not know the functions that they call as tests.
#![allow(clippy::unwrap_used)]

mod support;

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use support::{Running, command, tidegate};

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// Sends these until each is acknowledged, by as many connections as it takes.
fn send(port: u16, numbers: std::ops::Range<u64>) {
    let end = Instant::now() + Duration::from_secs(60);
    let mut next = numbers.start;
    while next < numbers.end {
        assert!(Instant::now() < end, "{next} is not acknowledged");
        let Ok(stream) = TcpStream::connect(("127.0.0.1", port)) else {
            std::thread::yield_now();
            continue;
        };
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut answers = BufReader::new(&stream).lines();
        while next < numbers.end {
            let line = format!("{}\n", json!({ "payload": next }));
            if (&stream).write_all(line.as_bytes()).is_err() {
                break;
            }
            match answers.next() {
                Some(Ok(answer)) if answer.starts_with("ok") => next += 1,
                _ => break,
            }
        }
    }
}

/// Writes nonsense into the list of tables, past the gateway.
fn damage(data: &Path) {
    let connection = rusqlite::Connection::open(data.join("data.db")).unwrap();
    let version: i64 = connection.query_row("PRAGMA schema_version", [], |row| row.get(0)).unwrap();
    let sql = format!(
        "PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET rootpage = 100000 WHERE name = 'context';
         PRAGMA schema_version = {}",
        version + 1
    );
    connection.execute_batch(&sql).unwrap();
}

#[test]
fn it_starts_again_by_itself_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (data, port) = (dir.path().join("data"), free_port());
    let flow = dir.path().join("flow.json");
    let nodes = json!([
        {"id": "t", "type": "tab", "label": "healed"},
        {"id": "in", "type": "lines in", "z": "t", "address": format!("127.0.0.1:{port}"), "wires": [["out"]]},
        {"id": "out", "type": "log out", "z": "t", "log": "history", "wires": []}
    ]);
    std::fs::write(&flow, nodes.to_string()).unwrap();
    let (flow, data_text) = (flow.display().to_string(), data.display().to_string());
    let mut gateway = Running::start(command(&["run", &flow, "--data", &data_text]));
    gateway.line_with("listens on");
    send(port, 0..100);
    damage(&data);
    let sender = std::thread::spawn(move || send(port, 100..200));
    gateway.line_with("the store cannot write");
    gateway.line_with("starting again, to repair the database");
    gateway.line_with("listens on");
    sender.join().unwrap();

    // So soon after a repair it does not help to repair again: it says so, and goes on telling.
    damage(&data);
    let again = TcpStream::connect(("127.0.0.1", port)).unwrap();
    (&again).write_all(b"{\"payload\":200}\n").unwrap();
    gateway.line_with("the database is damaged again");
    let status = tidegate(&["status", "--data", &data_text]);
    assert_eq!(status.code, 1, "{}{}", status.out, status.err);
    assert!(status.out.contains("trouble: the database is damaged"), "{}", status.out);
    gateway.signal("TERM");
    gateway.wait();

    // A person starts it: that is another matter.
    let mut gateway = Running::start(command(&["run", &flow, "--data", &data_text]));
    gateway.line_with("listens on");
    let read = tidegate(&["log", "read", "history", "--json", "--data", &data_text]);
    let mut found: Vec<u64> = Vec::new();
    for line in read.out.lines() {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        found.extend(record["value"]["payload"].as_u64().or(record["payload"].as_u64()));
    }
    found.dedup();
    assert_eq!(found, (0..200).collect::<Vec<_>>());
    gateway.signal("TERM");
    gateway.wait();
}

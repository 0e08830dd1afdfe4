//! Clients that behave badly. The others do not notice.

use std::io::Write;

use serde_json::json;

use super::brokers::free_port;
use super::certificates::Authority;
use super::program::{Program, Raw};

/// A message goes from one client to another.
#[track_caller]
fn serves(program: &Program) {
    let subscriber = program.subscribe(&["-q", "1", "-t", "alive"]);
    program.publish(&["-q", "1", "-t", "alive", "-m", "yes"]);
    assert_eq!(subscriber.wait_for(1), ["yes"]);
}

#[test]
fn ids_that_have_taken_other_brokers_down() {
    let program = Program::start();
    for id in ["a/b", "a+b", "a#b", "$a", "#", "+/+"] {
        for _ in 0..2 {
            program.publish(&["-i", id, "-q", "1", "-t", "x", "-m", "1"]);
        }
    }
    serves(&program);
}

#[test]
fn the_last_member_of_a_group_leaves_with_messages() {
    let program = Program::start();
    for _ in 0..2 {
        program.leave_a_session(&["-i", "m", "-q", "1", "-t", "$share/g/x"]);
        program.publish(&["-q", "1", "-t", "x", "-m", "1"]);
        // Cleanly started: its session is gone, and the group with it.
        program.publish(&["-i", "m", "-q", "1", "-t", "x", "-m", "2"]);
    }
    serves(&program);
}

#[test]
fn connections_that_say_nothing_keep_nobody_waiting() {
    let authority = Authority::new("test");
    let pair = authority.sign("localhost", false);
    let websocket = free_port();
    let program = Program::with(
        json!({"wsPort": websocket, "tls": "tls"}),
        json!([{"id": "tls", "type": "tls-config", "credentials": {"certdata": pair.certificate, "keydata": pair.key}}]),
    );
    std::fs::write(program.path("ca.pem"), &authority.pem).unwrap();
    let ca = program.path("ca.pem");
    let silent: Vec<Raw> = (0..20).flat_map(|_| [Raw::to(program.port), Raw::to(websocket)]).collect();
    let output = std::process::Command::new("mosquitto_pub")
        .args(["-h", "localhost", "-p", &program.port.to_string(), "--cafile"])
        .arg(&ca)
        .args(["-q", "1", "-t", "x", "-m", "1"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    drop(silent);
}

#[test]
fn a_connection_without_connect_is_closed() {
    let program = Program::start();
    for bytes in
        [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xc0, 0], &[0x10, 0xff, 0xff, 0xff, 0x7f], &[0x10, 2, 0, 200]]
    {
        let mut raw = program.raw();
        raw.0.write_all(bytes).unwrap();
        assert!(raw.rest().is_empty(), "{bytes:?}");
    }
    // Half of it, and nothing more: it is closed in its time, and the read says so.
    let mut raw = program.raw();
    raw.0.write_all(&[0x10, 30, 0, 4]).unwrap();
    assert!(raw.rest().is_empty());
    serves(&program);
}

#[test]
fn what_is_no_mqtt_ends_a_connection_and_says_why() {
    let program = Program::start();
    for (bytes, reason) in [
        (&[0x00, 0][..], 0x81),
        (&[0x36, 3, 0, 1, b'a'], 0x81),
        (&[0x30, 0xff, 0xff, 0xff, 0x7f], 0x95),
        (&[0x20, 3, 0, 0, 0], 0x82),
        (&[0x30, 4, 0, 1, b'#', 0], 0x90),
        (&[0x10, 13, 0, 4, b'M', b'Q', b'T', b'T', 5, 2, 0, 0, 0, 0, 0], 0x82),
    ] {
        let mut raw = Raw::join(program.port, "bad");
        raw.0.write_all(bytes).unwrap();
        assert_eq!(raw.rest(), [0xe0, 1, reason], "{bytes:?}");
    }
    serves(&program);
}

#[test]
fn connections_are_bounded() {
    let program = Program::with(json!({"maxConnections": 3}), json!([]));
    // Those that asked whether it listens are gone in a moment.
    let mut held: Vec<Raw> = Vec::new();
    while held.len() < 3 {
        let mut raw = program.raw();
        raw.connect(4, &format!("c{}", held.len()));
        let mut answer = [0; 4];
        if std::io::Read::read_exact(&mut raw.0, &mut answer).is_ok() {
            held.push(raw);
        }
    }
    assert!(program.raw().rest().is_empty());
    program.wait_logged("are open already");
    held.pop();
    program.wait("there is room again", || program.try_publish(&["-t", "x", "-m", "1"]).status.success());
}

/// One that subscribes and never reads is ended or loses messages; who publishes goes on.
#[test]
fn a_client_that_never_reads_stops_nobody() {
    let program = Program::start();
    let mut deaf = Raw::join(program.port, "deaf");
    deaf.0.write_all(&[0x82, 9, 0, 1, 0, 0, 3, b'b', b'/', b'#', 0]).unwrap();
    assert_eq!(deaf.read(2), [0x90, 4]);
    let large = format!("{}\n", "x".repeat(2_000));
    program.publish_lines(&["-q", "1", "-t", "b/1"], &large.repeat(5_000));
    program.publish_lines(&["-q", "0", "-t", "b/1"], &large.repeat(5_000));
    serves(&program);
}

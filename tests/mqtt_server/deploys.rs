//! It starts, stops and stays with deploys, and beside a flow.

use std::net::TcpListener;

use serde_json::json;

use super::brokers::free_port;
use super::mosquitto::Subscriber;
use super::program::{Program, Raw, publish, wait_free};

fn beside(payload: &str) -> serde_json::Value {
    json!([{"id": "j", "type": "template", "z": "t", "template": payload, "wires": []}])
}

#[test]
fn it_stays_up_while_other_nodes_are_deployed_and_goes_when_it_changes() {
    let program = Program::with(json!({}), beside("1"));
    let mut client = Raw::join(program.port, "stays");
    program.write(json!({}), beside("2"));
    program.signal("HUP");
    program.wait_logged("deployed");
    std::io::Write::write_all(&mut client.0, &[0xc0, 0]).unwrap();
    assert_eq!(client.read(2), [0xd0, 0], "it is still connected");
    // The same with another setting: who is connected is told, and the port is the new one's at once.
    program.write(json!({"maxConnections": 7}), beside("2"));
    program.signal("HUP");
    assert_eq!(client.rest(), [0xe0, 1, 0x8b], "the server shuts down");
    program.wait("it listens again", || program.try_publish(&["-t", "x", "-m", "1"]).status.success());
    // Taken out of the flow its port is free.
    std::fs::write(program.path("flow.json"), "[]").unwrap();
    program.signal("HUP");
    wait_free(program.port);
}

#[test]
fn at_the_stop_clients_are_told() {
    let mut program = Program::start();
    let mut client = Raw::join(program.port, "c");
    assert_eq!(program.stop(), Some(0));
    assert_eq!(client.rest(), [0xe0, 1, 0x8b]);
    wait_free(program.port);
}

#[test]
fn a_port_that_is_taken_is_told_and_tried_again() {
    let mut program = Program::prepare(&[]);
    let taken = TcpListener::bind(("127.0.0.1", program.port)).unwrap();
    program.write(json!({}), json!([]));
    program.run();
    program.wait_logged("another node or program has it");
    drop(taken);
    program.wait("it listens", || program.try_publish(&["-t", "x", "-m", "1"]).status.success());
}

#[test]
fn settings_that_are_wrong_are_told() {
    let mut program = Program::prepare(&[]);
    let tls = json!([{"id": "tls", "type": "tls-config", "credentials": {"certdata": "no PEM", "keydata": "none"}}]);
    program.write(json!({"tls": "tls"}), tls);
    program.run();
    program.wait_logged("the certificate is not in PEM form");
    assert_eq!(program.stop(), Some(0));
    program.write(json!({"acl": [{"topic": "a#"}]}), json!([]));
    program.run();
    assert_eq!(program.wait_exit(), Some(1));
    program.wait_logged("is no topic filter");
}

#[test]
fn without_a_flow_around_it() {
    let port = free_port();
    let mut program = Program::prepare(&["--mqtt", &format!("127.0.0.1:{port}")]);
    std::fs::write(program.path("flow.json"), "[]").unwrap();
    for round in 0..2 {
        program.run();
        program.wait("it listens", || {
            publish(port, &["-r", "-q", "1", "-t", &format!("r/{round}"), "-m", "x"]).status.success()
        });
        let subscriber = Subscriber::start(port, &["-q", "1", "-t", "r/#"]);
        assert_eq!(subscriber.wait_for(round + 1).len(), round + 1, "what was retained before is there");
        drop(subscriber);
        program.kill();
    }
    let mut open = Program::prepare(&["--mqtt", "0.0.0.0:1883"]);
    std::fs::write(open.path("flow.json"), "[]").unwrap();
    open.run();
    assert_eq!(open.wait_exit(), Some(1));
    open.wait_logged("would let anybody in");
}

//! Where the gateway listens, and what it does when it cannot.

use std::net::TcpListener;

use serde_json::json;

use crate::gateway::{Gateway, http_in, response, start};
use crate::support::{Running, command, tidegate};

#[test]
fn it_says_how_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut gateway = Gateway::start(folder.path(), vec![]);
    assert_eq!(gateway.ask("GET", "/health/live", "", "").body, "live\n");
    assert_eq!(gateway.ask("GET", "/health/ready", "", "").body, "ready\n");
    assert_eq!(gateway.ask("POST", "/health/live", "", "").status, 405);
    assert_eq!(gateway.ask("GET", "/nothing", "", "").status, 404);
    gateway.running.signal("TERM");
    gateway.running.line_with("stopping");
}

#[test]
fn a_port_that_is_taken_is_told_and_had_when_it_is_free() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut running = start(folder.path(), vec![http_in("a", "get", "/a", &["r"]), response("r")], &[]);
    running.line_with("listening for HTTP on");
    drop(running);
    let file = folder.path().join("flow.json");
    let mut running = Running::start(command(&["run", file.to_str().unwrap(), "--listen", &address]));
    running.line_with("another program has the port");
    drop(taken);
    running.line_with(&format!("listening for HTTP on {address}"));
}

#[test]
fn strangers_are_not_let_in_unasked() {
    let refused = tidegate(&["run", "--listen", "0.0.0.0:0", "--for", "0"]);
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("--insecure-listen"), "{}", refused.err);
    let wrong = tidegate(&["run", "--listen", "everywhere"]);
    assert_eq!(wrong.code, 2);
    assert!(wrong.err.contains("an address and a port"), "{}", wrong.err);
    let mut open = Running::start(command(&["run", "--listen", "0.0.0.0:0", "--insecure-listen"]));
    open.line_with("listening for HTTP on 0.0.0.0:");
}

#[test]
fn without_a_listener_the_node_says_what_to_do_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("flow.json");
    let flow = json!([
        {"id": "t", "type": "tab"}, http_in("a", "get", "/a", &["r"]), response("r"),
        {"id": "i", "type": "inject", "z": "t", "once": true, "onceDelay": 0.1, "props": [{"p": "payload"}], "payload": "alive", "payloadType": "str", "wires": [["d"]]},
        {"id": "d", "type": "debug", "z": "t", "active": true, "tosidebar": true, "complete": "payload", "targetType": "msg", "wires": []},
    ]);
    std::fs::write(&file, flow.to_string()).unwrap();
    let run = || Running::start(command(&["run", file.to_str().unwrap(), "--listen", "off"]));
    run().line_with("start it with --listen");
    run().line_with("alive");
}

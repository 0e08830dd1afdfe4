//! The Python client of Eclipse Paho, in a script beside this file.

use std::process::Command;

use serde_json::json;

use super::brokers::free_port;
use super::program::Program;

#[test]
fn the_client_of_eclipse_paho() {
    let websocket = free_port();
    let program = Program::with(json!({"wsPort": websocket}), json!([]));
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mqtt_server/paho_client.py");
    // The system's own Python: that is where its packages are.
    let output = Command::new("/usr/bin/python3")
        .args([script, &program.port.to_string(), &websocket.to_string()])
        .output()
        .expect("python3 is installed: tests/install-missing broker");
    let (said, wrong) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{wrong}");
    assert_eq!(said.lines().last(), Some("all is well"));
}

//! Mosquitto's command line clients, and the gateway's own nodes.

use std::io::Write;

use serde_json::json;

use super::brokers::free_port;
use super::program::{Program, Raw};

#[test]
fn versions_and_qualities() {
    let program = Program::start();
    for version in ["mqttv31", "mqttv311", "mqttv5"] {
        for qos in ["0", "1", "2"] {
            let topic = format!("t/{version}/{qos}");
            let subscriber =
                program.subscribe(&["-V", version, "-q", "2", "-v", "-t", &format!("t/{version}/+")]);
            program.publish(&["-V", version, "-q", qos, "-t", &topic, "-m", "hello"]);
            assert_eq!(subscriber.wait_for(1), [format!("{topic} hello")]);
        }
    }
}

#[test]
fn all_retained_messages_come() {
    let program = Program::start();
    for number in 0..300 {
        program.publish(&["-r", "-q", "1", "-t", &format!("r/{number}"), "-m", "x"]);
    }
    for qos in ["0", "1", "2"] {
        let subscriber = program.subscribe(&["-q", qos, "-t", "r/#"]);
        assert_eq!(subscriber.wait_for(300).len(), 300, "QoS {qos}");
    }
    program.publish(&["-r", "-q", "1", "-t", "r/1", "-n"]);
    program.publish(&["-q", "1", "-t", "r/2", "-n"]);
    let subscriber = program.subscribe(&["-v", "-t", "r/1", "-t", "r/2"]);
    assert_eq!(subscriber.wait_for(1), ["r/2 x"], "only a retained one without a payload deletes");
}

#[test]
fn a_will_comes_when_its_client_is_killed() {
    let program = Program::start();
    let watcher = program.subscribe(&["-q", "1", "-t", "will"]);
    let will = ["--will-topic", "will", "--will-payload", "gone", "--will-qos", "1"];
    let client = program.subscribe(&[&["-t", "x"][..], &will].concat());
    // Dropping it kills it.
    drop(client);
    assert_eq!(watcher.wait_for(1), ["gone"]);
}

#[test]
fn the_second_of_the_same_name_takes_over() {
    let program = Program::start();
    let mut first = Raw::join(program.port, "same");
    let mut second = Raw::join(program.port, "same");
    assert_eq!(first.rest(), [0xe0, 1, 0x8e], "it is told why");
    second.0.write_all(&[0xc0, 0]).unwrap();
    assert_eq!(second.read(2), [0xd0, 0]);
}

#[test]
fn a_shared_subscription_is_shared() {
    let program = Program::start();
    let members = [0, 1].map(|_| program.subscribe(&["-V", "mqttv5", "-q", "1", "-t", "$share/g/s/+"]));
    program.publish_lines(&["-q", "1", "-t", "s/1"], &"x\n".repeat(20));
    for member in members {
        assert_eq!(member.wait_for(10).len(), 10);
    }
}

#[test]
fn it_tells_of_itself_under_sys() {
    let program = Program::start();
    let subscriber = program.subscribe(&["-v", "-t", "$SYS/#"]);
    let told = subscriber.wait_for(5).join("\n");
    assert!(told.contains("$SYS/broker/version tidegate "), "{told}");
}

/// Nodes of the flow are clients like all others, over TCP and over WebSocket.
#[test]
fn the_nodes_of_the_flow_are_its_clients() {
    let websocket = free_port();
    let program = Program::with(
        json!({"wsPort": websocket}),
        json!([
            {"id": "b", "type": "mqtt-broker", "broker": "127.0.0.1", "port": "PORT", "protocolVersion": "5"},
            {"id": "w", "type": "mqtt-broker", "broker": format!("ws://127.0.0.1:{websocket}/mqtt"), "protocolVersion": "4"},
            {"id": "i", "type": "mqtt in", "z": "t", "topic": "in/#", "qos": "2", "datatype": "utf8", "broker": "w", "wires": [["o"]]},
            {"id": "o", "type": "mqtt out", "z": "t", "topic": "out", "qos": "1", "broker": "b", "wires": []},
        ]),
    );
    let subscriber = program.subscribe(&["-q", "1", "-t", "out"]);
    // The node subscribes in its own time.
    program.publish(&["-r", "-q", "2", "-t", "in/1", "-m", "through the flow"]);
    assert_eq!(subscriber.wait_for(1), ["through the flow"]);
}

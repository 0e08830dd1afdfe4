//! MQTT in -> parse -> filter -> MQTT out, by hand on rumqttc and serde_json: what a good engineer writes in an hour.
//!
//! `floor-mqtt --port PORT [--name NAME] [--all] [--nodelay]`: lets the alarm 312 pass, or every message.

#![allow(clippy::print_stdout, reason = "what it prints is its result")]

use std::time::Duration;

use rumqttc::{AsyncClient, Event, MqttOptions, NetworkOptions, Packet, QoS};
use serde_json::Value;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = tidegate_floor::argument("--port").ok_or("--port PORT is missing")?;
    let given = |name: &str| std::env::args().any(|argument| argument == name);
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run(
        port,
        given("--all"),
        given("--nodelay"),
    ))
}

async fn run(port: u16, all: bool, nodelay: bool) -> Result<(), Box<dyn std::error::Error>> {
    let (input, output) = tidegate_floor::topics();
    let mut options = MqttOptions::new(&input, "127.0.0.1", port);
    options.set_keep_alive(Duration::from_secs(30));
    // Deep enough that this loop, which is the one that empties it, never finds it full.
    let (client, mut connection) = AsyncClient::new(options, 200_000);
    let mut network = NetworkOptions::new();
    network.set_tcp_nodelay(nodelay);
    connection.set_network_options(network);
    client.subscribe(&input, QoS::AtMostOnce).await?;
    loop {
        match connection.poll().await? {
            Event::Incoming(Packet::SubAck(_)) => println!("ready"),
            Event::Incoming(Packet::Publish(publish)) => {
                let alarm: Value = serde_json::from_slice(&publish.payload)?;
                if all || alarm["alarm_id"] == 312 {
                    client.try_publish(&output, QoS::AtMostOnce, false, serde_json::to_vec(&alarm)?)?;
                }
            }
            _ => {}
        }
    }
}

//! Through both brokers and back: MQTT in, a function, AMQP out with confirms; AMQP in, a function, MQTT out. Mosquitto and
//! RabbitMQ go away and come back meanwhile, again and again, and nothing may be lost.
//!
//! `RELAY_MESSAGES` and `RELAY_RESTARTS` (of each broker) make it longer: `make soak` does. `RELAY_PROGRAM` is another build
//! of the gateway.
// Clippy lets tests unwrap, but does not know the functions that they call as tests.
#![allow(clippy::unwrap_used)]
#![allow(clippy::print_stdout, reason = "a long run tells its figures")]

#[path = "../support/brokers/mod.rs"]
mod brokers;
mod load;
mod packets;
#[path = "../support/mod.rs"]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use brokers::amqp_client::Client;
use brokers::mosquitto::Mosquitto;
use brokers::rabbit::{Rabbit, rabbit_alone};
use load::{Back, Load, Running};
use serde_json::json;

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// As the built program runs it; with another build of it, that one.
fn command(arguments: &[&str]) -> Command {
    let mut command = support::command(arguments);
    if let Some(program) = std::env::var_os("RELAY_PROGRAM") {
        let environment: Vec<_> =
            command.get_envs().filter_map(|(k, v)| Some((k.to_owned(), v?.to_owned()))).collect();
        command = Command::new(program);
        command.args(arguments).envs(environment);
    }
    command
}

fn flow(mqtt: u16, amqp: u16) -> String {
    json!([
        {"id": "t", "type": "tab", "label": "relay"},
        {"id": "m", "type": "mqtt-broker", "broker": "127.0.0.1", "port": mqtt.to_string(), "clientid": "gateway",
         "cleansession": false, "protocolVersion": "4", "keepalive": "15"},
        {"id": "a", "type": "amqp-broker", "host": "127.0.0.1", "port": amqp.to_string(), "heartbeat": 5},
        {"id": "up", "type": "mqtt in", "z": "t", "topic": "up/#", "qos": "1", "datatype": "json", "broker": "m", "wires": [["there"]]},
        {"id": "there", "type": "function", "lang": "rhai", "z": "t", "outputs": 1,
         "func": "msg.payload.via = \"mqtt\"; msg", "wires": [["out"]]},
        {"id": "out", "type": "amqp out", "z": "t", "broker": "a", "exchange": "", "routingKey": "way", "wires": []},
        {"id": "in", "type": "amqp in", "z": "t", "broker": "a", "queue": "way", "queueMode": "declare", "prefetch": 500,
         "datatype": "json", "wires": [["back"]]},
        {"id": "back", "type": "function", "lang": "rhai", "z": "t", "outputs": 1,
         "func": "msg.payload.name = msg.properties.messageId; msg.topic = `down/k${msg.payload.id % 16}/${msg.payload.id}`; msg", "wires": [["down"]]},
        {"id": "down", "type": "mqtt out", "z": "t", "topic": "", "qos": "1", "broker": "m", "wires": []}
    ])
    .to_string()
}

/// Waits until so much has come back. Fails when nothing comes for a long time.
#[track_caller]
fn wait_for(load: &Load, distinct: u64, gateway: &mut support::Running) {
    let (mut last, mut end) = (0, Instant::now() + Duration::from_secs(120));
    loop {
        let now = load.distinct.load(Relaxed);
        if now >= distinct {
            return;
        }
        if now > last {
            (last, end) = (now, Instant::now() + Duration::from_secs(120));
        }
        let acknowledged = load.acknowledged.load(Relaxed);
        assert!(
            Instant::now() < end,
            "{now} of {distinct} came back, {acknowledged} went out, and no more; missing: {:?}; the gateway said:\n{}",
            load.missing(),
            gateway.said()
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn nothing_is_lost_between_two_brokers_that_come_and_go() {
    let (messages, restarts) = (number("RELAY_MESSAGES", 12_000), number("RELAY_RESTARTS", 2));
    let folder = tempfile::tempdir().unwrap();
    let mut mosquitto =
        Mosquitto::with("listener PORT 127.0.0.1\nallow_anonymous true\nmax_inflight_messages 500\n");
    let mut rabbit = rabbit_alone();
    // Of two nodes on one broker nobody knows which is there first; what finds no queue is a dead letter.
    Client::of(&rabbit).queue("way");
    let file = folder.path().join("flow.json");
    std::fs::write(&file, flow(mosquitto.port, rabbit.port)).unwrap();
    let data = folder.path().join("data").to_string_lossy().into_owned();
    let mut gateway = support::Running::start(command(&["run", file.to_str().unwrap(), "--data", &data]));
    // Before that the broker keeps nothing for it.
    brokers::wait_until("the gateway has subscribed", || mosquitto.logged("Sending SUBACK to gateway") > 0);
    let running = Running::start(mosquitto.port, messages);
    let load = running.load.clone();
    wait_for(&load, 1, &mut gateway);
    let mut seed = 1_u64;
    for n in 1..=2 * restarts {
        wait_for(&load, n * messages / (2 * restarts + 1), &mut gateway);
        // Not the same each time, and the same in each run.
        seed = 6_364_136_223_846_793_005_u64.wrapping_mul(seed).wrapping_add(n);
        away(n, Duration::from_millis((seed >> 33) % 1_500), &mut mosquitto, &mut rabbit);
    }
    wait_for(&load, messages, &mut gateway);
    drop(running);
    verdict(&load, restarts);
    gateway.signal("TERM");
    let (code, said) = gateway.wait();
    assert_eq!(code, Some(0), "{said}");
    let checked = command(&["outbox", "ls", "--check", "--data", &data]).output().unwrap();
    println!("{}", String::from_utf8_lossy(&checked.stdout));
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}

/// Mosquitto keeps sessions only when it is stopped in order. RabbitMQ is stopped and killed in turn: it has on its disk
/// what it has confirmed.
fn away(n: u64, pause: Duration, mosquitto: &mut Mosquitto, rabbit: &mut Rabbit) {
    match n % 4 {
        1 | 3 => mosquitto.stop(),
        2 => rabbit.kill(),
        _ => rabbit.stop(),
    }
    std::thread::sleep(pause);
    match n % 2 {
        1 => mosquitto.run(),
        _ => rabbit.run(),
    }
}

fn verdict(load: &Load, restarts: u64) {
    let back = load.back.lock().unwrap();
    let mut names: BTreeMap<u64, BTreeSet<&str>> = BTreeMap::new();
    let mut last: BTreeMap<u64, u64> = BTreeMap::new();
    let (mut same_name, mut overtaken) = (0, 0);
    for Back { id, name, is_intact } in back.iter() {
        assert!(*is_intact, "{id} is damaged");
        let known = names.entry(*id).or_default();
        if known.is_empty() {
            let before = last.insert(id % 16, *id).unwrap_or(0);
            overtaken += u64::from(before > *id);
        } else {
            same_name += u64::from(known.contains(name.as_str()));
        }
        known.insert(name);
    }
    let lost: Vec<u64> = (1..=load.count).filter(|id| !names.contains_key(id)).collect();
    let repeated = back.len() as u64 - names.len() as u64;
    println!(
        "{} messages, each broker away {restarts} times: {} lost; {repeated} came again ({same_name} of them under the name of \
         before), the load sent {} again; {overtaken} came behind later ones of their key",
        load.count,
        lost.len(),
        load.resent.load(Relaxed)
    );
    assert!(lost.is_empty(), "lost: {:?}", &lost[..lost.len().min(20)]);
    assert!(back.iter().all(|back| !back.name.is_empty()), "each has a name on the way");
    assert_eq!(overtaken, 0, "order within a key");
}

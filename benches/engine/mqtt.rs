//! MQTT in -> filter -> MQTT out over a real broker: by hand, by Node-RED and by the gateway, one after the other, with
//! the same load.

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::Suite;
use crate::child::{Child, find, free_port};
use crate::flows::{self, Flow};
use crate::gateway::TIDEGATE;
use crate::node_red::NodeRed;
use crate::report::Row;
use crate::yardsticks::{floor_program, times};

const MQTT: &str = "mqtt in -> function -> mqtt out, QoS 0, 200 bytes";

const FLOOR: &str = "floor";
const NODELAY: &str = "floor with TCP_NODELAY";
const NODE_RED: &str = "Node-RED";
const TIDEGATE_NAME: &str = "Tidegate";

/// What goes through.
#[derive(Clone, Copy, PartialEq)]
enum Load {
    /// As fast as it can, one in ten comes out.
    Filter,
    /// As fast as it can, all come out.
    All,
    /// 2,000 a second, all come out.
    Paced,
}

/// What `floor-load` printed, and the CPU time that the program under it took a message.
#[derive(Deserialize)]
struct Figures {
    received: u64,
    due: u64,
    sent: u64,
    seconds: f64,
    p50_ms: f64,
    p99_ms: f64,
    #[serde(default)]
    cpu_us: f64,
}

struct Bench<'s> {
    suite: &'s Suite,
    broker: Broker,
    load: PathBuf,
    floor: PathBuf,
}

pub fn rows(suite: &Suite, node_red: &Result<NodeRed, String>) -> anyhow::Result<Vec<Row>> {
    let started = Broker::start(suite.folder());
    let (broker, load, floor) = match (started, floor_program("floor-load"), floor_program("floor-mqtt")) {
        (Ok(broker), Ok(load), Ok(floor)) => (broker, load, floor),
        (Err(why), ..) => return Ok(vec![Row::skipped(MQTT, "all of it", format!("{why:#}"))]),
        (_, Err(why), _) | (.., Err(why)) => return Ok(vec![Row::skipped(MQTT, "all of it", why)]),
    };
    let bench = Bench { suite, broker, load, floor };
    let mut rows = Vec::new();
    for load in [Load::Filter, Load::All, Load::Paced] {
        rows.extend(bench.rows(load, node_red)?);
    }
    Ok(rows)
}

/// A program under load. It reads `<name>/in` and writes `<name>/out`.
struct Program {
    name: &'static str,
    child: Child,
}

impl Bench<'_> {
    fn rows(&self, load: Load, node_red: &Result<NodeRed, String>) -> anyhow::Result<Vec<Row>> {
        let (what, most_of_floor, less_than_node_red) = match load {
            Load::Filter => ("one in ten comes out", 1.5, 5.5),
            Load::All => ("every message comes out", 0.7, 3.5),
            Load::Paced => ("2,000 a second, every message comes out", 1.0, 1.0),
        };
        let mut programs = vec![Ok(self.floor(load, FLOOR)?)];
        if load == Load::Paced {
            programs.push(Ok(self.floor(load, NODELAY)?));
        }
        programs.push(self.node_red(load, node_red).map_err(|why| (NODE_RED, why)));
        programs.push(self.tidegate(load).map_err(|why| (TIDEGATE_NAME, why)));
        let figures = self.figures(load, &programs)?;

        let mut rows: Vec<Row> = programs
            .iter()
            .map(|program| match program {
                Ok(program) => row(load, what, program.name, &figures[program.name]),
                Err((name, why)) => Row::skipped(MQTT, format!("{what}: {name}"), why),
            })
            .collect();
        let Some(ours) = figures.get(TIDEGATE_NAME) else { return Ok(rows) };
        let of_floor = ours.cpu_us / figures[FLOOR].cpu_us;
        rows.push(
            Row::figure(MQTT, format!("{what}: CPU, times of floor"), of_floor, "x").at_most(most_of_floor),
        );
        if let Some(red) = figures.get(NODE_RED) {
            let what = format!("{what}: CPU, times less than Node-RED");
            rows.push(Row::figure(MQTT, what, red.cpu_us / ours.cpu_us, "x").at_least(less_than_node_red));
        }
        if load == Load::Paced {
            rows.push(Row::figure(MQTT, format!("{what}: latency p50"), ours.p50_ms, "ms").at_most(0.3));
            rows.push(Row::figure(MQTT, format!("{what}: latency p99"), ours.p99_ms, "ms").at_most(1.0));
        }
        Ok(rows)
    }

    fn floor(&self, load: Load, name: &'static str) -> anyhow::Result<Program> {
        let mut command = Command::new(&self.floor);
        command.args(["--port", &self.broker.port.to_string(), "--name", name]);
        command.args((load != Load::Filter).then_some("--all"));
        command.args((name == NODELAY).then_some("--nodelay"));
        let mut child = Child::start(&mut command)?;
        child.wait_for("ready", Duration::from_secs(10))?;
        Ok(Program { name, child })
    }

    fn node_red(&self, load: Load, node_red: &Result<NodeRed, String>) -> Result<Program, String> {
        let red = node_red.as_ref().map_err(Clone::clone)?;
        let folder = self.suite.folder().join("node-red-mqtt");
        let start = || {
            let mut child = red.start(&folder, &self.flow(load, NODE_RED))?;
            child.wait_for("Connected to broker", Duration::from_secs(60))?;
            Ok(Program { name: NODE_RED, child })
        };
        start().map_err(|error: anyhow::Error| format!("failed: {error:#}"))
    }

    fn tidegate(&self, load: Load) -> Result<Program, String> {
        if tidegate_nodes::find("mqtt in").is_none() {
            return Err("no mqtt nodes yet".to_string());
        }
        let start = || {
            let file = self.suite.folder().join("mqtt.json");
            std::fs::write(&file, self.flow(load, TIDEGATE_NAME).to_string())?;
            let mut child = Child::start(Command::new(TIDEGATE).arg("run").arg(&file))?;
            child.wait_for(" runs ", Duration::from_secs(10))?;
            Ok(Program { name: TIDEGATE_NAME, child })
        };
        start().map_err(|error: anyhow::Error| format!("failed: {error:#}"))
    }

    /// The best of some rounds of the load, in which the programs take turns.
    fn figures(
        &self,
        load: Load,
        programs: &[Result<Program, (&'static str, String)>],
    ) -> anyhow::Result<BTreeMap<&'static str, Figures>> {
        // A connection that is reported may not have subscribed yet.
        std::thread::sleep(Duration::from_secs(1));
        let many = if self.suite.quick { 50_000 } else { 200_000 };
        let (count, rounds) =
            if load == Load::Paced { (many / 10, 1) } else { (many, self.suite.rounds(5).max(2)) };
        let mut best: BTreeMap<&'static str, Figures> = BTreeMap::new();
        for program in programs.iter().flatten() {
            // For the compiler of JavaScript, and for caches.
            self.run(load, program, count / 10).with_context(|| program.name)?;
        }
        for _ in 0..rounds {
            for program in programs.iter().flatten() {
                let before = program.child.cpu()?;
                let mut figures = self.run(load, program, count).with_context(|| program.name)?;
                figures.cpu_us = (program.child.cpu()? - before).as_secs_f64() * 1e6 / figures.sent as f64;
                if best.get(program.name).is_none_or(|best| figures.cpu_us < best.cpu_us) {
                    best.insert(program.name, figures);
                }
            }
        }
        Ok(best)
    }

    fn run(&self, load: Load, program: &Program, count: u64) -> anyhow::Result<Figures> {
        let mut command = Command::new(&self.load);
        command.args(["--port", &self.broker.port.to_string(), "--name", program.name]);
        command.args(["--count", &count.to_string()]);
        // So many on their way that the program always finds some: what it takes when there is much to do.
        match load {
            Load::Filter => command.args(["--one-in", "10", "--window", "50000"]),
            Load::All => command.args(["--window", "20000"]),
            Load::Paced => command.args(["--rate", "2000"]),
        };
        let output = command.output().context("floor-load")?;
        ensure!(output.status.success(), "floor-load: {}", String::from_utf8_lossy(&output.stderr).trim());
        let figures: Figures = serde_json::from_slice(&output.stdout).context("what floor-load printed")?;
        ensure!(figures.received == figures.due, "{} of {} messages came out", figures.received, figures.due);
        Ok(figures)
    }

    /// The flow, for Tidegate or for Node-RED.
    fn flow(&self, load: Load, name: &str) -> Json {
        let rhai = name == TIDEGATE_NAME;
        let function = match load {
            Load::Filter => flows::function(
                rhai,
                "let alarm = parse_json(msg.payload);\nif alarm.alarm_id == 312 { msg.payload = alarm; msg }",
                "const alarm = JSON.parse(msg.payload);\nif (alarm.alarm_id === 312) { msg.payload = alarm; return msg; }",
            ),
            Load::All | Load::Paced => flows::function(
                rhai,
                "msg.payload = parse_json(msg.payload);\nmsg",
                "msg.payload = JSON.parse(msg.payload);\nreturn msg;",
            ),
        };
        let mut flow = Flow::new();
        let input = json!({"type": "mqtt in", "topic": format!("{name}/in"), "qos": "0", "datatype": "utf8", "broker": "broker",
            "nl": false, "rap": true, "rh": 0, "inputs": 0});
        let output = json!({"type": "mqtt out", "topic": format!("{name}/out"), "qos": "0", "retain": "false",
            "broker": "broker"});
        flow.add("in", &input, &[&["function"]]);
        flow.add("function", &function, &[&["out"]]);
        flow.add("out", &output, &[]);
        let mut flow = flow.to_json();
        if let Some(nodes) = flow.as_array_mut() {
            nodes.push(json!({"id": "broker", "type": "mqtt-broker", "name": "", "broker": "127.0.0.1",
                "port": self.broker.port.to_string(), "clientid": "", "autoConnect": true, "usetls": false,
                "protocolVersion": "4", "keepalive": "60", "cleansession": true}));
        }
        flow
    }
}

fn row(load: Load, what: &str, who: &str, figures: &Figures) -> Row {
    let row = Row::figure(MQTT, format!("{what}: {who}"), figures.cpu_us, "us")
        .detail("seconds", figures.seconds)
        .detail("p50_ms", figures.p50_ms)
        .detail("p99_ms", figures.p99_ms);
    if load == Load::Paced {
        row.note(format!("latency p50 {:.2} ms, p99 {:.2} ms", figures.p50_ms, figures.p99_ms))
    } else {
        row.note(format!("{} k msg/s", times(figures.sent as f64 / figures.seconds / 1e3)))
    }
}

/// Mosquitto on a free port of this machine, with nothing that would lose or delay a message of its own accord.
struct Broker {
    port: u16,
    _process: Child,
}

impl Broker {
    fn start(folder: &Path) -> anyhow::Result<Broker> {
        let mosquitto = find("mosquitto").context("mosquitto is not installed")?;
        let port = free_port()?;
        let file = folder.join("mosquitto.conf");
        let config = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nmax_queued_messages 0\n\
             set_tcp_nodelay true\nlog_dest stderr\nlog_type error\n"
        );
        std::fs::write(&file, config)?;
        let process = Child::start(Command::new(mosquitto).arg("-c").arg(&file))?;
        for _ in 0..100 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(Broker { port, _process: process });
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        bail!("mosquitto takes no connections on port {port}")
    }
}

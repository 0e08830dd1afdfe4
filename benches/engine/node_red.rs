//! Node-RED on the same flows, where it is installed: the environment variable `NODE_RED` names its `red.js`, or
//! `node-red` is on the path.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::{Value as Json, json};

use crate::child::{Child, find, free_port};
use crate::flows::{self, Flow, many};
use crate::{Suite, bed};

/// How Node-RED is started here.
pub struct NodeRed {
    program: PathBuf,
    first_argument: Option<PathBuf>,
}

impl NodeRed {
    pub fn installed() -> Result<NodeRed, String> {
        if let Some(red) = std::env::var_os("NODE_RED").filter(|path| !path.is_empty()) {
            let red = PathBuf::from(red);
            if !red.is_file() {
                return Err(format!("NODE_RED names no file: {}", red.display()));
            }
            if red.extension().is_none_or(|ending| ending != "js") {
                return Ok(NodeRed { program: red, first_argument: None });
            }
            let node = find("node").ok_or("no node on the path")?;
            return Ok(NodeRed { program: node, first_argument: Some(red) });
        }
        match find("node-red") {
            Some(program) => Ok(NodeRed { program, first_argument: None }),
            None => Err("Node-RED is not installed (NODE_RED=PATH/red.js names it)".to_string()),
        }
    }

    /// Starts it on a flow, in a folder of its own.
    pub fn start(&self, folder: &Path, flow: &Json) -> anyhow::Result<Child> {
        std::fs::create_dir_all(folder)?;
        std::fs::write(folder.join("flow.json"), flow.to_string())?;
        std::fs::write(folder.join("settings.js"), SETTINGS)?;
        let mut command = Command::new(&self.program);
        command
            .args(&self.first_argument)
            .arg("--userDir")
            .arg(folder)
            .arg("--settings")
            .arg(folder.join("settings.js"))
            .args(["--port", &free_port()?.to_string()])
            .arg(folder.join("flow.json"));
        Child::start(&mut command)
    }

    /// Node-RED's figures for the work that it does as well, by name.
    pub fn measure(&self, suite: &Suite) -> anyhow::Result<BTreeMap<String, f64>> {
        let mut figures = BTreeMap::new();
        let began = Instant::now();
        let empty = json!([{"id": "t", "type": "tab", "label": "empty"}]);
        let mut child = self.start(&suite.folder().join("node-red-empty"), &empty)?;
        child.wait_for("Started flows", Duration::from_secs(60))?;
        figures.insert("start".to_string(), began.elapsed().as_secs_f64() * 1e3);
        std::thread::sleep(Duration::from_secs(2));
        figures.insert("memory".to_string(), child.memory(false)? as f64 / 1e6);
        drop(child);

        let mut child = self.start(&suite.folder().join("node-red"), &chains(suite))?;
        let line = child.wait_for("BENCH ", Duration::from_secs(180))?;
        let (_, json) = line.split_once("BENCH ").context("what was waited for")?;
        let costs: BTreeMap<String, f64> = serde_json::from_str(json).context("what Node-RED measured")?;
        for (name, ..) in works() {
            let points: Vec<(f64, f64)> = [1, LONG]
                .iter()
                .filter_map(|length| Some((*length as f64, *costs.get(&format!("{name}-{length}"))?)))
                .collect();
            figures.insert(name.to_string(), bed::slope(&points));
        }
        Ok(figures)
    }
}

const LONG: usize = 21;

fn works() -> [(&'static str, Json); 3] {
    // A function that builds an object cannot be put behind itself: what it reads is gone. So this one puts it aside.
    let function = flows::function(
        false,
        "",
        "const alarm = msg.payload;\n\
         if (alarm.alarm_id === 312 && alarm.severity >= 2) {\n\
             msg.out = {site: alarm.site, alarm: alarm.alarm_id, severity: alarm.severity, since: alarm.time};\n\
             return msg;\n\
         }",
    );
    [("change", flows::change()), ("switch", flows::switch()), ("function", function)]
}

/// As it comes, but quiet, and its functions may measure.
const SETTINGS: &str = "module.exports = {
    uiHost: '127.0.0.1', credentialSecret: false, telemetry: {enabled: false},
    logging: {console: {level: 'info', metrics: false, audit: false}},
    functionGlobalContext: {bench: {best: {}}, cpuUsage: process.cpuUsage.bind(process)},
};
";

/// A function hands batches of messages to one chain after the other; another at their ends counts, and measures.
fn chains(suite: &Suite) -> Json {
    let rounds = suite.rounds(20);
    let mut flow = Flow::new();
    let mut ports: Vec<Vec<String>> = Vec::new();
    let mut names = Vec::new();
    for (work, kind) in works() {
        for length in [1, LONG] {
            let name = format!("{work}-{length}");
            flow.add_chain(&name, &many(&kind, length), &["end"]);
            ports.push(vec![format!("{name}0")]);
            names.push(name);
        }
    }
    let inject = json!({"type": "inject", "props": [{"p": "payload"}], "payload": "1", "payloadType": "num",
        "once": true, "onceDelay": 0.5, "repeat": ""});
    flow.add("inject", &inject, &[&["drive"]]);
    let drive = flows::function(
        false,
        "",
        &format!(
            "const bench = global.get('bench');\n\
             bench.turn = bench.turn === undefined ? 0 : bench.turn + 1;\n\
             const port = bench.turn % {ports};\n\
             const messages = [];\n\
             for (let n = 0; n < {BATCH}; n++) {{\n\
                 messages.push({{_msgid: String(n), topic: 'site/alarm', payload: JSON.parse({alarm})}});\n\
             }}\n\
             bench.left = {BATCH};\n\
             const out = Array({ports}).fill(null);\n\
             out[port] = messages;\n\
             bench.before = global.get('cpuUsage')();\n\
             node.send(out);",
            ports = ports.len(),
            alarm = json!(flows::alarm_text(7, 312)),
        ),
    );
    let wires: Vec<Vec<&str>> = ports.iter().map(|port| port.iter().map(String::as_str).collect()).collect();
    let wires: Vec<&[&str]> = wires.iter().map(Vec::as_slice).collect();
    let mut drive = drive;
    drive["outputs"] = json!(wires.len());
    flow.add("drive", &drive, &wires);
    let end = flows::function(
        false,
        "",
        &format!(
            "const bench = global.get('bench');\n\
             bench.left -= 1;\n\
             if (bench.left > 0) {{ return; }}\n\
             const spent = global.get('cpuUsage')(bench.before);\n\
             const names = {names};\n\
             const name = names[bench.turn % names.length];\n\
             const each = (spent.user + spent.system) / {BATCH};\n\
             const round = Math.floor(bench.turn / names.length);\n\
             // The first rounds are for the compiler.\n\
             if (round >= 3) {{ bench.best[name] = Math.min(bench.best[name] || Infinity, each); }}\n\
             if (round < {last}) {{ return {{payload: 1}}; }}\n\
             node.warn('BENCH ' + JSON.stringify(bench.best));",
            names = json!(names),
            last = rounds + 3,
        ),
    );
    flow.add("end", &end, &[&["drive"]]);
    flow.to_json()
}

const BATCH: u64 = 2_000;

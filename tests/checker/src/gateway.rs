//! The gateway as a process: started, killed, asked by its own commands.

use std::fs::File;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

pub struct Gateway {
    program: PathBuf,
    pub folder: PathBuf,
    pub input: u16,
    child: Option<Child>,
}

/// So many lines may be without an answer at the receiver.
pub const WINDOW: usize = 250;

/// A `lines out` of the flow, with its outbox.
#[derive(Clone)]
pub struct Sink {
    pub id: &'static str,
    pub port: u16,
    pub outbox: Json,
}

impl Sink {
    fn node(&self) -> Json {
        json!({"id": self.id, "type": "lines out", "z": "t", "address": format!("127.0.0.1:{}", self.port),
               "timeout": 1, "window": WINDOW, "outbox": self.outbox, "wires": []})
    }
}

impl Gateway {
    pub fn new(program: &Path, folder: &Path) -> Gateway {
        std::fs::create_dir_all(folder).expect("the folder of the run can be made");
        let (program, folder) = (program.to_path_buf(), folder.to_path_buf());
        Gateway { program, folder, input: free_port(), child: None }
    }

    /// lines in -> a function that lets through what `content::passes` does -> these sinks.
    pub fn flow(&self, sinks: &[Sink], delivery: &str) -> Json {
        let wires: Vec<&str> = sinks.iter().map(|sink| sink.id).collect();
        let mut nodes = vec![json!({"id": "t", "type": "tab", "label": "checked", "delivery": delivery})];
        nodes.extend(self.input(&wires));
        nodes.extend(sinks.iter().map(Sink::node));
        Json::Array(nodes)
    }

    /// The source, and what it goes through.
    fn input(&self, to: &[&str]) -> [Json; 2] {
        [
            json!({"id": "in", "type": "lines in", "z": "t", "address": format!("127.0.0.1:{}", self.input), "wires": [["f"]]}),
            json!({"id": "f", "type": "function", "lang": "rhai", "z": "t", "outputs": 1,
                   "func": "if msg.id % 7 == 0 { () } else { msg }", "wires": [to]}),
        ]
    }

    /// The same by way of two logs: `first`, copied into `second`, sent from there.
    pub fn flow_through_logs(&self, sinks: &[Sink]) -> Json {
        let wires: Vec<&str> = sinks.iter().map(|sink| sink.id).collect();
        let mut nodes = vec![json!({"id": "t", "type": "tab", "label": "checked"})];
        nodes.extend(self.input(&["first"]));
        nodes.extend([
            json!({"id": "first", "type": "log out", "z": "t", "log": "first", "wires": []}),
            json!({"id": "copy", "type": "log in", "z": "t", "log": "first", "reader": "r", "start": "start", "wires": [["second"]]}),
            json!({"id": "second", "type": "log out", "z": "t", "log": "second", "wires": []}),
            json!({"id": "on", "type": "log in", "z": "t", "log": "second", "reader": "r", "start": "start", "wires": [wires]}),
        ]);
        nodes.extend(sinks.iter().map(Sink::node));
        Json::Array(nodes)
    }

    pub fn write_flow(&self, flow: &Json) {
        self.write_file(&flow.to_string());
    }

    pub fn write_file(&self, flow: &str) {
        std::fs::write(self.folder.join("flow.json"), flow).expect("the flow can be written");
    }

    /// Lets it read its flow again, and waits until it has: whether it runs the new one.
    pub fn reload(&mut self) -> bool {
        let before = self.log().len();
        self.signal("HUP");
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let log = self.log().split_off(before);
            if log.contains("deployed ") {
                return true;
            }
            if log.contains("what ran before runs on") {
                return false;
            }
            assert!(self.runs() && Instant::now() < end, "the flow is not read:\n{}", self.last_words());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn signal(&self, name: &str) {
        let Some(child) = &self.child else { return };
        let id = child.id().to_string();
        let _ = Command::new("sh").args(["-c", "kill -s $0 $1", name, &id]).status();
    }

    fn runs(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    pub fn start(&mut self) {
        let log = File::options().create(true).append(true).open(self.folder.join("log")).expect("a log");
        let child = Command::new(&self.program)
            .arg("run")
            .arg(self.folder.join("flow.json"))
            .arg("--data")
            .arg(self.data())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the gateway starts");
        self.child = Some(child);
    }

    /// Waits until it listens. Fails when it has ended, with what it said last.
    pub fn wait(&mut self) {
        let end = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(("127.0.0.1", self.input)).is_err() {
            assert!(self.runs() && Instant::now() < end, "the gateway does not run:\n{}", self.last_words());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // SIGKILL; one that has ended by itself fails the run at the next look.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// In order, by SIGTERM.
    pub fn stop(&mut self) -> bool {
        self.signal("TERM");
        self.child.take().is_some_and(|mut child| child.wait().is_ok())
    }

    /// Resident memory in bytes.
    pub fn memory(&self) -> u64 {
        let Some(child) = &self.child else { return 0 };
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) * 1024
    }

    /// A command of the gateway on its data: whether it was well, and its lines as JSON.
    pub fn ask(&self, words: &[&str]) -> (bool, Vec<Json>) {
        let output = Command::new(&self.program)
            .args(words)
            .arg("--json")
            .arg("--data")
            .arg(self.data())
            .output()
            .expect("the command starts");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            eprintln!("{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
        (output.status.success(), text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    fn last_words(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().rev().take(20).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.kill();
    }
}

pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("it is bound").port()
}

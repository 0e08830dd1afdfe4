//! The gateway as a process: started, killed, asked by its own commands.

use std::fs::File;
use std::io::{Read, Seek};
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

impl Gateway {
    /// lines in -> a function that lets through what `content::passes` does -> lines out, with this outbox.
    pub fn new(program: &Path, folder: &Path, output: u16, outbox: &Json, delivery: &str) -> Gateway {
        let input = free_port();
        let flow = json!([
            {"id": "t", "type": "tab", "label": "checked", "delivery": delivery},
            {"id": "in", "type": "lines in", "z": "t", "address": format!("127.0.0.1:{input}"), "wires": [["f"]]},
            {"id": "f", "type": "function", "lang": "rhai", "z": "t", "outputs": 1,
             "func": "if msg.id % 7 == 0 { () } else { msg }", "wires": [["out"]]},
            {"id": "out", "type": "lines out", "z": "t", "address": format!("127.0.0.1:{output}"),
             "timeout": 1, "outbox": outbox, "wires": []},
        ]);
        std::fs::create_dir_all(folder).expect("the folder of the run can be made");
        std::fs::write(folder.join("flow.json"), flow.to_string()).expect("the flow can be written");
        Gateway { program: program.to_path_buf(), folder: folder.to_path_buf(), input, child: None }
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
            let ended = self.child.as_mut().is_none_or(|child| !matches!(child.try_wait(), Ok(None)));
            assert!(!ended && Instant::now() < end, "the gateway does not run:\n{}", self.last_words());
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
        let Some(mut child) = self.child.take() else { return false };
        let id = child.id().to_string();
        let _ = Command::new("sh").args(["-c", "kill -s TERM $0", &id]).status();
        child.wait().is_ok()
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

    fn last_words(&self) -> String {
        let mut log = String::new();
        if let Ok(mut file) = File::open(self.folder.join("log")) {
            let length = file.metadata().map_or(0, |meta| meta.len());
            let _ = file.seek(std::io::SeekFrom::Start(length.saturating_sub(4_000)));
            let _ = file.read_to_string(&mut log);
        }
        log
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

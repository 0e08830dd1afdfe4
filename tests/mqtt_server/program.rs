//! The built program with a flow that has a broker in it.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use super::brokers::{PATIENCE, free_port, wait_until};
use super::mosquitto::Subscriber;

pub struct Program {
    pub port: u16,
    pub dir: tempfile::TempDir,
    arguments: Vec<String>,
    process: Option<Child>,
}

/// An mqtt-server for a port, with these properties.
pub fn server(port: u16, more: Json) -> Json {
    let mut node = json!({"id": "server", "type": "mqtt-server", "host": "127.0.0.1", "port": port});
    for (key, value) in more.as_object().unwrap() {
        node[key.as_str()] = value.clone();
    }
    node
}

impl Program {
    /// A broker that lets everybody on this board in.
    pub fn start() -> Program {
        Program::with(json!({}), json!([]))
    }

    /// A broker with these properties, and other nodes beside it; PORT in them is its port.
    pub fn with(properties: Json, nodes: Json) -> Program {
        let mut program = Program::prepare(&[]);
        program.write(properties, nodes);
        program.run();
        program.wait_open();
        program
    }

    /// Not started, and without a flow.
    pub fn prepare(arguments: &[&str]) -> Program {
        let arguments = arguments.iter().map(ToString::to_string).collect();
        Program { port: free_port(), dir: tempfile::tempdir().unwrap(), arguments, process: None }
    }

    pub fn write(&self, properties: Json, nodes: Json) {
        let mut flow =
            vec![json!({"id": "t", "type": "tab", "label": "test"}), server(self.port, properties)];
        flow.extend(nodes.as_array().unwrap().iter().cloned());
        let text = Json::Array(flow).to_string().replace("\"PORT\"", &format!("\"{}\"", self.port));
        fs::write(self.path("flow.json"), text).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn run(&mut self) {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.path("log")).unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_tidegate"))
            .arg("run")
            .arg(self.path("flow.json"))
            .arg("--data")
            .arg(self.path("data"))
            .args(&self.arguments)
            .env_remove("RUST_LOG")
            // It is about the broker, and many run at once.
            .env("TIDEGATE_LISTEN", "off")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.process = Some(process);
    }

    pub fn wait_open(&self) {
        self.wait("it listens", || TcpStream::connect(("127.0.0.1", self.port)).is_ok());
    }

    #[track_caller]
    pub fn wait(&self, what: &str, so: impl Fn() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !so() {
            assert!(Instant::now() < end, "waited in vain until {what}:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[track_caller]
    pub fn wait_logged(&self, part: &str) {
        self.wait(&format!("it says {part:?}"), || self.log().contains(part));
    }

    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.path("log")).unwrap_or_default()).into_owned()
    }

    pub fn signal(&self, name: &str) {
        let id = self.process.as_ref().unwrap().id().to_string();
        assert!(Command::new("sh").args(["-c", "kill -s $1 $0", &id, name]).status().unwrap().success());
    }

    /// As a power cut does it.
    pub fn kill(&mut self) {
        let mut process = self.process.take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// In order; gives the exit code.
    pub fn stop(&mut self) -> Option<i32> {
        self.signal("TERM");
        self.process.take().unwrap().wait().unwrap().code()
    }

    pub fn wait_exit(&mut self) -> Option<i32> {
        self.process.take().unwrap().wait().unwrap().code()
    }

    pub fn subscribe(&self, arguments: &[&str]) -> Subscriber {
        Subscriber::start(self.port, arguments)
    }

    #[track_caller]
    pub fn publish(&self, arguments: &[&str]) {
        let output = self.try_publish(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    pub fn try_publish(&self, arguments: &[&str]) -> Output {
        publish(self.port, arguments)
    }

    /// Each line a message.
    pub fn publish_lines(&self, arguments: &[&str], lines: &str) {
        let port = self.port.to_string();
        let mut process = Command::new("mosquitto_pub")
            .args(["-h", "127.0.0.1", "-p", &port, "-l"])
            .args(arguments)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        process.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        assert!(process.wait().unwrap().success());
    }

    /// Subscribes for a session that is kept, and goes.
    pub fn leave_a_session(&self, arguments: &[&str]) {
        let output = Command::new("mosquitto_sub")
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-E", "-c"])
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// A connection on which a test writes what it likes.
    pub fn raw(&self) -> Raw {
        Raw::to(self.port)
    }
}

pub fn publish(port: u16, arguments: &[&str]) -> Output {
    Command::new("mosquitto_pub")
        .args(["-h", "127.0.0.1", "-p", &port.to_string()])
        .args(arguments)
        .output()
        .expect("mosquitto_pub is installed: tests/install-missing broker")
}

impl Drop for Program {
    // With what a failed test says.
    #[allow(clippy::print_stderr)]
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.kill();
            let _ = process.wait();
        }
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
    }
}

pub struct Raw(pub TcpStream);

impl Raw {
    pub fn to(port: u16) -> Raw {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Raw(stream)
    }

    /// CONNECT of version 4 or 5, cleanly, without a keep-alive.
    pub fn connect(&mut self, version: u8, client: &str) {
        let mut body = vec![0, 4, b'M', b'Q', b'T', b'T', version, 2, 0, 0];
        if version == 5 {
            body.push(0);
        }
        body.extend((client.len() as u16).to_be_bytes());
        body.extend(client.as_bytes());
        let mut packet = vec![0x10, body.len() as u8];
        packet.extend(body);
        self.0.write_all(&packet).unwrap();
    }

    pub fn read(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.0.read_exact(&mut bytes).unwrap();
        bytes
    }

    /// All that comes until the other side closes.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // A reset is an end as well.
        let _ = self.0.read_to_end(&mut bytes);
        bytes
    }

    /// Connects in version 5, and reads CONNACK.
    pub fn join(port: u16, client: &str) -> Raw {
        let mut raw = Raw::to(port);
        raw.connect(5, client);
        let head = raw.read(2);
        assert_eq!(head[0], 0x20);
        let rest = raw.read(usize::from(head[1]));
        assert_eq!(rest[1], 0, "{rest:?}");
        raw
    }
}

/// A port that nobody listens on any more.
pub fn wait_free(port: u16) {
    wait_until("the port is free", || std::net::TcpListener::bind(("127.0.0.1", port)).is_ok());
}

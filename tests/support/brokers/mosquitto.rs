//! A Mosquitto of the test's own, and its command line clients.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::{PATIENCE, free_port, wait_until};

pub struct Mosquitto {
    pub port: u16,
    pub dir: tempfile::TempDir,
    process: Option<Child>,
}

impl Mosquitto {
    pub fn start() -> Mosquitto {
        Mosquitto::with("listener PORT 127.0.0.1\nallow_anonymous true\n")
    }

    /// With this configuration; PORT and DIR in it are filled in.
    pub fn with(config: &str) -> Mosquitto {
        Mosquitto::prepared(tempfile::tempdir().unwrap(), config, |_| {})
    }

    /// With files in its directory that its configuration names.
    pub fn prepared(dir: tempfile::TempDir, config: &str, prepare: impl FnOnce(&Path)) -> Mosquitto {
        prepare(dir.path());
        let mut broker = Mosquitto { port: free_port(), dir, process: None };
        broker.configure(config);
        broker.run();
        broker
    }

    pub fn configure(&self, config: &str) {
        let config = config
            .replace("PORT", &self.port.to_string())
            .replace("OTHER", &free_port().to_string())
            .replace("DIR", &self.path("").to_string_lossy());
        let store = self.path("");
        let text = format!(
            "per_listener_settings false\npersistence true\npersistence_location {}/\nlog_type all\nlog_timestamp false\n\
             max_queued_messages 100000\nsys_interval 0\n{config}",
            store.display()
        );
        std::fs::write(self.path("mosquitto.conf"), text).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn run(&mut self) {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.path("log")).unwrap();
        // Debian's package puts it where only root looks.
        let path = format!("{}:/usr/sbin:/usr/local/sbin", std::env::var("PATH").unwrap_or_default());
        let user = if is_root() { "root" } else { "" };
        let mut command = Command::new("mosquitto");
        command.env("PATH", path).arg("-c").arg(self.path("mosquitto.conf"));
        if !user.is_empty() {
            let config = self.path("mosquitto.conf");
            let text = std::fs::read_to_string(&config).unwrap();
            if !text.contains("\nuser ") {
                std::fs::write(&config, format!("{text}\nuser {user}\n")).unwrap();
            }
        }
        let process = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("mosquitto is installed: tests/install-missing broker");
        self.process = Some(process);
        let port = self.port;
        wait_until("mosquitto listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    }

    /// Stops it in order: it keeps its sessions.
    pub fn stop(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        let asked = Command::new("sh").args(["-c", "kill -s TERM $0", &process.id().to_string()]).status();
        assert!(asked.unwrap().success());
        process.wait().unwrap();
    }

    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.path("log")).unwrap_or_default()).into_owned()
    }

    pub fn logged(&self, part: &str) -> usize {
        self.log().matches(part).count()
    }

    /// Publishes with the command line client, and waits until it is done.
    pub fn publish(&self, arguments: &[&str]) {
        let port = self.port.to_string();
        let output = Command::new("mosquitto_pub")
            .args(["-h", "127.0.0.1", "-p", &port])
            .args(arguments)
            .output()
            .expect("mosquitto_pub is installed");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    pub fn subscribe(&self, arguments: &[&str]) -> Subscriber {
        Subscriber::start(self.port, arguments)
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.starts_with(b"0\n"))
}

/// A subscriber on the command line, and what it has printed.
pub struct Subscriber {
    process: Child,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Subscriber {
    /// Waits until the broker has answered its subscription.
    pub fn start(port: u16, arguments: &[&str]) -> Subscriber {
        let mut process = Command::new("stdbuf")
            .args(["-oL", "mosquitto_sub", "-d", "-h", "127.0.0.1", "-p", &port.to_string()])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("mosquitto_sub is installed");
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let out = process.stdout.take().unwrap();
        let sink = lines.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(out).split(b'\n').map_while(Result::ok) {
                sink.lock().unwrap().push(String::from_utf8_lossy(&line).into_owned());
            }
        });
        let subscriber = Subscriber { process, lines };
        wait_until("the subscriber has subscribed", || {
            subscriber.lines.lock().unwrap().iter().any(|line| line.contains("received SUBACK"))
        });
        subscriber
    }

    /// What came, without what the client says about itself.
    pub fn received(&self) -> Vec<String> {
        let lines = self.lines.lock().unwrap();
        let own = |line: &&String| !line.starts_with("Client ") && !line.starts_with("Subscribed (");
        lines.iter().filter(own).cloned().collect()
    }

    #[track_caller]
    pub fn wait_for(&self, count: usize) -> Vec<String> {
        let end = Instant::now() + PATIENCE;
        loop {
            let received = self.received();
            if received.len() >= count {
                return received;
            }
            assert!(Instant::now() < end, "only {} of {count} came: {received:?}", received.len());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

//! What the end-to-end tests share: the built program, run as a person would; and crashes of databases, computed.
// Each test file uses a part of it.
#![allow(dead_code, clippy::unwrap_used)]

pub mod expected;
pub mod faults;
pub mod images;
pub mod recorder;
pub mod recording;
pub mod small_disk;
pub mod workload;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How a command ended.
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// The built program, in the root of the source, with nothing of the caller's environment that it would read.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.args(arguments).current_dir(root()).stdin(Stdio::null());
    command.env_remove("RUST_LOG").env("NO_COLOR", "1");
    // Each run has a data directory of its own, unless the test names one.
    command.env("TIDEGATE_DATA", fresh_directory());
    // Many gateways at once, and one port that they would all listen on.
    command.env("TIDEGATE_LISTEN", "off");
    command
}

/// A directory that no other run has. Those of test processes that are gone are deleted.
fn fresh_directory() -> PathBuf {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let base = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    if n == 0 {
        for entry in std::fs::read_dir(base).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let gone =
                |pid: &str| !Path::new("/proc").join(pid).exists() || pid == std::process::id().to_string();
            if name.strip_prefix("data-").is_some_and(gone) {
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
    }
    base.join(format!("data-{}", std::process::id())).join(n.to_string())
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs the program to its end.
pub fn tidegate(arguments: &[&str]) -> Ended {
    ended(command(arguments).output().expect("the built program starts"))
}

pub fn ended(output: Output) -> Ended {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the program prints UTF-8");
    Ended {
        code: output.status.code().expect("the program is not killed by a signal"),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

/// The files of a folder of the source whose names end so, in order.
pub fn files(folder: &str, end: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(root().join(folder))
        .expect("the folder is there")
        .map(|entry| entry.expect("the folder can be read").path())
        .filter(|path| path.to_string_lossy().ends_with(end))
        .collect();
    files.sort();
    files
}

/// A program that runs on while the test looks at what it prints.
pub struct Running {
    child: Child,
    // Behind a lock, so that threads of a test may talk to one gateway.
    lines: Mutex<Receiver<String>>,
    seen: Vec<String>,
}

/// Long enough for a busy machine; a test that passes never waits so long.
pub const PATIENCE: Duration = Duration::from_secs(60);

impl Running {
    pub fn start(mut command: Command) -> Running {
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the built program starts");
        let (sender, lines) = channel();
        let streams: [Box<dyn std::io::Read + Send>; 2] =
            [Box::new(child.stdout.take().expect("piped")), Box::new(child.stderr.take().expect("piped"))];
        for stream in streams {
            let sender = sender.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    // The test may be over.
                    if sender.send(line).is_err() {
                        break;
                    }
                }
            });
        }
        Running { child, lines: Mutex::new(lines), seen: Vec::new() }
    }

    fn next_line(&mut self, end: Instant) -> Result<String, RecvTimeoutError> {
        let lines = self.lines.get_mut().expect("no panic holds it");
        lines.recv_timeout(end.saturating_duration_since(Instant::now()))
    }

    /// Waits for a line with this text that was not seen before, and gives it.
    #[track_caller]
    pub fn line_with(&mut self, text: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.next_line(end) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(error) => {
                    let why = match error {
                        RecvTimeoutError::Timeout => "in time",
                        RecvTimeoutError::Disconnected => "before its end",
                    };
                    panic!("no line with {text:?} {why}; it said:\n{}", self.seen.join("\n"));
                }
            }
        }
    }

    /// Of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// All that it has said.
    pub fn said(&mut self) -> String {
        self.seen.extend(self.lines.get_mut().expect("no panic holds it").try_iter());
        self.seen.join("\n")
    }

    /// Sends a signal: `TERM`, `HUP`.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        // The shell's own `kill`: not every small system has the program.
        let status = Command::new("sh").args(["-c", "kill -s $0 $1", name, &id]).status().expect("a shell");
        assert!(status.success(), "cannot send {name}");
    }

    /// Waits for its end, and gives its exit code and all that it said.
    #[track_caller]
    pub fn wait(mut self) -> (Option<i32>, String) {
        let end = Instant::now() + PATIENCE;
        // Its streams close when it ends.
        loop {
            match self.next_line(end) {
                Ok(line) => self.seen.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it runs on; it said:\n{}", self.seen.join("\n")),
            }
        }
        let status = self.child.wait().expect("a child can be waited for");
        (status.code(), self.seen.join("\n"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A test that failed half way leaves nothing running.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

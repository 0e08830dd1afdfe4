//! What a `lines out` sends to: it answers each line, and is at times away, silent or slow.

use std::collections::{BTreeMap, HashSet};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use crate::content;

pub struct Received {
    pub id: u64,
    pub intact: bool,
    pub name: Option<String>,
    pub at: Instant,
}

#[derive(Default)]
pub struct Receiver {
    pub all: Mutex<Vec<Received>>,
    /// Connections are closed, and new ones too.
    pub away: AtomicBool,
    /// It reads nothing and says nothing, and the connection stands: a cut that nobody is told of.
    pub silent: AtomicBool,
    /// Ids that are multiples of this are refused; 0 refuses none.
    pub refuse: AtomicU64,
    /// This id is refused; 0 is none.
    pub refuse_only: AtomicU64,
    pub connections: AtomicU64,
    refused: Mutex<BTreeMap<u64, Instant>>,
    /// Microseconds that each line takes.
    pub slow: AtomicU64,
}

impl Receiver {
    pub fn start(port: u16) -> Arc<Receiver> {
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port was free a moment ago");
        let receiver = Arc::new(Receiver::default());
        let it = receiver.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                it.connections.fetch_add(1, Ordering::Relaxed);
                let it = it.clone();
                std::thread::spawn(move || it.serve(&stream));
            }
        });
        receiver
    }

    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// All that were refused at some time, and since when.
    pub fn refused(&self) -> BTreeMap<u64, Instant> {
        self.refused.lock().expect("as below").clone()
    }

    /// How many different ones.
    pub fn distinct(&self) -> usize {
        self.lock().iter().map(|one| one.id).collect::<HashSet<_>>().len()
    }

    pub fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Received>> {
        self.all.lock().expect("no thread of the receiver panics")
    }

    fn serve(&self, stream: &TcpStream) {
        let _ = stream.set_nodelay(true);
        let _ = stream.set_read_timeout(Some(Duration::from_millis(50)));
        let mut reader = BufReader::new(stream);
        let (mut line, mut number) = (String::new(), 0);
        loop {
            if self.away.load(Ordering::Relaxed) {
                return;
            }
            if self.silent.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(5));
                continue;
            }
            // What is there of a line stays in `line` when the time is over.
            match reader.read_line(&mut line) {
                Ok(0) => return,
                Ok(_) if line.ends_with('\n') => {}
                Ok(_) => continue,
                Err(error)
                    if matches!(
                        error.kind(),
                        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                    ) =>
                {
                    continue;
                }
                Err(_) => return,
            }
            number += 1;
            let answer = self.take(&line, number);
            line.clear();
            let mut out = stream;
            if out.write_all(answer.as_bytes()).is_err() {
                return;
            }
            match self.slow.load(Ordering::Relaxed) {
                0 => {}
                micros => std::thread::sleep(Duration::from_micros(micros)),
            }
        }
    }

    fn take(&self, line: &str, number: u64) -> String {
        let message: Json = serde_json::from_str(line).unwrap_or(Json::Null);
        let Some(id) = content::id_of(&message) else { return format!("no {number} it has no id\n") };
        let refuse = self.refuse.load(Ordering::Relaxed);
        let only = self.refuse_only.load(Ordering::Relaxed);
        if (refuse > 0 && id.is_multiple_of(refuse)) || id == only {
            self.refused.lock().expect("as below").entry(id).or_insert_with(Instant::now);
            return format!("no {number} refused by the test\n");
        }
        let name = message["_name"].as_str().map(str::to_string);
        self.lock().push(Received { id, intact: content::is_intact(&message, id), name, at: Instant::now() });
        format!("ok {number}\n")
    }
}

//! Sends messages to a `lines in`, and what is not acknowledged again after a reconnect, in order.

use std::collections::{BTreeSet, VecDeque};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::content;

/// So many lines are unanswered at most.
pub const WINDOW: usize = 500;

#[derive(Default)]
pub struct Load {
    state: Mutex<State>,
    answered: Condvar,
    /// Messages a second.
    pub rate: AtomicU64,
    /// No new messages, but the old ones until they are acknowledged.
    pub finish: AtomicBool,
    pub stop: AtomicBool,
}

#[derive(Default)]
struct State {
    next: u64,
    /// Sent and not acknowledged, in order.
    open: BTreeSet<u64>,
    acknowledged: BTreeSet<u64>,
    /// When each was sent first: that of id 1 stands first.
    sent_at: Vec<Instant>,
    resent: u64,
    /// Which id each line of this connection had, from `first` on.
    lines: VecDeque<u64>,
    first: u64,
    connection: u64,
    broken: bool,
}

impl Load {
    pub fn start(port: u16, rate: u64) -> (Arc<Load>, JoinHandle<()>) {
        let load = Arc::new(Load::default());
        load.rate.store(rate, Ordering::Relaxed);
        let it = load.clone();
        (load, std::thread::spawn(move || it.run(port)))
    }

    pub fn acknowledged(&self) -> BTreeSet<u64> {
        self.lock().acknowledged.clone()
    }

    pub fn open(&self) -> usize {
        self.lock().open.len()
    }

    /// Sent so far, and how many of those once more.
    pub fn sent(&self) -> (u64, u64) {
        let state = self.lock();
        (state.next, state.resent)
    }

    pub fn sent_at(&self) -> Vec<Instant> {
        self.lock().sent_at.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no thread of the load panics")
    }

    fn run(self: &Arc<Load>, port: u16) {
        while !self.stop.load(Ordering::Relaxed) {
            let Ok(stream) = TcpStream::connect(("127.0.0.1", port)) else {
                std::thread::sleep(Duration::from_millis(10));
                continue;
            };
            // A gateway that is killed breaks the connection; one that hangs must not hang the load.
            let _ = stream.set_write_timeout(Some(Duration::from_secs(5)));
            let _ = stream.set_nodelay(true);
            let Ok(reader) = stream.try_clone() else { continue };
            let connection = {
                let mut state = self.lock();
                state.connection += 1;
                state.lines.clear();
                (state.first, state.broken) = (1, false);
                state.connection
            };
            let it = self.clone();
            let answers = std::thread::spawn(move || it.read(reader, connection));
            self.write(&stream);
            let _ = stream.shutdown(std::net::Shutdown::Both);
            let _ = answers.join();
        }
    }

    fn write(&self, mut stream: &TcpStream) {
        let again: Vec<u64> = self.lock().open.iter().copied().collect();
        self.lock().resent += again.len() as u64;
        for ids in again.chunks(50) {
            if !self.send(&mut stream, ids) {
                return;
            }
        }
        let mut due = Instant::now();
        loop {
            let mut ids = Vec::new();
            {
                let mut state = self.lock();
                let full = |state: &State| state.open.len() >= WINDOW && !state.broken;
                while full(&state) && !self.stop.load(Ordering::Relaxed) {
                    state = self.answered.wait_timeout(state, Duration::from_millis(50)).expect("as above").0;
                }
                if state.broken || self.stop.load(Ordering::Relaxed) {
                    return;
                }
                if self.finish.load(Ordering::Relaxed) {
                    drop(self.answered.wait_timeout(state, Duration::from_millis(20)));
                    continue;
                }
                for _ in 0..10 {
                    state.next += 1;
                    let id = state.next;
                    state.open.insert(id);
                    state.sent_at.push(Instant::now());
                    ids.push(id);
                }
            }
            if !self.send(&mut stream, &ids) {
                return;
            }
            due = due.max(Instant::now() - Duration::from_millis(100))
                + Duration::from_secs(10) / self.rate.load(Ordering::Relaxed).max(1) as u32;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    }

    fn send(&self, stream: &mut &TcpStream, ids: &[u64]) -> bool {
        self.lock().lines.extend(ids);
        let text: String = ids.iter().map(|id| content::line(*id)).collect();
        stream.write_all(text.as_bytes()).is_ok() && !self.lock().broken
    }

    fn read(&self, stream: TcpStream, connection: u64) {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let mut words = line.split(' ');
            let (Some(word), Some(number)) = (words.next(), words.next().and_then(|n| n.parse::<u64>().ok()))
            else {
                eprintln!("checker: an answer that is none: {line}");
                continue;
            };
            if number == 0 {
                // The gateway has no place for this connection yet: it is closed now.
                continue;
            }
            let mut state = self.lock();
            // Answers come in order, one a line.
            assert_eq!(number, state.first, "an answer out of order: {line}");
            state.first += 1;
            let id = state.lines.pop_front().expect("there is no answer without a line");
            if word == "ok" {
                state.open.remove(&id);
                state.acknowledged.insert(id);
            }
            drop(state);
            self.answered.notify_all();
        }
        let mut state = self.lock();
        if state.connection == connection {
            state.broken = true;
        }
        drop(state);
        self.answered.notify_all();
    }
}

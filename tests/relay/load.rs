//! Publishes numbered messages, and what is not acknowledged again after a reconnect, in order; and hears what comes back.

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::packets::{self, Packet, Reader};

/// So many messages are with the broker at a time.
const WINDOW: usize = 500;
/// So far the load may be ahead of what has come back: what the broker keeps in memory is bounded by it.
const AHEAD: u64 = 3_000;

/// Messages of one key keep their order. The number is there so that the broker's own log names it.
fn topic(id: u64) -> String {
    format!("up/k{}/{id}", id % 16)
}

/// Everything in a message can be computed from its number.
fn payload(id: u64) -> Json {
    json!({"id": id, "text": format!("{:0128x}", u128::from(id) * 0x9e37_79b9_7f4a_7c15)})
}

/// One message that came back.
pub struct Back {
    pub id: u64,
    /// The name that it had on the way.
    pub name: String,
    pub is_intact: bool,
}

#[derive(Default)]
pub struct Load {
    pub count: u64,
    port: u16,
    /// What the broker has not acknowledged yet, by its number.
    open: Mutex<BTreeMap<u64, u16>>,
    changed: Condvar,
    pub resent: AtomicU64,
    pub acknowledged: AtomicU64,
    pub back: Mutex<Vec<Back>>,
    /// Different numbers among those.
    pub distinct: AtomicU64,
    seen: Mutex<Vec<bool>>,
    stop: AtomicBool,
}

pub struct Running {
    pub load: Arc<Load>,
    threads: Vec<JoinHandle<()>>,
}

impl Running {
    pub fn start(port: u16, count: u64) -> Running {
        let load = Arc::new(Load {
            count,
            port,
            seen: Mutex::new(vec![false; count as usize + 1]),
            ..Load::default()
        });
        let (publisher, receiver) = (load.clone(), load.clone());
        let threads = vec![
            std::thread::spawn(move || receiver.receive_all()),
            std::thread::spawn(move || publisher.publish_all()),
        ];
        Running { load, threads }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.load.stop.store(true, Relaxed);
        // One that has failed has said why.
        self.threads.drain(..).for_each(|thread| drop(thread.join()));
    }
}

impl Load {
    /// What has not come back, from where to where.
    pub fn missing(&self) -> Vec<(u64, u64)> {
        let seen = self.seen.lock().unwrap();
        let mut all: Vec<(u64, u64)> = Vec::new();
        for id in (1..=self.count).filter(|id| !seen[*id as usize]) {
            match all.last_mut() {
                Some((_, last)) if *last + 1 == id => *last = id,
                _ => all.push((id, id)),
            }
        }
        all
    }

    fn stopped(&self) -> bool {
        self.stop.load(Relaxed)
    }

    fn publish_all(self: &Arc<Load>) {
        let mut next = 1;
        while !self.stopped() && (next <= self.count || !self.open.lock().unwrap().is_empty()) {
            let Ok((reader, stream)) = packets::connect(self.port, "load") else {
                std::thread::sleep(Duration::from_millis(20));
                continue;
            };
            let (it, broken) = (self.clone(), Arc::new(AtomicBool::new(false)));
            let is_broken = broken.clone();
            let answers = std::thread::spawn(move || it.hear(reader, &is_broken));
            self.write(&stream, &mut next, &broken);
            // What is over is over, whichever side ended it.
            let _ = stream.shutdown(std::net::Shutdown::Both);
            answers.join().unwrap();
        }
    }

    fn write(&self, mut stream: &TcpStream, next: &mut u64, broken: &AtomicBool) {
        let again: Vec<(u64, u16)> = self.open.lock().unwrap().iter().map(|(id, pid)| (*id, *pid)).collect();
        self.resent.fetch_add(again.len() as u64, Relaxed);
        let mut bytes = Vec::new();
        again.iter().for_each(|(id, pid)| append(&mut bytes, *id, *pid, true));
        loop {
            if std::io::Write::write_all(&mut stream, &bytes).is_err() {
                return;
            }
            bytes.clear();
            let mut open = self.open.lock().unwrap();
            while bytes.is_empty() {
                if self.stopped() || broken.load(Relaxed) || (*next > self.count && open.is_empty()) {
                    return;
                }
                let ahead = next.saturating_sub(self.distinct.load(Relaxed));
                for _ in 0..50 {
                    if *next > self.count || open.len() >= WINDOW || ahead >= AHEAD {
                        break;
                    }
                    // The window is far smaller than the numbers that there are.
                    let pid = (*next % 60_000) as u16 + 1;
                    open.insert(*next, pid);
                    append(&mut bytes, *next, pid, false);
                    *next += 1;
                }
                if bytes.is_empty() {
                    open = self.changed.wait_timeout(open, Duration::from_millis(20)).unwrap().0;
                }
            }
        }
    }

    fn hear(&self, mut reader: Reader, broken: &AtomicBool) {
        while let Ok(packet) = reader.next() {
            let Packet::Acknowledged(pid) = packet else { continue };
            let mut open = self.open.lock().unwrap();
            let id = open.iter().find(|(_, open)| **open == pid).map(|(id, _)| *id);
            if id.is_some_and(|id| open.remove(&id).is_some()) {
                self.acknowledged.fetch_add(1, Relaxed);
            }
            self.changed.notify_all();
        }
        broken.store(true, Relaxed);
        self.changed.notify_all();
    }

    fn receive_all(&self) {
        while !self.stopped() {
            let connected = packets::connect(self.port, "receiver").and_then(|(reader, mut stream)| {
                packets::subscribe(&mut stream, "down/#")?;
                self.receive(reader, &stream)
            });
            if connected.is_err() {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }

    fn receive(&self, mut reader: Reader, mut stream: &TcpStream) -> std::io::Result<()> {
        let mut answers = Vec::new();
        while !self.stopped() {
            if let Packet::Publish { id, payload } = reader.next()? {
                self.take(&payload);
                packets::acknowledge(&mut answers, id);
            }
            if !reader.has_more() {
                std::io::Write::write_all(&mut stream, &answers)?;
                answers.clear();
            }
        }
        Ok(())
    }

    fn take(&self, bytes: &[u8]) {
        let message: Json = serde_json::from_slice(bytes).unwrap_or_default();
        let id = message["id"].as_u64().unwrap_or(0);
        let is_intact = message["text"] == payload(id)["text"] && message["via"] == "mqtt";
        let name = message["name"].as_str().unwrap_or_default().to_string();
        if let Some(seen) = self.seen.lock().unwrap().get_mut(id as usize)
            && !std::mem::replace(seen, true)
        {
            self.distinct.fetch_add(1, Relaxed);
        }
        self.back.lock().unwrap().push(Back { id, name, is_intact });
    }
}

fn append(bytes: &mut Vec<u8>, id: u64, pid: u16, again: bool) {
    packets::publish(bytes, pid, again, &topic(id), payload(id).to_string().as_bytes());
}

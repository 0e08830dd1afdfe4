//! A gateway under load with its receivers, and how it comes to its end.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use crate::Arguments;
use crate::content;
use crate::gateway::{self, Gateway, Sink};
use crate::load::Load;
use crate::receive::Receiver;
use crate::verdict::{Known, Verdict};

pub struct Run {
    pub gateway: Gateway,
    pub load: Arc<Load>,
    sender: Option<std::thread::JoinHandle<()>>,
    /// Of the first sink.
    pub receiver: Arc<Receiver>,
    /// Of the second, where there is one.
    pub second: Option<Arc<Receiver>>,
    pub sinks: Vec<Sink>,
    /// How much was received at each kill.
    kills: Vec<usize>,
    seed: u64,
}

impl Run {
    /// With a sink `out`, or with `out` and `second`.
    pub fn new(arguments: &Arguments, outboxes: &[Json], delivery: &str) -> Run {
        Run::of(arguments, outboxes, |gateway, sinks| gateway.flow(sinks, delivery))
    }

    pub fn of(arguments: &Arguments, outboxes: &[Json], flow: impl Fn(&Gateway, &[Sink]) -> Json) -> Run {
        let ids = ["out", "second"];
        let sinks: Vec<Sink> = outboxes
            .iter()
            .zip(ids)
            .map(|(outbox, id)| Sink { id, port: gateway::free_port(), outbox: outbox.clone() })
            .collect();
        let mut receivers = sinks.iter().map(|sink| Receiver::start(sink.port));
        let receiver = receivers.next().expect("a sink at least");
        let second = receivers.next();
        let mut gateway = Gateway::new(&arguments.program, &arguments.folder());
        gateway.write_flow(&flow(&gateway, &sinks));
        gateway.start();
        gateway.wait();
        let (load, sender) = Load::start(gateway.input, 2_000);
        let (sender, kills, seed) = (Some(sender), Vec::new(), arguments.seed);
        Run { gateway, load, sender, receiver, second, sinks, kills, seed }
    }

    pub fn random(&mut self, from: u64, to: u64) -> u64 {
        from + content::mix(&mut self.seed) % (to - from)
    }

    pub fn kill(&mut self) {
        self.gateway.kill();
        self.kills.push(self.receiver.count());
        self.gateway.start();
    }

    /// Lets everything come to its end: all acknowledged, and all delivered that will be.
    pub fn settle(&mut self, expected: impl Fn(&BTreeSet<u64>) -> usize) {
        self.load.finish.store(true, Relaxed);
        self.receiver.away.store(false, Relaxed);
        self.receiver.silent.store(false, Relaxed);
        wait("all is acknowledged", Duration::from_secs(60), || self.load.open() == 0);
        let expected = expected(&self.load.acknowledged());
        for receiver in [Some(&self.receiver), self.second.as_ref()].into_iter().flatten() {
            // While something comes there is hope.
            let mut quiet = (receiver.count(), Instant::now());
            while receiver.distinct() < expected && quiet.1.elapsed() < Duration::from_secs(20) {
                std::thread::sleep(Duration::from_millis(50));
                let now = receiver.count();
                if now != quiet.0 {
                    quiet = (now, Instant::now());
                }
            }
        }
        self.load.stop.store(true, Relaxed);
        if let Some(sender) = self.sender.take() {
            // It ends by itself when there is nothing more to send.
            let _ = sender.join();
        }
    }

    /// Of the first sink: what the checker says, and whether all balances hold.
    pub fn verdict(&mut self, what: &str, late: &BTreeSet<u64>) -> (Verdict, bool) {
        let verdict = self.verdict_of(&self.receiver, late);
        verdict.say(what);
        self.gateway.stop();
        let (balanced, lines) = self.gateway.ask(&["outbox", "ls", "--check"]);
        for line in &lines {
            println!("  {} {}", line["queue"].as_str().unwrap_or_default(), line["balance"]);
        }
        (verdict, balanced)
    }

    pub fn verdict_of(&self, receiver: &Receiver, late: &BTreeSet<u64>) -> Verdict {
        let acknowledged = self.load.acknowledged();
        let (sent, _) = self.load.sent();
        Verdict::of(&receiver.lock(), &Known { acknowledged: &acknowledged, sent, kills: &self.kills, late })
    }
}

pub fn wait(what: &str, limit: Duration, so: impl Fn() -> bool) {
    let end = Instant::now() + limit;
    while !so() {
        assert!(Instant::now() < end, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

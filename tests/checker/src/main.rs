//! `checker GATEWAY SCENARIO [--kills N] [--seed N] [--seconds N]`: loads a real gateway, breaks what is around it, and
//! decides from outside whether anything that was acknowledged is lost. It knows nothing of the gateway's code.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "what it prints is its result")]

mod content;
mod gateway;
mod load;
mod receive;
mod verdict;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use gateway::Gateway;
use load::Load;
use receive::Receiver;
use verdict::Verdict;

struct Run {
    gateway: Gateway,
    load: Arc<Load>,
    sender: Option<std::thread::JoinHandle<()>>,
    receiver: Arc<Receiver>,
    seed: u64,
}

struct Arguments {
    program: PathBuf,
    scenario: String,
    kills: u64,
    seed: u64,
    seconds: u64,
}

fn main() -> ExitCode {
    let Some(arguments) = Arguments::read() else {
        eprintln!(
            "checker GATEWAY kill|kill-offline|flaps|poison|slow|control [--kills N] [--seed N] [--seconds N]"
        );
        return ExitCode::from(2);
    };
    println!("{} with seed {}", arguments.scenario, arguments.seed);
    let well = match arguments.scenario.as_str() {
        "kill" => kill(&arguments, &json!({"mode": "always"}), "at-least-once", false),
        "kill-offline" => {
            kill(&arguments, &json!({"mode": "offline", "slow_messages": 64}), "at-least-once", true)
        }
        // A setting that may lose: the checker must see it.
        "control" => !kill(&arguments, &json!({"mode": "off"}), "at-most-once", false),
        "flaps" => flaps(&arguments),
        "poison" => poison(&arguments),
        "slow" => slow(&arguments),
        other => {
            eprintln!("there is no scenario {other}");
            false
        }
    };
    if well {
        let _ = std::fs::remove_dir_all(arguments.folder());
    } else {
        println!("  the run is kept in {}", arguments.folder().display());
    }
    println!("{}", if well { "1 passed, 0 failed" } else { "0 passed, 1 failed" });
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Arguments {
    fn folder(&self) -> PathBuf {
        std::env::temp_dir().join(format!("tidegate-checker-{}-{}", self.scenario, std::process::id()))
    }

    fn read() -> Option<Arguments> {
        let mut words = std::env::args().skip(1);
        let (program, scenario) = (words.next()?.into(), words.next()?);
        let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).ok()?.subsec_nanos();
        let mut arguments = Arguments { program, scenario, kills: 10, seed: u64::from(nanos), seconds: 8 };
        while let Some(word) = words.next() {
            let number = words.next()?.parse().ok()?;
            match word.as_str() {
                "--kills" => arguments.kills = number,
                "--seed" => arguments.seed = number,
                "--seconds" => arguments.seconds = number,
                _ => return None,
            }
        }
        Some(arguments)
    }
}

impl Run {
    fn new(arguments: &Arguments, outbox: &Json, delivery: &str) -> Run {
        let folder = arguments.folder();
        let output = gateway::free_port();
        let receiver = Receiver::start(output);
        let mut gateway = Gateway::new(&arguments.program, &folder, output, outbox, delivery);
        gateway.start();
        gateway.wait();
        let (load, sender) = Load::start(gateway.input, 2_000);
        Run { gateway, load, sender: Some(sender), receiver, seed: arguments.seed }
    }

    fn random(&mut self, from: u64, to: u64) -> u64 {
        from + content::mix(&mut self.seed) % (to - from)
    }

    /// Lets everything come to its end: all acknowledged, and all delivered that will be.
    fn settle(&mut self, expected: impl Fn(&BTreeSet<u64>) -> usize) {
        self.load.finish.store(true, Relaxed);
        self.receiver.away.store(false, Relaxed);
        self.receiver.silent.store(false, Relaxed);
        wait("all is acknowledged", Duration::from_secs(60), || self.load.open() == 0);
        let acknowledged = self.load.acknowledged();
        let expected = expected(&acknowledged);
        let distinct = || {
            let received = self.receiver.lock();
            received.iter().map(|one| one.id).collect::<BTreeSet<_>>().len()
        };
        let mut quiet = (self.receiver.count(), Instant::now());
        while distinct() < expected && quiet.1.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(50));
            let now = self.receiver.count();
            if now != quiet.0 {
                quiet = (now, Instant::now());
            }
        }
        self.load.stop.store(true, Relaxed);
        if let Some(sender) = self.sender.take() {
            // It ends by itself when there is nothing more to send.
            let _ = sender.join();
        }
    }

    fn verdict(&mut self, what: &str, late: &BTreeSet<u64>) -> (Verdict, bool) {
        let accounted = BTreeSet::new();
        let verdict = Verdict::of(&self.load.acknowledged(), &self.receiver.lock(), &accounted, late);
        verdict.say(what);
        self.gateway.stop();
        let (balanced, lines) = self.gateway.ask(&["outbox", "ls", "--check"]);
        for line in &lines {
            println!("  {} {}", line["queue"].as_str().unwrap_or_default(), line["balance"]);
        }
        (verdict, balanced)
    }
}

fn passing(acknowledged: &BTreeSet<u64>) -> usize {
    acknowledged.iter().filter(|id| content::passes(**id)).count()
}

fn wait(what: &str, limit: Duration, so: impl Fn() -> bool) {
    let end = Instant::now() + limit;
    while !so() {
        assert!(Instant::now() < end, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Row 1: killed at random moments under load; `comes_and_goes`: the receiver too.
fn kill(arguments: &Arguments, outbox: &Json, delivery: &str, comes_and_goes: bool) -> bool {
    let mut run = Run::new(arguments, outbox, delivery);
    if delivery == "at-most-once" {
        // So that something is in memory when it is killed.
        run.receiver.slow.store(2_000, Relaxed);
    }
    for n in 0..arguments.kills {
        let rate = run.random(500, 5_000);
        run.load.rate.store(rate, Relaxed);
        // Some die at once, while they look over what the one before left.
        let lives = if n % 5 == 4 { run.random(1, 60) } else { run.random(150, 900) };
        let until = Instant::now() + Duration::from_millis(lives);
        while Instant::now() < until {
            if comes_and_goes {
                let away = run.random(0, 3) == 0;
                run.receiver.away.store(away, Relaxed);
            }
            let nap = Duration::from_millis(run.random(20, 120));
            std::thread::sleep(nap.min(until.saturating_duration_since(Instant::now())));
        }
        run.gateway.kill();
        run.gateway.start();
        if n % 5 != 3 {
            run.gateway.wait();
        }
    }
    run.gateway.wait();
    run.receiver.slow.store(0, Relaxed);
    run.settle(passing);
    let (verdict, balanced) = run.verdict(&format!("{} kills", arguments.kills), &BTreeSet::new());
    // What was under way at a kill is sent again by the load, and what was in the receiver's hands by the gateway.
    let most = arguments.kills as usize * (load::WINDOW + 1_000);
    println!(
        "  {:.1} repeated a kill; {:?} sent, sent again",
        verdict.repeated as f64 / arguments.kills as f64,
        run.load.sent()
    );
    verdict.is_well() && balanced && verdict.repeated <= most
}

/// Row 6: the receiver comes and goes, and at times says nothing while the connection stands.
fn flaps(arguments: &Arguments) -> bool {
    let mut run = Run::new(arguments, &json!({"mode": "offline", "slow_ms": 200}), "at-least-once");
    let end = Instant::now() + Duration::from_secs(arguments.seconds);
    while Instant::now() < end {
        let what = run.random(0, 3);
        run.receiver.away.store(what == 0, Relaxed);
        run.receiver.silent.store(what == 1, Relaxed);
        let nap = run.random(100, 1_500);
        std::thread::sleep(Duration::from_millis(nap));
    }
    run.settle(passing);
    let (verdict, balanced) = run.verdict("flaps", &BTreeSet::new());
    verdict.is_well() && balanced
}

/// Row 11: some are refused for good: dead letters with the reason, the others pass, and later they are sent again.
fn poison(arguments: &Arguments) -> bool {
    const EVERY: u64 = 1_000;
    let mut run = Run::new(arguments, &json!({"mode": "always"}), "at-least-once");
    run.receiver.refuse.store(EVERY, Relaxed);
    std::thread::sleep(Duration::from_secs(arguments.seconds));
    let refused = |ids: &BTreeSet<u64>| -> BTreeSet<u64> {
        ids.iter().copied().filter(|id| id.is_multiple_of(EVERY) && content::passes(*id)).collect()
    };
    run.settle(|ids| passing(ids) - refused(ids).len());
    let expected = refused(&run.load.acknowledged());
    let dead = || -> BTreeSet<u64> {
        let (_, lines) = run.gateway.ask(&["outbox", "dead"]);
        let reason = |line: &Json| line.to_string().contains("refused by the test");
        lines.iter().filter(|line| reason(line)).filter_map(find_id).collect()
    };
    wait("the dead letters are there", Duration::from_secs(10), || dead() == expected);
    println!("  {} dead letters", expected.len());
    run.receiver.refuse.store(0, Relaxed);
    let (retried, _) = run.gateway.ask(&["outbox", "retry", "out"]);
    let all = passing(&run.load.acknowledged());
    wait("what was retried is delivered", Duration::from_secs(20), || {
        run.receiver.lock().iter().map(|one| one.id).collect::<BTreeSet<_>>().len() == all
    });
    let (verdict, balanced) = run.verdict("poison", &expected);
    retried && !expected.is_empty() && verdict.is_well() && balanced
}

fn find_id(line: &Json) -> Option<u64> {
    match line {
        Json::Object(object) => {
            object.get("id").and_then(Json::as_u64).or_else(|| object.values().find_map(find_id))
        }
        _ => None,
    }
}

/// Row 9: a receiver at a hundredth of the input; the source is not held up, and memory stays.
fn slow(arguments: &Arguments) -> bool {
    let mut run = Run::new(arguments, &json!({"mode": "offline"}), "at-least-once");
    run.load.rate.store(5_000, Relaxed);
    run.receiver.slow.store(20_000, Relaxed);
    let half = Duration::from_secs(arguments.seconds) / 2;
    std::thread::sleep(half);
    let (before, sent) = (run.gateway.memory(), run.load.acknowledged().len());
    std::thread::sleep(half);
    let (after, later) = (run.gateway.memory(), run.load.acknowledged().len());
    println!("  memory {} and {} MB; {sent} and {later} acknowledged", before / 1_000_000, after / 1_000_000);
    run.receiver.slow.store(0, Relaxed);
    run.settle(passing);
    let (verdict, balanced) = run.verdict("slow", &BTreeSet::new());
    let steady = after < 100_000_000 && after < before + 16_000_000;
    verdict.is_well() && balanced && steady && later > sent
}

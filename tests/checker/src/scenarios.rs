//! What is broken around a gateway, by the rows of DURABILITY.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use crate::Arguments;
use crate::content;
use crate::load;
use crate::once;
use crate::receive::Receiver;
use crate::run::{Run, wait};
use crate::verdict::IN_FLIGHT;

const AT_LEAST_ONCE: &str = "at-least-once";

pub fn passing(acknowledged: &BTreeSet<u64>) -> usize {
    acknowledged.iter().filter(|id| content::passes(**id)).count()
}

pub fn none() -> BTreeSet<u64> {
    BTreeSet::new()
}

/// Row 1, all through the outbox.
pub fn kill(arguments: &Arguments) -> bool {
    let mut run = Run::new(arguments, &[json!({"mode": "always"})], AT_LEAST_ONCE);
    killed(arguments, &mut run, 900, false)
}

/// Row 1, with switches between memory and disk: the receiver comes and goes.
pub fn kill_offline(arguments: &Arguments) -> bool {
    let mut run = Run::new(arguments, &[json!({"mode": "offline", "slow_messages": 64})], AT_LEAST_ONCE);
    killed(arguments, &mut run, 900, true)
}

/// Row 1, with so much data that segments are begun and dropped all the time.
pub fn kill_rolls(arguments: &Arguments) -> bool {
    content::set_payload_bytes(8_000);
    let mut run = Run::new(arguments, &[json!({"mode": "always"})], AT_LEAST_ONCE);
    killed(arguments, &mut run, 2_500, true)
}

/// A setting that may lose what is in memory: the checker must see that it does.
pub fn control(arguments: &Arguments) -> bool {
    let mut run = Run::new(arguments, &[json!({"mode": "off"})], "at-most-once");
    // So that something is in memory when it is killed.
    run.receiver.slow.store(2_000, Relaxed);
    kills(arguments, &mut run, 900, false);
    let (verdict, _) = run.verdict("at most once, under kills", &none());
    !verdict.lost.is_empty()
}

fn killed(arguments: &Arguments, run: &mut Run, longest: u64, comes_and_goes: bool) -> bool {
    kills(arguments, run, longest, comes_and_goes);
    let (verdict, balanced) = run.verdict(&format!("{} kills", arguments.kills), &none());
    let (sent, resent) = run.load.sent();
    println!(
        "  {:.1} repeated a kill, {} at most; {sent} sent, {resent} of them again",
        verdict.repeated as f64 / arguments.kills.max(1) as f64,
        verdict.repeated_at_most,
    );
    // What was under way at a kill is sent again by the load, and what was in the receiver's hands by the gateway.
    let by_load = arguments.kills as usize * load::WINDOW;
    verdict.is_well() && balanced && verdict.sent_again <= by_load && verdict.repeated_at_most <= IN_FLIGHT
}

/// Killed at random moments under load.
pub fn kills(arguments: &Arguments, run: &mut Run, longest: u64, comes_and_goes: bool) {
    for n in 0..arguments.kills {
        let rate = run.random(500, 5_000);
        run.load.rate.store(rate, Relaxed);
        // Some die at once, while they look over what the one before left.
        let lives = if n % 5 == 4 { run.random(1, 60) } else { run.random(150, longest) };
        let until = Instant::now() + Duration::from_millis(lives);
        while Instant::now() < until {
            if comes_and_goes {
                let away = run.random(0, 3) == 0;
                run.receiver.away.store(away, Relaxed);
            }
            let nap = Duration::from_millis(run.random(20, 120));
            std::thread::sleep(nap.min(until.saturating_duration_since(Instant::now())));
        }
        run.kill();
        if n % 5 != 3 {
            run.gateway.wait();
        }
    }
    run.gateway.wait();
    run.receiver.slow.store(0, Relaxed);
    run.settle(passing);
}

/// Row 1 where one message is tried again and again: what went out behind it must not all come again after a kill.
pub fn stuck(arguments: &Arguments) -> bool {
    const NTH: u64 = 101;
    let outbox = json!({"mode": "always", "retry": {"attempts": 1_000, "wait": 60}});
    let mut run = Run::new(arguments, &[outbox], AT_LEAST_ONCE);
    run.receiver.refuse_only.store(NTH, Relaxed);
    let receiver = run.receiver.clone();
    let mut behind = 0;
    for _ in 0..arguments.kills {
        behind += 5_000;
        wait("thousands are delivered behind it", Duration::from_secs(60), || receiver.distinct() > behind);
        run.kill();
        run.gateway.wait();
    }
    // The next start tries it again at once.
    run.receiver.refuse_only.store(0, Relaxed);
    run.kill();
    run.gateway.wait();
    run.settle(passing);
    let (verdict, balanced) = run.verdict("one is stuck", &BTreeSet::from([NTH]));
    println!("  {} at most repeated a kill", verdict.repeated_at_most);
    verdict.is_well() && balanced && verdict.repeated_at_most <= 2 * IN_FLIGHT
}

/// Row 6: the receiver comes and goes, and at times says nothing while the connection stands.
pub fn flaps(arguments: &Arguments) -> bool {
    let mut run = Run::new(arguments, &[json!({"mode": "offline", "slow_ms": 200})], AT_LEAST_ONCE);
    let (receiver, load) = (run.receiver.clone(), run.load.clone());
    // A silent cut in the middle of a drain.
    receiver.away.store(true, Relaxed);
    wait("there is a backlog", Duration::from_secs(30), || load.acknowledged().len() > 5_000);
    let before = receiver.count();
    receiver.away.store(false, Relaxed);
    wait("it drains", Duration::from_secs(30), || receiver.count() > before + 300);
    receiver.silent.store(true, Relaxed);
    let connections = receiver.connections.load(Relaxed);
    wait("the gateway gives the connection up", Duration::from_secs(30), || {
        receiver.connections.load(Relaxed) > connections
    });
    receiver.silent.store(false, Relaxed);
    let end = Instant::now() + Duration::from_secs(arguments.seconds);
    while Instant::now() < end {
        let what = run.random(0, 3);
        receiver.away.store(what == 0, Relaxed);
        receiver.silent.store(what == 1, Relaxed);
        let nap = run.random(100, 1_500);
        std::thread::sleep(Duration::from_millis(nap));
    }
    run.settle(passing);
    let (verdict, balanced) = run.verdict("flaps", &none());
    verdict.is_well() && balanced && verdict.sent_again == 0
}

/// Row 11: some are refused for good: dead letters with the reason, the others pass, and later they are sent again.
pub fn poison(arguments: &Arguments) -> bool {
    const EVERY: u64 = 10_000;
    let mut run = Run::new(arguments, &[json!({"mode": "always"})], AT_LEAST_ONCE);
    run.load.rate.store(5_000, Relaxed);
    run.receiver.refuse.store(EVERY, Relaxed);
    let receiver = run.receiver.clone();
    wait("one is refused", Duration::from_secs(30), || !receiver.refused().is_empty());
    let first = receiver.refused().into_values().next().expect("there is one");
    wait("it is among the dead letters", Duration::from_secs(30), || {
        run.gateway.ask(&["outbox", "dead"]).1.iter().any(|line| find_id(line).is_some())
    });
    println!("  {} ms from the refusal until the command shows the letter", first.elapsed().as_millis());
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
    wait("what was retried is delivered", Duration::from_secs(20), || run.receiver.distinct() == all);
    let (verdict, balanced) = run.verdict("poison", &expected);
    retried && !expected.is_empty() && verdict.is_well() && balanced
}

pub fn find_id(line: &Json) -> Option<u64> {
    match line {
        Json::Object(object) => {
            object.get("id").and_then(Json::as_u64).or_else(|| object.values().find_map(find_id))
        }
        _ => None,
    }
}

/// Row 9: a receiver at a hundredth of the input beside a fast one: neither the source nor the fast one is held up, and
/// memory stays.
pub fn slow(arguments: &Arguments) -> bool {
    let outbox = json!({"mode": "offline"});
    let mut run = Run::new(arguments, &[outbox.clone(), outbox], AT_LEAST_ONCE);
    let (load, fast) = (run.load.clone(), run.second.clone().expect("there are two"));
    load.rate.store(5_000, Relaxed);
    // First with both at the same speed: what the fast one takes then is what it is to take beside a slow one.
    let enough = 5_000 * arguments.seconds as usize / 2;
    wait("much has gone to both", Duration::from_secs(10 * arguments.seconds), || {
        load.acknowledged().len() >= enough
    });
    let (beside_slow, slow_before, sent_before) =
        (Instant::now(), run.receiver.distinct(), load.acknowledged().len());
    run.receiver.slow.store(20_000, Relaxed);
    let half = Duration::from_secs(arguments.seconds) / 2;
    // Memory is compared when all that fills up is full: what is kept in memory of a backlog, and caches.
    std::thread::sleep(half);
    let look = |run: &Run| (run.gateway.memory(), load.acknowledged().len(), fast.distinct());
    let (before, sent, fast_before) = look(&run);
    std::thread::sleep(half);
    let (after, later, fast_after) = look(&run);
    let slow = run.receiver.distinct() - slow_before;
    let (alone, beside) = p99(&load.sent_at(), &fast, beside_slow);
    println!("  p99 to the fast one: {alone:.2} ms beside a fast one, {beside:.2} ms beside the slow one");
    println!(
        "  memory {} and {} MB; {sent} and {later} acknowledged; the fast one has {fast_before} and {fast_after}, the slow one {slow}",
        before / 1_000_000,
        after / 1_000_000
    );
    run.receiver.slow.store(0, Relaxed);
    run.settle(passing);
    let of_fast = run.verdict_of(&fast, &none());
    of_fast.say("the fast one");
    let (verdict, balanced) = run.verdict("slow", &none());
    let steady = after < 100_000_000 && after < before + 16_000_000;
    let goes_on = fast_after - fast_before > (later - sent) / 2 && slow < (later - sent_before) / 10;
    verdict.is_well() && of_fast.is_well() && balanced && steady && later > sent && goes_on
}

/// Milliseconds from being sent to being received, of what was sent before and after this moment.
fn p99(sent_at: &[Instant], receiver: &Receiver, moment: Instant) -> (f64, f64) {
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for one in receiver.lock().iter() {
        let Some(sent) = sent_at.get(one.id as usize - 1) else { continue };
        let part = if *sent < moment { &mut before } else { &mut after };
        part.push((one.at - *sent).as_secs_f64() * 1e3);
    }
    let of = |mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times.get(times.len() * 99 / 100).copied().unwrap_or(f64::NAN)
    };
    (of(before), of(after))
}

/// Row 10: the flow is edited again and again under load, with a full outbox.
pub fn edits(arguments: &Arguments) -> bool {
    let outbox =
        |n: u64| json!({"mode": if n % 4 == 1 { "always" } else { "offline" }, "max_messages": 3_000 + n});
    let mut run = Run::new(arguments, &[outbox(0)], AT_LEAST_ONCE);
    let (receiver, load) = (run.receiver.clone(), run.load.clone());
    receiver.away.store(true, Relaxed);
    wait("the outbox is full, and the source waits", Duration::from_secs(30), || {
        load.acknowledged().len() > 2_000 && load.open() >= load::WINDOW
    });
    let (mut taken, mut refused) = (0, 0);
    for n in 0..arguments.edits {
        // A third of the time nobody is there, and then he comes and goes.
        receiver.away.store(n < arguments.edits / 3 || n % 10 < 6, Relaxed);
        let mut sinks = run.sinks.clone();
        sinks[0].outbox = outbox(n);
        let mut flow = run.gateway.flow(&sinks, AT_LEAST_ONCE);
        match n % 5 {
            // The sink, its outbox only, the function, the source; and a file that is none.
            1 => flow[3]["timeout"] = json!(1 + n % 2),
            2 => flow[2]["func"] = json!(format!("/* {n} */ if msg.id % 7 == 0 {{ () }} else {{ msg }}")),
            3 => flow[1]["connections"] = json!(10 + n % 3),
            _ => {}
        }
        let whole = flow.to_string();
        let is_whole = n % 20 != 19;
        run.gateway.write_file(if is_whole { &whole } else { &whole[..whole.len() / 2] });
        let is_taken = run.gateway.reload();
        if is_taken != is_whole {
            println!("  edit {n} was {}", if is_taken { "taken" } else { "refused" });
            return false;
        }
        (taken, refused) = (taken + u64::from(is_taken), refused + u64::from(!is_taken));
        let nap = Duration::from_millis(run.random(0, 60));
        std::thread::sleep(nap);
    }
    run.settle(passing);
    let (verdict, balanced) = run.verdict(&format!("{taken} edits, and {refused} broken files"), &none());
    verdict.is_well() && balanced
}

/// All of it at once: kills, orderly stops, cuts, silence, refusals, edits, dead letters sent back.
pub fn chaos(arguments: &Arguments) -> bool {
    let outbox = |always: bool, n: u64| {
        json!({"mode": if always { "always" } else { "offline" }, "slow_ms": 200, "slow_messages": 50 + n % 200,
               "retry": {"attempts": 1 + n % 3, "wait": 0.05}})
    };
    let mut run = Run::new(arguments, &[outbox(false, 0)], AT_LEAST_ONCE);
    let receiver = run.receiver.clone();
    let (mut kills, mut counts) = (0, [0; 8]);
    while kills < arguments.kills {
        let what = run.random(0, 8);
        counts[what as usize] += 1;
        match what {
            0 => {
                run.kill();
                kills += 1;
                if run.random(0, 4) > 0 {
                    run.gateway.wait();
                }
            }
            1 => {
                run.gateway.wait();
                run.gateway.stop();
                run.gateway.start();
            }
            2 => receiver.away.store(true, Relaxed),
            3 => receiver.silent.store(true, Relaxed),
            4 => {
                let every = [0, 50, 300][run.random(0, 3) as usize];
                receiver.refuse.store(every, Relaxed);
            }
            5 => {
                run.gateway.wait();
                let n = run.random(0, 1_000);
                let mut sinks = run.sinks.clone();
                sinks[0].outbox = outbox(n.is_multiple_of(2), n);
                run.gateway.write_flow(&run.gateway.flow(&sinks, AT_LEAST_ONCE));
                run.gateway.reload();
            }
            6 => {
                run.gateway.wait();
                // Nothing to send back is no failure of ours.
                let _ = run.gateway.ask(&["outbox", "retry", "out"]);
            }
            _ => {
                let micros = [0, 0, 300, 3_000][run.random(0, 4) as usize];
                receiver.slow.store(micros, Relaxed);
            }
        }
        let rate = run.random(500, 5_000);
        run.load.rate.store(rate, Relaxed);
        let nap = Duration::from_millis(run.random(1, 250));
        std::thread::sleep(nap);
        if run.random(0, 2) == 0 {
            receiver.away.store(false, Relaxed);
            receiver.silent.store(false, Relaxed);
        }
    }
    run.gateway.wait();
    receiver.slow.store(0, Relaxed);
    receiver.refuse.store(0, Relaxed);
    let refused: BTreeSet<u64> = receiver.refused().into_keys().collect();
    let delivered_or_refused = |ids: &BTreeSet<u64>| {
        let refused = refused.iter().filter(|id| ids.contains(id)).count();
        passing(ids) - refused
    };
    run.settle(delivered_or_refused);
    let all = passing(&run.load.acknowledged());
    let end = Instant::now() + Duration::from_secs(60);
    while receiver.distinct() < all && Instant::now() < end {
        let _ = run.gateway.ask(&["outbox", "retry", "out"]);
        let before = receiver.count();
        let quiet = Instant::now();
        while receiver.count() == before && quiet.elapsed() < Duration::from_secs(1) {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    let (verdict, balanced) =
        run.verdict(&format!("{} kills and all else {counts:?}", arguments.kills), &refused);
    println!(
        "  {} were refused at least once; {} at most repeated a kill",
        refused.len(),
        verdict.repeated_at_most
    );
    verdict.is_well() && balanced && verdict.repeated_at_most <= IN_FLIGHT
}

/// For the verdict of a scenario by name; nothing for one that is not there.
pub fn named(name: &str) -> Option<fn(&Arguments) -> bool> {
    let (_, scenario) = ALL.iter().find(|(known, _)| *known == name)?;
    Some(*scenario)
}

type Scenario = fn(&Arguments) -> bool;

pub const ALL: [(&str, Scenario); 11] = [
    ("kill", kill),
    ("kill-offline", kill_offline),
    ("kill-rolls", kill_rolls),
    ("stuck", stuck),
    ("once", once::once),
    ("control", control),
    ("flaps", flaps),
    ("poison", poison),
    ("slow", slow),
    ("edits", edits),
    ("chaos", chaos),
];

//! The work of chains of nodes by hand on serde_json: no engine, no queue, no wires. Prints the CPU time in us of each
//! piece of work, the best of many rounds.

#![allow(clippy::print_stdout, reason = "what it prints is its result")]

use std::hint::black_box;

use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use tidegate_floor::alarm;

const BATCH: u64 = 256;
const ROUNDS: usize = 200;
/// A single change is too short to be timed.
const TIMES: u64 = 10;

fn main() {
    // Only the alarm 312.
    let texts: Vec<String> = (0..BATCH).map(|n| alarm(n * 10, 0)).collect();
    let fresh = || -> Vec<Value> {
        let parse = |text: &String| serde_json::from_str(text).expect("an alarm is JSON");
        texts
            .iter()
            .map(parse)
            .map(|payload: Value| json!({"topic": "site/alarm", "payload": payload}))
            .collect()
    };
    let change = measure(fresh, |message| {
        for _ in 0..TIMES {
            black_box(&mut *message)["payload"]["area"] = black_box("north").into();
        }
        true
    });
    let switch = measure(fresh, |message| {
        (0..TIMES).all(|_| black_box(&*message)["payload"]["alarm_id"] == black_box(312))
    });
    let function = measure(fresh, |message| {
        let alarm = &message["payload"];
        let passes = alarm["alarm_id"] == black_box(312) && alarm["severity"].as_i64() >= Some(2);
        if passes {
            message["payload"] = json!({
                "site": alarm["site"], "alarm": alarm["alarm_id"], "severity": alarm["severity"], "since": alarm["time"],
            });
        }
        passes
    });
    let filter = measure(
        || texts.clone(),
        |text| {
            let alarm: Value = serde_json::from_str(black_box(text)).expect("an alarm is JSON");
            black_box(alarm)["alarm_id"] == black_box(312)
        },
    );
    println!(
        "{}",
        json!({
            "change": change / TIMES as f64, "switch": switch / TIMES as f64, "function": function,
            "parse and filter": filter,
        })
    );
}

/// The CPU time of the work on one message.
fn measure<T>(fresh: impl Fn() -> Vec<T>, work: impl Fn(&mut T) -> bool) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let mut messages = fresh();
        let before = now();
        let passed = messages.iter_mut().filter_map(|message| work(message).then_some(())).count();
        best = best.min(now() - before);
        assert_eq!(passed as u64, BATCH, "every message passes");
    }
    best * 1e6 / BATCH as f64
}

/// CPU seconds of this thread.
fn now() -> f64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}

//! Sends alarms to `NAME/in` and takes what comes out of `NAME/out`.
//!
//! `floor-load --port PORT --count N --one-in K [--name NAME] [--rate R] [--window W]`: sends N messages, of which one in K comes out;
//! R a second, or as fast as it can with at most W on their way. Prints JSON: how many came, how long it took, and how
//! long a message was on its way.

#![allow(clippy::print_stdout, reason = "what it prints is its result")]

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tidegate_floor::{alarm, argument, packets};

/// Messages in one write.
const BURST: u64 = 50;
/// So long nothing comes: it will not come any more.
const PATIENCE: Duration = Duration::from_secs(10);

struct Taken {
    times: Vec<u64>,
    last: Instant,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port: u16 = argument("--port").ok_or("--port PORT is missing")?;
    let count: u64 = argument("--count").ok_or("--count N is missing")?;
    let one_in: u64 = argument("--one-in").unwrap_or(1);
    let rate: Option<u64> = argument("--rate");
    let window: u64 = argument("--window").unwrap_or(4_000);
    let (input, output) = tidegate_floor::topics();

    let due = count.div_ceil(one_in);
    let mut receiver = packets::connect(port, "load-out")?;
    packets::subscribe(&mut receiver, &output)?;
    receiver.set_read_timeout(Some(PATIENCE))?;
    let mut sender = packets::connect(port, "load-in")?;

    let began = Instant::now();
    let came = Arc::new(AtomicU64::new(0));
    let counter = came.clone();
    let taking = std::thread::spawn(move || {
        let mut taken = Taken { times: Vec::with_capacity(due as usize), last: began };
        // A time-out is an end too: what came until then is what came.
        let _ = packets::receive(&mut receiver, |payload| {
            let now = began.elapsed().as_nanos() as u64;
            taken.times.push(now.saturating_sub(stamp(payload)));
            taken.last = Instant::now();
            counter.store(taken.times.len() as u64, Ordering::Relaxed);
            (taken.times.len() as u64) < due
        });
        taken
    });

    let mut out = Vec::with_capacity(64 * 1024);
    let mut sent = 0;
    while sent < count {
        out.clear();
        match rate {
            Some(rate) => {
                let due = Duration::from_nanos(sent * 1_000_000_000 / rate);
                if let Some(wait) = due.checked_sub(began.elapsed()) {
                    std::thread::sleep(wait);
                }
                packets::publish(&mut out, &input, message(sent, began).as_bytes());
                sent += 1;
            }
            None => {
                let stuck = Instant::now();
                while sent.saturating_sub(came.load(Ordering::Relaxed) * one_in) > window {
                    std::thread::sleep(Duration::from_micros(100));
                    if stuck.elapsed() > PATIENCE {
                        return Err(format!("nothing comes any more, {sent} messages are sent").into());
                    }
                }
                for _ in 0..BURST.min(count - sent) {
                    packets::publish(&mut out, &input, message(sent, began).as_bytes());
                    sent += 1;
                }
            }
        }
        sender.write_all(&out)?;
    }

    let Ok(mut taken) = taking.join() else { return Err("the receiver failed".into()) };
    taken.times.sort_unstable();
    let at = |part: f64| {
        let last = taken.times.len().saturating_sub(1);
        taken.times.get((last as f64 * part).round() as usize).map_or(0.0, |nanos| *nanos as f64 / 1e6)
    };
    println!(
        "{}",
        serde_json::json!({
            "sent": sent, "received": taken.times.len(), "due": due,
            "seconds": taken.last.duration_since(began).as_secs_f64(),
            "p50_ms": at(0.5), "p99_ms": at(0.99), "worst_ms": at(1.0),
        })
    );
    Ok(())
}

fn message(number: u64, began: Instant) -> String {
    alarm(number, began.elapsed().as_nanos() as u64)
}

/// When the message was made: the digits behind `"stamp":`.
fn stamp(payload: &[u8]) -> u64 {
    const NAME: &[u8] = b"\"stamp\":";
    let Some(at) = payload.windows(NAME.len()).position(|part| part == NAME) else { return 0 };
    let digits = payload[at + NAME.len()..].iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |n, digit| n * 10 + u64::from(digit - b'0'))
}

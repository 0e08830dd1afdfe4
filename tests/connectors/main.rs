//! One suite that every connector is put through: it opens and closes, keeps order, outlives a peer that comes late, refuses,
//! breaks off, falls silent, flaps or is slow, and does not storm it. `subjects/` has the connectors, `cases/` what is
//! asked of them. A case that does not apply to a connector says why; the table at the end shows all of it.
//!
//! `cargo test --test connectors mqtt_out` plays the cases of one, `mqtt_out::slow_peer` one of them. CONNECTOR_MESSAGES,
//! CONNECTOR_FLAPS, CONNECTOR_FLAP_MESSAGES and CONNECTOR_DEPLOYS make it longer.
// It is a program of tests; Clippy takes it for one that people run.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "../support/brokers/mod.rs"]
mod brokers;
mod cases;
mod gateway;
mod giving;
// Only the relay reads ahead.
#[allow(dead_code)]
#[path = "../relay/packets.rs"]
mod packets;
mod peers;
#[path = "../support/proxy.rs"]
mod proxy;
mod runner;
mod stage;
mod subject;
mod subjects;

fn main() -> std::process::ExitCode {
    let subjects = subjects::all();
    let forgotten = subjects::forgotten(&subjects);
    assert!(forgotten.is_empty(), "these connectors are in no list of subjects/: {forgotten:?}");
    runner::run(&subjects)
}

/// How many of something there are: more in `make soak`.
fn count(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).ok().and_then(|count| count.parse().ok()).unwrap_or(usual)
}

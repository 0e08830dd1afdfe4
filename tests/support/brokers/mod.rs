//! Brokers of the tests' own, and certificates for them.
// Each test program uses a part of it. Clippy lets tests unwrap, but does not know what they call as tests.
#![allow(dead_code, clippy::unwrap_used)]

pub mod amqp_client;
pub mod certificates;
pub mod mosquitto;
pub mod rabbit;

use std::net::TcpListener;
use std::time::{Duration, Instant};

/// Longer than anything takes on a busy machine: a test that passes never waits so long.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until something is so, and fails the test when it never is.
#[track_caller]
pub fn wait_until(what: &str, so: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !so() {
        assert!(Instant::now() < end, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

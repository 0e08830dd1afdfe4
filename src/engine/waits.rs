//! How long somebody has waited, all in all. Its owner says when a wait begins and ends; others look at it meanwhile.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

#[derive(Debug)]
pub struct Waits {
    base: Instant,
    /// Microseconds after `base`; 0 where nobody waits.
    since: AtomicU64,
    /// Microseconds of waits that have ended.
    ended: AtomicU64,
}

impl Default for Waits {
    fn default() -> Waits {
        Waits { base: Instant::now(), since: AtomicU64::new(0), ended: AtomicU64::new(0) }
    }
}

impl Waits {
    /// One that has begun already goes on.
    pub fn begin(&self) {
        if self.since.load(Ordering::Relaxed) == 0 {
            self.since.store(self.now(), Ordering::Relaxed);
        }
    }

    pub fn end(&self) {
        if self.since.load(Ordering::Relaxed) == 0 {
            return;
        }
        let since = self.since.swap(0, Ordering::Relaxed);
        if since > 0 {
            self.ended.fetch_add(self.now().saturating_sub(since), Ordering::Relaxed);
        }
    }

    pub fn total(&self) -> Duration {
        let since = self.since.load(Ordering::Relaxed);
        let running = if since == 0 { 0 } else { self.now().saturating_sub(since) };
        Duration::from_micros(self.ended.load(Ordering::Relaxed) + running)
    }

    fn now(&self) -> u64 {
        (self.base.elapsed().as_micros() as u64).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_add_up_and_one_that_lasts_counts() {
        let waits = Waits::default();
        waits.end();
        assert_eq!(waits.total(), Duration::ZERO);
        waits.begin();
        waits.begin();
        while waits.total() < Duration::from_millis(2) {
            std::thread::yield_now();
        }
        waits.end();
        let total = waits.total();
        assert!(total >= Duration::from_millis(2) && total < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(1));
        assert_eq!(waits.total(), total, "nobody waits any more");
    }
}

//! How long to wait before the next try: full jitter, so that a thousand gateways that lost the same broker do not
//! come back at the same moment. A wait is never longer than what was waited before it: after an outage of seconds nobody
//! waits for half a minute, and after one of a minute all come back within a minute.

use std::time::Duration;

#[derive(Debug, Clone)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
    waited: Duration,
}

impl Backoff {
    pub fn new(base: Duration, cap: Duration) -> Backoff {
        Backoff { base, cap, waited: Duration::ZERO }
    }

    /// A wait between nothing and what was waited so far, up to the cap.
    pub fn next(&mut self, random: u64) -> Duration {
        let most = (self.base + self.waited).min(self.cap);
        let wait = most.mul_f64(random as f64 / u64::MAX as f64);
        self.waited = (self.waited + wait).min(self.cap);
        wait
    }

    pub fn reset(&mut self) {
        self.waited = Duration::ZERO;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_cap_and_are_spread() {
        let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(60));
        let most: Vec<u64> = (0..10).map(|_| backoff.next(u64::MAX).as_millis() as u64).collect();
        assert_eq!(most, [500, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000]);
        assert_eq!(backoff.next(0), Duration::ZERO);
        assert_eq!(backoff.next(u64::MAX / 2).as_millis(), 30_000);
        backoff.reset();
        // Luck with the waits so far does not make for a long one.
        (0..20).for_each(|_| assert_eq!(backoff.next(0), Duration::ZERO));
        assert_eq!(backoff.next(u64::MAX).as_millis(), 500);
    }
}

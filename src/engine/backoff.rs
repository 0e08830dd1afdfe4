//! How long to wait before the next try: full jitter, so that a thousand gateways that lost the same broker do not
//! come back at the same moment.

use std::time::Duration;

#[derive(Debug, Clone)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
    tries: u32,
}

impl Backoff {
    pub fn new(base: Duration, cap: Duration) -> Backoff {
        Backoff { base, cap, tries: 0 }
    }

    /// A wait between nothing and the cap of this try, which doubles until the cap of all.
    pub fn next(&mut self, random: u64) -> Duration {
        let most = self.base.saturating_mul(1 << self.tries.min(20)).min(self.cap);
        self.tries += 1;
        most.mul_f64(random as f64 / u64::MAX as f64)
    }

    pub fn reset(&mut self) {
        self.tries = 0;
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
        assert_eq!(backoff.next(u64::MAX).as_millis(), 500);
    }
}

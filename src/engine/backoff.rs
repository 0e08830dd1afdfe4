//! How long to wait before the next try: full jitter, so that a thousand gateways that lost the same broker do not
//! come back at the same moment. A wait is never longer than what was waited before it: after an outage of seconds nobody
//! waits for half a minute, and after one of a minute all come back within a minute.
//!
//! What was waited is forgiven in proportion to the time that a connection stands. So a peer that takes every connection
//! and drops it is not called at full speed, and one that comes and goes is not waited for much longer than it is away.

use std::time::Duration;

#[derive(Debug, Clone)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
    waited: Duration,
}

/// A connection that stood so long is as good as one that was never lost.
const STEADY: Duration = Duration::from_secs(10);

impl Default for Backoff {
    fn default() -> Backoff {
        Backoff { base: Duration::from_millis(500), cap: Duration::from_secs(60), waited: Duration::ZERO }
    }
}

impl Backoff {
    /// With other bounds than those of a connection.
    pub fn between(base: Duration, cap: Duration) -> Backoff {
        Backoff { base, cap, waited: Duration::ZERO }
    }

    /// A wait between nothing and what was waited so far, up to the cap.
    pub fn next(&mut self, random: u64) -> Duration {
        let most = (self.base + self.waited).min(self.cap);
        let wait = most.mul_f64(random as f64 / u64::MAX as f64);
        self.waited = (self.waited + wait).min(self.cap);
        wait
    }

    /// A connection was open for so long.
    pub fn stood(&mut self, time: Duration) {
        let forgiven = self.cap.mul_f64(time.as_secs_f64() / STEADY.as_secs_f64());
        self.waited = self.waited.saturating_sub(forgiven);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_cap_and_are_spread() {
        let mut backoff = Backoff::default();
        let most: Vec<u64> = (0..10).map(|_| backoff.next(u64::MAX).as_millis() as u64).collect();
        assert_eq!(most, [500, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000]);
        assert_eq!(backoff.next(0), Duration::ZERO);
        assert_eq!(backoff.next(u64::MAX / 2).as_millis(), 30_000);
        backoff.stood(STEADY);
        // Luck with the waits so far does not make for a long one.
        (0..20).for_each(|_| assert_eq!(backoff.next(0), Duration::ZERO));
        assert_eq!(backoff.next(u64::MAX).as_millis(), 500);
    }

    /// When each of so many gateways is back that lost the same broker at the same moment, for so many seconds.
    fn returns(gateways: usize, outage: u64) -> Vec<f64> {
        let mut seed = 7_u64;
        let mut random = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // The high half of it is what is random.
            (seed >> 32) << 32 | (seed >> 32)
        };
        let mut back: Vec<f64> = (0..gateways)
            .map(|_| {
                let mut backoff = Backoff::default();
                let mut at = Duration::ZERO;
                while at < Duration::from_secs(outage) {
                    at += backoff.next(random());
                }
                at.as_secs_f64() - outage as f64
            })
            .collect();
        back.sort_by(f64::total_cmp);
        back
    }

    #[test]
    fn a_thousand_gateways_do_not_come_back_at_the_same_moment() {
        let back = returns(1_000, 600);
        assert!(back[900] - back[100] >= 30.0, "the middle eight of ten: {} to {}", back[100], back[900]);
        assert!(back[999] <= 60.0, "the last after {}", back[999]);
        let most = (0..60).map(|second| back.iter().filter(|at| at.floor() as u64 == second).count()).max();
        assert!(most <= Some(60), "{most:?} in one second");
    }

    /// How long a peer that comes and goes is waited for, at most, when it stands so long each time.
    fn longest_wait(stands: Duration) -> Duration {
        let mut backoff = Backoff::default();
        let waits = (0..1_000).map(|_| {
            backoff.stood(stands);
            backoff.next(u64::MAX)
        });
        waits.max().unwrap_or_default()
    }

    #[test]
    fn a_peer_that_drops_every_connection_is_not_called_at_full_speed() {
        assert_eq!(longest_wait(Duration::from_millis(1)).as_secs(), 60);
        assert!(longest_wait(Duration::from_secs(1)) < Duration::from_secs(7));
        assert_eq!(longest_wait(Duration::from_secs(5)).as_millis(), 500);
    }

    #[test]
    fn after_a_short_outage_nobody_is_away_much_longer_than_it_was() {
        for outage in [1, 5, 20] {
            let back = returns(1_000, outage);
            assert!(back[999] <= outage as f64 + 0.5, "{outage} s: the last after {}", back[999]);
        }
    }
}

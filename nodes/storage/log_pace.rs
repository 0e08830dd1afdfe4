//! When a record that was read is due: at once, at the speed at which the records came in, or so many a second.

use std::time::Duration;

use tokio::time::Instant;

#[derive(Debug, Default)]
pub struct Pace {
    /// How much faster than the records came in; nothing is as fast as it can.
    pub factor: Option<f64>,
    /// No wait for the next record is longer.
    pub max_gap: Duration,
    /// Between two records at least.
    pub apart: Duration,
    last: Option<Last>,
}

#[derive(Debug)]
struct Last {
    wall_ms: i64,
    due: Instant,
}

/// What was late by more than this is not caught up with: no bursts after a pause.
const CATCH_UP: Duration = Duration::from_millis(200);

impl Pace {
    pub fn new(factor: Option<f64>, max_gap: Duration, a_second: Option<f64>) -> Pace {
        let apart = a_second.map_or(Duration::ZERO, |a_second| Duration::from_secs_f64(1.0 / a_second));
        Pace { factor, max_gap, apart, last: None }
    }

    /// When a record with this time is due, behind the last one that was given.
    pub fn due(&self, wall_ms: i64, now: Instant) -> Instant {
        let Some(last) = &self.last else { return now };
        let gap = match self.factor {
            // A clock that was set back is no wait.
            Some(factor) => {
                let ms = wall_ms.saturating_sub(last.wall_ms).max(0);
                Duration::try_from_secs_f64(ms as f64 / 1_000.0 / factor)
                    .unwrap_or(self.max_gap)
                    .min(self.max_gap)
            }
            None => Duration::ZERO,
        };
        // By when the last one was due, not when it was given: small delays do not add up.
        last.due + gap.max(self.apart)
    }

    pub fn given(&mut self, wall_ms: i64, due: Instant, now: Instant) {
        let earliest = now.checked_sub(CATCH_UP).unwrap_or(now);
        self.last = Some(Last { wall_ms, due: due.max(earliest) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The waits before each record, for a reader that is always in time.
    fn waits(mut pace: Pace, times: &[i64]) -> Vec<u64> {
        let mut now = Instant::now();
        times
            .iter()
            .map(|&wall_ms| {
                let due = pace.due(wall_ms, now);
                let wait = due.saturating_duration_since(now);
                now += wait;
                pace.given(wall_ms, due, now);
                wait.as_millis() as u64
            })
            .collect()
    }

    #[test]
    fn gaps_are_those_of_then_and_never_too_long_or_negative() {
        let minute = Duration::from_secs(60);
        let times = [5_000, 5_500, 5_500, 4_000, 4_250, 900_000];
        assert_eq!(waits(Pace::new(Some(1.0), minute, None), &times), [0, 500, 0, 0, 250, 60_000]);
        assert_eq!(waits(Pace::new(Some(10.0), minute, None), &times), [0, 50, 0, 0, 25, 60_000]);
        assert_eq!(waits(Pace::new(None, minute, None), &times), [0; 6]);
        assert_eq!(waits(Pace::new(None, minute, Some(4.0)), &times), [0, 250, 250, 250, 250, 250]);
        assert_eq!(waits(Pace::new(Some(1.0), minute, Some(4.0)), &times[..4]), [0, 500, 250, 250]);
    }

    #[test]
    fn what_was_late_is_not_caught_up_with_in_a_burst() {
        let mut pace = Pace::new(None, Duration::from_secs(60), Some(100.0));
        let start = Instant::now();
        pace.given(0, start, start);
        let later = start + Duration::from_secs(10);
        let mut at_once = 0;
        while pace.due(0, later) <= later {
            let due = pace.due(0, later);
            pace.given(0, due, later);
            at_once += 1;
        }
        assert!((20..=22).contains(&at_once), "{at_once}");
    }
}

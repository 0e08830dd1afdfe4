//! A damaged database is repaired at a start. On a board that nobody can reach the gateway sees to that itself: it stops,
//! and starts again in the same process. Where that did not help, it does not do so again and again.

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::store::Health;

/// So long it is damaged before anything is done: SQLite says so of a page, and may get over it.
const PATIENCE: Duration = Duration::from_secs(5);
/// Damage that comes back sooner is of a kind that a repair does not help: a card that dies.
const PAUSE: i64 = 600;
/// When it started again the last time, in seconds by a clock that does not jump.
const MARK: &str = "TIDEGATE_STARTED_AGAIN_AT";

/// Watches for damage.
pub struct Heal {
    since: Option<Instant>,
    may: bool,
}

impl Heal {
    pub fn new() -> Heal {
        let last = std::env::var(MARK).ok().and_then(|at| at.parse::<i64>().ok());
        Heal { since: None, may: may(last, now()) }
    }

    /// Whether it is time to start again.
    pub fn is_due(&mut self, health: &Health, now: Instant) -> bool {
        if !health.damaged {
            self.since = None;
            return false;
        }
        if self.since.is_none() && !self.may {
            tracing::error!(
                "the database is damaged again, minutes after it was repaired: sources wait until somebody looks; \
                 the card or disk may be failing"
            );
        }
        let since = *self.since.get_or_insert(now);
        self.may && now.saturating_duration_since(since) >= PATIENCE
    }
}

fn may(last: Option<i64>, now: i64) -> bool {
    last.is_none_or(|last| now - last > PAUSE)
}

/// Seconds since the board has started.
fn now() -> i64 {
    clock_gettime(ClockId::Boottime).tv_sec
}

/// Does not come back, unless it cannot be done: then it says why.
pub fn start_again() -> std::io::Error {
    tracing::warn!("starting again, to repair the database");
    let program = match std::env::current_exe() {
        Ok(program) if program.exists() => program,
        // It was replaced while it ran.
        _ => std::env::args_os().next().unwrap_or_default().into(),
    };
    Command::new(program).args(std::env::args_os().skip(1)).env(MARK, now().to_string()).exec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_waits_a_moment_and_is_not_done_twice_in_a_row() {
        let damaged = Health { damaged: true, ..Health::default() };
        let (begin, mut heal) = (Instant::now(), Heal { since: None, may: true });
        let at = |seconds| begin + Duration::from_secs(seconds);
        assert!(!heal.is_due(&Health::default(), at(0)));
        assert!(!heal.is_due(&damaged, at(1)));
        assert!(!heal.is_due(&damaged, at(3)));
        assert!(!heal.is_due(&Health::default(), at(4)), "it got over it");
        assert!(!heal.is_due(&damaged, at(7)));
        assert!(heal.is_due(&damaged, at(12)));
        let mut heal = Heal { since: None, may: may(Some(1_000), 1_500) };
        assert!(!heal.is_due(&damaged, at(1)) && !heal.is_due(&damaged, at(100)));
        assert!(may(Some(1_000), 1_601) && may(None, 0));
    }
}

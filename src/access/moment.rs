//! The time of day and a clock that does not jump, together: boards without a battery learn the time of day late.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Handed in everywhere, so that tests need not wait.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    pub wall_ms: i64,
    pub at: Instant,
}

impl Moment {
    pub fn now() -> Moment {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Moment { wall_ms: since.as_millis() as i64, at: Instant::now() }
    }

    pub fn later(self, by: Duration) -> Moment {
        Moment { wall_ms: self.wall_ms + by.as_millis() as i64, at: self.at + by }
    }
}

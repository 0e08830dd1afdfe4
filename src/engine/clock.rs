//! All time in the engine comes from here: real, or virtual and moved by whoever drives the run.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

#[derive(Debug)]
pub enum Clock {
    Real {
        started: Instant,
    },
    Virtual {
        /// Nanoseconds since the start.
        now: AtomicU64,
        epoch_ms: AtomicI64,
    },
}

impl Clock {
    pub fn real() -> Clock {
        Clock::Real { started: Instant::now() }
    }

    /// A clock that stands at `epoch_ms` until it is moved.
    pub fn frozen(epoch_ms: i64) -> Clock {
        Clock::Virtual { now: AtomicU64::new(0), epoch_ms: AtomicI64::new(epoch_ms) }
    }

    pub fn is_virtual(&self) -> bool {
        matches!(self, Clock::Virtual { .. })
    }

    /// Since the engine started; never goes back.
    pub fn elapsed(&self) -> Duration {
        match self {
            Clock::Real { started } => started.elapsed(),
            Clock::Virtual { now, .. } => Duration::from_nanos(now.load(Ordering::Relaxed)),
        }
    }

    /// Milliseconds since 1970.
    pub fn wall_ms(&self) -> i64 {
        match self {
            Clock::Real { .. } => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
            }
            Clock::Virtual { now, epoch_ms } => {
                epoch_ms.load(Ordering::Relaxed) + (now.load(Ordering::Relaxed) / 1_000_000) as i64
            }
        }
    }

    /// Moves a virtual clock forward; a real one moves by itself.
    pub fn advance_to(&self, to: Duration) {
        if let Clock::Virtual { now, .. } = self {
            now.fetch_max(u64::try_from(to.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }
}

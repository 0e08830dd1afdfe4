//! How long the gateway has run, all its runs added up. Ages are measured by it: unlike the wall clock it never jumps,
//! and a clock that says 1970 or next year expires nothing.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OptionalExtension};

use super::StoreError;

pub struct Odometer {
    before_ms: u64,
    started: Instant,
    saved_ms: AtomicU64,
    /// What tests add to the wall clock.
    wall_offset_ms: AtomicI64,
}

/// It is written with other things, and not more often than this: what a crash takes of it makes records younger.
const SAVE_EVERY: Duration = Duration::from_secs(60);

impl Odometer {
    pub fn load(connection: &Connection) -> Result<Odometer, StoreError> {
        let before: Option<i64> = connection
            .query_row("SELECT value FROM meta WHERE key = 'ran_ms'", [], |row| row.get(0))
            .optional()?;
        let before_ms = before.unwrap_or(0).max(0) as u64;
        Ok(Odometer {
            before_ms,
            started: Instant::now(),
            saved_ms: AtomicU64::new(before_ms),
            wall_offset_ms: AtomicI64::new(0),
        })
    }

    pub fn ran_ms(&self) -> u64 {
        self.before_ms + u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX / 2)
    }

    /// Milliseconds since 1970; it may jump.
    pub fn wall_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX) + self.wall_offset_ms.load(Ordering::Relaxed)
    }

    /// For tests of clocks that jump.
    pub fn jump_wall(&self, by_ms: i64) {
        self.wall_offset_ms.fetch_add(by_ms, Ordering::Relaxed);
    }

    /// Writes it down if it is time.
    pub fn save(&self, connection: &Connection) -> Result<(), StoreError> {
        let due = self.saved_ms.load(Ordering::Relaxed) + SAVE_EVERY.as_millis() as u64;
        if self.ran_ms() < due { Ok(()) } else { self.save_now(connection) }
    }

    pub fn save_now(&self, connection: &Connection) -> Result<(), StoreError> {
        let now = self.ran_ms();
        connection
            .prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES ('ran_ms', ?)")?
            .execute([now as i64])?;
        self.saved_ms.store(now, Ordering::Relaxed);
        Ok(())
    }
}

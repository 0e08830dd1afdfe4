//! What this process writes to the disk: an SD card dies of it.

use std::time::Instant;

use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Wear {
    /// Since the store was opened, as the kernel counts what went to disks.
    pub bytes: u64,
    /// At this rate; nothing in the first minute, which tells little.
    pub bytes_a_day: Option<u64>,
}

pub struct Meter {
    began: Instant,
    before: u64,
}

impl Meter {
    pub fn start() -> Meter {
        Meter { began: Instant::now(), before: written() }
    }

    pub fn read(&self) -> Wear {
        let bytes = written().saturating_sub(self.before);
        let seconds = self.began.elapsed().as_secs_f64();
        Wear { bytes, bytes_a_day: (seconds >= 60.0).then(|| (bytes as f64 / seconds * 86_400.0) as u64) }
    }
}

/// 0 where the kernel does not say.
fn written() -> u64 {
    let io = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    let line = io.lines().find_map(|line| line.strip_prefix("write_bytes:"));
    line.and_then(|line| line.trim().parse().ok()).unwrap_or(0)
}

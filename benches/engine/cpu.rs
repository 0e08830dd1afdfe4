//! CPU time and memory: of this thread, of this process, of another one.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// CPU time of the calling thread so far.
pub fn thread() -> Duration {
    read(ClockId::ThreadCPUTime)
}

/// CPU time of all threads of this process so far.
pub fn process() -> Duration {
    read(ClockId::ProcessCPUTime)
}

fn read(clock: ClockId) -> Duration {
    let now = clock_gettime(clock);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// CPU time of another process so far: exact from `schedstat` for the threads that live, or by the clock tick from
/// `stat` where that is more, because threads have ended.
pub fn of(pid: u32) -> Option<Duration> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let nanos: u64 = threads.flatten().filter_map(|thread| nanos(&thread.path())).sum();
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may have spaces in it.
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    // A tick is 10 ms to user space on every Linux that this runs on.
    let by_ticks = Duration::from_millis(ticks * 10);
    let exact = Duration::from_nanos(nanos);
    Some(if by_ticks > exact + Duration::from_millis(50) { by_ticks } else { exact })
}

/// CPU time so far of the threads of this process whose names begin so, to when they last went to sleep.
pub fn threads(name: &str) -> Duration {
    let Ok(threads) = fs::read_dir("/proc/self/task") else { return Duration::ZERO };
    let named = threads
        .flatten()
        .map(|thread| thread.path())
        .filter(|thread| fs::read_to_string(thread.join("comm")).is_ok_and(|comm| comm.starts_with(name)));
    Duration::from_nanos(named.filter_map(|thread| nanos(&thread)).sum())
}

fn nanos(thread: &Path) -> Option<u64> {
    fs::read_to_string(thread.join("schedstat")).ok()?.split(' ').next()?.parse().ok()
}

/// Resident memory of a process in bytes; `peak` for the most it ever was.
pub fn memory(pid: &str, peak: bool) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let name = if peak { "VmHWM:" } else { "VmRSS:" };
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kib * 1024)
}

/// Forgets the most memory that this process ever had, so that the next reading is of what follows.
pub fn forget_peak() -> bool {
    fs::write("/proc/self/clear_refs", "5").is_ok()
}

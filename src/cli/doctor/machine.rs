//! The board itself: its clock, its power, its memory.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::super::output;
use super::Finding;
use crate::store;

/// Nothing that runs this is older: 2025-01-01.
const NOT_BEFORE: Duration = Duration::from_secs(1_735_689_600);
/// Memory that a gateway with some flows and their outboxes takes.
const LITTLE_MEMORY: u64 = 64 * 1024 * 1024;

/// Whether it can be right. Certificates and expiries go by it.
pub fn clock(data: &Path) -> Vec<Finding> {
    let written = fs::metadata(data.join(store::CONFIG)).and_then(|about| about.modified()).ok();
    vec![clock_at(SystemTime::now(), written, is_synchronised(Path::new("/")))]
}

pub(super) fn clock_at(
    now: SystemTime,
    written: Option<SystemTime>,
    is_synchronised: Option<bool>,
) -> Finding {
    const ABOUT: &str = "clock";
    const ADVICE: &str = "until it is right, certificates do not check and times are wrong: install a time service (chrony or \
         systemd-timesyncd) and open UDP 123, or add a clock module";
    if now.duration_since(UNIX_EPOCH).unwrap_or_default() < NOT_BEFORE {
        return Finding::bad(ABOUT, "it is years behind: the board has no time yet", ADVICE);
    }
    // More than a day, so that a time zone that was set wrong does not alarm anybody.
    if written.is_some_and(|written| written > now + Duration::from_secs(86_400)) {
        return Finding::bad(ABOUT, "it is behind what is already written on the disk", ADVICE);
    }
    match is_synchronised {
        Some(false) => Finding::warning(ABOUT, "it is not synchronised", ADVICE),
        Some(true) => Finding::ok(ABOUT, "it is synchronised"),
        None => Finding::ok(ABOUT, "it is plausible; whether it is synchronised is not told here"),
    }
}

/// What the time service of systemd says; others do not say it in a file.
fn is_synchronised(root: &Path) -> Option<bool> {
    let state = root.join("run/systemd/timesync");
    state.is_dir().then(|| state.join("synchronized").exists())
}

/// Power, wear and memory, where the board tells them.
pub fn hardware(root: &Path) -> Vec<Finding> {
    [power(root), wear(root), memory(root), files()].into_iter().flatten().collect()
}

/// A Raspberry Pi says whether its supply was ever too weak: bit 0 now, bit 16 since the start.
fn power(root: &Path) -> Option<Finding> {
    let text = fs::read_to_string(root.join("sys/devices/platform/soc/soc:firmware/get_throttled")).ok()?;
    let flags = u32::from_str_radix(text.trim().trim_start_matches("0x"), 16).ok()?;
    const ADVICE: &str = "a weak supply corrupts cards: use the maker's supply and a short, thick cable";
    Some(match (flags & 1 != 0, flags & (1 << 16) != 0) {
        (true, _) => Finding::bad("power", "the voltage is too low", ADVICE),
        (false, true) => Finding::warning("power", "the voltage was too low since the start", ADVICE),
        (false, false) => Finding::ok("power", "the voltage was never too low"),
    })
}

/// eMMC tells how much of its life is used, in tenths. SD cards do not.
fn wear(root: &Path) -> Option<Finding> {
    let text = fs::read_to_string(root.join("sys/block/mmcblk0/device/life_time")).ok()?;
    let used = text
        .split_whitespace()
        .filter_map(|word| u32::from_str_radix(word.trim_start_matches("0x"), 16).ok());
    // 1 is 0 to 10 %, 11 is "exceeded".
    let used = used.max()?;
    let found = format!("up to {} % of the life of the memory is used", used * 10);
    Some(match used {
        0..=7 => Finding::ok("wear", found),
        8..=10 => Finding::warning("wear", found, "plan to replace the board or its memory"),
        _ => Finding::bad(
            "wear",
            "the memory is worn out",
            "replace it before it fails; take a copy of the data now",
        ),
    })
}

fn memory(root: &Path) -> Option<Finding> {
    let text = fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let bytes = line.trim().split(' ').next()?.parse::<u64>().ok()? * 1024;
    let found = format!("{} available", output::size(bytes));
    Some(match bytes < LITTLE_MEMORY {
        true => Finding::warning("memory", found, "stop what else runs here: the system may end the gateway"),
        false => Finding::ok("memory", found),
    })
}

/// Each connection is an open file.
fn files() -> Option<Finding> {
    use rustix::process::{Resource, getrlimit};
    let most = getrlimit(Resource::Nofile).maximum?;
    (most < 4_096).then(|| {
        let advice = "set LimitNOFILE=65536 in the unit of the service";
        Finding::warning("files", format!("at most {most} files and connections may be open"), advice)
    })
}

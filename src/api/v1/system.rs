//! The board under the gateway: processor, memory, disk, clock.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::access::Read;
use super::super::fault::Fault;
use super::super::gateway::{Gateway, blocking};
use crate::store::{Durability, Wear};

#[derive(Serialize, ToSchema)]
pub struct System {
    version: &'static str,
    architecture: &'static str,
    /// This gateway's own name among others, made at its first start.
    device: String,
    /// Counts the starts.
    boot: u64,
    pid: u32,
    uptime_s: u64,
    cpu: Cpu,
    memory: Memory,
    disk: Disk,
    clock: Clock,
    board: Board,
}

#[derive(Serialize, ToSchema)]
pub struct Cpu {
    cores: usize,
    /// Seconds of processor time of the gateway since its start; nothing where the kernel does not say.
    used_s: Option<f64>,
    /// Of one core, since the last look a second ago or more.
    percent: Option<f64>,
    /// Of the board, over one minute.
    load: Option<f64>,
}

#[derive(Serialize, ToSchema)]
pub struct Memory {
    /// Of the gateway.
    resident_bytes: Option<u64>,
    total_bytes: Option<u64>,
    available_bytes: Option<u64>,
}

#[derive(Serialize, ToSchema)]
pub struct Disk {
    data: String,
    free_bytes: Option<u64>,
    durability: Durability,
    wear: Wear,
}

#[derive(Serialize, ToSchema)]
pub struct Clock {
    wall_ms: i64,
    /// All runs added up: what age is measured by.
    ran_ms: u64,
    /// Whether the kernel says that the clock is kept by a time server.
    synchronized: bool,
}

/// What the board tells of itself; what it does not tell is left out.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct Board {
    /// Such as `Raspberry Pi 5 Model B Rev 1.0`
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    /// Of the processor, in degrees Celsius
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    /// Whether its supply is too weak just now
    #[serde(skip_serializing_if = "Option::is_none")]
    under_voltage: Option<bool>,
    /// Whether it was since the board was started
    #[serde(skip_serializing_if = "Option::is_none")]
    under_voltage_before: Option<bool>,
    /// How much of the life of its memory is used: up to so many percent
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_life_used_percent: Option<u32>,
    /// Since the board was started
    #[serde(skip_serializing_if = "Option::is_none")]
    uptime_s: Option<u64>,
}

/// The board under the gateway
#[utoipa::path(get, path = "/api/v1/system", tag = "gateway", responses((status = 200, body = System)))]
pub async fn system(_: Read, State(gateway): State<Gateway>) -> Result<Json<System>, Fault> {
    Ok(Json(blocking(move || look(&gateway)).await?))
}

fn look(gateway: &Gateway) -> System {
    let store = &gateway.store;
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let meminfo = read("/proc/meminfo");
    System {
        version: env!("CARGO_PKG_VERSION"),
        architecture: std::env::consts::ARCH,
        device: store.device().to_string(),
        boot: store.boot(),
        pid: std::process::id(),
        uptime_s: gateway.deployer.vitals().watched_for().as_secs(),
        cpu: cpu(),
        memory: Memory {
            resident_bytes: kib(&read("/proc/self/status"), "VmRSS:"),
            total_bytes: kib(&meminfo, "MemTotal:"),
            available_bytes: kib(&meminfo, "MemAvailable:"),
        },
        disk: Disk {
            data: store.directory().display().to_string(),
            free_bytes: store.free(),
            durability: store.durability(),
            wear: store.wear(),
        },
        clock: Clock {
            wall_ms: store.wall_ms(),
            ran_ms: store.ran_ms(),
            // As systemd's time service says it.
            synchronized: Path::new("/run/systemd/timesync/synchronized").exists(),
        },
        board: board(Path::new("/")),
    }
}

fn board(root: &Path) -> Board {
    let read = |path: &str| std::fs::read_to_string(root.join(path)).ok();
    let hex = |text: &str| u32::from_str_radix(text.trim().trim_start_matches("0x"), 16).ok();
    let model = read("proc/device-tree/model");
    // Bit 0: now; bit 16: since the start. In thousandths of a degree; in tenths of its life, from 1.
    let power = read("sys/devices/platform/soc/soc:firmware/get_throttled").and_then(|text| hex(&text));
    let heat = read("sys/class/thermal/thermal_zone0/temp").and_then(|text| text.trim().parse::<f64>().ok());
    let life = read("sys/block/mmcblk0/device/life_time");
    let life = life.and_then(|text| text.split_whitespace().filter_map(hex).max());
    let uptime = read("proc/uptime").and_then(|text| text.split(['.', ' ']).next()?.parse().ok());
    Board {
        model: model.map(|text| text.trim_end_matches(['\0', '\n']).to_string()),
        temperature: heat.map(|heat| (heat / 100.0).round() / 10.0),
        under_voltage: power.map(|flags| flags & 1 != 0),
        under_voltage_before: power.map(|flags| flags & (1 << 16) != 0),
        memory_life_used_percent: life.map(|tenths| (tenths * 10).min(100)),
        uptime_s: uptime,
    }
}

/// A line of the kernel in bytes: `VmRSS:   1234 kB`.
fn kib(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().trim_end_matches(" kB").parse::<u64>().ok().map(|kib| kib * 1024)
}

fn cpu() -> Cpu {
    static BEFORE: Mutex<Option<(Instant, f64, Option<f64>)>> = Mutex::new(None);
    let load = std::fs::read_to_string("/proc/loadavg").ok();
    let load = load.and_then(|text| text.split(' ').next()?.parse().ok());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let used_s = used();
    let mut before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner);
    let percent = match (*before, used_s) {
        (_, None) => None,
        (None, Some(used)) => {
            *before = Some((Instant::now(), used, None));
            None
        }
        (Some((at, then, percent)), Some(used)) => {
            let since = at.elapsed().as_secs_f64();
            if since < 1.0 {
                percent
            } else {
                let percent = Some(((used - then) / since * 100.0).max(0.0));
                *before = Some((Instant::now(), used, percent));
                percent
            }
        }
    };
    Cpu { cores, used_s, percent, load }
}

/// Seconds of processor time of this process.
fn used() -> Option<f64> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Some(time.tv_sec as f64 + time.tv_nsec as f64 / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_board_is_read_as_it_tells_and_one_that_tells_nothing_is_too() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(serde_json::json!(board(folder.path())), serde_json::json!({}));
        for (path, text) in [
            ("proc/device-tree/model", "Raspberry Pi 5 Model B Rev 1.0\0"),
            ("proc/uptime", "12345.67 23456.78\n"),
            ("sys/devices/platform/soc/soc:firmware/get_throttled", "50000\n"),
            ("sys/class/thermal/thermal_zone0/temp", "48312\n"),
            ("sys/block/mmcblk0/device/life_time", "0x01 0x02\n"),
        ] {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let told = board(folder.path());
        assert_eq!(told.model.as_deref(), Some("Raspberry Pi 5 Model B Rev 1.0"));
        assert_eq!((told.temperature, told.uptime_s), (Some(48.3), Some(12_345)));
        assert_eq!((told.under_voltage, told.under_voltage_before), (Some(false), Some(true)));
        assert_eq!(told.memory_life_used_percent, Some(20));
    }
}

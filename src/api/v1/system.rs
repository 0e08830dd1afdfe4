//! The board under the gateway: processor, memory, disk, clock.

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
            synchronized: std::path::Path::new("/run/systemd/timesync/synchronized").exists(),
        },
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

//! Another program that is measured: started, watched, ended.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{self, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::cpu;

/// Where the gateways that are started keep their data, one after the other: a first start is not what is measured.
pub static DATA: OnceLock<PathBuf> = OnceLock::new();

/// Ended when it is dropped.
pub struct Child {
    name: String,
    process: process::Child,
    lines: Receiver<String>,
}

impl Child {
    pub fn start(command: &mut Command) -> anyhow::Result<Child> {
        let name = command.get_program().to_string_lossy().into_owned();
        if let Some(data) = DATA.get() {
            command.env("TIDEGATE_DATA", data);
        }
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let (said, lines) = channel();
        let outputs: [Option<Box<dyn Read + Send>>; 2] = [
            process.stdout.take().map(|out| Box::new(out) as _),
            process.stderr.take().map(|out| Box::new(out) as _),
        ];
        for output in outputs.into_iter().flatten() {
            let said = said.clone();
            // Read to the end, whether anybody listens or not: a full pipe would stop the program.
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    let _ = said.send(line);
                }
            });
        }
        Ok(Child { name, process, lines })
    }

    /// The first line with this in it, or an error with what was said instead.
    pub fn wait_for(&mut self, what: &str, limit: Duration) -> anyhow::Result<String> {
        let end = Instant::now() + limit;
        let mut said = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            if line.contains(what) {
                return Ok(line);
            }
            said.push(line);
            if said.len() > 20 {
                said.remove(0);
            }
        }
        bail!("{} did not say \"{what}\" within {} s: {}", self.name, limit.as_secs(), said.join(" | "))
    }

    pub fn cpu(&self) -> anyhow::Result<Duration> {
        cpu::of(self.process.id()).with_context(|| format!("{} is gone", self.name))
    }

    pub fn memory(&self, peak: bool) -> anyhow::Result<u64> {
        cpu::memory(&self.process.id().to_string(), peak).with_context(|| format!("{} is gone", self.name))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A port of this machine that nobody uses now.
pub fn free_port() -> anyhow::Result<u16> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).context("no free port")?;
    Ok(listener.local_addr()?.port())
}

/// A program on the path, or in the folders for daemons, which are often not on it.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}

pub fn least(figures: &[f64]) -> f64 {
    figures.iter().copied().fold(f64::INFINITY, f64::min)
}

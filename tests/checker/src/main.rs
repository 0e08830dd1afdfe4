//! `checker GATEWAY SCENARIO [--kills N] [--seed N] [--seconds N] [--edits N]`: loads a real gateway, breaks what is around
//! it, and decides from outside whether anything that was acknowledged is lost. It knows nothing of the gateway's code.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "what it prints is its result")]

mod content;
mod gateway;
mod load;
mod once;
mod receive;
mod run;
mod scenarios;
mod verdict;

use std::path::PathBuf;
use std::process::ExitCode;

pub struct Arguments {
    program: PathBuf,
    scenario: String,
    kills: u64,
    seed: u64,
    seconds: u64,
    edits: u64,
}

fn main() -> ExitCode {
    let scenario = |arguments: Arguments| Some((scenarios::named(&arguments.scenario)?, arguments));
    let Some((scenario, arguments)) = Arguments::read().and_then(scenario) else {
        let names = scenarios::ALL.map(|(name, _)| name).join("|");
        eprintln!("checker GATEWAY {names} [--kills N] [--seed N] [--seconds N] [--edits N]");
        return ExitCode::from(2);
    };
    println!("{} with seed {}", arguments.scenario, arguments.seed);
    let well = scenario(&arguments);
    if well {
        let _ = std::fs::remove_dir_all(arguments.folder());
    } else {
        println!("  the run is kept in {}", arguments.folder().display());
    }
    println!("{}", if well { "1 passed, 0 failed" } else { "0 passed, 1 failed" });
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Arguments {
    fn folder(&self) -> PathBuf {
        std::env::temp_dir().join(format!("tidegate-checker-{}-{}", self.scenario, std::process::id()))
    }

    fn read() -> Option<Arguments> {
        let mut words = std::env::args().skip(1);
        let (program, scenario) = (words.next()?.into(), words.next()?);
        let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).ok()?.subsec_nanos();
        let seed = u64::from(nanos);
        let mut arguments = Arguments { program, scenario, kills: 10, seed, seconds: 8, edits: 100 };
        while let Some(word) = words.next() {
            let number = words.next()?.parse().ok()?;
            match word.as_str() {
                "--kills" => arguments.kills = number,
                "--seed" => arguments.seed = number,
                "--seconds" => arguments.seconds = number,
                "--edits" => arguments.edits = number,
                _ => return None,
            }
        }
        Some(arguments)
    }
}

//! `tidegate log`: the logs of a gateway, also while it runs.

mod export;
mod import;
mod replay;
mod selection;
mod watcher;

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::time::Duration;

use clap::{Args, Subcommand};

use self::selection::{KeyFilter, Selection};
use super::data_dir::DataDir;
use super::{Outcome, logging, output, stored};
use crate::store::{Archive, LogInfo, Record};

/// List, read, export, import and replay the logs that flows have written
///
/// Reading disturbs nothing: it goes on beside the running gateway.
#[derive(Debug, Args)]
pub struct Log {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Ls(Ls),
    Tail(Tail),
    Read(Read),
    Export(export::Export),
    Import(import::Import),
    Replay(replay::Replay),
}

impl Log {
    pub fn run(self) -> anyhow::Result<Outcome> {
        logging::start("warn", false);
        match self.what {
            What::Ls(ls) => ls.run(),
            What::Tail(tail) => tail.run(),
            What::Read(read) => read.run(),
            What::Export(export) => export.run(),
            What::Import(import) => import.run(),
            What::Replay(replay) => replay.run(),
        }
    }
}

/// List the logs: how much is in them, and how far their readers are
#[derive(Debug, Args)]
struct Ls {
    #[command(flatten)]
    data: DataDir,
    /// Print one JSON object a log
    #[arg(long)]
    json: bool,
}

impl Ls {
    fn run(self) -> anyhow::Result<Outcome> {
        let archive = Archive::open(&self.data.path())?;
        let logs = archive.view().logs();
        if self.json {
            for log in &logs {
                output::json_line(log)?;
            }
            return Ok(Outcome::Done);
        }
        let readers = |log: &LogInfo| {
            let parts = log
                .readers
                .iter()
                .map(|reader| format!("{} ({} behind)", reader.name, output::grouped(reader.left)));
            parts.collect::<Vec<_>>().join(", ")
        };
        let rows: Vec<Vec<String>> = logs
            .iter()
            .map(|log| {
                vec![
                    log.name.clone(),
                    output::grouped(log.messages),
                    output::size(log.bytes),
                    log.first.to_string(),
                    log.next.to_string(),
                    readers(log),
                ]
            })
            .collect();
        output::table(&["NAME", "MESSAGES", "SIZE", "FIRST", "NEXT", "READERS"], &rows);
        Ok(Outcome::Done)
    }
}

/// What the commands that show messages need to know.
#[derive(Debug, Args)]
struct ShowOptions {
    #[command(flatten)]
    data: DataDir,
    /// Print one JSON object a message
    #[arg(long)]
    json: bool,
}

/// Show the newest messages of a log
#[derive(Debug, Args)]
struct Tail {
    /// The log
    name: String,
    /// How many
    #[arg(short = 'n', long, default_value_t = 10, value_name = "N")]
    lines: usize,
    /// Go on with what comes in, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    #[command(flatten)]
    filter: KeyFilter,
    #[command(flatten)]
    show: ShowOptions,
}

/// How often a log that is followed is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// So many of the newest are kept at the most.
const MOST_LINES: usize = 100_000;

impl Tail {
    fn run(self) -> anyhow::Result<Outcome> {
        let mut archive = Archive::open(&self.show.data.path())?;
        let log = stored::find(&archive, &self.name)?;
        let count = self.lines.min(MOST_LINES);
        // Sequences may be missing and keys may not match: look further back until there are enough.
        let mut back = count as u64;
        let newest = loop {
            let from = log.next().saturating_sub(back).max(log.first());
            let mut newest = VecDeque::with_capacity(count);
            stored::each(&archive, &log, from, |sequence, record| {
                if count > 0 && self.filter.matches(&record) {
                    if newest.len() == count {
                        newest.pop_front();
                    }
                    newest.push_back((sequence, record));
                }
                Ok(ControlFlow::Continue(()))
            })?;
            if newest.len() == count || from <= log.first() {
                break newest;
            }
            back = back.saturating_mul(4).max(1_000);
        };
        for (sequence, record) in &newest {
            stored::print(self.show.json, *sequence, record);
        }
        match self.follow {
            true => follow(&mut archive, &self.name, log.next(), |sequence, record| {
                if self.filter.matches(record) {
                    stored::print(self.show.json, sequence, record);
                }
            }),
            false => Ok(Outcome::Done),
        }
    }
}

/// Goes on until the process is ended.
fn follow(
    archive: &mut Archive,
    name: &str,
    mut next: u64,
    mut show: impl FnMut(u64, &Record),
) -> anyhow::Result<Outcome> {
    loop {
        std::thread::sleep(LOOK);
        if !archive.refresh()? {
            continue;
        }
        let log = stored::find(archive, name)?;
        stored::each(archive, &log, next, |sequence, record| {
            show(sequence, &record);
            Ok(ControlFlow::Continue(()))
        })?;
        next = log.next();
    }
}

/// Show the messages of a log from a place on
#[derive(Debug, Args)]
struct Read {
    /// The log
    name: String,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    show: ShowOptions,
}

impl Read {
    fn run(self) -> anyhow::Result<Outcome> {
        let archive = Archive::open(&self.show.data.path())?;
        let log = stored::find(&archive, &self.name)?;
        self.selection.of(&archive, &log)?.each(|sequence, record| {
            stored::print(self.show.json, sequence, &record);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(Outcome::Done)
    }
}

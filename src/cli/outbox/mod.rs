//! `tidegate outbox`: what waits for the world outside, what it refused, and what will not be delivered.

mod change;
mod ledger;
mod ls;

use std::ops::ControlFlow;

use anyhow::bail;
use clap::{Args, Subcommand};

use super::data_dir::DataDir;
use super::{Outcome, logging, output, stored};
use crate::flow;
use crate::store::admin::{self, PRIORITIES, is_letter_of, queue_name, queue_parts};
use crate::store::{Archive, DEAD_LETTERS, HANDLED, Log, Record};

/// List, look into, retry and purge the outboxes of sinks, and their dead letters
///
/// Looking disturbs nothing. What changes something is done by the running gateway, or by the command when none runs.
#[derive(Debug, Args)]
pub struct Outbox {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Ls(ls::Ls),
    Peek(Peek),
    Dead(Dead),
    Retry(change::Retry),
    Purge(change::Purge),
    Ledger(ledger::Ledger),
}

/// What all of these need to know.
#[derive(Debug, Args)]
struct Common {
    #[command(flatten)]
    data: DataDir,
    /// Print JSON: one object a line
    #[arg(long)]
    json: bool,
}

impl Outbox {
    pub fn run(self) -> anyhow::Result<Outcome> {
        logging::start("warn", false);
        match self.what {
            What::Ls(ls) => ls.run(),
            What::Peek(peek) => peek.run(),
            What::Dead(dead) => dead.run(),
            What::Retry(retry) => retry.run(),
            What::Purge(purge) => purge.run(),
            What::Ledger(ledger) => ledger.run(),
        }
    }
}

/// The reader that says what of a queue is done with.
fn reader_of(log: &Log) -> &'static str {
    if log.name == DEAD_LETTERS { HANDLED } else { admin::SINK }
}

/// The nodes and queues that can be named.
fn known(archive: &Archive) -> anyhow::Result<Vec<String>> {
    let mut known = Vec::new();
    for log in archive.view().logs() {
        if let Some((node, _)) = queue_parts(&log.name) {
            known.push(node.to_string());
            known.push(log.name.clone());
        }
    }
    if let Some(log) = archive.find_log(DEAD_LETTERS) {
        stored::each(archive, &log, log.cursor(HANDLED).position() + 1, |_, record| {
            let node = record.key.as_deref().unwrap_or_default();
            if !known.iter().any(|name| name == node) {
                known.push(node.to_string());
            }
            Ok(ControlFlow::Continue(()))
        })?;
    }
    known.sort();
    known.dedup();
    Ok(known)
}

fn refuse_unknown(archive: &Archive, id: &str) -> anyhow::Result<()> {
    let known = known(archive)?;
    if known.iter().any(|name| name == id) {
        return Ok(());
    }
    let near = flow::nearest(id, known.iter().map(String::as_str));
    let hint = near.first().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    bail!("no outbox of a node `{id}`{hint} `tidegate outbox ls` lists them all");
}

/// The queues that a name means: all of a node, or one.
fn queues(archive: &Archive, id: &str, priority: Option<&str>) -> anyhow::Result<Vec<String>> {
    refuse_unknown(archive, id)?;
    let names = match queue_parts(id) {
        Some(_) => vec![id.to_string()],
        None => PRIORITIES.iter().map(|priority| queue_name(id, priority)).collect(),
    };
    let wanted = |name: &String| {
        priority.is_none_or(|wanted| queue_parts(name).is_some_and(|(_, found)| found == wanted))
    };
    Ok(names.into_iter().filter(|name| archive.find_log(name).is_some() && wanted(name)).collect())
}

/// Show what waits in an outbox, the next to go first
#[derive(Debug, Args)]
struct Peek {
    /// The sink's node id, or a queue such as outbox/a1b2/alarm
    id: String,
    /// How many of each queue
    #[arg(short = 'n', long, default_value_t = 10, value_name = "N")]
    lines: usize,
    #[command(flatten)]
    common: Common,
}

impl Peek {
    fn run(self) -> anyhow::Result<Outcome> {
        let archive = Archive::open(&self.common.data.path())?;
        for name in queues(&archive, &self.id, None)? {
            let log = stored::find(&archive, &name)?;
            let mut first = true;
            waiting(
                &archive,
                &log,
                self.lines,
                |_| true,
                |sequence, record| {
                    if std::mem::take(&mut first) && !self.common.json {
                        output::line(format_args!("{name}:"));
                    }
                    stored::print(self.common.json, sequence, record);
                },
            )?;
        }
        Ok(Outcome::Done)
    }
}

/// The records of a queue that are not done with.
fn waiting(
    archive: &Archive,
    log: &Log,
    most: usize,
    wanted: impl Fn(&Record) -> bool,
    mut take: impl FnMut(u64, &Record),
) -> anyhow::Result<()> {
    let cursor = log.cursor(reader_of(log));
    let mut left = most;
    stored::each(archive, log, cursor.position() + 1, |sequence, record| {
        if left == 0 {
            return Ok(ControlFlow::Break(()));
        }
        if !cursor.is_done(sequence) && wanted(&record) {
            left -= 1;
            take(sequence, &record);
        }
        Ok(ControlFlow::Continue(()))
    })
}

/// List dead letters: messages that the outside will never take, with the reason
#[derive(Debug, Args)]
struct Dead {
    /// Only those of this node or queue
    id: Option<String>,
    /// At most so many
    #[arg(short = 'n', long, default_value_t = 100, value_name = "N")]
    lines: usize,
    #[command(flatten)]
    common: Common,
}

impl Dead {
    fn run(self) -> anyhow::Result<Outcome> {
        let archive = Archive::open(&self.common.data.path())?;
        if let Some(id) = &self.id {
            refuse_unknown(&archive, id)?;
        }
        let mut count = 0;
        if let Some(log) = archive.find_log(DEAD_LETTERS) {
            let wanted = |record: &Record| self.id.as_deref().is_none_or(|id| is_letter_of(record, id));
            waiting(&archive, &log, self.lines, wanted, |sequence, record| {
                count += 1;
                stored::print(self.common.json, sequence, record);
            })?;
        }
        if count == 0 && !self.common.json {
            output::line(format_args!("no dead letters"));
        }
        Ok(Outcome::Done)
    }
}

//! `tidegate outbox ls`.

use std::ops::ControlFlow;

use clap::Args;
use serde::Serialize;

use super::super::{Outcome, output, stored};
use super::{Common, reader_of};
use crate::store::admin::queue_parts;
use crate::store::{Archive, Balance, DEAD_LETTERS, Log};

/// List the queues: what waits in them and since when, and whether all that was put in is accounted for
#[derive(Debug, Args)]
pub struct Ls {
    /// End with 1 when a balance does not hold
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Serialize)]
struct Line {
    queue: String,
    node: Option<String>,
    priority: Option<String>,
    messages: u64,
    bytes: u64,
    oldest_wall_ms: Option<i64>,
    oldest_age_ms: Option<i64>,
    balance: Balance,
}

impl Ls {
    pub fn run(self) -> anyhow::Result<Outcome> {
        let archive = Archive::open(&self.common.data.path())?;
        let mut lines = Vec::new();
        for balance in archive.view().balances()? {
            let Some(log) = archive.find_log(&balance.log) else { continue };
            lines.push(line(&archive, &log, balance)?);
        }
        let holds = lines.iter().all(|line| line.balance.holds);
        if self.common.json {
            for line in &lines {
                output::json_line(line)?;
            }
        } else {
            print(&lines);
        }
        for line in lines.iter().filter(|line| !line.balance.holds) {
            let Balance { log, appended, confirmed, stored, ledgered, .. } = &line.balance;
            eprintln!(
                "{log}: {appended} were put in, but {confirmed} confirmed, {stored} stored and {ledgered} in the ledger \
                 are {}",
                confirmed + stored + ledgered
            );
        }
        Ok(if self.check && !holds { Outcome::Failed } else { Outcome::Done })
    }
}

fn line(archive: &Archive, log: &Log, balance: Balance) -> anyhow::Result<Line> {
    let reader = reader_of(log);
    let cursor = log.cursor(reader);
    let mut oldest = None;
    stored::each(archive, log, cursor.position() + 1, |sequence, record| {
        if cursor.is_done(sequence) {
            return Ok(ControlFlow::Continue(()));
        }
        oldest = Some(record.wall_ms);
        Ok(ControlFlow::Break(()))
    })?;
    let parts = queue_parts(&log.name);
    Ok(Line {
        queue: log.name.to_string(),
        node: parts.map(|(node, _)| node.to_string()),
        priority: parts.map(|(_, priority)| priority.to_string()),
        messages: balance.stored,
        bytes: log.bytes_behind(&cursor),
        oldest_wall_ms: oldest,
        oldest_age_ms: oldest.map(|ms| stored::now_ms().saturating_sub(ms)),
        balance,
    })
}

fn print(lines: &[Line]) {
    let rows: Vec<Vec<String>> = lines
        .iter()
        .filter(|line| line.queue != DEAD_LETTERS)
        .map(|line| {
            let balance = &line.balance;
            vec![
                line.node.clone().unwrap_or_else(|| line.queue.clone()),
                line.priority.clone().unwrap_or_default(),
                output::grouped(line.messages),
                output::size(if line.messages == 0 { 0 } else { line.bytes }),
                line.oldest_age_ms.map(output::age).unwrap_or_default(),
                output::grouped(balance.appended),
                output::grouped(balance.confirmed),
                output::grouped(balance.ledgered),
                if balance.holds { "holds" } else { "DOES NOT HOLD" }.to_string(),
            ]
        })
        .collect();
    let head =
        ["NODE", "PRIORITY", "WAITING", "SIZE", "OLDEST", "PUT IN", "CONFIRMED", "LEDGERED", "BALANCE"];
    match rows.is_empty() {
        true => output::line(format_args!("no outboxes")),
        false => output::table(&head, &rows),
    }
    let dead = lines.iter().find(|line| line.queue == DEAD_LETTERS).map_or(0, |line| line.messages);
    if dead > 0 {
        output::line(format_args!("dead letters: {dead}; `tidegate outbox dead` lists them"));
    }
}

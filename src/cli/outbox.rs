//! `tidegate outbox`: what waits for the world outside, what it refused, and what will not be delivered.

use std::ops::ControlFlow;
use std::path::Path;

use anyhow::bail;
use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use serde_json::{Value as Json, json};
use tidegate_nodes::date;

use super::settings::DataDir;
use super::{Outcome, output, stored};
use crate::control::Request;
use crate::flow;
use crate::store::admin::{self, PRIORITIES, is_letter_of, queue_name, queue_parts};
use crate::store::{Archive, Balance, DEAD_LETTERS, HANDLED, Log, Record};

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
    Ls(Ls),
    Peek(Peek),
    Dead(Dead),
    Retry(Retry),
    Purge(Purge),
    Ledger(Ledger),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Priority {
    Alarm,
    Event,
    Telemetry,
}

impl Priority {
    fn name(self) -> &'static str {
        match self {
            Priority::Alarm => "alarm",
            Priority::Event => "event",
            Priority::Telemetry => "telemetry",
        }
    }
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
        output::start_log();
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

/// List the queues: what waits in them and since when, and whether all that was put in is accounted for
#[derive(Debug, Args)]
struct Ls {
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
    fn run(self) -> anyhow::Result<Outcome> {
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

fn reader_of(log: &Log) -> &'static str {
    if log.name == DEAD_LETTERS { HANDLED } else { admin::SINK }
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
fn queues(archive: &Archive, id: &str, priority: Option<Priority>) -> anyhow::Result<Vec<String>> {
    refuse_unknown(archive, id)?;
    let names = match queue_parts(id) {
        Some(_) => vec![id.to_string()],
        None => PRIORITIES.iter().map(|priority| queue_name(id, priority)).collect(),
    };
    let wanted = |name: &String| {
        priority.is_none_or(|wanted| queue_parts(name).is_some_and(|(_, found)| found == wanted.name()))
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

/// Send dead letters back to the end of their queue
#[derive(Debug, Args)]
struct Retry {
    /// The sink's node id, or a queue such as outbox/a1b2/alarm
    id: String,
    /// At most so many, the oldest first
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    #[command(flatten)]
    common: Common,
}

impl Retry {
    fn run(self) -> anyhow::Result<Outcome> {
        let directory = self.common.data.path();
        refuse_unknown(&Archive::open(&directory)?, &self.id)?;
        let request = Request::Retry { of: self.id.clone(), limit: self.limit };
        let result = stored::perform(&directory, &request, "sent back")?;
        tell(
            self.common.json,
            &self.id,
            &result,
            "dead letter",
            "sent back to its queue",
            "sent back to their queues",
        )
    }
}

/// Give up what waits in an outbox, or its dead letters: it is counted in the ledger, and gone
#[derive(Debug, Args)]
struct Purge {
    /// The sink's node id, or a queue such as outbox/a1b2/alarm
    id: String,
    /// Only this priority
    #[arg(long, value_enum, conflicts_with = "dead")]
    priority: Option<Priority>,
    /// The dead letters, and not what waits
    #[arg(long)]
    dead: bool,
    /// Really
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    common: Common,
}

impl Purge {
    fn run(self) -> anyhow::Result<Outcome> {
        let directory = self.common.data.path();
        let archive = Archive::open(&directory)?;
        let queues = queues(&archive, &self.id, self.priority)?;
        if !self.yes {
            let count = self.count(&archive, &queues)?;
            bail!("this gives up {} of {} for good; say --yes if it is meant", self.plural(count), self.id);
        }
        let (mut messages, mut stopped) = (0, false);
        for request in self.requests(queues) {
            let result = stored::perform(&directory, &request, "given up")?;
            messages += result["messages"].as_u64().unwrap_or(0);
            stopped |= result["stopped"] == true;
        }
        let result = json!({ "messages": messages, "stopped": stopped });
        let what = if self.dead { "dead letter" } else { "message" };
        tell(self.common.json, &self.id, &result, what, "given up", "given up")
    }

    fn requests(&self, queues: Vec<String>) -> Vec<Request> {
        match self.dead {
            true => vec![Request::PurgeDeadLetters { of: Some(self.id.clone()) }],
            false => {
                queues.into_iter().map(|queue| Request::Purge { queue, first: None, last: None }).collect()
            }
        }
    }

    fn count(&self, archive: &Archive, queues: &[String]) -> anyhow::Result<u64> {
        if !self.dead {
            let balances = archive.view().balances()?;
            return Ok(balances.iter().filter(|b| queues.contains(&b.log)).map(|b| b.stored).sum());
        }
        let mut count = 0;
        if let Some(log) = archive.find_log(DEAD_LETTERS) {
            waiting(archive, &log, usize::MAX, |record| is_letter_of(record, &self.id), |_, _| count += 1)?;
        }
        Ok(count)
    }

    fn plural(&self, count: u64) -> String {
        let what = if self.dead { "dead letter" } else { "message" };
        output::plural(usize::try_from(count).unwrap_or(usize::MAX), what)
    }
}

/// What became of it. Work that was stopped half way has failed.
fn tell(json: bool, id: &str, result: &Json, what: &str, one: &str, many: &str) -> anyhow::Result<Outcome> {
    let count = result["messages"].as_u64().unwrap_or(0) as usize;
    let stopped = result["stopped"] == true;
    if json {
        output::json_line(&json!({ "id": id, "messages": count, "stopped": stopped }))?;
    } else {
        let did = if count == 1 { one } else { many };
        output::line(format_args!("{id}: {} {did}", output::plural(count, what)));
    }
    if stopped {
        eprintln!("the gateway stopped before it was done: ask again when it runs");
    }
    Ok(if stopped { Outcome::Failed } else { Outcome::Done })
}

/// Show what will not be delivered and why: the newest entries of the ledger, and the sums of all there ever were
#[derive(Debug, Args)]
struct Ledger {
    /// How many entries
    #[arg(short = 'n', long, default_value_t = 20, value_name = "N")]
    lines: usize,
    #[command(flatten)]
    common: Common,
}

impl Ledger {
    fn run(self) -> anyhow::Result<Outcome> {
        let path = self.common.data.path();
        let archive = Archive::open(Path::new(&path))?;
        let view = archive.view();
        let (rows, totals) = (view.ledger(self.lines)?, view.ledger_totals()?);
        if self.common.json {
            for row in &rows {
                output::json_line(row)?;
            }
            for (scope, reason, total) in &totals {
                output::json_line(&json!({ "scope": scope, "reason": reason, "total": total }))?;
            }
            return Ok(Outcome::Done);
        }
        if totals.is_empty() {
            output::line(format_args!("the ledger is empty: nothing was given up"));
            return Ok(Outcome::Done);
        }
        let range = |first: Option<u64>, last: Option<u64>| match (first, last) {
            (Some(first), Some(last)) if first == last => format!("#{first}"),
            (Some(first), Some(last)) => format!("#{first} to #{last}"),
            _ => String::new(),
        };
        let cells = rows.iter().map(|row| {
            vec![
                date::iso(row.wall_ms),
                row.scope.clone(),
                row.reason.clone(),
                output::grouped(row.count),
                range(row.first, row.last),
                row.detail.clone().unwrap_or_default(),
            ]
        });
        output::table(&["TIME", "OF", "REASON", "COUNT", "WHICH", "DETAIL"], &cells.collect::<Vec<_>>());
        output::line(format_args!(""));
        let sums =
            totals.into_iter().map(|(scope, reason, total)| vec![scope, reason, output::grouped(total)]);
        output::table(&["OF", "REASON", "TOTAL"], &sums.collect::<Vec<_>>());
        Ok(Outcome::Done)
    }
}

//! `tidegate outbox retry` and `purge`: by the gateway when one runs.

use anyhow::bail;
use clap::Args;
use serde_json::{Value as Json, json};

use super::super::{Outcome, output, stored};
use super::{Common, queues, refuse_unknown, waiting};
use crate::control::Request;
use crate::store::admin::{PRIORITIES, is_letter_of};
use crate::store::{Archive, DEAD_LETTERS};

/// Send dead letters back to the end of their queue
#[derive(Debug, Args)]
pub struct Retry {
    /// The sink's node id, or a queue such as outbox/a1b2/alarm
    id: String,
    /// At most so many, the oldest first
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    #[command(flatten)]
    common: Common,
}

impl Retry {
    pub fn run(self) -> anyhow::Result<Outcome> {
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
pub struct Purge {
    /// The sink's node id, or a queue such as outbox/a1b2/alarm
    id: String,
    /// Only this priority
    #[arg(long, value_parser = PRIORITIES, conflicts_with = "dead")]
    priority: Option<String>,
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
    pub fn run(self) -> anyhow::Result<Outcome> {
        let directory = self.common.data.path();
        let archive = Archive::open(&directory)?;
        let queues = queues(&archive, &self.id, self.priority.as_deref())?;
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

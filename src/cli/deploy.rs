//! `tidegate deploy`, `rollback`: another flow on a gateway, watched until it has shown that it is healthy.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use serde_json::Value;

use super::remote::{Refused, Remote, quoted};
use super::{Outcome, output};

/// Deploy a flow to a gateway, and wait until it is healthy there
///
/// What does not get healthy is taken back by the gateway itself: nodes that do not run, connections that do not come
/// up, errors, or a gateway that cannot be reached from here any more.
#[derive(Debug, Args)]
pub struct Deploy {
    /// The flow
    #[arg(value_name = "FLOW.json")]
    flow: PathBuf,
    #[command(flatten)]
    remote: Remote,
    #[command(flatten)]
    how: How,
    /// Restart what changed, what is wired to it too, or everything
    #[arg(long = "type", value_name = "nodes|flows|full", default_value = "nodes", value_parser = ["nodes", "flows", "full"])]
    kind: String,
    /// Only if this is the revision that runs: so nobody's work is overwritten
    #[arg(long, value_name = "REV")]
    seen: Option<String>,
    /// Where somebody has deployed since that revision, put together what both of you did
    #[arg(long)]
    merge: bool,
    /// What the revision is called: one that has a name is not thrown away
    #[arg(long, value_name = "NAME", default_value = "")]
    name: String,
    /// Say what it would change and what is wrong with it, and do nothing
    #[arg(long)]
    dry_run: bool,
}

/// Make an earlier revision the newest one
#[derive(Debug, Args)]
pub struct Rollback {
    /// The number of the revision, as `tidegate revisions` lists it
    #[arg(value_name = "NUMBER")]
    number: i64,
    #[command(flatten)]
    remote: Remote,
    #[command(flatten)]
    how: How,
}

#[derive(Debug, Args)]
struct How {
    /// What it is for
    #[arg(long, value_name = "TEXT", default_value = "")]
    why: String,
    /// Seconds until it counts as healthy; 0 does not wait
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(0..=3600))]
    probation: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// How often the verdict is asked for.
const LOOK: Duration = Duration::from_millis(500);
/// How much longer than its probation a verdict may take.
const LATE: Duration = Duration::from_secs(60);

impl Deploy {
    pub fn run(self) -> anyhow::Result<Outcome> {
        let body =
            std::fs::read(&self.flow).with_context(|| format!("cannot read {}", self.flow.display()))?;
        if self.dry_run {
            let looked = self.remote.post("/api/v1/validate", body)?;
            if self.how.json {
                output::line(format_args!("{looked}"));
            } else {
                tell_problems(&looked["problems"]);
                output::print(format_args!("{}", looked["text"].as_str().unwrap_or_default()));
            }
            return Ok(if looked["ok"] == true { Outcome::Done } else { Outcome::Failed });
        }
        let mut path = format!("/api/v1/deploy?type={}&{}", self.kind, self.how.asked());
        if let Some(seen) = &self.seen {
            path.push_str(&format!("&seen={}", quoted(seen)));
        }
        if !self.name.is_empty() {
            path.push_str(&format!("&name={}", quoted(&self.name)));
        }
        if self.merge {
            path.push_str("&merge=true");
        }
        self.how.wait(&self.remote, self.remote.post(&path, body))
    }
}

impl Rollback {
    pub fn run(self) -> anyhow::Result<Outcome> {
        let path = format!("/api/v1/revisions/{}/rollback?{}", self.number, self.how.asked());
        self.how.wait(&self.remote, self.remote.post(&path, Vec::new()))
    }
}

impl How {
    /// This command comes back by itself, so the gateway may wait for it.
    fn asked(&self) -> String {
        format!("why={}&probation={}&confirm={}", quoted(&self.why), self.probation, self.probation > 0)
    }

    fn wait(&self, remote: &Remote, receipt: anyhow::Result<Value>) -> anyhow::Result<Outcome> {
        let receipt = match receipt {
            Ok(receipt) => receipt,
            Err(error) => {
                let Some(refused) = error.downcast_ref::<Refused>() else { return Err(error) };
                tell_problems(&refused.detail["problems"]);
                tell_conflict(&refused.detail);
                return Err(error);
            }
        };
        let number = receipt["revision"]["number"].as_i64().unwrap_or_default();
        if !self.json {
            tell_problems(&receipt["problems"]);
            output::print(format_args!("{}", receipt["text"].as_str().unwrap_or_default()));
            let count = |name: &str| receipt[name].as_u64().unwrap_or_default();
            match receipt["unchanged"] == true {
                true => output::line(format_args!("revision {number} runs already")),
                false => output::line(format_args!(
                    "revision {number} runs: {} started, {} stopped, {} ran on",
                    count("started"),
                    count("stopped"),
                    count("kept")
                )),
            }
        }
        let revision = self.verdict(remote, number, receipt["revision"].clone())?;
        let standing = revision["standing"].as_str().unwrap_or_default();
        if self.json {
            let mut receipt = receipt;
            receipt["revision"] = revision.clone();
            output::line(format_args!("{receipt}"));
        }
        match standing {
            "good" => {
                if !self.json && self.probation > 0 {
                    output::line(format_args!("it is healthy"));
                }
                Ok(Outcome::Done)
            }
            _ => {
                let reason = revision["reason"].as_str().unwrap_or_default();
                eprintln!("revision {number} has been taken back: {reason}");
                Ok(Outcome::Failed)
            }
        }
    }

    /// Asks until it is known what has become of a revision.
    fn verdict(&self, remote: &Remote, number: i64, mut revision: Value) -> anyhow::Result<Value> {
        let end = Instant::now() + Duration::from_secs(self.probation.into()) + LATE;
        let mut is_confirmed = false;
        while revision["standing"] == "probation" {
            if Instant::now() > end {
                anyhow::bail!("the gateway does not say what has become of revision {number}");
            }
            std::thread::sleep(LOOK);
            // A connection that goes with the deploy may take a while to come back.
            match remote.get(&format!("/api/v1/revisions/{number}")) {
                Ok(found) => revision = found,
                Err(error) if error.is::<Refused>() => return Err(error),
                Err(error) => tracing::debug!("{error:#}"),
            }
            if !is_confirmed && revision["standing"] == "probation" {
                is_confirmed =
                    remote.post(&format!("/api/v1/revisions/{number}/confirm"), Vec::new()).is_ok();
            }
        }
        Ok(revision)
    }
}

/// A document as a whole has no pointer.
fn place(pointer: &str) -> &str {
    if pointer.is_empty() { "the document" } else { pointer }
}

/// What others did, and where both did something different.
fn tell_conflict(detail: &Value) {
    if let Some(since) = detail["since_text"].as_str() {
        eprint!("since then they have changed:\n{since}");
    }
    for clash in detail["clashes"].as_array().into_iter().flatten() {
        let text = |name: &str| clash[name].as_str().unwrap_or_default();
        let value = |name: &str| clash.get(name).map_or_else(|| "removed".to_string(), Value::to_string);
        let place = if text("pointer").is_empty() { String::new() } else { format!(" {}", text("pointer")) };
        eprintln!(
            "both: {} \"{}\"{place}: they {}, you {}",
            text("id"),
            text("name"),
            value("theirs"),
            value("mine")
        );
    }
}

fn tell_problems(problems: &Value) {
    for problem in problems.as_array().into_iter().flatten() {
        let text = |name: &str| problem[name].as_str().unwrap_or_default();
        let hint = if text("hint").is_empty() { String::new() } else { format!("; {}", text("hint")) };
        eprintln!("{}: {} (at {}){hint}", text("severity"), text("message"), place(text("pointer")));
    }
}

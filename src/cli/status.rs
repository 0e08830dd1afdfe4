//! `tidegate status`: how the running gateway fares.

use std::ops::ControlFlow;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::Value as Json;

use super::data_dir::DataDir;
use super::{Outcome, output};
use crate::control::{self, Request};

/// Show how the running gateway fares: its disk, its outboxes, its sources
///
/// The exit code is 1 when something is wrong: the disk does not take what is to be written, or a balance does not hold.
#[derive(Debug, Args)]
pub struct Status {
    #[command(flatten)]
    data: DataDir,
    /// Print all there is to know as JSON
    #[arg(long)]
    json: bool,
}

impl Status {
    pub fn run(self) -> anyhow::Result<Outcome> {
        let directory = self.data.path();
        let asked = control::ask(&directory, &Request::Status, &mut |_| ControlFlow::Continue(()));
        let asked = asked.with_context(|| format!("the gateway on {}", directory.display()))?;
        let Some(status) = asked else {
            bail!(
                "no gateway runs on {}: name its data directory with --data, or start one with `tidegate run`",
                directory.display()
            );
        };
        let well = status["health"]["trouble"].is_null()
            && status["balances"].as_array().is_none_or(|all| all.iter().all(|one| one["holds"] == true));
        if self.json {
            output::json_line(&status)?;
        } else {
            print(&status);
        }
        Ok(if well { Outcome::Done } else { Outcome::Failed })
    }
}

fn print(status: &Json) {
    let number = |json: &Json| json.as_u64().unwrap_or(0);
    let text = |json: &Json| json.as_str().unwrap_or_default().to_string();
    output::line(format_args!(
        "tidegate {}, process {}, data in {}",
        text(&status["version"]),
        number(&status["pid"]),
        text(&status["data"])
    ));
    match status["health"]["trouble"].as_str() {
        Some(trouble) => output::line(format_args!("trouble: {trouble}")),
        None => output::line(format_args!(
            "the disk takes what is written; {} free",
            output::size(number(&status["free_bytes"]))
        )),
    }
    if let Some(warning) = status["health"]["warning"].as_str() {
        output::line(format_args!("warning: {warning}"));
    }
    let wear = &status["wear"];
    match wear["bytes_a_day"].as_u64() {
        Some(a_day) => output::line(format_args!("writes {} a day", output::size(a_day))),
        None => output::line(format_args!("wrote {} since the start", output::size(number(&wear["bytes"])))),
    }
    let none = Vec::new();
    let outboxes = status["outboxes"].as_array().unwrap_or(&none);
    let rows: Vec<Vec<String>> = outboxes.iter().map(outbox).collect();
    if !rows.is_empty() {
        output::table(
            &["outbox", "state", "on disk", "size", "oldest", "out/s", "in/s", "empty in", "full in"],
            &rows,
        );
    }
    let sources = status["sources"].as_array().unwrap_or(&none);
    let rows: Vec<Vec<String>> = sources
        .iter()
        .map(|source| {
            let count = |name: &str| output::grouped(number(&source[name]));
            vec![
                text(&source["node"]),
                count("admitted"),
                count("done"),
                count("undelivered"),
                count("in_flight"),
            ]
        })
        .collect();
    if !rows.is_empty() {
        output::table(&["source", "came in", "done", "not delivered", "under way"], &rows);
    }
}

fn outbox(outbox: &Json) -> Vec<String> {
    let messages: u64 =
        outbox["messages"].as_array().map_or(0, |all| all.iter().filter_map(Json::as_u64).sum());
    let storing = outbox["storing"] == true;
    let rate = |name: &str| format!("{:.0}", outbox[name].as_f64().unwrap_or(0.0));
    let span = |seconds: Option<f64>| {
        seconds.map_or_else(|| "-".to_string(), |seconds| output::age((seconds * 1_000.0) as i64))
    };
    vec![
        outbox["node"].as_str().unwrap_or_default().to_string(),
        if storing { "stores" } else { "passes" }.to_string(),
        output::grouped(messages),
        output::size(outbox["bytes"].as_u64().unwrap_or(0)),
        span(outbox["oldest_age_ms"].as_f64().map(|ms| ms / 1_000.0)),
        rate("drain_rate"),
        rate("fill_rate"),
        span(outbox["seconds_to_empty"].as_f64()),
        span(outbox["hours_until_full"].as_f64().map(|hours| hours * 3_600.0)),
    ]
}

//! log in: reads a log of the device from a place on, and goes on with what is appended. Replay is this node too.

use std::time::Duration;

use serde::Deserialize;

use super::log_pace::Pace;
use super::log_reading::{Filter, Reading, Settings};
use super::log_start::Start;
use crate::descriptor::{Category, Descriptor, Field, Outputs, Role};
use crate::error::NodeError;
use crate::node::{Built, NodeConfig, NodeType};
use crate::read;
use crate::value::Str;

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "log in",
    category: Category::Storage,
    summary: "Reads a log on the device: from its start, from a time, or what is appended from now on.",
    help: include_str!("log_in.md"),
    examples: include_str!("log_in.examples.json"),
    inputs: 0,
    outputs: Outputs::Fixed(1),
    role: Role::Connector,
    fields: &[
        Field::text("log", "Log", "The name of the log.").required(),
        Field::text(
            "reader",
            "Reader",
            "A name of your own, under which the log remembers how far this node has come. Empty: each start begins anew.",
        ),
        Field::choice(
            "start",
            &[("start", "at the start"), ("end", "with what comes from now on"), ("sequence", "at a number"), ("time", "at a time")],
            "Begin",
            "Where it begins. A reader that is known goes on where it was; this is for a new one.",
        )
        .default("\"start\""),
        Field::integer("sequence", "Number", "The sequence number of the first record.")
            .default("1")
            .at_least(1.0)
            .visible_if("start", &["sequence"]),
        Field::text(
            "time",
            "Time",
            "The first record that came in then or later: 2026-05-01T06:00:00Z, or so long ago: 90s, 30m, 2h, 7d, 1w.",
        )
        .visible_if("start", &["time"]),
        Field::choice(
            "speed",
            &[("max", "as fast as the flow takes them"), ("real", "as they came in"), ("factor", "so many times faster")],
            "Speed",
            "How fast records are given, by the times at which they came in.",
        )
        .default("\"max\""),
        Field::number("factor", "Times faster", "2 is twice as fast as the records came in, 0.5 half as fast.")
            .default("1")
            .range(MIN_FACTOR, MAX_FACTOR)
            .visible_if("speed", &["factor"]),
        Field::number("max_gap", "Longest gap (seconds)", "No wait between two records is longer.")
            .default("60")
            .range(0.0, MAX_GAP)
            .visible_if("speed", &["real", "factor"]),
        Field::number("pace", "Most a second", "So many records a second at most; 0 is no limit.")
            .default("0")
            .range(0.0, MAX_PACE),
        Field::text(
            "key",
            "Only the key",
            "Only records with this key; with * at the end, those whose key begins so. Empty: all.",
        ),
        Field::bool("follow", "Go on", "Waits for what is appended. Else it stops behind what was there at its start.")
            .default("true"),
        Field::bool("tellEnd", "Tell the end", "One more message at the end, with msg.complete.")
            .default("false"),
        Field::integer("limit", "Most records", "Stops behind so many records; 0 is no limit.")
            .default("0")
            .at_least(0.0),
    ],
};

const MIN_FACTOR: f64 = 0.001;
const MAX_FACTOR: f64 = 1_000_000.0;
const MAX_GAP: f64 = 31_536_000.0;
const MAX_PACE: f64 = 1_000_000.0;

#[derive(Deserialize)]
struct Config {
    #[serde(default, deserialize_with = "read::text")]
    log: String,
    #[serde(default, deserialize_with = "read::text")]
    reader: String,
    #[serde(default, deserialize_with = "read::text")]
    start: String,
    #[serde(default, deserialize_with = "read::count")]
    sequence: usize,
    #[serde(default, deserialize_with = "read::text")]
    time: String,
    #[serde(default, deserialize_with = "read::text")]
    speed: String,
    #[serde(default, deserialize_with = "read::maybe_number")]
    factor: Option<f64>,
    #[serde(default, deserialize_with = "read::maybe_number")]
    max_gap: Option<f64>,
    #[serde(default, deserialize_with = "read::number")]
    pace: f64,
    #[serde(default, deserialize_with = "read::text")]
    key: String,
    #[serde(default = "read::yes", deserialize_with = "read::boolean")]
    follow: bool,
    #[serde(default, rename = "tellEnd", deserialize_with = "read::boolean")]
    tell_end: bool,
    #[serde(default, deserialize_with = "read::count")]
    limit: usize,
}

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    make(config.read()?).map(Built::connector)
}

fn make(config: Config) -> Result<Reading, NodeError> {
    let log = config.log.trim();
    if log.is_empty() {
        return Err(NodeError::config("/log", "which log? write its name, as in the log out that fills it"));
    }
    let factor = match config.speed.as_str() {
        "" | "max" => None,
        "real" => Some(1.0),
        "factor" => Some(read::within("/factor", config.factor.unwrap_or(1.0), MIN_FACTOR, MAX_FACTOR)?),
        other => {
            let text = format!("unknown choice \"{other}\": use max, real or factor");
            return Err(NodeError::config("/speed", text));
        }
    };
    let max_gap =
        Duration::from_secs_f64(read::within("/max_gap", config.max_gap.unwrap_or(60.0), 0.0, MAX_GAP)?);
    let pace = read::within("/pace", config.pace, 0.0, MAX_PACE)?;
    // A rate so low that its wait cannot be said is a mistake, too.
    let pace = (pace > 0.0).then(|| read::within("/pace", pace, 1e-6, MAX_PACE)).transpose()?;
    let reader = config.reader.trim();
    let settings = Settings {
        log: Str::new(log),
        reader: (!reader.is_empty()).then(|| reader.to_string()),
        start: Start::parse(&config.start, config.sequence, &config.time)?,
        key: Filter::of(config.key.trim()),
        follow: config.follow,
        tell_end: config.tell_end,
        limit: (config.limit > 0).then_some(config.limit as u64),
    };
    Ok(Reading::new(settings, Pace::new(factor, max_gap, pace)))
}

#[cfg(test)]
#[path = "log_in_tests.rs"]
mod tests;

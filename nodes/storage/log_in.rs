//! Log in: reads a log on the device, from any place, at any pace, and goes on with what comes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::connector::{Connector, ConnectorHost, Incoming};
use crate::date;
use crate::descriptor::{Category, Descriptor, Field, Outputs, Role};
use crate::error::NodeError;
use crate::host::{From, LogReader, LogRecord, Status};
use crate::message::Outcome;
use crate::node::{Built, NodeConfig, NodeType};
use crate::read;
use crate::value::{Object, Value};

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "log in",
    category: Category::Storage,
    summary: "Reads a log on the device: what comes, or again what came.",
    help: include_str!("log_in.md"),
    examples: include_str!("log_in.examples.json"),
    inputs: 0,
    outputs: Outputs::Fixed(1),
    role: Role::Connector,
    fields: &[
        Field::text("log", "Log", "The name of the log.").required(),
        Field::text("reader", "Reader", "Under this name its place is kept over restarts. Without one it begins anew each time."),
        Field::choice(
            "start",
            &[
                ("end", "with what comes from now on"),
                ("start", "with the oldest message"),
                ("sequence", "with a sequence number"),
                ("time", "with a time"),
            ],
            "Begin",
            "Where a reader begins that has no place yet.",
        )
        .default("\"end\""),
        Field::integer("sequence", "Sequence", "The number of the first message.")
            .default("1")
            .at_least(1.0)
            .visible_if("start", &["sequence"]),
        Field::text("time", "Time", "A date such as `2026-11-25T10:00Z`, or so long ago: `2h`, `30m`, `1d12h`.")
            .visible_if("start", &["time"]),
        Field::number("speed", "Speed", "How fast old messages come: 1 as they came, 10 ten times as fast, 0 as fast as the flow takes them.")
            .default("0")
            .at_least(0.0),
        Field::number("max_gap", "Longest gap", "Seconds that a pause between two old messages lasts at most, where a speed is set.")
            .default("60")
            .at_least(0.0)
            .visible_if("speed", &["1"]),
        Field::number("pace", "Pace", "Most messages a second; 0 is no limit.").at_least(0.0),
        Field::text("filter", "Key", "Only messages with this key; `site/7/*` stands for all keys that begin so."),
        Field::bool("follow", "Go on", "Whether it waits for new messages at the end; else it ends there, with a message that says `msg.complete`.")
            .default("true"),
        Field::integer("limit", "Limit", "Most messages that it reads; 0 is no limit.").at_least(0.0),
    ],
};

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
    #[serde(default, deserialize_with = "read::number")]
    speed: f64,
    #[serde(default = "a_minute", deserialize_with = "read::number")]
    max_gap: f64,
    #[serde(default, deserialize_with = "read::number")]
    pace: f64,
    #[serde(default, deserialize_with = "read::text")]
    filter: String,
    #[serde(default = "read::yes", deserialize_with = "read::boolean")]
    follow: bool,
    #[serde(default, deserialize_with = "read::count")]
    limit: usize,
}

fn a_minute() -> f64 {
    60.0
}

/// Where it begins, as the flow says it: a time that is so long ago is known only when it opens.
enum Begin {
    At(From),
    Ago(i64),
}

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    make(config).map(Built::connector)
}

pub(super) fn make(config: &NodeConfig) -> Result<LogIn, NodeError> {
    let config: Config = config.read()?;
    super::check_name("/log", &config.log)?;
    let begin = match config.start.as_str() {
        "" | "end" => Begin::At(From::End),
        "start" => Begin::At(From::Start),
        "sequence" => Begin::At(From::Sequence(config.sequence.max(1) as u64)),
        "time" => begin_at(&config.time)?,
        other => {
            let text = format!("there is no start \"{other}\": it is start, end, sequence or time");
            return Err(NodeError::config("/start", text));
        }
    };
    for (pointer, number) in [("/speed", config.speed), ("/max_gap", config.max_gap), ("/pace", config.pace)]
    {
        if !(0.0..1e9).contains(&number) {
            return Err(NodeError::config(pointer, "expected a number from 0"));
        }
    }
    Ok(LogIn {
        begin,
        config,
        open: None,
        given: VecDeque::new(),
        count: 0,
        ended: false,
        spent: Instant::now(),
    })
}

fn begin_at(time: &str) -> Result<Begin, NodeError> {
    if let Some(ago) = date::parse_span(time) {
        return Ok(Begin::Ago(ago));
    }
    let wall_ms = date::parse(time).ok_or_else(|| {
        let text =
            format!("\"{time}\" is no time: write a date such as 2026-11-25T10:00Z, or 2h for two hours ago");
        NodeError::config("/time", text)
    })?;
    Ok(Begin::At(From::Time(wall_ms)))
}

pub(super) struct LogIn {
    config: Config,
    begin: Begin,
    open: Option<Open>,
    /// Given and not settled, in order: the sequence, and what became of it.
    given: VecDeque<(u64, Option<Outcome>)>,
    count: usize,
    ended: bool,
    /// Up to when the pace is used up.
    spent: Instant,
}

struct Open {
    reader: Box<dyn LogReader>,
    /// What was there when it was opened is a replay.
    end: u64,
    ready: VecDeque<LogRecord>,
    last_wall_ms: Option<i64>,
    /// When the next may be given, for the speed.
    due: Instant,
}

const BATCH: usize = 256;

impl Connector for LogIn {
    async fn open(&mut self, host: Arc<dyn ConnectorHost>) -> Result<(), NodeError> {
        let logs = super::logs_of(&*host)?;
        let name = Some(self.config.reader.as_str()).filter(|name| !name.is_empty());
        let from = match self.begin {
            Begin::At(from) => from,
            Begin::Ago(ms) => From::Time(host.wall_ms() - ms),
        };
        let reader = logs.read(&self.config.log, name, from)?;
        let end = reader.end();
        self.given.clear();
        self.open =
            Some(Open { reader, end, ready: VecDeque::new(), last_wall_ms: None, due: Instant::now() });
        host.status(Status::new("green", "dot", if self.ended { "at the end" } else { "reading" }));
        Ok(())
    }

    async fn next(&mut self) -> Result<Vec<Incoming>, NodeError> {
        if self.ended {
            return std::future::pending().await;
        }
        let Some(open) = &mut self.open else { return std::future::pending().await };
        if open.ready.is_empty() {
            if !self.config.follow && open.reader.is_at_end() {
                self.ended = true;
                return Ok(vec![complete(&self.config.log)]);
            }
            open.ready.extend(open.reader.next(BATCH).await?);
        }
        // Only looked at until the waiting is over: a call that is cut off loses nothing.
        if let Some(first) = open.ready.front()
            && self.config.speed > 0.0
            && first.sequence < open.end
        {
            let gap_ms = open.last_wall_ms.map_or(0, |last| (first.wall_ms - last).max(0));
            let gap = (gap_ms as f64 / 1_000.0 / self.config.speed).min(self.config.max_gap);
            let due = open.due + Duration::from_secs_f64(gap);
            tokio::time::sleep_until(due.into()).await;
            open.due = due.max(Instant::now());
            open.last_wall_ms = Some(first.wall_ms);
        }
        if self.config.pace > 0.0 {
            tokio::time::sleep_until(self.spent.into()).await;
        }
        Ok(self.take())
    }

    async fn acknowledge(&mut self, outcomes: &[(u64, Outcome)]) -> Result<(), NodeError> {
        for (sequence, outcome) in outcomes {
            // They come in order; what was filtered out before one is done with it.
            if let Some(at) = self.given.iter().position(|(given, _)| given == sequence) {
                self.given[at].1 = Some(*outcome);
            }
        }
        let mut done = None;
        while let Some(&(sequence, Some(outcome))) = self.given.front() {
            if outcome == Outcome::Undelivered {
                self.tell_done(done);
                return Err(NodeError::disconnected(format!(
                    "message {sequence} of the log {} was not delivered: it is read again from there",
                    self.config.log
                )));
            }
            self.given.pop_front();
            done = Some(sequence);
        }
        self.tell_done(done);
        Ok(())
    }

    async fn close(&mut self) {
        self.open = None;
    }
}

impl LogIn {
    /// Takes what may be given now: one where a speed or pace is set, else all that is there.
    fn take(&mut self) -> Vec<Incoming> {
        let Some(open) = &mut self.open else { return Vec::new() };
        let one_by_one = self.config.speed > 0.0 || self.config.pace > 0.0;
        let most = if one_by_one { 1 } else { BATCH };
        let named = !self.config.reader.is_empty();
        let mut incoming = Vec::new();
        while incoming.len() < most
            && let Some(record) = open.ready.pop_front()
        {
            if !fits(&self.config.filter, record.key.as_deref()) {
                // Done when all before it are.
                self.given.push_back((record.sequence, Some(Outcome::Done)));
                continue;
            }
            self.count += 1;
            if named {
                self.given.push_back((record.sequence, None));
            }
            let acknowledge = named.then_some(record.sequence);
            incoming.push(message(&self.config.log, record, open.end, acknowledge));
            if self.config.limit > 0 && self.count >= self.config.limit {
                self.ended = true;
                break;
            }
        }
        if self.config.pace > 0.0 {
            let now = Instant::now();
            let each = Duration::from_secs_f64(incoming.len() as f64 / self.config.pace);
            self.spent = self.spent.max(now.checked_sub(Duration::from_millis(100)).unwrap_or(now)) + each;
        }
        if !named {
            self.given.clear();
        }
        incoming
    }

    fn tell_done(&mut self, done: Option<u64>) {
        if let (Some(open), Some(sequence)) = (&mut self.open, done) {
            open.reader.done(sequence);
        }
    }
}

fn message(log: &str, record: LogRecord, end: u64, acknowledge: Option<u64>) -> Incoming {
    let mut about = Object::with_capacity(6);
    about.insert("name", log);
    about.insert("sequence", record.sequence as i64);
    about.insert("key", record.key.map_or(Value::Null, Value::Str));
    about.insert("wall_ms", record.wall_ms);
    about.insert("source", record.source);
    about.insert("replayed", record.sequence < end);
    let mut value = record.value;
    value.insert("log", about);
    Incoming { port: 0, value, event_ms: record.event_ms.or(Some(record.wall_ms)), acknowledge }
}

fn complete(log: &str) -> Incoming {
    let mut value = Object::with_capacity(2);
    value.insert("complete", true);
    value.insert("log", [("name", log)].into_iter().collect::<Object>());
    Incoming { value, ..Incoming::default() }
}

fn fits(filter: &str, key: Option<&str>) -> bool {
    match (filter, filter.strip_suffix('*')) {
        ("", _) => true,
        (_, Some(begin)) => key.is_some_and(|key| key.starts_with(begin)),
        (filter, None) => key == Some(filter),
    }
}

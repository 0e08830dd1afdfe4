//! Reading a log: where it stands, what is due, and what of it is done with.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::log_pace::Pace;
use super::log_start::Start;
use super::logs_of;
use crate::connector::{Connector, ConnectorHost, Incoming};
use crate::error::NodeError;
use crate::host::{From, Level, LogReader, LogRecord, Status};
use crate::message::Outcome;
use crate::value::{Object, Str, Value};

/// Records that are read at once.
const PAGE: usize = 256;
/// Before a record that was not delivered is read again; doubled up to the longest wait, until one is delivered.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub struct Settings {
    pub log: Str,
    /// The place is kept under this name.
    pub reader: Option<String>,
    pub start: Start,
    pub key: Filter,
    pub follow: bool,
    pub tell_end: bool,
    pub limit: Option<u64>,
}

#[derive(Debug)]
pub enum Filter {
    All,
    Is(String),
    BeginsWith(String),
}

impl Filter {
    pub fn of(key: &str) -> Filter {
        match key.strip_suffix('*') {
            _ if key.is_empty() => Filter::All,
            Some(begin) => Filter::BeginsWith(begin.to_string()),
            None => Filter::Is(key.to_string()),
        }
    }

    /// A record without a key has none of any name.
    fn takes(&self, key: Option<&str>) -> bool {
        match self {
            Filter::All => true,
            Filter::Is(wanted) => key == Some(wanted),
            Filter::BeginsWith(begin) => key.is_some_and(|key| key.starts_with(begin.as_str())),
        }
    }
}

pub struct Reading {
    settings: Settings,
    pace: Pace,
    open: Option<Open>,
    /// Read, and not given yet.
    read: VecDeque<LogRecord>,
    /// Given and not settled, with what was left out between them, in order. Only of a reader with a name.
    asked: VecDeque<Asked>,
    next_number: u64,
    /// Outcomes of smaller numbers are of records that are read again.
    first_number: u64,
    /// Records given, without those that are read again.
    given: u64,
    /// The last sequence that was given or left out.
    last: Option<u64>,
    /// The first that was left out since one was given.
    left_out: Option<u64>,
    /// Where the log ended when it was opened first: what is before it is a replay.
    live_from: Option<u64>,
    /// When the log is read again behind what is done with.
    again: Option<Instant>,
    wait: Duration,
    ended: bool,
    shown: Option<Shown>,
}

struct Open {
    reader: Box<dyn LogReader>,
    host: Arc<dyn ConnectorHost>,
}

#[derive(Debug, PartialEq)]
struct Asked {
    /// Nothing for records that were left out: they are done with when all before them are.
    number: Option<u64>,
    sequence: u64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Shown {
    Replays,
    Live,
    Done,
}

impl Reading {
    pub fn new(settings: Settings, pace: Pace) -> Reading {
        Reading {
            settings,
            pace,
            open: None,
            read: VecDeque::new(),
            asked: VecDeque::new(),
            next_number: 0,
            first_number: 0,
            given: 0,
            last: None,
            left_out: None,
            live_from: None,
            again: None,
            wait: AGAIN_AFTER,
            ended: false,
            shown: None,
        }
    }
}

impl Connector for Reading {
    async fn open(&mut self, host: Arc<dyn ConnectorHost>) -> Result<(), NodeError> {
        self.shown = None;
        self.start_over(host).await
    }

    async fn next(&mut self) -> Result<Vec<Incoming>, NodeError> {
        loop {
            if let Some(at) = self.again {
                sleep_until(at).await;
                let Some(host) = self.open.as_ref().map(|open| open.host.clone()) else {
                    return pending().await;
                };
                self.start_over(host).await?;
            }
            if self.ended {
                return pending().await;
            }
            if self.read.is_empty() && !self.is_over() {
                let Some(open) = &mut self.open else { return pending().await };
                let most = PAGE;
                self.read.extend(open.reader.next(most).await?);
            }
            let now = Instant::now();
            let mut batch = Vec::new();
            let due = self.take_due(now, &mut batch);
            if self.is_over() {
                batch.extend(self.end());
            }
            if !batch.is_empty() {
                return Ok(batch);
            }
            if let Some(due) = due {
                sleep_until(due).await;
            }
        }
    }

    async fn acknowledge(&mut self, outcomes: &[(u64, Outcome)]) -> Result<(), NodeError> {
        let mut done = None;
        for &(number, outcome) in outcomes {
            if number < self.first_number {
                continue;
            }
            if outcome == Outcome::Undelivered {
                self.read_again();
                break;
            }
            // They come in the order in which they were given, so that all before it are done with.
            while self.asked.front().is_some_and(|asked| asked.number.is_none_or(|asked| asked <= number)) {
                done = self.asked.pop_front().map(|asked| asked.sequence);
            }
            self.wait = AGAIN_AFTER;
        }
        if let (Some(sequence), Some(open)) = (done, &mut self.open) {
            open.reader.done(sequence);
        }
        Ok(())
    }

    async fn close(&mut self) {
        self.open = None;
        self.again = None;
    }
}

impl Reading {
    /// Opens the reader where it is: behind what is done with, or behind what was given where nobody keeps the place.
    async fn start_over(&mut self, host: Arc<dyn ConnectorHost>) -> Result<(), NodeError> {
        let logs = logs_of(&*host)?;
        // It has the name until it goes.
        self.open = None;
        let from = match self.last {
            Some(last) => From::Sequence(last + 1),
            None => self.settings.start.from(host.wall_ms()),
        };
        let (log, name) = (self.settings.log.clone(), self.settings.reader.clone());
        // Looking for a time reads the log.
        let reader = tokio::task::spawn_blocking(move || logs.read(&log, name.as_deref(), from));
        let reader = reader.await.map_err(|error| {
            NodeError::disconnected(format!("looking for the place in the log was cut off: {error}"))
        })??;
        self.live_from.get_or_insert(reader.end());
        self.read.clear();
        // What is not settled is read again, and what becomes of it until then is of no use.
        self.given -= self.asked.iter().filter(|asked| asked.number.is_some()).count() as u64;
        self.asked.clear();
        self.left_out = None;
        self.first_number = self.next_number;
        self.again = None;
        self.ended = false;
        self.open = Some(Open { reader, host });
        Ok(())
    }

    fn read_again(&mut self) {
        self.first_number = self.next_number;
        self.again = Some(Instant::now() + self.wait);
        if let (Some(open), Some(asked)) = (&self.open, self.asked.front()) {
            let text = format!(
                "record {} of the log {} was not delivered; it is read again from there in {} s",
                asked.sequence,
                self.settings.log,
                self.wait.as_secs()
            );
            open.host.log(Level::Warn, &text);
        }
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
    }

    /// Takes what is due of what was read; gives when the next is due.
    fn take_due(&mut self, now: Instant, batch: &mut Vec<Incoming>) -> Option<Instant> {
        let mut left_out = None;
        let mut next_due = None;
        while let Some(record) = self.read.front().filter(|_| !self.is_over()) {
            let takes = self.settings.key.takes(record.key.as_deref());
            let (sequence, wall_ms) = (record.sequence, record.wall_ms);
            let due = self.pace.due(wall_ms, now);
            if takes && due > now {
                next_due = Some(due);
                break;
            }
            let Some(record) = self.read.pop_front() else { break };
            self.last = Some(sequence);
            if takes {
                self.pace.given(wall_ms, due, now);
                batch.push(self.give(record));
                continue;
            }
            self.left_out.get_or_insert(sequence);
            if let Some(Asked { number: None, sequence: last }) = self.asked.back_mut() {
                *last = sequence;
            } else if self.asked.is_empty() {
                left_out = Some(sequence);
            } else if self.settings.reader.is_some() {
                self.asked.push_back(Asked { number: None, sequence });
            }
        }
        if let (Some(sequence), Some(open)) = (left_out, &mut self.open) {
            open.reader.done(sequence);
        }
        next_due
    }

    fn give(&mut self, record: LogRecord) -> Incoming {
        let replayed = self.live_from.is_some_and(|live| record.sequence < live);
        self.show(if replayed { Shown::Replays } else { Shown::Live });
        self.given += 1;
        let acknowledge = self.settings.reader.as_ref().map(|_| {
            let number = self.next_number;
            self.next_number += 1;
            self.asked.push_back(Asked { number: Some(number), sequence: record.sequence });
            number
        });
        // What was left out before it is done with when it is.
        let first = self.left_out.take().unwrap_or(record.sequence);
        let reader = self.open.as_ref().map(|open| &open.reader);
        let origin = reader.and_then(|reader| reader.origin(first, record.sequence));
        let mut log = Object::new();
        log.insert("name", self.settings.log.clone());
        log.insert("sequence", record.sequence as i64);
        log.insert("key", record.key.map_or(Value::Null, Value::Str));
        log.insert("wall_ms", record.wall_ms);
        log.insert("source", record.source);
        log.insert("replayed", replayed);
        let mut value = record.value;
        value.insert("log", Value::Object(log));
        // Windows by event time see a replay as they saw it live.
        let event_ms = record.event_ms.or(Some(record.wall_ms));
        Incoming { port: 0, value, event_ms, acknowledge, origin, answered: false }
    }

    /// Whether nothing more is to be given.
    fn is_over(&self) -> bool {
        if self.settings.limit.is_some_and(|limit| self.given >= limit) {
            return true;
        }
        let Some(open) = self.open.as_ref().filter(|_| !self.settings.follow) else { return false };
        let all = match self.read.front() {
            Some(record) => self.live_from.is_some_and(|live| record.sequence >= live),
            None => open.reader.is_at_end(),
        };
        all || self.last.zip(self.live_from).is_some_and(|(last, live)| last + 1 >= live)
    }

    fn end(&mut self) -> Option<Incoming> {
        self.ended = true;
        self.show(Shown::Done);
        if !self.settings.tell_end {
            return None;
        }
        let mut log = Object::new();
        log.insert("name", self.settings.log.clone());
        log.insert("sequence", self.last.map_or(Value::Null, |last| Value::Int(last as i64)));
        let mut value = Object::new();
        value.insert("complete", true);
        value.insert("log", Value::Object(log));
        Some(Incoming { value, ..Incoming::default() })
    }

    fn show(&mut self, what: Shown) {
        let Some(open) = self.open.as_ref().filter(|_| self.shown != Some(what)) else { return };
        open.host.status(match what {
            Shown::Replays => Status::new("blue", "dot", "replays"),
            Shown::Live => Status::new("green", "dot", "live"),
            Shown::Done => Status::new("grey", "ring", "done"),
        });
        self.shown = Some(what);
    }
}

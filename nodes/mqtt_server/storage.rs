//! The router's jobs for the store, done with the logs that the host lends.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::router::{Job, Router};
use super::storing::{RETAINED, SESSIONS, SessionRecord};
use super::tree::SessionId;
use crate::error::NodeError;
use crate::host::{Append, From, Keep, LogReader, LogRecord, Logs};
use crate::value::Str;

/// The reader whose position is up to where a session's client has its messages.
const READER: &str = "client";
/// How many records are read at once.
const PAGE: usize = 128;
const READ_TIMEOUT: Duration = Duration::from_secs(10);

pub struct Storage {
    name: String,
    logs: Arc<dyn Logs>,
    readers: HashMap<Arc<str>, Box<dyn LogReader>>,
    fetches: JoinSet<Fetched>,
    /// As many as there are appends under way, and those are bounded by the router.
    told: mpsc::UnboundedSender<Told>,
    tell: mpsc::UnboundedReceiver<Told>,
}

/// For whom, of which log, from which sequence on.
type Fetched = (SessionId, Arc<str>, u64, Result<Vec<LogRecord>, String>);
type Told = (u64, Result<u64, String>);

/// What the store has done.
pub enum Event {
    Appended(Told),
    Fetched(Fetched),
}

impl Storage {
    pub fn new(name: &str, logs: Arc<dyn Logs>) -> Storage {
        let (told, tell) = mpsc::unbounded_channel();
        Storage { name: name.to_string(), logs, readers: HashMap::new(), fetches: JoinSet::new(), told, tell }
    }

    /// Puts retained messages and sessions back as they were.
    pub async fn restore(&mut self, router: &mut Router) -> Result<(), NodeError> {
        router.use_store(&self.name);
        for record in self.read_all(RETAINED).await? {
            router.restore_retained(&record.value);
        }
        let mut sessions: HashMap<Str, Option<SessionRecord>> = HashMap::new();
        for record in self.read_all(SESSIONS).await? {
            if let Some(key) = record.key {
                sessions.insert(key, SessionRecord::of(&record.value));
            }
        }
        for session in sessions.into_values().flatten() {
            let log: Arc<str> = Arc::from(session.log.as_str());
            let mut reader = self.logs.read(&log, Some(READER), From::Start)?;
            let end = reader.end();
            let mut done = end - 1;
            if !reader.is_at_end() {
                // All that is there may be done with already, and then nothing comes.
                if let Ok(first) = tokio::time::timeout(READ_TIMEOUT, reader.next(1)).await {
                    done = first?.first().map_or(done, |record| record.sequence - 1);
                }
            }
            let bytes = self.logs.bytes(&log);
            self.readers.insert(log, reader);
            router.restore_session(&session, done, end, bytes);
        }
        Ok(())
    }

    async fn read_all(&mut self, log: &str) -> Result<Vec<LogRecord>, NodeError> {
        let mut reader = self.logs.read(&format!("{}/{log}", self.name), None, From::Start)?;
        let (end, mut all) = (reader.end(), Vec::new());
        while !reader.is_at_end() && all.last().is_none_or(|last: &LogRecord| last.sequence + 1 < end) {
            match tokio::time::timeout(READ_TIMEOUT, reader.next(PAGE)).await {
                Ok(records) => all.extend(records?),
                // The rest is damaged; the store has said so.
                Err(_) => break,
            }
        }
        Ok(all)
    }

    /// Does a job of the store; gives back what is not.
    pub fn take(&mut self, job: Job, wall_ms: i64) -> Option<Job> {
        match job {
            Job::Append { ticket, log, compact, record } => {
                let keep = Keep { compact, queue: !compact, ..Keep::default() };
                let record = LogRecord { wall_ms, source: Str::new(&self.name), ..record };
                let append = Append { records: vec![record], ..Append::default() };
                let answer = Answer { ticket, told: Some(self.told.clone()) };
                self.logs.append(&log, &keep, append, Box::new(move |result| answer.give(result)));
            }
            Job::Fetch { session, log, from } => {
                let reader = self.logs.read(&log, None, From::Sequence(from));
                self.fetches.spawn(async move {
                    let read = async {
                        let mut reader = reader.map_err(|error| error.to_string())?;
                        reader.next(PAGE).await.map_err(|error| error.to_string())
                    };
                    let records = tokio::time::timeout(READ_TIMEOUT, read).await;
                    (
                        session,
                        log,
                        from,
                        records.unwrap_or_else(|_| Err("the disk does not answer".to_string())),
                    )
                });
            }
            Job::Done { log, sequence } => {
                if !self.readers.contains_key(&log) {
                    match self.logs.read(&log, Some(READER), From::Start) {
                        Ok(reader) => drop(self.readers.insert(log.clone(), reader)),
                        Err(error) => {
                            return Some(Job::Warn(format!("cannot note what a client has: {error}")));
                        }
                    }
                }
                if let Some(reader) = self.readers.get_mut(&log) {
                    reader.done(sequence);
                }
            }
            Job::Remove { log } => {
                self.readers.remove(&log);
                self.logs.remove(&log);
            }
            other => return Some(other),
        }
        None
    }

    /// Waits for what the store has done. Cancel-safe.
    pub async fn next(&mut self) -> Event {
        loop {
            tokio::select! {
                // The sender lives beside it.
                Some(told) = self.tell.recv() => return Event::Appended(told),
                Some(fetched) = self.fetches.join_next(), if !self.fetches.is_empty() => {
                    // One that panicked is asked again by the next tick.
                    if let Ok(fetched) = fetched {
                        return Event::Fetched(fetched);
                    }
                }
            }
        }
    }

    pub fn try_next(&mut self) -> Option<Event> {
        self.tell.try_recv().ok().map(Event::Appended)
    }
}

/// Tells of an append, also when the store drops it without a word.
struct Answer {
    ticket: u64,
    told: Option<mpsc::UnboundedSender<Told>>,
}

impl Answer {
    fn give(mut self, result: Result<Vec<u64>, NodeError>) {
        let result = match result {
            Ok(sequences) => Ok(sequences.first().copied().unwrap_or(0)),
            Err(error) => Err(error.to_string()),
        };
        if let Some(told) = self.told.take() {
            // Nobody listens any more when the server is closed.
            let _ = told.send((self.ticket, result));
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if let Some(told) = self.told.take() {
            let _ = told.send((self.ticket, Err("the store is closed".to_string())));
        }
    }
}

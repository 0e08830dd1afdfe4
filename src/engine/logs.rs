//! Logs as they are lent to connectors: `Logs`, filled in with the store.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tidegate_nodes::error::NodeError;
use tidegate_nodes::host::{Appended, From, Keep, LogReader, LogRecord, Logs};
use tidegate_nodes::value::Object;

use crate::store::{Commit, Cursor, DEAD_LETTERS, Log, Record, Retention, Store, StoreError};

pub struct DeviceLogs {
    store: Arc<Store>,
}

/// Logs of the gateway itself stand under names like these; flows have the others.
const OURS: &str = "outbox/";

impl DeviceLogs {
    pub fn new(store: Arc<Store>) -> DeviceLogs {
        DeviceLogs { store }
    }
}

impl Logs for DeviceLogs {
    fn append(&self, log: &str, keep: &Keep, records: Vec<LogRecord>, urgent: bool, done: Appended) {
        if let Err(error) = allowed(log) {
            return done(Err(error));
        }
        let retention = Retention {
            max_bytes: keep.max_bytes,
            max_messages: keep.max_messages,
            max_age_ms: keep.max_age.map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
            compact: keep.compact,
            queue: false,
        };
        let log = self.store.declare(log, &retention);
        let ran_ms = self.store.ran_ms();
        let record = |record: LogRecord| Record {
            value: record.value,
            wall_ms: record.wall_ms,
            ran_ms,
            event_ms: record.event_ms,
            source: record.source,
            key: record.key,
            about: Object::new(),
        };
        let records = records.into_iter().map(|one| (log.clone(), record(one))).collect();
        let done = move |result: Result<Vec<u64>, StoreError>| done(result.map_err(node_error));
        self.store.submit(Commit { records, urgent, done: Some(Box::new(done)), ..Commit::default() });
    }

    fn read(&self, log: &str, reader: Option<&str>, from: From) -> Result<Box<dyn LogReader>, NodeError> {
        allowed(log)?;
        // It may be appended to for the first time only later.
        let log = self.store.log(log, &Retention::default());
        let known = reader.is_some_and(|reader| log.has_reader(reader));
        let cursor = reader.map(|reader| log.cursor(reader));
        let next = match (&cursor, from) {
            (Some(cursor), _) if known => cursor.position() + 1,
            (_, From::Start) => log.first(),
            (_, From::End) => log.next(),
            (_, From::Sequence(sequence)) => sequence.max(1),
            (_, From::Time(wall_ms)) => self.store.find_time(&log, wall_ms).map_err(node_error)?,
        };
        if let Some(cursor) = cursor.as_ref().filter(|_| !known) {
            // Where it began is kept, so that a restart does not begin elsewhere.
            cursor.confirm(1, next - 1);
            self.store.advance(&log, cursor);
        }
        let changes = log.watch();
        Ok(Box::new(Reader { store: self.store.clone(), log, cursor, next, read: VecDeque::new(), changes }))
    }
}

fn allowed(log: &str) -> Result<(), NodeError> {
    match log {
        "" => Err(NodeError::fatal("a log needs a name")),
        DEAD_LETTERS => {
            let text = format!(
                "the log {log} is the gateway's own: see `tidegate outbox dead`, or take another name"
            );
            Err(NodeError::fatal(text))
        }
        log if log.starts_with(OURS) => Err(NodeError::fatal(format!(
            "the log {log} is the gateway's own: names that begin with {OURS} are"
        ))),
        _ => Ok(()),
    }
}

/// What waiting helps against opens the connector again; the rest stops it.
fn node_error(error: StoreError) -> NodeError {
    match error {
        StoreError::Refused(_) | StoreError::Mistake(_) => NodeError::rejected(error),
        _ => NodeError::disconnected(error),
    }
}

struct Reader {
    store: Arc<Store>,
    log: Arc<Log>,
    cursor: Option<Arc<Cursor>>,
    next: u64,
    /// Read and not given yet: a read that is not waited for to its end loses nothing.
    read: VecDeque<LogRecord>,
    changes: tokio::sync::watch::Receiver<u64>,
}

/// How much is read at once.
const PAGE_BYTES: usize = 256 * 1024;

impl Reader {
    async fn fill(&mut self, most: usize) -> Result<(), NodeError> {
        loop {
            // Seen before it is read: what is appended meanwhile wakes it again.
            let end = *self.changes.borrow_and_update();
            if self.next < end {
                let (store, log, from) = (self.store.clone(), self.log.clone(), self.next);
                let page = tokio::task::spawn_blocking(move || store.read(&log, from, most, PAGE_BYTES));
                let page = page
                    .await
                    .map_err(|error| NodeError::disconnected(format!("a read was cut off: {error}")))?
                    .map_err(node_error)?;
                if let Some(&(first, last)) = page.gaps.first() {
                    tracing::warn!("log {}: records {first} to {last} are missing", self.log.name);
                }
                let moved = page.next > self.next;
                self.next = page.next;
                let wanted =
                    |sequence: u64| self.cursor.as_ref().is_none_or(|cursor| !cursor.is_done(sequence));
                let records = page.records.into_iter().filter(|(sequence, _)| wanted(*sequence));
                self.read.extend(records.map(|(sequence, record)| LogRecord {
                    sequence,
                    value: record.value,
                    key: record.key,
                    wall_ms: record.wall_ms,
                    event_ms: record.event_ms,
                    source: record.source,
                }));
                if !self.read.is_empty() {
                    return Ok(());
                }
                if moved {
                    continue;
                }
            }
            if self.changes.changed().await.is_err() {
                return Err(NodeError::disconnected("the store is closed"));
            }
        }
    }
}

impl LogReader for Reader {
    fn next(
        &mut self,
        most: usize,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<LogRecord>, NodeError>> + Send + '_>> {
        Box::pin(async move {
            if self.read.is_empty() {
                self.fill(most).await?;
            }
            let take = most.min(self.read.len());
            Ok(self.read.drain(..take).collect())
        })
    }

    fn is_at_end(&self) -> bool {
        self.read.is_empty() && self.next >= self.log.next()
    }

    fn end(&self) -> u64 {
        self.log.next()
    }

    fn done(&mut self, sequence: u64) {
        if let Some(cursor) = &self.cursor {
            cursor.confirm(1, sequence);
            self.store.advance(&self.log, cursor);
        }
    }
}

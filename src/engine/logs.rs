//! Logs as they are lent to connectors: `Logs`, filled in with the store.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use tidegate_nodes::error::NodeError;
use tidegate_nodes::host::{Append, Appended, From, Keep, LogReader, LogRecord, Logs};
use tidegate_nodes::origin::Origin;
use tidegate_nodes::value::{Object, Str};

use crate::store::{Commit, DEAD_LETTERS, Lease, Log, Record, Retention, Standing, Store, StoreError};

pub struct DeviceLogs {
    store: Arc<Store>,
    /// Logs whose retention was said through this handle. Once is enough, and two nodes that say different things of one
    /// log must not overwrite each other with each message.
    declared: Mutex<HashMap<Str, Retention>>,
}

/// Each log is a table and a place in memory.
const MOST_LOGS: usize = 4_096;
/// Logs of the gateway itself stand under names like these; flows have the others.
const OURS: &str = "outbox/";

impl DeviceLogs {
    pub fn new(store: Arc<Store>) -> DeviceLogs {
        DeviceLogs { store, declared: Mutex::default() }
    }
}

impl DeviceLogs {
    /// A message may name its log: a mistake there must not make one for each message.
    fn has_room_for(&self, name: &str) -> Result<(), NodeError> {
        if self.store.find_log(name).is_some() || self.store.logs().len() < MOST_LOGS {
            return Ok(());
        }
        Err(NodeError::rejected(format!(
            "there are {MOST_LOGS} logs already, and {name} would be one more: a log is for a kind of message, its key tells them apart"
        )))
    }

    fn declare(&self, name: &str, retention: Retention) -> Arc<Log> {
        let mut declared = self.declared.lock().unwrap_or_else(PoisonError::into_inner);
        if declared.get(name) == Some(&retention) {
            return self.store.log(name, &retention);
        }
        declared.insert(Str::new(name), retention.clone());
        // One with nothing in it was only looked at.
        let known = self.store.find_log(name).filter(|log| log.next() > 1);
        let before = known.map(|log| log.view().retention);
        if before.is_some_and(|before| before != retention) {
            tracing::info!("the log {name} is kept within other limits from now on, as its node says");
        }
        self.store.declare(name, &retention)
    }
}

impl Logs for DeviceLogs {
    fn append(&self, log: &str, keep: &Keep, append: Append, done: Appended) {
        let Append { records, copies, urgent } = append;
        if let Err(error) = allowed(log).and_then(|()| self.has_room_for(log)) {
            return done(Err(error));
        }
        let retention = Retention {
            max_bytes: keep.max_bytes,
            max_messages: keep.max_messages,
            max_age_ms: keep.max_age.map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
            compact: keep.compact,
            queue: keep.queue,
        };
        let log = self.declare(log, retention);
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
        self.store.submit(Commit {
            records,
            copies,
            urgent,
            done: Some(Box::new(done)),
            ..Commit::default()
        });
    }

    fn read(&self, log: &str, reader: Option<&str>, from: From) -> Result<Box<dyn LogReader>, NodeError> {
        allowed(log)?;
        // It may be appended to for the first time only later.
        let log = self.store.log(log, &Retention::default());
        let known = reader.is_some_and(|reader| log.has_reader(reader));
        let cursor = reader.map(|reader| log.cursor(reader));
        let lease = cursor.as_ref().map(|cursor| {
            cursor.lease().ok_or_else(|| {
                NodeError::disconnected(format!(
                    "another node reads {} as {} at this moment: give each a reader name of its own",
                    log.name, cursor.reader
                ))
            })
        });
        let lease = lease.transpose()?;
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
        let kept = cursor.map(|cursor| Arc::new(Standing { log: log.clone(), cursor }));
        let store = self.store.clone();
        Ok(Box::new(Reader { store, log, kept, next, read: VecDeque::new(), changes, _lease: lease }))
    }

    fn bytes(&self, log: &str) -> u64 {
        self.store.find_log(log).map_or(0, |log| log.bytes())
    }

    fn remove(&self, log: &str) {
        if allowed(log).is_ok() {
            self.declared.lock().unwrap_or_else(PoisonError::into_inner).remove(log);
            self.store.drop_log(log);
        }
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
    /// Where its place is kept.
    kept: Option<Arc<Standing>>,
    next: u64,
    /// Read and not given yet: a read that is not waited for to its end loses nothing.
    read: VecDeque<LogRecord>,
    changes: tokio::sync::watch::Receiver<u64>,
    _lease: Option<Lease>,
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
                    |sequence: u64| self.kept.as_ref().is_none_or(|kept| !kept.cursor.is_done(sequence));
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
        if let Some(kept) = &self.kept {
            kept.cursor.confirm(1, sequence);
            self.store.advance(&kept.log, &kept.cursor);
        }
    }

    fn origin(&self, first: u64, last: u64) -> Option<Origin> {
        Some(self.kept.as_ref()?.origin(first, last))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;
    use crate::store::Options;

    fn append(logs: &DeviceLogs, log: &str, keep: &Keep) -> Result<Vec<u64>, NodeError> {
        let (sender, receiver) = channel();
        let append = Append { records: vec![LogRecord::default()], urgent: true, ..Append::default() };
        logs.append(log, keep, append, Box::new(move |result| sender.send(result).unwrap()));
        receiver.recv().unwrap()
    }

    #[test]
    fn a_message_that_names_its_log_cannot_make_logs_without_end() {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(dir.path(), Options::default()).unwrap());
        for n in 0..MOST_LOGS {
            store.log(&format!("log {n}"), &Retention::default());
        }
        let logs = DeviceLogs::new(store);
        assert_eq!(append(&logs, "log 7", &Keep::default()), Ok(vec![1]));
        let refused = append(&logs, "one more", &Keep::default()).unwrap_err();
        assert!(matches!(&refused, NodeError::Rejected(text) if text.contains("logs already")), "{refused}");
    }

    /// Blocks of one that is gone may still be found on the disk: its number must not be another's.
    #[test]
    fn a_log_that_is_removed_leaves_nothing_and_its_number_is_not_given_again() {
        let dir = tempfile::tempdir().unwrap();
        let queue = Keep { queue: true, ..Keep::default() };
        let open = || Arc::new(Store::open(dir.path(), Options::default()).unwrap());
        let store = open();
        let logs = DeviceLogs::new(store.clone());
        append(&logs, "stays", &Keep::default()).unwrap();
        for sequence in 1..=3 {
            assert_eq!(append(&logs, "goes", &queue), Ok(vec![sequence]));
        }
        let mut reader = logs.read("goes", Some("r"), From::Start).unwrap();
        reader.done(2);
        drop(reader);
        let number = store.find_log("goes").unwrap().id;
        assert!(logs.bytes("goes") > 0);
        logs.remove("goes");
        assert_eq!(logs.bytes("goes"), 0);
        append(&logs, "stays", &Keep::default()).unwrap();
        drop(logs);
        store.close();
        drop(store);
        let store = open();
        assert!(store.find_log("goes").is_none());
        let logs = DeviceLogs::new(store.clone());
        assert_eq!(append(&logs, "goes", &queue), Ok(vec![1]), "a new one");
        let log = store.find_log("goes").unwrap();
        assert!(log.id > number, "{} {number}", log.id);
        assert!(!log.has_reader("r"));
        assert_eq!(append(&logs, "stays", &Keep::default()), Ok(vec![3]));
    }

    /// Two nodes may say different things of one log. The last that was opened is right, and nothing is written for each message.
    #[test]
    fn limits_are_said_once() {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(dir.path(), Options::default()).unwrap());
        let (a, b) = (DeviceLogs::new(store.clone()), DeviceLogs::new(store.clone()));
        let keep = |messages| Keep { max_messages: Some(messages), ..Keep::default() };
        let kept = || store.find_log("history").unwrap().view().retention.max_messages;
        append(&a, "history", &keep(10)).unwrap();
        append(&b, "history", &keep(20)).unwrap();
        for _ in 0..3 {
            append(&a, "history", &keep(10)).unwrap();
            assert_eq!(kept(), Some(20));
        }
        append(&a, "history", &keep(30)).unwrap();
        assert_eq!(kept(), Some(30), "it was deployed anew");
    }
}

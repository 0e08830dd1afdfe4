//! Logs in memory, for the tests of nodes that append and read.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::error::NodeError;
use crate::host::{Append, Appended, From, Keep, LogReader, LogRecord, Logs};
use crate::value::Str;

/// Logs as the gateway has them, in memory. Cloning gives another handle to the same logs.
#[derive(Clone, Default)]
pub struct MemoryLogs(Arc<Mutex<Data>>);

/// What becomes of an append.
#[derive(Debug, Clone, Default)]
pub enum Appends {
    /// It is done at once.
    #[default]
    Done,
    /// It fails.
    Fail(NodeError),
    /// It waits for [`MemoryLogs::release`], as on a disk that is slow or full.
    Wait,
    /// It never will be: dropped without a call, as by a store that closes.
    Drop,
}

#[derive(Default)]
struct Data {
    logs: HashMap<String, Log>,
    appends: Appends,
    waiting: Vec<Waiting>,
    calls: Vec<Call>,
}

struct Waiting {
    log: String,
    records: Vec<LogRecord>,
    done: Appended,
}

/// One call of `append`: the log, how much of it is kept, how many records, and whether it was urgent.
pub type Call = (String, Keep, usize, bool);

#[derive(Default)]
struct Log {
    records: Vec<LogRecord>,
    /// By name: the last sequence that is done with.
    readers: BTreeMap<String, u64>,
    end: watch::Sender<u64>,
}

impl Log {
    fn next(&self) -> u64 {
        self.records.last().map_or(1, |record| record.sequence + 1)
    }

    fn append(&mut self, records: Vec<LogRecord>) -> Vec<u64> {
        let mut sequences = Vec::new();
        for record in records {
            let sequence = self.next();
            self.records.push(LogRecord { sequence, ..record });
            sequences.push(sequence);
        }
        self.end.send_replace(self.next());
        sequences
    }
}

impl MemoryLogs {
    /// What becomes of appends from now on.
    pub fn set_appends(&self, appends: Appends) {
        self.lock().appends = appends;
    }

    /// Does the appends that wait, in order; those to come are done at once.
    pub fn release(&self) {
        let mut data = self.lock();
        data.appends = Appends::Done;
        let told: Vec<_> = std::mem::take(&mut data.waiting)
            .into_iter()
            .map(|Waiting { log, records, done }| (done, data.logs.entry(log).or_default().append(records)))
            .collect();
        drop(data);
        for (done, sequences) in told {
            done(Ok(sequences));
        }
    }

    /// Appends one record.
    pub fn put(&self, log: &str, record: LogRecord) {
        self.lock().logs.entry(log.to_string()).or_default().append(vec![record]);
    }

    pub fn records(&self, log: &str) -> Vec<LogRecord> {
        self.lock().logs.get(log).map(|log| log.records.clone()).unwrap_or_default()
    }

    /// Up to where a reader is done; nothing where there is no such reader.
    pub fn position(&self, log: &str, reader: &str) -> Option<u64> {
        self.lock().logs.get(log)?.readers.get(reader).copied()
    }

    /// The appends so far.
    pub fn calls(&self) -> Vec<Call> {
        self.lock().calls.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Data> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Logs for MemoryLogs {
    fn append(&self, log: &str, keep: &Keep, append: Append, done: Appended) {
        let Append { records, urgent, .. } = append;
        let mut data = self.lock();
        data.calls.push((log.to_string(), keep.clone(), records.len(), urgent));
        let result = match data.appends.clone() {
            Appends::Done => Ok(data.logs.entry(log.to_string()).or_default().append(records)),
            Appends::Fail(error) => Err(error),
            Appends::Wait => {
                data.waiting.push(Waiting { log: log.to_string(), records, done });
                return;
            }
            Appends::Drop => return,
        };
        drop(data);
        done(result);
    }

    fn read(&self, log: &str, reader: Option<&str>, from: From) -> Result<Box<dyn LogReader>, NodeError> {
        let mut data = self.lock();
        let of = data.logs.entry(log.to_string()).or_default();
        let at_time = |time| {
            let found = of.records.iter().find(|record| record.wall_ms >= time);
            found.map_or(of.next(), |record| record.sequence)
        };
        let next = match from {
            From::Start => of.records.first().map_or(1, |record| record.sequence),
            From::End => of.next(),
            From::Sequence(sequence) => sequence.max(1),
            From::Time(time) => at_time(time),
        };
        let next =
            reader.map_or(next, |reader| *of.readers.entry(reader.to_string()).or_insert(next - 1) + 1);
        let changes = of.end.subscribe();
        let (logs, log, reader) = (self.clone(), log.to_string(), reader.map(Str::new));
        Ok(Box::new(Reader { logs, log, reader, next, changes }))
    }

    fn bytes(&self, log: &str) -> u64 {
        let weigh =
            |log: &Log| log.records.iter().map(|record| crate::cx::weight(&record.value) as u64).sum();
        self.lock().logs.get(log).map_or(0, weigh)
    }

    fn remove(&self, log: &str) {
        self.lock().logs.remove(log);
    }
}

struct Reader {
    logs: MemoryLogs,
    log: String,
    reader: Option<Str>,
    next: u64,
    changes: watch::Receiver<u64>,
}

impl LogReader for Reader {
    fn next(
        &mut self,
        most: usize,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<LogRecord>, NodeError>> + Send + '_>> {
        Box::pin(async move {
            loop {
                self.changes.mark_unchanged();
                let records = self.logs.records(&self.log);
                let new = records.into_iter().filter(|record| record.sequence >= self.next);
                let new: Vec<LogRecord> = new.take(most).collect();
                if let Some(last) = new.last() {
                    self.next = last.sequence + 1;
                    return Ok(new);
                }
                if self.changes.changed().await.is_err() {
                    return Err(NodeError::disconnected("the logs are gone"));
                }
            }
        })
    }

    fn is_at_end(&self) -> bool {
        self.next >= self.end()
    }

    fn end(&self) -> u64 {
        self.logs.lock().logs.get(&self.log).map_or(1, Log::next)
    }

    fn done(&mut self, sequence: u64) {
        let Some(reader) = &self.reader else { return };
        let mut data = self.logs.lock();
        if let Some(position) =
            data.logs.get_mut(&self.log).and_then(|log| log.readers.get_mut(reader.as_str()))
        {
            *position = (*position).max(sequence);
        }
    }
}

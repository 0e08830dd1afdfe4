//! What a person does to a store: sends dead letters back, gives up what is stored, moves readers, imports. Each step is
//! one commit, with its entry in the ledger in it, and long work is done in bounded steps.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use serde::Serialize;
use tidegate_nodes::value::{Object, Str, Value};

use super::batch::Batch;
use super::cursor::{Cursor, Done, Reservation};
use super::{Commit, DEAD_LETTERS, Entry, HANDLED, Log, Page, Reason, Record, Retention, Store, StoreError};

/// How much is done in one commit.
pub const STEP: usize = 1_000;
const STEP_BYTES: usize = 4 * 1024 * 1024;
/// How long one commit may take before a person is told. It may still happen later.
const LIMIT: Duration = Duration::from_secs(30);
/// The reader of a queue.
pub const SINK: &str = "sink";

/// Hears how many are done so far, and may stop the work between two steps.
pub type Progress<'p> = &'p mut dyn FnMut(u64) -> ControlFlow<()>;

/// How a piece of work ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Outcome {
    pub messages: u64,
    /// Whether it was stopped before its end.
    pub stopped: bool,
}

/// The queues of a node, by the conventional names; those that exist.
pub const PRIORITIES: [&str; 3] = ["alarm", "event", "telemetry"];

pub fn queue_name(node: &str, priority: &str) -> String {
    format!("outbox/{node}/{priority}")
}

/// The node whose outbox a queue belongs to, and the priority. A node's id may have slashes of its own.
pub fn queue_parts(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix("outbox/")?.rsplit_once('/').filter(|(_, priority)| PRIORITIES.contains(priority))
}

/// Whether a dead letter is of this node, or of this queue where it is named as one.
pub fn is_letter_of(record: &Record, of: &str) -> bool {
    let about = |key: &str| record.about.get(key).and_then(Value::as_str);
    match queue_parts(of) {
        Some(_) => about("outbox") == Some(of),
        None => about("node").or(record.key.as_deref()) == Some(of),
    }
}

/// Sends dead letters of a node, or of one queue, back to the end of their queue. They are handled then, both or neither.
pub fn retry(
    store: &Store,
    of: &str,
    limit: Option<u64>,
    progress: Progress<'_>,
) -> Result<Outcome, StoreError> {
    letters(
        store,
        |record| is_letter_of(record, of),
        limit,
        progress,
        |letters, reservation, cursor| {
            let log = dead_letters(store)?;
            let mut commit = Commit::default();
            for (sequence, letter) in letters {
                let queue = queue_of(store, letter)?;
                commit.records.push((queue, reborn(store, letter, *sequence)));
            }
            commit.given_up = entries(&log, cursor, reservation, Reason::Retried, "sent back to the queue");
            Ok(commit)
        },
    )
}

/// Whether there are dead letters of a node or a queue that nobody has dealt with.
pub fn has_letters(store: &Store, of: &str) -> Result<bool, StoreError> {
    let Some(log) = store.find_log(DEAD_LETTERS) else { return Ok(false) };
    let cursor = log.cursor(HANDLED);
    let mut at = cursor.position() + 1;
    while at < log.next() {
        let Page { records, next, .. } = store.read(&log, at, STEP, STEP_BYTES)?;
        if next <= at {
            break;
        }
        at = next;
        let is_wanted =
            |(sequence, record): &(u64, Record)| !cursor.is_done(*sequence) && is_letter_of(record, of);
        if records.iter().any(is_wanted) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Gives dead letters up: of a node or queue, or all.
pub fn purge_dead_letters(
    store: &Store,
    of: Option<&str>,
    progress: Progress<'_>,
) -> Result<Outcome, StoreError> {
    let wanted = |record: &Record| of.is_none_or(|of| is_letter_of(record, of));
    letters(store, wanted, None, progress, |_, reservation, cursor| {
        let log = dead_letters(store)?;
        let given_up = entries(&log, cursor, reservation, Reason::Purged, "given up by a person");
        Ok(Commit { given_up, ..Commit::default() })
    })
}

/// Gives up what stands in a queue: a range of sequences, or all that is there now.
pub fn purge(
    store: &Store,
    queue: &str,
    range: Option<(u64, u64)>,
    progress: Progress<'_>,
) -> Result<Outcome, StoreError> {
    let log = find(store, queue)?;
    if !log.view().retention.queue || queue == DEAD_LETTERS {
        return Err(StoreError::Refused(format!(
            "{queue} is no outbox: what a log keeps is said by its retention, and only a queue can be purged"
        )));
    }
    let cursor = log.cursor(SINK);
    let end = log.next() - 1;
    let (first, last) = range.unwrap_or((1, end));
    let mut at = first.max(cursor.position() + 1);
    let last = last.min(end);
    let mut outcome = Outcome::default();
    while at <= last {
        let until = last.min(at + STEP as u64 - 1);
        let reservation = cursor.reserve(at, until);
        let count = reservation.count();
        if count > 0 {
            let given_up = entries(
                &log,
                &cursor,
                std::slice::from_ref(&reservation),
                Reason::Purged,
                "given up by a person",
            );
            commit(store, Commit { given_up, ..Commit::default() }, Some(reservation))?;
            outcome.messages += count;
        }
        at = until + 1;
        if at <= last && progress(outcome.messages).is_break() {
            outcome.stopped = true;
            break;
        }
    }
    Ok(outcome)
}

/// Puts a reader of a log at a sequence. What it is moved past is counted.
pub fn seek(store: &Store, log: &str, reader: &str, next: u64) -> Result<u64, StoreError> {
    let log = find(store, log)?;
    refuse_queue(&log, "its sink says how far it is, and retry, peek and purge are for people")?;
    let next = next.clamp(log.first(), log.next());
    let cursor = log.cursor(reader);
    let before = cursor.done();
    let passed = next.saturating_sub(before.position.max(log.first() - 1) + 1);
    let mut job = Commit::default();
    if passed > 0 {
        job.ledger.push(Entry {
            scope: log.name.clone(),
            reason: Reason::Skipped,
            count: passed,
            range: Some((next - passed, next - 1)),
            detail: format!("{reader} was moved past them by a person"),
        });
    }
    cursor.reset(Done { position: next - 1, ..Done::default() });
    let (id, name) = (log.id, cursor.reader.clone());
    job.act = Some(Box::new(move |batch| forget_ranges(batch, id, &name)));
    job.positions.push((log, cursor.clone()));
    if let Err(error) = commit(store, job, None) {
        cursor.reset(before);
        return Err(error);
    }
    Ok(next)
}

/// What was done with beyond the position of a reader.
fn forget_ranges(batch: &mut Batch<'_>, log: u32, reader: &str) -> Result<(), StoreError> {
    for sql in
        ["DELETE FROM skips WHERE log = ? AND reader = ?", "DELETE FROM ahead WHERE log = ? AND reader = ?"]
    {
        batch.connection.execute(sql, (log, reader))?;
    }
    Ok(())
}

/// Forgets a reader of a log. One that a flow holds now is refused: it would come back.
pub fn drop_reader(store: &Store, log: &str, reader: &str) -> Result<(), StoreError> {
    let log = find(store, log)?;
    refuse_queue(&log, "without its reader nothing says what was delivered")?;
    let Some(cursor) = log.readers().into_iter().find(|cursor| cursor.reader == reader) else {
        return Err(StoreError::Refused(format!("the log {} has no reader {reader}", log.name)));
    };
    // The log's own and this one.
    if Arc::strong_count(&cursor) > 2 {
        return Err(StoreError::Refused(format!(
            "{reader} is reading {} now: take the node out of the flow first",
            log.name
        )));
    }
    let (id, name) = (log.id, cursor.reader.clone());
    let act = move |batch: &mut Batch<'_>| {
        batch.connection.execute("DELETE FROM readers WHERE log = ? AND name = ?", (id, name.as_str()))?;
        forget_ranges(batch, id, &name)
    };
    commit(store, Commit { act: Some(Box::new(act)), ..Commit::default() }, None)?;
    log.forget_reader(reader);
    Ok(())
}

/// Appends records to a log, in commits of a bounded size, and gives their sequences.
pub fn append(
    store: &Store,
    log: &Arc<Log>,
    records: impl IntoIterator<Item = Record>,
) -> Result<Vec<u64>, StoreError> {
    let mut sequences = Vec::new();
    let mut step = Commit::default();
    let mut bytes = 0;
    let ran_ms = store.ran_ms();
    for record in records {
        bytes += record.weight();
        step.records.push((log.clone(), Record { ran_ms, ..record }));
        if step.records.len() >= STEP || bytes >= STEP_BYTES {
            bytes = 0;
            sequences.extend(commit(store, std::mem::take(&mut step), None)?);
        }
    }
    if !step.records.is_empty() {
        sequences.extend(commit(store, step, None)?);
    }
    Ok(sequences)
}

/// The log of users to append to by hand; made where it is new. Queues are the gateway's own.
pub fn log_to_append_to(store: &Store, name: &str) -> Result<Arc<Log>, StoreError> {
    if name.is_empty() || name.starts_with("outbox/") || name == DEAD_LETTERS {
        return Err(StoreError::Refused(format!(
            "{name:?} is no log to write to: choose a name that does not begin with outbox/ and is not {DEAD_LETTERS}"
        )));
    }
    Ok(store.log(name, &Retention::default()))
}

/// Goes over the dead letters that nobody has dealt with yet, and commits what `act` makes of the wanted ones of a step.
fn letters(
    store: &Store,
    wanted: impl Fn(&Record) -> bool,
    limit: Option<u64>,
    progress: Progress<'_>,
    act: impl Fn(&[(u64, Record)], &[Reservation], &Arc<Cursor>) -> Result<Commit, StoreError>,
) -> Result<Outcome, StoreError> {
    let mut outcome = Outcome::default();
    let Some(log) = store.find_log(DEAD_LETTERS) else { return Ok(outcome) };
    let cursor = log.cursor(HANDLED);
    let end = log.next();
    let mut at = cursor.position() + 1;
    while at < end && limit.is_none_or(|limit| outcome.messages < limit) {
        let Page { records, next, .. } = store.read(&log, at, STEP, STEP_BYTES)?;
        if next <= at {
            break;
        }
        at = next;
        let left = limit.map_or(u64::MAX, |limit| limit - outcome.messages);
        let mut mine = Vec::new();
        let mut reservations = Vec::new();
        for (sequence, record) in records.into_iter().filter(|(_, record)| wanted(record)) {
            if mine.len() as u64 >= left {
                break;
            }
            // Somebody else may be at it too: a letter goes back once.
            let reservation = cursor.reserve(sequence, sequence);
            if reservation.count() == 1 {
                mine.push((sequence, record));
                reservations.push(reservation);
            }
        }
        if mine.is_empty() {
            continue;
        }
        let job = act(&mine, &reservations, &cursor)?;
        commit(store, job, reservations)?;
        outcome.messages += mine.len() as u64;
        if at < end && progress(outcome.messages).is_break() {
            outcome.stopped = true;
            break;
        }
    }
    Ok(outcome)
}

/// A letter as it goes back to its queue: as old as now, so that it does not expire at once, and with the name under
/// which it was sent before, so that a receiver can tell a repeat.
fn reborn(store: &Store, letter: &Record, sequence: u64) -> Record {
    let mut about: Object = letter
        .about
        .iter()
        .filter(|(key, _)| *key != "reason")
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    about.insert("dead_letter", sequence as i64);
    let node = letter.about.get("node").and_then(Value::as_str);
    // In the dead letters the key is the node's id: the key it was sent under is in `about`, where there was one.
    let key = match letter.about.get("key") {
        Some(Value::Str(key)) => Some(key.clone()),
        _ => letter.key.clone().filter(|key| Some(key.as_str()) != node),
    };
    Record { ran_ms: store.ran_ms(), about, key, ..letter.clone() }
}

/// The queue that a letter came from.
fn queue_of(store: &Store, letter: &Record) -> Result<Arc<Log>, StoreError> {
    let about = |key: &str| letter.about.get(key).and_then(Value::as_str);
    let node = about("node").unwrap_or_default();
    // Older letters do not say it, and may be of a sink all the same.
    let likely = queue_name(node, "event");
    let Some(name) = about("outbox").or_else(|| store.find_log(&likely).map(|_| likely.as_str())) else {
        return Err(StoreError::Refused(format!(
            "the dead letter is of the node {node}, which has no outbox that could send it again: read it with \
             `tidegate outbox dead`, mend the flow, and purge it with `tidegate outbox purge {node} --dead --yes`"
        )));
    };
    if queue_parts(name).is_none() {
        return Err(StoreError::Refused(format!(
            "a dead letter says that it is of the outbox {name:?}, and no outbox can have that name: purge it"
        )));
    }
    let queue = store.log(name, &Retention { queue: true, ..Retention::default() });
    if queue.view().retention.queue {
        return Ok(queue);
    }
    Err(StoreError::Refused(format!("{name} is a log and no outbox: the dead letter cannot go back")))
}

fn dead_letters(store: &Store) -> Result<Arc<Log>, StoreError> {
    find(store, DEAD_LETTERS)
}

fn find(store: &Store, name: &str) -> Result<Arc<Log>, StoreError> {
    store
        .find_log(name)
        .ok_or_else(|| StoreError::Refused(no_log(name, store.logs().iter().map(|l| l.name.as_str()))))
}

/// No log of this name, and the nearest that there are.
pub fn no_log<'n>(name: &str, among: impl Iterator<Item = &'n str>) -> String {
    let near = crate::flow::nearest(name, among);
    let hint = near.first().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    format!("no log `{name}`{hint}")
}

fn refuse_queue(log: &Log, why: &str) -> Result<(), StoreError> {
    let is_queue = log.view().retention.queue || log.name == DEAD_LETTERS;
    match is_queue {
        true => Err(StoreError::Refused(format!("{} is a queue: {why}", log.name))),
        false => Ok(()),
    }
}

impl Reservation {
    fn count(&self) -> u64 {
        self.parts.iter().map(|(first, last)| last + 1 - first).sum()
    }
}

/// One entry of the ledger a part that is given up.
fn entries(
    log: &Arc<Log>,
    cursor: &Arc<Cursor>,
    reservations: &[Reservation],
    reason: Reason,
    detail: &str,
) -> Vec<(Arc<Log>, Arc<Cursor>, Entry)> {
    let entry = |&(first, last): &(u64, u64)| Entry {
        scope: log.name.clone(),
        reason,
        count: last + 1 - first,
        range: Some((first, last)),
        detail: detail.to_string(),
    };
    let parts = reservations.iter().flat_map(|reservation| &reservation.parts);
    parts.map(|part| (log.clone(), cursor.clone(), entry(part))).collect()
}

/// Commits, waits, and gives the sequences of the records. What is reserved stays so until the commit has ended, also
/// when nobody waits for it any more.
fn commit(
    store: &Store,
    mut job: Commit,
    reserved: impl IntoIterator<Item = Reservation>,
) -> Result<Vec<u64>, StoreError> {
    let reserved: Vec<Reservation> = reserved.into_iter().collect();
    let (sender, receiver) = sync_channel(1);
    job.done = Some(Box::new(move |result| {
        drop(reserved);
        let _ = sender.try_send(result);
    }));
    // A person waits, and what makes room is written even into the reserve; what takes room is not.
    job.urgent = job.records.is_empty();
    store.submit(job);
    match receiver.recv_timeout(LIMIT) {
        Ok(result) => result,
        Err(RecvTimeoutError::Disconnected) => Err(StoreError::Closed),
        Err(RecvTimeoutError::Timeout) => {
            let why = store.health().trouble.unwrap_or_else(|| "it takes too long".to_string());
            Err(StoreError::Unwritable(format!("{why}; what was asked for may still happen")))
        }
    }
}

/// A record as a person gives it.
pub fn record(value: Object, wall_ms: i64, source: &str, key: Option<&str>) -> Record {
    Record { value, wall_ms, source: Str::new(source), key: key.map(Str::new), ..Record::default() }
}

#[cfg(test)]
#[path = "admin_tests.rs"]
mod tests;

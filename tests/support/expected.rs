//! What must be in a store after a workload, and what it is called when it is not.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use tidegate::store::Store;
use tidegate_nodes::value::Value;

use super::workload::{LITTLE, LITTLE_BYTES, LOGS, NODE, QUEUES, READER, SEGMENT_BYTES, Workload, record};

/// What must not be found .
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Taken for damaged and made anew, out of caution: it costs time, and loses nothing.
    Rebuilt,
    /// Acknowledged, and not there.
    Lost,
    /// There, and never submitted; or in the wrong order; or half of what belongs together.
    Wrong,
    /// It does not open, or is not intact.
    Damaged,
}

pub type Violation = (Kind, String);

pub fn damaged(error: impl std::fmt::Display) -> Violation {
    (Kind::Damaged, error.to_string())
}

macro_rules! ensure {
    ($holds:expr, $kind:ident, $($what:tt)*) => {
        if !$holds {
            return Err(($crate::support::expected::Kind::$kind, format!($($what)*)));
        }
    };
}
// Not each test file checks more than is here.
#[allow(unused_imports)]
pub(crate) use ensure;

pub fn intact(directory: &Path) -> Result<(), Violation> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    intact_database(&Connection::open_with_flags(directory.join("data.db"), flags).map_err(damaged)?)
}

pub fn intact_database(connection: &Connection) -> Result<(), Violation> {
    let found: String =
        connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(damaged)?;
    if found == "ok" { Ok(()) } else { Err(damaged(found)) }
}

/// How many steps of a workload the store has.
pub fn found(store: &Store) -> Result<usize, Violation> {
    let state = integers(store.state_of(NODE).map_err(damaged)?);
    Ok(state.get("step").map_or(0, |steps| *steps as usize))
}

fn integers<K: ToString>(all: impl IntoIterator<Item = (K, Value)>) -> BTreeMap<String, i64> {
    // What is no number is none that was written.
    all.into_iter().map(|(key, value)| (key.to_string(), value.as_i64().unwrap_or(-1))).collect()
}

impl Workload {
    /// All that so many steps have left behind, and nothing else. A position may be that of a later step.
    pub fn holds(&self, store: &Store, steps: usize, submitted: usize) -> Result<(), Violation> {
        let content = &self.contents[steps];
        let state = integers(store.state_of(NODE).map_err(damaged)?);
        ensure!(state == content.state, Wrong, "after {steps} steps the state is {state:?}");
        let context = store.context_of("disk").map_err(damaged)?;
        let context = integers(context.into_iter().map(|(_, key, value)| (key, value)));
        ensure!(context == content.context, Wrong, "after {steps} steps the context is {context:?}");
        for (log, next) in content.next.iter().enumerate() {
            records(store, log, *next)
                .map_err(|(kind, what)| (kind, format!("after {steps} steps {what}")))?;
        }
        let balances = store.view(|view| view.balances()).map_err(damaged)?;
        ensure!(balances.iter().all(|balance| balance.holds), Wrong, "no balance: {balances:?}");
        let totals = store.view(|view| view.ledger_totals()).map_err(damaged)?;
        let ledgered = |log: usize| -> u64 {
            totals.iter().filter(|(scope, _, _)| scope == LOGS[log]).map(|(_, _, count)| count).sum()
        };
        for queue in QUEUES {
            let given_up = &content.given_up[queue];
            ensure!(
                ledgered(queue) == given_up.len() as u64,
                Wrong,
                "{} given up in {}, {} in the ledger",
                given_up.len(),
                LOGS[queue],
                ledgered(queue)
            );
            let Some(log) = store.find_log(LOGS[queue]) else { continue };
            let done = log.cursor(READER).done();
            let (least, most) = (content.position(queue), self.contents[submitted].position(queue));
            ensure!(done.position >= least, Lost, "{} is at {}, not {least}", LOGS[queue], done.position);
            ensure!(done.position <= most, Wrong, "{} is at {}, beyond {most}", LOGS[queue], done.position);
            // What was confirmed beyond the position comes again; what was given up does not.
            let expected: Vec<u64> = given_up.range(done.position + 1..).copied().collect();
            let found: Vec<u64> = (done.position + 1..log.next()).filter(|n| done.is_done(*n)).collect();
            ensure!(found == expected, Wrong, "{} skips {found:?}, not {expected:?}", LOGS[queue]);
        }
        let Some(little) = store.find_log(LOGS[LITTLE]) else { return Ok(()) };
        let (dropped, position) = (little.first() - 1, little.cursor(READER).position());
        ensure!(
            ledgered(LITTLE) == dropped && position == dropped,
            Wrong,
            "{dropped} dropped, {} in the ledger, the reader is at {position}",
            ledgered(LITTLE)
        );
        Ok(())
    }
}

/// What a log has is what was written, and only what may be dropped is not there.
fn records(store: &Store, log: usize, next: u64) -> Result<(), Violation> {
    let name = LOGS[log];
    let Some(found) = store.find_log(name) else {
        ensure!(next == 1, Lost, "there is no log {name}, and {} of its records are missing", next - 1);
        return Ok(());
    };
    ensure!(found.next() >= next, Lost, "{name} ends before {}, not {next}", found.next());
    ensure!(found.next() == next, Wrong, "{name} ends before {}, not {next}", found.next());
    let first = found.first();
    let droppable = match log {
        LITTLE if found.bytes() + SEGMENT_BYTES + 16 * 1024 > LITTLE_BYTES => next,
        _ if QUEUES.contains(&log) => found.cursor(READER).position() + 1,
        _ => 1,
    };
    ensure!(first <= droppable, Lost, "{name} begins at {first}; only what is before {droppable} may go");
    let mut at = first;
    while at < next {
        let page = store.read(&found, at, 100, 1 << 20).map_err(damaged)?;
        ensure!(page.gaps.is_empty() && page.next > at, Lost, "{name} has gaps: {:?}", page.gaps);
        for (sequence, there) in page.records {
            ensure!(sequence == at, Wrong, "{name}: {sequence} comes where {at} must be");
            ensure!(there == record(log, at), Wrong, "{name}: record {sequence} has another payload");
            at += 1;
        }
    }
    Ok(())
}

//! The store itself, under power failures: what it acknowledged is there, and what belongs together is there together.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tidegate::store::{Batching, Durability, Options, Setup, Store, StoreError, Upkeep};
use tidegate_nodes::value::Value;

use crate::check::{Checker, Kind, Recorded, Tally, Violation, crash};
use crate::support::images::Random;
use crate::support::recording::{Recording, Syncs, read_files};
use crate::workload::{
    LITTLE, LITTLE_BYTES, LOGS, NODE, QUEUES, READER, SEGMENT_BYTES, Told, Workload, acknowledged, record,
    retention,
};

/// For the tests of every day: an image of the store costs more than one of a single table.
const IMAGES: usize = 300;
const STEPS: usize = 80;
/// That go on after a crash.
const MORE: usize = 4;

fn images() -> usize {
    if std::env::var_os("CRASH_IMAGES").is_some() { crate::check::images() } else { IMAGES }
}

fn options(durability: Durability) -> Options {
    Options {
        // Checkpoints happen all the time.
        setup: Setup { durability, checkpoint_pages: 20 },
        batching: Batching { messages: 20, bytes: 16 * 1024, linger: Duration::from_millis(1) },
        upkeep: Upkeep { segment_bytes: SEGMENT_BYTES, every: Duration::ZERO },
    }
}

fn record_store(seed: u64, durability: Durability, syncs: Syncs) -> Recorded<Workload> {
    let mut random = Random(seed);
    let workload = Workload::new(STEPS + 10 * MORE, &mut random);
    let folder = tempfile::tempdir().unwrap();
    let recording = Recording::start(folder.path(), syncs);
    let told = Told::from(0);
    let mut store = start(folder.path(), durability).unwrap();
    for number in 1..=STEPS {
        workload.run(number, &store, &recording.marker(), &told);
        if random.percent(3) {
            if random.percent(50) {
                store.close();
            }
            drop(store);
            store = start(folder.path(), durability).unwrap();
            workload.confirm_again(number, &store);
        }
    }
    assert_eq!(told.all(STEPS), Ok(()));
    assert!(LOGS.iter().any(|name| store.find_log(name).is_some_and(|log| log.first() > 1)), "nothing rolls");
    store.close();
    drop(store);
    let tape = recording.stop();
    let mut there = read_files(folder.path());
    // The store's own files are not SQLite's, and not recorded.
    there.retain(|name, _| name != Path::new("lock") && name != Path::new("reserve"));
    assert!(tape.end() == there, "the recorder has missed something");
    Recorded { tape, checker: workload }
}

fn start(directory: &Path, durability: Durability) -> Result<Store, StoreError> {
    let store = Store::open(directory, options(durability))?;
    // It is overtaken: it never reads.
    store.log(LOGS[LITTLE], &retention(LITTLE)).cursor(READER);
    Ok(store)
}

fn damaged(error: impl std::fmt::Display) -> Violation {
    (Kind::Damaged, error.to_string())
}

macro_rules! ensure {
    ($holds:expr, $kind:ident, $($what:tt)*) => {
        if !$holds {
            return Err((Kind::$kind, format!($($what)*)));
        }
    };
}

impl Checker for Workload {
    fn check(&self, directory: &Path, marks: &[u64], recording: &Recording) -> Result<(), Violation> {
        let of =
            |odd| marks.iter().filter(|mark| *mark % 2 == odd).max().map_or(0, |mark| *mark as usize / 2);
        let (submitted, known) = (of(0), of(1));
        // The last gateway did not stop in order.
        std::fs::write(directory.join("lock"), "1 running\n").map_err(damaged)?;
        let store = start(directory, Durability::Full).map_err(damaged)?;
        ensure!(!directory.join("damaged-1").exists(), Damaged, "a database was found damaged and set aside");
        intact(directory)?;
        let state = integers(store.state_of(NODE).map_err(damaged)?);
        let steps = state.get("step").map_or(0, |steps| *steps as usize);
        ensure!(steps >= known, Lost, "{known} steps are acknowledged, {steps} are there");
        ensure!(steps <= submitted, Wrong, "{submitted} steps were submitted, {steps} are there");
        self.holds(&store, steps, submitted, &state)?;
        recording.mark(acknowledged(steps));
        self.confirm_again(steps, &store);
        // Behind what was recovered there may be leftovers of what was not: it goes on over them.
        let told = Told::from(steps);
        let until = self.steps.len().min(steps + MORE);
        for number in steps + 1..=until {
            self.run(number, &store, &recording.marker(), &told);
        }
        told.all(until).map_err(|what| (Kind::Wrong, what))?;
        if steps % 2 == 0 {
            store.close();
        }
        drop(store);
        Ok(())
    }
}

fn intact(directory: &Path) -> Result<(), Violation> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let connection = Connection::open_with_flags(directory.join("data.db"), flags).map_err(damaged)?;
    let found: String =
        connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(damaged)?;
    if found == "ok" { Ok(()) } else { Err(damaged(found)) }
}

fn integers<K: ToString>(all: impl IntoIterator<Item = (K, Value)>) -> BTreeMap<String, i64> {
    // What is no number is none that was written.
    all.into_iter().map(|(key, value)| (key.to_string(), value.as_i64().unwrap_or(-1))).collect()
}

impl Workload {
    /// All that so many steps have left behind, and nothing else.
    fn holds(
        &self,
        store: &Store,
        steps: usize,
        submitted: usize,
        state: &BTreeMap<String, i64>,
    ) -> Result<(), Violation> {
        let content = &self.contents[steps];
        ensure!(*state == content.state, Wrong, "after {steps} steps the state is {state:?}");
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

fn told(what: &str, tally: &Tally) -> String {
    format!(
        "{what}: {} images, violations: {:?}; the first: {:?}",
        tally.images, tally.violations, tally.first
    )
}

#[test]
fn the_store_keeps_what_it_acknowledged_and_what_belongs_together() {
    let tally = crash(images(), |seed| record_store(seed, Durability::Full, Syncs::Honest));
    println!("{}", told("full", &tally));
    assert!(tally.violations.is_empty(), "{}", told("full", &tally));
}

/// What the workload cannot see break, it does not test.
#[test]
fn of_a_store_without_syncs_the_checker_finds_loss_and_damage() {
    let swallowed = crash(60, |seed| record_store(seed, Durability::Full, Syncs::Swallowed));
    let off = crash(60, |seed| record_store(seed, Durability::Off, Syncs::Honest));
    for (what, tally) in [("syncs swallowed", swallowed), ("off", off)] {
        println!("{}", told(what, &tally));
        assert!(tally.count(Kind::Lost) > 0 && tally.count(Kind::Damaged) > 0, "{}", told(what, &tally));
    }
}

/// As its promise says to people.
#[test]
fn a_store_with_normal_syncs_loses_the_last_commits_and_nothing_else() {
    let tally = crash(60, |seed| record_store(seed, Durability::Normal, Syncs::Honest));
    println!("{}", told("normal", &tally));
    assert!(tally.count(Kind::Lost) > 0, "{}", told("normal", &tally));
    assert_eq!(tally.count(Kind::Damaged) + tally.count(Kind::Wrong), 0, "{}", told("normal", &tally));
}

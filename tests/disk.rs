//! Disks that do not take it: full, read-only, failing, slow. The store acknowledges nothing that is not there, says so,
//! and goes on by itself, in order, with nothing lost and nothing twice.
// Clippy lets tests unwrap, but does not know the functions that they call as tests.
#![allow(clippy::unwrap_used)]

mod support;

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rusqlite::ffi;
use support::expected::{found, intact};
use support::faults::{Fault, Op};
use support::images::Random;
use support::recording::{Recording, Syncs};
use support::small_disk::{SmallDisk, with_small_disks};
use support::workload::{self, READER, Told, Workload, record};
use tidegate::store::{Commit, Durability, Health, Retention, Store, StoreError};

/// What a user is told: it goes on by itself when there is space again.
const SOON: Duration = Duration::from_secs(5);
/// Long enough for a busy machine; a test that passes never waits so long.
const PATIENCE: Duration = Duration::from_secs(60);
const STEPS: usize = 80;
/// Tries that run side by side: each of them waits for its store most of the time.
const AT_ONCE: usize = 8;

fn open(directory: &Path) -> Result<Arc<Store>, StoreError> {
    workload::open(directory, Durability::Full).map(Arc::new)
}

/// Runs the tries of these numbers, some at a time. One that panics ends the test.
fn each(numbers: std::ops::Range<usize>, act: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(numbers.start);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= numbers.end {
                        return;
                    }
                    act(number);
                }
            });
        }
    });
}

/// A workload that goes on beside the test.
struct Work {
    workload: Arc<Workload>,
    told: Arc<Told>,
    ended: Receiver<Result<(), String>>,
    has_ended: Cell<bool>,
}

fn work(store: &Arc<Store>, seed: u64) -> Work {
    let workload = Arc::new(Workload::new(STEPS, &mut Random(seed)));
    let told = Told::from(0);
    let (sender, ended) = channel();
    let (store, steps, telling) = (store.clone(), workload.clone(), told.clone());
    std::thread::spawn(move || {
        for number in 1..=STEPS {
            steps.run(number, &store, None, &telling);
        }
        let result = telling.all(STEPS);
        drop(store);
        // The test may be over.
        let _ = sender.send(result);
    });
    Work { workload, told, ended, has_ended: Cell::new(false) }
}

impl Work {
    /// Until the store says that it cannot write, or all is done.
    fn until_trouble(&self, store: &Store) -> Option<Health> {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.ended.recv_timeout(Duration::from_millis(2)) {
                Ok(result) => {
                    assert_eq!(result, Ok(()));
                    self.has_ended.set(true);
                    return None;
                }
                Err(RecvTimeoutError::Timeout) => assert!(Instant::now() < end, "it hangs in silence"),
                Err(RecvTimeoutError::Disconnected) => panic!("the workload panicked"),
            }
            let health = store.health();
            if health.trouble.is_some() {
                return Some(health);
            }
        }
    }

    /// What was acknowledged is there, also where nothing more can be written.
    fn acknowledged_is_there(&self, store: &Store) {
        let told = self.told.until();
        assert!(found(store).unwrap() >= told, "{told} steps are acknowledged");
    }

    /// To its end, soon, and then all is there, once.
    fn ends_well(self, store: Arc<Store>) {
        if !self.has_ended.get() {
            let since = Instant::now();
            let result = self.ended.recv_timeout(PATIENCE).expect("it goes on");
            assert_eq!(result, Ok(()));
            assert!(since.elapsed() < SOON, "it took {:?}", since.elapsed());
        }
        let directory = store.directory().to_owned();
        assert_eq!(found(&store), Ok(STEPS));
        store.close();
        drop(store);
        let store = open(&directory).unwrap();
        assert_eq!(self.workload.holds(&store, STEPS, STEPS), Ok(()));
        assert_eq!(intact(&directory), Ok(()));
    }
}

/// An alarm, and whether it is acknowledged.
fn alarm(store: &Store) -> Result<(), StoreError> {
    let log = store.log("alarms", &Retention { queue: true, ..Retention::default() });
    let records = vec![(log, record(0, 1))];
    store.submit_and_wait(Commit { records, urgent: true, ..Commit::default() }, PATIENCE)
}

#[test]
fn a_full_disk_costs_nothing_and_alarms_pass() {
    with_small_disks("a_full_disk_costs_nothing_and_alarms_pass", || {
        let waited = AtomicUsize::new(0);
        each(0..48, |number| {
            let disk = SmallDisk::new(24);
            let store = open(&disk.path().join("data")).unwrap();
            // From nothing to nearly enough: each time something else is the first that finds no space.
            disk.fill(4096 * number as u64);
            let work = work(&store, number as u64);
            if let Some(health) = work.until_trouble(&store) {
                waited.fetch_add(1, Ordering::Relaxed);
                let trouble = health.trouble.unwrap();
                assert!(trouble.contains("full") && trouble.contains("it takes 16 MiB"), "{trouble}");
                assert!(health.in_reserve, "{trouble}");
                let before = work.told.until();
                for _ in 0..5 {
                    assert_eq!(alarm(&store), Ok(()));
                }
                // What was under way when the trouble began may have come to its end; no more than that.
                work.acknowledged_is_there(&store);
                assert!(work.told.until() < STEPS, "{before} were written, and now all are");
                assert_eq!(store.find_log("alarms").unwrap().next(), 6);
            }
            disk.empty();
            work.ends_well(store);
        });
        // Else the disks are too large for the test.
        assert!(waited.into_inner() > 30);
    });
}

#[test]
fn a_store_starts_on_a_full_disk_and_takes_alarms() {
    with_small_disks("a_store_starts_on_a_full_disk_and_takes_alarms", || {
        let disk = SmallDisk::new(24);
        let data = disk.path().join("data");
        let store = open(&data).unwrap();
        assert_eq!(alarm(&store), Ok(()));
        store.close();
        drop(store);
        disk.fill(0);
        let store = open(&data).unwrap();
        assert_eq!(alarm(&store), Ok(()));
        let work = work(&store, 1);
        assert!(work.until_trouble(&store).is_some_and(|health| health.in_reserve));
        assert_eq!(alarm(&store), Ok(()));
        disk.empty();
        work.ends_well(store);
    });
}

#[test]
fn where_no_store_can_be_made_it_says_why() {
    with_small_disks("where_no_store_can_be_made_it_says_why", || {
        let disk = SmallDisk::new(1);
        for but in [0, 4096, 8192, 32 * 1024] {
            let data = disk.path().join(format!("data-{but}"));
            disk.fill(but);
            let said = open(&data).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(said.contains("free some space and start again"), "{but} bytes free: {said:?}");
            disk.empty();
            let store = open(&data).unwrap();
            assert_eq!(alarm(&store), Ok(()));
            store.close();
        }
        disk.read_only(true);
        for data in ["data-0", "new"] {
            let said = open(&disk.path().join(data)).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(said.contains("name a directory that this user may write to"), "{said:?}");
        }
        disk.read_only(false);
        assert!(open(&disk.path().join("data-0")).is_ok());
    });
}

/// Too small for a reserve; what was full once is not full for ever.
#[test]
fn a_disk_without_room_for_a_reserve_goes_on_too() {
    with_small_disks("a_disk_without_room_for_a_reserve_goes_on_too", || {
        let disk = SmallDisk::new(4);
        let store = open(&disk.path().join("data")).unwrap();
        disk.fill(64 * 1024);
        let work = work(&store, 1);
        assert!(work.until_trouble(&store).is_some());
        disk.empty();
        work.ends_well(store);
    });
}

/// Nobody makes room but the store itself: its sink is back, and takes what has filled the disk.
#[test]
fn a_backlog_that_filled_the_disk_drains() {
    with_small_disks("a_backlog_that_filled_the_disk_drains", || {
        let disk = SmallDisk::new(24);
        let store = open(&disk.path().join("data")).unwrap();
        let queue = store.log("queue", &Retention { queue: true, ..Retention::default() });
        let (sender, written) = channel();
        let append = |from: u64| {
            let records = (from..from + 20).map(|n| (queue.clone(), record(0, n))).collect();
            let sender = sender.clone();
            let done = Box::new(move |result: Result<Vec<u64>, StoreError>| {
                // The test may be over.
                let _ = sender.send(result.map(|sequences| sequences[0]));
            });
            store.submit(Commit { records, done: Some(done), ..Commit::default() });
        };
        let mut next = 1;
        let end = Instant::now() + PATIENCE;
        while store.health().trouble.is_none() {
            assert!(Instant::now() < end && next < 100_000, "it is never full");
            append(next);
            next += 20;
            if next > 200 {
                // Not more than a little ahead: what waits is bounded by credits.
                let _ = written.recv_timeout(Duration::from_millis(100));
            }
        }
        assert_eq!(alarm(&store), Ok(()));
        let there = queue.next();
        let cursor = queue.cursor(READER);
        cursor.confirm(1, there - 1);
        store.advance(&queue, &cursor);
        let since = Instant::now();
        while queue.next() < next {
            let _ = written.recv_timeout(Duration::from_millis(100));
            let now = queue.next() - 1;
            cursor.confirm(1, now);
            store.advance(&queue, &cursor);
            assert!(since.elapsed() < PATIENCE, "it stays at {now} of {next}: {:?}", store.health());
        }
        assert!(since.elapsed() < SOON, "it took {:?}", since.elapsed());
        assert!(store.view(|view| view.balances()).unwrap().iter().all(|balance| balance.holds));
    });
}

/// An open file keeps the kernel from a read-only remount of a healthy disk, and a failing one is remounted under it: its
/// writes fail then. So here SQLite's own writes, reads and syncs fail, from each place in turn.
#[test]
fn errors_of_the_disk_at_each_place_cost_nothing() {
    let kinds = [
        (Op::Write, ffi::SQLITE_FULL),
        (Op::Write, ffi::SQLITE_IOERR_WRITE),
        (Op::Sync, ffi::SQLITE_IOERR_FSYNC),
        (Op::Read, ffi::SQLITE_IOERR_READ),
    ];
    let (met, told) = (AtomicUsize::new(0), AtomicUsize::new(0));
    each(0..64, |number| {
        let (op, code) = kinds[number % kinds.len()];
        let folder = tempfile::tempdir().unwrap();
        let recording = Recording::start(folder.path(), Syncs::Honest);
        let store = open(folder.path()).unwrap();
        // Reads and syncs are fewer than writes.
        let after = number / kinds.len() * if op == Op::Write { 7 } else { 2 };
        recording.faults().begin(&[Fault { op, after, code }]);
        let work = work(&store, number as u64);
        if let Some(health) = work.until_trouble(&store) {
            assert!(!health.trouble.unwrap().contains("damaged"));
            told.fetch_add(1, Ordering::Relaxed);
        }
        met.fetch_add(usize::from(recording.faults().repair() > 0), Ordering::Relaxed);
        work.acknowledged_is_there(&store);
        work.ends_well(store);
    });
    println!("{met:?} of 64 met an error, {told:?} were stopped by it");
    assert!(told.into_inner() > 40);
}

#[test]
fn acknowledgements_wait_for_a_slow_sync_and_nothing_else_does() {
    let folder = tempfile::tempdir().unwrap();
    let recording = Recording::start(folder.path(), Syncs::Honest);
    let store = open(folder.path()).unwrap();
    assert_eq!(alarm(&store), Ok(()));
    recording.faults().hold_syncs();
    let work = work(&store, 1);
    recording.faults().wait_for_sync();
    // Others read meanwhile.
    let log = store.find_log("alarms").unwrap();
    assert_eq!(store.read(&log, 1, 10, 1000).unwrap().records, [(1, record(0, 1))]);
    assert_eq!(work.told.until(), 0);
    recording.faults().repair();
    work.ends_well(store);
}

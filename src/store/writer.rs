//! The one thread that writes a database. Commits that come close together share a transaction and so one fsync.
//!
//! What cannot be written now (no space, a read-only disk) waits here in order and is tried again: nothing that waits
//! is acknowledged, so its sources wait too, and what waits is bounded by their credits.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde::Serialize;
use tidegate_nodes::copies;

use super::StoreError;
use super::batch::{Batch, Segments};
use super::catalog::Catalog;
use super::commit::Commit;
use super::directory::Directory;
use super::ledger::Ledger;
use super::maintain::{self, Upkeep};
use super::odometer::Odometer;

/// When a batch is closed.
#[derive(Debug, Clone, Copy)]
pub struct Batching {
    pub messages: usize,
    pub bytes: usize,
    /// After its first message.
    pub linger: Duration,
}

impl Default for Batching {
    fn default() -> Batching {
        Batching { messages: 1_000, bytes: 256 * 1024, linger: Duration::from_millis(20) }
    }
}

/// How the writer fares.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = StoreHealth)]
pub struct Health {
    /// What stops it; nothing while all is well.
    pub trouble: Option<String>,
    /// What is there is no database any more. The next start repairs it.
    pub damaged: bool,
    /// What will stop it one day if nobody looks.
    pub warning: Option<String>,
    /// Only alarms and the ledger are written, into the reserve.
    pub in_reserve: bool,
    /// Commits that wait for better times.
    pub waiting: usize,
}

#[derive(Debug, Default)]
pub struct Written {
    pub batches: AtomicU64,
    pub records: AtomicU64,
}

/// What the thread has in its hands.
pub struct Tools {
    pub connection: Connection,
    pub catalog: Arc<Catalog>,
    pub directory: Arc<Directory>,
    pub odometer: Arc<Odometer>,
    pub batching: Batching,
    pub upkeep: Upkeep,
    /// Pages in the write-ahead log before it is emptied.
    pub checkpoint_pages: i64,
}

pub struct Writer {
    sender: Mutex<Option<std::sync::mpsc::Sender<Commit>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    pub health: Arc<Mutex<Health>>,
    pub written: Arc<Written>,
}

/// How often the disk is tried again.
pub(super) const AGAIN: Duration = Duration::from_secs(1);

impl Writer {
    pub fn start(tools: Tools) -> Result<Writer, StoreError> {
        // Unbounded: what is sent holds the credits of its messages, which are bounded at their sources.
        let (sender, receiver) = std::sync::mpsc::channel();
        let (health, written) = (Arc::<Mutex<Health>>::default(), Arc::<Written>::default());
        // The ids of segments are looked up before the thread runs, so that a database that cannot be read is told now.
        let segments =
            Segments { next: Catalog::next_segment(&tools.connection)?, bytes: tools.upkeep.segment_bytes };
        // Started on a full disk: what the reserve was given up for must not be taken by others.
        let stalled = tools.directory.gave_reserve_up().then(|| {
            (Instant::now(), StoreError::Full("nothing is left but the space that was kept back".to_string()))
        });
        let work = Work {
            tools,
            ledger: Ledger::default(),
            segments,
            waiting: VecDeque::new(),
            stalled,
            tried: None,
            maintained: Instant::now(),
            warning: None,
            health: health.clone(),
            written: written.clone(),
        };
        work.tell_health();
        let thread = std::thread::Builder::new()
            .name("store".to_string())
            .spawn(move || work.run(&receiver))
            .map_err(|error| {
                StoreError::Directory(format!("the store's thread cannot be started: {error}"))
            })?;
        Ok(Writer { sender: Mutex::new(Some(sender)), thread: Mutex::new(Some(thread)), health, written })
    }

    /// Hands a commit over. Its `done` is called when it is on the disk; dropped without a call when it never will be.
    pub fn submit(&self, commit: Commit) {
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = &*sender {
            // After a stop the commit is dropped, which tells whoever waits for it.
            let _ = sender.send(commit);
        }
    }

    /// Waits for a commit. For people and for deploys, not for messages.
    pub fn submit_and_wait(&self, mut commit: Commit, limit: Duration) -> Result<(), StoreError> {
        let (sender, receiver) = sync_channel(1);
        tell(&mut commit, sender);
        commit.urgent = true;
        self.submit(commit);
        match receiver.recv_timeout(limit) {
            Ok(result) => result,
            Err(RecvTimeoutError::Disconnected) => Err(StoreError::Closed),
            Err(RecvTimeoutError::Timeout) => {
                let trouble = self.health.lock().unwrap_or_else(PoisonError::into_inner).trouble.clone();
                Err(StoreError::Unwritable(trouble.unwrap_or_else(|| "it takes too long".to_string())))
            }
        }
    }

    /// Writes what was handed over, and ends. What still cannot be written is dropped, which tells its sources.
    pub fn stop(&self) {
        drop(self.sender.lock().unwrap_or_else(PoisonError::into_inner).take());
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // What a commit tells may be the last that held the store: then this is that very thread, and it ends by itself.
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != std::thread::current().id())
            && thread.join().is_err()
        {
            tracing::error!("the store's thread panicked; what it had not written is not acknowledged");
        }
    }
}

fn tell(commit: &mut Commit, sender: SyncSender<Result<(), StoreError>>) {
    let before = commit.done.take();
    commit.done = Some(Box::new(move |result| {
        let told = result.as_ref().map(|_| ()).map_err(StoreError::clone);
        if let Some(before) = before {
            before(result);
        }
        // Nobody may wait any more.
        let _ = sender.try_send(told);
    }));
}

pub(super) struct Work {
    pub(super) tools: Tools,
    ledger: Ledger,
    segments: Segments,
    /// In the order in which they came.
    pub(super) waiting: VecDeque<Commit>,
    /// Since when nothing could be written, and why.
    pub(super) stalled: Option<(Instant, StoreError)>,
    /// When all that waits was tried the last time.
    pub(super) tried: Option<Instant>,
    maintained: Instant,
    pub(super) warning: Option<String>,
    pub(super) health: Arc<Mutex<Health>>,
    written: Arc<Written>,
}

impl Work {
    fn run(mut self, receiver: &Receiver<Commit>) {
        loop {
            match receiver.recv_timeout(AGAIN) {
                Ok(first) => {
                    self.waiting.push_back(first);
                    self.gather(receiver);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.write();
            self.maintain();
        }
        // Once more, however short ago it failed.
        self.tried = None;
        self.write();
        self.close();
    }

    /// Takes in what comes until the batch is to be closed.
    fn gather(&mut self, receiver: &Receiver<Commit>) {
        let Batching { messages, bytes, linger } = self.tools.batching;
        let until = Instant::now() + linger;
        let weigh = |commit: &Commit| (commit.messages(), commit.bytes());
        let (mut count, mut size) = (0, 0);
        let mut urgent = false;
        for commit in &self.waiting {
            let (more, weight) = weigh(commit);
            (count, size, urgent) = (count + more, size + weight, urgent || commit.urgent);
        }
        loop {
            // What is here already comes along for nothing.
            let left = if urgent || count >= messages || size >= bytes {
                Duration::ZERO
            } else {
                until.saturating_duration_since(Instant::now())
            };
            // But not without end: a batch is a bounded stretch of work.
            if count >= 4 * messages || size >= 4 * bytes {
                return;
            }
            match receiver.recv_timeout(left) {
                Ok(commit) => {
                    let (more, weight) = weigh(&commit);
                    (count, size, urgent) = (count + more, size + weight, urgent || commit.urgent);
                    self.waiting.push_back(commit);
                }
                Err(_) => return,
            }
        }
    }

    /// The next batch of what waits: bounded, so that a long wait does not end in one huge transaction.
    pub(super) fn next_batch(&mut self) -> Vec<Commit> {
        let Batching { messages, bytes, .. } = self.tools.batching;
        let (mut count, mut size) = (0, 0);
        let mut length = 0;
        for commit in &self.waiting {
            length += 1;
            (count, size) = (count + commit.messages(), size + commit.bytes());
            if count >= 4 * messages || size >= 4 * bytes {
                break;
            }
        }
        self.waiting.drain(..length).collect()
    }

    /// Writes a batch. When it may be written later it waits again, in front, and the error says why.
    pub(super) fn attempt(&mut self, mut batch: Vec<Commit>) -> Result<(), StoreError> {
        let error = match self.transaction(&mut batch) {
            Ok(()) => {
                batch.into_iter().for_each(|commit| commit.finish(Ok(())));
                return Ok(());
            }
            Err(error) => error,
        };
        if error.is_passing() || matches!(error, StoreError::Damaged(_)) {
            batch.into_iter().rev().for_each(|commit| self.waiting.push_front(commit));
            return Err(error);
        }
        if batch.len() == 1 {
            tracing::error!("a commit was refused: {error}; its messages are not acknowledged");
            batch.into_iter().for_each(|commit| commit.finish(Err(error.clone())));
            return Ok(());
        }
        // One of them is wrong; the others must not suffer for it.
        let mut left = batch.into_iter();
        while let Some(commit) = left.next() {
            if let Err(error) = self.attempt(vec![commit]) {
                // It waits again itself; those behind it wait behind it.
                let at = 1;
                left.rev().for_each(|commit| self.waiting.insert(at, commit));
                return Err(error);
            }
        }
        Ok(())
    }

    fn transaction(&mut self, commits: &mut [Commit]) -> Result<(), StoreError> {
        if commits.is_empty() {
            return Ok(());
        }
        let connection = &self.tools.connection;
        // One that could not be undone before.
        if !connection.is_autocommit() {
            connection.execute_batch("ROLLBACK")?;
        }
        let (wall_ms, ran_ms) = (self.tools.odometer.wall_ms(), self.tools.odometer.ran_ms());
        let begun = connection.prepare_cached("BEGIN IMMEDIATE").and_then(|mut begin| begin.execute([]));
        begun.map_err(|error| self.tools.directory.explain(error.into()))?;
        let origins = copies::complete(commits.iter().flat_map(|commit| &commit.copies));
        let mut batch = Batch::new(connection, &mut self.ledger, &mut self.segments, wall_ms, ran_ms);
        let written = commits
            .iter_mut()
            .try_for_each(|commit| commit.apply(&mut batch))
            .map(|()| batch.made_of(origins))
            .and_then(|()| batch.write())
            .and_then(|()| self.tools.odometer.save(connection))
            .and_then(|()| Ok(connection.prepare_cached("COMMIT")?.execute([]).map(|_| ())?));
        match written {
            Ok(()) => {
                batch.publish();
                self.written.batches.fetch_add(1, Ordering::Relaxed);
                let records: usize = commits.iter().map(Commit::messages).sum();
                self.written.records.fetch_add(records as u64, Ordering::Relaxed);
                Ok(())
            }
            Err(error) => {
                drop(batch);
                self.ledger.forget();
                // SQLite undoes some failures by itself.
                if !connection.is_autocommit()
                    && let Err(error) = connection.execute_batch("ROLLBACK")
                {
                    tracing::error!("a transaction could not be undone: {error}");
                }
                Err(self.tools.directory.explain(error))
            }
        }
    }

    /// Drops what is old, now and then.
    fn maintain(&mut self) {
        // On a full disk too: what is dropped makes room.
        let can = self.stalled.as_ref().is_none_or(|(_, error)| matches!(error, StoreError::Full(_)));
        if self.maintained.elapsed() < self.tools.upkeep.every || !can {
            return;
        }
        self.maintained = Instant::now();
        let mut result = self.drop_old();
        // Even to drop something takes a little space at first.
        if matches!(result, Err(StoreError::Full(_))) && self.tools.directory.release_reserve() {
            tracing::warn!("the reserve is given up to drop old records");
            result = self.drop_old();
        }
        if let Err(error) = result
            && self.stalled.is_none()
        {
            tracing::warn!("old records could not be dropped: {error}; tried again later");
        }
        self.tools.directory.keep_reserve();
        self.warning = maintain::overgrown(&self.tools.directory, self.tools.checkpoint_pages);
    }

    fn drop_old(&mut self) -> Result<(), StoreError> {
        let Tools { connection, catalog, odometer, directory, .. } = &self.tools;
        maintain::run(connection, catalog, &mut self.ledger, odometer).map_err(|error| {
            self.ledger.forget();
            if !connection.is_autocommit() {
                let _ = connection.execute_batch("ROLLBACK");
            }
            directory.explain(error)
        })
    }

    fn close(self) {
        if !self.waiting.is_empty() {
            let count: usize = self.waiting.iter().map(Commit::messages).sum();
            tracing::error!(
                "{count} messages could not be written before the stop; they are not acknowledged"
            );
        }
        let Tools { connection, odometer, .. } = self.tools;
        if let Err(error) = odometer.save_now(&connection) {
            tracing::warn!("the running time could not be noted: {error}");
        }
        // So that the next start has nothing to recover. What others read meanwhile keeps it from ending; no matter.
        let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        if let Err((_, error)) = connection.close() {
            tracing::warn!("the database was not closed in order: {error}");
        }
    }
}

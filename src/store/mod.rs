//! What must survive: logs, outboxes, the state of nodes, contexts, and the ledger of what was not delivered.
//!
//! ```text
//! Commit -> writer (one thread, one transaction for many commits, one fsync) -> data.db -> mirrors -> `done`
//!                                                             readers (beside it) <- Store::read
//! ```
//!
//! Nothing in here knows a flow or a node: the engine says what belongs together, in a [`Commit`].

pub mod admin;
mod batch;
pub mod block;
mod catalog;
mod commit;
mod compact;
mod cursor;
mod database;
mod directory;
mod error;
pub mod ledger;
mod log;
mod maintain;
mod odometer;
mod opening;
mod reading;
mod salvage;
mod schema;
mod shown;
mod standing;
mod trouble;
mod view;
mod wear;
mod writer;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

pub use block::Record;
pub use commit::{Commit, ContextChange, StateChange, Told};
pub use cursor::{Cursor, Lease, Reservation};
pub use database::{Durability, Setup};
pub use error::StoreError;
pub use ledger::{Entry, Reason};
pub use log::{Log, Retention, Segment};
pub use maintain::Upkeep;
pub use opening::{CONFIG, DATA};
pub use reading::Page;
pub use shown::record_json;
pub use standing::Standing;
pub use view::{Archive, Balance, LogInfo, ReaderInfo, View};
pub use wear::Wear;
pub use writer::{Batching, Health};

use tidegate_nodes::value::{Str, Value};

use catalog::Catalog;
use directory::Directory;
use odometer::Odometer;
use reading::Readers;
use writer::{Tools, Writer};

/// How a store is set up.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    pub setup: Setup,
    pub batching: Batching,
    pub upkeep: Upkeep,
}

/// Letters that cannot be delivered stand in this log, and the reader `handled` is past those that were dealt with.
pub const DEAD_LETTERS: &str = "dead-letters";
pub const HANDLED: &str = "handled";

/// Opens `tidegate.db`, beside a gateway that runs too.
pub fn open_config(directory: &Path) -> Result<rusqlite::Connection, StoreError> {
    directory::make(directory)?;
    opening::open_config(directory, &Setup::default())
}

/// A second connection to `tidegate.db`, which only reads.
pub fn open_config_reader(directory: &Path) -> Result<rusqlite::Connection, StoreError> {
    database::open_reader(&directory.join(CONFIG))
}

/// The store of a running gateway. There is one for a data directory.
pub struct Store {
    directory: Arc<Directory>,
    writer: Writer,
    catalog: Arc<Catalog>,
    readers: Readers,
    odometer: Arc<Odometer>,
    durability: Durability,
    device: String,
    boot: u64,
    meter: wear::Meter,
}

impl Store {
    /// Opens the data directory, and makes it where it is missing. What is damaged is copied aside and salvaged.
    pub fn open(path: &Path, options: Options) -> Result<Store, StoreError> {
        let directory = Arc::new(Directory::open(path)?);
        let opened = opening::open(&directory, &options.setup).map_err(|error| directory.explain(error));
        let opened = match opened {
            // Alarms are still taken on a full disk, so the gateway starts there too.
            Err(StoreError::Full(_)) if directory.release_reserve() => {
                tracing::warn!(
                    "the disk is full: the reserve is given up for the start, alarms and the ledger"
                );
                opening::open(&directory, &options.setup).map_err(|error| directory.explain(error))
            }
            other => other,
        };
        let opened = opened.map_err(|error| match error {
            StoreError::Full(text) => StoreError::Directory(format!(
                "the disk of the data directory {} is full ({text}); free some space and start again",
                path.display()
            )),
            other => other,
        })?;
        let catalog = Arc::new(opened.catalog);
        let odometer = Arc::new(opened.odometer);
        let writer = Writer::start(Tools {
            connection: opened.data,
            catalog: catalog.clone(),
            directory: directory.clone(),
            odometer: odometer.clone(),
            batching: options.batching,
            upkeep: options.upkeep,
            checkpoint_pages: options.setup.checkpoint_pages,
        })?;
        Ok(Store {
            readers: Readers::new(directory.file(DATA)),
            directory,
            writer,
            catalog,
            odometer,
            durability: options.setup.durability,
            device: opened.device,
            boot: opened.boot,
            meter: wear::Meter::start(),
        })
    }

    /// Writes what was handed over, and closes. What cannot be written is not acknowledged.
    pub fn close(&self) {
        self.writer.stop();
        self.readers.clear();
        // The next start looks closer at what is damaged.
        if !self.health().damaged {
            self.directory.mark_clean();
        }
    }

    /// The log of this name; where it is new, with this retention. One that is there keeps its own.
    pub fn log(&self, name: &str, retention: &Retention) -> Arc<Log> {
        self.catalog.get_or_make(name, retention)
    }

    /// The log of this name with this retention, also where it was made with another.
    pub fn declare(&self, name: &str, retention: &Retention) -> Arc<Log> {
        let log = self.catalog.get_or_make(name, retention);
        if log.view().retention != *retention {
            log.set_retention(retention.clone());
            let noted = log.clone();
            let act = move |batch: &mut batch::Batch<'_>| {
                batch.note_log(&noted);
                Ok(())
            };
            self.submit(Commit { act: Some(Box::new(act)), ..Commit::default() });
        }
        log
    }

    /// Takes a log away, with all that is in it and its readers. Nothing is to be appended to it any more.
    pub fn drop_log(&self, name: &str) {
        let Some(log) = self.catalog.remove(name) else { return };
        let act = move |batch: &mut batch::Batch<'_>| {
            batch.drop_log(&log);
            Ok(())
        };
        self.submit(Commit { act: Some(Box::new(act)), ..Commit::default() });
    }

    pub fn find_log(&self, name: &str) -> Option<Arc<Log>> {
        self.catalog.get(name)
    }

    pub fn logs(&self) -> Vec<Arc<Log>> {
        self.catalog.all()
    }

    /// Records of a log from a sequence on. It reads from the disk: not for threads that must not wait.
    pub fn read(&self, log: &Log, from: u64, records: usize, bytes: usize) -> Result<Page, StoreError> {
        reading::read(&self.readers, log, from, records, bytes)
    }

    /// The first sequence whose record came in at this time or later.
    pub fn find_time(&self, log: &Log, wall_ms: i64) -> Result<u64, StoreError> {
        reading::find_time(&self.readers, log, wall_ms)
    }

    /// Hands a commit over, in order. See [`Commit::done`].
    pub fn submit(&self, commit: Commit) {
        self.writer.submit(commit);
    }

    /// Waits until it is on the disk: for people and for deploys, not for messages.
    pub fn submit_and_wait(&self, commit: Commit, limit: Duration) -> Result<(), StoreError> {
        self.writer.submit_and_wait(commit, limit)
    }

    /// Notes a reader's position with the next batch, where it is not on the disk already. Gives how many are not.
    pub fn advance(&self, log: &Arc<Log>, cursor: &Arc<Cursor>) -> u64 {
        let unsaved = cursor.unsaved();
        if unsaved > 0 && cursor.queue() {
            let positions = vec![(log.clone(), cursor.clone())];
            self.submit(Commit { positions, ..Commit::default() });
        }
        unsaved
    }

    /// All that a node kept, by key. What cannot be read is left out, and said.
    pub fn state_of(&self, owner: &str) -> Result<HashMap<Str, Value>, StoreError> {
        self.readers.with(|connection| {
            let mut statement = connection.prepare_cached("SELECT key, value FROM state WHERE owner = ?")?;
            let rows = statement
                .query_map([owner], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?)))?;
            let mut state = HashMap::new();
            for row in rows {
                let (key, bytes) = row?;
                match commit::unpacked_value(&bytes) {
                    Some(value) => drop(state.insert(Str::from(key), value)),
                    None => tracing::error!("state of {owner}: {key} is damaged and left out"),
                }
            }
            Ok(state)
        })
    }

    /// Nodes that have something in the table of states.
    pub fn state_owners(&self) -> Result<Vec<Str>, StoreError> {
        self.readers.with(|connection| {
            let mut statement = connection.prepare_cached("SELECT DISTINCT owner FROM state")?;
            let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
            Ok(rows.map(|row| row.map(Str::from)).collect::<Result<_, _>>()?)
        })
    }

    /// All that a context store has: owner, key, value.
    pub fn context_of(&self, store: &str) -> Result<Vec<(Str, Str, Value)>, StoreError> {
        self.readers.with(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT owner, key, value FROM context WHERE store = ?")?;
            let rows = statement.query_map([store], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, Vec<u8>>(2)?))
            })?;
            let mut context = Vec::new();
            for row in rows {
                let (owner, key, bytes) = row?;
                match commit::unpacked_value(&bytes) {
                    Some(value) => context.push((Str::from(owner), Str::from(key), value)),
                    None => tracing::error!("context {store}, {owner}: {key} is damaged and left out"),
                }
            }
            Ok(context)
        })
    }

    /// Logs, readers, the ledger and the balances as they stand on the disk.
    pub fn view<R>(&self, look: impl FnOnce(&View<'_>) -> Result<R, StoreError>) -> Result<R, StoreError> {
        self.readers.with(|connection| look(&View { connection, catalog: &self.catalog }))
    }

    /// A handle for reading that does not need this store: for threads of their own.
    pub fn health(&self) -> Health {
        self.writer.health.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Batches and records written since the start.
    pub fn written(&self) -> (u64, u64) {
        use std::sync::atomic::Ordering::Relaxed;
        (self.writer.written.batches.load(Relaxed), self.writer.written.records.load(Relaxed))
    }

    /// Milliseconds that the gateway has run, all its runs added up: what age is measured by.
    pub fn ran_ms(&self) -> u64 {
        self.odometer.ran_ms()
    }

    /// Milliseconds since 1970, by a clock that may jump.
    pub fn wall_ms(&self) -> i64 {
        self.odometer.wall_ms()
    }

    /// For tests of clocks that jump: adds to the wall clock of the store.
    pub fn jump_wall(&self, by_ms: i64) {
        self.odometer.jump_wall(by_ms);
    }

    pub fn durability(&self) -> Durability {
        self.durability
    }

    /// Whether the last gateway here stopped in order.
    pub fn was_clean(&self) -> bool {
        self.directory.was_clean()
    }

    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Bytes that are free where the data is.
    pub fn free(&self) -> Option<u64> {
        self.directory.free()
    }

    /// What was written to disks since the start.
    pub fn wear(&self) -> Wear {
        self.meter.read()
    }

    /// This gateway's own name among others, made at its first start.
    pub fn device(&self) -> &str {
        &self.device
    }

    /// Counts the starts, so that names given in one run are not given again in the next.
    pub fn boot(&self) -> u64 {
        self.boot
    }
}

impl Drop for Store {
    /// Without `close` the stop was not in order, and the next start looks closer.
    fn drop(&mut self) {
        self.writer.stop();
    }
}

//! What stands in the store, for people and metrics: logs, readers, balances. Also for a process beside the gateway.

use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;
use serde::Serialize;

use super::catalog::Catalog;
use super::ledger::{self, Reason, Row};
use super::log::Log;
use super::reading::{self, Page, Readers};
use super::{StoreError, database, opening};

/// A look at the database.
pub struct View<'v> {
    pub(super) connection: &'v Connection,
    pub(super) catalog: &'v Catalog,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct LogInfo {
    pub name: String,
    /// Of the oldest record that is there.
    pub first: u64,
    /// That the next record gets.
    pub next: u64,
    pub messages: u64,
    pub bytes: u64,
    pub segments: usize,
    pub readers: Vec<ReaderInfo>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ReaderInfo {
    pub name: String,
    /// All up to it is done with.
    pub position: u64,
    pub left: u64,
}

/// Whether everything that was appended to a queue can be accounted for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Balance {
    pub log: String,
    pub appended: u64,
    pub confirmed: u64,
    pub stored: u64,
    pub ledgered: u64,
    pub holds: bool,
}

impl View<'_> {
    pub fn logs(&self) -> Vec<LogInfo> {
        self.catalog.all().iter().map(LogInfo::of).collect()
    }

    /// The newest rows of the ledger, the newest first.
    pub fn ledger(&self, limit: usize) -> Result<Vec<Row>, StoreError> {
        ledger::rows(self.connection, limit)
    }

    /// All that was ever ledgered: scope, reason, count.
    pub fn ledger_totals(&self) -> Result<Vec<(String, String, u64)>, StoreError> {
        ledger::totals(self.connection)
    }

    /// The balance of each queue, from what is on the disk alone: read in one transaction.
    pub fn balances(&self) -> Result<Vec<Balance>, StoreError> {
        at_once(self.connection, || self.read_balances())
    }

    fn read_balances(&self) -> Result<Vec<Balance>, StoreError> {
        // Not the mirrors, which may be a moment ahead of this transaction.
        let catalog = Catalog::load(self.connection)?;
        let totals = ledger::totals(self.connection)?;
        let appended_reason =
            |name: &str| Reason::ALL.iter().any(|reason| reason.name() == name && reason.was_appended());
        let queues = catalog.all().into_iter().filter(|log| log.view().retention.queue);
        Ok(queues
            .map(|log| {
                let ledgered = totals
                    .iter()
                    .filter(|(scope, reason, _)| *scope == log.name.as_str() && appended_reason(reason))
                    .map(|(_, _, count)| count)
                    .sum();
                let done = log.readers().first().map(|cursor| cursor.done()).unwrap_or_default();
                let appended = log.next() - 1;
                let stored = appended - done.position - done.count_beyond();
                let confirmed = done.confirmed + done.confirmed_beyond();
                let holds = appended == confirmed + stored + ledgered;
                Balance { log: log.name.to_string(), appended, confirmed, stored, ledgered, holds }
            })
            .collect())
    }
}

impl LogInfo {
    pub fn of(log: &Arc<Log>) -> LogInfo {
        let readers = log.readers();
        let (first, next) = (log.first(), log.next());
        LogInfo {
            name: log.name.to_string(),
            first,
            next,
            messages: next - first,
            bytes: log.bytes(),
            segments: log.view().segments.len(),
            readers: readers
                .iter()
                .map(|cursor| ReaderInfo {
                    name: cursor.reader.to_string(),
                    position: cursor.position(),
                    left: cursor.left(next).min(next - first),
                })
                .collect(),
        }
    }
}

/// The store of a gateway that may be running in another process: read, never written.
pub struct Archive {
    catalog: Catalog,
    readers: Readers,
    connection: Connection,
    /// SQLite's own number, another one after each commit of somebody else.
    version: i64,
}

impl Archive {
    pub fn open(directory: &Path) -> Result<Archive, StoreError> {
        let path = directory.join(opening::DATA);
        if !path.is_file() {
            return Err(StoreError::Refused(format!(
                "{} holds no data of a gateway: name its data directory with --data",
                directory.display()
            )));
        }
        let connection = database::open_reader(&path)?;
        let known = super::schema::DATA.len() as i64;
        let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if found > known {
            return Err(StoreError::newer(&path, found, known));
        }
        let version = data_version(&connection)?;
        let catalog = at_once(&connection, || Catalog::load(&connection))?;
        Ok(Archive { catalog, readers: Readers::new(path), connection, version })
    }

    pub fn view(&self) -> View<'_> {
        View { connection: &self.connection, catalog: &self.catalog }
    }

    pub fn find_log(&self, name: &str) -> Option<Arc<Log>> {
        self.catalog.get(name)
    }

    pub fn read(&self, log: &Log, from: u64, records: usize, bytes: usize) -> Result<Page, StoreError> {
        reading::read(&self.readers, log, from, records, bytes)
    }

    pub fn find_time(&self, log: &Log, wall_ms: i64) -> Result<u64, StoreError> {
        reading::find_time(&self.readers, log, wall_ms)
    }

    /// Looks again how far things have come; little work where nothing was written since. Logs are to be found anew then.
    pub fn refresh(&mut self) -> Result<bool, StoreError> {
        let version = data_version(&self.connection)?;
        if version == self.version {
            return Ok(false);
        }
        self.catalog = at_once(&self.connection, || Catalog::load(&self.connection))?;
        self.version = version;
        Ok(true)
    }
}

/// Reads all as it stands at one moment.
fn at_once<T>(
    connection: &Connection,
    read: impl FnOnce() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    connection.execute_batch("BEGIN")?;
    let read = read();
    connection.execute_batch("COMMIT")?;
    read
}

fn data_version(connection: &Connection) -> Result<i64, StoreError> {
    Ok(connection.query_row("PRAGMA data_version", [], |row| row.get(0))?)
}

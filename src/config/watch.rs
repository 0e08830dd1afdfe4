//! Tells whether anything in the configuration has changed, by this process or another.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rusqlite::Connection;

use crate::store::{self, StoreError};

/// A connection of its own: SQLite tells each connection of the commits of the others, and this one makes none. It waits
/// for nobody who writes.
pub struct Watch(Mutex<Connection>);

impl Watch {
    pub(super) fn open(directory: &Path) -> Result<Watch, StoreError> {
        Ok(Watch(Mutex::new(store::open_config_reader(directory)?)))
    }

    /// A number that is another one after each commit. Costs some microseconds and reads nothing from the disk.
    pub fn version(&self) -> Result<i64, StoreError> {
        let connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(connection.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?)
    }
}

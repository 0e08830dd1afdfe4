//! What people configure: revisions of the flows with their sealed secrets, users and tokens, and who did what. It stands
//! in `tidegate.db`, apart from what flows, so that a change here is never held up by messages.
//!
//! ```text
//! revisions (documents, each with who, when, why)  -> seal (their secrets, encrypted)
//! accounts  (users, sessions, tokens)              -> audit (who did what)
//! ```

mod accounts;
mod audit;
mod revisions;
mod seal;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::Connection;

pub use audit::Entry;
pub use revisions::{NewRevision, Revision, Standing};
pub use seal::{Seal, hex, random};

use crate::store::{self, StoreError};

/// Several processes may have it open: the gateway, and a command that adds a user.
pub struct Config {
    directory: PathBuf,
    connection: Mutex<Connection>,
    seal: RwLock<Seal>,
}

impl Config {
    /// Opens it in a data directory, which is made where it is missing.
    pub fn open(directory: &Path) -> Result<Config, StoreError> {
        let connection = store::open_config(directory)?;
        let seal = Seal::of(directory)?;
        Ok(Config {
            directory: directory.to_path_buf(),
            connection: Mutex::new(connection),
            seal: RwLock::new(seal),
        })
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Looks something up, or changes one thing.
    fn with<R>(&self, act: impl FnOnce(&Connection) -> Result<R, StoreError>) -> Result<R, StoreError> {
        act(&self.connection.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes several things, all or none. Another process may write too, so it begins as a writer.
    fn change<R>(&self, act: impl FnOnce(&Connection) -> Result<R, StoreError>) -> Result<R, StoreError> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let result = act(&transaction)?;
        transaction.commit()?;
        Ok(result)
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_millis() as i64
}

//! What people configure: revisions of the flows with their sealed secrets, users and tokens, and who did what. It stands
//! in `tidegate.db`, apart from what flows, so that a change here is never held up by messages.
//!
//! ```text
//! revisions (documents, each with who, when, why)  -> seal (their secrets, encrypted)
//! accounts (users) -> password, roles              -> audit (who did what)
//! tokens   (sessions, tokens of machines)          -> audit
//! bundles  (the newest that each key has deployed from elsewhere)
//! watch    (whether another process has changed something)
//! ```

mod accounts;
mod audit;
mod bundles;
mod names;
mod password;
mod revisions;
mod roles;
mod seal;
mod secret;
mod tokens;
mod watch;

#[cfg(test)]
mod accounts_tests;
#[cfg(test)]
mod tokens_tests;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::Connection;

pub use accounts::{By, NewUser, User, check_name};
pub use audit::Entry;
pub use bundles::{ATTEMPTS, Admission, TakenBundle};
pub use names::{Wanted, check_revision_name};
pub use password::{Hashed, check as check_password};
pub use revisions::{NewRevision, Revision, Standing};
pub use roles::{Role, Scope, Scopes};
pub use seal::{Seal, hex, random};
pub use secret::{Secret, SecretHash};
pub use tokens::{CLOCKS_SET_MS, IDLE_MS, Kind, NewToken, Token};
pub use watch::Watch;

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

    /// For whoever keeps something from here in memory.
    pub fn watch(&self) -> Result<Watch, StoreError> {
        Watch::open(&self.directory)
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

//! What can go wrong with the store, in words for a person. The kind says whether waiting helps.

use std::path::Path;

use thiserror::Error;

use super::database;

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StoreError {
    /// No space left: what was to be written waits until there is some.
    #[error("the disk is full: {0}; free some space and it goes on by itself")]
    Full(String),
    /// It cannot be written or read now: mounted read-only, a failing card, a lost mount.
    #[error("the disk does not take it: {0}")]
    Unwritable(String),
    /// What is there is no database any more.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    #[error(
        "{file} was written by a newer tidegate (its version is {found}, this one knows {known}); it was not touched: run the newer one{back}, or name another directory with --data"
    )]
    Newer { file: String, found: i64, known: i64, back: String },
    #[error(
        "{directory} is in use by another gateway, process {pid}: stop it, or name another directory with --data"
    )]
    InUse { directory: String, pid: String },
    /// The data directory cannot be made or used.
    #[error("{0}")]
    Directory(String),
    #[error("the store is closed")]
    Closed,
    /// What was asked for is not there or makes no sense.
    #[error("{0}")]
    Refused(String),
    /// A mistake of ours: the statement and SQLite do not agree.
    #[error("the store made a mistake: {0}")]
    Mistake(String),
}

impl StoreError {
    /// A database that this version does not know, and the way back where there is one.
    pub fn newer(path: &Path, found: i64, known: i64) -> StoreError {
        let name = |path: &Path| {
            path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
        };
        let copy = database::copy_of(path, known);
        let back = match copy.exists() {
            true => format!(", put {} in its place (what came since is not in it)", name(&copy)),
            false => String::new(),
        };
        StoreError::Newer { file: name(path), found, known, back }
    }

    /// Whether the same may work later, with nothing changed but the disk.
    pub fn is_passing(&self) -> bool {
        matches!(self, StoreError::Full(_) | StoreError::Unwritable(_))
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> StoreError {
        use rusqlite::ErrorCode as Code;
        let text = error.to_string();
        match error.sqlite_error_code() {
            Some(Code::DiskFull) => StoreError::Full(text),
            Some(
                Code::ReadOnly
                | Code::SystemIoFailure
                | Code::CannotOpen
                | Code::PermissionDenied
                | Code::DatabaseBusy
                | Code::DatabaseLocked
                | Code::FileLockingProtocolFailed
                | Code::NoLargeFileSupport
                | Code::OutOfMemory,
            ) => StoreError::Unwritable(text),
            Some(Code::DatabaseCorrupt | Code::NotADatabase) => StoreError::Damaged(text),
            _ => StoreError::Mistake(text),
        }
    }
}

//! Salvage: what is done when the database is damaged. `damaged` tells whether it is, and `rebuild` makes a new one of all
//! that can be read. Neither changes the damaged files; they are kept.

mod check;
mod merge;
mod pages;
mod rebuild;
mod report;
mod source;
mod tables;
mod view;
pub mod wal;
mod write;

pub use check::damaged;
pub use rebuild::rebuild;

use std::io;
use thiserror::Error;

#[derive(Debug, Error)]
pub enum SalvageError {
    #[error("cannot look into the damaged database: {0}")]
    Read(io::Error),
    #[error("cannot open the database to check it; nothing was changed: {0}")]
    Open(rusqlite::Error),
    #[error("cannot write the new database; the damaged one is as it was: {0}")]
    Write(#[from] rusqlite::Error),
}

#[cfg(test)]
#[path = "fixture_tests.rs"]
mod fixture;
#[cfg(test)]
#[path = "salvage_tests.rs"]
mod tests;
#[cfg(test)]
#[path = "trial_tests.rs"]
mod trial_tests;

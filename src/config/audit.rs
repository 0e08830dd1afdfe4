//! Who did what, when and from where. The newest 10,000 entries stay.

use rusqlite::Connection;
use serde::Serialize;

use super::{By, Config, now_ms};
use crate::store::StoreError;

const KEPT: i64 = 10_000;

#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
#[schema(as = AuditEntry)]
pub struct Entry {
    pub id: i64,
    pub wall_ms: i64,
    pub who: String,
    /// An address, or `command line`.
    pub origin: String,
    /// `deploy`, `log in`, `add user`, ...
    pub action: String,
    pub about: String,
    pub detail: String,
}

impl Config {
    /// Writes down what somebody did. Nothing secret belongs in it.
    pub fn note(
        &self,
        who: &str,
        origin: &str,
        action: &str,
        about: &str,
        detail: &str,
    ) -> Result<(), StoreError> {
        self.change(|config| note(config, By { who, origin }, action, about, detail))
    }

    /// The newest first, those before an id.
    pub fn audit(&self, before: i64, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.with(|config| {
            let mut select = config.prepare_cached(
                "SELECT id, wall_ms, who, origin, action, about, detail FROM audit WHERE id < ? ORDER BY id DESC LIMIT ?",
            )?;
            let entries = select.query_map((before, limit as i64), |row| {
                Ok(Entry {
                    id: row.get(0)?,
                    wall_ms: row.get(1)?,
                    who: row.get(2)?,
                    origin: row.get(3)?,
                    action: row.get(4)?,
                    about: row.get(5)?,
                    detail: row.get(6)?,
                })
            })?;
            Ok(entries.collect::<Result<_, _>>()?)
        })
    }
}

/// In the same commit as what it tells of.
pub(super) fn note(
    config: &Connection,
    by: By<'_>,
    action: &str,
    about: &str,
    detail: &str,
) -> Result<(), StoreError> {
    config
        .prepare_cached(
            "INSERT INTO audit (wall_ms, who, origin, action, about, detail) VALUES (?, ?, ?, ?, ?, ?)",
        )?
        .execute((now_ms(), by.who, by.origin, action, about, detail))?;
    let oldest = config.last_insert_rowid() - KEPT;
    config.prepare_cached("DELETE FROM audit WHERE id <= ?")?.execute([oldest])?;
    Ok(())
}

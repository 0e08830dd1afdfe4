//! The ledger: each drop, expiry, gap and dead letter is a counted record with the reason. Rows of the same kind within a
//! minute are one row, and old rows are folded into sums, so that it stays small whatever happens.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use tidegate_nodes::value::Str;

use super::StoreError;

/// Why messages are not delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// A full outbox made room for newer ones, as its policy says.
    DroppedOldest,
    /// A full outbox did not take it, as its policy says.
    DroppedNewest,
    /// Older than the outbox keeps.
    Expired,
    /// It can never be delivered; it stands in the dead letters.
    DeadLetter,
    /// A person took it out.
    Purged,
    /// A dead letter that a person sent back to its queue, where it counts anew.
    Retried,
    /// A person moved a reader past it.
    Skipped,
    /// It could not be read any more.
    SalvageGap,
    /// A log dropped it before this reader had read it.
    Overtaken,
    /// The other side refused it, and a Catch took the error.
    Caught,
    /// The node that had it was stopped, replaced, or panicked, and its source needs no acknowledgement.
    Lost,
}

impl Reason {
    pub const ALL: [Reason; 11] = [
        Reason::DroppedOldest,
        Reason::DroppedNewest,
        Reason::Expired,
        Reason::DeadLetter,
        Reason::Purged,
        Reason::Retried,
        Reason::Skipped,
        Reason::SalvageGap,
        Reason::Overtaken,
        Reason::Caught,
        Reason::Lost,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Reason::DroppedOldest => "dropped-oldest",
            Reason::DroppedNewest => "dropped-newest",
            Reason::Expired => "expired",
            Reason::DeadLetter => "dead-letter",
            Reason::Purged => "purged",
            Reason::Retried => "retried",
            Reason::Skipped => "skipped",
            Reason::SalvageGap => "salvage gap",
            Reason::Overtaken => "overtaken",
            Reason::Caught => "caught",
            Reason::Lost => "lost",
        }
    }

    /// Whether what it counts had been appended to the log that is its scope, and so stands in that log's balance.
    pub fn was_appended(self) -> bool {
        !matches!(self, Reason::DroppedNewest | Reason::Lost)
    }
}

/// One thing to be written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The log, or the node, that it is about.
    pub scope: Str,
    pub reason: Reason,
    pub count: u64,
    /// The sequences in that log.
    pub range: Option<(u64, u64)>,
    pub detail: String,
}

/// A row as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = LedgerRow)]
pub struct Row {
    pub wall_ms: i64,
    pub scope: String,
    pub reason: String,
    pub count: u64,
    pub first: Option<u64>,
    pub last: Option<u64>,
    pub detail: Option<String>,
}

/// Rows of the same kind within this time are one.
const TOGETHER_MS: i64 = 60_000;
/// So many rows are kept; the oldest are folded when there are a fifth more.
const ROWS: i64 = 10_000;

/// Writes the ledger. It remembers the newest row of each kind.
#[derive(Default)]
pub struct Ledger {
    open: HashMap<(Str, Reason), (i64, i64)>,
}

impl Ledger {
    pub fn write(&mut self, connection: &Connection, entry: &Entry, wall_ms: i64) -> Result<(), StoreError> {
        let key = (entry.scope.clone(), entry.reason);
        let (first, last) =
            entry.range.map_or((None, None), |(first, last)| (Some(first as i64), Some(last as i64)));
        if let Some(&(id, since)) = self.open.get(&key)
            && (0..TOGETHER_MS).contains(&(wall_ms - since))
        {
            let changed = connection
                .prepare_cached(
                    "UPDATE ledger SET count = count + ?2, first = min(coalesce(first, ?3), coalesce(?3, first)),
                     last = max(coalesce(last, ?4), coalesce(?4, last)), detail = ?5 WHERE id = ?1",
                )?
                .execute(params![id, entry.count as i64, first, last, entry.detail])?;
            if changed == 1 {
                return Ok(());
            }
        }
        connection
            .prepare_cached(
                "INSERT INTO ledger (wall_ms, scope, reason, count, first, last, detail) VALUES (?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![
                wall_ms,
                entry.scope.as_str(),
                entry.reason.name(),
                entry.count as i64,
                first,
                last,
                entry.detail
            ])?;
        self.open.insert(key, (connection.last_insert_rowid(), wall_ms));
        Ok(())
    }

    /// After a transaction that was undone: what it remembers may not be there.
    pub fn forget(&mut self) {
        self.open.clear();
    }
}

/// Folds the oldest rows into sums where there are too many. `true` when it did.
pub fn fold(connection: &Connection) -> Result<bool, StoreError> {
    let ends: Option<(i64, i64)> = connection
        .query_row("SELECT min(id), max(id) FROM ledger HAVING max(id) IS NOT NULL", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let Some((oldest, newest)) = ends.filter(|(oldest, newest)| newest - oldest > ROWS + ROWS / 5) else {
        return Ok(false);
    };
    debug_assert!(oldest < newest);
    let until = newest - ROWS;
    connection.execute(
        "INSERT INTO ledger_totals (scope, reason, count)
         SELECT scope, reason, sum(count) FROM ledger WHERE id <= ?1 GROUP BY scope, reason
         ON CONFLICT (scope, reason) DO UPDATE SET count = count + excluded.count",
        [until],
    )?;
    connection.execute("DELETE FROM ledger WHERE id <= ?1", [until])?;
    Ok(true)
}

/// The newest rows, the newest first.
pub fn rows(connection: &Connection, limit: usize) -> Result<Vec<Row>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT wall_ms, scope, reason, count, first, last, detail FROM ledger ORDER BY id DESC LIMIT ?",
    )?;
    let number = |n: Option<i64>| n.map(|n| n as u64);
    let rows = statement.query_map([limit as i64], |row| {
        Ok(Row {
            wall_ms: row.get(0)?,
            scope: row.get(1)?,
            reason: row.get(2)?,
            count: row.get::<_, i64>(3)? as u64,
            first: number(row.get(4)?),
            last: number(row.get(5)?),
            detail: row.get(6)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// All that was ever written down, by scope and reason.
pub fn totals(connection: &Connection) -> Result<Vec<(String, String, u64)>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT scope, reason, sum(count) FROM
         (SELECT scope, reason, count FROM ledger UNION ALL SELECT scope, reason, count FROM ledger_totals)
         GROUP BY scope, reason ORDER BY scope, reason",
    )?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, i64>(2)? as u64)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::super::schema;
    use super::*;

    #[test]
    fn rows_of_a_kind_are_one_and_old_ones_are_folded_into_sums() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(&schema::DATA.concat()).unwrap();
        let mut ledger = Ledger::default();
        let entry = |reason, range: Option<(u64, u64)>| Entry {
            scope: Str::new("outbox/a/event"),
            reason,
            count: range.map_or(1, |(first, last)| last - first + 1),
            range,
            detail: String::new(),
        };
        for n in 0..5 {
            ledger
                .write(&connection, &entry(Reason::Expired, Some((10 * n + 1, 10 * n + 3))), 1_000)
                .unwrap();
            ledger.write(&connection, &entry(Reason::DroppedNewest, None), 1_000).unwrap();
        }
        let seen = rows(&connection, 10).unwrap();
        assert_eq!(seen.len(), 2);
        assert_eq!((seen[1].count, seen[1].first, seen[1].last), (15, Some(1), Some(43)));
        for n in 0..13_000 {
            ledger
                .write(&connection, &entry(Reason::Purged, Some((n, n))), 100_000 * (n as i64 + 1))
                .unwrap();
        }
        assert!(fold(&connection).unwrap());
        assert!(!fold(&connection).unwrap());
        let count: i64 = connection.query_row("SELECT count(*) FROM ledger", [], |row| row.get(0)).unwrap();
        assert_eq!(count, ROWS);
        let totals = totals(&connection).unwrap();
        let of = |reason: &str| totals.iter().find(|(_, name, _)| name == reason).unwrap().2;
        assert_eq!((of("expired"), of("dropped-newest"), of("purged")), (15, 5, 13_000));
    }
}

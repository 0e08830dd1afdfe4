//! Reads the tables that are no segments, as far as they can be read.

use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, params_from_iter};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Int,
    Text,
    Blob,
    /// An integer or nothing.
    IntOrNone,
    TextOrNone,
    Any,
}

use Kind::{Any, Blob, Int, IntOrNone, Text, TextOrNone};

pub struct Table {
    pub name: &'static str,
    pub columns: &'static [(&'static str, Kind)],
    /// So many of the columns, from the first, are its key.
    key: usize,
}

/// A database of version 1 has none.
const AHEAD: &str = "ahead";

/// All tables of `data.db` that are no segments. They are as in the schema, and a test compares the two.
pub const TABLES: [Table; 10] = [
    Table { name: "meta", columns: &[("key", Text), ("value", Any)], key: 1 },
    Table { name: "logs", columns: &[("id", Int), ("name", Text), ("settings", Text)], key: 1 },
    Table {
        name: "segments",
        columns: &[
            ("id", Int),
            ("log", Int),
            ("first", Int),
            ("last", IntOrNone),
            ("bytes", IntOrNone),
            ("oldest_ran_ms", IntOrNone),
            ("newest_ran_ms", IntOrNone),
        ],
        key: 1,
    },
    Table {
        name: "readers",
        columns: &[("log", Int), ("name", Text), ("position", Int), ("confirmed", Int)],
        key: 2,
    },
    Table {
        name: "skips",
        columns: &[("log", Int), ("reader", Text), ("first", Int), ("last", Int)],
        key: 3,
    },
    Table { name: AHEAD, columns: &[("log", Int), ("reader", Text), ("first", Int), ("last", Int)], key: 3 },
    Table { name: "state", columns: &[("owner", Text), ("key", Text), ("value", Blob)], key: 2 },
    Table {
        name: "context",
        columns: &[("store", Text), ("owner", Text), ("key", Text), ("value", Blob)],
        key: 3,
    },
    Table {
        name: "ledger",
        columns: &[
            ("id", Int),
            ("wall_ms", Int),
            ("scope", Text),
            ("reason", Text),
            ("count", Int),
            ("first", IntOrNone),
            ("last", IntOrNone),
            ("detail", TextOrNone),
        ],
        key: 1,
    },
    Table { name: "ledger_totals", columns: &[("scope", Text), ("reason", Text), ("count", Int)], key: 2 },
];

/// What came of reading a table.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Rows that are no rows of that table: a number where a name is to be, a name that is no text.
    pub senseless: u64,
    /// Where it stopped.
    pub error: Option<String>,
}

impl Outcome {
    pub fn is_complete(&self) -> bool {
        self.senseless == 0 && self.error.is_none()
    }
}

impl Kind {
    fn fits(self, value: ValueRef<'_>) -> bool {
        let is_text = |text| std::str::from_utf8(text).is_ok();
        match (self, value) {
            (Any, ValueRef::Text(text)) | (Text | TextOrNone, ValueRef::Text(text)) => is_text(text),
            (Any, _) => true,
            (Int | IntOrNone, ValueRef::Integer(_)) | (Blob, ValueRef::Blob(_)) => true,
            (IntOrNone | TextOrNone, ValueRef::Null) => true,
            _ => false,
        }
    }
}

impl Table {
    pub fn named(name: &str) -> &'static Table {
        TABLES.iter().find(|table| table.name == name).expect("it is asked for by a name that stands above")
    }

    pub fn list(&self) -> String {
        self.columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }

    /// Whether it is no damage that there is no such table.
    pub fn is_not_there_yet(&self, connection: &Connection) -> bool {
        let exists = || {
            connection.query_row("SELECT count(*) FROM sqlite_master WHERE name = ?", [self.name], |row| {
                row.get::<_, i64>(0)
            })
        };
        self.name == AHEAD && exists() == Ok(0)
    }

    /// Reads it from the front up to what cannot be read, and then from the end. A row may come twice. `row` says false of
    /// one that makes no sense.
    pub fn read<E>(
        &self,
        from: &Connection,
        row: &mut dyn FnMut(&[Value]) -> Result<bool, E>,
    ) -> Result<Outcome, E> {
        let mut outcome = self.walk(from, Way::Up, None, row)?;
        if outcome.error.is_some() {
            let back = self.walk(from, Way::Down, None, row)?;
            outcome.senseless = outcome.senseless.max(back.senseless);
            if let [("id", Int), ..] = self.columns {
                // Between two places that are damaged: jumps ahead by numbers, farther and farther.
                for jump in (0..40).map(|bits| 1i64 << bits) {
                    self.walk(from, Way::Up, Some(jump), row)?;
                }
            }
        }
        Ok(outcome)
    }

    fn walk<E>(
        &self,
        from: &Connection,
        way: Way,
        after: Option<i64>,
        row: &mut dyn FnMut(&[Value]) -> Result<bool, E>,
    ) -> Result<Outcome, E> {
        let direction = if way == Way::Up { "" } else { " DESC" };
        // Columns by their place: where the name of one was overwritten in the schema, it is in its place all the same.
        let key: Vec<_> = (1..=self.key).map(|column| format!("{column}{direction}")).collect();
        let only = if after.is_some() { "WHERE rowid > ?" } else { "" };
        let sql = format!("SELECT * FROM {} {only} ORDER BY {}", self.name, key.join(", "));
        let mut outcome = Outcome::default();
        let ended = self.rows(from, &sql, after, &mut |values| {
            if !row(values)? {
                outcome.senseless += 1;
            }
            Ok(())
        })?;
        outcome.senseless += ended.0;
        outcome.error = ended.1.map(|error| error.to_string());
        Ok(outcome)
    }

    /// Rows whose columns are what they should be; then how many are not, and why it ended.
    fn rows<E>(
        &self,
        from: &Connection,
        sql: &str,
        after: Option<i64>,
        row: &mut dyn FnMut(&[Value]) -> Result<(), E>,
    ) -> Result<(u64, Option<rusqlite::Error>), E> {
        let mut senseless = 0;
        let mut statement = match from.prepare(sql) {
            Ok(statement) if statement.column_count() == self.columns.len() => statement,
            Ok(_) => return Ok((0, Some(rusqlite::Error::InvalidQuery))),
            Err(error) => return Ok((0, Some(error))),
        };
        let mut rows = match statement.query(params_from_iter(after)) {
            Ok(rows) => rows,
            Err(error) => return Ok((0, Some(error))),
        };
        let mut values = Vec::new();
        loop {
            let this = match rows.next() {
                Ok(Some(this)) => this,
                Ok(None) => return Ok((senseless, None)),
                Err(error) => return Ok((senseless, Some(error))),
            };
            values.clear();
            for (at, (_, kind)) in self.columns.iter().enumerate() {
                let fitting = this.get_ref(at).ok().filter(|value| kind.fits(*value));
                values.extend(fitting.and_then(|value| Value::try_from(value).ok()));
            }
            match values.len() == self.columns.len() {
                true => row(&values)?,
                false => senseless += 1,
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}

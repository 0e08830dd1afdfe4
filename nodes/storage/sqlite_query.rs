//! One query on a database: its parameters are bound, its rows become objects. All of it blocks.

use std::sync::Arc;

use rusqlite::fallible_iterator::FallibleIterator;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Batch, Connection, Error, ErrorCode, Statement, ToSql};

use crate::error::NodeError;
use crate::value::{Object, Str, Value};

/// All rows of one answer together.
const RESULT_BYTES: usize = 32 * 1024 * 1024;

pub struct Query {
    pub sql: Str,
    pub params: Option<Value>,
    /// Run all statements of the text, without parameters and rows.
    pub many: bool,
    pub limit: usize,
}

#[derive(Debug, Default)]
pub struct Answer {
    pub rows: Vec<Value>,
    /// How many rows were changed and the last row id, where the statement can write.
    pub written: Option<(u64, i64)>,
}

/// A connection, and the text that was last seen to be one statement.
pub struct Session {
    connection: Connection,
    single: Str,
}

impl Session {
    pub fn new(connection: Connection) -> Session {
        Session { connection, single: Str::default() }
    }

    pub fn run(&mut self, query: &Query) -> Result<Answer, NodeError> {
        reaches_the_process(&query.sql)?;
        let before = self.connection.total_changes();
        let result = if query.many { self.run_all(query) } else { self.run_one(query) };
        if !self.connection.is_autocommit() {
            // Another message would end up in it, and none of them would be safe.
            self.connection.execute_batch("ROLLBACK").map_err(|error| failed(error, "ROLLBACK"))?;
            result?;
            return Err(NodeError::rejected(
                "the query leaves a transaction open, it was rolled back: \
                 write BEGIN and COMMIT in one text, with several statements allowed",
            ));
        }
        let mut answer = result?;
        if let Some((changes, last)) = &mut answer.written {
            let changed = self.connection.total_changes() - before;
            // SQLite keeps the number of the statement before where nothing was changed.
            *changes = match changed {
                0 => 0,
                all if query.many => all,
                _ => self.connection.changes(),
            };
            *last = self.connection.last_insert_rowid();
        }
        Ok(answer)
    }

    fn run_one(&mut self, query: &Query) -> Result<Answer, NodeError> {
        let failed = |error| failed(error, &query.sql);
        if self.single != query.sql {
            self.check_single(&query.sql)?;
            self.single = query.sql.clone();
        }
        // A statement that writes and returns too many rows has to be undone.
        let undo = query.sql.to_ascii_uppercase().contains("RETURNING");
        if undo {
            self.connection.execute_batch("BEGIN IMMEDIATE").map_err(failed)?;
        }
        let mut statement = self.connection.prepare_cached(&query.sql).map_err(failed)?;
        let done = bind(&mut statement, query.params.as_ref()).and_then(|()| {
            let rows = rows(&mut statement, query)?;
            Ok(Answer { rows, written: (!statement.readonly()).then_some((0, 0)) })
        });
        drop(statement);
        if undo {
            let end = if done.is_ok() { "COMMIT" } else { "ROLLBACK" };
            let ended = self.connection.execute_batch(end);
            // Interrupted and full, SQLite has rolled back by itself.
            if done.is_ok() || !self.connection.is_autocommit() {
                ended.map_err(failed)?;
            }
        }
        done
    }

    fn check_single(&self, sql: &str) -> Result<(), NodeError> {
        let mut statements = Batch::new(&self.connection, sql);
        if statements.next().map_err(|error| failed(error, sql))?.is_none() {
            return Err(NodeError::rejected("the query is empty"));
        }
        match statements.next() {
            Ok(None) => Ok(()),
            Ok(Some(_)) | Err(_) => Err(NodeError::rejected(
                "the query has more than one statement: send one a message, or allow several in the node",
            )),
        }
    }

    fn run_all(&self, query: &Query) -> Result<Answer, NodeError> {
        let failed = |error| failed(error, &query.sql);
        let mut statements = Batch::new(&self.connection, &query.sql);
        while let Some(mut statement) = statements.next().map_err(failed)? {
            if statement.parameter_count() > 0 {
                let text = "several statements take no parameters: send one statement a message to use them";
                return Err(NodeError::rejected(text));
            }
            let mut rows = statement.raw_query();
            while rows.next().map_err(failed)?.is_some() {}
        }
        Ok(Answer { rows: Vec::new(), written: Some((0, 0)) })
    }
}

/// These pragmas are for every database of the process, the gateway's own among them. Their names cannot be written
/// in another way.
fn reaches_the_process(sql: &str) -> Result<(), NodeError> {
    const FOR_ALL: [&str; 2] = ["heap_limit", "store_directory"];
    let sql = sql.to_ascii_lowercase();
    match FOR_ALL.iter().find(|name| sql.contains(*name)) {
        Some(name) => Err(NodeError::rejected(format!(
            "pragmas with {name} are off, they are for the whole gateway; if it is a value, make it a parameter"
        ))),
        None => Ok(()),
    }
}

fn bind(statement: &mut Statement<'_>, params: Option<&Value>) -> Result<(), NodeError> {
    statement.clear_bindings();
    let count = statement.parameter_count();
    for at in 1..=count {
        let value = match params {
            Some(Value::Array(items)) if items.len() == count => &items[at - 1],
            Some(Value::Array(items)) => return Err(wrong_count(count, items.len())),
            Some(Value::Object(object)) => named(statement, at, object)?,
            None | Some(Value::Null) => return Err(wrong_count(count, 0)),
            Some(other) => {
                let text = format!("the parameters are an array or an object, not a {}", other.kind());
                return Err(NodeError::rejected(text));
            }
        };
        statement
            .raw_bind_parameter(at, Parameter(value))
            .map_err(|error| NodeError::rejected(format!("parameter {at} cannot be used: {error}")))?;
    }
    match params {
        Some(Value::Array(items)) if items.len() != count => Err(wrong_count(count, items.len())),
        _ => Ok(()),
    }
}

fn wrong_count(count: usize, given: usize) -> NodeError {
    NodeError::rejected(format!("the statement has {count} parameters, and {given} values are given"))
}

/// The value of a parameter by its name, with or without the sign in front.
fn named<'v>(statement: &Statement<'_>, at: usize, object: &'v Object) -> Result<&'v Value, NodeError> {
    let Some(name) = statement.parameter_name(at) else {
        let text = format!("parameter {at} has no name: name it in the query, or give an array");
        return Err(NodeError::rejected(text));
    };
    object
        .get(name)
        .or_else(|| object.get(&name[1..]))
        .ok_or_else(|| NodeError::rejected(format!("the parameter {name} is missing")))
}

struct Parameter<'v>(&'v Value);

impl ToSql for Parameter<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self.0 {
            Value::Null => ToSqlOutput::Borrowed(ValueRef::Null),
            Value::Bool(b) => ToSqlOutput::Borrowed(ValueRef::Integer(i64::from(*b))),
            Value::Int(n) => ToSqlOutput::Borrowed(ValueRef::Integer(*n)),
            Value::Float(n) => ToSqlOutput::Borrowed(ValueRef::Real(*n)),
            Value::Str(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Value::Bytes(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
            list_or_object @ (Value::Array(_) | Value::Object(_)) => {
                ToSqlOutput::from(list_or_object.to_json())
            }
        })
    }
}

fn rows(statement: &mut Statement<'_>, query: &Query) -> Result<Vec<Value>, NodeError> {
    let columns: Arc<[Str]> = statement.column_names().map(Str::new).collect();
    let (mut all, mut bytes) = (Vec::new(), 0);
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next().map_err(|error| failed(error, &query.sql))? {
        if all.len() == query.limit {
            return Err(NodeError::rejected(format!(
                "the query gives more than {} rows: add a LIMIT, or raise the limit of the node",
                query.limit
            )));
        }
        let mut object = Object::with_capacity(columns.len());
        for (at, column) in columns.iter().enumerate() {
            let value = row.get_ref(at).map_err(|error| failed(error, &query.sql))?;
            object.insert(column.clone(), value_of(value));
        }
        let row = Value::Object(object);
        bytes += row.weight();
        if bytes > RESULT_BYTES {
            return Err(NodeError::rejected(format!(
                "the rows of the query take more than {} MiB: ask for fewer rows or columns",
                RESULT_BYTES / (1024 * 1024)
            )));
        }
        all.push(row);
    }
    Ok(all)
}

fn value_of(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(n) => Value::Int(n),
        ValueRef::Real(n) => Value::Float(n),
        ValueRef::Text(text) => Value::str(String::from_utf8_lossy(text)),
        ValueRef::Blob(bytes) => Value::bytes(bytes),
    }
}

/// What an error of SQLite means for the message: what may pass keeps it, what is wrong with the query does not.
pub fn failed(error: Error, sql: &str) -> NodeError {
    let text = match &error {
        Error::SqliteFailure(_, Some(text)) => shortened(text),
        Error::SqlInputError { msg, sql: rest, offset, .. } => at_place(&shortened(msg), sql, rest, *offset),
        other => other.to_string(),
    };
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => NodeError::disconnected(format!(
            "{text}: another program holds the database; the query is tried again"
        )),
        Some(
            ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::OutOfMemory
            | ErrorCode::FileLockingProtocolFailed
            | ErrorCode::DatabaseCorrupt,
        ) => NodeError::disconnected(format!("{text}; the query is tried again")),
        Some(ErrorCode::NotADatabase) => NodeError::fatal(text),
        _ if text.contains("too many attached databases") => NodeError::rejected(
            "no other database can be attached here; VACUUM needs that too: use the sqlite3 program for it",
        ),
        _ => NodeError::rejected(text),
    }
}

/// SQLite quotes the query, which can be long.
fn shortened(text: &str) -> String {
    const LONGEST: usize = 300;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_string(),
    }
}

/// `rest` is what SQLite was reading: the end of the text.
fn at_place(message: &str, sql: &str, rest: &str, offset: i32) -> String {
    let start = if sql.ends_with(rest) { sql.len() - rest.len() } else { 0 };
    let at = usize::try_from(offset).ok().and_then(|offset| sql.get(..start + offset));
    let Some(before) = at else { return message.to_string() };
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    format!("{message} (line {line}, column {column})")
}

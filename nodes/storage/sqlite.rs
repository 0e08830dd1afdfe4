//! sqlite: runs a query on a database file for each message, and answers with the rows.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::InterruptHandle;
use serde::Deserialize;
use tokio::task::{JoinError, JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep_until};

use super::sqlite_file::File;
use super::sqlite_query::{Answer, Query, Session};
use crate::connector::{Connector, ConnectorHost, Delivery, Incoming};
use crate::descriptor::{Category, Descriptor, Field, FieldKind, Outputs, Role};
use crate::error::NodeError;
use crate::host::Status;
use crate::message::Message;
use crate::node::{Built, NodeConfig, NodeType};
use crate::path::Path;
use crate::read;
use crate::typed::Typed;
use crate::value::{Object, Str, Value};

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "sqlite",
    category: Category::Storage,
    summary: "Runs a query on an SQLite database file.",
    help: include_str!("sqlite.md"),
    examples: include_str!("sqlite.examples.json"),
    inputs: 1,
    outputs: Outputs::Fixed(1),
    role: Role::Connector,
    fields: &[
        Field::text(
            "filename",
            "File",
            "The database file. Without / in front it is below the data directory.",
        )
        .required(),
        Field::choice(
            "sqlFrom",
            &[("fixed", "Written here"), ("msg.topic", "msg.topic")],
            "Query from",
            "A query from msg.topic can do anything to the file: take it only from senders that you trust.",
        )
        .default("\"fixed\""),
        Field::new(
            "sql",
            FieldKind::Code("sql"),
            "Query",
            "One SQL statement. Values go in as parameters: ?1, :name, $name or @name.",
        )
        .visible_if("sqlFrom", &["fixed"]),
        Field::typed(
            "params",
            "paramsType",
            &["msg", "json"],
            "Parameters",
            "An array for ?1, ?2, ... or an object for names.",
        )
        .default("\"params\""),
        Field::text("result", "Rows to", "The property of the message that gets the array of rows.")
            .default("\"payload\""),
        Field::bool(
            "many",
            "Several statements",
            "Runs all statements of the text, without parameters and rows.",
        )
        .default("false"),
        Field::bool("readonly", "Only read", "Opens the file for reading only; it has to exist.")
            .default("false"),
        Field::integer("limit", "Most rows", "A query that gives more is an error.")
            .default("10000")
            .range(1.0, MAX_ROWS),
        Field::number(
            "timeout",
            "Time-out (seconds)",
            "A query that takes longer is stopped, and is an error.",
        )
        .default("30")
        .range(MIN_TIMEOUT, MAX_TIMEOUT),
    ],
};

const MAX_ROWS: f64 = 1_000_000.0;
const MIN_TIMEOUT: f64 = 0.01;
const MAX_TIMEOUT: f64 = 86_400.0;
/// Messages that wait here for their turn.
const WAITING: usize = 64;
/// An interrupt that falls between two statements is lost, so it is said again.
const INTERRUPT_AGAIN: Duration = Duration::from_millis(50);

#[derive(Deserialize)]
struct Config {
    #[serde(default, deserialize_with = "read::text")]
    filename: String,
    #[serde(default, rename = "sqlFrom", deserialize_with = "read::text")]
    sql_from: String,
    #[serde(default, deserialize_with = "read::text")]
    sql: String,
    #[serde(default)]
    params: Option<serde_json::Value>,
    #[serde(default, rename = "paramsType", deserialize_with = "read::text")]
    params_type: String,
    #[serde(default, deserialize_with = "read::text")]
    result: String,
    #[serde(default, deserialize_with = "read::boolean")]
    many: bool,
    #[serde(default, deserialize_with = "read::boolean")]
    readonly: bool,
    #[serde(default, deserialize_with = "read::maybe_number")]
    limit: Option<f64>,
    #[serde(default, deserialize_with = "read::maybe_number")]
    timeout: Option<f64>,
}

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    make(config).map(Built::connector)
}

fn make(config: &NodeConfig) -> Result<Sqlite, NodeError> {
    let settings = &config.settings;
    let config: Config = config.read()?;
    let sql = match config.sql_from.as_str() {
        "" | "fixed" if config.sql.trim().is_empty() => {
            return Err(NodeError::config("/sql", "there is no query: write one, or take it from msg.topic"));
        }
        "" | "fixed" => Some(Str::from(config.sql)),
        "msg.topic" => None,
        other => {
            let text = format!("unknown choice \"{other}\": use fixed or msg.topic");
            return Err(NodeError::config("/sqlFrom", text));
        }
    };
    let params = match (config.params_type.as_str(), config.params) {
        ("" | "msg", None) => Typed::Msg(Path::key("params")),
        ("", Some(value)) => Typed::parse(&value, "msg", "/params")?,
        (kind @ ("msg" | "json"), value) => Typed::parse(&value.unwrap_or_default(), kind, "/params")?,
        (other, _) => {
            let text = format!("parameters cannot come from \"{other}\" here: use msg or json");
            return Err(NodeError::config("/paramsType", text));
        }
    };
    let result = if config.result.is_empty() { "payload" } else { &config.result };
    let result = Path::parse_msg(result).map_err(|error| NodeError::config("/result", error.message()))?;
    let timeout = read::within("/timeout", config.timeout.unwrap_or(30.0), MIN_TIMEOUT, MAX_TIMEOUT)?;
    Ok(Sqlite {
        file: File::new(&config.filename, config.readonly, settings)?,
        sql,
        params,
        result,
        many: config.many,
        limit: read::within("/limit", config.limit.unwrap_or(10_000.0), 1.0, MAX_ROWS)? as usize,
        timeout: Duration::from_secs_f64(timeout),
        session: None,
        interrupt: None,
        running: None,
        waiting: VecDeque::new(),
    })
}

struct Sqlite {
    file: File,
    /// `None`: the query is msg.topic.
    sql: Option<Str>,
    params: Typed,
    result: Path,
    many: bool,
    limit: usize,
    timeout: Duration,

    /// Here while no query runs.
    session: Option<Session>,
    interrupt: Option<InterruptHandle>,
    running: Option<Running>,
    waiting: VecDeque<Delivery>,
}

struct Running {
    /// `None`: it was given back, and nobody wants the answer.
    delivery: Option<Delivery>,
    job: JoinHandle<(Session, Result<Answer, NodeError>)>,
    until: Instant,
    timed_out: bool,
}

type Ended = Result<(Session, Result<Answer, NodeError>), JoinError>;

impl Connector for Sqlite {
    async fn open(&mut self, host: Arc<dyn ConnectorHost>) -> Result<(), NodeError> {
        let file = self.file.clone();
        let opened = spawn_blocking(move || file.open()).await;
        let connection = opened
            .map_err(|error| NodeError::disconnected(format!("opening the file failed: {error}")))??;
        self.interrupt = Some(connection.get_interrupt_handle());
        self.session = Some(Session::new(connection));
        host.status(Status::new("green", "dot", "open"));
        Ok(())
    }

    /// Waits for the query that runs, and returns when there is room for a message more.
    async fn next(&mut self) -> Result<Vec<Incoming>, NodeError> {
        loop {
            self.start();
            let Some(running) = &mut self.running else { return pending().await };
            // Both waits can be dropped at any time: the query goes on in its thread.
            tokio::select! {
                ended = &mut running.job => {
                    self.finish(ended)?;
                    return Ok(Vec::new());
                }
                () = sleep_until(running.until) => {
                    running.timed_out = true;
                    running.until = Instant::now() + INTERRUPT_AGAIN;
                    self.stop_query();
                }
            }
        }
    }

    async fn handle(&mut self, batch: &mut Vec<Delivery>) -> Result<(), NodeError> {
        let room = WAITING.saturating_sub(self.waiting.len()).min(batch.len());
        self.waiting.extend(batch.drain(..room));
        self.start();
        Ok(())
    }

    fn take_unconfirmed(&mut self) -> Vec<Delivery> {
        let running = self.running.as_mut().and_then(|running| running.delivery.take());
        // What it has not written by now is written when the message comes again.
        self.stop_query();
        running.into_iter().chain(self.waiting.drain(..)).collect()
    }

    async fn close(&mut self) {
        while let Some(running) = &mut self.running {
            tokio::select! {
                _ = &mut running.job => self.running = None,
                () = tokio::time::sleep(INTERRUPT_AGAIN) => self.stop_query(),
            }
        }
        self.interrupt = None;
        if let Some(session) = self.session.take() {
            // The last one out writes the WAL back, which can take a moment.
            let closed = spawn_blocking(move || drop(session)).await;
            debug_assert!(closed.is_ok(), "closing panicked");
        }
    }
}

/// A query that runs on when the node is gone would keep its thread.
impl Drop for Sqlite {
    fn drop(&mut self) {
        self.stop_query();
    }
}

impl Sqlite {
    fn stop_query(&self) {
        if let (Some(interrupt), Some(_)) = (&self.interrupt, &self.running) {
            interrupt.interrupt();
        }
    }

    /// Starts the next query if none runs. One at a time: the answers have the order of the messages.
    fn start(&mut self) {
        while self.running.is_none() && self.session.is_some() {
            let Some(delivery) = self.waiting.pop_front() else { return };
            let query = match self.query(delivery.message()) {
                Ok(query) => query,
                Err(error) => {
                    delivery.fail(error);
                    continue;
                }
            };
            let Some(mut session) = self.session.take() else { return };
            let job = spawn_blocking(move || {
                let result = session.run(&query);
                (session, result)
            });
            let until = Instant::now() + self.timeout;
            self.running = Some(Running { delivery: Some(delivery), job, until, timed_out: false });
        }
    }

    fn query(&self, message: &Message) -> Result<Query, NodeError> {
        let sql = match &self.sql {
            Some(sql) => sql.clone(),
            None => match message.get("topic") {
                Some(Value::Str(sql)) if !sql.trim().is_empty() => sql.clone(),
                _ => return Err(NodeError::rejected("msg.topic holds no query")),
            },
        };
        let params = match &self.params {
            Typed::Msg(path) => path.find(&message.value, &message.value),
            other => other.constant().cloned(),
        };
        Ok(Query { sql, params, many: self.many, limit: self.limit })
    }

    fn finish(&mut self, ended: Ended) -> Result<(), NodeError> {
        let Some(Running { delivery, timed_out, .. }) = self.running.take() else { return Ok(()) };
        let result = match ended {
            Ok((session, result)) => {
                self.session = Some(session);
                result
            }
            Err(error) => {
                // The connection went with the thread, and the same message would do it again.
                let text = format!("the query failed inside the node: {error}");
                if let Some(delivery) = delivery {
                    delivery.fail(NodeError::rejected(&text));
                }
                return Err(NodeError::disconnected(text));
            }
        };
        let Some(delivery) = delivery else { return Ok(()) };
        match result {
            Ok(answer) => match self.answer(&delivery.message().value, answer) {
                Ok(value) => delivery.answer(0, value),
                Err(error) => delivery.fail(error),
            },
            Err(error @ (NodeError::Disconnected(_) | NodeError::Fatal(_))) => {
                self.waiting.push_front(delivery);
                return Err(error);
            }
            Err(_) if timed_out => delivery.fail(NodeError::rejected(format!(
                "the query took longer than {} s and was stopped",
                self.timeout.as_secs_f64()
            ))),
            Err(error) => delivery.fail(error),
        }
        self.start();
        Ok(())
    }

    fn answer(&self, before: &Object, answer: Answer) -> Result<Object, NodeError> {
        let mut value = before.clone();
        if let Some((changes, last)) = answer.written {
            value.insert("changes", i64::try_from(changes).unwrap_or(i64::MAX));
            value.insert("lastInsertRowId", last);
        }
        if self.result.set(&mut value, before, Value::array(answer.rows), true)? {
            return Ok(value);
        }
        let text = format!("the rows cannot be put into msg.{}: its parent is no object", self.result.text());
        Err(NodeError::rejected(text))
    }
}

#[cfg(test)]
#[path = "sqlite_tests.rs"]
mod tests;

//! What can be asked for, and what is done then. The same happens in a running gateway and in a command that opened the
//! store itself.

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use tidegate_nodes::value::{Object, Value};

use crate::store::admin::{self, Progress};
use crate::store::{DEAD_LETTERS, HANDLED, LogInfo, Store, StoreError};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// How the gateway fares.
    Status,
    /// Dead letters go back to their queue: of a node, or of a queue by its name.
    Retry {
        of: String,
        limit: Option<u64>,
    },
    /// What stands in a queue is given up: all, or from one sequence to another.
    Purge {
        queue: String,
        first: Option<u64>,
        last: Option<u64>,
    },
    /// Dead letters are given up: of a node or queue, or all.
    PurgeDeadLetters {
        of: Option<String>,
    },
    /// A reader of a log goes to a sequence.
    Seek {
        log: String,
        reader: String,
        next: u64,
    },
    DropReader {
        log: String,
        reader: String,
    },
    /// Messages are appended to a log, which is made where it is new.
    Append {
        log: String,
        messages: Vec<Message>,
    },
}

/// A message on its way into a log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    pub value: Json,
    pub wall_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_ms: Option<i64>,
    #[serde(default)]
    pub source: String,
    pub key: Option<String>,
}

impl Request {
    /// Does it. What it gives is for the one who asked.
    pub fn perform(&self, store: &Store, progress: Progress<'_>) -> Result<Json, StoreError> {
        let outcome = |outcome: admin::Outcome| json!(outcome);
        match self {
            Request::Status => Ok(status(store)),
            Request::Retry { of, limit } => admin::retry(store, of, *limit, progress).map(outcome),
            Request::Purge { queue, first, last } => {
                let range = (first.is_some() || last.is_some())
                    .then(|| (first.unwrap_or(1), last.unwrap_or(u64::MAX)));
                admin::purge(store, queue, range, progress).map(outcome)
            }
            Request::PurgeDeadLetters { of } => {
                admin::purge_dead_letters(store, of.as_deref(), progress).map(outcome)
            }
            Request::Seek { log, reader, next } => {
                admin::seek(store, log, reader, *next).map(|next| json!({ "next": next }))
            }
            Request::DropReader { log, reader } => {
                admin::drop_reader(store, log, reader).map(|()| json!({ "dropped": true }))
            }
            Request::Append { log, messages } => append(store, log, messages),
        }
    }
}

fn append(store: &Store, log: &str, messages: &[Message]) -> Result<Json, StoreError> {
    let log = admin::log_to_append_to(store, log)?;
    let mut records = Vec::with_capacity(messages.len());
    for (n, message) in messages.iter().enumerate() {
        let Value::Object(value) = Value::from(&message.value) else {
            return Err(StoreError::Refused(format!("message {}: its value is no object", n + 1)));
        };
        let mut record = admin::record(
            value,
            message.wall_ms.unwrap_or_else(|| store.wall_ms()),
            &message.source,
            message.key.as_deref(),
        );
        record.event_ms = message.event_ms;
        records.push(record);
    }
    let sequences = admin::append(store, &log, records)?;
    Ok(json!({ "messages": sequences.len(), "first": sequences.first(), "last": sequences.last() }))
}

fn status(store: &Store) -> Json {
    // A database that cannot be read is when a person asks: the rest is told all the same.
    let balances = store.view(|view| view.balances()).ok();
    let logs = store.logs();
    let mut backlog = Object::new();
    let (mut messages, mut bytes) = (0, 0);
    for log in logs.iter().filter(|log| log.view().retention.queue && log.name != DEAD_LETTERS) {
        let cursor = log.cursor(admin::SINK);
        messages += cursor.left(log.next());
        bytes += log.bytes_behind(&cursor);
    }
    backlog.insert("messages", messages as i64);
    backlog.insert("bytes", bytes as i64);
    let dead = store.find_log(DEAD_LETTERS).map_or(0, |log| log.cursor(HANDLED).left(log.next()));
    let (batches, records) = store.written();
    let logs: Vec<LogInfo> = logs.iter().map(LogInfo::of).collect();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "pid": std::process::id(),
        "device": store.device(),
        "boot": store.boot(),
        "ran_ms": store.ran_ms(),
        "data": store.directory(),
        "durability": store.durability(),
        "free_bytes": store.free(),
        "health": store.health(),
        "wear": store.wear(),
        "written": { "batches": batches, "records": records },
        "backlog": backlog,
        "dead_letters": dead,
        "balances": balances,
        "logs": logs,
    })
}

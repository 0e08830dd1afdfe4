//! Stored messages, as they are shown.

use axum::body::Body;
use axum::http::{HeaderValue, Response, header};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::store::{Log, Record, Store, StoreError, record_json};

/// What one answer holds at the most, and how far is looked for what is wanted.
const BYTES: usize = 4 * 1024 * 1024;
const LOOKED_AT: u64 = 20_000;
const PAGE: usize = 1_000;

/// A stored message.
#[derive(Serialize, ToSchema)]
#[allow(dead_code, reason = "it describes what `record_json` gives")]
#[schema(as = Record)]
pub struct Shown {
    sequence: u64,
    wall_ms: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_ms: Option<i64>,
    key: Option<String>,
    /// The node it came from.
    source: String,
    /// The message.
    #[schema(value_type = Object)]
    value: Value,
    /// What the gateway noted: why it is a dead letter, and of what.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    about: Option<Value>,
}

/// A part of a log.
#[derive(Serialize, ToSchema)]
#[allow(dead_code, reason = "it describes what `Pages` gives")]
pub struct Records {
    records: Vec<Shown>,
    /// Stretches that cannot be read: from one sequence to another.
    #[schema(value_type = Vec<[u64; 2]>)]
    gaps: Vec<[u64; 2]>,
    /// Where to read on.
    next: u64,
    /// The log ends before this sequence.
    end: u64,
}

/// Messages in the text in which they are stored, so that no number changes.
#[derive(Default)]
pub struct Found {
    pub records: Vec<String>,
    pub gaps: Vec<(u64, u64)>,
    pub next: u64,
    bytes: usize,
}

/// The wanted records of a log from a sequence on, within bounds.
pub fn find(
    store: &Store,
    log: &Log,
    from: u64,
    most: usize,
    wanted: impl Fn(u64, &Record) -> bool,
) -> Result<Found, StoreError> {
    let mut found = Found { next: from.max(log.first()), ..Found::default() };
    let until = found.next.saturating_add(LOOKED_AT).min(log.next());
    while found.next < until {
        let before = found.next;
        let page = store.read(log, before, PAGE, BYTES)?;
        found.gaps.extend(page.gaps);
        for (sequence, record) in page.records {
            if found.records.len() >= most || found.bytes >= BYTES {
                return Ok(found);
            }
            found.next = sequence + 1;
            if wanted(sequence, &record) {
                let text = record_json(sequence, &record);
                found.bytes += text.len();
                found.records.push(text);
            }
        }
        found.next = found.next.max(page.next);
        if found.next == before {
            break;
        }
    }
    Ok(found)
}

impl Found {
    pub fn list(&self) -> String {
        format!("[{}]", self.records.join(","))
    }

    pub fn gaps(&self) -> String {
        let gaps: Vec<String> = self.gaps.iter().map(|(first, last)| format!("[{first},{last}]")).collect();
        format!("[{}]", gaps.join(","))
    }
}

pub fn json(text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

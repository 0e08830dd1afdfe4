//! Outboxes: what waits, what was refused for good, and what a person does about it.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::access::{Caller, Deploy, Payloads, Read};
use super::super::asked::{Asked, Named};
use super::super::fault::Fault;
use super::super::gateway::{Gateway, blocking};
use super::records::{self, Shown, find};
use super::users::conflict;
use crate::store::admin::{self, Outcome, PRIORITIES, is_letter_of, queue_name, queue_parts};
use crate::store::{Balance, DEAD_LETTERS, HANDLED, Log, Store, StoreError};

/// Work that takes longer is stopped between two steps: ask again.
const LONGEST: Duration = Duration::from_secs(20);

#[derive(Serialize, ToSchema)]
pub struct Queue {
    queue: String,
    /// Its sink; nothing for the dead letters.
    node: Option<String>,
    priority: Option<String>,
    messages: u64,
    bytes: u64,
    /// When the oldest that waits came in.
    oldest_wall_ms: Option<i64>,
    balance: Balance,
}

/// All queues: what waits in them and since when, and whether all that was put in is accounted for
#[utoipa::path(get, path = "/api/v1/outboxes", tag = "messages", responses((status = 200, body = Vec<Queue>)))]
pub async fn all(_: Read, State(gateway): State<Gateway>) -> Result<Json<Vec<Queue>>, Fault> {
    let look = move || -> Result<Vec<Queue>, StoreError> {
        let store = &gateway.store;
        let mut queues = Vec::new();
        for balance in store.view(|view| view.balances())? {
            let Some(log) = store.find_log(&balance.log) else { continue };
            queues.push(queue(store, &log, balance)?);
        }
        Ok(queues)
    };
    Ok(Json(blocking(look).await??))
}

fn queue(store: &Store, log: &Log, balance: Balance) -> Result<Queue, StoreError> {
    let cursor = log.cursor(reader_of(log));
    let page = store.read(log, cursor.position() + 1, 100, 1024 * 1024)?;
    let oldest = page.records.iter().find(|(sequence, _)| !cursor.is_done(*sequence));
    let parts = queue_parts(&log.name);
    Ok(Queue {
        queue: log.name.to_string(),
        node: parts.map(|(node, _)| node.to_string()),
        priority: parts.map(|(_, priority)| priority.to_string()),
        messages: balance.stored,
        bytes: log.bytes_behind(&cursor),
        oldest_wall_ms: oldest.map(|(_, record)| record.wall_ms),
        balance,
    })
}

/// The reader that says what of a queue is done with.
fn reader_of(log: &Log) -> &'static str {
    if log.name == DEAD_LETTERS { HANDLED } else { admin::SINK }
}

/// The queues of a sink, or the one that is named.
fn queues(store: &Store, id: &str, priority: Option<&str>) -> Result<Vec<String>, Fault> {
    let names: Vec<String> = match queue_parts(id) {
        Some(_) => vec![id.to_string()],
        None => PRIORITIES.iter().map(|priority| queue_name(id, priority)).collect(),
    };
    let there: Vec<String> = names.into_iter().filter(|name| store.find_log(name).is_some()).collect();
    if there.is_empty() {
        return Err(Fault::not_found(format!("there is no outbox of a node {id:?}"))
            .hint("GET /api/v1/outboxes lists them all"));
    }
    if let Some(wrong) = priority.filter(|priority| !PRIORITIES.contains(priority)) {
        let text = format!("{wrong:?} is no priority: use {}", PRIORITIES.join(", "));
        return Err(Fault::bad("bad_priority", text).pointer("/priority"));
    }
    let wanted = |name: &String| {
        priority.is_none_or(|wanted| queue_parts(name).is_some_and(|(_, found)| found == wanted))
    };
    Ok(there.into_iter().filter(wanted).collect())
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Few {
    /// At most so many of each queue: 10, and up to 200
    limit: Option<usize>,
}

#[derive(Serialize, ToSchema)]
#[allow(dead_code, reason = "it describes what `peek` gives")]
pub struct Peeked {
    queue: String,
    records: Vec<Shown>,
}

/// What waits in an outbox, the next to go first
#[utoipa::path(get, path = "/api/v1/outboxes/{id}/messages", tag = "messages", params(("id" = String, Path, description = "A node's id, or a queue with its slashes as %2F"), Few), responses((status = 200, body = Vec<Peeked>)))]
pub async fn peek(
    _: Payloads,
    State(gateway): State<Gateway>,
    Named(id): Named<String>,
    Asked(few): Asked<Few>,
) -> Result<Response<Body>, Fault> {
    let limit = few.limit.unwrap_or(10).clamp(1, 200);
    blocking(move || {
        let store = &gateway.store;
        let mut shown = Vec::new();
        for name in queues(store, &id, None)? {
            let Some(log) = store.find_log(&name) else { continue };
            let cursor = log.cursor(reader_of(&log));
            let wanted = |sequence, _: &_| !cursor.is_done(sequence);
            let found = find(store, &log, cursor.position() + 1, limit, wanted)?;
            let name = serde_json::Value::from(name);
            shown.push(format!("{{\"queue\":{name},\"records\":{}}}", found.list()));
        }
        Ok(records::json(format!("[{}]", shown.join(","))))
    })
    .await?
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Letters {
    /// Only those of this node, or queue
    of: Option<String>,
    /// At most so many: 100, and up to 1,000
    limit: Option<usize>,
}

/// Messages that the outside will never take, with the reason
#[utoipa::path(get, path = "/api/v1/dead-letters", tag = "messages", params(Letters), responses((status = 200, body = Vec<Shown>)))]
pub async fn dead(
    _: Payloads,
    State(gateway): State<Gateway>,
    Asked(letters): Asked<Letters>,
) -> Result<Response<Body>, Fault> {
    let limit = letters.limit.unwrap_or(100).clamp(1, 1_000);
    blocking(move || {
        let store = &gateway.store;
        let Some(log) = store.find_log(DEAD_LETTERS) else { return Ok(records::json("[]".to_string())) };
        let cursor = log.cursor(HANDLED);
        let found = find(store, &log, cursor.position() + 1, limit, |sequence, record| {
            !cursor.is_done(sequence) && letters.of.as_deref().is_none_or(|of| is_letter_of(record, of))
        })?;
        Ok(records::json(found.list()))
    })
    .await?
}

#[derive(Serialize, ToSchema)]
pub struct Dealt {
    messages: u64,
    /// It took too long, and was stopped before its end: ask again.
    stopped: bool,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Most {
    /// At most so many, the oldest first
    limit: Option<u64>,
}

/// Sends the dead letters of a sink back to the end of their queues
///
/// Those of a node without an outbox, such as a function that fails, have no queue to go to: 409 with `no_outbox`.
#[utoipa::path(post, path = "/api/v1/outboxes/{id}/retry", tag = "messages", params(("id" = String, Path, description = "A node's id, or a queue with its slashes as %2F"), Most), responses((status = 200, body = Dealt)))]
pub async fn retry(
    Deploy(caller): Deploy,
    State(gateway): State<Gateway>,
    Named(id): Named<String>,
    Asked(most): Asked<Most>,
) -> Result<Json<Dealt>, Fault> {
    let of = id.clone();
    work(gateway, caller, "retry dead letters", id, move |store| {
        if let Err(unknown) = queues(store, &of, None) {
            return Err(if admin::has_letters(store, &of)? { no_outbox(&of) } else { unknown });
        }
        admin::retry(store, &of, most.limit, &mut patience()).map_err(conflict)
    })
    .await
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// Only what waits at this priority: alarm, event or telemetry
    priority: Option<String>,
    /// The dead letters, and not what waits
    #[serde(default)]
    dead: bool,
}

/// Gives up what waits in an outbox, or its dead letters: it is counted in the ledger, and gone
#[utoipa::path(post, path = "/api/v1/outboxes/{id}/purge", tag = "messages", params(("id" = String, Path, description = "A node's id, or a queue with its slashes as %2F"), Which), responses((status = 200, body = Dealt)))]
pub async fn purge(
    Deploy(caller): Deploy,
    State(gateway): State<Gateway>,
    Named(id): Named<String>,
    Asked(which): Asked<Which>,
) -> Result<Json<Dealt>, Fault> {
    if which.dead && which.priority.is_some() {
        let text = "dead letters have no priority: leave it out";
        return Err(Fault::bad("bad_priority", text).pointer("/priority"));
    }
    let of = id.clone();
    let action = if which.dead { "purge dead letters" } else { "purge outbox" };
    work(gateway, caller, action, id, move |store| {
        let mut progress = patience();
        let names = queues(store, &of, which.priority.as_deref());
        if which.dead {
            let gone = admin::purge_dead_letters(store, Some(&of), &mut progress)?;
            // Nodes without an outbox, such as a function that fails, have dead letters too.
            return if gone.messages == 0 { names.map(|_| gone) } else { Ok(gone) };
        }
        let names = names?;
        let mut all = Outcome::default();
        for name in names {
            let Outcome { messages, stopped } = admin::purge(store, &name, None, &mut progress)?;
            all = Outcome { messages: all.messages + messages, stopped: all.stopped || stopped };
        }
        Ok(all)
    })
    .await
}

/// There are dead letters, and nowhere to send them.
fn no_outbox(id: &str) -> Fault {
    let text =
        format!("the dead letters of {id} are of a node without an outbox, so they cannot be sent again");
    Fault::new(StatusCode::CONFLICT, "no_outbox", text)
        .hint("put right what failed, and give them up: POST /api/v1/outboxes/ID/purge?dead=true")
}

fn patience() -> impl FnMut(u64) -> ControlFlow<()> {
    let end = Instant::now() + LONGEST;
    move |_| if Instant::now() < end { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
}

/// Does it, and writes down who did.
async fn work(
    gateway: Gateway,
    caller: Caller,
    action: &'static str,
    about: String,
    work: impl FnOnce(&Store) -> Result<Outcome, Fault> + Send + 'static,
) -> Result<Json<Dealt>, Fault> {
    let store = gateway.store.clone();
    let Outcome { messages, stopped } = blocking(move || work(&store)).await??;
    gateway.note(&caller, action, &about, &format!("{messages} messages"));
    Ok(Json(Dealt { messages, stopped }))
}

//! Logs: which there are, and what stands in them.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::access::{Payloads, Read};
use super::super::asked::{Asked, Named};
use super::super::fault::Fault;
use super::super::gateway::{Gateway, blocking};
use super::records::{Records, find, json};
use crate::store::{LogInfo, Store, admin};

/// All logs, outboxes among them: how much is in them, and how far their readers are
#[utoipa::path(get, path = "/api/v1/logs", tag = "messages", responses((status = 200, body = Vec<LogInfo>)))]
pub async fn all(_: Read, State(gateway): State<Gateway>) -> Json<Vec<LogInfo>> {
    Json(gateway.store.logs().iter().map(LogInfo::of).collect())
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Stretch {
    /// Begin at this sequence
    from: Option<u64>,
    /// Begin at this time, in milliseconds since 1970
    since_ms: Option<i64>,
    /// Only what came in before this time
    until_ms: Option<i64>,
    /// Only messages with this key
    key: Option<String>,
    /// At most so many: 100, and up to 1,000
    limit: Option<usize>,
}

/// Messages of a log, from a place on
///
/// An answer ends after 4 MiB, or 20,000 messages that were looked at: read on at `next`.
#[utoipa::path(get, path = "/api/v1/logs/{name}/records", tag = "messages", params(("name" = String, Path, description = "Its slashes as %2F"), Stretch), responses((status = 200, body = Records)))]
pub async fn read(
    _: Payloads,
    State(gateway): State<Gateway>,
    Named(name): Named<String>,
    Asked(stretch): Asked<Stretch>,
) -> Result<Response<Body>, Fault> {
    if stretch.from.is_some() && stretch.since_ms.is_some() {
        return Err(Fault::bad("bad_query", "either from or since_ms says where to begin").pointer("/from"));
    }
    let limit = stretch.limit.unwrap_or(100).clamp(1, 1_000);
    blocking(move || {
        let log = gateway.store.find_log(&name).ok_or_else(|| unknown(&gateway.store, &name))?;
        let from = match (stretch.from, stretch.since_ms) {
            (Some(from), _) => from,
            (None, Some(since)) => gateway.store.find_time(&log, since)?,
            (None, None) => log.first(),
        };
        let found = find(&gateway.store, &log, from, limit, |_, record| {
            stretch.key.as_deref().is_none_or(|key| record.key.as_deref() == Some(key))
                && stretch.until_ms.is_none_or(|until| record.wall_ms < until)
        })?;
        Ok(json(format!(
            "{{\"records\":{},\"gaps\":{},\"next\":{},\"end\":{}}}",
            found.list(),
            found.gaps(),
            found.next,
            log.next()
        )))
    })
    .await?
}

fn unknown(store: &Store, name: &str) -> Fault {
    Fault::not_found(admin::no_log(name, store.logs().iter().map(|log| log.name.as_str())))
}

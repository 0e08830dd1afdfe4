//! How the gateway fares, and who did what.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::super::access::{Admin, Read};
use super::super::asked::{Asked, Page};
use super::super::fault::Fault;
use super::super::gateway::{Gateway, blocking};

pub async fn status(_: Read, State(gateway): State<Gateway>) -> Result<Json<Value>, Fault> {
    let deployer = gateway.deployer.clone();
    // Backlogs are read from the disk.
    let (backlogs, sources) =
        blocking(move || (deployer.engine().backlogs(), deployer.engine().sources())).await?;
    let current = gateway.deployer.current();
    let vitals = gateway.deployer.vitals().all();
    let away: Vec<Value> = vitals
        .iter()
        .filter_map(|(id, vital)| {
            let why = vital.stopped.as_ref().or(vital.away.as_ref())?;
            Some(json!({ "id": id, "node": vital.node, "why": why, "stopped": vital.stopped.is_some() }))
        })
        .collect();
    Ok(Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "revision": current.revision,
        "nodes": current.document.nodes.len(),
        "problems": current.problems,
        "away": away,
        "errors": vitals.values().map(|vital| vital.errors).sum::<u64>(),
        "outboxes": backlogs,
        "sources": sources,
    })))
}

pub async fn audit(
    _: Admin,
    State(gateway): State<Gateway>,
    Asked(page): Asked<Page>,
) -> Result<Json<Value>, Fault> {
    let (before, limit) = page.of(100, 1_000);
    let config = gateway.deployer.config().clone();
    let entries = blocking(move || config.audit(before, limit)).await??;
    Ok(Json(json!(entries)))
}

//! How the gateway fares, and who did what.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::access::{Admin, Read};
use super::super::asked::{Asked, Page};
use super::super::fault::Fault;
use super::super::gateway::{Gateway, blocking};
use super::super::probation::ProbationShown;
use super::problems::Lasting;
use crate::config::{Entry, Revision, Standing};
use crate::engine::{Backlog, SourceBalance};
use crate::flow::Problem;
use crate::store::Health as StoreHealth;

#[derive(Serialize, ToSchema)]
pub struct Status {
    version: &'static str,
    revision: Revision,
    /// While the revision is watched.
    #[serde(skip_serializing_if = "Option::is_none")]
    probation: Option<ProbationShown>,
    /// In the flows.
    nodes: usize,
    problems: Vec<Problem>,
    /// Nodes that are away from their other side, or stopped.
    away: Vec<Away>,
    /// That no catch node took, since the start.
    errors: u64,
    outboxes: Vec<Backlog>,
    sources: Vec<SourceBalance>,
}

#[derive(Serialize, ToSchema)]
pub struct Away {
    id: String,
    /// As a person knows it.
    node: String,
    why: String,
    /// For how long, when this is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    away_ms: Option<Lasting>,
    /// For good, until it is deployed again.
    stopped: bool,
}

/// What runs, and how it fares
#[utoipa::path(get, path = "/api/v1/status", tag = "gateway", responses((status = 200, body = Status)))]
pub async fn status(_: Read, State(gateway): State<Gateway>) -> Result<Json<Status>, Fault> {
    let deployer = gateway.deployer.clone();
    // Backlogs are read from the disk.
    let (backlogs, sources) =
        blocking(move || (deployer.engine().backlogs(), deployer.engine().sources())).await?;
    let current = gateway.deployer.current();
    let (probation, now_ms) = (gateway.deployer.news().borrow().probation, gateway.store.wall_ms());
    let vitals = gateway.deployer.vitals().all();
    let away = vitals.iter().filter_map(|(id, vital)| {
        let why = vital.stopped.as_ref().or(vital.away.as_ref())?.clone();
        let (node, stopped) = (vital.node.clone(), vital.stopped.is_some());
        let away_ms = vital.away_since.filter(|_| !stopped && vital.away.is_some()).map(Lasting::since);
        Some(Away { id: id.to_string(), node, why, away_ms, stopped })
    });
    Ok(Json(Status {
        version: env!("CARGO_PKG_VERSION"),
        revision: current.revision.clone(),
        probation: probation.map(|probation| ProbationShown::of(&probation, now_ms)),
        nodes: current.document.nodes.len(),
        problems: current.problems.clone(),
        away: away.collect(),
        errors: vitals.values().map(|vital| vital.errors).sum::<u64>(),
        outboxes: backlogs,
        sources,
    }))
}

#[derive(Serialize, ToSchema)]
pub struct Health {
    /// Nothing is wrong.
    ok: bool,
    standing: Standing,
    store: StoreHealth,
    /// Nodes that are away from their other side.
    away: usize,
    /// Nodes that have stopped for good.
    stopped: usize,
    /// Nodes that were refused or switched off when the flows were checked.
    refused: usize,
    /// Outboxes that take nothing more; their sources wait.
    full: Vec<String>,
}

/// Whether all is well, in a few figures
///
/// `/health/live` and `/health/ready`, which need no token, say only whether the process serves.
#[utoipa::path(get, path = "/api/v1/health", tag = "gateway", responses((status = 200, body = Health)))]
pub async fn health(_: Read, State(gateway): State<Gateway>) -> Result<Json<Health>, Fault> {
    let (live, engine) = (gateway.live.clone(), gateway.deployer.engine().clone());
    let backlogs = blocking(move || live.backlogs(&engine)).await?;
    let full: Vec<String> =
        backlogs.iter().filter(|backlog| backlog.parked > 0).map(|backlog| backlog.node.clone()).collect();
    let vitals = gateway.deployer.vitals().all();
    let current = gateway.deployer.current();
    let store = gateway.store.health();
    let stopped = vitals.values().filter(|vital| vital.stopped.is_some()).count();
    let away = vitals.values().filter(|vital| vital.stopped.is_none() && vital.away.is_some()).count();
    let refused =
        current.problems.iter().filter(|problem| problem.severity != crate::flow::Severity::Warning);
    let refused = refused.count();
    let well = store.trouble.is_none() && store.warning.is_none() && full.is_empty();
    let ok = well && stopped + away + refused == 0;
    Ok(Json(Health { ok, standing: current.revision.standing, store, away, stopped, refused, full }))
}

/// Who did what, the newest first
#[utoipa::path(get, path = "/api/v1/audit", tag = "access", params(Page), responses((status = 200, body = Vec<Entry>)))]
pub async fn audit(
    _: Admin,
    State(gateway): State<Gateway>,
    Asked(page): Asked<Page>,
) -> Result<Json<Vec<Entry>>, Fault> {
    let (before, limit) = page.of(100, 1_000);
    let config = gateway.deployer.config().clone();
    Ok(Json(blocking(move || config.audit(before, limit)).await??))
}

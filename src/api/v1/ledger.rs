//! What was not delivered, and whether all that came in is accounted for.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::access::Read;
use super::super::asked::Asked;
use super::super::fault::Fault;
use super::super::gateway::{Gateway, blocking};
use crate::engine::SourceBalance;
use crate::store::Balance;
use crate::store::ledger::Row;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Newest {
    /// At most so many rows: 100, and up to 1,000
    limit: Option<usize>,
}

#[derive(Serialize, ToSchema)]
pub struct Ledger {
    /// The newest first.
    rows: Vec<Row>,
    /// All there ever was.
    totals: Vec<Total>,
    /// Of each outbox: appended = confirmed + stored + ledgered.
    outboxes: Vec<Balance>,
    /// Of each source, since it was started: admitted = done + undelivered + in flight.
    sources: Vec<SourceBalance>,
}

#[derive(Serialize, ToSchema)]
pub struct Total {
    /// The log, or the node, that it is about.
    scope: String,
    reason: String,
    count: u64,
}

/// What was given up and why, and both balances
#[utoipa::path(get, path = "/api/v1/ledger", tag = "messages", params(Newest), responses((status = 200, body = Ledger)))]
pub async fn ledger(
    _: Read,
    State(gateway): State<Gateway>,
    Asked(newest): Asked<Newest>,
) -> Result<Json<Ledger>, Fault> {
    let limit = newest.limit.unwrap_or(100).clamp(1, 1_000);
    let look = move || {
        let sources = gateway.deployer.engine().sources();
        gateway.store.view(|view| {
            let totals = view.ledger_totals()?.into_iter();
            Ok(Ledger {
                rows: view.ledger(limit)?,
                totals: totals.map(|(scope, reason, count)| Total { scope, reason, count }).collect(),
                outboxes: view.balances()?,
                sources,
            })
        })
    };
    Ok(Json(blocking(look).await??))
}

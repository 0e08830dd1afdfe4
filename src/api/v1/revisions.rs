//! What was deployed, by whom, and what has become of it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::access::{Deploy, Read};
use super::super::asked::{Asked, Named, Page};
use super::super::fault::Fault;
use super::super::gateway::{Gateway, blocking};
use super::deploys::{probation, reason, shown};
use crate::config::Revision;
use crate::flow::{self, Diff, Document};

pub async fn all(
    _: Read,
    State(gateway): State<Gateway>,
    Asked(page): Asked<Page>,
) -> Result<Json<Value>, Fault> {
    let (before, limit) = page.of(50, 200);
    let config = gateway.deployer.config().clone();
    let revisions = blocking(move || config.revisions(before, limit)).await??;
    Ok(Json(json!({ "current": gateway.deployer.current().revision.number, "revisions": revisions })))
}

pub async fn one(
    _: Read,
    State(gateway): State<Gateway>,
    Named(number): Named<i64>,
) -> Result<Json<Revision>, Fault> {
    let config = gateway.deployer.config().clone();
    let revision = blocking(move || config.revision(number)).await??;
    revision.map(Json).ok_or_else(|| unknown(number))
}

pub async fn flows(
    _: Read,
    State(gateway): State<Gateway>,
    Named(number): Named<i64>,
) -> Result<Json<Value>, Fault> {
    let document = document(&gateway, number).await?;
    let nodes: Vec<_> = document.nodes.iter().map(|node| &node.properties).collect();
    Ok(Json(json!(nodes)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Against {
    /// What runs now, where it is not said.
    to: Option<i64>,
}

/// From this revision to another.
pub async fn diff(
    _: Read,
    State(gateway): State<Gateway>,
    Named(number): Named<i64>,
    Asked(against): Asked<Against>,
) -> Result<Json<Value>, Fault> {
    let old = document(&gateway, number).await?;
    let new = match against.to {
        Some(to) => document(&gateway, to).await?,
        None => gateway.deployer.current().document.clone(),
    };
    let diff = Diff::between(&old, &new);
    Ok(Json(json!({ "diff": diff, "text": diff.to_string() })))
}

/// With its secrets masked: that one changed can be seen only when it is deployed.
async fn document(gateway: &Gateway, number: i64) -> Result<Document, Fault> {
    let config = gateway.deployer.config().clone();
    let found = blocking(move || config.document(number)).await??;
    found.map(|(document, _)| flow::redact(&document)).ok_or_else(|| unknown(number))
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct Back {
    #[serde(default)]
    why: String,
    probation: Option<u32>,
    #[serde(default)]
    confirm: bool,
}

pub async fn roll_back(
    Deploy(caller): Deploy,
    State(gateway): State<Gateway>,
    Named(number): Named<i64>,
    Asked(back): Asked<Back>,
) -> Result<Json<Value>, Fault> {
    let (deployer, who) = (gateway.deployer.clone(), caller.name().to_string());
    let (why, probation) = (reason(back.why)?, probation(back.probation, back.confirm)?);
    let receipt = blocking(move || deployer.roll_back(number, who, "api", why, probation)).await??;
    gateway.note(&caller, "roll back", &number.to_string(), &receipt.revision.why);
    Ok(Json(shown(&receipt)))
}

/// Whoever deployed it still reaches the gateway.
pub async fn confirm(
    Deploy(_): Deploy,
    State(gateway): State<Gateway>,
    Named(number): Named<i64>,
) -> Result<StatusCode, Fault> {
    match gateway.deployer.confirm(number) {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Fault::new(
            StatusCode::CONFLICT,
            "not_on_probation",
            format!("revision {number} is not on probation"),
        )),
    }
}

fn unknown(number: i64) -> Fault {
    Fault::not_found(format!("there is no revision {number}: the newest are kept"))
}

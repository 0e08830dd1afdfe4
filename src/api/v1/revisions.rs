//! What was deployed, by whom, and what has become of it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::super::access::{Deploy, Read};
use super::super::asked::{Asked, Named, Page, Sent};
use super::super::fault::Fault;
use super::super::gateway::{Gateway, blocking};
use super::deploys::{Deployed, nodes_of, probation, reason, revision_name, shown};
use super::users::{by, conflict};
use crate::config::{Revision, Wanted};
use crate::flow::{self, Diff, Document};

#[derive(Serialize, ToSchema)]
pub struct Revisions {
    /// The number of the one that runs.
    current: i64,
    /// The newest first.
    revisions: Vec<Revision>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Sought {
    /// Only what has a smaller number than this
    before: Option<i64>,
    /// At most so many
    limit: Option<usize>,
    /// Only those with this in their name, their reason or who made them; or this number
    #[serde(default)]
    search: String,
    /// Only those that have a name
    #[serde(default)]
    named: bool,
}

/// What is searched for is a few words.
const LONGEST_SEARCH: usize = 200;

/// The newest revisions
#[utoipa::path(get, path = "/api/v1/revisions", tag = "flows", params(Sought), responses((status = 200, body = Revisions)))]
pub async fn all(
    _: Read,
    State(gateway): State<Gateway>,
    Asked(sought): Asked<Sought>,
) -> Result<Json<Revisions>, Fault> {
    let Sought { before, limit, search, named } = sought;
    if search.len() > LONGEST_SEARCH {
        let text = format!("what is searched for has at most {LONGEST_SEARCH} bytes");
        return Err(Fault::bad("too_long", text).pointer("/search"));
    }
    let (before, limit) = Page { before, limit }.of(50, 200);
    let config = gateway.deployer.config().clone();
    let find = move || config.find_revisions(&Wanted { before, limit, text: &search, is_named: named });
    let revisions = blocking(find).await??;
    Ok(Json(Revisions { current: gateway.deployer.current().revision.number, revisions }))
}

/// One revision
#[utoipa::path(get, path = "/api/v1/revisions/{number}", tag = "flows", params(("number" = i64, Path)), responses((status = 200, body = Revision)))]
pub async fn one(
    _: Read,
    State(gateway): State<Gateway>,
    Named(number): Named<i64>,
) -> Result<Json<Revision>, Fault> {
    let config = gateway.deployer.config().clone();
    let revision = blocking(move || config.revision(number)).await??;
    revision.map(Json).ok_or_else(|| unknown(number))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevisionChange {
    /// One line of at most 80 characters. An empty one takes the name away
    name: String,
}

/// Gives a revision a name, by which it is found again. One that has a name is not thrown away; 50 can have one
#[utoipa::path(patch, path = "/api/v1/revisions/{number}", tag = "flows", params(("number" = i64, Path)), request_body = RevisionChange, responses((status = 200, body = Revision)))]
pub async fn change(
    Deploy(caller): Deploy,
    State(gateway): State<Gateway>,
    Named(number): Named<i64>,
    Sent(change): Sent<RevisionChange>,
) -> Result<Json<Revision>, Fault> {
    let name = revision_name(&change.name).map_err(|fault| fault.pointer("/name"))?;
    let deployer = gateway.deployer.clone();
    let named = move || by(&caller, |by| deployer.name_revision(number, &name, by));
    let named = blocking(named).await?.map_err(conflict)?;
    named.map(Json).ok_or_else(|| unknown(number))
}

/// The document of a revision, without secrets
#[utoipa::path(get, path = "/api/v1/revisions/{number}/flows", tag = "flows", params(("number" = i64, Path)), responses((status = 200, body = Vec<Object>)))]
pub async fn flows(
    _: Read,
    State(gateway): State<Gateway>,
    Named(number): Named<i64>,
) -> Result<Json<Vec<Map<String, Value>>>, Fault> {
    let document = document(&gateway, number).await?;
    Ok(Json(nodes_of(&document)))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Against {
    /// What runs now, where it is not said
    to: Option<i64>,
}

#[derive(Serialize, ToSchema)]
pub struct Difference {
    diff: Diff,
    /// For a person.
    text: String,
}

/// From this revision to another
#[utoipa::path(get, path = "/api/v1/revisions/{number}/diff", tag = "flows", params(("number" = i64, Path), Against), responses((status = 200, body = Difference)))]
pub async fn diff(
    _: Read,
    State(gateway): State<Gateway>,
    Named(number): Named<i64>,
    Asked(against): Asked<Against>,
) -> Result<Json<Difference>, Fault> {
    let old = document(&gateway, number).await?;
    let new = match against.to {
        Some(to) => document(&gateway, to).await?,
        None => gateway.deployer.current().document.clone(),
    };
    let diff = Diff::between(&old, &new);
    Ok(Json(Difference { text: diff.to_string(), diff }))
}

/// With its secrets masked: that one changed can be seen only when it is deployed.
async fn document(gateway: &Gateway, number: i64) -> Result<Document, Fault> {
    let config = gateway.deployer.config().clone();
    let found = blocking(move || config.document(number)).await??;
    found.map(|(document, _)| flow::redact(&document)).ok_or_else(|| unknown(number))
}

#[derive(Deserialize, Default, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Back {
    /// What for, in a line or two
    #[serde(default)]
    why: String,
    /// Seconds that it is watched: 30, 0 for none, 3,600 at the most
    probation: Option<u32>,
    /// It has to be confirmed within the probation
    #[serde(default)]
    confirm: bool,
}

/// Makes an earlier revision the newest one, with the secrets that it had
#[utoipa::path(post, path = "/api/v1/revisions/{number}/rollback", tag = "flows", params(("number" = i64, Path), Back), responses((status = 200, body = Deployed)))]
pub async fn roll_back(
    Deploy(caller): Deploy,
    State(gateway): State<Gateway>,
    Named(number): Named<i64>,
    Asked(back): Asked<Back>,
) -> Result<Json<Deployed>, Fault> {
    let (deployer, who) = (gateway.deployer.clone(), caller.name().to_string());
    let (why, probation) = (reason(back.why)?, probation(back.probation, back.confirm)?);
    let receipt = blocking(move || deployer.roll_back(number, who, "api", why, probation)).await??;
    gateway.note(&caller, "roll back", &number.to_string(), &receipt.revision.why);
    Ok(Json(shown(receipt)))
}

/// Whoever deployed it still reaches the gateway
#[utoipa::path(post, path = "/api/v1/revisions/{number}/confirm", tag = "flows", params(("number" = i64, Path)), responses((status = 204, description = "It is confirmed")))]
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

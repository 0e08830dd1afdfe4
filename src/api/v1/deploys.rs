//! Deploys: looked at first, watched afterwards.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::super::access::{Deploy, Read};
use super::super::asked::Asked;
use super::super::fault::Fault;
use super::super::gateway::{Gateway, blocking};
use super::users::by;
use crate::config::{Revision, check_revision_name};
use crate::deploy::{Order, Probation, Receipt};
use crate::engine::Refused;
use crate::flow::{Deployment, Diff, Document, Limits, Problem};

/// Longer than a person or a script waits for a verdict.
const LONGEST: u32 = 3_600;
/// What is said about a deploy is a line or two.
const LONGEST_WHY: usize = 1_000;

#[derive(Serialize, ToSchema)]
pub struct Flows {
    #[schema(value_type = Vec<Object>)]
    flows: Vec<Map<String, Value>>,
    /// What a deploy names to say which revision it has seen.
    rev: String,
    number: i64,
    /// By node, the names of the secrets that are set: those of `credentials` as they are, settings as `/env/NAME`, others as a pointer into the node
    secrets: BTreeMap<String, Vec<String>>,
}

/// What runs, without secrets
#[utoipa::path(get, path = "/api/v1/flows", tag = "flows", responses((status = 200, body = Flows)))]
pub async fn flows(_: Read, State(gateway): State<Gateway>) -> Json<Flows> {
    let current = gateway.deployer.current();
    let flows = nodes_of(&current.document);
    let (rev, number) = (current.revision.rev.clone(), current.revision.number);
    let secrets = &current.credentials;
    let secrets = secrets.nodes().map(|node| (node.to_string(), secrets.names(node))).collect();
    Json(Flows { flows, rev, number, secrets })
}

pub fn nodes_of(document: &Document) -> Vec<Map<String, Value>> {
    document.nodes.iter().map(|node| node.properties.clone()).collect()
}

#[derive(Serialize, ToSchema)]
pub struct Verdict {
    /// It could be deployed.
    ok: bool,
    problems: Vec<Problem>,
    diff: Option<Diff>,
    /// The difference for a person.
    text: String,
}

/// What a document would change, and what is wrong with it. Nothing is done
#[utoipa::path(post, path = "/api/v1/validate", tag = "flows", request_body(content = Vec<Object>, description = "A flow document: a list of nodes, or `{flows, rev}`"), responses((status = 200, body = Verdict)))]
pub async fn validate(
    _: Deploy,
    State(gateway): State<Gateway>,
    body: Bytes,
) -> Result<Json<Verdict>, Fault> {
    let document = match Document::parse(&body, &Limits::default()) {
        Ok(document) => document,
        Err(problems) => {
            return Ok(Json(Verdict { ok: false, problems, diff: None, text: String::new() }));
        }
    };
    let deployer = gateway.deployer.clone();
    let (diff, problems) = blocking(move || deployer.look_at(document)).await?;
    let ok = !problems.iter().any(Problem::is_error);
    let text = diff.to_string();
    Ok(Json(Verdict { ok, problems, diff: Some(diff), text }))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct How {
    /// What is restarted: `nodes` that changed, `flows` that changed, or all (`full`)
    #[serde(default)]
    r#type: String,
    /// The revision that was seen: another one that came in between is not overwritten
    seen: Option<String>,
    /// What for, in a line or two
    #[serde(default)]
    why: String,
    /// Seconds that it is watched: 30, 0 for none, 3,600 at the most
    probation: Option<u32>,
    /// It has to be confirmed within the probation
    #[serde(default)]
    confirm: bool,
    /// What the revision is called: one that has a name is not thrown away
    #[serde(default)]
    name: String,
    /// Where somebody has deployed since `seen`, put together what both did.
    #[serde(default)]
    merge: bool,
}

/// Long enough for a connection to come up, and to see that it does.
const USUAL: u32 = 30;

/// How long a new revision is watched.
pub fn probation(seconds: Option<u32>, needs_word: bool) -> Result<Probation, Fault> {
    match seconds.unwrap_or(USUAL) {
        0 if needs_word => {
            Err(Fault::bad("bad_probation", "what is to be confirmed needs time for it")
                .pointer("/probation"))
        }
        seconds if seconds > LONGEST => {
            Err(Fault::bad("bad_probation", format!("a probation is at most {LONGEST} s"))
                .pointer("/probation"))
        }
        seconds => Ok(Probation { needs_word, ..Probation::of_seconds(seconds) }),
    }
}

pub fn reason(why: String) -> Result<String, Fault> {
    match why.len() > LONGEST_WHY {
        true => Err(Fault::bad("too_long", format!("why it is done is told in at most {LONGEST_WHY} bytes"))
            .pointer("/why")),
        false => Ok(why),
    }
}

/// Deploys, and watches whether it gets healthy
#[utoipa::path(post, path = "/api/v1/deploy", tag = "flows", params(How), request_body(content = Vec<Object>, description = "A flow document: a list of nodes, or `{flows, rev}`"), responses((status = 200, body = Deployed)))]
pub async fn deploy(
    Deploy(caller): Deploy,
    State(gateway): State<Gateway>,
    Asked(how): Asked<How>,
    body: Bytes,
) -> Result<Json<Deployed>, Fault> {
    let deployment = match how.r#type.as_str() {
        "" | "nodes" => Deployment::Nodes,
        "flows" => Deployment::Flows,
        "full" => Deployment::Full,
        other => {
            let text = format!("unknown deployment type {other:?}: use nodes, flows or full");
            return Err(Fault::bad("bad_type", text).pointer("/type"));
        }
    };
    let (why, probation) = (reason(how.why)?, probation(how.probation, how.confirm)?);
    let name = revision_name(&how.name).map_err(|fault| fault.pointer("/name"))?;
    let document = Document::parse(&body, &Limits::default())
        .map_err(|problems| Fault::problems("this is no flow document".to_string(), &problems))?;
    let order = Order {
        seen: how.seen.or_else(|| document.rev.clone()),
        document,
        deployment,
        who: caller.name().to_string(),
        via: "api",
        why,
        name,
        probation,
    };
    if how.merge && order.seen.is_none() {
        return Err(Fault::bad(
            "unknown_base",
            "to merge, it has to be known which revision the change began from",
        )
        .pointer("/seen")
        .hint("send the flows with the rev that they came with, or name it as seen"));
    }
    let deployer = gateway.deployer.clone();
    let deployed_by = caller.clone();
    let deploy = move || -> Result<Receipt, Fault> {
        let name = order.name.clone();
        let merge = how.merge;
        let mut receipt = if merge { deployer.deploy_merged(order) } else { deployer.deploy(order) }?;
        // What runs already is called so from now on.
        if receipt.is_unchanged && !name.is_empty() {
            let number = receipt.revision.number;
            let named = by(&deployed_by, |by| deployer.name_revision(number, &name, by))?;
            receipt.revision = named.unwrap_or(receipt.revision);
        }
        Ok(receipt)
    };
    let receipt = blocking(deploy).await??;
    gateway.note(&caller, "deploy", &receipt.revision.number.to_string(), &receipt.revision.why);
    Ok(Json(shown(receipt)))
}

/// The name of a revision, where it can be one.
pub fn revision_name(name: &str) -> Result<String, Fault> {
    check_revision_name(name).map(str::to_string).map_err(|error| Fault::bad("bad_name", error.to_string()))
}

#[derive(Serialize, ToSchema)]
pub struct Deployed {
    revision: Revision,
    /// It runs already, and nothing was done.
    unchanged: bool,
    diff: Diff,
    /// The difference for a person.
    text: String,
    problems: Vec<Problem>,
    /// Nodes that were started, stopped, and that ran on.
    started: usize,
    stopped: usize,
    kept: usize,
    /// Nodes that do not run because their configuration is wrong.
    refused: Vec<Refused>,
    /// Messages that nodes held which are gone or were reset.
    lost: u64,
}

pub fn shown(receipt: Receipt) -> Deployed {
    let Receipt { revision, diff, deployed, problems, is_unchanged } = receipt;
    Deployed {
        revision,
        unchanged: is_unchanged,
        text: diff.to_string(),
        diff,
        problems,
        started: deployed.started.len(),
        stopped: deployed.stopped.len(),
        kept: deployed.kept,
        refused: deployed.refused,
        lost: deployed.lost,
    }
}

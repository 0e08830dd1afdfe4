//! Deploys: looked at first, watched afterwards.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::access::{Deploy, Read};
use super::super::asked::Asked;
use super::super::fault::Fault;
use super::super::gateway::{Gateway, blocking};
use crate::deploy::{Order, Probation, Receipt};
use crate::flow::{Deployment, Document, Limits, Problem};

/// Longer than a person or a script waits for a verdict.
const LONGEST: u32 = 3_600;
/// What is said about a deploy is a line or two.
const LONGEST_WHY: usize = 1_000;

pub async fn flows(_: Read, State(gateway): State<Gateway>) -> Json<Value> {
    let current = gateway.deployer.current();
    let nodes: Vec<_> = current.document.nodes.iter().map(|node| &node.properties).collect();
    Json(json!({ "flows": nodes, "rev": current.revision.rev, "number": current.revision.number }))
}

/// What a document would change, and what is wrong with it. Nothing is done.
pub async fn validate(_: Deploy, State(gateway): State<Gateway>, body: Bytes) -> Result<Json<Value>, Fault> {
    let document = match Document::parse(&body, &Limits::default()) {
        Ok(document) => document,
        Err(problems) => {
            return Ok(Json(json!({ "ok": false, "problems": problems, "diff": null, "text": "" })));
        }
    };
    let deployer = gateway.deployer.clone();
    let (diff, problems) = blocking(move || deployer.look_at(document)).await?;
    let ok = !problems.iter().any(Problem::is_error);
    Ok(Json(json!({ "ok": ok, "problems": problems, "diff": diff, "text": diff.to_string() })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct How {
    /// `nodes`, `flows` or `full`.
    #[serde(default)]
    r#type: String,
    /// The revision that was seen.
    seen: Option<String>,
    #[serde(default)]
    why: String,
    /// Seconds.
    probation: Option<u32>,
    /// It has to be confirmed within the probation.
    #[serde(default)]
    confirm: bool,
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

pub async fn deploy(
    Deploy(caller): Deploy,
    State(gateway): State<Gateway>,
    Asked(how): Asked<How>,
    body: Bytes,
) -> Result<Json<Value>, Fault> {
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
    let document = Document::parse(&body, &Limits::default())
        .map_err(|problems| Fault::problems("this is no flow document".to_string(), &problems))?;
    let order = Order {
        seen: how.seen.or_else(|| document.rev.clone()),
        document,
        deployment,
        who: caller.name().to_string(),
        via: "api",
        why,
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
    let deploy = move || if how.merge { deployer.deploy_merged(order) } else { deployer.deploy(order) };
    let receipt = blocking(deploy).await??;
    gateway.note(&caller, "deploy", &receipt.revision.number.to_string(), &receipt.revision.why);
    Ok(Json(shown(&receipt)))
}

pub fn shown(receipt: &Receipt) -> Value {
    let deployed = &receipt.deployed;
    json!({
        "revision": receipt.revision,
        "unchanged": receipt.is_unchanged,
        "diff": receipt.diff,
        "text": receipt.diff.to_string(),
        "problems": receipt.problems,
        "started": deployed.started.len(), "stopped": deployed.stopped.len(), "kept": deployed.kept,
        "refused": deployed.refused, "lost": deployed.lost,
    })
}

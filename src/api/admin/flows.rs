//! `/flows`: the whole document, as Node-RED's editor and its tools read and deploy it.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::access::{Caller, Deploy, Read};
use super::super::fault::Fault;
use super::super::gateway::{Gateway, blocking};
use crate::deploy::{Order, Probation, Receipt};
use crate::flow::{Deployment, Document, Limits};

/// Version 1 knows only the list of nodes, version 2 its revision too.
fn version(headers: &HeaderMap) -> Result<u8, Fault> {
    match headers.get("node-red-api-version").map(|version| version.as_bytes()) {
        None | Some(b"v1") => Ok(1),
        Some(b"v2") => Ok(2),
        Some(other) => {
            let text =
                format!("unknown API version {:?}: v1 and v2 are there", String::from_utf8_lossy(other));
            Err(Fault::bad("invalid_api_version", text))
        }
    }
}

pub async fn all(_: Read, State(gateway): State<Gateway>, headers: HeaderMap) -> Result<Json<Value>, Fault> {
    let current = gateway.deployer.current();
    let nodes: Vec<&serde_json::Map<String, Value>> =
        current.document.nodes.iter().map(|node| &node.properties).collect();
    Ok(Json(match version(&headers)? {
        1 => json!(nodes),
        _ => json!({ "flows": nodes, "rev": current.revision.rev }),
    }))
}

pub async fn deploy(
    Deploy(caller): Deploy,
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Fault> {
    let version = version(&headers)?;
    let deployment =
        headers.get("node-red-deployment-type").map_or(b"full".as_slice(), |kind| kind.as_bytes());
    let (deployment, is_reload) = match deployment {
        b"full" => (Deployment::Full, false),
        b"flows" => (Deployment::Flows, false),
        b"nodes" => (Deployment::Nodes, false),
        b"reload" => (Deployment::Full, true),
        other => {
            let text = format!(
                "unknown deployment type {:?}: full, nodes, flows, reload",
                String::from_utf8_lossy(other)
            );
            return Err(Fault::bad("invalid_deployment_type", text));
        }
    };
    let document = match is_reload {
        true => gateway.deployer.current().document.clone(),
        false => parse(&body)?,
    };
    let seen = document.rev.clone().filter(|_| !is_reload);
    let receipt = order(&gateway, caller, document, deployment, seen).await?;
    Ok(match version {
        1 => StatusCode::NO_CONTENT.into_response(),
        _ => Json(json!({ "rev": receipt.revision.rev })).into_response(),
    })
}

pub fn parse(body: &[u8]) -> Result<Document, Fault> {
    Document::parse(body, &Limits::default())
        .map_err(|problems| Fault::problems("this is no flow document".to_string(), &problems))
}

/// Deploys for a caller of the Admin API, which knows no probation but the one that the gateway is set to.
pub async fn order(
    gateway: &Gateway,
    caller: Caller,
    document: Document,
    deployment: Deployment,
    seen: Option<String>,
) -> Result<Receipt, Fault> {
    let order = Order {
        document,
        deployment,
        seen,
        who: caller.name().to_string(),
        via: "admin api",
        why: String::new(),
        name: String::new(),
        probation: Probation::OFF,
    };
    let deployer = gateway.deployer.clone();
    gateway.note(&caller, "deploy", deployment_name(deployment), "");
    // Closing what goes away takes its time.
    blocking(move || deployer.deploy(order)).await?.map_err(Fault::from)
}

fn deployment_name(deployment: Deployment) -> &'static str {
    match deployment {
        Deployment::Full => "full",
        Deployment::Flows => "flows",
        Deployment::Nodes => "nodes",
    }
}

pub async fn state(_: Read) -> Json<Value> {
    Json(json!({ "state": "start" }))
}

#[derive(Deserialize)]
pub struct Wanted {
    #[serde(default)]
    state: String,
}

/// As a Node-RED whose `runtimeState` is not enabled, which is how it comes.
pub async fn set_state(_: Deploy, body: Option<Json<Wanted>>) -> Result<Json<Value>, Fault> {
    match body.as_ref().map(|wanted| wanted.state.as_str()) {
        Some("start") => Ok(Json(json!({ "state": "start" }))),
        Some("stop") => Err(Fault::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "not_allowed",
            "the flows cannot be stopped from afar: disable tabs and deploy",
        )),
        _ => Err(Fault::bad("invalid_run_state", "the state is start or stop")),
    }
}

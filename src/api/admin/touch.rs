//! Buttons and switches of single nodes, and which secrets they have.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Map, Value as Json_, json};
use tidegate_nodes::node::Action;
use tidegate_nodes::value::{Object, Value};

use super::super::access::{Inject, Read};
use super::super::asked::Named;
use super::super::fault::Fault;
use super::super::gateway::Gateway;

/// Presses the button of an inject node. What is sent along stands in for its own properties.
pub async fn inject(
    Inject(caller): Inject,
    State(gateway): State<Gateway>,
    Named(id): Named<String>,
    body: Bytes,
) -> Result<StatusCode, Fault> {
    let with = if body.is_empty() {
        Json_::Null
    } else {
        serde_json::from_slice(&body)
            .map_err(|error| Fault::bad("bad_json", format!("this is not JSON: {error}")))?
    };
    let with = match Value::from(&with) {
        Value::Object(object) => object,
        _ => Object::new(),
    };
    is_a(&gateway, &id, "inject")?;
    gateway.note(&caller, "inject", &id, "");
    match gateway.deployer.engine().act(&id, Action::Inject(with)) {
        true => Ok(StatusCode::OK),
        false => Err(unknown(&id)),
    }
}

pub async fn debug(
    Inject(_): Inject,
    State(gateway): State<Gateway>,
    Named((id, state)): Named<(String, String)>,
) -> Result<StatusCode, Fault> {
    let (is_on, answer) = match state.as_str() {
        "enable" => (true, StatusCode::OK),
        "disable" => (false, StatusCode::CREATED),
        _ => return Err(Fault::not_found(format!("{state:?} is neither enable nor disable"))),
    };
    is_a(&gateway, &id, "debug")?;
    match gateway.deployer.engine().act(&id, Action::Activate(is_on)) {
        true => Ok(answer),
        false => Err(unknown(&id)),
    }
}

/// Never a secret: for each, whether there is one.
pub async fn credentials(
    _: Read,
    State(gateway): State<Gateway>,
    Named((type_name, id)): Named<(String, String)>,
) -> Result<Json<Json_>, Fault> {
    let current = gateway.deployer.current();
    let node = current.document.nodes.iter().find(|node| node.id == id);
    if node.is_none_or(|node| node.type_name != type_name) {
        return Err(Fault::not_found(format!("there is no {type_name} {id:?}")));
    }
    let names = current.credentials.names(&id).into_iter();
    let has: Map<String, Json_> = names.map(|name| (format!("has_{name}"), json!(true))).collect();
    Ok(Json(Json_::Object(has)))
}

fn is_a(gateway: &Gateway, id: &str, type_name: &str) -> Result<(), Fault> {
    let current = gateway.deployer.current();
    // Inside a subflow instance it is called by the instance first.
    let own = |node: &&crate::flow::FlowNode| id == node.id || id.ends_with(&format!("-{}", node.id));
    let is = current.document.nodes.iter().filter(own).any(|node| node.type_name == type_name);
    if is { Ok(()) } else { Err(unknown(id)) }
}

fn unknown(id: &str) -> Fault {
    Fault::not_found(format!("no such node {id:?} runs"))
}

//! `/context`: what flows remember, for a look and to delete.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value as Json_, json};
use tidegate_nodes::path::{ContextKey, Path as KeyPath};
use tidegate_nodes::value::{Object, Str, Value};

use super::super::access::{Deploy, Payloads};
use super::super::asked::{Asked, Named};
use super::super::fault::Fault;
use super::super::gateway::Gateway;
use crate::engine::GLOBAL;

#[derive(Deserialize)]
pub struct Wish {
    store: Option<String>,
}

pub async fn global(
    _: Payloads,
    State(gateway): State<Gateway>,
    Asked(wish): Asked<Wish>,
) -> Result<Json<Json_>, Fault> {
    all(&gateway, GLOBAL, &wish)
}

pub async fn global_key(
    _: Payloads,
    State(gateway): State<Gateway>,
    Named(key): Named<String>,
    Asked(wish): Asked<Wish>,
) -> Result<Json<Json_>, Fault> {
    one(&gateway, GLOBAL, &key, &wish)
}

pub async fn delete_global_key(
    Deploy(caller): Deploy,
    State(gateway): State<Gateway>,
    Named(key): Named<String>,
    Asked(wish): Asked<Wish>,
) -> Result<StatusCode, Fault> {
    gateway.note(&caller, "delete context", &format!("global {key}"), "");
    delete(&gateway, GLOBAL, &key, &wish)
}

pub async fn of(
    _: Payloads,
    State(gateway): State<Gateway>,
    Named((scope, id)): Named<(String, String)>,
    Asked(wish): Asked<Wish>,
) -> Result<Json<Json_>, Fault> {
    all(&gateway, &owner(&gateway, &scope, &id)?, &wish)
}

pub async fn key(
    _: Payloads,
    State(gateway): State<Gateway>,
    Named((scope, id, key)): Named<(String, String, String)>,
    Asked(wish): Asked<Wish>,
) -> Result<Json<Json_>, Fault> {
    one(&gateway, &owner(&gateway, &scope, &id)?, &key, &wish)
}

pub async fn delete_key(
    Deploy(caller): Deploy,
    State(gateway): State<Gateway>,
    Named((scope, id, key)): Named<(String, String, String)>,
    Asked(wish): Asked<Wish>,
) -> Result<StatusCode, Fault> {
    let owner = owner(&gateway, &scope, &id)?;
    gateway.note(&caller, "delete context", &format!("{scope} {id} {key}"), "");
    delete(&gateway, &owner, &key, &wish)
}

/// Only of what there is: what nobody has ever had must not take memory.
fn owner(gateway: &Gateway, scope: &str, id: &str) -> Result<String, Fault> {
    let unknown = || Fault::not_found(format!("there is no {scope} {id:?} that remembers something"));
    match scope {
        "flow" => {
            let document = &gateway.deployer.current().document;
            let is_there = document.nodes.iter().any(|node| node.id == id);
            is_there.then(|| id.to_string()).ok_or_else(unknown)
        }
        "node" => gateway.deployer.engine().node_context(id).ok_or_else(unknown),
        _ => Err(Fault::not_found(format!("there is no scope {scope:?}: global, flow and node are there"))),
    }
}

/// The stores that are asked about.
fn stores(gateway: &Gateway, wish: &Wish) -> Result<Vec<Str>, Fault> {
    let all: Vec<Str> = gateway.deployer.engine().contexts().store_names().cloned().collect();
    match &wish.store {
        None => Ok(all),
        Some(name) if all.iter().any(|known| known == name) => Ok(vec![Str::new(name)]),
        Some(name) => Err(Fault::not_found(format!("there is no context store {name:?}"))),
    }
}

fn all(gateway: &Gateway, owner: &str, wish: &Wish) -> Result<Json<Json_>, Fault> {
    let contexts = gateway.deployer.engine().contexts();
    let mut shown = Map::new();
    for store in stores(gateway, wish)? {
        let values: BTreeMap<String, Json_> = contexts.with(Some(&store), owner, |object| {
            object.iter().map(|(key, value)| (key.to_string(), encoded(value))).collect()
        });
        shown.insert(store.to_string(), json!(values));
    }
    Ok(Json(Json_::Object(shown)))
}

fn one(gateway: &Gateway, owner: &str, key: &str, wish: &Wish) -> Result<Json<Json_>, Fault> {
    let contexts = gateway.deployer.engine().contexts();
    let path = KeyPath::parse(key).map_err(|error| Fault::bad("bad_key", error.to_string()))?;
    let find = |store: Option<Str>| -> Result<Option<Json_>, Fault> {
        let key = ContextKey { store, path: path.clone() };
        let found = contexts.get(owner, &key, &Object::new());
        Ok(found.map_err(|error| Fault::bad("bad_key", error.to_string()))?.as_ref().map(encoded))
    };
    let stores = stores(gateway, wish)?;
    if let Some(store) = &wish.store {
        return Ok(Json(find(Some(Str::new(store)))?.unwrap_or_else(undefined)));
    }
    let mut shown = Map::new();
    for store in stores {
        shown.insert(store.to_string(), find(Some(store))?.unwrap_or_else(undefined));
    }
    Ok(Json(Json_::Object(shown)))
}

fn delete(gateway: &Gateway, owner: &str, key: &str, wish: &Wish) -> Result<StatusCode, Fault> {
    let path = KeyPath::parse(key).map_err(|error| Fault::bad("bad_key", error.to_string()))?;
    for store in stores(gateway, wish)? {
        let key = ContextKey { store: Some(store), path: path.clone() };
        let deleted = gateway.deployer.engine().contexts().set(owner, &key, &Object::new(), None);
        deleted.map_err(|error| Fault::bad("bad_key", error.to_string()))?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// As Node-RED shows a value: its text, and what it is.
fn encoded(value: &Value) -> Json_ {
    let format = match value {
        Value::Null => "null".to_string(),
        Value::Bool(_) => "boolean".to_string(),
        Value::Str(text) => format!("string[{}]", text.encode_utf16().count()),
        Value::Array(items) => format!("array[{}]", items.len()),
        Value::Bytes(bytes) => format!("buffer[{}]", bytes.len()),
        Value::Object(_) => "Object".to_string(),
        _ => "number".to_string(),
    };
    let text = match value {
        Value::Str(text) => text.to_string(),
        other => other.to_json(),
    };
    json!({ "msg": text, "format": format })
}

fn undefined() -> Json_ {
    json!({ "msg": "(undefined)", "format": "undefined" })
}

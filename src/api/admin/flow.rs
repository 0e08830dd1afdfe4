//! `/flow`: one tab with its nodes, or what belongs to all of them (`global`).

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::super::access::{Caller, Deploy, Read};
use super::super::asked::Named;
use super::super::fault::Fault;
use super::super::gateway::Gateway;
use super::flows::{order, parse};
use crate::config;
use crate::flow::{Deployment, Document, FlowNode};

/// What stands in no tab.
const GLOBAL: &str = "global";

type Node = Map<String, Value>;

pub async fn one(
    _: Read,
    State(gateway): State<Gateway>,
    Named(id): Named<String>,
) -> Result<Json<Value>, Fault> {
    let current = gateway.deployer.current();
    let nodes = &current.document.nodes;
    let mut flow = if id == GLOBAL {
        json!({ "id": GLOBAL })
    } else {
        let tab =
            nodes.iter().find(|node| node.id == id && node.type_name == "tab").ok_or_else(|| unknown(&id))?;
        let mut tab = tab.properties.clone();
        tab.shift_remove("type");
        Value::Object(tab)
    };
    let own = |node: &&FlowNode| match node.z.as_deref() {
        None => id == GLOBAL && node.type_name != "tab",
        Some(z) => z == id,
    };
    let (mut placed, mut configs, mut subflows) = (Vec::new(), Vec::new(), Vec::new());
    for node in nodes.iter().filter(own) {
        match () {
            () if node.type_name == "subflow" => subflows.push(subflow(node, nodes)),
            () if is_config(node) => configs.push(json!(node.properties)),
            () => placed.push(json!(node.properties)),
        }
    }
    if id != GLOBAL {
        flow["nodes"] = json!(placed);
    }
    flow["configs"] = json!(configs);
    if id == GLOBAL {
        flow["subflows"] = json!(subflows);
    }
    Ok(Json(flow))
}

/// With what is inside of it.
fn subflow(node: &FlowNode, nodes: &[FlowNode]) -> Value {
    let inside = nodes.iter().filter(|inner| inner.z.as_deref() == Some(&node.id));
    let (configs, placed): (Vec<&FlowNode>, Vec<&FlowNode>) = inside.partition(|inner| is_config(inner));
    let mut subflow = json!(node.properties);
    let list = |nodes: Vec<&FlowNode>| -> Vec<Value> {
        nodes.into_iter().map(|node| json!(node.properties)).collect()
    };
    subflow["nodes"] = json!(list(placed));
    subflow["configs"] = json!(list(configs));
    subflow
}

/// As Node-RED tells them apart: what is placed has coordinates.
fn is_config(node: &FlowNode) -> bool {
    node.type_name != "group" && !(node.properties.contains_key("x") && node.properties.contains_key("y"))
}

pub async fn add(
    Deploy(caller): Deploy,
    State(gateway): State<Gateway>,
    body: Bytes,
) -> Result<Json<Value>, Fault> {
    let mut brought = read(&body)?;
    let current = gateway.deployer.current();
    let id = match brought.get("id").and_then(Value::as_str) {
        Some(id) if !id.is_empty() => id.to_string(),
        _ => fresh()?,
    };
    brought.insert("id".to_string(), json!(id));
    let mut all: Vec<Value> = current.document.nodes.iter().map(|node| json!(node.properties)).collect();
    all.extend(unfold(&id, brought, &current.document)?);
    deploy(&gateway, caller, all, current.revision.rev.clone()).await?;
    Ok(Json(json!({ "id": id })))
}

pub async fn replace(
    Deploy(caller): Deploy,
    State(gateway): State<Gateway>,
    Named(id): Named<String>,
    body: Bytes,
) -> Result<Json<Value>, Fault> {
    let brought = read(&body)?;
    let current = gateway.deployer.current();
    if id != GLOBAL {
        has_tab(&current.document, &id)?;
    }
    let kept = |node: &&FlowNode| match id.as_str() {
        GLOBAL => !is_global(node, &current.document),
        id => node.id != id && node.z.as_deref() != Some(id),
    };
    let rest: Vec<&FlowNode> = current.document.nodes.iter().filter(kept).collect();
    // Where the tab was, so that the order of the tabs stays.
    let at = current.document.nodes.iter().position(|node| node.id == id).unwrap_or(0);
    let (before, after): (Vec<&FlowNode>, Vec<&FlowNode>) =
        rest.into_iter().partition(|node| node.index < at);
    let shown =
        |nodes: Vec<&FlowNode>| nodes.into_iter().map(|node| json!(node.properties)).collect::<Vec<Value>>();
    let mut all = shown(before);
    let remaining = Document { nodes: Vec::new(), ..current.document.clone() };
    all.extend(unfold(&id, brought, &remaining)?);
    all.extend(shown(after));
    deploy(&gateway, caller, all, current.revision.rev.clone()).await?;
    Ok(Json(json!({ "id": id })))
}

pub async fn remove(
    Deploy(caller): Deploy,
    State(gateway): State<Gateway>,
    Named(id): Named<String>,
) -> Result<Response, Fault> {
    let current = gateway.deployer.current();
    if id == GLOBAL {
        return Err(Fault::bad("not_allowed", "what belongs to all flows cannot be deleted as a flow"));
    }
    has_tab(&current.document, &id)?;
    let rest = current.document.nodes.iter().filter(|node| node.id != id && node.z.as_deref() != Some(&id));
    let all = rest.map(|node| json!(node.properties)).collect();
    deploy(&gateway, caller, all, current.revision.rev.clone()).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// As Node-RED makes them: 16 hexadecimal digits.
fn fresh() -> Result<String, Fault> {
    let mut bytes = [0; 8];
    config::random(&mut bytes)?;
    Ok(config::hex(&bytes))
}

async fn deploy(gateway: &Gateway, caller: Caller, nodes: Vec<Value>, seen: String) -> Result<(), Fault> {
    let document = parse(json!(nodes).to_string().as_bytes())?;
    // What was read is what is changed: whoever came in between is not overwritten.
    order(gateway, caller, document, Deployment::Nodes, Some(seen)).await.map(drop)
}

fn read(body: &[u8]) -> Result<Node, Fault> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(flow)) => Ok(flow),
        Ok(_) => Err(Fault::bad("invalid_flow", "a flow is an object with a label, nodes and configs")),
        Err(error) => Err(Fault::bad("invalid_flow", format!("this is not JSON: {error}"))),
    }
}

/// The tab and its nodes as they stand in a document.
fn unfold(id: &str, mut flow: Node, among: &Document) -> Result<Vec<Value>, Fault> {
    let mut parts = Vec::new();
    for list in ["nodes", "configs", "subflows"] {
        match flow.shift_remove(list) {
            None | Some(Value::Null) => {}
            Some(Value::Array(nodes)) => parts.push((list, nodes)),
            Some(_) => return Err(at(format!("/{list}"), format!("{list} is a list of nodes"))),
        }
    }
    let mut all = Vec::new();
    if id != GLOBAL {
        flow.insert("id".to_string(), json!(id));
        flow.insert("type".to_string(), json!("tab"));
        flow.entry("label").or_insert_with(|| json!(""));
        all.push(Value::Object(flow));
    }
    for (list, nodes) in parts {
        for (n, node) in nodes.into_iter().enumerate() {
            let Value::Object(mut node) = node else {
                return Err(at(format!("/{list}/{n}"), "a node is an object".to_string()));
            };
            let inner: Vec<Value> = match list {
                "subflows" => ["nodes", "configs"]
                    .iter()
                    .filter_map(|list| node.shift_remove(*list))
                    .filter_map(|list| if let Value::Array(list) = list { Some(list) } else { None })
                    .flatten()
                    .collect(),
                _ => Vec::new(),
            };
            if id != GLOBAL {
                node.insert("z".to_string(), json!(id));
            }
            all.push(Value::Object(node));
            all.extend(inner);
        }
    }
    let taken = all.iter().find_map(|node| {
        let id = node["id"].as_str()?;
        among.nodes.iter().any(|other| other.id == id).then(|| id.to_string())
    });
    match taken {
        Some(id) => Err(Fault::bad(
            "duplicate_id",
            format!("there is a node {id:?} already: give this one another id"),
        )),
        None => Ok(all),
    }
}

fn at(pointer: String, message: String) -> Fault {
    Fault::bad("invalid_flow", message).pointer(pointer)
}

/// What stands in no tab, and what is inside of subflows.
fn is_global(node: &FlowNode, document: &Document) -> bool {
    match node.z.as_deref() {
        None => node.type_name != "tab",
        Some(z) => document.nodes.iter().any(|other| other.id == z && other.type_name == "subflow"),
    }
}

fn has_tab(document: &Document, id: &str) -> Result<(), Fault> {
    let is_there = document.nodes.iter().any(|node| node.id == id && node.type_name == "tab");
    if is_there { Ok(()) } else { Err(unknown(id)) }
}

fn unknown(id: &str) -> Fault {
    Fault::not_found(format!("there is no flow {id:?}"))
}

//! `/nodes`, `/settings`, `/diagnostics`: what this gateway is and has.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};
use tidegate_nodes::node::NodeType;

use super::super::access::{Deploy, Read};
use super::super::asked::Named;
use super::super::fault::Fault;
use super::super::gateway::Gateway;
use super::NODE_RED;

/// The one module that all node types are in.
const MODULE: &str = "tidegate";

fn set_of(node: &NodeType) -> Value {
    let name = node.descriptor.type_name;
    json!({
        "id": format!("{MODULE}/{name}"), "name": name, "types": [name], "enabled": true, "local": false, "user": false,
        "module": MODULE, "version": env!("CARGO_PKG_VERSION"),
    })
}

pub async fn all(_: Read) -> Json<Value> {
    Json(tidegate_nodes::all().map(set_of).collect())
}

/// A module, or one set of it.
pub async fn one(_: Read, Named(name): Named<String>) -> Result<Json<Value>, Fault> {
    if name == MODULE {
        let nodes: Vec<Value> = tidegate_nodes::all().map(set_of).collect();
        return Ok(Json(json!({
            "name": MODULE, "version": env!("CARGO_PKG_VERSION"), "local": false, "user": false, "nodes": nodes,
        })));
    }
    let type_name = name.strip_prefix("tidegate/").unwrap_or(&name);
    let node = tidegate_nodes::find(type_name);
    node.map(|node| Json(set_of(node)))
        .ok_or_else(|| Fault::not_found(format!("there is no node {type_name:?} here")))
}

pub async fn install(_: Deploy) -> Fault {
    Fault::bad("not_allowed", "all nodes are in the binary: none can be installed")
        .hint("`tidegate nodes` lists them; a newer tidegate may have more")
}

pub async fn change(_: Deploy) -> Fault {
    Fault::new(
        StatusCode::BAD_REQUEST,
        "not_allowed",
        "nodes of the binary cannot be switched off or removed",
    )
}

pub async fn settings(Read(caller): Read, State(gateway): State<Gateway>) -> Json<Value> {
    let stores: Vec<String> =
        gateway.deployer.engine().contexts().store_names().map(ToString::to_string).collect();
    Json(json!({
        "httpNodeRoot": "/",
        "version": NODE_RED,
        "tidegate": env!("CARGO_PKG_VERSION"),
        "context": { "default": stores.first(), "stores": stores },
        "codeEditor": { "lib": "monaco" },
        "libraries": [],
        "flowEncryptionType": "system",
        "functionExternalModules": false,
        "diagnostics": { "enabled": true, "ui": true },
        "runtimeState": { "enabled": false, "ui": false },
        "user": { "username": caller.name(), "permissions": caller.node_red_permissions() },
    }))
}

/// For a bug report: nothing secret, no message.
pub async fn diagnostics(_: Read, State(gateway): State<Gateway>) -> Json<Value> {
    let current = gateway.deployer.current();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let resident = resident.and_then(|text| text.trim().trim_end_matches(" kB").parse::<u64>().ok());
    Json(json!({
        "report": "diagnostics",
        "scope": "basic",
        "tidegate": { "version": env!("CARGO_PKG_VERSION"), "speaks": NODE_RED },
        "os": { "arch": std::env::consts::ARCH, "platform": std::env::consts::OS },
        "runtime": {
            "resident_bytes": resident.map(|kib| kib * 1024),
            "cpus": std::thread::available_parallelism().map_or(0, usize::from),
        },
        "flows": {
            "revision": current.revision.number, "standing": current.revision.standing,
            "nodes": current.document.nodes.len(), "problems": current.problems,
        },
    }))
}

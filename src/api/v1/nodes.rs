//! Which nodes there are: all that palettes and forms are made from.

use axum::Json;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::super::access::Read;
use super::super::asked::Named;
use super::super::fault::Fault;
use crate::flow::{self, describe};

/// As `tidegate nodes --json` prints it.
#[derive(Serialize, ToSchema)]
#[allow(dead_code, reason = "it describes what `describe` gives")]
pub struct NodeType {
    r#type: String,
    category: String,
    /// One sentence.
    summary: String,
    /// The help page, in Markdown.
    help: String,
    /// 1 when it takes messages, else 0.
    inputs: u8,
    /// How many, or which property says so.
    outputs: Value,
    /// The form: each field with its name, label, help, kind, default and limits.
    #[schema(value_type = Vec<Object>)]
    fields: Vec<Value>,
}

/// All node types
#[utoipa::path(get, path = "/api/v1/nodes", tag = "flows", responses((status = 200, body = Vec<NodeType>)))]
pub async fn nodes(_: Read) -> Json<Vec<Value>> {
    Json(tidegate_nodes::all().map(|node| describe(node.descriptor)).collect())
}

/// One node type
#[utoipa::path(get, path = "/api/v1/nodes/{type}", tag = "flows", params(("type" = String, Path, description = "Such as `mqtt in`")), responses((status = 200, body = NodeType)))]
pub async fn node(_: Read, Named(name): Named<String>) -> Result<Json<Value>, Fault> {
    if let Some(node) = tidegate_nodes::find(&name) {
        return Ok(Json(describe(node.descriptor)));
    }
    let fault = Fault::not_found(format!("there is no node type {name:?}"));
    let near = flow::nearest(&name, tidegate_nodes::all().map(|node| node.descriptor.type_name));
    Err(match near.first() {
        Some(near) => fault.hint(format!("did you mean {near:?}?")),
        None => fault,
    })
}

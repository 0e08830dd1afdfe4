//! Catch: hands on messages at which other nodes failed. The engine delivers them, with `error` filled in.

use super::junction::PassThrough;
use super::listen;
use crate::descriptor::{Category, Descriptor, Field, FieldKind, Outputs, Role};
use crate::error::NodeError;
use crate::node::{Built, Event, ListenScope, NodeConfig, NodeType};
use crate::read;

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "catch",
    category: Category::Common,
    summary: "Hands on messages at which other nodes failed.",
    help: include_str!("catch.md"),
    examples: include_str!("catch.examples.json"),
    inputs: 0,
    outputs: Outputs::Fixed(1),
    role: Role::Transform,
    fields: &[
        Field::new(
            "scope",
            FieldKind::Nodes,
            "Errors from",
            "The nodes whose errors it takes: a list of ids, \"group\" for its own group, or null for the whole flow.",
        )
        .default("null"),
        Field::bool("uncaught", "Only the uncaught", "Take only errors that no other catch node has taken.")
            .default("false"),
    ],
};

#[derive(serde::Deserialize)]
struct Config {
    #[serde(default, deserialize_with = "read::boolean")]
    uncaught: bool,
}

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    let Config { uncaught } = config.read()?;
    let scope = listen::scope(config)?.unwrap_or(ListenScope::Flow);
    Ok(Built::transform(PassThrough).listening(Event::Error { uncaught }, scope))
}

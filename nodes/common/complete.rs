//! Complete: hands on messages that other nodes are done with. The engine delivers them, with `complete` filled in.

use super::junction::PassThrough;
use super::listen;
use crate::descriptor::{Category, Descriptor, Field, FieldKind, Outputs, Role};
use crate::error::NodeError;
use crate::node::{Built, Event, ListenScope, NodeConfig, NodeType};

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "complete",
    category: Category::Common,
    summary: "Sends a message when another node is done with one.",
    help: include_str!("complete.md"),
    examples: include_str!("complete.examples.json"),
    inputs: 0,
    outputs: Outputs::Fixed(1),
    role: Role::Transform,
    fields: &[
        Field::new("scope", FieldKind::Nodes, "Nodes", "The ids of the nodes to wait for.").default("[]"),
        Field::bool("uncaught", "Uncaught", "Node-RED writes it here too; it changes nothing.")
            .default("false"),
    ],
};

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    let scope = listen::scope(config)?.unwrap_or_else(|| ListenScope::Nodes(Vec::new()));
    let scope = listen::without_own_targets(scope, config);
    Ok(Built::transform(PassThrough).listening(Event::Complete, scope))
}

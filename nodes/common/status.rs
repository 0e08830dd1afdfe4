//! Status: hands on the badges of other nodes. The engine delivers them, with `status` filled in.

use super::junction::PassThrough;
use super::listen;
use crate::descriptor::{Category, Descriptor, Field, FieldKind, Outputs, Role};
use crate::error::NodeError;
use crate::node::{Built, Event, ListenScope, NodeConfig, NodeType};

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "status",
    category: Category::Common,
    summary: "Sends a message when the badge of another node changes.",
    help: include_str!("status.md"),
    examples: include_str!("status.examples.json"),
    inputs: 0,
    outputs: Outputs::Fixed(1),
    role: Role::Transform,
    fields: &[
        Field::new(
            "scope",
            FieldKind::Nodes,
            "Status of",
            "The nodes whose badges it reports: a list of ids, \"group\" for its own group, or null for the whole flow.",
        )
        .default("null"),
    ],
};

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    let scope = listen::scope(config)?.unwrap_or(ListenScope::Flow);
    let scope = listen::without_own_targets(scope, config);
    Ok(Built::transform(PassThrough).listening(Event::Status, scope))
}

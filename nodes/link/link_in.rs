//! Link in: where messages from link out and link call nodes arrive.

use crate::common::junction::PassThrough;
use crate::descriptor::{Category, Descriptor, Field, FieldKind, Outputs, Role};
use crate::node::{Built, NodeType};

pub const NODE: NodeType =
    NodeType { descriptor: &DESCRIPTOR, build: |_| Ok(Built::transform(PassThrough).callable()) };

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "link in",
    category: Category::Common,
    summary: "Takes messages from link out and link call nodes.",
    help: include_str!("link_in.md"),
    examples: include_str!("link_in.examples.json"),
    inputs: 0,
    outputs: Outputs::Fixed(1),
    role: Role::Transform,
    fields: &[Field::new(
        "links",
        FieldKind::Nodes,
        "Linked from",
        "The ids of the link out nodes that send here.",
    )
    .default("[]")],
};

//! Unknown: stands in a document for a node whose type was not there when the document was written.

use crate::descriptor::{Category, Descriptor, Outputs, Role};
use crate::node::{Built, NodeType};

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build: |_| Ok(Built::note()) };

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "unknown",
    category: Category::Structure,
    summary: "A node whose type is not known here.",
    help: include_str!("unknown.md"),
    examples: "[]",
    inputs: 1,
    outputs: Outputs::Wires,
    role: Role::Note,
    fields: &[],
};

//! Comment: documents the flow; nothing runs.

use crate::descriptor::{Category, Descriptor, Field, FieldKind, Outputs, Role};
use crate::node::{Built, NodeType};

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build: |_| Ok(Built::note()) };

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "comment",
    category: Category::Common,
    summary: "A note on the canvas.",
    help: include_str!("comment.md"),
    examples: "[]",
    inputs: 0,
    outputs: Outputs::Fixed(0),
    role: Role::Note,
    fields: &[Field::new("info", FieldKind::Code("markdown"), "Text", "The note, as Markdown.")],
};

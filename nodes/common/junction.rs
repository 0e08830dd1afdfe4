//! Junction: joins and spreads wires, nothing else.

use crate::cx::Cx;
use crate::descriptor::{Category, Descriptor, Outputs, Role};
use crate::error::NodeError;
use crate::message::Message;
use crate::node::{Built, NodeType, Transform};

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build: |_| Ok(Built::transform(PassThrough)) };

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "junction",
    category: Category::Structure,
    summary: "Joins and spreads wires.",
    help: include_str!("junction.md"),
    examples: include_str!("junction.examples.json"),
    inputs: 1,
    outputs: Outputs::Fixed(1),
    role: Role::Transform,
    fields: &[],
};

/// Hands every message on as it came.
pub struct PassThrough;

impl Transform for PassThrough {
    fn handle(&mut self, msg: &mut Option<Message>, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        if let Some(msg) = msg.take() {
            cx.send(0, msg);
        }
        Ok(())
    }
}

//! Probe: takes messages and does nothing, so that a flow test can see them.

use crate::cx::Cx;
use crate::descriptor::{Category, Descriptor, Outputs, Role};
use crate::error::NodeError;
use crate::message::Message;
use crate::node::{Built, NodeType, Transform};

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build: |_| Ok(Built::transform(Probe)) };

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "probe",
    category: Category::Common,
    summary: "Takes messages and does nothing: what a flow test looks at.",
    help: include_str!("probe.md"),
    examples: include_str!("probe.examples.json"),
    inputs: 1,
    outputs: Outputs::Fixed(0),
    role: Role::Transform,
    fields: &[],
};

struct Probe;

impl Transform for Probe {
    fn handle(&mut self, _msg: &mut Option<Message>, _cx: &mut Cx<'_>) -> Result<(), NodeError> {
        Ok(())
    }
}

//! Nodes that decide and change: switch, change, range, filter.

mod change;
mod loose;
mod range;
mod rbe;
mod switch;

use crate::node::NodeType;

pub const NODES: &[NodeType] = &[change::NODE, range::NODE, rbe::NODE, switch::NODE];

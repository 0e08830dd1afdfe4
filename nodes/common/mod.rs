//! The nodes that every flow has: probe, comment, junction.

mod comment;
pub mod junction;
mod probe;

use crate::node::NodeType;

pub const NODES: &[NodeType] = &[comment::NODE, junction::NODE, probe::NODE];

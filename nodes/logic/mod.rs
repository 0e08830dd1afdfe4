//! nodes that decide and change
pub const NODES: &[crate::node::NodeType] = &[];

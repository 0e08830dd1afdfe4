//! Nodes that keep data in files of their own.

use crate::node::NodeType;

pub const NODES: &[NodeType] = &[];

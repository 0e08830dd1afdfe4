//! A family of nodes to copy: `docs/add-a-node.md` says how. Say here what the nodes of the family have in common.

mod greet;

use crate::node::NodeType;

/// What `nodes/lib.rs` lists: every node of the family.
pub const NODES: &[NodeType] = &[greet::NODE];

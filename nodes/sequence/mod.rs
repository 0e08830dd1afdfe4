//! Sequences: one message into many and many into one, in batches, in order.

mod parts;
mod split;
mod split_cut;
mod split_rest;

use crate::node::NodeType;

pub const NODES: &[NodeType] = &[split::NODE];

//! Sequences: one message into many and many into one, in batches, in order.

mod parts;
mod sort;
mod sort_order;
mod split;
mod split_cut;
mod split_rest;

use crate::node::NodeType;

pub const NODES: &[NodeType] = &[split::NODE, sort::NODE];

//! Sequences: one message into many and many into one, in batches, in order.

mod batch;
mod batch_concat;
mod join;
mod join_form;
mod join_group;
mod join_reduce;
mod parts;
mod sort;
mod sort_order;
mod split;
mod split_cut;
mod split_rest;

use crate::node::NodeType;

pub const NODES: &[NodeType] = &[split::NODE, join::NODE, batch::NODE, sort::NODE];

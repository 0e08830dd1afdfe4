//! The nodes that every flow has: inject and debug, catch, status and complete, and what documents a flow.

mod comment;
mod debug;
mod debug_value;
mod inject;
mod inject_fields;
mod inspect;
mod junction;
mod probe;
mod schedule;

use crate::node::NodeType;

pub const NODES: &[NodeType] = &[
    inject::NODE,
    debug::NODE,
    comment::NODE,
    junction::NODE,
    probe::NODE,
];

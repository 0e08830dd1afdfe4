//! The nodes that every flow has: inject and debug, catch, status and complete, and what documents a flow.

mod catch;
mod comment;
mod complete;
mod debug;
mod debug_value;
mod global_config;
mod inject;
mod inject_fields;
mod inspect;
pub mod junction;
mod listen;
mod probe;
mod schedule;
mod status;
mod unknown;

use crate::node::NodeType;

pub const NODES: &[NodeType] = &[
    inject::NODE,
    debug::NODE,
    complete::NODE,
    catch::NODE,
    status::NODE,
    comment::NODE,
    junction::NODE,
    probe::NODE,
    unknown::NODE,
    global_config::NODE,
];

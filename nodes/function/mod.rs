//! Nodes that run a script.

mod api;
mod call;
mod context;
mod engine;
mod fault;
mod guard;
mod map;
mod node;
mod script;
mod stats;
mod text;
mod value;

use crate::node::NodeType;

pub const NODES: &[NodeType] = &[node::NODE];

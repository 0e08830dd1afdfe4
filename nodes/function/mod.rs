//! Nodes that run a script.

mod api;
mod bytes;
mod call;
mod context;
mod engine;
mod fault;
mod guard;
mod map;
mod node;
pub mod reference;
mod script;
mod stats;
mod survey;
mod text;
mod value;
mod words;

#[cfg(test)]
mod error_tests;
#[cfg(test)]
mod limits_tests;
#[cfg(test)]
mod node_tests;
#[cfg(test)]
mod random_tests;
#[cfg(test)]
mod script_tests;

use crate::node::NodeType;

pub const NODES: &[NodeType] = &[node::NODE];

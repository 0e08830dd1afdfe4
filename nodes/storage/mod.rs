//! Nodes that keep data in files of their own.

#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(feature = "sqlite")]
mod sqlite_file;
#[cfg(feature = "sqlite")]
mod sqlite_query;

use crate::node::NodeType;

#[cfg(feature = "sqlite")]
pub const NODES: &[NodeType] = &[sqlite::NODE];
#[cfg(not(feature = "sqlite"))]
pub const NODES: &[NodeType] = &[];

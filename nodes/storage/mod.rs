//! Nodes that keep data: in logs and buffers of the gateway's store, and in files of their own.

mod buffer;
mod log_in;
mod log_out;

#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(feature = "sqlite")]
mod sqlite_file;
#[cfg(feature = "sqlite")]
mod sqlite_query;

use std::sync::Arc;

use crate::connector::ConnectorHost;
use crate::error::NodeError;
use crate::host::Logs;
use crate::node::NodeType;

pub const NODES: &[NodeType] = &[
    log_in::NODE,
    log_out::NODE,
    buffer::NODE,
    #[cfg(feature = "sqlite")]
    sqlite::NODE,
];

/// The logs of the gateway, where it has a place for them.
fn logs_of(host: &dyn ConnectorHost) -> Result<Arc<dyn Logs>, NodeError> {
    host.logs().ok_or_else(|| NodeError::fatal("this gateway keeps no data: start it with --data DIR"))
}

/// Names are for people and for the command line.
fn check_name(pointer: &str, name: &str) -> Result<(), NodeError> {
    let plain = |c: char| c.is_alphanumeric() || "-_./ ".contains(c);
    if name.is_empty() {
        return Err(NodeError::config(pointer, "a log needs a name"));
    }
    if name.len() > 100 || !name.chars().all(plain) || name.starts_with("outbox/") || name == "dead-letters" {
        return Err(NodeError::config(
            pointer,
            "the name of a log is letters, digits, - _ . / and spaces, at most 100; outbox/... and dead-letters are the gateway's own",
        ));
    }
    Ok(())
}

//! Nodes that keep data: in the gateway's logs, or in files of their own.

mod buffer;
mod log_in;
mod log_out;
mod log_pace;
mod log_reading;
mod log_start;
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
    buffer::NODE,
    log_in::NODE,
    log_out::NODE,
    #[cfg(feature = "sqlite")]
    sqlite::NODE,
];

/// The logs of the gateway, for nodes that cannot be without.
fn logs_of(host: &dyn ConnectorHost) -> Result<Arc<dyn Logs>, NodeError> {
    host.logs().ok_or_else(|| NodeError::fatal("this gateway keeps no data: start it with --data DIR"))
}

//! TLS for all nodes that talk over a network: one library (rustls with ring), one config node.

mod settings;
mod tls_config;
mod unverified;

pub use settings::{Pem, TlsSettings, explain};

use crate::node::NodeType;

pub const NODES: &[NodeType] = &[tls_config::NODE];

//! MQTT: a connection to a broker that nodes share, and nodes that subscribe and publish over it.
//!
//! ```text
//! mqtt in, mqtt out -> broker (the shared connection) -> session (the protocol, no I/O) -> codec (rumqttc's packets)
//!                           |-> transport (TCP, TLS, WebSocket)
//! ```

mod action;
mod address;
mod broker;
mod broker_node;
pub mod client;
mod codec4;
mod codec5;
mod connection;
mod doubt;
mod frame;
mod inbound;
mod input;
mod input_fields;
mod mailbox;
mod message;
mod outbound;
mod output;
mod output_form;
mod packet;
mod reasons;
mod session;
mod session_in;
mod session_out;
mod settings;
mod settings_raw;
mod subscriptions;
pub(crate) mod topic;
pub(crate) mod transport;
mod user;

use crate::node::NodeType;

pub const NODES: &[NodeType] = &[input::NODE, output::NODE, broker_node::NODE];

//! An MQTT broker in the gateway itself: 3.1, 3.1.1 and 5.
//!
//! ```text
//! server (listeners) -> connection (handshakes, bytes) -> read, write (packets)
//!   |-> router (no I/O: sessions, the tree of subscriptions, retained messages) -> jobs -> storage (logs of the host)
//! ```

mod access;
mod connecting;
mod connection;
mod delivering;
mod ending;
mod filter;
mod limits;
mod message;
mod outgoing;
mod packet;
mod publishing;
mod read;
mod retained;
mod router;
mod server;
mod server_node;
mod session;
mod settings;
mod storage;
mod storing;
mod subscribing;
mod tree;
mod write;

#[cfg(test)]
mod packet_tests;
#[cfg(test)]
mod router_tests;

use crate::node::NodeType;

pub const NODES: &[NodeType] = &[server_node::NODE];

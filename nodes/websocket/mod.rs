//! WebSocket: paths of the gateway's listener, and connections to servers; both shared by nodes that read and write.
//!
//! ```text
//! websocket in, websocket out -> hub (who is connected, who listens) <- websocket-listener (a path of the HTTP listener)
//!                                 |-> session (one connection)        <- websocket-client (a connection to a server)
//! ```

mod client;
mod hub;
mod input;
mod listener;
mod output;
mod session;

use crate::node::NodeType;

pub const NODES: &[NodeType] = &[input::NODE, output::NODE, listener::NODE, client::NODE];

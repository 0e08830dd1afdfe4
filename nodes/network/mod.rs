//! Plain sockets: TCP and UDP, in and out, with the node types and properties of Node-RED.

mod cut;
mod form;
mod interface;
mod keep;
pub(crate) mod outgoing;
pub(crate) mod peer;
mod request;
pub(crate) mod sessions;
mod stream;
mod tcp_in;
mod tcp_in_form;
mod tcp_out;
mod tcp_out_client;
mod tcp_out_form;
mod tcp_request;
mod tcp_request_form;
mod tcp_server;
#[cfg(test)]
mod testkit;
mod udp_in;
mod udp_out;
mod udp_socket;

use crate::node::NodeType;

pub const NODES: &[NodeType] =
    &[tcp_in::NODE, tcp_out_form::NODE, tcp_request::NODE, udp_in::NODE, udp_out::NODE];

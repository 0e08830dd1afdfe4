//! JSON lines over TCP or a Unix socket, each line acknowledged. For programs on the same board, and between gateways.
//!
//! The sender writes a JSON text a line; the receiver answers each line in order: `ok N` when all that was made from it
//! has arrived, `again N` when it has not, `no N REASON` when it can never be taken. N counts from 1 in a connection.

mod address;
mod connection;
mod line;
mod lines_in;
mod lines_out;
mod peer;
mod socket;
#[cfg(test)]
pub(crate) mod testkit;

use crate::node::NodeType;

pub const NODES: &[NodeType] = &[lines_in::NODE, lines_out::NODE];

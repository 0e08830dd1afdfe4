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

use crate::error::NodeError;
use crate::node::NodeType;

pub const NODES: &[NodeType] = &[lines_in::NODE, lines_out::NODE];

/// A number of the configuration, or an error that says what it may be.
fn within(pointer: &str, value: Option<f64>, default: f64, low: f64, high: f64) -> Result<f64, NodeError> {
    let value = value.unwrap_or(default);
    if (low..=high).contains(&value) {
        return Ok(value);
    }
    Err(NodeError::config(pointer, format!("{value} is out of range: use {low} to {high}")))
}

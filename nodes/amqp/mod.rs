//! AMQP 0-9-1 as RabbitMQ speaks it: a connection that nodes share, a node that consumes a queue, and one that publishes.
//!
//! ```text
//! amqp in, amqp out -> a channel of their own -> broker (the shared connection) -> lapin (the protocol) -> socket (TCP, TLS)
//! ```

mod address;
mod broker;
mod broker_node;
mod flight;
mod input;
mod input_form;
mod message;
mod output;
mod output_form;
mod payload;
mod reasons;
mod socket;
mod topology;

use crate::node::NodeType;

pub const NODES: &[NodeType] = &[input::NODE, output::NODE, broker_node::NODE];

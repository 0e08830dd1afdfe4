//! Nodes that make up what the world would send: for demos, tests and first steps.

mod alarms;
mod base_station;
mod random;
mod room;
mod sensor_simulator;
mod site;

use crate::node::NodeType;

pub const NODES: &[NodeType] = &[sensor_simulator::NODE];

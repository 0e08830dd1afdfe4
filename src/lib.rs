//! The gateway: knows flows, never protocols.

pub mod flow;

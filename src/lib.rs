//! The gateway: knows flows, never protocols. What nodes are is in `tidegate-nodes`; what a flow file says is in
//! `flow`; `engine` runs it.

pub mod access;
pub mod api;
pub mod cli;
pub mod config;
pub mod control;
pub mod deploy;
pub mod engine;
pub mod flow;
pub mod flowtest;
pub mod remote;
pub mod store;

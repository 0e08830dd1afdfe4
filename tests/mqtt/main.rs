//! The MQTT nodes in a running engine, against a real Mosquitto, and against peers that misbehave on purpose.
// Clippy lets tests unwrap, but does not know the functions that they call as tests.
#![allow(clippy::unwrap_used)]

mod acknowledgements;
mod bad_input;
#[path = "../support/brokers/mod.rs"]
mod brokers;
mod delivery;
mod fake;
mod gateway;
#[path = "../support/in_process.rs"]
mod in_process;
mod outages;
mod properties;
#[path = "../support/proxy.rs"]
mod proxy;
mod subscriptions;
mod switching;
mod transports;
mod traps;

use brokers::{certificates, mosquitto};

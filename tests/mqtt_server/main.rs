//! The MQTT broker of the built program, with clients that others have written, and with some that nobody should write.
// Clippy lets tests unwrap, but does not know the functions that they call as tests.
#![allow(clippy::unwrap_used)]

mod abuse;
mod access;
#[path = "../support/brokers/mod.rs"]
mod brokers;
mod clients;
mod deploys;
mod paho;
mod program;
mod survival;

use brokers::{certificates, mosquitto};

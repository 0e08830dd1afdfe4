//! The MQTT broker of the built program, with clients that others have written, and with some that nobody should write.
// Clippy lets tests unwrap, but does not know the functions that they call as tests.
#![allow(clippy::unwrap_used)]

mod abuse;
mod access;
mod clients;
mod deploys;
mod paho;
mod program;
mod survival;

// The clients and certificates are those of the tests of the MQTT nodes, which use more of them.
#[allow(dead_code)]
#[path = "../mqtt/certificates.rs"]
mod certificates;
#[allow(dead_code)]
#[path = "../mqtt/mosquitto.rs"]
mod mosquitto;

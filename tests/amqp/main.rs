//! The AMQP nodes in a running engine, against a real RabbitMQ.
// Clippy lets tests unwrap, but does not know the functions that they call as tests.
#![allow(clippy::unwrap_used)]

mod acknowledgements;
mod bad_input;
#[path = "../support/brokers/mod.rs"]
mod brokers;
mod delivery;
mod gateway;
#[path = "../support/in_process.rs"]
mod in_process;
mod outages;
mod properties;
#[path = "../support/proxy.rs"]
mod proxy;
mod tls;

use brokers::rabbit;

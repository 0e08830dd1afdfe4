//! The built program as an HTTP and WebSocket server and client, between real peers over real sockets.
// Clippy lets tests unwrap, but does not know the functions that they call as tests.
#![allow(clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

mod bad_input;
mod delivery;
mod gateway;
mod listening;
mod requesting;
mod serving;
mod websocket;

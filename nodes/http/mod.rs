//! HTTP: routes on the gateway's listener, their answers, and requests to others.
//!
//! ```text
//! http in <- listener (web.rs)      path: Express' patterns; arrival: msg.req and the payload; body, form, multipart: how bodies become values
//! http response -> listener         answer: what Express sends for which payload
//! http request -> client            target, outgoing: what is asked; exchange, stream, pool: how; redirect, digest, proxy on the way
//! ```

mod answer;
mod arrival;
mod body;
mod cookies;
mod form;
mod headers;
mod input;
mod multipart;
mod path;
mod response;

use crate::node::NodeType;

pub const NODES: &[NodeType] = &[input::NODE, response::NODE];

//! HTTP: routes on the gateway's listener, their answers, and requests to others.
//!
//! ```text
//! http in <- listener (web.rs)      path: Express' patterns; arrival: msg.req and the payload; body, form, multipart: how bodies become values
//! http response -> listener         answer: what Express sends for which payload
//! http request -> client            target: what is asked; exchange, pool, stream: how; digest, proxy on the way
//! ```

mod answer;
mod arrival;
mod body;
mod cookies;
mod digest;
pub(crate) mod exchange;
mod form;
mod headers;
mod input;
mod multipart;
mod path;
mod pool;
pub(crate) mod proxy;
mod request;
mod request_form;
mod response;
pub(crate) mod stream;
mod target;

use crate::node::NodeType;

pub const NODES: &[NodeType] = &[input::NODE, response::NODE, request::NODE, proxy::NODE];

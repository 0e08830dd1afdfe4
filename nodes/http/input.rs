//! http in: requests to a path of the gateway's listener.

use std::collections::HashMap;
use std::future::pending;
use std::sync::Arc;

use serde::Deserialize;
use tokio::sync::mpsc;

use super::arrival::{self, Wanted};
use super::path::Path;
use crate::connector::{Connector, ConnectorHost, Incoming};
use crate::descriptor::{Category, Descriptor, Field, Outputs, Role};
use crate::error::NodeError;
use crate::host::Status;
use crate::message::Outcome;
use crate::node::{Built, NodeConfig, NodeType};
use crate::read;
use crate::value::{Object, Str};
use crate::web::{Answer, Handler, Head, Http, Request, Requests, Served, Settled};

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

/// Requests that wait for the flow. More are told to come again.
const WAITING: usize = 128;
/// How many are handed over at once: small, for each may be large.
const BATCH: usize = 16;

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "http in",
    category: Category::Network,
    summary: "Takes HTTP requests to a path, for an http response to answer.",
    help: include_str!("http_in.md"),
    examples: include_str!("http_in.examples.json"),
    inputs: 0,
    outputs: Outputs::Fixed(1),
    role: Role::Connector,
    fields: &[
        Field::choice(
            "method",
            &[("get", "GET"), ("post", "POST"), ("put", "PUT"), ("delete", "DELETE"), ("patch", "PATCH")],
            "Method",
            "The method of the requests. GET takes HEAD too.",
        )
        .default("\"get\""),
        Field::text("url", "URL", "The path: /name, with :parameters, :optional? ones and * for anything.")
            .required(),
        Field::bool("upload", "Accept files", "Whether files in forms are read, into msg.req.files.")
            .default("false"),
        Field::bool(
            "skipBodyParsing",
            "Do not parse the body",
            "Whether the payload is the body as it came, a buffer.",
        )
        .default("false"),
        Field::text("swaggerDoc", "Documentation", "For node-red-node-swagger. Not used."),
    ],
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    #[serde(default, deserialize_with = "read::text")]
    method: String,
    #[serde(default, deserialize_with = "read::text")]
    url: String,
    #[serde(default, deserialize_with = "read::boolean")]
    upload: bool,
    #[serde(default, deserialize_with = "read::boolean")]
    skip_body_parsing: bool,
}

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    let raw: Raw = config.read()?;
    if raw.url.trim().is_empty() {
        return Err(NodeError::config("/url", "a path is missing: use /name"));
    }
    let method = match raw.method.to_ascii_lowercase().as_str() {
        "" | "get" => "GET",
        "post" => "POST",
        "put" => "PUT",
        "delete" => "DELETE",
        "patch" => "PATCH",
        other => {
            let text = format!("unknown method \"{other}\": use get, post, put, delete or patch");
            return Err(NodeError::config("/method", text));
        }
    };
    let path = Path::parse("/url", raw.url.trim())?;
    let wanted = Wanted { method, upload: raw.upload, raw: raw.skip_body_parsing };
    Ok(Built::connector(HttpIn {
        path: Arc::new(path),
        wanted,
        open: None,
        waiting: HashMap::new(),
        next: 0,
    }))
}

struct HttpIn {
    path: Arc<Path>,
    wanted: Wanted,
    open: Option<Open>,
    /// Requests in the flow, by the numbers that the host knows them by.
    waiting: HashMap<u64, Waiting>,
    next: u64,
}

struct Open {
    arrivals: mpsc::Receiver<Arrival>,
    http: Arc<dyn Http>,
    host: Arc<dyn ConnectorHost>,
    _served: Served,
}

struct Waiting {
    id: Str,
    target: Str,
}

/// What the listener gives to the node.
struct Arrival {
    request: Request,
    message: Object,
}

struct Door {
    path: Arc<Path>,
    wanted: Wanted,
    arrivals: mpsc::Sender<Arrival>,
}

impl Requests for Door {
    fn matches(&self, head: &Head) -> Option<Object> {
        let fits =
            head.method == self.wanted.method || (head.method == "HEAD" && self.wanted.method == "GET");
        if fits { self.path.matches(head.path()) } else { None }
    }

    fn methods(&self, head: &Head) -> Option<&'static str> {
        self.path.matches(head.path())?;
        Some(if self.wanted.method == "GET" { "GET,HEAD" } else { self.wanted.method })
    }

    fn has_room(&self) -> bool {
        self.arrivals.capacity() > 0
    }

    fn take(&self, mut request: Request) -> Result<(), Answer> {
        let message = arrival::message(&mut request, self.wanted)?;
        self.arrivals.try_send(Arrival { request, message }).map_err(|_| Answer::busy())
    }
}

impl Connector for HttpIn {
    async fn open(&mut self, host: Arc<dyn ConnectorHost>) -> Result<(), NodeError> {
        let http = host.http().ok_or_else(|| NodeError::fatal("there is no HTTP listener here"))?;
        let (sender, arrivals) = mpsc::channel(WAITING);
        let door = Door { path: self.path.clone(), wanted: self.wanted, arrivals: sender };
        let served = http.serve(host.order(), Handler::Requests(Arc::new(door)))?;
        host.status(Status::clear());
        self.open = Some(Open { arrivals, http, host, _served: served });
        Ok(())
    }

    async fn next(&mut self) -> Result<Vec<Incoming>, NodeError> {
        let Some(open) = &mut self.open else { return pending().await };
        let mut arrivals = Vec::new();
        // Takes nothing when it is dropped, and there is no other wait behind it.
        if open.arrivals.recv_many(&mut arrivals, BATCH).await == 0 {
            return Err(NodeError::disconnected("the HTTP listener has ended"));
        }
        let incoming = arrivals.into_iter().map(|arrival| {
            let number = self.next;
            self.next += 1;
            let waiting = Waiting { id: arrival.request.id, target: arrival.request.head.target.clone() };
            self.waiting.insert(number, waiting);
            Incoming {
                value: arrival.message,
                acknowledge: Some(number),
                answered: true,
                ..Incoming::default()
            }
        });
        Ok(incoming.collect())
    }

    async fn acknowledge(&mut self, outcomes: &[(u64, Outcome)]) -> Result<(), NodeError> {
        let Some(open) = &self.open else { return Ok(()) };
        for (number, outcome) in outcomes {
            let Some(Waiting { id, target }) = self.waiting.remove(number) else { continue };
            // One that was lost has been told of where it was lost.
            if open.http.settle(&id, *outcome) == Settled::Unanswered && *outcome == Outcome::Done {
                let mut value = Object::new();
                let mut req = Object::new();
                req.insert("method", self.wanted.method);
                req.insert("url", target.clone());
                value.insert("req", req);
                let text = format!(
                    "the flow has ended without an http response, and {} {target} was answered with 504",
                    self.wanted.method
                );
                open.host.raise(NodeError::rejected(text), value);
            }
        }
        Ok(())
    }

    async fn close(&mut self) {
        // What is under way is answered by the rest of its flow, or by the listener that it cannot be any more.
        self.open = None;
        self.waiting.clear();
    }
}

#[cfg(test)]
#[path = "input_tests.rs"]
mod tests;

//! websocket-listener: a path of the gateway's HTTP listener, to which others connect.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role as Side;

use super::hub::Hub;
use super::session;
use crate::connector::{Resource, ResourceHost};
use crate::descriptor::{Category, Descriptor, Field, Outputs, Role};
use crate::error::NodeError;
use crate::node::{Built, NodeConfig, NodeType};
use crate::read;
use crate::value::Str;
use crate::web::{Answer, Handler, Head, Served, Sockets, Upgrade};

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

/// A client that has been silent for so long is asked whether it is there.
const HEARTBEAT: Duration = Duration::from_secs(60);

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "websocket-listener",
    category: Category::Config,
    summary: "A path of this gateway that WebSocket clients connect to.",
    help: include_str!("websocket_listener.md"),
    examples: include_str!("websocket_listener.examples.json"),
    inputs: 0,
    outputs: Outputs::Fixed(0),
    role: Role::Resource,
    fields: &[
        Field::text("path", "Path", "The path that clients connect to, such as /ws/live.").required(),
        Field::choice(
            "wholemsg",
            &[("false", "the payload"), ("true", "the whole message, as JSON")],
            "Send and receive",
            "What is on the wire.",
        )
        .default("\"false\""),
        Field::integer("max", "Most bytes", "A client that sends a larger message is cut.")
            .default("5242880")
            .range(1.0, 67_108_864.0),
    ],
};

#[derive(Deserialize)]
struct Raw {
    #[serde(default, deserialize_with = "read::text")]
    path: String,
    #[serde(default, deserialize_with = "read::boolean")]
    wholemsg: bool,
    #[serde(default, deserialize_with = "read::maybe_number")]
    max: Option<f64>,
}

pub struct Listener {
    pub hub: Arc<Hub>,
    path: String,
    max: usize,
    served: Mutex<Option<Served>>,
}

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    let raw: Raw = config.read()?;
    let path = raw.path.trim().trim_start_matches('/');
    if path.is_empty() {
        return Err(NodeError::config("/path", "a path is missing: use /ws/name"));
    }
    let max = read::within("/max", raw.max.unwrap_or(5_242_880.0), 1.0, 67_108_864.0)? as usize;
    let hub = Hub::new(raw.wholemsg, true);
    Ok(Built::resource(Listener { hub, path: format!("/{path}"), max, served: Mutex::default() }))
}

impl Resource for Listener {
    async fn open(&self, host: Arc<dyn ResourceHost>) -> Result<(), NodeError> {
        let http = host.http().ok_or_else(|| NodeError::fatal("there is no HTTP listener here"))?;
        let door = Door { path: self.path.clone(), max: self.max, hub: self.hub.clone() };
        let served = http.serve(0, Handler::Sockets(Arc::new(door)))?;
        *self.served.lock().unwrap_or_else(PoisonError::into_inner) = Some(served);
        Ok(())
    }

    async fn close(&self) {
        self.served.lock().unwrap_or_else(PoisonError::into_inner).take();
        for outgoing in self.hub.sessions.all() {
            outgoing.kill();
        }
    }
}

struct Door {
    path: String,
    max: usize,
    hub: Arc<Hub>,
}

impl Sockets for Door {
    fn matches(&self, head: &Head) -> bool {
        head.path() == self.path
    }

    fn upgrade(&self, head: &Arc<Head>) -> Result<Upgrade, Answer> {
        let is = |name: &str, wanted: &str| {
            head.header(name).is_some_and(|value| value.eq_ignore_ascii_case(wanted))
        };
        if head.method != "GET" || !is("upgrade", "websocket") {
            return Err(Answer::text(400, "this is a WebSocket\n"));
        }
        if !is("sec-websocket-version", "13") {
            let mut answer = Answer::text(426, "only version 13 of WebSocket is spoken\n");
            answer.headers.push((Str::new("sec-websocket-version"), Str::new("13")));
            return Err(answer);
        }
        let key = head.header("sec-websocket-key").filter(|key| key.len() == 24);
        let key = key.ok_or_else(|| Answer::text(400, "the key of the WebSocket is missing\n"))?;
        let mut headers = vec![
            (Str::new("connection"), Str::new("Upgrade")),
            (Str::new("upgrade"), Str::new("websocket")),
            (Str::new("sec-websocket-accept"), Str::from(derive_accept_key(key.as_bytes()))),
        ];
        // As Node-RED: the first that the client offers.
        let offered =
            head.header("sec-websocket-protocol").and_then(|all| all.split(',').next()).map(str::trim);
        if let Some(protocol) = offered.filter(|protocol| !protocol.is_empty()) {
            headers.push((Str::new("sec-websocket-protocol"), Str::new(protocol)));
        }
        let (hub, config) = (self.hub.clone(), session::config(self.max));
        let run = Box::new(move |stream| {
            let working = async move {
                let mut socket = WebSocketStream::from_raw_socket(stream, Side::Server, Some(config)).await;
                // Its users have been told how it ended.
                session::serve(&mut socket, &hub, Some(HEARTBEAT)).await;
            };
            Box::pin(working) as crate::web::Working
        });
        Ok(Upgrade { headers, run })
    }
}

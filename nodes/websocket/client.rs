//! websocket-client: a connection to a WebSocket server.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::sync::Mutex;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use url::Url;

use super::hub::Hub;
use super::session::{self, Ended, Socket};
use crate::connector::{Resource, ResourceHost};
use crate::descriptor::{Category, Descriptor, Field, FieldKind, Outputs, Role};
use crate::error::NodeError;
use crate::host::Level;
use crate::http::proxy::Proxy;
use crate::http::stream::{self, Way};
use crate::node::{Built, NodeConfig, NodeType};
use crate::read;
use crate::tls::TlsSettings;

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

/// For the connection and the handshake.
const OPENING: Duration = Duration::from_secs(20);

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "websocket-client",
    category: Category::Config,
    summary: "A connection to a WebSocket server, shared by all nodes that name it.",
    help: include_str!("websocket_client.md"),
    examples: include_str!("websocket_client.examples.json"),
    inputs: 0,
    outputs: Outputs::Fixed(0),
    role: Role::Resource,
    fields: &[
        Field::text("path", "URL", "The server: ws://host/path or wss://host/path.").required(),
        Field::new(
            "tls",
            FieldKind::Resource("tls-config"),
            "TLS settings",
            "Certificates and whom to trust. None: what the system trusts.",
        ),
        Field::choice(
            "wholemsg",
            &[("false", "the payload"), ("true", "the whole message, as JSON")],
            "Send and receive",
            "What is on the wire.",
        )
        .default("\"false\""),
        Field::number(
            "hb",
            "Heartbeat (seconds)",
            "How often the server is asked whether it is there. 0: never.",
        )
        .default("0")
        .range(0.0, 86_400.0),
        Field::text(
            "subprotocol",
            "Subprotocol",
            "What the client says it speaks; several are separated by commas.",
        ),
        Field::new(
            "headers",
            FieldKind::Json,
            "Headers",
            "A list of headers of the handshake, as in http request; only typed ones.",
        ),
        Field::integer("max", "Most bytes", "A larger message from the server ends the connection.")
            .default("5242880")
            .range(1.0, 67_108_864.0),
    ],
};

#[derive(Deserialize)]
struct Raw {
    #[serde(default, deserialize_with = "read::text")]
    path: String,
    #[serde(default, deserialize_with = "read::text")]
    tls: String,
    #[serde(default, deserialize_with = "read::boolean")]
    wholemsg: bool,
    #[serde(default, deserialize_with = "read::maybe_number")]
    hb: Option<f64>,
    #[serde(default, deserialize_with = "read::text")]
    subprotocol: String,
    #[serde(default)]
    headers: serde_json::Value,
    #[serde(default, deserialize_with = "read::maybe_number")]
    max: Option<f64>,
}

pub struct Client {
    pub hub: Arc<Hub>,
    url: Url,
    tls: String,
    heartbeat: Option<Duration>,
    headers: Vec<(HeaderName, HeaderValue)>,
    max: usize,
    socket: Mutex<Option<Socket>>,
}

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    let raw: Raw = config.read()?;
    let wrong = |why: String| {
        NodeError::config("/path", format!("{:?} is no WebSocket URL ({why}): use ws://host/path", raw.path))
    };
    let url = Url::parse(raw.path.trim()).map_err(|error| wrong(error.to_string()))?;
    if !matches!(url.scheme(), "ws" | "wss") || url.host_str().is_none_or(str::is_empty) {
        return Err(wrong(format!("it begins with {}", url.scheme())));
    }
    let heartbeat = read::within("/hb", raw.hb.unwrap_or(0.0), 0.0, 86_400.0)?;
    let max = read::within("/max", raw.max.unwrap_or(5_242_880.0), 1.0, 67_108_864.0)? as usize;
    let mut headers = headers(&raw.headers)?;
    if !raw.subprotocol.trim().is_empty() {
        headers.push(header("/subprotocol", "sec-websocket-protocol", raw.subprotocol.trim())?);
    }
    Ok(Built::resource(Client {
        hub: Hub::new(raw.wholemsg, false),
        url,
        tls: raw.tls,
        heartbeat: (heartbeat > 0.0).then(|| Duration::from_secs_f64(heartbeat)),
        headers,
        max,
        socket: Mutex::default(),
    }))
}

fn headers(json: &serde_json::Value) -> Result<Vec<(HeaderName, HeaderValue)>, NodeError> {
    let rows = json.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        let text = |kind: &str, value: &str| {
            let kind = row.get(kind).and_then(serde_json::Value::as_str).unwrap_or_default();
            let typed = row.get(value).and_then(serde_json::Value::as_str).unwrap_or_default();
            if kind == "other" { typed.to_string() } else { kind.to_string() }
        };
        all.push(header("/headers", &text("keyType", "keyValue"), &text("valueType", "valueValue"))?);
    }
    Ok(all)
}

fn header(pointer: &str, name: &str, value: &str) -> Result<(HeaderName, HeaderValue), NodeError> {
    let wrong =
        || NodeError::config(pointer, format!("the header {name:?} cannot be sent with the value {value:?}"));
    let name_of = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
    Ok((name_of, HeaderValue::from_str(value).map_err(|_| wrong())?))
}

impl Client {
    async fn connect(&self, host: &dyn ResourceHost) -> Result<Socket, NodeError> {
        let lent = match self.tls.as_str() {
            "" => None,
            id => Some(host.resource(id).ok_or_else(|| {
                NodeError::config("/tls", format!("the TLS settings {id} are not there, or they are wrong"))
            })?),
        };
        let mut settings = match &lent {
            None => TlsSettings::default(),
            Some(lent) => {
                let settings: Option<&TlsSettings> = lent.as_any().downcast_ref();
                settings.ok_or_else(|| NodeError::config("/tls", "it is no tls-config"))?.clone()
            }
        };
        let scheme = if self.url.scheme() == "wss" { "https" } else { "http" };
        if scheme == "http" {
            // Nobody is asked for a certificate, so nobody need be trusted.
            settings.verify = false;
        }
        let proxy = Proxy::of_environment(scheme, |name| std::env::var(name).ok()).map(Arc::new);
        let server_name = settings.server_name.clone();
        let way = Way { tls: Arc::new(settings.client()?), server_name, proxy };
        let failed = |why: &str| NodeError::disconnected(format!("cannot connect to {}: {why}", self.url));
        let stream = stream::connect(&self.url, &way).await.map_err(|failure| failed(&failure.text))?;
        let mut request =
            self.url.as_str().into_client_request().map_err(|error| failed(&error.to_string()))?;
        request.headers_mut().extend(self.headers.iter().cloned());
        let shaken =
            tokio_tungstenite::client_async_with_config(request, stream, Some(session::config(self.max)));
        let (socket, _) = shaken.await.map_err(|error| match error {
            Error::Http(answer) => failed(&format!("the server answers {}", answer.status())),
            other => failed(&other.to_string()),
        })?;
        Ok(socket)
    }
}

impl Resource for Client {
    async fn open(&self, host: Arc<dyn ResourceHost>) -> Result<(), NodeError> {
        let connected = tokio::time::timeout(OPENING, self.connect(&*host)).await;
        let late = || {
            NodeError::disconnected(format!("{} does not answer within {} s", self.url, OPENING.as_secs()))
        };
        let socket = connected.map_err(|_| late())??;
        host.log(Level::Info, &format!("connected to {}", self.url));
        *self.socket.lock().await = Some(socket);
        Ok(())
    }

    async fn run(&self) -> Result<(), NodeError> {
        let mut held = self.socket.lock().await;
        let socket = held.as_mut().ok_or_else(|| NodeError::disconnected("there is no connection"))?;
        let ended = session::serve(socket, &self.hub, self.heartbeat).await;
        // It has said goodbye.
        *held = None;
        Err(NodeError::disconnected(match ended {
            Ended::Closed => format!("connection lost to {}", self.url),
            Ended::Failed(why) => format!("connection lost to {}: {why}", self.url),
        }))
    }

    async fn close(&self) {
        let socket = self.socket.lock().await.take();
        if let Some(socket) = socket {
            session::leave(socket).await;
        }
    }
}

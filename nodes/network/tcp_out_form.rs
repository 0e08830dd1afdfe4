//! What the form of `tcp out` says, and which of its two kinds it asks for.

use std::sync::Arc;

use serde::Deserialize;

use super::form;
use super::sessions::Sessions;
use super::tcp_out::TcpOut;
use super::tcp_out_client::TcpOutClient;
use crate::descriptor::{Category, Descriptor, Field, FieldKind, Outputs, Role};
use crate::error::NodeError;
use crate::node::{Built, NodeConfig, NodeType};
use crate::outbox;
use crate::read;

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "tcp out",
    category: Category::Network,
    summary: "Sends over TCP: to a server, to all that connect, or back to where a message came from.",
    help: include_str!("tcp_out.md"),
    examples: include_str!("tcp_out.examples.json"),
    inputs: 1,
    outputs: Outputs::Fixed(0),
    role: Role::Connector,
    fields: &[
        Field::choice(
            "beserver",
            &[("client", "Connect to a server"), ("server", "Listen on a port"), ("reply", "Reply to TCP")],
            "Type",
            "Whether it connects, is connected to, or answers on the connections of tcp in nodes.",
        )
        .default("\"client\""),
        Field::text("host", "Host", "The name or address of the server to connect to.")
            .visible_if("beserver", &["client"]),
        Field::integer(
            "port",
            "Port",
            "The port to connect to, or to listen on, on all addresses of this machine.",
        )
        .range(0.0, 65_535.0)
        .visible_if("beserver", &["client", "server"]),
        Field::bool(
            "end",
            "Close after each message",
            "Whether the connection is closed when a message has been sent.",
        )
        .default("false")
        .visible_if("beserver", &["client", "server"]),
        Field::bool(
            "base64",
            "Decode Base64",
            "Whether a text is base64, and the bytes that it stands for are sent.",
        )
        .default("false"),
        Field::new(
            "tls",
            FieldKind::Resource("tls-config"),
            "TLS settings",
            "Encrypts the connection. A listener needs a certificate and key in them. None: not encrypted.",
        )
        .visible_if("beserver", &["client", "server"]),
        Field::integer("connections", "Most connections", "More at once are refused.")
            .default("100")
            .range(1.0, super::tcp_in_form::MOST_CONNECTIONS)
            .visible_if("beserver", &["server"]),
        outbox::NETWORK,
    ],
};

#[derive(Deserialize)]
struct Raw {
    #[serde(default, deserialize_with = "read::text")]
    beserver: String,
    #[serde(default, deserialize_with = "read::text")]
    host: String,
    #[serde(default, deserialize_with = "read::maybe_number")]
    port: Option<f64>,
    #[serde(default, deserialize_with = "read::boolean")]
    base64: bool,
    #[serde(default, deserialize_with = "read::boolean")]
    end: bool,
    #[serde(default, deserialize_with = "read::text")]
    tls: String,
    #[serde(default, deserialize_with = "read::maybe_number")]
    connections: Option<f64>,
}

pub enum Form {
    Client { host: String, port: u16, common: Common },
    Server { port: u16, connections: usize, common: Common },
    Reply { is_base64: bool },
}

pub struct Common {
    pub is_base64: bool,
    /// Whether the connection is closed after each message.
    pub end: bool,
    pub tls: String,
}

impl Form {
    pub fn read(config: &NodeConfig) -> Result<Form, NodeError> {
        let raw: Raw = config.read()?;
        let port = form::port("/port", raw.port);
        let no_port = || NodeError::config("/port", "set a port, 1 to 65535");
        let common = Common { is_base64: raw.base64, end: raw.end, tls: raw.tls };
        match raw.beserver.as_str() {
            "reply" => Ok(Form::Reply { is_base64: raw.base64 }),
            "" | "client" | "false" => {
                let host = raw.host.trim().to_string();
                if host.is_empty() {
                    return Err(NodeError::config("/host", "name the host to connect to"));
                }
                let port = port?.filter(|port| *port > 0).ok_or_else(no_port)?;
                Ok(Form::Client { host, port, common })
            }
            // Node-RED takes everything else for a server.
            _ => {
                let most = super::tcp_in_form::MOST_CONNECTIONS;
                let connections = form::within("/connections", raw.connections, 100.0, 1.0, most)? as usize;
                Ok(Form::Server { port: port?.ok_or_else(no_port)?, connections, common })
            }
        }
    }
}

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    Ok(match Form::read(config)? {
        Form::Client { host, port, common } => Built::connector(TcpOutClient::new(host, port, common)),
        Form::Server { port, connections, common } => {
            Built::connector(TcpOut::serving(port, connections, common))
        }
        Form::Reply { is_base64 } => Built::connector(TcpOut::replying(is_base64, Sessions::shared())),
    })
}

/// The bytes of a message's payload; what has none is done.
pub fn payload(message: &crate::message::Message, is_base64: bool) -> Result<Option<Arc<[u8]>>, NodeError> {
    Ok(form::bytes(message.get("payload"), is_base64)?.map(Arc::from))
}

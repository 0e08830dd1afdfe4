//! What the form of `tcp in` says.

use serde::Deserialize;

use super::cut::Cutting;
use super::form::{self, DataType, LARGEST};
use crate::descriptor::{Category, Descriptor, Field, FieldKind, Outputs, Role};
use crate::error::NodeError;
use crate::read;

pub static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "tcp in",
    category: Category::Network,
    summary: "Takes what comes over TCP: listens on a port, or connects to a server.",
    help: include_str!("tcp_in.md"),
    examples: include_str!("tcp_in.examples.json"),
    inputs: 0,
    outputs: Outputs::Fixed(1),
    role: Role::Connector,
    fields: &[
        Field::choice(
            "server",
            &[("server", "Listen on a port"), ("client", "Connect to a server")],
            "Type",
            "Whether others connect to this node, or it connects to them.",
        )
        .default("\"server\""),
        Field::text("host", "Host", "The name or address of the server to connect to.")
            .visible_if("server", &["client"]),
        Field::integer("port", "Port", "The port to listen on, on all addresses of this machine, or to connect to.")
            .required()
            .range(0.0, 65_535.0),
        Field::choice(
            "datamode",
            &[("stream", "a stream of payloads"), ("single", "a single payload, at the end")],
            "Output",
            "Whether payloads go on as they come, or all of a connection as one when the other side closes it.",
        )
        .default("\"stream\""),
        Field::choice(
            "datatype",
            &[("buffer", "buffer"), ("utf8", "text (UTF-8)"), ("base64", "base64 text")],
            "Payload",
            "What the payloads are.",
        )
        .default("\"buffer\""),
        Field::text("newline", "Delimited by", r"A stream of text is cut here: \n, \r and \t stand for line feed, carriage return and tab. Empty: payloads are what comes at once.")
            .visible_if("datatype", &["utf8"]),
        Field::bool("trim", "Keep the delimiter", "Whether the delimiter stays at the end of each payload.")
            .default("false"),
        Field::text("topic", "Topic", "The topic of the messages."),
        Field::new("tls", FieldKind::Resource("tls-config"), "TLS settings", "Encrypts the connection. A listener needs a certificate and key in them. None: not encrypted."),
        Field::bool("base64", "Base64", "From flows of older editors; it has no effect.").default("false"),
        Field::integer("max", "Most bytes", "A connection that brings more than so much without a delimiter, or in all for a single payload, is closed with an error.")
            .default("4194304")
            .range(1.0, LARGEST),
        Field::integer("connections", "Most connections", "More at once are refused.")
            .default("100")
            .range(1.0, MOST_CONNECTIONS),
    ],
};

pub const MOST_CONNECTIONS: f64 = 10_000.0;

#[derive(Deserialize)]
struct Raw {
    #[serde(default, deserialize_with = "read::text")]
    server: String,
    #[serde(default, deserialize_with = "read::text")]
    host: String,
    #[serde(default, deserialize_with = "read::maybe_number")]
    port: Option<f64>,
    #[serde(default, deserialize_with = "read::text")]
    datamode: String,
    #[serde(default, deserialize_with = "read::text")]
    datatype: String,
    #[serde(default, deserialize_with = "read::text")]
    newline: String,
    #[serde(default, deserialize_with = "read::boolean")]
    trim: bool,
    #[serde(default, deserialize_with = "read::text")]
    topic: String,
    #[serde(default, deserialize_with = "read::text")]
    tls: String,
    #[serde(default, deserialize_with = "read::maybe_number")]
    max: Option<f64>,
    #[serde(default, deserialize_with = "read::maybe_number")]
    connections: Option<f64>,
}

pub struct Form {
    /// Nothing: it listens.
    pub host: Option<String>,
    pub port: u16,
    pub cutting: Cutting,
    pub topic: String,
    pub tls: String,
    pub connections: usize,
}

impl Form {
    pub fn read(config: &crate::node::NodeConfig) -> Result<Form, NodeError> {
        let raw: Raw = config.read()?;
        // Flows of old editors say it as a boolean.
        let host = match raw.server.as_str() {
            "server" | "true" => None,
            _ if raw.host.trim().is_empty() => {
                return Err(NodeError::config("/host", "name the host to connect to"));
            }
            _ => Some(raw.host.trim().to_string()),
        };
        let port = form::port("/port", raw.port)?
            .filter(|port| host.is_none() || *port > 0)
            .ok_or_else(|| NodeError::config("/port", "set a port, 1 to 65535"))?;
        let datatype = DataType::parse(&raw.datatype)?;
        let delimiter = match datatype {
            DataType::Utf8 => form::delimiter("/newline", &raw.newline)?,
            DataType::Buffer | DataType::Base64 => Vec::new(),
        };
        let cutting = Cutting {
            stream: matches!(raw.datamode.as_str(), "" | "stream"),
            datatype,
            delimiter,
            keeps_delimiter: raw.trim,
            max: form::within("/max", raw.max, 4_194_304.0, 1.0, LARGEST)? as usize,
        };
        let connections = form::within("/connections", raw.connections, 100.0, 1.0, MOST_CONNECTIONS)?;
        let (topic, tls) = (raw.topic, raw.tls);
        Ok(Form { host, port, cutting, topic, tls, connections: connections as usize })
    }
}

//! udp in: each datagram that comes to a port, or to a group, is a message.

use std::future::pending;
use std::sync::Arc;

use serde::Deserialize;

use super::form::{self, DataType};
use super::udp_socket::{Datagram, Family, Group, Socket};
use crate::connector::{Connector, ConnectorHost, Incoming};
use crate::descriptor::{Category, Descriptor, Field, Outputs, Role};
use crate::error::NodeError;
use crate::host::{Level, Status};
use crate::node::{Built, NodeConfig, NodeType};
use crate::read;
use crate::value::Object;

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "udp in",
    category: Category::Network,
    summary: "Takes datagrams that come to a UDP port, or to a multicast group.",
    help: include_str!("udp_in.md"),
    examples: include_str!("udp_in.examples.json"),
    inputs: 0,
    outputs: Outputs::Fixed(1),
    role: Role::Connector,
    fields: &[
        Field::choice(
            "multicast",
            &[("false", "UDP messages"), ("true", "multicast messages")],
            "Listen for",
            "Whether it joins a group, beside what is sent to this machine itself.",
        )
        .default("\"false\""),
        Field::text("group", "Group", "The address of the multicast group.")
            .visible_if("multicast", &["true"]),
        Field::text(
            "iface",
            "Interface",
            "The name or address of the interface on which the group is joined. Empty: the system chooses.",
        )
        .visible_if("multicast", &["true"]),
        Field::integer("port", "Port", "The port that datagrams come to, on all addresses of this machine.")
            .required()
            .range(0.0, 65_535.0),
        Field::choice("ipv", &[("udp4", "IPv4"), ("udp6", "IPv6")], "Using", "The version of IP.")
            .default("\"udp4\""),
        Field::choice(
            "datatype",
            &[("buffer", "a buffer"), ("utf8", "text (UTF-8)"), ("base64", "base64 text")],
            "Output",
            "What the payloads are.",
        )
        .default("\"buffer\""),
    ],
};

#[derive(Deserialize)]
struct Raw {
    #[serde(default, deserialize_with = "read::boolean")]
    multicast: bool,
    #[serde(default, deserialize_with = "read::text")]
    group: String,
    #[serde(default, deserialize_with = "read::text")]
    iface: String,
    #[serde(default, deserialize_with = "read::maybe_number")]
    port: Option<f64>,
    #[serde(default, deserialize_with = "read::text")]
    ipv: String,
    #[serde(default, deserialize_with = "read::text")]
    datatype: String,
}

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    make(config).map(Built::connector)
}

fn make(config: &NodeConfig) -> Result<UdpIn, NodeError> {
    let raw: Raw = config.read()?;
    let family = Family::parse(&raw.ipv)?;
    let port = form::port("/port", raw.port)?;
    let port = port.ok_or_else(|| NodeError::config("/port", "set a port, 1 to 65535"))?;
    let group = raw.multicast.then(|| Group::parse("/group", &raw.group, &raw.iface, family)).transpose()?;
    Ok(UdpIn { family, port, group, datatype: DataType::parse(&raw.datatype)?, open: None })
}

struct UdpIn {
    family: Family,
    port: u16,
    group: Option<Group>,
    datatype: DataType,
    open: Option<(Socket, Arc<dyn ConnectorHost>)>,
}

impl Connector for UdpIn {
    async fn open(&mut self, host: Arc<dyn ConnectorHost>) -> Result<(), NodeError> {
        let socket = Socket::open(self.family, self.port, true).await?;
        host.log(Level::Info, &format!("udp listener at port {}", socket.port()));
        host.status(Status::clear());
        if let Some(group) = &self.group {
            if let Err(error) = socket.reach_many() {
                host.log(Level::Warn, &format!("the socket cannot be set up for a group: {error}"));
            }
            if let Some(warning) = socket.join(group)? {
                host.log(Level::Warn, &warning);
            } else if !group.interface.is_empty() {
                host.status(Status::text(group.interface.as_str()));
            }
            host.log(Level::Info, &format!("udp multicast group {}", group.address));
        }
        self.open = Some((socket, host));
        Ok(())
    }

    async fn next(&mut self) -> Result<Vec<Incoming>, NodeError> {
        let Some((socket, host)) = &self.open else { return pending().await };
        let received = socket.receive().await;
        let (datagrams, dropped) =
            received.map_err(|error| NodeError::disconnected(format!("the UDP socket failed: {error}")))?;
        if dropped > 0 {
            host.log(
                Level::Warn,
                &format!("{dropped} datagrams were dropped: more come than the flow takes"),
            );
        }
        Ok(datagrams.into_iter().map(|datagram| self.incoming(datagram)).collect())
    }

    async fn close(&mut self) {
        self.open = None;
    }
}

impl UdpIn {
    fn incoming(&self, datagram: Datagram) -> Incoming {
        let Datagram { bytes, from } = datagram;
        let (ip, port) = (from.ip().to_string(), from.port());
        let mut value = Object::new();
        value.insert("payload", self.datatype.payload(bytes.to_vec()));
        value.insert("fromip", format!("{ip}:{port}"));
        value.insert("ip", ip);
        value.insert("port", i64::from(port));
        Incoming { value, ..Incoming::default() }
    }
}

#[cfg(test)]
#[path = "udp_tests.rs"]
mod tests;

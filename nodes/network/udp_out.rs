//! udp out: each message is a datagram, to one address, to all of a network, or to a group.

use std::net::SocketAddr;
use std::sync::Arc;

use serde::Deserialize;

use super::form;
use super::tcp_out_form::payload;
use super::udp_socket::{Family, Group, Names, Socket};
use crate::connector::{Connector, ConnectorHost, Delivery};
use crate::descriptor::{Category, Descriptor, Field, Outputs, Role};
use crate::error::NodeError;
use crate::host::{Level, Status};
use crate::message::Message;
use crate::node::{Built, NodeConfig, NodeType};
use crate::outbox;
use crate::read;
use crate::value::Value;

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "udp out",
    category: Category::Network,
    summary: "Sends datagrams to a UDP port, to all of a network, or to a multicast group.",
    help: include_str!("udp_out.md"),
    examples: include_str!("udp_out.examples.json"),
    inputs: 1,
    outputs: Outputs::Fixed(0),
    role: Role::Connector,
    fields: &[
        Field::choice(
            "multicast",
            &[("false", "UDP message"), ("board", "broadcast message"), ("multi", "multicast message")],
            "Send a",
            "Whether one gets it, all of a network, or all of a group.",
        )
        .default("\"false\""),
        Field::text("addr", "Address", "The name or address of the other side, the network's broadcast address, or the group. Empty: msg.ip."),
        Field::integer("port", "To port", "The port of the other side. Empty: msg.port.").range(0.0, 65_535.0),
        Field::text("iface", "Interface", "The name or address of the interface on which the group is joined. Empty: the system chooses.")
            .visible_if("multicast", &["multi"]),
        Field::choice("ipv", &[("udp4", "IPv4"), ("udp6", "IPv6")], "Using", "The version of IP.").default("\"udp4\""),
        Field::integer("outport", "From port", "The port that it sends from; that of a udp in node is shared with it, so that answers come there. Empty: any.")
            .range(0.0, 65_535.0),
        Field::bool("base64", "Decode Base64", "Whether a text is base64, and the bytes that it stands for are sent.")
            .default("false"),
        outbox::LOCAL,
    ],
};

#[derive(Deserialize)]
struct Raw {
    #[serde(default, deserialize_with = "read::text")]
    multicast: String,
    #[serde(default, deserialize_with = "read::text")]
    addr: String,
    #[serde(default, deserialize_with = "read::maybe_number")]
    port: Option<f64>,
    #[serde(default, deserialize_with = "read::text")]
    iface: String,
    #[serde(default, deserialize_with = "read::text")]
    ipv: String,
    #[serde(default, deserialize_with = "read::maybe_number")]
    outport: Option<f64>,
    #[serde(default, deserialize_with = "read::boolean")]
    base64: bool,
}

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    make(config).map(Built::connector)
}

fn make(config: &NodeConfig) -> Result<UdpOut, NodeError> {
    let raw: Raw = config.read()?;
    let family = Family::parse(&raw.ipv)?;
    let is_multi = raw.multicast == "multi";
    let group = is_multi.then(|| Group::parse("/addr", &raw.addr, &raw.iface, family)).transpose()?;
    Ok(UdpOut {
        family,
        to_many: !matches!(raw.multicast.as_str(), "" | "false"),
        group,
        host: raw.addr.trim().to_string(),
        port: form::port("/port", raw.port)?.filter(|port| *port > 0),
        from: form::port("/outport", raw.outport)?.unwrap_or(0),
        is_base64: raw.base64,
        names: Names::default(),
        socket: None,
    })
}

struct UdpOut {
    family: Family,
    to_many: bool,
    group: Option<Group>,
    /// Empty: the message says it.
    host: String,
    port: Option<u16>,
    from: u16,
    is_base64: bool,
    names: Names,
    socket: Option<Socket>,
}

impl Connector for UdpOut {
    async fn open(&mut self, host: Arc<dyn ConnectorHost>) -> Result<(), NodeError> {
        let socket = Socket::open(self.family, self.from, false).await?;
        host.status(Status::clear());
        if self.to_many {
            socket.reach_many().map_err(|error| {
                NodeError::disconnected(format!("the socket cannot be set up for broadcast: {error}"))
            })?;
        }
        if let Some(group) = &self.group {
            if let Some(warning) = socket.join(group)? {
                host.log(Level::Warn, &warning);
            } else if !group.interface.is_empty() {
                host.status(Status::text(group.interface.as_str()));
            }
        }
        host.log(Level::Info, &format!("udp ready: from port {}", socket.port()));
        self.socket = Some(socket);
        Ok(())
    }

    async fn handle(&mut self, batch: &mut Vec<Delivery>) -> Result<(), NodeError> {
        for delivery in batch.drain(..) {
            match self.send(delivery.message()).await {
                Ok(()) => delivery.confirm(),
                Err(error) => delivery.fail(error),
            }
        }
        Ok(())
    }

    async fn close(&mut self) {
        self.socket = None;
    }
}

impl UdpOut {
    async fn send(&mut self, message: &Message) -> Result<(), NodeError> {
        let Some(socket) = &self.socket else { return Ok(()) };
        let Some(bytes) = payload(message, self.is_base64)? else { return Ok(()) };
        let host = match message.get("ip") {
            _ if !self.host.is_empty() => self.host.clone(),
            Some(ip) => ip.to_text().trim().to_string(),
            None => String::new(),
        };
        if host.is_empty() {
            return Err(NodeError::rejected("udp: ip address not set: set it in the node, or msg.ip"));
        }
        let port = self.port.map_or_else(|| message.get("port").map_or(0.0, Value::to_number), f64::from);
        if port == 0.0 {
            return Err(NodeError::rejected("udp: port not set: set it in the node, or msg.port"));
        }
        if !(1.0..=65_535.0).contains(&port) || port.fract() != 0.0 {
            return Err(NodeError::rejected("udp: port number not valid: use 1 to 65535"));
        }
        let address = self.names.resolve(&host, self.family).await;
        let address = address.map_err(|why| NodeError::rejected(format!("udp: {why}")))?;
        let to = SocketAddr::new(address, port as u16);
        let sent = socket.send(&bytes, to).await;
        sent.map_err(|error| NodeError::rejected(format!("udp: cannot send to {to}: {error}")))
    }
}

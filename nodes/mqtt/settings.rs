//! The settings of a broker, checked.

use std::fmt;

use bytes::Bytes;
use serde_json::Value as Json;

use super::address::Address;
use super::message;
use super::packet::{Connect, Properties, Publish, Qos, Version, Will};
use super::settings_raw::Raw;
use super::topic;
use crate::error::NodeError;
use crate::read;
use crate::value::{Str, Value};

/// Packets up to this are taken, unless the flow says otherwise; and never more than the higher limit.
pub const PACKET: f64 = 4_194_304.0;
pub const LARGEST_PACKET: f64 = 67_108_864.0;
pub const RECEIVE_MAXIMUM: f64 = 500.0;

/// Ready for use.
#[derive(Clone)]
pub struct Settings {
    pub address: Address,
    /// The id of the TLS settings.
    pub tls: Option<String>,
    pub version: Version,
    /// All but the client id where the flow gives none.
    pub connect: Connect,
    pub auto_connect: bool,
    pub auto_unsubscribe: bool,
    pub birth: Option<Publish>,
    pub close: Option<Publish>,
}

/// It holds a password.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "settings of {}", self.address)
    }
}

impl Raw {
    pub fn settings(&self) -> Result<Settings, NodeError> {
        let broker = if self.url.trim().is_empty() { &self.broker } else { &self.url };
        let address = Address::parse(broker, self.port, self.usetls)?;
        let version = match self.protocol_version {
            _ if self.compatmode => Version::V3,
            None => Version::V4,
            Some(3.0) => Version::V3,
            Some(4.0) => Version::V4,
            Some(5.0) => Version::V5,
            Some(other) => {
                let text = format!("{other} is no version of MQTT: use 3 (3.1), 4 (3.1.1) or 5");
                return Err(NodeError::config("/protocolVersion", text));
            }
        };
        if self.clientid.len() > 65_535 || self.clientid.contains('\0') {
            return Err(NodeError::config("/clientid", "a client id has at most 65535 bytes, and no zero"));
        }
        let is_v5 = version == Version::V5;
        let filled = |text: &str| Some(text.to_string()).filter(|text| !text.is_empty());
        let session_expiry = within("/sessionExpiry", self.session_expiry, 0.0, 0.0, 4_294_967_295.0)? as u32;
        let will = publish(
            ["/willTopic", "/willQos"],
            &self.will_topic,
            self.will_qos,
            self.will_retain,
            &self.will_payload,
            &self.will_msg,
            is_v5,
        )?;
        let delay = self.will_msg.get("delay").or_else(|| self.will_msg.get("willDelayInterval"));
        let delay = delay.map(|delay| whole("/willMsg/delay", delay)).transpose()?.flatten();
        let connect = Connect {
            client_id: self.clientid.clone(),
            // Without an id of its own no client finds its session again.
            clean: self.cleansession || self.clientid.is_empty(),
            keep_alive: within("/keepalive", self.keepalive, 60.0, 0.0, 65_535.0)? as u16,
            user: filled(&self.credentials.user),
            password: filled(&self.credentials.password),
            will: will.map(|publish| Will { publish, delay }),
            session_expiry: (session_expiry > 0).then_some(session_expiry),
            receive_maximum: within("/receiveMaximum", self.receive_maximum, RECEIVE_MAXIMUM, 1.0, 65_535.0)?
                as u16,
            maximum_packet: within(
                "/maximumPacketSize",
                self.maximum_packet_size,
                PACKET,
                256.0,
                LARGEST_PACKET,
            )? as u32,
            alias_maximum: within("/topicAliasMaximum", self.topic_alias_maximum, 0.0, 0.0, 65_535.0)? as u16,
            user_properties: message::user_properties("/userProps", &self.user_props)?,
        };
        Ok(Settings {
            tls: filled(&self.tls).filter(|_| address.is_tls),
            address,
            version,
            connect,
            auto_connect: self.auto_connect,
            auto_unsubscribe: self.auto_unsubscribe,
            birth: publish(
                ["/birthTopic", "/birthQos"],
                &self.birth_topic,
                self.birth_qos,
                self.birth_retain,
                &self.birth_payload,
                &self.birth_msg,
                is_v5,
            )?,
            close: publish(
                ["/closeTopic", "/closeQos"],
                &self.close_topic,
                self.close_qos,
                self.close_retain,
                &self.close_payload,
                &self.close_msg,
                is_v5,
            )?,
        })
    }
}

impl Settings {
    /// Whether the broker keeps the session while nobody is connected.
    pub fn is_persistent(&self) -> bool {
        !self.connect.clean || (self.version == Version::V5 && self.connect.session_expiry.is_some())
    }
}

fn within(pointer: &str, value: Option<f64>, default: f64, low: f64, high: f64) -> Result<f64, NodeError> {
    match value {
        None => Ok(default),
        // What Node-RED's forms leave where nothing is set.
        Some(0.0) if low > 0.0 => Ok(default),
        Some(value) if (low..=high).contains(&value) => Ok(value),
        Some(value) => {
            Err(NodeError::config(pointer, format!("{value} is out of range: use {low} to {high}")))
        }
    }
}

/// A number of seconds from 0, also as text; nothing for an empty text.
pub fn whole(pointer: &str, json: &Json) -> Result<Option<u32>, NodeError> {
    let number = read::maybe_number(json).map_err(|error| NodeError::config(pointer, error))?;
    match number {
        None => Ok(None),
        Some(n) if (0.0..=4_294_967_295.0).contains(&n) => Ok(Some(n as u32)),
        Some(n) => Err(NodeError::config(pointer, format!("{n} is out of range: use 0 to 4294967295"))),
    }
}

/// A birth, close or will message; nothing without a topic.
fn publish(
    [topic_at, qos_at]: [&str; 2],
    topic: &str,
    qos: Option<f64>,
    retain: bool,
    payload: &Json,
    more: &Json,
    is_v5: bool,
) -> Result<Option<Publish>, NodeError> {
    if topic.is_empty() {
        return Ok(None);
    }
    if let Some(wrong) = topic::wrong_topic(topic) {
        return Err(NodeError::config(topic_at, wrong));
    }
    let qos = Qos::of(qos.unwrap_or(0.0) as i64).ok_or_else(|| NodeError::config(qos_at, "use 0, 1 or 2"))?;
    let payload = match payload {
        Json::Null => Bytes::new(),
        payload => message::payload_bytes(&Value::from(payload)),
    };
    let properties = if is_v5 { message_properties(topic_at, more)? } else { None };
    Ok(Some(Publish { topic: Str::new(topic), payload, qos, retain, dup: false, id: 0, properties }))
}

/// The properties of MQTT 5 as Node-RED writes them beside a birth, close or will message.
fn message_properties(pointer: &str, more: &Json) -> Result<Option<Box<Properties>>, NodeError> {
    let text = |names: [&str; 2]| {
        let found = names.iter().find_map(|name| more[*name].as_str());
        found.filter(|text| !text.is_empty()).map(str::to_string)
    };
    let pointer = pointer.replace("Topic", "Msg");
    let user = if more["userProps"].is_null() { &more["userProperties"] } else { &more["userProps"] };
    let expiry = if more["expiry"].is_null() { &more["messageExpiryInterval"] } else { &more["expiry"] };
    let properties = Properties {
        content_type: text(["contentType", "contentType"]),
        response_topic: text(["respTopic", "responseTopic"]),
        correlation: text(["correl", "correlationData"]).map(Bytes::from),
        expiry: whole(&format!("{pointer}/expiry"), expiry)?,
        user: message::user_properties(&format!("{pointer}/userProps"), user)?,
        ..Properties::default()
    };
    Ok((properties != Properties::default()).then(|| Box::new(properties)))
}

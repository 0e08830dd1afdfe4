//! The settings of a broker, as they stand in the flow, and as a message with `action: "connect"` changes them.

use std::fmt;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value as Json;

use super::address::Address;
use super::message;
use super::packet::{Connect, Properties, Publish, Qos, Version, Will};
use super::topic;
use crate::error::NodeError;
use crate::read;
use crate::value::{Str, Value};

/// Packets up to this are taken, unless the flow says otherwise; and never more than the higher limit.
pub const PACKET: f64 = 4_194_304.0;
pub const LARGEST_PACKET: f64 = 67_108_864.0;
pub const RECEIVE_MAXIMUM: f64 = 500.0;

/// As in the flow. It is also what a person may send in `msg.broker`, so names are Node-RED's.
#[derive(Clone, Deserialize)]
#[serde(default)]
pub struct Raw {
    #[serde(deserialize_with = "read::text")]
    pub url: String,
    #[serde(deserialize_with = "read::text")]
    pub broker: String,
    #[serde(deserialize_with = "read::maybe_number")]
    pub port: Option<f64>,
    #[serde(deserialize_with = "read::boolean")]
    pub usetls: bool,
    #[serde(deserialize_with = "read::text")]
    pub tls: String,
    #[serde(deserialize_with = "read::text")]
    pub clientid: String,
    #[serde(rename = "autoConnect", deserialize_with = "read::boolean")]
    pub auto_connect: bool,
    #[serde(rename = "autoUnsubscribe", deserialize_with = "read::boolean")]
    pub auto_unsubscribe: bool,
    #[serde(deserialize_with = "read::boolean")]
    pub compatmode: bool,
    #[serde(rename = "protocolVersion", deserialize_with = "read::maybe_number")]
    pub protocol_version: Option<f64>,
    #[serde(deserialize_with = "read::maybe_number")]
    pub keepalive: Option<f64>,
    #[serde(deserialize_with = "read::boolean")]
    pub cleansession: bool,
    #[serde(
        rename = "sessionExpiry",
        alias = "sessionExpiryInterval",
        deserialize_with = "read::maybe_number"
    )]
    pub session_expiry: Option<f64>,
    #[serde(rename = "userProps", alias = "userProperties")]
    pub user_props: Json,
    #[serde(rename = "topicAliasMaximum", deserialize_with = "read::maybe_number")]
    pub topic_alias_maximum: Option<f64>,
    #[serde(rename = "maximumPacketSize", deserialize_with = "read::maybe_number")]
    pub maximum_packet_size: Option<f64>,
    #[serde(rename = "receiveMaximum", deserialize_with = "read::maybe_number")]
    pub receive_maximum: Option<f64>,
    #[serde(rename = "birthTopic", deserialize_with = "read::text")]
    pub birth_topic: String,
    #[serde(rename = "birthQos", deserialize_with = "read::maybe_number")]
    pub birth_qos: Option<f64>,
    #[serde(rename = "birthRetain", deserialize_with = "read::boolean")]
    pub birth_retain: bool,
    #[serde(rename = "birthPayload")]
    pub birth_payload: Json,
    #[serde(rename = "birthMsg")]
    pub birth_msg: Json,
    #[serde(rename = "closeTopic", deserialize_with = "read::text")]
    pub close_topic: String,
    #[serde(rename = "closeQos", deserialize_with = "read::maybe_number")]
    pub close_qos: Option<f64>,
    #[serde(rename = "closeRetain", deserialize_with = "read::boolean")]
    pub close_retain: bool,
    #[serde(rename = "closePayload")]
    pub close_payload: Json,
    #[serde(rename = "closeMsg")]
    pub close_msg: Json,
    #[serde(rename = "willTopic", deserialize_with = "read::text")]
    pub will_topic: String,
    #[serde(rename = "willQos", deserialize_with = "read::maybe_number")]
    pub will_qos: Option<f64>,
    #[serde(rename = "willRetain", deserialize_with = "read::boolean")]
    pub will_retain: bool,
    #[serde(rename = "willPayload")]
    pub will_payload: Json,
    #[serde(rename = "willMsg")]
    pub will_msg: Json,
    pub credentials: Credentials,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct Credentials {
    #[serde(deserialize_with = "read::text")]
    pub user: String,
    #[serde(deserialize_with = "read::text")]
    pub password: String,
}

impl Default for Raw {
    fn default() -> Raw {
        Raw {
            url: String::new(),
            broker: String::new(),
            port: None,
            usetls: false,
            tls: String::new(),
            clientid: String::new(),
            auto_connect: true,
            auto_unsubscribe: true,
            compatmode: false,
            protocol_version: None,
            keepalive: None,
            cleansession: true,
            session_expiry: None,
            user_props: Json::Null,
            topic_alias_maximum: None,
            maximum_packet_size: None,
            receive_maximum: None,
            birth_topic: String::new(),
            birth_qos: None,
            birth_retain: false,
            birth_payload: Json::Null,
            birth_msg: Json::Null,
            close_topic: String::new(),
            close_qos: None,
            close_retain: false,
            close_payload: Json::Null,
            close_msg: Json::Null,
            will_topic: String::new(),
            will_qos: None,
            will_retain: false,
            will_payload: Json::Null,
            will_msg: Json::Null,
            credentials: Credentials::default(),
        }
    }
}

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
    /// What a message with `action: "connect"` says in `msg.broker`, on top of this.
    pub fn changed_by(&self, change: &Json) -> Result<Raw, NodeError> {
        let wrong = |error: serde_json::Error| NodeError::rejected(format!("msg.broker: {error}"));
        let Json::Object(changes) = change else {
            return Err(NodeError::rejected("msg.broker is not an object"));
        };
        let said: Raw = serde_json::from_value(change.clone()).map_err(wrong)?;
        let mut raw = self.clone();
        for key in changes.keys() {
            match key.as_str() {
                "url" => raw.url = said.url.clone(),
                "broker" => (raw.broker, raw.url) = (said.broker.clone(), String::new()),
                "port" => raw.port = said.port,
                "usetls" => raw.usetls = said.usetls,
                "clientid" => raw.clientid = said.clientid.clone(),
                "autoConnect" => raw.auto_connect = said.auto_connect,
                "autoUnsubscribe" => raw.auto_unsubscribe = said.auto_unsubscribe,
                "compatmode" => raw.compatmode = said.compatmode,
                "protocolVersion" => raw.protocol_version = said.protocol_version,
                "keepalive" => raw.keepalive = said.keepalive,
                "cleansession" => raw.cleansession = said.cleansession,
                "sessionExpiry" | "sessionExpiryInterval" => raw.session_expiry = said.session_expiry,
                "userProps" | "userProperties" => raw.user_props = said.user_props.clone(),
                "topicAliasMaximum" => raw.topic_alias_maximum = said.topic_alias_maximum,
                "maximumPacketSize" => raw.maximum_packet_size = said.maximum_packet_size,
                "receiveMaximum" => raw.receive_maximum = said.receive_maximum,
                _ => {}
            }
        }
        let text = |key: &str| changes.get(key).and_then(Json::as_str).map(str::to_string);
        raw.credentials.user = text("username").unwrap_or(raw.credentials.user);
        raw.credentials.password = text("password").unwrap_or(raw.credentials.password);
        for (kind, topic, qos, retain, payload, properties) in [
            (
                "birth",
                &mut raw.birth_topic,
                &mut raw.birth_qos,
                &mut raw.birth_retain,
                &mut raw.birth_payload,
                &mut raw.birth_msg,
            ),
            (
                "close",
                &mut raw.close_topic,
                &mut raw.close_qos,
                &mut raw.close_retain,
                &mut raw.close_payload,
                &mut raw.close_msg,
            ),
            (
                "will",
                &mut raw.will_topic,
                &mut raw.will_qos,
                &mut raw.will_retain,
                &mut raw.will_payload,
                &mut raw.will_msg,
            ),
        ] {
            let Some(said) = changes.get(kind) else { continue };
            *topic = said["topic"].as_str().unwrap_or_default().to_string();
            *qos = read::maybe_number(&said["qos"]).map_err(wrong)?;
            *retain = read::boolean(&said["retain"]).map_err(wrong)?;
            *payload = said["payload"].clone();
            *properties = said["properties"].clone();
        }
        Ok(raw)
    }

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

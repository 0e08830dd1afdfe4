//! What `mqtt out` makes of a message: the packet that is published.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value as Json;

use super::message;
use super::packet::{Properties, Publish, Qos};
use super::settings;
use super::topic;
use crate::descriptor::{Category, Descriptor, Field, FieldKind, Outputs, Role};
use crate::error::NodeError;
use crate::node::NodeConfig;
use crate::outbox;
use crate::read;
use crate::value::{Object, Str, Value};

pub static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "mqtt out",
    category: Category::Network,
    summary: "Publishes messages to an MQTT broker, and keeps each until the broker has confirmed it.",
    help: include_str!("mqtt_out.md"),
    examples: include_str!("mqtt_out.examples.json"),
    inputs: 1,
    outputs: Outputs::Fixed(0),
    role: Role::Connector,
    fields: &[
        Field::new("broker", FieldKind::Resource("mqtt-broker"), "Server", "The connection that it uses.")
            .required(),
        Field::text("topic", "Topic", "Where it publishes to. Empty: msg.topic."),
        Field::choice(
            "qos",
            &[
                ("", "as msg.qos says, else 0"),
                ("0", "0: at most once"),
                ("1", "1: at least once"),
                ("2", "2: exactly once"),
            ],
            "QoS",
            "How surely a message is delivered.",
        )
        .default("\"\""),
        Field::choice(
            "retain",
            &[("", "as msg.retain says"), ("true", "true"), ("false", "false")],
            "Retain",
            "Whether the broker keeps the message for later subscribers.",
        )
        .default("\"\""),
        Field::text(
            "respTopic",
            "Response topic",
            "MQTT 5: where an answer is wanted. Empty: msg.responseTopic.",
        ),
        Field::text(
            "contentType",
            "Content type",
            "MQTT 5: what the payload is, application/json for example. Empty: msg.contentType.",
        ),
        Field::new(
            "userProps",
            FieldKind::Json,
            "User properties",
            "MQTT 5: an object or its JSON. Empty: msg.userProperties.",
        ),
        Field::text(
            "correl",
            "Correlation data",
            "MQTT 5: comes back with an answer. Empty: msg.correlationData.",
        ),
        Field::text(
            "expiry",
            "Expiry (seconds)",
            "MQTT 5: after so long the broker does not deliver it any more. Empty: msg.messageExpiryInterval.",
        ),
        Field::text(
            "nameProperty",
            "Name for repeats",
            "MQTT 5: a user property with a name that is the same each time a message is sent, so that a receiver can drop repeats. \
             Empty: none.",
        ),
        outbox::NETWORK,
    ],
};

#[derive(Deserialize)]
struct Config {
    #[serde(default, deserialize_with = "read::text")]
    broker: String,
    #[serde(default, deserialize_with = "read::text")]
    topic: String,
    #[serde(default, deserialize_with = "read::maybe_number")]
    qos: Option<f64>,
    #[serde(default, deserialize_with = "read::text")]
    retain: String,
    #[serde(default, rename = "respTopic", deserialize_with = "read::text")]
    resp_topic: String,
    #[serde(default, rename = "contentType", deserialize_with = "read::text")]
    content_type: String,
    #[serde(default, rename = "userProps")]
    user_props: Json,
    #[serde(default, deserialize_with = "read::text")]
    correl: String,
    #[serde(default)]
    expiry: Json,
    #[serde(default, rename = "nameProperty", deserialize_with = "read::text")]
    name_property: String,
}

/// How the node publishes.
pub struct Form {
    pub broker: String,
    topic: Option<String>,
    qos: Option<Qos>,
    retain: Option<bool>,
    fixed: Properties,
    name_property: Option<String>,
}

impl Form {
    /// Reads the properties of the node.
    pub fn read(config: &NodeConfig) -> Result<Form, NodeError> {
        let config: Config = config.read()?;
        if config.broker.is_empty() {
            return Err(NodeError::config("/broker", "no broker is chosen"));
        }
        if let Some(wrong) = topic::wrong_topic(&config.topic).filter(|_| !config.topic.is_empty()) {
            return Err(NodeError::config("/topic", wrong));
        }
        if let Some(wrong) = topic::wrong_topic(&config.resp_topic).filter(|_| !config.resp_topic.is_empty())
        {
            return Err(NodeError::config("/respTopic", wrong));
        }
        let qos = config
            .qos
            .map(|qos| Qos::of(qos as i64).ok_or_else(|| NodeError::config("/qos", "use 0, 1 or 2")))
            .transpose()?;
        let retain = match config.retain.as_str() {
            "true" => Some(true),
            // As in Node-RED, where the node says no the message may say yes.
            _ => None,
        };
        let filled = |text: String| Some(text).filter(|text| !text.is_empty());
        Ok(Form {
            broker: config.broker,
            topic: filled(config.topic),
            qos,
            retain,
            fixed: Properties {
                response_topic: filled(config.resp_topic),
                content_type: filled(config.content_type),
                user: message::user_properties("/userProps", &config.user_props)?,
                correlation: filled(config.correl).map(Bytes::from),
                expiry: settings::whole("/expiry", &config.expiry)?.filter(|seconds| *seconds > 0),
                ..Properties::default()
            },
            name_property: filled(config.name_property),
        })
    }

    /// Whether a message goes out with the name that its repeats share.
    pub fn names(&self, is_v5: bool) -> bool {
        is_v5 && self.name_property.is_some()
    }

    /// What a message becomes; nothing where it has no payload.
    pub fn packet(
        &self,
        msg: &Object,
        is_v5: bool,
        name: Option<&str>,
    ) -> Result<Option<Publish>, NodeError> {
        let Some(payload) = msg.get("payload") else { return Ok(None) };
        let mut properties = if is_v5 { self.properties(msg)? } else { Properties::default() };
        if let (Some(property), Some(name)) = (&self.name_property, name) {
            properties.user.push((property.clone(), name.to_string()));
        }
        let said = self.topic.as_deref().or_else(|| msg.get("topic").and_then(Value::as_str));
        let topic = match said.filter(|topic| !topic.is_empty()) {
            Some(topic) => topic.to_string(),
            // As in Node-RED, an answer goes where one was asked for.
            None => properties.response_topic.take().unwrap_or_default(),
        };
        if let Some(wrong) = topic::wrong_topic(&topic) {
            let shown = super::reasons::shortened(&topic);
            return Err(NodeError::rejected(format!("cannot publish to {shown:?}: {wrong}")));
        }
        let asked = msg.get("qos").map(Value::to_number).and_then(|qos| Qos::of(qos as i64));
        let retain = match msg.get("retain") {
            Some(Value::Bool(retain)) => *retain,
            Some(Value::Str(text)) => text == "true",
            _ => false,
        };
        Ok(Some(Publish {
            topic: Str::from(topic),
            payload: message::payload_bytes(payload),
            qos: self.qos.or(asked).unwrap_or_default(),
            retain: self.retain.unwrap_or(retain),
            dup: false,
            id: 0,
            properties: (properties != Properties::default()).then(|| Box::new(properties)),
        }))
    }

    /// The properties of MQTT 5: what the node says, else what the message says.
    fn properties(&self, msg: &Object) -> Result<Properties, NodeError> {
        let text = |name: &str| {
            let said = msg.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
            said.map(str::to_string)
        };
        let number = |name: &str| {
            let said = msg.get(name).map(Value::to_number);
            said.filter(|n| (0.0..=4_294_967_295.0).contains(n)).map(|n| n as u32)
        };
        let mut properties = self.fixed.clone();
        properties.response_topic = properties.response_topic.or_else(|| text("responseTopic"));
        properties.content_type = properties.content_type.or_else(|| text("contentType"));
        properties.expiry = properties.expiry.or_else(|| number("messageExpiryInterval"));
        properties.alias = msg
            .get("topicAlias")
            .and_then(Value::as_i64)
            .map(|alias| {
                u16::try_from(alias)
                    .map_err(|_| NodeError::rejected(format!("msg.topicAlias is {alias}: use 1 to 65535")))
            })
            .transpose()?;
        properties.is_utf8 = match msg.get("payloadFormatIndicator") {
            Some(Value::Bool(set)) => Some(*set),
            Some(Value::Str(text)) if text == "true" => Some(true),
            Some(Value::Str(text)) if text == "false" => Some(false),
            _ => None,
        };
        if properties.correlation.is_none() {
            properties.correlation = match msg.get("correlationData") {
                Some(Value::Bytes(bytes)) => Some(Bytes::copy_from_slice(bytes)),
                Some(Value::Str(text)) if !text.is_empty() => Some(Bytes::copy_from_slice(text.as_bytes())),
                _ => None,
            };
        }
        if properties.user.is_empty()
            && let Some(said @ Value::Object(_)) = msg.get("userProperties")
        {
            properties.user = user_properties(said);
        }
        let too_long = |text: Option<&str>| text.is_some_and(|text| text.len() > 65_535);
        let correlation = properties.correlation.as_ref().is_some_and(|data| data.len() > 65_535);
        let user = properties.user.iter().any(|(name, value)| too_long(Some(name)) || too_long(Some(value)));
        if too_long(properties.response_topic.as_deref())
            || too_long(properties.content_type.as_deref())
            || correlation
            || user
        {
            return Err(NodeError::rejected("a property of the message is longer than 65535 bytes"));
        }
        if let Some(wrong) = properties.response_topic.as_deref().and_then(topic::wrong_topic) {
            return Err(NodeError::rejected(format!("msg.responseTopic: {wrong}")));
        }
        Ok(properties)
    }
}

/// A name that has a list of texts, as they come in, is sent once for each.
fn user_properties(said: &Value) -> Vec<(String, String)> {
    let Some(said) = said.as_object() else { return Vec::new() };
    let text = |value: &Value| match value {
        Value::Str(text) => text.to_string(),
        other => other.to_json(),
    };
    let mut all = Vec::new();
    for (name, value) in said.iter().filter(|(_, value)| !value.is_null()) {
        match value {
            Value::Array(values) if values.iter().all(|value| value.as_str().is_some()) => {
                all.extend(values.iter().map(|value| (name.to_string(), text(value))));
            }
            value => all.push((name.to_string(), text(value))),
        }
    }
    all
}

#[cfg(test)]
#[path = "output_tests.rs"]
mod tests;

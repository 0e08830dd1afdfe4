//! What `amqp out` makes of a message: what is published, and where to.

use lapin::BasicProperties;
use lapin::types::ShortString;
use serde::Deserialize;
use serde_json::Value as Json;

use super::message::{self, set_properties, short};
use super::payload;
use super::reasons::shortened;
use super::topology::{Exchange, Mode, arguments};
use crate::descriptor::{Category, Descriptor, Field, FieldKind, Outputs, Role};
use crate::error::NodeError;
use crate::node::NodeConfig;
use crate::outbox;
use crate::read;
use crate::value::{Object, Value};

pub static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "amqp out",
    category: Category::Network,
    summary: "Publishes messages to an exchange of an AMQP broker, and keeps each until the broker has confirmed it.",
    help: include_str!("amqp_out.md"),
    examples: include_str!("amqp_out.examples.json"),
    inputs: 1,
    outputs: Outputs::Fixed(0),
    role: Role::Connector,
    fields: &[
        Field::new("broker", FieldKind::Resource("amqp-broker"), "Server", "The connection that it uses.").required(),
        Field::text("exchange", "Exchange", "Where it publishes to. Empty: msg.exchange, else the default exchange, which routes to the queue of the key's name."),
        Field::choice("exchangeMode", Mode::CHOICES, "Before it starts", "What it does about the exchange.").default("\"check\""),
        Field::choice("exchangeType", &[("topic", "topic"), ("direct", "direct"), ("fanout", "fanout"), ("headers", "headers")], "Exchange type", "How the exchange routes.")
            .default("\"topic\"")
            .visible_if("exchangeMode", &["declare"]),
        Field::bool("exchangeDurable", "Durable exchange", "Whether the exchange outlives a restart of the broker.")
            .default("true")
            .visible_if("exchangeMode", &["declare"]),
        Field::text("routingKey", "Routing key", "By what it is routed. Empty: msg.routingKey, else msg.topic."),
        Field::bool("mandatory", "Must be routed", "Whether a message that no queue gets is an error. Switched off, the broker throws it away and confirms it.").default("true"),
        Field::bool("persistent", "Persistent", "Whether durable queues keep the message over a restart of the broker.").default("true"),
        Field::integer("expiration", "Expiration (ms)", "How long a message is worth delivering; 0 is no limit. msg.properties.expiration says it for one message.").at_least(0.0),
        Field::integer("priority", "Priority", "For queues with priorities. msg.properties.priority says it for one message.").range(0.0, 255.0),
        Field::text("contentType", "Content type", "What the payload is. Empty: as msg.properties.contentType says, else by what the payload is."),
        Field::new("headers", FieldKind::Json, "Headers", "An object or its JSON, for all messages. msg.headers comes on top."),
        Field::integer("window", "Unconfirmed", "How many messages are with the broker before it has confirmed the first.").default("256").range(1.0, 10_000.0),
        Field::integer("maxBytes", "Largest message (bytes)", "A larger one is refused here: brokers close the channel over it.")
            .default("16777216")
            .range(1.0, 134_217_728.0),
        outbox::NETWORK,
    ],
};

#[derive(Deserialize)]
struct Config {
    #[serde(default, deserialize_with = "read::text")]
    broker: String,
    #[serde(default, deserialize_with = "read::text")]
    exchange: String,
    #[serde(default, rename = "exchangeMode", deserialize_with = "read::text")]
    exchange_mode: String,
    #[serde(default, rename = "exchangeType", deserialize_with = "read::text")]
    exchange_type: String,
    #[serde(default = "read::yes", rename = "exchangeDurable", deserialize_with = "read::boolean")]
    exchange_durable: bool,
    #[serde(default, rename = "routingKey", deserialize_with = "read::text")]
    routing_key: String,
    #[serde(default = "read::yes", deserialize_with = "read::boolean")]
    mandatory: bool,
    #[serde(default = "read::yes", deserialize_with = "read::boolean")]
    persistent: bool,
    #[serde(default, deserialize_with = "read::maybe_number")]
    expiration: Option<f64>,
    #[serde(default, deserialize_with = "read::maybe_number")]
    priority: Option<f64>,
    #[serde(default, rename = "contentType", deserialize_with = "read::text")]
    content_type: String,
    #[serde(default)]
    headers: Json,
    #[serde(default, deserialize_with = "read::maybe_number")]
    window: Option<f64>,
    #[serde(default, rename = "maxBytes", deserialize_with = "read::maybe_number")]
    max_bytes: Option<f64>,
}

/// How the node publishes.
pub struct Form {
    pub broker: String,
    pub exchange: Option<Exchange>,
    pub mandatory: bool,
    pub window: usize,
    routing_key: String,
    fixed: BasicProperties,
    headers: Object,
    max_bytes: usize,
}

/// A message as it goes to the broker.
#[derive(Debug)]
pub struct Publish {
    pub exchange: ShortString,
    pub routing_key: ShortString,
    pub properties: BasicProperties,
    pub body: Vec<u8>,
}

impl Form {
    pub fn read(config: &NodeConfig) -> Result<Form, NodeError> {
        let config: Config = config.read()?;
        if config.broker.is_empty() {
            return Err(NodeError::config("/broker", "no broker is chosen"));
        }
        let whole = |pointer: &str, number: Option<f64>, least: f64, most: f64| match number {
            Some(number) if !(least..=most).contains(&number) || number.fract() != 0.0 => {
                Err(NodeError::config(pointer, format!("expected a whole number from {least} to {most}")))
            }
            number => Ok(number),
        };
        let mut fixed = BasicProperties::default().with_delivery_mode(if config.persistent { 2 } else { 1 });
        if let Some(expiration) =
            whole("/expiration", config.expiration, 0.0, 4_294_967_295.0)?.filter(|ms| *ms > 0.0)
        {
            fixed = fixed.with_expiration(ShortString::from(format!("{expiration}")));
        }
        if let Some(priority) = whole("/priority", config.priority, 0.0, 255.0)? {
            fixed = fixed.with_priority(priority as u8);
        }
        let at = |pointer: &str, text: &str| {
            short("it", text).map_err(|error| NodeError::config(pointer, error.message()))
        };
        if !config.content_type.is_empty() {
            fixed = fixed.with_content_type(at("/contentType", &config.content_type)?);
        }
        at("/routingKey", &config.routing_key)?;
        let headers = message::headers(&arguments("/headers", &config.headers)?);
        let exchange = Exchange::of(
            &config.exchange,
            &config.exchange_type,
            &config.exchange_mode,
            config.exchange_durable,
        )?;
        Ok(Form {
            broker: config.broker,
            exchange,
            mandatory: config.mandatory,
            window: whole("/window", config.window, 1.0, 10_000.0)?.unwrap_or(256.0) as usize,
            routing_key: config.routing_key,
            fixed,
            headers,
            max_bytes: whole("/maxBytes", config.max_bytes, 1.0, 134_217_728.0)?.unwrap_or(16_777_216.0)
                as usize,
        })
    }

    /// What a message becomes; nothing where it has no payload. `name` is its own each time it is sent.
    pub fn publish(
        &self,
        msg: &Object,
        name: Option<&str>,
        user: &str,
    ) -> Result<Option<Publish>, NodeError> {
        let Some(payload) = msg.get("payload") else { return Ok(None) };
        let said = |key: &str| msg.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        let exchange = match &self.exchange {
            Some(exchange) => exchange.name.clone(),
            None => short("msg.exchange", said("exchange").unwrap_or_default())?,
        };
        let key = Some(self.routing_key.as_str()).filter(|key| !key.is_empty());
        let key = key.or_else(|| said("routingKey")).or_else(|| said("topic")).unwrap_or_default();
        let routing_key = short("the routing key", key)?;
        if exchange.as_str().is_empty() && key.is_empty() {
            let text = "there is no exchange and no routing key: set them in the node, or msg.exchange and msg.routingKey";
            return Err(NodeError::rejected(text));
        }
        let (body, content_type) = payload::body(payload);
        if body.len() > self.max_bytes {
            let shown = shortened(key);
            let text = format!(
                "the payload for {shown:?} has {} bytes: at most {} go (largest message)",
                body.len(),
                self.max_bytes
            );
            return Err(NodeError::rejected(text));
        }
        let mut properties = self.fixed.clone();
        if let Some(said) = msg.get("properties").and_then(Value::as_object) {
            properties = set_properties(said, properties)?;
        }
        if let Some(other) = properties.user_id().as_ref().filter(|other| other.as_str() != user) {
            let text = format!(
                "msg.properties.userId is {:?}, and the broker takes only {user:?}, who is logged in: delete it",
                other.as_str()
            );
            return Err(NodeError::rejected(text));
        }
        if properties.content_type().is_none() {
            properties = properties.with_content_type(content_type.into());
        }
        if properties.message_id().is_none()
            && let Some(name) = name
        {
            properties = properties.with_message_id(short("the name of the message", name)?);
        }
        let mut headers = self.headers.clone();
        if let Some(said) = msg.get("headers").and_then(Value::as_object) {
            said.iter().for_each(|(name, value)| headers.insert(name.clone(), value.clone()));
        }
        if !headers.is_empty() {
            properties = properties.with_headers(message::table("msg.headers", &headers)?);
        }
        Ok(Some(Publish { exchange, routing_key, properties, body }))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{MemoryHost, config};

    fn form(json: Json) -> Result<Form, NodeError> {
        Form::read(&config("amqp out", json, &MemoryHost::default()))
    }

    fn object(json: Json) -> Object {
        Value::from(&json).as_object().unwrap().clone()
    }

    #[test]
    fn the_node_says_where_to_and_the_message_says_the_rest() {
        let node = form(
            json!({"broker": "b", "exchange": "e", "persistent": false, "expiration": "5000", "headers": {"a": 1, "b": 2}}),
        );
        let msg = object(json!({
            "payload": {"t": 1}, "topic": "room/1", "exchange": "other", "headers": {"b": 3},
            "properties": {"priority": 4, "deliveryMode": 2, "userId": "me"}
        }));
        let made = node.unwrap().publish(&msg, Some("name-1"), "me").unwrap().unwrap();
        assert_eq!((made.exchange.as_str(), made.routing_key.as_str()), ("e", "room/1"));
        assert_eq!(made.body, b"{\"t\":1}");
        let told = message::properties(&made.properties);
        let expected = json!({
            "contentType": "application/json", "expiration": "5000", "messageId": "name-1", "userId": "me", "deliveryMode": 2, "priority": 4
        });
        assert_eq!(told, object(expected));
        let headers = made.properties.headers().as_ref().unwrap();
        assert_eq!(message::headers(headers), object(json!({"a": 1, "b": 3})));
    }

    #[test]
    fn what_cannot_be_published_is_refused_before_the_broker_sees_it() {
        let node = form(json!({"broker": "b", "maxBytes": 10})).unwrap();
        for (msg, part) in [
            (json!({"payload": 1}), "no exchange and no routing key"),
            (json!({"payload": "12345678901", "topic": "t"}), "11 bytes"),
            (json!({"payload": 1, "topic": "t".repeat(256)}), "256 bytes"),
            (json!({"payload": 1, "topic": "t", "properties": {"userId": "you"}}), "logged in"),
            (json!({"payload": 1, "topic": "t", "headers": {"a": "x".repeat(70_000)}}), "too large"),
        ] {
            let error = node.publish(&object(msg), None, "me").unwrap_err();
            assert!(matches!(&error, NodeError::Rejected(text) if text.contains(part)), "{error}");
        }
        assert!(node.publish(&object(json!({"topic": "t"})), None, "me").unwrap().is_none());
        assert!(form(json!({"broker": "b", "window": 0})).is_err());
        assert!(form(json!({"broker": "b", "headers": "[1]"})).is_err());
    }
}

//! Exchanges, queues and bindings: declared, or only looked for.

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use lapin::{Channel, ExchangeKind};
use serde::Deserialize;
use serde_json::Value as Json;

use super::broker::answer;
use super::message::table;
use crate::error::NodeError;
use crate::read;
use crate::value::Value;

/// What a node does about an exchange or a queue before it uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Declare,
    Check,
    Trust,
}

impl Mode {
    pub const CHOICES: &[(&str, &str)] = &[
        ("declare", "declare it: made when it is not there"),
        ("check", "check that it is there"),
        ("none", "neither"),
    ];

    pub fn of(pointer: &str, name: &str, usual: Mode) -> Result<Mode, NodeError> {
        Ok(match name {
            "" => usual,
            "declare" => Mode::Declare,
            "check" => Mode::Check,
            "none" => Mode::Trust,
            other => {
                let text = format!("unknown choice {other:?}: use declare, check or none");
                return Err(NodeError::config(pointer, text));
            }
        })
    }
}

pub struct Exchange {
    pub name: ShortString,
    pub kind: ExchangeKind,
    pub mode: Mode,
    pub durable: bool,
}

pub struct Queue {
    /// Empty: the broker names it, and it goes when its user is gone.
    pub name: ShortString,
    pub mode: Mode,
    pub durable: bool,
    pub exclusive: bool,
    pub auto_delete: bool,
    pub arguments: FieldTable,
}

pub struct Binding {
    pub routing_key: ShortString,
    pub arguments: FieldTable,
}

#[derive(Deserialize)]
pub struct RawBinding {
    #[serde(default, rename = "routingKey", deserialize_with = "read::text")]
    pub routing_key: String,
    #[serde(default)]
    pub arguments: Json,
}

impl Exchange {
    /// Nothing for the default exchange, which every broker has.
    pub fn of(name: &str, kind: &str, mode: &str, durable: bool) -> Result<Option<Exchange>, NodeError> {
        if name.is_empty() {
            return Ok(None);
        }
        let kind = match kind {
            "" | "topic" => ExchangeKind::Topic,
            "direct" => ExchangeKind::Direct,
            "fanout" => ExchangeKind::Fanout,
            "headers" => ExchangeKind::Headers,
            other => ExchangeKind::Custom(name_of("/exchangeType", other)?.to_string()),
        };
        let mode = Mode::of("/exchangeMode", mode, Mode::Check)?;
        Ok(Some(Exchange { name: name_of("/exchange", name)?, kind, mode, durable }))
    }

    pub async fn prepare(&self, channel: &Channel) -> Result<(), NodeError> {
        if self.mode == Mode::Trust {
            return Ok(());
        }
        let options = ExchangeDeclareOptions {
            passive: self.mode == Mode::Check,
            durable: self.durable,
            ..ExchangeDeclareOptions::default()
        };
        let declared =
            channel.exchange_declare(self.name.clone(), self.kind.clone(), options, FieldTable::default());
        answer(&format!("exchange {:?}", self.name.as_str()), declared).await
    }
}

impl Queue {
    /// The name of the queue, which the broker may have given it.
    pub async fn prepare(&self, channel: &Channel) -> Result<ShortString, NodeError> {
        if self.mode == Mode::Trust && !self.name.as_str().is_empty() {
            return Ok(self.name.clone());
        }
        let own = self.name.as_str().is_empty();
        let options = QueueDeclareOptions {
            passive: !own && self.mode == Mode::Check,
            durable: !own && self.durable,
            exclusive: own || self.exclusive,
            auto_delete: own || self.auto_delete,
            ..QueueDeclareOptions::default()
        };
        let declared = channel.queue_declare(self.name.clone(), options, self.arguments.clone());
        let queue = answer(&format!("queue {:?}", self.name.as_str()), declared).await?;
        Ok(queue.name().clone())
    }
}

pub async fn bind(
    channel: &Channel,
    queue: &ShortString,
    exchange: &ShortString,
    binding: &Binding,
) -> Result<(), NodeError> {
    let what = format!("binding of {:?} to {:?}", queue.as_str(), exchange.as_str());
    let (key, arguments) = (binding.routing_key.clone(), binding.arguments.clone());
    let bound =
        channel.queue_bind(queue.clone(), exchange.clone(), key, QueueBindOptions::default(), arguments);
    answer(&what, bound).await
}

pub fn name_of(pointer: &str, name: &str) -> Result<ShortString, NodeError> {
    ShortString::try_new(name).map_err(|_| NodeError::config(pointer, "at most 255 bytes go"))
}

/// An object, or its JSON in text, or nothing.
pub fn arguments(pointer: &str, json: &Json) -> Result<FieldTable, NodeError> {
    let wrong = |text: &str| NodeError::config(pointer, text);
    let said = match json {
        Json::Null => return Ok(FieldTable::default()),
        Json::String(text) if text.trim().is_empty() => return Ok(FieldTable::default()),
        Json::String(text) => Value::from_json(text.as_bytes()).map_err(|error| wrong(&error.to_string()))?,
        other => Value::from(other),
    };
    let Value::Object(object) = said else { return Err(wrong("expected an object")) };
    table("it", &object).map_err(|error| wrong(error.message()))
}

/// The named arguments of a queue that forms have fields for.
pub fn set(arguments: &mut FieldTable, name: &'static str, value: Option<AMQPValue>) {
    if let Some(value) = value {
        arguments.insert(name.into(), value);
    }
}

pub fn text_argument(text: &str) -> Option<AMQPValue> {
    (!text.is_empty()).then(|| AMQPValue::LongString(LongString::from(text)))
}

pub fn number_argument(pointer: &str, number: Option<f64>) -> Result<Option<AMQPValue>, NodeError> {
    let Some(number) = number.filter(|number| *number != 0.0) else { return Ok(None) };
    if !(0.0..=9e15).contains(&number) || number.fract() != 0.0 {
        return Err(NodeError::config(pointer, "expected a whole number"));
    }
    Ok(Some(AMQPValue::LongLongInt(number as i64)))
}

//! The properties of `amqp in`.

use serde::Deserialize;
use serde_json::Value as Json;

use super::payload::DataType;
use super::topology::{
    Binding, Exchange, Mode, Queue, RawBinding, arguments, name_of, number_argument, set, text_argument,
};
use crate::descriptor::{Category, Descriptor, Field, FieldKind, Outputs, Role};
use crate::error::NodeError;
use crate::node::NodeConfig;
use crate::read;

pub static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "amqp in",
    category: Category::Network,
    summary: "Consumes a queue of an AMQP broker, and acknowledges each message when the flow is done with it.",
    help: include_str!("amqp_in.md"),
    examples: include_str!("amqp_in.examples.json"),
    inputs: 0,
    outputs: Outputs::Fixed(1),
    role: Role::Connector,
    fields: &[
        Field::new("broker", FieldKind::Resource("amqp-broker"), "Server", "The connection that it uses.")
            .required(),
        Field::text(
            "queue",
            "Queue",
            "The queue to consume. Empty: one of its own, which is gone when the connection is.",
        ),
        Field::choice("queueMode", Mode::CHOICES, "Before it starts", "What it does about the queue.")
            .default("\"check\""),
        Field::bool("durable", "Durable", "Whether the queue outlives a restart of the broker.")
            .default("true")
            .visible_if("queueMode", &["declare"]),
        Field::bool(
            "exclusive",
            "Exclusive",
            "Whether only this connection may use the queue; it goes with it.",
        )
        .default("false")
        .visible_if("queueMode", &["declare"]),
        Field::bool(
            "autoDelete",
            "Delete when unused",
            "Whether the queue goes when its last consumer has gone.",
        )
        .default("false")
        .visible_if("queueMode", &["declare"]),
        Field::choice(
            "queueType",
            &[("", "as the broker has it"), ("classic", "classic"), ("quorum", "quorum: on several brokers")],
            "Type",
            "The type of queue.",
        )
        .default("\"\"")
        .visible_if("queueMode", &["declare"]),
        Field::integer(
            "messageTtl",
            "Message TTL (ms)",
            "How long a message stays in the queue; 0 is no limit.",
        )
        .at_least(0.0)
        .visible_if("queueMode", &["declare"]),
        Field::integer("maxLength", "Most messages", "How many messages the queue holds; 0 is no limit.")
            .at_least(0.0)
            .visible_if("queueMode", &["declare"]),
        Field::text(
            "deadLetterExchange",
            "Dead-letter exchange",
            "Where the broker sends what is rejected or too old.",
        )
        .visible_if("queueMode", &["declare"]),
        Field::text(
            "deadLetterRoutingKey",
            "Dead-letter routing key",
            "Under which key. Empty: the message's own.",
        )
        .visible_if("queueMode", &["declare"]),
        Field::new(
            "arguments",
            FieldKind::Json,
            "Queue arguments",
            "Other arguments of the queue, an object or its JSON.",
        )
        .visible_if("queueMode", &["declare"]),
        Field::text(
            "exchange",
            "Exchange",
            "The exchange that the queue is bound to. Empty: it is not bound.",
        ),
        Field::choice(
            "exchangeType",
            &[("topic", "topic"), ("direct", "direct"), ("fanout", "fanout"), ("headers", "headers")],
            "Exchange type",
            "How the exchange routes.",
        )
        .default("\"topic\""),
        Field::choice(
            "exchangeMode",
            Mode::CHOICES,
            "About the exchange",
            "What it does about the exchange before it binds the queue.",
        )
        .default("\"check\""),
        Field::bool(
            "exchangeDurable",
            "Durable exchange",
            "Whether the exchange outlives a restart of the broker.",
        )
        .default("true"),
        Field::list(
            "bindings",
            &[
                Field::text(
                    "routingKey",
                    "Routing key",
                    "Which messages the queue gets: a key, or with a topic exchange a pattern with * and #.",
                ),
                Field::new(
                    "arguments",
                    FieldKind::Json,
                    "Arguments",
                    "For a headers exchange: x-match and the headers.",
                ),
            ],
            "Bindings",
            "Which messages of the exchange the queue gets. None: one with an empty key.",
        ),
        Field::integer(
            "prefetch",
            "Prefetch",
            "How many messages are in the flow, not acknowledged, at a time.",
        )
        .default("100")
        .range(1.0, 65_535.0),
        Field::choice("datatype", DataType::CHOICES, "Output", "What the body of a message becomes.")
            .default("\"auto-detect\""),
        Field::integer(
            "maxBytes",
            "Largest message (bytes)",
            "A larger one is rejected: to the queue's dead-letter exchange, where it has one.",
        )
        .default("16777216")
        .range(1.0, 134_217_728.0),
    ],
};

#[derive(Deserialize)]
struct Config {
    #[serde(default, deserialize_with = "read::text")]
    broker: String,
    #[serde(default, deserialize_with = "read::text")]
    queue: String,
    #[serde(default, rename = "queueMode", deserialize_with = "read::text")]
    queue_mode: String,
    #[serde(default = "read::yes", deserialize_with = "read::boolean")]
    durable: bool,
    #[serde(default, deserialize_with = "read::boolean")]
    exclusive: bool,
    #[serde(default, rename = "autoDelete", deserialize_with = "read::boolean")]
    auto_delete: bool,
    #[serde(default, rename = "queueType", deserialize_with = "read::text")]
    queue_type: String,
    #[serde(default, rename = "messageTtl", deserialize_with = "read::maybe_number")]
    message_ttl: Option<f64>,
    #[serde(default, rename = "maxLength", deserialize_with = "read::maybe_number")]
    max_length: Option<f64>,
    #[serde(default, rename = "deadLetterExchange", deserialize_with = "read::text")]
    dead_letter_exchange: String,
    #[serde(default, rename = "deadLetterRoutingKey", deserialize_with = "read::text")]
    dead_letter_routing_key: String,
    #[serde(default)]
    arguments: Json,
    #[serde(default, deserialize_with = "read::text")]
    exchange: String,
    #[serde(default, rename = "exchangeType", deserialize_with = "read::text")]
    exchange_type: String,
    #[serde(default, rename = "exchangeMode", deserialize_with = "read::text")]
    exchange_mode: String,
    #[serde(default = "read::yes", rename = "exchangeDurable", deserialize_with = "read::boolean")]
    exchange_durable: bool,
    #[serde(default)]
    bindings: Vec<RawBinding>,
    #[serde(default, deserialize_with = "read::maybe_number")]
    prefetch: Option<f64>,
    #[serde(default, deserialize_with = "read::text")]
    datatype: String,
    #[serde(default, rename = "maxBytes", deserialize_with = "read::maybe_number")]
    max_bytes: Option<f64>,
}

pub struct Form {
    pub broker: String,
    pub queue: Queue,
    pub exchange: Option<Exchange>,
    pub bindings: Vec<Binding>,
    pub prefetch: u16,
    pub kind: DataType,
    pub max_bytes: usize,
}

impl Form {
    pub fn read(config: &NodeConfig) -> Result<Form, NodeError> {
        let config: Config = config.read()?;
        if config.broker.is_empty() {
            return Err(NodeError::config("/broker", "no broker is chosen"));
        }
        let Config { exchange, exchange_type, exchange_mode, .. } = &config;
        let exchange = Exchange::of(exchange, exchange_type, exchange_mode, config.exchange_durable)?;
        if exchange.is_none() && !config.bindings.is_empty() {
            return Err(NodeError::config("/exchange", "bindings need the exchange that they bind to"));
        }
        let mut bindings = Vec::with_capacity(config.bindings.len().max(1));
        for (at, raw) in config.bindings.iter().enumerate() {
            bindings.push(Binding {
                routing_key: name_of(&format!("/bindings/{at}/routingKey"), &raw.routing_key)?,
                arguments: arguments(&format!("/bindings/{at}/arguments"), &raw.arguments)?,
            });
        }
        if bindings.is_empty() {
            bindings.push(Binding { routing_key: "".into(), arguments: arguments("", &Json::Null)? });
        }
        let prefetch = config.prefetch.unwrap_or(100.0);
        if !(1.0..=65_535.0).contains(&prefetch) || prefetch.fract() != 0.0 {
            return Err(NodeError::config("/prefetch", "expected a whole number from 1 to 65535"));
        }
        let kind = DataType::of(&config.datatype).ok_or_else(|| {
            let text = "use auto-detect, auto, buffer, base64, utf8 or json";
            NodeError::config("/datatype", format!("unknown choice {:?}: {text}", config.datatype))
        })?;
        let queue = config.queue()?;
        let max_bytes = config.max_bytes.unwrap_or(16_777_216.0).clamp(1.0, 134_217_728.0) as usize;
        Ok(Form {
            broker: config.broker,
            queue,
            exchange,
            bindings,
            prefetch: prefetch as u16,
            kind,
            max_bytes,
        })
    }
}

impl Config {
    fn queue(&self) -> Result<Queue, NodeError> {
        let mut arguments = arguments("/arguments", &self.arguments)?;
        set(&mut arguments, "x-queue-type", text_argument(&self.queue_type));
        set(&mut arguments, "x-message-ttl", number_argument("/messageTtl", self.message_ttl)?);
        set(&mut arguments, "x-max-length", number_argument("/maxLength", self.max_length)?);
        set(&mut arguments, "x-dead-letter-exchange", text_argument(&self.dead_letter_exchange));
        set(&mut arguments, "x-dead-letter-routing-key", text_argument(&self.dead_letter_routing_key));
        Ok(Queue {
            name: name_of("/queue", &self.queue)?,
            mode: Mode::of("/queueMode", &self.queue_mode, Mode::Check)?,
            durable: self.durable,
            exclusive: self.exclusive,
            auto_delete: self.auto_delete,
            arguments,
        })
    }
}

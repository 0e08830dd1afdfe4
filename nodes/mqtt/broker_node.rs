//! mqtt-broker: a connection to a broker, shared by all nodes that name it.

use super::broker::Broker;
use super::settings_raw::Raw;
use crate::descriptor::{Category, Descriptor, Field, FieldKind, Outputs, Role};
use crate::error::NodeError;
use crate::node::{Built, NodeConfig, NodeType};

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

const QOS: &[(&str, &str)] = &[("0", "0: at most once"), ("1", "1: at least once"), ("2", "2: exactly once")];
const PROPERTIES_HELP: &str = "For MQTT 5: contentType, userProps, respTopic, correl, expiry (seconds), and for the will also delay (seconds).";

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "mqtt-broker",
    category: Category::Config,
    summary: "A connection to an MQTT broker, shared by all nodes that name it.",
    help: include_str!("mqtt_broker.md"),
    examples: include_str!("mqtt_broker.examples.json"),
    inputs: 0,
    outputs: Outputs::Fixed(0),
    role: Role::Resource,
    fields: &[
        Field::text("broker", "Server", "A host name or address, or a URL: mqtt://, mqtts://, ws:// or wss://host:port/path.")
            .default("\"localhost\""),
        Field::integer("port", "Port", "Usually 1883, and 8883 with TLS. Not used where the server is a URL.")
            .default("1883")
            .range(0.0, 65_535.0),
        Field::bool("usetls", "Use TLS", "Whether the connection is encrypted.").default("false"),
        Field::new("tls", FieldKind::Resource("tls-config"), "TLS settings", "Certificates and whom to trust. None: what the system trusts, and no client certificate.")
            .visible_if("usetls", &["true"]),
        Field::choice(
            "protocolVersion",
            &[("4", "3.1.1"), ("5", "5"), ("3", "3.1, for old brokers")],
            "Version",
            "The version of MQTT.",
        )
        .default("\"4\""),
        Field::text("clientid", "Client id", "Must be the client's own at this broker. Empty: one is made up, and the broker keeps nothing while it is away."),
        Field::text("user", "User", "Where the broker asks for one.").secret(),
        Field::text("password", "Password", "The user's password.").secret(),
        Field::bool("autoConnect", "Connect automatically", "Switched off, it connects when a message with action connect says so.").default("true"),
        Field::integer("keepalive", "Keep alive (seconds)", "After so much silence the broker is asked whether it is there; 0 never asks.")
            .default("60")
            .range(0.0, 65_535.0),
        Field::bool("cleansession", "Clean session", "Whether the broker forgets subscriptions and waiting messages when the connection is lost. Switch it off, with a client id, where nothing may be missed.")
            .default("true"),
        Field::bool("autoUnsubscribe", "Unsubscribe automatically", "Whether the broker is told when a node with a subscription is gone. Switched off, it goes on collecting messages for it.").default("true"),
        Field::integer("sessionExpiry", "Session expiry (seconds)", "MQTT 5: how long the broker keeps the session while the gateway is away.")
            .default("0")
            .range(0.0, 4_294_967_295.0),
        Field::integer("receiveMaximum", "Receive maximum", "MQTT 5: how many messages of QoS 1 and 2 the broker sends before one is acknowledged.")
            .default("500")
            .range(0.0, 65_535.0),
        Field::integer("maximumPacketSize", "Largest packet (bytes)", "A larger message is not taken, and not sent. With MQTT 5 the broker is told, and keeps it to itself.")
            .default("4194304")
            .range(0.0, super::settings::LARGEST_PACKET),
        Field::integer("topicAliasMaximum", "Topic aliases", "MQTT 5: how many topics the broker may shorten to a number.")
            .default("0")
            .range(0.0, 65_535.0),
        Field::new("userProps", FieldKind::Json, "User properties", "MQTT 5: sent when it connects, an object or its JSON."),
        Field::text("birthTopic", "Birth topic", "Where a message goes when it is connected; empty for none."),
        Field::choice("birthQos", QOS, "Birth QoS", "How surely the message is delivered.").default("\"0\""),
        Field::bool("birthRetain", "Birth retained", "Whether the broker keeps it for later subscribers.").default("false"),
        Field::new("birthPayload", FieldKind::Json, "Birth payload", "What the message says."),
        Field::new("birthMsg", FieldKind::Json, "Birth properties", PROPERTIES_HELP),
        Field::text("closeTopic", "Close topic", "Where a message goes before it disconnects; empty for none."),
        Field::choice("closeQos", QOS, "Close QoS", "How surely the message is delivered.").default("\"0\""),
        Field::bool("closeRetain", "Close retained", "Whether the broker keeps it for later subscribers.").default("false"),
        Field::new("closePayload", FieldKind::Json, "Close payload", "What the message says."),
        Field::new("closeMsg", FieldKind::Json, "Close properties", PROPERTIES_HELP),
        Field::text("willTopic", "Will topic", "Where the broker sends a message when it loses this client; empty for none."),
        Field::choice("willQos", QOS, "Will QoS", "How surely the message is delivered.").default("\"0\""),
        Field::bool("willRetain", "Will retained", "Whether the broker keeps it for later subscribers.").default("false"),
        Field::new("willPayload", FieldKind::Json, "Will payload", "What the message says."),
        Field::new("willMsg", FieldKind::Json, "Will properties", PROPERTIES_HELP),
        Field::bool("compatmode", "MQTT 3.1", "As flows of older editors ask for version 3.1.").default("false"),
        Field::bool("verifyservercert", "Verify the server", "From flows of older editors. The server is always verified, unless the TLS settings say otherwise.").default("true"),
    ],
};

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    let raw: Raw = config.read()?;
    Ok(Built::resource(Broker::new(raw)?))
}

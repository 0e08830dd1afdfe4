//! mqtt-server: an MQTT broker in the gateway itself.

use super::server::MqttServer;
use super::settings::Raw;
use crate::descriptor::{Category, Descriptor, Field, FieldKind, Outputs, Role};
use crate::error::NodeError;
use crate::node::{Built, NodeConfig, NodeType};
use crate::value::Value;

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "mqtt-server",
    category: Category::Config,
    summary: "An MQTT broker in the gateway itself.",
    help: include_str!("mqtt_server.md"),
    examples: include_str!("mqtt_server.examples.json"),
    inputs: 0,
    outputs: Outputs::Fixed(0),
    role: Role::Resource,
    fields: &[
        Field::text("host", "Listen on", "An address of this board: 127.0.0.1 for programs on the board itself, 0.0.0.0 for all of its networks.")
            .default("\"127.0.0.1\""),
        Field::integer("port", "Port", "For MQTT over TCP, usually 1883, and 8883 with TLS; 0 for none.")
            .default("1883")
            .range(0.0, 65_535.0),
        Field::integer("wsPort", "WebSocket port", "For MQTT over WebSocket, as browsers speak it; empty or 0 for none.")
            .range(0.0, 65_535.0),
        Field::new("tls", FieldKind::Resource("tls-config"), "TLS settings", "Its certificate and key. None: connections are not encrypted."),
        Field::bool("clientCertificates", "Ask for client certificates", "Whether only clients are let in whose certificate is signed by the CA of the TLS settings.")
            .default("false"),
        Field::choice(
            "anonymous",
            &[("auto", "On this board only, and while there are no users"), ("true", "Yes"), ("false", "No")],
            "Without a name",
            "Whether clients may come without a user name.",
        )
        .default("\"auto\""),
        Field::new("users", FieldKind::Json, "Users", "An object with a password for each user: {\"NAME\": \"PASSWORD\"}.").secret(),
        Field::list(
            "acl",
            &[
                Field::text("user", "User", "Whom the rule is for; empty for everybody."),
                Field::choice(
                    "access",
                    &[("readwrite", "Read and write"), ("read", "Read"), ("write", "Write")],
                    "Access",
                    "To subscribe is to read, to publish is to write.",
                )
                .default("\"readwrite\""),
                Field::text("topic", "Topic", "A topic filter. %u stands for the name of the user, %c for the client id."),
            ],
            "Rules",
            "What clients may read and write. Without rules everything; with rules what one of them allows.",
        ),
        Field::integer("maxConnections", "Connections", "How many clients may be connected.").default("200").range(1.0, 10_000.0),
        Field::integer("maxPacket", "Largest packet (bytes)", "A client that sends a larger one is disconnected.")
            .default("1048576")
            .range(1024.0, 67_108_864.0),
        Field::integer("maxSessions", "Sessions", "How many clients may have their session kept while they are away.").default("500").range(0.0, 3_000.0),
        Field::integer("sessionExpiry", "Session expiry (seconds)", "How long a session is kept at most while its client is away; time in which the gateway runs.")
            .default("604800")
            .range(0.0, 315_360_000.0),
        Field::integer("maxQueued", "Queue (messages)", "How many messages wait at most for a client whose session is kept. Beyond it they are not taken, and their senders are not acknowledged.")
            .default("100000")
            .range(1.0, 1e9),
        Field::integer("maxQueuedBytes", "Queue (bytes)", "How many bytes wait at most for such a client.").default("67108864").range(1024.0, 1e12),
        Field::integer("maxRetained", "Retained messages", "How many topics keep their last message. Beyond it messages are delivered and not kept.")
            .default("10000")
            .range(0.0, 1_000_000.0),
    ],
};

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    let settings = config.read::<Raw>()?.settings()?;
    let insecure = config.settings.other.get("insecure_listen") == Some(&Value::Bool(true));
    let server = MqttServer::new(format!("mqtt/{}", config.id), settings, insecure);
    Ok(Built::resource(server).standing_alone())
}

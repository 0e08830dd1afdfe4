//! amqp-broker: a connection to a broker, shared by all nodes that name it.

use serde::Deserialize;

use super::address::Address;
use super::broker::{Broker, Settings};
use crate::descriptor::{Category, Descriptor, Field, FieldKind, Outputs, Role};
use crate::error::NodeError;
use crate::node::{Built, NodeConfig, NodeType};
use crate::read;

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "amqp-broker",
    category: Category::Config,
    summary: "A connection to an AMQP broker such as RabbitMQ, shared by all nodes that name it.",
    help: include_str!("amqp_broker.md"),
    examples: include_str!("amqp_broker.examples.json"),
    inputs: 0,
    outputs: Outputs::Fixed(0),
    role: Role::Resource,
    fields: &[
        Field::text(
            "host",
            "Server",
            "A host name or address, or a URL: amqp:// or amqps://host:port/vhost.",
        )
        .default("\"localhost\""),
        Field::integer(
            "port",
            "Port",
            "Usually 5672, and 5671 with TLS. Not used where the server is a URL.",
        )
        .range(0.0, 65_535.0),
        Field::text("vhost", "Virtual host", "The part of the broker that it works in.").default("\"/\""),
        Field::bool("usetls", "Use TLS", "Whether the connection is encrypted.").default("false"),
        Field::new(
            "tls",
            FieldKind::Resource("tls-config"),
            "TLS settings",
            "Certificates and whom to trust. None: what the system trusts, and no client certificate.",
        )
        .visible_if("usetls", &["true"]),
        Field::text("user", "User", "Empty: guest, whom RabbitMQ lets in from the same machine only.")
            .secret(),
        Field::text("password", "Password", "The user's password.").secret(),
        Field::integer(
            "heartbeat",
            "Heartbeat (seconds)",
            "A broker that is silent for twice as long is taken for gone; 0 leaves it to the broker.",
        )
        .default("30")
        .range(0.0, 3_600.0),
        Field::text(
            "connectionName",
            "Connection name",
            "What the broker shows for it. Empty: the name of this node.",
        ),
    ],
};

#[derive(Deserialize)]
struct Config {
    #[serde(default, deserialize_with = "read::text")]
    host: String,
    #[serde(default, deserialize_with = "read::maybe_number")]
    port: Option<f64>,
    #[serde(default, deserialize_with = "read::text")]
    vhost: String,
    #[serde(default, deserialize_with = "read::boolean")]
    usetls: bool,
    #[serde(default, deserialize_with = "read::text")]
    tls: String,
    #[serde(default, deserialize_with = "read::maybe_number")]
    heartbeat: Option<f64>,
    #[serde(default, rename = "connectionName", deserialize_with = "read::text")]
    connection_name: String,
    #[serde(default)]
    credentials: Credentials,
}

#[derive(Default, Deserialize)]
struct Credentials {
    #[serde(default, deserialize_with = "read::text")]
    user: String,
    #[serde(default, deserialize_with = "read::text")]
    password: String,
}

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    let name = if config.name.is_empty() { "tidegate" } else { config.name.as_str() };
    make(config.read()?, name).map(Built::resource)
}

fn make(config: Config, name: &str) -> Result<Broker, NodeError> {
    let address = Address::parse(&config.host, config.port, config.usetls, &config.vhost)?;
    let heartbeat = config.heartbeat.unwrap_or(30.0);
    if !(0.0..=3_600.0).contains(&heartbeat) || heartbeat.fract() != 0.0 {
        return Err(NodeError::config("/heartbeat", "expected whole seconds from 0 to 3600"));
    }
    let Credentials { user, password } = config.credentials;
    // What RabbitMQ has after its installation, and takes on the loopback only.
    let (user, password) =
        if user.is_empty() { ("guest".to_string(), "guest".to_string()) } else { (user, password) };
    let said = config.connection_name;
    Ok(Broker::new(Settings {
        tls: Some(config.tls).filter(|tls| address.is_tls && !tls.is_empty()),
        address,
        user,
        password,
        heartbeat: heartbeat as u16,
        name: if said.is_empty() { name.to_string() } else { said },
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_are_checked_where_they_are_wrong() {
        let of = |json| make(serde_json::from_value(json).unwrap(), "n");
        assert!(of(json!({"host": "h", "port": "5672", "heartbeat": "10"})).is_ok());
        for (json, place) in [
            (json!({"host": "http://h"}), "/host"),
            (json!({"port": -1}), "/port"),
            (json!({"heartbeat": 9999}), "/heartbeat"),
            (json!({"vhost": "v".repeat(300)}), "/vhost"),
        ] {
            match of(json) {
                Err(NodeError::Config { pointer, .. }) => assert_eq!(pointer, place),
                other => panic!("{place}: {:?}", other.map(|_| ())),
            }
        }
    }
}

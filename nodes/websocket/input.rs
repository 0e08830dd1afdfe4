//! websocket in: what comes over WebSocket connections.

use std::future::pending;
use std::sync::Arc;

use serde::Deserialize;

use super::hub::{Hub, User, session};
use crate::connector::{Connector, ConnectorHost, Incoming};
use crate::descriptor::{Category, Descriptor, Field, FieldKind, Outputs, Role};
use crate::error::NodeError;
use crate::host::Level;
use crate::network::peer::{EVENTS, What};
use crate::node::{Built, NodeConfig, NodeType};
use crate::read;
use crate::value::{Object, Value};

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

pub const SERVER: Field = Field::new(
    "server",
    FieldKind::Resource("websocket-listener"),
    "Listener",
    "The path that others connect to. Either this or a client.",
);
pub const CLIENT: Field = Field::new(
    "client",
    FieldKind::Resource("websocket-client"),
    "Client",
    "The connection to a server. Either this or a listener.",
);

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "websocket in",
    category: Category::Network,
    summary: "Hands on what comes over WebSocket connections.",
    help: include_str!("websocket_in.md"),
    examples: include_str!("websocket_in.examples.json"),
    inputs: 0,
    outputs: Outputs::Fixed(1),
    role: Role::Connector,
    fields: &[SERVER, CLIENT],
};

/// Which listener or client a node is of.
#[derive(Deserialize)]
pub struct Of {
    #[serde(default, deserialize_with = "read::text")]
    pub server: String,
    #[serde(default, deserialize_with = "read::text")]
    pub client: String,
}

impl Of {
    pub fn read(config: &NodeConfig) -> Result<Of, NodeError> {
        let of: Of = config.read()?;
        if of.server.is_empty() && of.client.is_empty() {
            return Err(NodeError::config("/server", "a listener or a client is missing"));
        }
        Ok(of)
    }
}

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    Ok(Built::connector(WebSocketIn { of: Of::read(config)?, open: None }))
}

struct WebSocketIn {
    of: Of,
    open: Option<(Arc<Hub>, User, Arc<dyn ConnectorHost>)>,
}

impl Connector for WebSocketIn {
    async fn open(&mut self, host: Arc<dyn ConnectorHost>) -> Result<(), NodeError> {
        let hub = Hub::find(&*host, &self.of.server, &self.of.client)?;
        let user = hub.join(true);
        host.status(hub.status());
        self.open = Some((hub, user, host));
        Ok(())
    }

    async fn next(&mut self) -> Result<Vec<Incoming>, NodeError> {
        let Some((hub, user, host)) = &mut self.open else { return pending().await };
        let mut came = Vec::new();
        // Takes nothing when it is dropped, and there is no other wait behind it.
        if user.events.recv_many(&mut came, EVENTS).await == 0 {
            return Err(NodeError::disconnected("the connection has ended"));
        }
        let mut incoming = Vec::new();
        for event in came {
            if let What::Data(payload) = event.what {
                let mut value = message(payload, hub.whole);
                value.insert("_session", session(&event.id));
                incoming.push(Incoming { value, ..Incoming::default() });
                continue;
            }
            if let What::Refused(why) = &event.what {
                host.log(Level::Warn, &format!("a connection was cut: {why}"));
            }
            host.status(hub.status_of(&event));
        }
        Ok(incoming)
    }

    async fn close(&mut self) {
        self.open = None;
    }
}

/// A whole message is a JSON object; everything else is a payload.
fn message(payload: Value, whole: bool) -> Object {
    if whole {
        let bytes = match &payload {
            Value::Str(text) => text.as_bytes(),
            Value::Bytes(bytes) => bytes,
            _ => &[],
        };
        match Value::from_json(bytes).map(Value::revive_buffer) {
            Ok(Value::Object(message)) => return message,
            Ok(other) => return [("payload", other)].into_iter().collect(),
            // As Node-RED: what is no JSON is a payload as it stands.
            Err(_) => {}
        }
    }
    [("payload", payload)].into_iter().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::lines::testkit::json_of;

    #[test]
    fn a_whole_message_is_read_and_everything_else_is_a_payload() {
        for (text, whole, expected) in [
            (r#"{"payload":1,"topic":"t"}"#, true, json!({"payload": 1, "topic": "t"})),
            ("[1,2]", true, json!({"payload": [1, 2]})),
            ("5", true, json!({"payload": 5})),
            ("null", true, json!({"payload": null})),
            ("hello", true, json!({"payload": "hello"})),
            (r#"{"payload":1}"#, false, json!({"payload": "{\"payload\":1}"})),
        ] {
            assert_eq!(json_of(&message(Value::str(text), whole)), expected, "{text}");
        }
    }
}

//! websocket out: sends over WebSocket connections: to the one that a message came from, or to all.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::hub::{Hub, User, session_of};
use super::input::{CLIENT, Of, SERVER};
use crate::connector::{Connector, ConnectorHost, Delivery, Incoming};
use crate::descriptor::{Category, Descriptor, Outputs, Role};
use crate::error::NodeError;
use crate::host::Level;
use crate::network::outgoing::{Left, Outgoing, Receipt, at};
use crate::node::{Built, NodeConfig, NodeType};
use crate::outbox;
use crate::value::{Object, Value};

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

/// Messages in hand. More are not taken.
const WINDOW: usize = 1000;

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "websocket out",
    category: Category::Network,
    summary: "Sends messages over WebSocket connections.",
    help: include_str!("websocket_out.md"),
    examples: include_str!("websocket_out.examples.json"),
    inputs: 1,
    outputs: Outputs::Fixed(0),
    role: Role::Connector,
    fields: &[SERVER, CLIENT, outbox::LOCAL],
};

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    let of = Of::read(config)?;
    Ok(Built::connector(WebSocketOut {
        of,
        open: None,
        kept: BTreeMap::new(),
        next: 0,
        left: mpsc::unbounded_channel(),
        full_until: None,
    }))
}

struct WebSocketOut {
    of: Of,
    open: Option<(Arc<Hub>, User, Arc<dyn ConnectorHost>)>,
    kept: BTreeMap<u64, Kept>,
    next: u64,
    /// Holds one for each message in hand and connection.
    left: (mpsc::UnboundedSender<Left>, mpsc::UnboundedReceiver<Left>),
    /// Until when a peer may hold the others up.
    full_until: Option<Instant>,
}

struct Kept {
    delivery: Delivery,
    waiting: usize,
    /// It has to arrive at the one that it goes to.
    is_single: bool,
}

impl Connector for WebSocketOut {
    async fn open(&mut self, host: Arc<dyn ConnectorHost>) -> Result<(), NodeError> {
        let hub = Hub::find(&*host, &self.of.server, &self.of.client)?;
        let user = hub.join(false);
        host.status(hub.status());
        self.open = Some((hub, user, host));
        Ok(())
    }

    /// Hears what has left, and of connections that come and go.
    async fn next(&mut self) -> Result<Vec<Incoming>, NodeError> {
        let Some((hub, user, host)) = &mut self.open else { return std::future::pending().await };
        // Each wait can be dropped at any time.
        tokio::select! {
            Some(left) = self.left.1.recv() => {
                self.settle(&left);
                self.settle_all();
            }
            event = user.events.recv() => match event {
                Some(event) => host.status(hub.status_of(&event)),
                None => return Err(NodeError::disconnected("the connection has ended")),
            },
            () = at(self.full_until) => self.full_until = None,
        }
        Ok(Vec::new())
    }

    async fn handle(&mut self, batch: &mut Vec<Delivery>) -> Result<(), NodeError> {
        self.settle_all();
        self.full_until = None;
        let mut offered = std::mem::take(batch).into_iter();
        while self.kept.len() < WINDOW
            && let Some(delivery) = offered.next()
        {
            if let Some(delivery) = self.send(delivery) {
                batch.push(delivery);
                break;
            }
        }
        batch.extend(offered);
        Ok(())
    }

    fn take_unconfirmed(&mut self) -> Vec<Delivery> {
        self.settle_all();
        std::mem::take(&mut self.kept).into_values().map(|kept| kept.delivery).collect()
    }

    async fn close(&mut self) {
        self.open = None;
    }
}

impl WebSocketOut {
    /// Gives it back when there is no room for it.
    fn send(&mut self, delivery: Delivery) -> Option<Delivery> {
        let Some((hub, ..)) = &self.open else { return Some(delivery) };
        let message = &delivery.message().value;
        let Some((bytes, is_text)) = payload(message, hub.whole) else {
            delivery.confirm();
            return None;
        };
        // A client has one connection only, and everything goes there.
        let session = session_of(message).filter(|_| hub.is_server);
        let targets = match session {
            None => hub.sessions.all(),
            Some(id) => match hub.sessions.find(id) {
                Some(found) => vec![found],
                None => {
                    let text = format!("the connection {id} that it came from is closed");
                    delivery.fail(NodeError::rejected(text));
                    return None;
                }
            },
        };
        let is_single = session.is_some() || !hub.is_server;
        if targets.is_empty() {
            if is_single {
                // The connection has just been lost: it is sent when it stands again.
                return Some(delivery);
            }
            delivery.confirm();
            return None;
        }
        if self.has_to_wait(&targets) {
            return Some(delivery);
        }
        let number = self.next;
        self.next += 1;
        for target in &targets {
            let receipt = Receipt::new(number, self.left.0.clone());
            match is_text {
                true => target.push_text(bytes.clone(), receipt),
                false => target.push(bytes.clone(), receipt),
            };
        }
        self.kept.insert(number, Kept { delivery, waiting: targets.len(), is_single });
        None
    }

    /// Whether one of them has no room. One that has had none for long is cut off, so that others need not wait.
    fn has_to_wait(&mut self, targets: &[Arc<Outgoing>]) -> bool {
        let now = Instant::now();
        for target in targets {
            match target.full_until() {
                Some(until) if until <= now => {
                    target.kill();
                    if let Some((.., host)) = &self.open {
                        host.log(Level::Warn, "a connection was closed: the other side does not read");
                    }
                }
                Some(until) => {
                    self.full_until = Some(until);
                    return true;
                }
                None => {}
            }
        }
        false
    }

    fn settle_all(&mut self) {
        while let Ok(left) = self.left.1.try_recv() {
            self.settle(&left);
        }
    }

    fn settle(&mut self, left: &Left) {
        let Some(kept) = self.kept.get_mut(&left.number) else { return };
        kept.waiting -= 1;
        let is_server = self.open.as_ref().is_some_and(|(hub, ..)| hub.is_server);
        if kept.is_single && !left.all && !is_server {
            // It stays in hand, and is given back when the connection is opened again.
            kept.waiting += 1;
            return;
        }
        if kept.waiting > 0 {
            return;
        }
        let Some(kept) = self.kept.remove(&left.number) else { return };
        if kept.is_single && !left.all {
            kept.delivery.fail(NodeError::rejected("the connection was closed before all was sent"));
        } else {
            kept.delivery.confirm();
        }
    }
}

/// What is sent, and whether it is a text; nothing where there is nothing.
fn payload(message: &Object, whole: bool) -> Option<(Arc<[u8]>, bool)> {
    if whole {
        let mut message = message.clone();
        message.remove("_session");
        return Some((Value::Object(message).to_json().into_bytes().into(), true));
    }
    let (bytes, is_text) = match message.get("payload")? {
        Value::Bytes(bytes) => (bytes.clone(), false),
        list @ (Value::Object(_) | Value::Array(_)) => (list.to_json().into_bytes().into(), true),
        other => (other.to_text().as_bytes().into(), true),
    };
    (!bytes.is_empty() || !is_text).then_some((bytes, is_text))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::lines::testkit::object;

    #[test]
    fn what_is_sent_is_a_text_a_buffer_or_the_whole_message() {
        let sent = |json: serde_json::Value, whole| {
            payload(&object(&json), whole)
                .map(|(bytes, is_text)| (String::from_utf8(bytes.to_vec()).unwrap(), is_text))
        };
        let text = |text: &str| Some((text.to_string(), true));
        assert_eq!(sent(json!({"payload": "x"}), false), text("x"));
        assert_eq!(sent(json!({"payload": {"a": 1}}), false), text("{\"a\":1}"));
        assert_eq!(sent(json!({"payload": 21.5}), false), text("21.5"));
        assert_eq!(
            sent(json!({"payload": {"type": "Buffer", "data": [104]}}), false),
            Some(("h".to_string(), false))
        );
        assert_eq!(sent(json!({"payload": ""}), false), None);
        assert_eq!(sent(json!({"topic": "t"}), false), None);
        assert_eq!(sent(json!({"topic": "t", "_session": {"id": "1"}}), true), text("{\"topic\":\"t\"}"));
    }
}

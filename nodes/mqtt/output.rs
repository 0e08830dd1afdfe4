//! mqtt out: publishes, and keeps each message until the broker has confirmed it.

use std::collections::{BTreeMap, VecDeque};
use std::future::pending;
use std::sync::Arc;

use super::action;
use super::mailbox::Event;
use super::output_form::{DESCRIPTOR, Form};
use super::packet::Qos;
use super::session_out::Publishing;
use super::user::{User, broker_of, find_broker};
use crate::connector::{Connector, ConnectorHost, Delivery, Incoming};
use crate::error::NodeError;
use crate::host::{Level, Status};
use crate::node::{Built, NodeConfig, NodeType};
use crate::value::Value;

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    let form = Form::read(config)?;
    let (kept, next) = (BTreeMap::new(), 0);
    let node = MqttOut { form, user: None, host: None, kept, next, shows_trouble: false };
    Ok(Built::connector(node).commanded_by(|msg| msg.get("action").is_some_and(Value::truthy)))
}

struct MqttOut {
    form: Form,
    user: Option<User>,
    host: Option<Arc<dyn ConnectorHost>>,
    /// Handed to the broker and not confirmed, in the order in which they came.
    kept: BTreeMap<u64, Delivery>,
    next: u64,
    /// The badge says that a message was refused.
    shows_trouble: bool,
}

impl Connector for MqttOut {
    async fn open(&mut self, host: Arc<dyn ConnectorHost>) -> Result<(), NodeError> {
        let lent = find_broker(&*host, &self.form.broker)?;
        if !self.user.as_ref().is_some_and(|user| user.is_of(&lent)) {
            self.leave();
            self.user = Some(User::join(lent)?);
        }
        host.status(Status::new("green", "dot", "connected"));
        (self.host, self.shows_trouble) = (Some(host), false);
        Ok(())
    }

    /// Hears what was confirmed, and that there is room.
    async fn next(&mut self) -> Result<Vec<Incoming>, NodeError> {
        let Some(user) = &self.user else { return pending().await };
        let events = user.mailbox.take().await;
        events.into_iter().for_each(|event| self.take(event));
        Ok(Vec::new())
    }

    async fn handle(&mut self, batch: &mut Vec<Delivery>) -> Result<(), NodeError> {
        let Some(user) = &self.user else { return Ok(()) };
        let broker = user.broker();
        let is_v5 = broker.is_v5();
        let mut refused = Vec::new();
        let mut offered = std::mem::take(batch).into_iter();
        // It ends when nothing is left, or when the connection has no room and will say when it has: never in between.
        while batch.is_empty() && offered.len() > 0 {
            let mut ready = VecDeque::new();
            let mut room = broker.room();
            // Made before the connection is held up with them, and not more than there may be room for.
            while room > 0
                && let Some(delivery) = offered.next()
            {
                let name = self.form.names(is_v5).then(|| delivery.name()).flatten();
                match self.form.packet(&delivery.message().value, is_v5, name.as_deref()) {
                    Ok(Some(packet)) => {
                        room -= usize::from(packet.qos != Qos::AtMostOnce);
                        ready.push_back((delivery, packet));
                    }
                    // Without a payload there is nothing to publish, as in Node-RED.
                    Ok(None) => delivery.confirm(),
                    Err(error) => refused.push((delivery, error)),
                }
            }
            broker.publish(user.number, |publish| {
                while let Some((delivery, packet)) = ready.pop_front() {
                    match publish(self.next, packet) {
                        Publishing::Taken => {
                            self.kept.insert(self.next, delivery);
                            self.next += 1;
                        }
                        Publishing::Refused(error) => refused.push((delivery, error)),
                        Publishing::NoRoom => {
                            batch.push(delivery);
                            break;
                        }
                    }
                }
            });
            batch.extend(ready.into_iter().map(|(delivery, _)| delivery));
        }
        batch.extend(offered);
        for (delivery, error) in refused {
            self.refuse(delivery, error);
        }
        Ok(())
    }

    async fn command(&mut self, command: Delivery, host: Arc<dyn ConnectorHost>) -> Result<(), NodeError> {
        let done = find_broker(&*host, &self.form.broker)
            .and_then(|lent| Ok(action::switch(broker_of(&lent)?, &command.message().value)));
        match done.unwrap_or_else(|error| Some(Err(error))) {
            Some(Ok(())) => command.confirm(),
            Some(Err(error)) => command.fail(error),
            None => command.fail(NodeError::rejected("unknown action: use connect or disconnect")),
        }
        Ok(())
    }

    fn take_unconfirmed(&mut self) -> Vec<Delivery> {
        // What was confirmed before the connection went is not sent again.
        let events = self.user.as_ref().map(|user| user.mailbox.take_now()).unwrap_or_default();
        events.into_iter().for_each(|event| self.take(event));
        std::mem::take(&mut self.kept).into_values().collect()
    }

    async fn close(&mut self) {
        if self.user.as_ref().is_some_and(|user| user.broker().is_connected()) {
            self.leave();
        }
    }
}

impl MqttOut {
    fn take(&mut self, event: Event) {
        let Event::Sent { number, verdict } = event else { return };
        let Some(delivery) = self.kept.remove(&number) else { return };
        if verdict.is_refusal() {
            let text = format!("the broker refuses the message: {verdict}");
            return self.refuse(delivery, NodeError::rejected(text));
        }
        delivery.confirm();
        if std::mem::take(&mut self.shows_trouble)
            && let Some(host) = &self.host
        {
            host.status(Status::new("green", "dot", "connected"));
        }
    }

    fn refuse(&mut self, delivery: Delivery, error: NodeError) {
        if let Some(host) = &self.host {
            host.log(Level::Warn, error.message());
            let mut status = Status::new("red", "dot", "message refused");
            status.other.insert("reason", error.message());
            host.status(status);
            self.shows_trouble = true;
        }
        delivery.fail(error);
    }

    fn leave(&mut self) {
        if let Some(user) = self.user.take() {
            user.leave(Vec::new());
        }
    }
}

impl Drop for MqttOut {
    fn drop(&mut self) {
        self.leave();
    }
}

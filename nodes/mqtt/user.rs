//! A node's place at the shared connection.

use std::sync::Arc;

use super::broker::Broker;
use super::mailbox::Mailbox;
use super::packet::Publish;
use crate::connector::{ConnectorHost, DynResource};
use crate::error::NodeError;

pub struct User {
    pub lent: Arc<dyn DynResource>,
    pub mailbox: Arc<Mailbox>,
    pub number: u64,
    /// Whether the broker is on the same machine, as Node-RED sees it.
    pub is_local: bool,
}

/// The resource of a broker.
pub fn find_broker(host: &dyn ConnectorHost, id: &str) -> Result<Arc<dyn DynResource>, NodeError> {
    let lent = host.resource(id).ok_or_else(|| {
        NodeError::config("/broker", format!("the broker {id} is not there, or its settings are wrong"))
    })?;
    broker_of(&lent)?;
    Ok(lent)
}

pub fn broker_of(lent: &Arc<dyn DynResource>) -> Result<&Broker, NodeError> {
    let broker = lent.as_any().downcast_ref();
    broker.ok_or_else(|| NodeError::config("/broker", "it is no mqtt-broker"))
}

impl User {
    pub fn join(lent: Arc<dyn DynResource>) -> Result<User, NodeError> {
        let mailbox = Arc::<Mailbox>::default();
        let broker = broker_of(&lent)?;
        let (number, is_local) = (broker.join(mailbox.clone()), broker.is_local());
        Ok(User { lent, mailbox, number, is_local })
    }

    pub fn broker(&self) -> &Broker {
        self.lent.as_any().downcast_ref().expect("`join` has looked, and what is lent does not change")
    }

    pub fn is_of(&self, lent: &Arc<dyn DynResource>) -> bool {
        Arc::ptr_eq(&self.lent, lent)
    }

    pub fn leave(self, unsettled: Vec<(u64, Publish)>) {
        self.broker().leave(self.number, unsettled);
    }
}

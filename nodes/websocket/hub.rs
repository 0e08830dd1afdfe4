//! What the nodes of one listener or client share: its connections, and who hears of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

use super::client::Client;
use super::listener::Listener;
use crate::connector::{ConnectorHost, DynResource};
use crate::error::NodeError;
use crate::host::Status;
use crate::network::peer::{Event, Events, What};
use crate::network::sessions::Sessions;
use crate::value::{Object, Str, Value};

pub struct Hub {
    /// Whether a payload on the wire is a whole message, as JSON.
    pub whole: bool,
    /// Whether others connect to us.
    pub is_server: bool,
    pub sessions: Arc<Sessions>,
    users: Mutex<Users>,
}

#[derive(Default)]
struct Users {
    next: u64,
    all: BTreeMap<u64, (Events, bool)>,
}

impl Hub {
    pub fn new(whole: bool, is_server: bool) -> Arc<Hub> {
        Arc::new(Hub { whole, is_server, sessions: Arc::default(), users: Mutex::default() })
    }

    /// The hub of the listener or client that a node names.
    pub fn find(host: &dyn ConnectorHost, server: &str, client: &str) -> Result<Arc<Hub>, NodeError> {
        let (id, pointer) = if server.is_empty() { (client, "/client") } else { (server, "/server") };
        let found = host.resource(id).and_then(|lent| Hub::of(&*lent));
        found.ok_or_else(|| NodeError::config(pointer, "its listener or client is not there, or it is wrong"))
    }

    fn of(lent: &dyn DynResource) -> Option<Arc<Hub>> {
        let any = lent.as_any();
        let listener = any.downcast_ref::<Listener>().map(|listener| listener.hub.clone());
        listener.or_else(|| any.downcast_ref::<Client>().map(|client| client.hub.clone()))
    }

    /// One more node. `reads`: it wants what comes in, and not only to know of connections.
    pub fn join(self: &Arc<Hub>, reads: bool) -> User {
        let (events, receiver) = Events::channel();
        let mut users = self.lock();
        users.next += 1;
        let number = users.next;
        users.all.insert(number, (events, reads));
        User { hub: self.clone(), number, events: receiver }
    }

    /// Tells the nodes. Waits for those that are busy, so that the peer feels it.
    pub async fn tell(&self, id: &Str, what: Told) {
        let users: Vec<(Events, bool)> = self.lock().all.values().cloned().collect();
        for (events, reads) in users {
            let what = match &what {
                Told::Data(value) if reads => What::Data(value.clone()),
                Told::Data(_) => continue,
                Told::Opened => What::Opened,
                Told::Gone => What::Gone,
                Told::Failed(why) => What::Refused(why.clone()),
            };
            // Who is gone need not know.
            events.tell(id, None, what).await;
        }
    }

    /// How it stands, as Node-RED shows it.
    pub fn status(&self) -> Status {
        match (self.sessions.all().len(), self.is_server) {
            (0, true) => Status::clear(),
            (0, false) => Status::new("red", "ring", "disconnected"),
            (open, true) => Status::new("green", "dot", format!("connected {open}")),
            (_, false) => Status::new("green", "dot", "connected"),
        }
    }

    /// The badge of an event. The last one that goes leaves a listener disconnected.
    pub fn status_of(&self, event: &Event) -> Status {
        let mut status = match &event.what {
            What::Refused(_) => Status::new("red", "ring", "error"),
            What::Gone if self.sessions.all().is_empty() => Status::new("red", "ring", "disconnected"),
            _ => self.status(),
        };
        status.other.insert("event", if event.what == What::Opened { "connect" } else { "disconnect" });
        status.other.insert("_session", session(&event.id));
        status
    }

    fn lock(&self) -> MutexGuard<'_, Users> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is to be told.
pub enum Told {
    Opened,
    Data(Value),
    Failed(String),
    Gone,
}

/// A node at a hub.
pub struct User {
    hub: Arc<Hub>,
    number: u64,
    pub events: mpsc::Receiver<Event>,
}

impl Drop for User {
    fn drop(&mut self) {
        self.hub.lock().all.remove(&self.number);
    }
}

/// `msg._session`, as Node-RED writes it.
pub fn session(id: &Str) -> Value {
    let mut session = Object::new();
    session.insert("type", "websocket");
    session.insert("id", id.clone());
    Value::Object(session)
}

/// The id of the connection that a message came from.
pub fn session_of(message: &Object) -> Option<&str> {
    let session = message.get("_session")?;
    let is_ours = session.get("type").and_then(Value::as_str) == Some("websocket");
    session.get("id").and_then(Value::as_str).filter(|_| is_ours)
}

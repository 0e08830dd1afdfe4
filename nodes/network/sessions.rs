//! The connections of all `tcp in` nodes: where a `tcp out` that replies finds the one that a message came from.

use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use super::outgoing::Outgoing;
use crate::value::{Object, Str, Value};

#[derive(Default)]
pub struct Sessions {
    open: Mutex<BTreeMap<Str, Arc<Outgoing>>>,
    /// Ids of connections cannot be guessed from one another.
    ids: RandomState,
    made: Mutex<u64>,
}

impl Sessions {
    /// Those of this gateway.
    pub fn shared() -> Arc<Sessions> {
        static ALL: LazyLock<Arc<Sessions>> = LazyLock::new(Arc::default);
        ALL.clone()
    }

    pub fn new_id(&self) -> Str {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        *made += 1;
        Str::from(format!("{:016x}", self.ids.hash_one(*made)))
    }

    /// Here as long as the entry that is given back.
    pub fn enter(self: &Arc<Sessions>, id: &Str, outgoing: Arc<Outgoing>) -> Entry {
        self.lock().insert(id.clone(), outgoing);
        Entry { sessions: self.clone(), id: id.clone() }
    }

    pub fn find(&self, id: &str) -> Option<Arc<Outgoing>> {
        self.lock().get(id).cloned()
    }

    pub fn all(&self) -> Vec<Arc<Outgoing>> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Str, Arc<Outgoing>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub struct Entry {
    sessions: Arc<Sessions>,
    id: Str,
}

impl Drop for Entry {
    fn drop(&mut self) {
        let gone = self.sessions.lock().remove(&self.id);
        // What waits there is told that it does not leave: outside of the lock.
        if let Some(outgoing) = gone {
            outgoing.close();
        }
    }
}

/// `msg._session`, as Node-RED writes it.
pub fn session(id: &Str) -> Value {
    let mut session = Object::new();
    session.insert("type", "tcp");
    session.insert("id", id.clone());
    Value::Object(session)
}

/// The id of the TCP connection that a message came from.
pub fn session_of(message: &Object) -> Option<&str> {
    let session = message.get("_session")?;
    let is_tcp = session.get("type").and_then(Value::as_str) == Some("tcp");
    session.get("id").and_then(Value::as_str).filter(|_| is_tcp)
}

//! Who is on the live socket just now, and which flow they look at.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use tokio::sync::watch;
use utoipa::ToSchema;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = LivePerson)]
pub struct Person {
    /// Of this connection: somebody with two windows is here twice.
    pub id: String,
    pub name: String,
    /// The flow that they look at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// When they came, by the gateway's clock.
    pub since_ms: i64,
}

pub type People = Arc<Vec<Person>>;

#[derive(Default)]
pub struct Presence {
    people: watch::Sender<People>,
    came: AtomicU64,
}

impl Presence {
    /// Somebody is here, until what is given is dropped.
    pub fn enter(self: &Arc<Presence>, name: &str, since_ms: i64) -> Present {
        let id = (self.came.fetch_add(1, Ordering::Relaxed) + 1).to_string();
        let person = Person { id: id.clone(), name: name.to_string(), at: None, since_ms };
        self.people.send_modify(|people| Arc::make_mut(people).push(person));
        Present { presence: self.clone(), id }
    }

    pub fn changes(&self) -> watch::Receiver<People> {
        self.people.subscribe()
    }
}

pub struct Present {
    presence: Arc<Presence>,
    pub id: String,
}

impl Present {
    pub fn look_at(&self, at: Option<&str>) {
        self.presence.people.send_if_modified(|people| {
            let Some(n) = people.iter().position(|person| person.id == self.id) else { return false };
            let changes = people[n].at.as_deref() != at;
            if changes {
                Arc::make_mut(people)[n].at = at.map(ToString::to_string);
            }
            changes
        });
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        self.presence
            .people
            .send_modify(|people| Arc::make_mut(people).retain(|person| person.id != self.id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_looks_and_goes_is_seen_by_the_others() {
        let presence = Arc::new(Presence::default());
        let ada = presence.enter("ada", 1_000);
        let mut changes = presence.changes();
        let bob = presence.enter("bob", 2_000);
        assert!(changes.has_changed().unwrap());
        assert_eq!(changes.borrow_and_update().len(), 2);
        bob.look_at(Some("t1"));
        assert_eq!(changes.borrow_and_update()[1].at.as_deref(), Some("t1"));
        bob.look_at(Some("t1"));
        assert!(!changes.has_changed().unwrap(), "nothing has changed");
        assert_ne!(ada.id, bob.id);
        drop(ada);
        let left: Vec<String> =
            changes.borrow_and_update().iter().map(|person| person.name.clone()).collect();
        assert_eq!(left, ["bob"]);
    }
}

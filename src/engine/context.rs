//! Context: values that flows keep. In memory, one lock a store; stores on disk come with the store.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use tidegate_nodes::error::NodeError;
use tidegate_nodes::path::ContextKey;
use tidegate_nodes::value::{Object, Str, Value};

/// Whose context it is: `global`, a tab's or subflow instance's id, or `node:flow`.
pub type Owner = Str;

pub struct Contexts {
    default: Str,
    stores: BTreeMap<Str, Mutex<HashMap<Owner, Object>>>,
}

impl Contexts {
    /// Stores by these names; the first is the default.
    pub fn new<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Contexts {
        let mut names = names.into_iter().map(|name| Str::new(name.as_ref())).peekable();
        let default = names.peek().cloned().unwrap_or_else(|| Str::new_static("memory"));
        let mut stores: BTreeMap<Str, _> = names.map(|name| (name, Mutex::default())).collect();
        stores.entry(default.clone()).or_default();
        Contexts { default, stores }
    }

    pub fn store_names(&self) -> impl Iterator<Item = &Str> {
        self.stores.keys()
    }

    /// Reads or changes all that one owner has in a store. A store that does not exist is the default one, as in Node-RED.
    pub fn with<R>(&self, store: Option<&str>, owner: &str, act: impl FnOnce(&mut Object) -> R) -> R {
        let store = store.and_then(|name| self.stores.get(name)).or_else(|| self.stores.get(&self.default));
        let store = store.expect("the default store is made in new");
        // A panic under the lock leaves a whole object: changes are one assignment.
        let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
        match store.get_mut(owner) {
            Some(object) => act(object),
            None => act(store.entry(Str::new(owner)).or_default()),
        }
    }

    pub fn get(&self, owner: &str, key: &ContextKey, msg: &Object) -> Result<Option<Value>, NodeError> {
        // A missing parent is nothing, not an error: a context starts empty.
        self.with(key.store.as_deref(), owner, |object| Ok(key.path.find(object, msg)))
    }

    pub fn set(
        &self,
        owner: &str,
        key: &ContextKey,
        msg: &Object,
        value: Option<Value>,
    ) -> Result<(), NodeError> {
        self.with(key.store.as_deref(), owner, |object| match value {
            Some(value) => match key.path.set(object, msg, value, true)? {
                true => Ok(()),
                false => Err(NodeError::rejected(format!(
                    "cannot set {}: what it stands in is no object",
                    key.path.text()
                ))),
            },
            None => key.path.delete(object, msg).map(|_| ()),
        })
    }

    pub fn keys(&self, owner: &str, store: Option<&str>) -> Vec<Str> {
        self.with(store, owner, |object| object.keys().cloned().collect())
    }

    /// Reads and writes one key under the lock. `change` must not ask the same contexts for anything.
    pub fn update(
        &self,
        owner: &str,
        key: &ContextKey,
        change: &mut dyn FnMut(Option<Value>) -> Option<Value>,
    ) -> Result<(), NodeError> {
        let none = Object::new();
        self.with(key.store.as_deref(), owner, |object| {
            let value = change(key.path.find(object, &none));
            match value {
                Some(value) => key.path.set(object, &none, value, true).map(|_| ()),
                None => key.path.delete(object, &none).map(|_| ()),
            }
        })
    }

    /// Forgets what an owner kept, in all stores: it was deleted from the flow.
    pub fn forget(&self, owner: &str) {
        for store in self.stores.values() {
            store.lock().unwrap_or_else(PoisonError::into_inner).remove(owner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_and_owners_are_apart() {
        let contexts = Contexts::new(["memory", "file"]);
        let none = Object::new();
        let key = |text: &str| ContextKey::parse(text).unwrap();
        contexts.set("global", &key("a.b"), &none, Some(Value::Int(1))).unwrap();
        contexts.set("global", &key("#:(file)::a"), &none, Some(Value::Int(2))).unwrap();
        contexts.set("t1", &key("a"), &none, Some(Value::Int(3))).unwrap();
        let get = |owner: &str, text: &str| contexts.get(owner, &key(text), &none).unwrap();
        assert_eq!(get("global", "a.b"), Some(Value::Int(1)));
        assert_eq!(get("global", "#:(file)::a"), Some(Value::Int(2)));
        assert_eq!(get("t1", "a"), Some(Value::Int(3)));
        assert_eq!(get("t1", "a.b"), None);
        assert!(contexts.set("t1", &key("a.b"), &none, Some(Value::Int(4))).is_err());
        contexts.set("t1", &key("a"), &none, None).unwrap();
        assert_eq!(contexts.keys("t1", None), Vec::<Str>::new());
    }
}

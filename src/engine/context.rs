//! Context: values that flows keep. All of it in memory, one lock a store; what changes in the store `disk` is written
//! with the commit of the lane that changed it.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use tidegate_nodes::error::NodeError;
use tidegate_nodes::path::{ContextKey, Path};
use tidegate_nodes::value::{Object, Str, Value};

use crate::store::ContextChange;

/// Whose context it is: `global`, a tab's or subflow instance's id, or `node:flow`.
pub type Owner = Str;

pub struct Contexts {
    default: Str,
    stores: BTreeMap<Str, Mutex<HashMap<Owner, Object>>>,
    /// What changed in stores that are kept on the disk, and how often anything did.
    changes: Mutex<Vec<ContextChange>>,
    version: AtomicU64,
    kept: bool,
}

/// Who owns what belongs to all flows.
pub const GLOBAL: &str = "global";

/// The store that is kept on the disk, where the gateway has a data directory.
pub const DISK: &str = "disk";

impl Contexts {
    /// Stores by these names; the first is the default.
    pub fn new<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Contexts {
        let mut names = names.into_iter().map(|name| Str::new(name.as_ref())).peekable();
        let default = names.peek().cloned().unwrap_or_else(|| Str::new_static("memory"));
        let mut stores: BTreeMap<Str, _> = names.map(|name| (name, Mutex::default())).collect();
        stores.entry(default.clone()).or_default();
        Contexts { default, stores, changes: Mutex::default(), version: AtomicU64::new(0), kept: false }
    }

    /// Fills the store `disk`, and from now on notes what changes in it.
    pub fn keep(&mut self, values: Vec<(Str, Str, Value)>) {
        let store = self.stores.entry(Str::new_static(DISK)).or_default();
        let store = store.get_mut().unwrap_or_else(PoisonError::into_inner);
        for (owner, key, value) in values {
            store.entry(owner).or_default().insert(key, value);
        }
        self.kept = true;
    }

    /// What is to be written, once.
    pub fn take_changes(&self) -> Vec<ContextChange> {
        std::mem::take(&mut *self.changes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Another number after each change that is to be written.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    fn is_kept(&self, store: Option<&str>) -> bool {
        self.kept && store.filter(|name| self.stores.contains_key(*name)).unwrap_or(&self.default) == DISK
    }

    /// Notes a key as changed. Called under the lock of its store, so that changes are noted in their order.
    fn note(&self, owner: &str, path: &Path, object: &Object) {
        let change = |key: Option<&Str>, value| ContextChange {
            store: Str::new_static(DISK),
            owner: Str::new(owner),
            key: key.cloned(),
            value,
        };
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        match path.first() {
            Some(key) => changes.push(change(Some(&Str::new(key)), object.get(key).cloned())),
            // Its first part is looked up in a message: all of the owner is written anew.
            None => {
                changes.push(change(None, None));
                changes.extend(object.iter().map(|(key, value)| change(Some(key), Some(value.clone()))));
            }
        }
        drop(changes);
        self.version.fetch_add(1, Ordering::AcqRel);
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
        self.with(key.store.as_deref(), owner, |object| {
            match value {
                Some(value) => {
                    if !key.path.set(object, msg, value, true)? {
                        let path = key.path.text();
                        let error = format!("cannot set {path}: what it stands in is no object");
                        return Err(NodeError::rejected(error));
                    }
                }
                None => key.path.delete(object, msg).map(|_| ())?,
            }
            if self.is_kept(key.store.as_deref()) {
                self.note(owner, &key.path, object);
            }
            Ok(())
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
                Some(value) => key.path.set(object, &none, value, true).map(|_| ())?,
                None => key.path.delete(object, &none).map(|_| ())?,
            }
            if self.is_kept(key.store.as_deref()) {
                self.note(owner, &key.path, object);
            }
            Ok(())
        })
    }

    /// Forgets what an owner kept, in all stores: it was deleted from the flow.
    pub fn forget(&self, owner: &str) {
        for (name, store) in &self.stores {
            let known = store.lock().unwrap_or_else(PoisonError::into_inner).remove(owner).is_some();
            if known && self.is_kept(Some(name)) {
                let change =
                    ContextChange { store: name.clone(), owner: Str::new(owner), key: None, value: None };
                self.changes.lock().unwrap_or_else(PoisonError::into_inner).push(change);
            }
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

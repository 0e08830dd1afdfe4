//! Settings and contexts of one node: whose contexts they are, and a handle to them that the node may keep.

use std::sync::Arc;

use tidegate_nodes::error::NodeError;
use tidegate_nodes::host::{Scope, Surroundings};
use tidegate_nodes::path::ContextKey;
use tidegate_nodes::value::{Object, Str, Value};

use super::context::{Contexts, GLOBAL};
use super::slot::ContextOwners;
use crate::flow::EnvChain;

impl ContextOwners {
    pub fn owner(&self, scope: Scope) -> &str {
        match scope {
            Scope::Global => GLOBAL,
            Scope::Node => self.node.as_str(),
            Scope::Flow => self.flows.first().map_or(GLOBAL, Str::as_str),
        }
    }

    /// Acts on the context that a key is in: each `$parent.` in front of it leads one subflow instance out.
    pub fn with<R>(
        &self,
        scope: Scope,
        key: &ContextKey,
        act: impl FnOnce(&str, &ContextKey) -> Result<R, NodeError>,
    ) -> Result<R, NodeError> {
        // Nearly every key needs no rewriting.
        if key.path.first() != Some("$parent") {
            return act(self.owner(scope), key);
        }
        match self.behind_parents(scope, key) {
            Some((owner, key)) => act(&owner, &key),
            None => Err(NodeError::rejected(format!("{} leads out of the flow", key.path.text()))),
        }
    }

    fn behind_parents(&self, scope: Scope, key: &ContextKey) -> Option<(Str, ContextKey)> {
        let mut flows = self.flows.iter();
        let mut key = key.clone();
        let mut owner = match scope {
            Scope::Flow => flows.next()?.clone(),
            _ => Str::new(self.owner(scope)),
        };
        while scope == Scope::Flow && key.path.first() == Some("$parent") {
            key.path = key.path.behind_first()?;
            owner = flows.next()?.clone();
        }
        Some((owner, key))
    }
}

/// The handle. It outlives the call in which it was lent.
pub struct Lasting {
    pub owners: ContextOwners,
    pub env: Arc<EnvChain>,
    pub contexts: Arc<Contexts>,
}

impl Surroundings for Lasting {
    fn env(&self, name: &str) -> Option<Value> {
        self.env.get(name)
    }

    fn context_get(&self, scope: Scope, key: &ContextKey, msg: &Object) -> Result<Option<Value>, NodeError> {
        self.owners.with(scope, key, |owner, key| self.contexts.get(owner, key, msg))
    }

    fn context_set(
        &self,
        scope: Scope,
        key: &ContextKey,
        msg: &Object,
        value: Option<Value>,
    ) -> Result<(), NodeError> {
        self.owners.with(scope, key, |owner, key| self.contexts.set(owner, key, msg, value))
    }

    fn context_keys(&self, scope: Scope, store: Option<&str>) -> Result<Vec<Str>, NodeError> {
        Ok(self.contexts.keys(self.owners.owner(scope), store))
    }

    fn context_update(
        &self,
        scope: Scope,
        key: &ContextKey,
        change: &mut dyn FnMut(Option<Value>) -> Option<Value>,
    ) -> Result<(), NodeError> {
        self.owners.with(scope, key, |owner, key| self.contexts.update(owner, key, change))
    }
}

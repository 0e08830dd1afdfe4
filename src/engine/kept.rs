//! What nodes keep over a restart: their keyed state and what `save` gives, written with the commit of their lane.

use std::collections::HashMap;

use tidegate_nodes::message::Token;
use tidegate_nodes::value::{Str, Value};

use super::Shared;
use super::lane::{Core, Lane};
use super::pending::Pending;
use super::slot::{Around, Keyed};
use crate::flow::PlanNode;

/// Keys of the node stand behind this; the others are ours.
const KEY: &str = "k:";
const TYPE: &str = "type";
const SAVED: &str = "saved";

/// What a node had when the gateway ran last. Another type of node has nothing to do with it.
pub fn load(plan: &PlanNode, shared: &Shared) -> (Keyed, Option<Value>) {
    let Some(store) = &shared.options.store else { return Default::default() };
    let mut state = store.state_of(&plan.config.id).unwrap_or_else(|error| {
        tracing::error!("the state of {} cannot be read, it starts empty: {error}", plan.config.id);
        HashMap::new()
    });
    if state.get(TYPE).and_then(Value::as_str) != Some(plan.config.type_name.as_str()) {
        return Default::default();
    }
    let saved = state.remove(SAVED);
    let keys = state.into_iter().filter_map(|(key, value)| Some((Str::new(key.strip_prefix(KEY)?), value)));
    (Keyed::of(keys.collect()), saved)
}

/// It was deleted or reset.
pub fn forget(id: &Str, pending: &mut Pending) {
    pending.forget_state(id);
}

impl Lane {
    /// After a handler: what it changed goes with the next commit, and the source of its message waits for that.
    pub(super) fn note_changes(
        core: &mut Core,
        around: &mut Around,
        token: &Token,
        version: u64,
        shared: &Shared,
    ) {
        if shared.options.store.is_none() {
            return;
        }
        let state = around.state.is_changed();
        if state {
            note_type(core, around);
            for (key, value) in around.state.take_changes() {
                core.pending.put_state(&around.id.id, &format!("{KEY}{key}"), value);
            }
        }
        if state || shared.contexts.version() != version {
            core.pending.guard(token);
        }
    }

    /// What `save` gave, where it is another than before.
    pub(super) fn note_saved(core: &mut Core, around: &mut Around, saved: Option<Value>, shared: &Shared) {
        let Some(saved) = saved else { return };
        if shared.options.store.is_some() && around.saved.as_ref() != Some(&saved) {
            note_type(core, around);
            core.pending.put_state(&around.id.id, SAVED, Some(saved.clone()));
        }
        around.saved = Some(saved);
    }
}

fn note_type(core: &mut Core, around: &mut Around) {
    if !std::mem::replace(&mut around.type_noted, true) {
        core.pending.put_state(&around.id.id, TYPE, Some(Value::Str(around.id.type_name.clone())));
    }
}

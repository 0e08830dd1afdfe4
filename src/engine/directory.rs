//! Where each running node is: for wires between tabs, link calls and actions. Read for what crosses lanes only.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use tidegate_nodes::error::NodeError;
use tidegate_nodes::value::Str;

use super::inbox::LaneHandle;
use super::slot::Target;

#[derive(Clone)]
pub struct Entry {
    pub lane: Arc<LaneHandle>,
    pub index: u32,
    /// The name under which a dynamic link call finds it; only for nodes that can be called.
    pub callable: Option<Callable>,
}

#[derive(Clone)]
pub struct Callable {
    pub name: Str,
    /// The tab or subflow instance it is in.
    pub flow: Str,
    pub in_subflow: bool,
}

#[derive(Default)]
pub struct Directory(RwLock<HashMap<Str, Entry>>);

impl Directory {
    pub fn replace(&self, entries: HashMap<Str, Entry>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = entries;
    }

    pub fn lane_of(&self, node: &str) -> Option<Arc<LaneHandle>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(node).map(|entry| entry.lane.clone())
    }

    /// Where a node is, seen from a lane.
    pub fn target(&self, node: &str, from: &Option<Arc<LaneHandle>>) -> Option<Target> {
        let entries = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.get(node)?;
        Some(match from {
            Some(from) if Arc::ptr_eq(from, &entry.lane) => Target::Here(entry.index),
            _ => Target::There { lane: entry.lane.clone(), node: Str::new(node) },
        })
    }

    /// The node that a link call means: by id; by name in its own flow first, then anywhere outside subflows.
    pub fn find_link(&self, target: &str, by_name: bool, flow: &str) -> Result<Str, NodeError> {
        let entries = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if entries.get(target).is_some_and(|entry| entry.callable.is_some()) {
            return Ok(Str::new(target));
        }
        if by_name {
            let named = |wanted: &dyn Fn(&Callable) -> bool| -> Vec<&Str> {
                let hit =
                    |entry: &Entry| entry.callable.as_ref().is_some_and(|c| c.name == target && wanted(c));
                entries.iter().filter(|(_, entry)| hit(entry)).map(|(id, _)| id).collect()
            };
            let mut found = named(&|callable| callable.flow == flow);
            if found.is_empty() {
                found = named(&|callable| !callable.in_subflow);
            }
            match found.as_slice() {
                [] => {}
                [one] => return Ok((*one).clone()),
                _ => {
                    let text = format!("Multiple link-in nodes named '{target}' found");
                    return Err(NodeError::rejected(text));
                }
            }
        }
        Err(NodeError::rejected(format!("target link-in node '{target}' not found")))
    }
}

//! What changed between two documents: nodes by their ids, properties by their pointers, wires by their ends.

use std::collections::{HashMap, HashSet};

use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::credentials::is_secret;
use super::model::{Document, FlowNode};
use super::text::escape;

/// The difference of two documents, node by node: first what was removed, then as the new document stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Diff {
    pub nodes: Vec<NodeDiff>,
}

#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct NodeDiff {
    pub id: String,
    #[serde(rename = "type")]
    pub type_name: String,
    /// As it is called now, or was when it is gone.
    pub name: String,
    /// The tab or subflow it is on, as it is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    pub change: Change,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub properties: Vec<PropertyChange>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub wires: Vec<WireChange>,
}

/// The weightiest thing that happened to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    Added,
    Removed,
    /// What it does.
    Changed,
    /// Only its wires, or its place on the canvas too.
    Rewired,
    /// Only how it looks and where it is drawn.
    Moved,
}

#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct PropertyChange {
    /// From the node on: `/rules/0/v`.
    pub pointer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<Json>,
    /// The values are not told.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub secret: bool,
}

/// A wire that is there now, or is no more.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct WireChange {
    pub output: usize,
    pub to: String,
    /// The target as a person knows it.
    pub to_name: String,
    pub added: bool,
}

/// Properties that say how a node looks.
pub(super) const LOOKS: &[&str] = &["x", "y", "w", "h", "l", "icon", "inputLabels", "outputLabels", "style"];

impl Diff {
    pub fn between(old: &Document, new: &Document) -> Diff {
        let (before, after) = (by_id(old), by_id(new));
        let mut nodes = Vec::new();
        let mut seen = HashSet::new();
        for node in old.nodes.iter().filter(|node| seen.insert(node.id.as_str())) {
            if !after.contains_key(node.id.as_str()) {
                nodes.push(NodeDiff::of(node, Change::Removed, &before));
            }
        }
        seen.clear();
        for node in new.nodes.iter().filter(|node| seen.insert(node.id.as_str())) {
            match before.get(node.id.as_str()) {
                None => nodes.push(NodeDiff::of(node, Change::Added, &after)),
                Some(was) => nodes.extend(changed(was, node, &before, &after)),
            }
        }
        Diff { nodes }
    }

    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }
}

type ById<'d> = HashMap<&'d str, &'d FlowNode>;

fn by_id(document: &Document) -> ById<'_> {
    let mut nodes = HashMap::with_capacity(document.nodes.len());
    for node in &document.nodes {
        nodes.entry(node.id.as_str()).or_insert(node);
    }
    nodes
}

impl NodeDiff {
    fn of(node: &FlowNode, change: Change, all: &ById<'_>) -> NodeDiff {
        let place = node.z.as_deref().and_then(|z| all.get(z));
        NodeDiff {
            id: node.id.clone(),
            type_name: node.type_name.clone(),
            name: node.name.clone(),
            place: place.map(|place| if place.name.is_empty() { &place.id } else { &place.name }.clone()),
            change,
            properties: Vec::new(),
            wires: Vec::new(),
        }
    }
}

fn changed(was: &FlowNode, is: &FlowNode, before: &ById<'_>, after: &ById<'_>) -> Option<NodeDiff> {
    let mut diff = NodeDiff::of(is, Change::Moved, after);
    let ignored = |key: &str| LOOKS.contains(&key) || key == "wires";
    let keys = keys_of_both(&was.properties, &is.properties);
    let looks_changed = keys.iter().any(|key| LOOKS.contains(key) && was.property(key) != is.property(key));
    for key in keys.into_iter().filter(|key| !ignored(key)) {
        let pointer = format!("/{}", escape(key));
        value(&pointer, was.property(key), is.property(key), &mut diff.properties);
    }
    for change in &mut diff.properties {
        if is_secret(was, &change.pointer) || is_secret(is, &change.pointer) {
            *change = PropertyChange {
                pointer: std::mem::take(&mut change.pointer),
                old: None,
                new: None,
                secret: true,
            };
        }
    }
    diff.wires = wires(was, is, before, after);
    diff.change = match () {
        () if !diff.properties.is_empty() => Change::Changed,
        () if was.wires != is.wires => Change::Rewired,
        () if looks_changed => Change::Moved,
        () => return None,
    };
    Some(diff)
}

fn keys_of_both<'k>(old: &'k Map<String, Json>, new: &'k Map<String, Json>) -> Vec<&'k str> {
    let gone = old.keys().filter(|key| !new.contains_key(*key));
    new.keys().chain(gone).map(String::as_str).collect()
}

/// The smallest places at which two values differ.
fn value(pointer: &str, old: Option<&Json>, new: Option<&Json>, changes: &mut Vec<PropertyChange>) {
    match (old, new) {
        _ if old == new => {}
        (Some(Json::Object(old)), Some(Json::Object(new))) => {
            for key in keys_of_both(old, new) {
                value(&format!("{pointer}/{}", escape(key)), old.get(key), new.get(key), changes);
            }
        }
        (Some(Json::Array(old)), Some(Json::Array(new))) => list(pointer, old, new, changes),
        _ => changes.push(PropertyChange {
            pointer: pointer.to_string(),
            old: old.cloned(),
            new: new.cloned(),
            secret: false,
        }),
    }
}

/// Items that are alike at the start and the end stay out of it, so that a rule put in front of others is one change.
/// Pointers are of the new list, and for what is gone of the old one.
fn list(pointer: &str, old: &[Json], new: &[Json], changes: &mut Vec<PropertyChange>) {
    let start = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let (old_rest, new_rest) = (&old[start..], &new[start..]);
    let end = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(old, new)| old == new).count();
    let old_rest = &old_rest[..old_rest.len() - end];
    let new_rest = &new_rest[..new_rest.len() - end];
    for at in 0..old_rest.len().max(new_rest.len()) {
        value(&format!("{pointer}/{}", start + at), old_rest.get(at), new_rest.get(at), changes);
    }
}

fn wires(was: &FlowNode, is: &FlowNode, before: &ById<'_>, after: &ById<'_>) -> Vec<WireChange> {
    let flat = |node: &FlowNode| -> Vec<(usize, String)> {
        let ports = node.wires.iter().enumerate();
        ports.flat_map(|(port, targets)| targets.iter().map(move |target| (port, target.clone()))).collect()
    };
    let (old, new) = (flat(was), flat(is));
    let name =
        |id: &str, nodes: &ById<'_>| nodes.get(id).map_or_else(|| id.to_string(), |node| node.to_string());
    let change = |(output, to): &(usize, String), nodes: &ById<'_>, added| WireChange {
        output: *output,
        to: to.clone(),
        to_name: name(to, nodes),
        added,
    };
    let (in_old, in_new): (HashSet<_>, HashSet<_>) = (old.iter().collect(), new.iter().collect());
    let gone = old.iter().filter(|wire| !in_new.contains(wire)).map(|wire| change(wire, before, false));
    let come = new.iter().filter(|wire| !in_old.contains(wire)).map(|wire| change(wire, after, true));
    gone.chain(come).collect()
}

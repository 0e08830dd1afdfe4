//! Two people changed the same flows: what both did is put together, node by node and property by property. Where they did
//! different things in one place nobody but they can decide, and that is told.

use std::collections::{HashMap, HashSet};

use serde::Serialize;
use serde_json::{Map, Value as Json, json};

use super::diff::LOOKS;
use super::model::{Document, FlowNode};
use super::text::escape;

/// What came out, and where it could not be decided. There it has what `mine` says.
#[derive(Debug)]
pub struct ThreeWay {
    pub document: Document,
    pub clashes: Vec<Clash>,
}

/// A place that both have changed, each in another way. A value that is not there was removed, or never was.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Clash {
    pub id: String,
    pub name: String,
    /// From the node on; empty when one changed the node and the other removed it.
    pub pointer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub theirs: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mine: Option<Json>,
}

/// Of documents without secrets: `theirs` and `mine` both come from `base`.
pub fn three_way(base: &Document, theirs: &Document, mine: &Document) -> ThreeWay {
    let [was, they, me] = [base, theirs, mine].map(by_id);
    let mut clashes = Vec::new();
    let mut nodes: Vec<Json> = Vec::new();
    let mut place = |id: &str| {
        let merged = node([was.get(id), they.get(id), me.get(id)].map(|node| node.copied()), &mut clashes);
        nodes.extend(merged.map(Json::Object));
    };
    // As theirs stand, and then what only mine has.
    let mut seen = HashSet::new();
    for node in theirs.nodes.iter().chain(&mine.nodes) {
        if seen.insert(node.id.as_str()) {
            place(&node.id);
        }
    }
    let nodes =
        nodes.into_iter().enumerate().filter_map(|(index, node)| FlowNode::from_json(index, node).ok());
    ThreeWay { document: Document { nodes: nodes.collect(), rev: None, base: "" }, clashes }
}

fn by_id(document: &Document) -> HashMap<&str, &FlowNode> {
    document.nodes.iter().rev().map(|node| (node.id.as_str(), node)).collect()
}

/// Of base, theirs and mine.
fn node(of: [Option<&FlowNode>; 3], clashes: &mut Vec<Clash>) -> Option<Map<String, Json>> {
    let [was, they, me] = of;
    let all = of.map(|node| node.map(|node| &node.properties));
    if let Some(decided) = decide(all) {
        return decided.cloned();
    }
    match (they, me) {
        (Some(they), Some(me)) => Some(properties(was, they, me, clashes)),
        // One removed what the other changed: it stays until somebody has decided.
        (they, me) => {
            let kept = they.or(me)?;
            let value = |node: Option<&FlowNode>| node.map(|node| json!(node.properties));
            clashes.push(Clash {
                id: kept.id.clone(),
                name: kept.name.clone(),
                pointer: String::new(),
                base: value(was),
                theirs: value(they),
                mine: value(me),
            });
            Some(kept.properties.clone())
        }
    }
}

/// Where at most one side has changed something.
fn decide<T: PartialEq + Copy>([was, they, me]: [T; 3]) -> Option<T> {
    if they == me || was == they {
        Some(me)
    } else if was == me {
        Some(they)
    } else {
        None
    }
}

fn properties(
    was: Option<&FlowNode>,
    they: &FlowNode,
    me: &FlowNode,
    clashes: &mut Vec<Clash>,
) -> Map<String, Json> {
    let mut merged = Map::new();
    let keys =
        me.properties.keys().chain(they.properties.keys().filter(|key| !me.properties.contains_key(*key)));
    for key in keys {
        let values = [was.and_then(|was| was.property(key)), they.property(key), me.property(key)];
        let value = match decide(values) {
            Some(decided) => decided.cloned(),
            None if key == "wires" => Some(wires(was, they, me)),
            // Where a node is drawn is no matter to argue about.
            None if LOOKS.contains(&key.as_str()) => values[2].cloned(),
            None => {
                let [base, theirs, mine] = values.map(|value| value.cloned());
                clashes.push(Clash {
                    id: me.id.clone(),
                    name: me.name.clone(),
                    pointer: format!("/{}", escape(key)),
                    base,
                    theirs,
                    mine: mine.clone(),
                });
                mine
            }
        };
        merged.extend(value.map(|value| (key.clone(), value)));
    }
    merged
}

/// Wires that either has drawn are there, and those that either has cut are not.
fn wires(was: Option<&FlowNode>, they: &FlowNode, me: &FlowNode) -> Json {
    let none = Vec::new();
    let outputs = they.wires.len().max(me.wires.len());
    let of = |node: Option<&FlowNode>, output: usize| -> Vec<String> {
        node.and_then(|node| node.wires.get(output)).unwrap_or(&none).clone()
    };
    let merged = (0..outputs).map(|output| {
        let (was, they, me) = (of(was, output), of(Some(they), output), of(Some(me), output));
        let is_cut = |to: &String| was.contains(to) && (!they.contains(to) || !me.contains(to));
        let mut all: Vec<String> = they.iter().filter(|to| !is_cut(to)).cloned().collect();
        let drawn = me.iter().filter(|to| !is_cut(to) && !they.contains(to));
        all.extend(drawn.cloned());
        all
    });
    json!(merged.collect::<Vec<_>>())
}

#[cfg(test)]
#[path = "three_way_tests.rs"]
mod tests;

//! Look-up tables over a document. A node whose id is there already is not in them.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use serde_json::Value as Json;

use super::model::{Document, FlowNode};

pub(super) struct Index<'d> {
    by_id: HashMap<&'d str, &'d FlowNode>,
    inside: HashMap<&'d str, Vec<&'d FlowNode>>,
    pub tabs: Vec<&'d FlowNode>,
    /// Nodes that name no tab.
    pub nowhere: Vec<&'d FlowNode>,
    /// Where a link out leads, in the order in which Node-RED finds it: either end can name the other.
    links: HashMap<&'d str, Vec<&'d str>>,
    implied: Vec<&'d str>,
}

impl<'d> Index<'d> {
    pub fn of(document: &'d Document) -> Index<'d> {
        let mut by_id = HashMap::with_capacity(document.nodes.len());
        let mut first = Vec::with_capacity(document.nodes.len());
        for node in &document.nodes {
            if let Entry::Vacant(place) = by_id.entry(node.id.as_str()) {
                place.insert(node);
                first.push(node);
            }
        }
        let mut index = Index {
            by_id,
            inside: HashMap::new(),
            tabs: Vec::new(),
            nowhere: Vec::new(),
            links: HashMap::new(),
            implied: Vec::new(),
        };
        let mut links = Links::default();
        for node in first {
            match (node.type_name.as_str(), node.z.as_deref()) {
                ("tab", _) => index.tabs.push(node),
                ("subflow", _) => {}
                (_, None) => index.nowhere.push(node),
                (_, Some(z)) => {
                    if !index.is_container(z) && !index.inside.contains_key(z) {
                        index.implied.push(z);
                    }
                    index.inside.entry(z).or_default().push(node);
                }
            }
            links.note(node);
        }
        index.links = links.targets;
        index
    }

    pub fn get(&self, id: &str) -> Option<&'d FlowNode> {
        self.by_id.get(id).copied()
    }

    pub fn subflow(&self, id: &str) -> Option<&'d FlowNode> {
        self.get(id).filter(|node| node.type_name == "subflow")
    }

    /// A tab or a subflow.
    pub fn is_container(&self, id: &str) -> bool {
        self.get(id).is_some_and(|node| matches!(node.type_name.as_str(), "tab" | "subflow"))
    }

    /// What stands on a tab or in a subflow, in document order.
    pub fn inside(&self, container: &str) -> &[&'d FlowNode] {
        self.inside.get(container).map(Vec::as_slice).unwrap_or_default()
    }

    /// Tabs that nodes name and that are not there.
    pub fn implied_tabs(&self) -> Vec<&'d str> {
        self.implied.clone()
    }

    /// The targets of a link out, both ends' lists taken together.
    pub fn links_of(&self, node: &FlowNode) -> Option<Vec<&'d str>> {
        if node.type_name != "link out" || node.property("mode").and_then(Json::as_str) == Some("return") {
            return None;
        }
        self.links.get(node.id.as_str()).cloned()
    }
}

#[derive(Default)]
struct Links<'d> {
    targets: HashMap<&'d str, Vec<&'d str>>,
    seen: HashSet<(&'d str, &'d str)>,
}

impl<'d> Links<'d> {
    fn note(&mut self, node: &'d FlowNode) {
        let out = match node.type_name.as_str() {
            "link out" => true,
            "link in" => false,
            _ => return,
        };
        for other in link_ids(node.property("links")) {
            let (from, to) = if out { (node.id.as_str(), other) } else { (other, node.id.as_str()) };
            if self.seen.insert((from, to)) {
                self.targets.entry(from).or_default().push(to);
            }
        }
    }
}

/// The ids in a property that lists nodes: a list, or one id.
pub(super) fn link_ids(links: Option<&Json>) -> Vec<&str> {
    match links {
        Some(Json::String(id)) if !id.is_empty() => vec![id],
        Some(Json::Array(ids)) => ids.iter().filter_map(Json::as_str).collect(),
        _ => Vec::new(),
    }
}

/// About how many bytes a node's properties take.
pub(super) fn weight(node: &FlowNode) -> usize {
    fn of(value: &Json) -> usize {
        size_of::<Json>()
            + match value {
                Json::String(text) => text.len(),
                Json::Array(items) => items.iter().map(of).sum(),
                Json::Object(map) => map.iter().map(|(key, value)| key.len() + of(value)).sum(),
                Json::Null | Json::Bool(_) | Json::Number(_) => 0,
            }
    }
    node.properties.iter().map(|(key, value)| key.len() + of(value)).sum()
}

//! A subflow instance: a copy of the subflow's inside, with ids of its own, wired into the flow around it.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value as Json};
use tidegate_nodes::descriptor::{Field, FieldKind};
use tidegate_nodes::value::Str;

use super::env::Level;
use super::expand::{DEEPEST, Expander, Place, secrets};
use super::index::weight;
use super::model::FlowNode;
use super::plan::{PlanKind, SubflowInfo};
use super::problem::Problem;
use super::settings;

/// Ports above this are a mistake in the document.
pub(super) const MOST_PORTS: u64 = 4096;

/// A place that a wire of the subflow's own ports (`in`, `out`, `status`) is tied to.
pub(super) struct End<'d> {
    pub id: &'d str,
    pub port: u64,
    /// Where it stands below the subflow's node.
    pub pointer: String,
}

/// The ends of one port: `{"wires": [{"id": .., "port": ..}]}`.
pub(super) fn ends<'d>(port: Option<&'d Json>, pointer: &str) -> Vec<End<'d>> {
    let wires = port.and_then(|port| port.get("wires")).and_then(Json::as_array);
    let wires = wires.map(Vec::as_slice).unwrap_or_default().iter().enumerate();
    wires
        .filter_map(|(at, wire)| {
            let port = wire.get("port").and_then(Json::as_u64).unwrap_or(0);
            let id = wire.get("id")?.as_str()?;
            Some(End { id, port, pointer: format!("{pointer}/wires/{at}") })
        })
        .collect()
}

/// The ports of a subflow: `in` or `out`.
pub(super) fn ports<'d>(subflow: &'d FlowNode, which: &str) -> Vec<Vec<End<'d>>> {
    let ports = subflow.property(which).and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    ports.iter().enumerate().map(|(at, port)| ends(Some(port), &format!("/{which}/{at}"))).collect()
}

impl<'d> Expander<'d> {
    pub(super) fn instance(
        &mut self,
        node: &'d FlowNode,
        subflow: &'d str,
        wires: Vec<Vec<Str>>,
        place: &Place<'d>,
    ) {
        let Some(definition) = self.index.subflow(subflow) else { return };
        // A subflow that contains itself is validation's to report.
        if place.stack.contains(&subflow) {
            return;
        }
        if place.stack.len() == DEEPEST {
            let message = format!("{node}: subflows are nested deeper than {DEEPEST}");
            let problem = Problem::error("too-deep", self.document.pointer(node), message);
            return self.problems.push(problem.about(&node.id));
        }
        let nodes = self.index.inside(subflow).to_vec();
        let mut inside = self.inside(node, definition, &nodes, place);
        let Some((info, names)) = &inside.inside else { return };
        let info = info.clone();
        let mut inner: Vec<Vec<Vec<Str>>> = nodes.iter().map(|node| names.wires(&node.wires)).collect();
        let own =
            wire(definition, names, &nodes, &mut inner, &wires, info.has_status.then(|| status_id(&info)));

        let env = inside.env.clone();
        let mut instance =
            self.plan_node(node, PlanKind::Instance, node.properties.clone(), own, place, env.clone());
        instance.fingerprint ^= u64::from(info.has_status);
        if !self.push(instance) {
            return;
        }
        if info.has_status {
            let mut status = self.plan_node(node, PlanKind::Status, Map::new(), Vec::new(), &inside, env);
            status.config.id = status_id(&info);
            status.config.type_name = Str::new_static("subflow-status");
            self.push(status);
        }
        self.groups(&nodes, &mut inside);
        for (node, wires) in nodes.iter().zip(inner) {
            self.take_bytes(node, weight(node));
            self.node(node, wires, &inside);
        }
    }

    /// The inside of an instance as a place.
    fn inside(
        &mut self,
        node: &'d FlowNode,
        definition: &'d FlowNode,
        nodes: &[&'d FlowNode],
        place: &Place<'d>,
    ) -> Place<'d> {
        let id = place.id(&node.id);
        let defaults = settings::entries(self.document, definition);
        let given = settings::entries(self.document, node);
        let entries = settings::overlay(defaults, given);
        let mut all_secrets = secrets(definition);
        all_secrets.extend(secrets(node));
        let level = |values| Level::Instance { who: place.who(node), values };
        let env = self.level(&place.env_of(node), level, &entries, &all_secrets);
        let names =
            Names(nodes.iter().map(|n| (n.id.as_str(), Str::from(format!("{id}-{}", n.id)))).collect());
        let info = SubflowInfo {
            instance: id,
            has_status: definition.property("status").is_some_and(Json::is_object),
            parent: place.inside.as_ref().map(|(info, _)| info.clone()),
        };
        let mut stack = place.stack.clone();
        stack.push(&definition.id);
        Place {
            lane: place.lane.clone(),
            path: format!("{}/{}", place.path, node.id),
            env,
            groups: HashMap::new(),
            inside: Some((Arc::new(info), names)),
            stack,
        }
    }
}

/// As Node-RED names it; no node inside can have the same id, for theirs follow a `-`.
fn status_id(info: &SubflowInfo) -> Str {
    Str::from(format!("{}:status", info.instance))
}

/// Ties the subflow's ports to the wires of the instance. What it returns are the wires of the instance's own node.
fn wire(
    definition: &FlowNode,
    names: &Names<'_>,
    nodes: &[&FlowNode],
    inner: &mut [Vec<Vec<Str>>],
    outer: &[Vec<Str>],
    status: Option<Str>,
) -> Vec<Vec<Str>> {
    let entry = ports(definition, "in").into_iter().next();
    let mut own: Vec<Str> = entry.iter().flatten().filter_map(|end| names.0.get(end.id).cloned()).collect();
    let position: HashMap<&str, usize> =
        nodes.iter().enumerate().map(|(at, n)| (n.id.as_str(), at)).collect();
    let mut tie = |end: &End<'_>, targets: &[Str]| {
        if end.id == definition.id {
            own.extend_from_slice(targets);
        } else if let Some(&at) = position.get(end.id).filter(|_| end.port < MOST_PORTS) {
            let port = end.port as usize;
            if inner[at].len() <= port {
                inner[at].resize(port + 1, Vec::new());
            }
            inner[at][port].extend_from_slice(targets);
        }
    };
    for (port, ends) in ports(definition, "out").iter().enumerate() {
        for end in ends {
            tie(end, outer.get(port).map(Vec::as_slice).unwrap_or_default());
        }
    }
    if let Some(status) = status {
        for end in ends(definition.property("status"), "/status") {
            tie(&end, std::slice::from_ref(&status));
        }
    }
    vec![own]
}

/// What the nodes of a subflow are called inside one instance.
pub(super) struct Names<'d>(HashMap<&'d str, Str>);

impl Names<'_> {
    /// A wire that leaves the subflow ends.
    fn wires(&self, wires: &[Vec<String>]) -> Vec<Vec<Str>> {
        let port =
            |port: &Vec<String>| port.iter().filter_map(|id| self.0.get(id.as_str()).cloned()).collect();
        wires.iter().map(port).collect()
    }

    /// Renames what a node's properties say about other nodes of the subflow: its config nodes, links and scopes.
    pub fn apply(&self, node: &FlowNode, fields: &[Field], properties: &mut Map<String, Json>) {
        /// These are never ids of other nodes, even if they read like one.
        const NO_IDS: &[&str] = &["id", "type", "z", "name", "info"];
        // A link out of a subflow cannot leave it, nor can a scope; a link call can.
        let stays = matches!(node.type_name.as_str(), "link out" | "catch" | "status" | "complete");
        let lists = stays || matches!(node.type_name.as_str(), "link in" | "link call");
        for (key, value) in properties.iter_mut().filter(|(key, _)| !NO_IDS.contains(&key.as_str())) {
            match value {
                Json::String(id) => self.rename(id),
                Json::Array(items) => {
                    let field = fields.iter().find(|field| field.name == key).map(|field| field.kind);
                    match field {
                        Some(FieldKind::Nodes) => self.rename_list(items, stays),
                        Some(FieldKind::List(fields)) => self.rename_resources(items, fields),
                        _ if lists && matches!(key.as_str(), "links" | "scope") => {
                            self.rename_list(items, stays)
                        }
                        _ => {}
                    }
                }
                _ => {}
            }
        }
    }

    fn rename(&self, id: &mut String) {
        if let Some(name) = self.0.get(id.as_str()) {
            *id = name.to_string();
        }
    }

    fn rename_list(&self, items: &mut Vec<Json>, stays: bool) {
        if stays {
            items.retain(|item| item.as_str().is_some_and(|id| self.0.contains_key(id)));
        }
        for item in items {
            if let Json::String(id) = item {
                self.rename(id);
            }
        }
    }

    fn rename_resources(&self, items: &mut [Json], fields: &[Field]) {
        for field in fields.iter().filter(|field| matches!(field.kind, FieldKind::Resource(_))) {
            for item in items.iter_mut() {
                if let Some(Json::String(id)) = item.get_mut(field.name) {
                    self.rename(id);
                }
            }
        }
    }
}

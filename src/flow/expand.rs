//! From the document to lanes: tabs, groups, config nodes, and (in `instance.rs`) the insides of subflow instances.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::{Map, Value as Json};
use tidegate_nodes::descriptor::{Field, Role};
use tidegate_nodes::host::Settings;
use tidegate_nodes::node::{NodeConfig, NodeType};
use tidegate_nodes::value::Str;

use super::env::{EnvChain, Level, ProcessEnv, Values, Who};
use super::fingerprint::fingerprint;
use super::index::Index;
use super::instance::Names;
use super::model::{Document, FlowNode};
use super::plan::{LanePlan, Plan, PlanKind, PlanNode, SubflowInfo};
use super::problem::Problem;
use super::settings::{self, Entry};
use super::substitute::substitute;
use super::suggest::nearest;
use super::text;

/// Subflows in subflows, and groups in groups, no deeper than this.
pub(super) const DEEPEST: usize = 64;

/// A few subflows that contain each other twice make a thousand million nodes: this is where it ends.
const MOST_NODES: usize = if cfg!(test) { 20_000 } else { 200_000 };
const MOST_BYTES: usize = 512 * 1024 * 1024;

/// After so many problems nobody reads what was meant, and looking for it takes its time.
const WITH_NEAR_NAMES: usize = 50;

pub(super) struct Expander<'d> {
    pub document: &'d Document,
    pub index: Index<'d>,
    pub plan: Plan,
    pub problems: Vec<Problem>,
    settings: &'d Arc<Settings>,
    taken: HashSet<Str>,
    bytes: usize,
    full: bool,
}

/// Where nodes stand: on a tab, or inside a subflow instance.
pub(super) struct Place<'d> {
    /// The tab.
    pub lane: Str,
    pub path: String,
    pub env: Arc<EnvChain>,
    pub groups: HashMap<&'d str, GroupPlace>,
    /// The instance, and what its nodes are called in it.
    pub inside: Option<(Arc<SubflowInfo>, Names<'d>)>,
    /// The subflows around, the outermost first.
    pub stack: Vec<&'d str>,
}

pub(super) struct GroupPlace {
    /// Itself and those around it, the nearest first.
    ids: Vec<Str>,
    env: Arc<EnvChain>,
}

impl<'d> Expander<'d> {
    pub fn new(document: &'d Document, settings: &'d Arc<Settings>) -> Expander<'d> {
        Expander {
            document,
            index: Index::of(document),
            plan: Plan::default(),
            problems: Vec::new(),
            settings,
            taken: HashSet::new(),
            bytes: 0,
            full: false,
        }
    }

    pub fn run(&mut self, process: &ProcessEnv) {
        let global = self.global_settings(process);
        let nowhere = self.index.nowhere.clone();
        let mut place = Place::new("global", global.clone());
        if self.lane("", &nowhere, &mut place, Map::new()).is_some_and(|lane| lane.nodes.is_empty()) {
            self.plan.lanes.pop();
        }
        for tab in self.index.tabs.clone() {
            if tab.disabled {
                continue;
            }
            let nodes = self.index.inside(&tab.id).to_vec();
            let label = name_property(tab, "label");
            let id = Str::new(&tab.id);
            let entries = settings::entries(self.document, tab);
            let level = |values| Level::Tab { id: id.clone(), label: label.clone(), values };
            let env = self.level(&global, level, &entries, &secrets(tab));
            let mut place = Place::new(&tab.id, env);
            self.lane(&tab.name, &nodes, &mut place, tab.properties.clone());
        }
        // Node-RED makes a tab for nodes that name one that is not there.
        for id in self.index.implied_tabs() {
            let nodes = self.index.inside(id).to_vec();
            let level = |values| Level::Tab { id: Str::new(id), label: None, values };
            let env = self.level(&global, level, &[], &Map::new());
            let mut place = Place::new(id, env);
            self.lane("", &nodes, &mut place, Map::new());
        }
    }

    fn global_settings(&mut self, process: &ProcessEnv) -> Arc<EnvChain> {
        let configs = self.document.nodes.iter().filter(|n| n.type_name == "global-config" && !n.disabled);
        let mut entries = Vec::new();
        let mut all_secrets = Map::new();
        for config in configs {
            let more = settings::entries(self.document, config);
            entries = settings::overlay(entries, more);
            all_secrets.extend(secrets(config));
        }
        self.level(&EnvChain::process(process), Level::Global, &entries, &all_secrets)
    }

    /// A level of settings below another.
    pub fn level(
        &mut self,
        parent: &Arc<EnvChain>,
        level: impl Fn(Values) -> Level,
        entries: &[Entry<'_>],
        secrets: &Map<String, Json>,
    ) -> Arc<EnvChain> {
        let empty = EnvChain::below(parent, level(Values::new()), 0);
        if entries.is_empty() {
            return empty;
        }
        let values = settings::evaluate(entries, secrets, &empty, &mut self.problems);
        let hash = settings::hash_of(entries, &values, secrets);
        EnvChain::below(parent, level(values), hash)
    }

    fn lane(
        &mut self,
        label: &str,
        nodes: &[&'d FlowNode],
        place: &mut Place<'d>,
        properties: Map<String, Json>,
    ) -> Option<&LanePlan> {
        let lane =
            LanePlan { id: place.lane.clone(), label: label.to_string(), properties, nodes: Vec::new() };
        self.plan.lanes.push(lane);
        self.groups(nodes, place);
        for node in nodes {
            let wires = node.wires.iter().map(|port| port.iter().map(Str::new).collect()).collect();
            self.node(node, wires, place);
        }
        self.plan.lanes.last()
    }

    /// The groups of a tab or of an instance, from the outermost inwards.
    pub fn groups(&mut self, nodes: &[&'d FlowNode], place: &mut Place<'d>) {
        let groups: HashMap<&str, &'d FlowNode> =
            nodes.iter().filter(|n| n.type_name == "group").map(|n| (n.id.as_str(), *n)).collect();
        for group in nodes.iter().filter(|n| n.type_name == "group") {
            let mut row = vec![*group];
            while let Some(around) = row.last().and_then(|g| groups.get(g.g.as_deref()?)) {
                let known = place.groups.contains_key(around.id.as_str());
                if known || row.len() == DEEPEST || row.iter().any(|g| g.id == around.id) {
                    break;
                }
                row.push(around);
            }
            for group in row.into_iter().rev() {
                if !place.groups.contains_key(group.id.as_str()) {
                    let made = self.group(group, place);
                    place.groups.insert(&group.id, made);
                }
            }
        }
    }

    fn group(&mut self, group: &'d FlowNode, place: &Place<'d>) -> GroupPlace {
        let around = place.group_of(group).filter(|around| around.ids.len() < DEEPEST);
        let (id, name) = (place.id(&group.id), name_property(group, "name"));
        let entries = settings::entries(self.document, group);
        let level = |values| Level::Group { id: id.clone(), name: name.clone(), values };
        let parent = around.map_or(&place.env, |around| &around.env);
        let env = self.level(parent, level, &entries, &secrets(group));
        let mut ids = vec![id];
        ids.extend(around.into_iter().flat_map(|around| around.ids.iter().cloned()));
        GroupPlace { ids, env }
    }

    /// Adds a node, if it is one that runs.
    pub fn node(&mut self, node: &'d FlowNode, wires: Vec<Vec<Str>>, place: &Place<'d>) {
        if node.disabled || self.full {
            return;
        }
        if let Some(subflow) = node.instance_of() {
            return self.instance(node, subflow, wires, place);
        }
        let Some(node_type) = tidegate_nodes::find(&node.type_name) else { return };
        let descriptor = node_type.descriptor;
        if descriptor.role == Role::Note {
            return;
        }
        let mut properties = node.properties.clone();
        if let Some(links) = self.index.links_of(node) {
            properties.insert("links".to_string(), links.into());
        }
        if let Some((_, names)) = &place.inside {
            names.apply(node, descriptor.fields, &mut properties);
        }
        let env = place.env_of(node);
        let env = EnvChain::below(&env, Level::Node(place.who(node)), 0);
        let substituted = self.fill_in(node, &mut properties, descriptor.fields, &env);
        let mut plan_node = self.plan_node(node, PlanKind::Node(node_type), properties, wires, place, env);
        plan_node.substituted = substituted;
        self.push(plan_node);
    }

    /// `${NAME}`; whether there was any.
    fn fill_in(
        &mut self,
        node: &FlowNode,
        properties: &mut Map<String, Json>,
        fields: &[Field],
        env: &EnvChain,
    ) -> bool {
        let substituted = substitute(properties, fields, env);
        self.take_bytes(node, substituted.bytes);
        for missing in substituted.missing {
            let place = text::plain(missing.pointer.trim_start_matches('/'));
            let message = format!("{node}: {place}: ${{{}}} is not set", text::plain(&missing.name));
            let names = if self.problems.len() < WITH_NEAR_NAMES { env.names() } else { Vec::new() };
            let hint = text::did_you_mean(&nearest(&missing.name, names.iter().map(String::as_str)));
            let pointer = format!("{}{}", self.document.pointer(node), missing.pointer);
            let problem = Problem::error("missing-env", pointer, message).about(&node.id);
            let otherwise = format!(
                "set {} in the gateway's environment, or among the environment variables of its tab or group",
                text::plain(&missing.name)
            );
            self.problems.push(problem.hint(hint.unwrap_or(otherwise)));
        }
        substituted.any
    }

    pub fn plan_node(
        &self,
        node: &FlowNode,
        kind: PlanKind,
        properties: Map<String, Json>,
        wires: Vec<Vec<Str>>,
        place: &Place<'d>,
        env: Arc<EnvChain>,
    ) -> PlanNode {
        let name = properties.get("name").and_then(Json::as_str).unwrap_or_default();
        PlanNode {
            fingerprint: fingerprint(&node.type_name, &properties, &env),
            config: NodeConfig {
                id: place.id(&node.id),
                type_name: Str::new(&node.type_name),
                name: Str::new(name),
                flow: place.lane.clone(),
                outputs: wires.len(),
                properties,
                settings: self.settings.clone(),
            },
            kind,
            document_id: Str::new(&node.id),
            pointer: self.document.pointer(node),
            path: format!("{}/{}", place.path, node.id),
            wires,
            groups: place.group_of(node).map(|group| group.ids.clone()).unwrap_or_default(),
            env,
            subflow: place.inside.as_ref().map(|(info, _)| info.clone()),
            resources: Vec::new(),
            substituted: false,
        }
    }

    /// Puts a node into the last lane, or among the resources. `false` when there is no room for it.
    pub fn push(&mut self, node: PlanNode) -> bool {
        if self.full {
            return false;
        }
        if !self.taken.insert(node.config.id.clone()) {
            let message = format!(
                "two nodes would both be called {} once the subflows are expanded",
                text::plain(&node.config.id)
            );
            let problem = Problem::error("id-clash", &node.pointer, message).about(node.document_id.as_str());
            self.problems.push(problem.hint("give one of the nodes or instances another id"));
            return false;
        }
        if self.taken.len() > MOST_NODES {
            let message =
                format!("with its subflows expanded, the document has more than {MOST_NODES} nodes");
            let hint =
                "subflows in subflows multiply: use link nodes to share what need not be there several times";
            self.overflow(Problem::error("too-many-nodes", &node.pointer, message).hint(hint));
            return false;
        }
        match node.kind {
            PlanKind::Node(NodeType { descriptor, .. }) if descriptor.role == Role::Resource => {
                self.plan.resources.push(node);
            }
            _ => {
                let lane = self.plan.lanes.last_mut().expect("nodes are pushed after their lane");
                lane.nodes.push(Arc::new(node));
            }
        }
        true
    }

    /// Counts what expanding adds to the document.
    pub fn take_bytes(&mut self, node: &FlowNode, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > MOST_BYTES && !self.full {
            let most = MOST_BYTES / (1024 * 1024);
            let message = format!(
                "with subflows expanded and settings filled in, the document is larger than {most} MiB"
            );
            self.overflow(Problem::error("too-large", self.document.pointer(node), message).about(&node.id));
        }
    }

    fn overflow(&mut self, problem: Problem) {
        self.full = true;
        self.problems.push(problem);
    }
}

impl<'d> Place<'d> {
    fn new(lane: &str, env: Arc<EnvChain>) -> Place<'d> {
        Place {
            lane: Str::new(lane),
            path: lane.to_string(),
            env,
            groups: HashMap::new(),
            inside: None,
            stack: Vec::new(),
        }
    }

    /// What a node of the document is called here.
    pub fn id(&self, id: &str) -> Str {
        match &self.inside {
            Some((info, _)) => Str::from(format!("{}-{id}", info.instance)),
            None => Str::new(id),
        }
    }

    pub fn group_of(&self, node: &FlowNode) -> Option<&GroupPlace> {
        self.groups.get(node.g.as_deref()?)
    }

    /// The settings around a node.
    pub fn env_of(&self, node: &FlowNode) -> Arc<EnvChain> {
        self.group_of(node).map_or_else(|| self.env.clone(), |group| group.env.clone())
    }

    pub fn who(&self, node: &FlowNode) -> Who {
        let path = format!("{}/{}", self.path, node.id);
        Who { id: self.id(&node.id), name: name_property(node, "name"), path }
    }
}

fn name_property(node: &FlowNode, key: &str) -> Option<Str> {
    node.property(key).and_then(Json::as_str).map(Str::new)
}

/// The secrets of a node's own settings. The global configuration has them one level down.
pub(super) fn secrets(node: &FlowNode) -> Map<String, Json> {
    let credentials = node.property("credentials");
    let inner = credentials.and_then(|c| c.get("map")).filter(|_| node.type_name == "global-config");
    inner.or(credentials).and_then(Json::as_object).cloned().unwrap_or_default()
}

//! Config nodes in the order in which they can be opened: one that another names comes before it.

use std::collections::{HashMap, HashSet, VecDeque};

use serde_json::Value as Json;
use tidegate_nodes::value::Str;

use super::fingerprint::fold;
use super::plan::{LanePlan, Plan, PlanNode};
use super::problem::Problem;
use super::text;

/// Orders the resources, notes which nodes use which, and lets a node's fingerprint change with those it uses.
pub(super) fn resources(plan: &mut Plan, problems: &mut Vec<Problem>) {
    let ids: HashSet<Str> = plan.resources.iter().map(|node| node.config.id.clone()).collect();
    let lanes = plan.lanes.iter_mut().flat_map(LanePlan::nodes_mut);
    for node in lanes.chain(&mut plan.resources) {
        let mut used = Used { ids: &ids, seen: HashSet::new(), list: Vec::new() };
        for (_, value) in
            node.config.properties.iter().filter(|(key, _)| !matches!(key.as_str(), "id" | "z" | "wires"))
        {
            used.note(value);
        }
        used.list.retain(|id| *id != node.config.id);
        node.resources = used.list;
    }
    let (order, circular) = sorted(&plan.resources);
    if !circular.is_empty() {
        problems.push(circle(&plan.resources, &circular));
    }
    let mut slots: Vec<Option<PlanNode>> =
        std::mem::take(&mut plan.resources).into_iter().map(Some).collect();
    let mut prints: HashMap<Str, u64> = HashMap::new();
    for at in order.into_iter().chain(circular) {
        let mut node = slots[at].take().expect("each place is in one of the lists, once");
        node.take_in(&prints);
        prints.insert(node.config.id.clone(), node.fingerprint);
        plan.resources.push(node);
    }
    for node in plan.lanes.iter_mut().flat_map(LanePlan::nodes_mut) {
        node.take_in(&prints);
    }
}

impl PlanNode {
    fn take_in(&mut self, prints: &HashMap<Str, u64>) {
        let used: Vec<u64> = self.resources.iter().filter_map(|id| prints.get(id).copied()).collect();
        self.fingerprint = fold(self.fingerprint, &used);
    }
}

struct Used<'i> {
    ids: &'i HashSet<Str>,
    seen: HashSet<Str>,
    list: Vec<Str>,
}

impl Used<'_> {
    /// As Node-RED does: whatever reads like the id of a config node is a use of it.
    fn note(&mut self, value: &Json) {
        match value {
            Json::String(text) => {
                if let Some(id) = self.ids.get(text.as_str())
                    && self.seen.insert(id.clone())
                {
                    self.list.push(id.clone());
                }
            }
            Json::Array(items) => items.iter().for_each(|item| self.note(item)),
            Json::Object(map) => map.values().for_each(|item| self.note(item)),
            Json::Null | Json::Bool(_) | Json::Number(_) => {}
        }
    }
}

/// Places in an order in which each comes after those it uses, and the places that have none.
fn sorted(nodes: &[PlanNode]) -> (Vec<usize>, Vec<usize>) {
    let place: HashMap<&Str, usize> =
        nodes.iter().enumerate().map(|(at, node)| (&node.config.id, at)).collect();
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    let mut open: Vec<usize> = Vec::with_capacity(nodes.len());
    for (at, node) in nodes.iter().enumerate() {
        open.push(node.resources.len());
        node.resources.iter().for_each(|id| users[place[id]].push(at));
    }
    let mut ready: VecDeque<usize> = (0..nodes.len()).filter(|at| open[*at] == 0).collect();
    let mut order = Vec::with_capacity(nodes.len());
    while let Some(at) = ready.pop_front() {
        order.push(at);
        for &user in &users[at] {
            open[user] -= 1;
            if open[user] == 0 {
                ready.push_back(user);
            }
        }
    }
    let circular = (0..nodes.len()).filter(|at| open[*at] > 0).collect();
    (order, circular)
}

fn circle(nodes: &[PlanNode], circular: &[usize]) -> Problem {
    let names: Vec<String> = circular.iter().take(5).map(|at| text::plain(&nodes[*at].document_id)).collect();
    let message = format!("config nodes need each other before they can be opened: {}", names.join(", "));
    let first = &nodes[circular[0]];
    Problem::error("config-circle", &first.pointer, message).about(first.document_id.as_str())
}

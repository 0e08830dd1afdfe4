//! What a deploy restarts.

use std::collections::{HashMap, HashSet};

use serde::Serialize;
use tidegate_nodes::value::Str;

use super::plan::{Plan, PlanNode};

/// Node-RED's deployment types (the header `Node-RED-Deployment-Type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Deployment {
    /// Everything stops and starts.
    Full,
    /// What changed, and everything that is wired to it, at any distance.
    Flows,
    /// What changed.
    Nodes,
}

/// What a deploy does to the nodes that run, by their ids in the plan; config nodes included.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Restart {
    /// Of the old plan: they stop. Those that are not in `start` are gone.
    pub stop: Vec<Str>,
    /// Of the new plan: they start.
    pub start: Vec<Str>,
    /// They run on, with new wires or in another group.
    pub rewire: Vec<Str>,
    /// Of `start`: of the same type and in the same lane as before, so it takes its state over. None after a full deploy,
    /// which resets.
    pub same: Vec<Str>,
    /// The tabs in which something stops or starts.
    pub lanes: Vec<Str>,
}

impl Restart {
    pub fn between(old: &Plan, new: &Plan, deployment: Deployment) -> Restart {
        let (before, after) = (Nodes::of(old), Nodes::of(new));
        let mut restarted: HashSet<Str> = HashSet::new();
        let mut rewired: HashSet<Str> = HashSet::new();
        for (id, node) in before.iter() {
            match after.get(id) {
                Some(now) if is_same(node, now) => {
                    if node.wires != now.wires || node.groups != now.groups {
                        rewired.insert(id.clone());
                    }
                }
                _ => {
                    restarted.insert(id.clone());
                }
            }
        }
        restarted.extend(after.ids().filter(|id| before.get(id).is_none()).cloned());
        match deployment {
            Deployment::Full => restarted.extend(before.ids().chain(after.ids()).cloned()),
            Deployment::Flows => {
                restarted.extend(rewired.iter().cloned());
                spread(&mut restarted, &before, &after);
            }
            Deployment::Nodes => {}
        }
        let is_restarted = |id: &&Str| restarted.contains(*id);
        let start: Vec<Str> = after.ids().filter(is_restarted).cloned().collect();
        let stop: Vec<Str> = before.ids().filter(is_restarted).cloned().collect();
        let same = |id: &&Str| {
            let both = before.get(id).zip(after.get(id));
            deployment != Deployment::Full && both.is_some_and(|(old, new)| is_heir(old, new))
        };
        let mut lanes: Vec<Str> = Vec::new();
        let mut seen = HashSet::new();
        for lane in new.lanes.iter().chain(&old.lanes) {
            let touched = lane.nodes.iter().any(|node| restarted.contains(&node.config.id));
            if touched && seen.insert(lane.id.clone()) {
                lanes.push(lane.id.clone());
            }
        }
        Restart {
            same: start.iter().filter(same).cloned().collect(),
            rewire: after
                .ids()
                .filter(|id| rewired.contains(*id) && !restarted.contains(*id))
                .cloned()
                .collect(),
            stop,
            start,
            lanes,
        }
    }
}

/// The same node, in the same lane: it may be wired differently.
fn is_same(old: &PlanNode, new: &PlanNode) -> bool {
    old.fingerprint == new.fingerprint && old.config.flow == new.config.flow
}

/// It can take over what the old one kept, though its properties changed.
fn is_heir(old: &PlanNode, new: &PlanNode) -> bool {
    old.config.type_name == new.config.type_name && old.config.flow == new.config.flow
}

/// The nodes of a plan by id, in order.
struct Nodes<'p> {
    by_id: HashMap<&'p Str, &'p PlanNode>,
    order: Vec<&'p Str>,
}

impl<'p> Nodes<'p> {
    fn of(plan: &'p Plan) -> Nodes<'p> {
        Nodes {
            by_id: plan.all().map(|node| (&node.config.id, node)).collect(),
            order: plan.all().map(|node| &node.config.id).collect(),
        }
    }

    fn get(&self, id: &Str) -> Option<&'p PlanNode> {
        self.by_id.get(id).copied()
    }

    fn ids(&self) -> impl Iterator<Item = &'p Str> {
        self.order.iter().copied()
    }

    fn iter(&self) -> impl Iterator<Item = (&'p Str, &'p PlanNode)> {
        self.ids().filter_map(|id| Some((id, self.get(id)?)))
    }
}

/// Adds everything that is wired to what is restarted, in either direction, before or after.
fn spread(restarted: &mut HashSet<Str>, before: &Nodes<'_>, after: &Nodes<'_>) {
    let mut neighbours: HashMap<&Str, Vec<&Str>> = HashMap::new();
    for (id, node) in before.iter().chain(after.iter()) {
        for target in node.wires.iter().flatten() {
            neighbours.entry(id).or_default().push(target);
            neighbours.entry(target).or_default().push(id);
        }
    }
    let mut open: Vec<Str> = restarted.iter().cloned().collect();
    while let Some(id) = open.pop() {
        for next in neighbours.get(&id).into_iter().flatten() {
            if restarted.insert((*next).clone()) {
                open.push((*next).clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value as Json, json};
    use tidegate_nodes::host::Settings;

    use super::super::env::ProcessEnv;
    use super::super::model::{Document, Limits};
    use super::*;

    fn plan(nodes: &Json) -> Plan {
        let document = Document::from_json(nodes.clone(), &Limits::default()).unwrap();
        Plan::build(&document, &ProcessEnv::default(), &Arc::new(Settings::default())).0
    }

    /// Two rows: a -> b, and c alone.
    fn flow() -> Json {
        json!([
            {"id": "t", "type": "tab", "label": "T"},
            {"id": "a", "type": "junction", "z": "t", "x": 1, "wires": [["b"]]},
            {"id": "b", "type": "junction", "z": "t", "wires": [[]]},
            {"id": "c", "type": "junction", "z": "t", "wires": [[]]}
        ])
    }

    fn between(change: impl FnOnce(&mut Json), deployment: Deployment) -> Restart {
        let old = flow();
        let mut new = old.clone();
        change(&mut new);
        Restart::between(&plan(&old), &plan(&new), deployment)
    }

    #[test]
    fn what_only_moved_runs_on() {
        let restart = between(|flow| flow[1]["x"] = json!(500), Deployment::Nodes);
        assert_eq!(restart, Restart::default());
    }

    #[test]
    fn what_changed_restarts() {
        let restart = between(|flow| flow[2]["limit"] = json!(5), Deployment::Nodes);
        assert_eq!(restart.stop, ["b"]);
        assert_eq!(restart.start, ["b"]);
        assert_eq!(restart.same, ["b"], "of the same type, so it takes its state over");
        assert_eq!(restart.lanes, ["t"]);
    }

    #[test]
    fn what_is_wired_to_it_restarts_with_flows() {
        let restart = between(|flow| flow[2]["limit"] = json!(5), Deployment::Flows);
        assert_eq!(restart.start, ["a", "b"]);
        assert_eq!(restart.same, ["a", "b"]);
    }

    #[test]
    fn wires_change_without_a_restart() {
        let restart = between(|flow| flow[1]["wires"] = json!([["c"]]), Deployment::Nodes);
        assert_eq!((restart.start.len(), restart.stop.len()), (0, 0));
        assert_eq!(restart.rewire, ["a"]);
        let restart = between(|flow| flow[1]["wires"] = json!([["c"]]), Deployment::Flows);
        assert_eq!(restart.start, ["a", "b", "c"]);
    }

    #[test]
    fn added_removed_and_full() {
        let take_out = |flow: &mut Json| flow[3]["d"] = json!(true);
        let restart = between(take_out, Deployment::Nodes);
        assert_eq!((restart.stop, restart.start), (vec![Str::new("c")], vec![]));
        let restart = between(|_| (), Deployment::Full);
        assert_eq!(restart.stop, ["a", "b", "c"]);
        assert!(restart.same.is_empty(), "a full deploy resets");
    }

    #[test]
    fn a_setting_of_the_tab_restarts_what_is_on_it() {
        let set = |flow: &mut Json| flow[0]["env"] = json!([{"name": "A", "type": "str", "value": "1"}]);
        assert_eq!(between(set, Deployment::Nodes).start, ["a", "b", "c"]);
    }
}

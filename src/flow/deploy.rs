//! What a deploy restarts.
use super::plan::Plan;
use tidegate_nodes::value::Str;

/// Node-RED's deployment types (`Node-RED-Deployment-Type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deployment {
    /// Everything stops and starts.
    Full,
    /// Tabs that have a change in them.
    Flows,
    /// Nodes that changed.
    Nodes,
}

/// What a deploy does to the nodes that run, by their ids in the plan; config nodes included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restart {
    /// Of the old plan: they stop. Those that are not in `start` are gone.
    pub stop: Vec<Str>,
    /// Of the new plan: they start.
    pub start: Vec<Str>,
    /// They run on, with new wires.
    pub rewire: Vec<Str>,
    /// Of `start`: the same node as before, so it can take its state over.
    pub same: Vec<Str>,
}

impl Restart {
    pub fn between(old: &Plan, new: &Plan, deployment: Deployment) -> Restart {
        let _ = deployment;
        let ids = |plan: &Plan| plan.nodes().map(|node| node.config.id.clone()).collect();
        Restart { stop: ids(old), start: ids(new), ..Restart::default() }
    }
}

//! The flat graph that the engine runs: subflows expanded, settings filled in, what does not run left out.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use tidegate_nodes::host::Settings;
use tidegate_nodes::node::{NodeConfig, NodeType};
use tidegate_nodes::value::Str;

use super::env::{EnvChain, ProcessEnv};
use super::expand::Expander;
use super::model::Document;
use super::order;
use super::problem::Problem;

/// What runs.
#[derive(Debug, Default)]
pub struct Plan {
    /// In document order. Nodes that stand on no tab, which Node-RED runs all the same, come first, in a lane `global`.
    pub lanes: Vec<LanePlan>,
    /// Config nodes, those of subflow instances included; one that another refers to comes before it.
    pub resources: Vec<PlanNode>,
}

/// One tab with the insides of its subflow instances.
pub struct LanePlan {
    /// The tab's id.
    pub id: Str,
    pub label: String,
    /// The tab's own properties (delivery, limits), as they stand in the document.
    pub properties: serde_json::Map<String, serde_json::Value>,
    /// In the order in which they start: document order, a subflow instance's insides right behind it.
    pub nodes: Vec<Arc<PlanNode>>,
}

/// One node as it runs.
pub struct PlanNode {
    pub kind: PlanKind,
    /// What the node is built from. Its id is `<instance>-<id>` inside a subflow instance.
    pub config: NodeConfig,
    /// Its id in the document. Several nodes have the same when their subflow has several instances.
    pub document_id: Str,
    /// Where it is in the document, as a JSON pointer: put a `NodeError::Config`'s pointer behind it.
    pub pointer: String,
    /// The tab, the instances and the node, by their ids in the document: `t1/u/b`.
    pub path: String,
    /// A list of ids a port. All of them are nodes in some lane of this plan, perhaps another one.
    pub wires: Vec<Vec<Str>>,
    /// Ids of the groups it is in, the nearest first; inside a subflow instance `<instance>-<group>`. They end at the
    /// tab's or the instance's border: the groups around an instance are those of the instance's own node.
    pub groups: Vec<Str>,
    /// Answers `Host::env`.
    pub env: Arc<EnvChain>,
    /// The instance whose inside it is part of.
    pub subflow: Option<Arc<SubflowInfo>>,
    /// The config nodes that it names: ids of `Plan::resources`.
    pub resources: Vec<Str>,
    /// Two nodes with the same id and fingerprint are the same node, though perhaps wired differently.
    pub fingerprint: u64,
    /// Whether a setting was filled in, so that its properties are not those of the document.
    pub(super) substituted: bool,
}

#[derive(Debug, Clone, Copy)]
pub enum PlanKind {
    /// A node of this type.
    Node(&'static NodeType),
    /// A subflow instance: hands what comes in on to its wires at port 0.
    Instance,
    /// What the instance that it is inside of (`subflow`) shows as its status comes in here.
    Status,
}

/// A subflow instance, seen from within.
#[derive(Debug)]
pub struct SubflowInfo {
    /// The id of the instance's node in the plan. The scope of `flow` context, and what Catch and Status report to
    /// the outside.
    pub instance: Str,
    /// Whether the subflow has a status output, so that statuses from within do not show on the instance by themselves.
    pub has_status: bool,
    /// The instance around it.
    pub parent: Option<Arc<SubflowInfo>>,
}

impl Plan {
    /// Expands a document. It never fails: what cannot be is left out and reported. Problems that can be seen in the
    /// document as it stands are for `check` to report, which calls this, and builds every node once.
    pub fn build(document: &Document, env: &ProcessEnv, settings: &Arc<Settings>) -> (Plan, Vec<Problem>) {
        let mut expander = Expander::new(document, settings);
        expander.run(env);
        let Expander { mut plan, mut problems, .. } = expander;
        order::resources(&mut plan, &mut problems);
        plan.drop_loose_wires();
        (plan, problems)
    }

    /// Takes out wires to nodes that do not run.
    pub(super) fn drop_loose_wires(&mut self) {
        let running: HashSet<Str> = self.nodes().map(|node| node.config.id.clone()).collect();
        for node in self.lanes.iter_mut().flat_map(LanePlan::nodes_mut) {
            for port in &mut node.wires {
                port.retain(|target| running.contains(target));
            }
        }
    }

    /// All nodes in lanes, in order.
    pub fn nodes(&self) -> impl Iterator<Item = &Arc<PlanNode>> {
        self.lanes.iter().flat_map(|lane| &lane.nodes)
    }

    /// Config nodes, then all nodes in lanes.
    pub fn all(&self) -> impl Iterator<Item = &PlanNode> {
        self.resources.iter().chain(self.nodes().map(Arc::as_ref))
    }
}

impl LanePlan {
    /// While the plan is being made; once it is handed out its nodes are shared, and this gives none.
    pub(super) fn nodes_mut(&mut self) -> impl Iterator<Item = &mut PlanNode> {
        self.nodes.iter_mut().filter_map(Arc::get_mut)
    }
}

impl PlanNode {
    /// The group it is in.
    pub fn group(&self) -> Option<&Str> {
        self.groups.first()
    }
}

/// Properties are not shown: they can hold secrets.
impl fmt::Debug for LanePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LanePlan").field("id", &self.id).field("nodes", &self.nodes).finish_non_exhaustive()
    }
}

impl fmt::Debug for PlanNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlanNode")
            .field("id", &self.config.id)
            .field("type", &self.config.type_name)
            .field("wires", &self.wires)
            .finish_non_exhaustive()
    }
}

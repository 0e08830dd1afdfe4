//! From a plan to nodes in their places. Nothing here opens or spawns: that is `deploy.rs`.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use tidegate_nodes::common::junction::PassThrough;
use tidegate_nodes::connector::DynConnector;
use tidegate_nodes::descriptor::Role;
use tidegate_nodes::error::NodeError;
use tidegate_nodes::host::Holding;
use tidegate_nodes::node::{Built, Kind, NodeType};
use tidegate_nodes::outbox;
use tidegate_nodes::value::{Str, Value};

use super::Shared;
use super::admission::Pool;
use super::inbox::{Command, LaneHandle};
use super::observer::NodeRef;
use super::panics;
use super::slot::{Around, ContextOwners, Facts, Keyed, Listeners, Running};
use crate::flow::{PlanKind, PlanNode};

/// A node that was built and has no place yet.
pub struct Made {
    pub running: Running,
    pub facts: Facts,
    /// The connector, to be started once the node has its place.
    pub connector: Option<Box<dyn DynConnector>>,
}

/// Builds one node. One that refuses its configuration, or panics over it, stands in its place and is stopped.
pub fn make(plan: &PlanNode, shared: &Shared) -> (Made, Option<NodeError>) {
    let node_type = match plan.kind {
        PlanKind::Node(node_type) => node_type,
        PlanKind::Instance => return (Made::of(Running::Transform(Box::new(PassThrough))), None),
        PlanKind::Status => return (Made::of(Running::SubflowStatus), None),
    };
    match guarded(node_type, plan) {
        Ok(Built { kind, listens, links, callable, tells_empty_name, commands, stands_alone: _, shown }) => {
            shared.screens.set(&plan.config.id, shown);
            let mut made = Made::of(Running::Stopped("it documents the flow".to_string()));
            made.facts = Facts { listen: listens, links, callable, tells_empty_name };
            match kind {
                Kind::Transform(transform) => made.running = Running::Transform(transform),
                Kind::Connector(_) if shared.options.stubs.is_some() => {
                    let stubs = shared.options.stubs.as_ref();
                    let replies = stubs.and_then(|stubs| stubs.get(plan.document_id.as_str()));
                    made.running = Running::Stub(replies.cloned().map(VecDeque::from).unwrap_or_default());
                }
                Kind::Connector(connector) => {
                    let settings = match outbox::Outbox::of(node_type.descriptor, &plan.config) {
                        Ok(settings) => settings,
                        Err(error) => return (Made::of(Running::Stopped(error.to_string())), Some(error)),
                    };
                    let at_most_once =
                        settings.as_ref().and_then(|s| s.delivery) == Some(outbox::Delivery::AtMostOnce);
                    let outbox = settings.and_then(|settings| shared.outbox(&plan.config.id, settings));
                    made.running = Running::Connector(super::port::Port::new(outbox, at_most_once, commands));
                    made.connector = Some(connector);
                }
                // Resources are opened apart from lanes, and a note does not run.
                Kind::Resource(_) | Kind::Note => {}
            }
            (made, None)
        }
        Err(error) => {
            shared.screens.set(&plan.config.id, None);
            (Made::of(Running::Stopped(error.to_string())), Some(error))
        }
    }
}

/// Builds a node; a panic in it is an error.
pub fn guarded(node_type: &NodeType, plan: &PlanNode) -> Result<Built, NodeError> {
    panics::guarded(|| (node_type.build)(&plan.config))
        .unwrap_or_else(|panic| Err(NodeError::fatal(format!("panicked: {}", panics::text(&*panic)))))
}

impl Made {
    fn of(running: Running) -> Made {
        Made { running, facts: Facts::default(), connector: None }
    }
}

/// Builds a transform again after a panic, with what it saved last.
pub fn running(plan: &PlanNode, shared: &Shared, saved: Option<Value>) -> Running {
    let (made, _) = make(plan, shared);
    let mut running = made.running;
    if let (Running::Transform(transform), Some(saved)) = (&mut running, saved) {
        transform.restore(saved);
    }
    running
}

pub fn node_ref(plan: &PlanNode) -> NodeRef {
    let config = &plan.config;
    NodeRef {
        id: config.id.clone(),
        document_id: plan.document_id.clone(),
        type_name: config.type_name.clone(),
        name: config.name.clone(),
        flow: config.flow.clone(),
    }
}

/// What the engine keeps around a node, new.
pub fn around(
    plan: Arc<PlanNode>,
    facts: Facts,
    index: u32,
    lane: &Weak<LaneHandle>,
    shared: &Shared,
) -> Around {
    let config = &plan.config;
    let id = node_ref(&plan);
    let (lane, node) = (lane.clone(), config.id.clone());
    let pool = Pool::new(shared.options.credits, shared.counters.watched.clone(), move || {
        if let Some(lane) = lane.upgrade() {
            lane.command(Command::Resume { node: node.clone() });
        }
    });
    if plan.is_source() {
        shared.gauges.is_source(&id.id, &pool);
    }
    let watched = shared.options.watch.contains(plan.document_id.as_str())
        || shared.options.watch.contains(id.id.as_str());
    Around {
        index,
        facts,
        contexts: context_owners(&plan),
        wires: Vec::new(),
        listeners: Listeners::default(),
        counters: shared.counters.node(&id.id),
        pool,
        waiting: VecDeque::new(),
        resume: false,
        holding: Holding::new(&shared.settings),
        state: Keyed::default(),
        panics: Vec::new(),
        saved: None,
        saved_at: None,
        type_noted: false,
        touched: false,
        watched,
        id,
        plan,
    }
}

/// Whose contexts a node reads and writes.
pub fn context_owners(plan: &PlanNode) -> ContextOwners {
    let mut flows = Vec::new();
    let mut inside = plan.subflow.as_ref();
    while let Some(subflow) = inside {
        flows.push(subflow.instance.clone());
        inside = subflow.parent.as_ref();
    }
    flows.push(plan.config.flow.clone());
    ContextOwners { node: Str::from(format!("{}:{}", plan.config.id, flows[0])), flows }
}

impl PlanNode {
    /// Whether it makes messages by itself.
    pub fn is_source(&self) -> bool {
        matches!(self.kind, PlanKind::Node(node) if node.descriptor.role == Role::Source)
    }

    /// Whether messages come out of it that came into no input of it.
    pub fn has_no_input(&self) -> bool {
        matches!(self.kind, PlanKind::Node(node) if node.descriptor.inputs == 0)
    }
}

//! A deploy: build what is new, then swap it in between two messages. Nodes that did not change run on with their
//! state, their timers and what they hold; nothing is opened before everything is built.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use serde::Serialize;
use tidegate_nodes::connector::DynConnector;
use tidegate_nodes::error::NodeError;
use tidegate_nodes::message::Token;
use tidegate_nodes::node::{Built, Kind};
use tidegate_nodes::outbox::Delivery;
use tidegate_nodes::value::Str;

use super::build::{self, Made};
use super::connectors;
use super::inbox::LaneHandle;
use super::lane::{Lane, lost};
use super::observer::NodeRef;
use super::pending::Pending;
use super::place::Place;
use super::port::{Phase, Port};
use super::resources::{Lent, User};
use super::slot::Running;
use super::swap::{Legacy, bury, close_nodes, entries, places, refill, rewire};
use super::{Engine, Shared, kept};
use crate::flow::{Deployment, Plan, PlanKind, PlanNode, Restart};

/// What runs now.
#[derive(Default)]
pub struct Layout {
    pub plan: Plan,
    pub lanes: Vec<Arc<LaneHandle>>,
    pub tasks: HashMap<Str, Task>,
    /// Resources that are open without a node that uses them.
    pub alone: HashMap<Str, User>,
    lane_count: u64,
}

/// A connector's host loop.
pub struct Task {
    pub port: Arc<Port>,
    /// Whether messages come to it from the flow.
    pub takes_messages: bool,
    pub handle: tokio::task::JoinHandle<()>,
}

/// What a deploy did.
#[derive(Debug, Default, Serialize)]
pub struct Deployed {
    pub started: Vec<Str>,
    pub stopped: Vec<Str>,
    pub kept: usize,
    /// So many run now, on so many tabs.
    pub nodes: usize,
    pub flows: usize,
    /// Nodes that do not run because their configuration is wrong; the rest does.
    pub refused: Vec<Refused>,
    /// Messages that nodes held which are gone or were reset. Their sources are not acknowledged.
    pub lost: u64,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Refused {
    #[schema(value_type = String)]
    pub node: Str,
    pub pointer: String,
    pub error: String,
}

/// How long a connector that is replaced may take to close.
const CLOSE: Duration = Duration::from_secs(10);

impl Engine {
    /// Swaps a plan in.
    pub fn deploy(&self, plan: Plan, deployment: Deployment) -> Deployed {
        let shared = &self.shared;
        let mut layout = self.lock();
        let restart = Restart::between(&layout.plan, &plan, deployment);
        let start: HashSet<Str> = restart.start.iter().cloned().collect();
        let same: HashSet<Str> = restart.same.iter().cloned().collect();
        let mut report =
            Deployed { started: restart.start.clone(), stopped: restart.stop.clone(), ..Deployed::default() };

        // Build: nothing that runs is touched.
        self.make_resources(&plan, &start, &mut report);
        let mut made: HashMap<Str, Made> = HashMap::new();
        for node in plan.nodes().filter(|node| start.contains(&node.config.id)) {
            let (new, error) = build::make(node, shared);
            if let Some(error) = error {
                report.refused.push(refused(node, &error));
            }
            made.insert(node.config.id.clone(), new);
        }
        report.nodes = plan.nodes().count();
        report.flows = plan.lanes.len();
        report.kept = report.nodes - made.len();

        // Stop: connectors that go or are replaced, while lanes still run and take their last answers.
        let mut ports = self.stop_connectors(&mut layout, &restart.stop);
        self.close_alone(&mut layout, |id| restart.stop.iter().any(|stopped| stopped == id));

        // Swap: with all lanes held, so that nothing is on its way between two of them.
        let handles = self.lanes_of(&mut layout, &plan);
        let gone: Vec<Arc<LaneHandle>> = layout
            .lanes
            .iter()
            .filter(|old| !handles.iter().any(|new| Arc::ptr_eq(new, old)))
            .cloned()
            .collect();
        let mut old_lanes: Vec<MutexGuard<'_, Lane>> = gone.iter().map(|handle| handle.lane()).collect();
        let mut new_lanes: Vec<MutexGuard<'_, Lane>> = handles.iter().map(|handle| handle.lane()).collect();
        let mut legacies = HashMap::new();
        for lane in old_lanes.iter_mut().chain(&mut new_lanes) {
            close_nodes(lane, &restart.stop, shared);
            report.lost += bury(lane, &restart.stop, &same, &mut legacies, shared);
        }
        for (id, port) in ports.drain() {
            legacies.entry(id).or_insert_with(Legacy::default).port = Some(port);
        }
        let places = places(&plan);
        self.shared.directory.replace(entries(&plan, &handles, &made, &new_lanes));
        let mut connectors = Vec::new();
        for (number, lane_plan) in plan.lanes.iter().enumerate() {
            let lane = &mut *new_lanes[number];
            let handle = &handles[number];
            lane.core.handle = Some(handle.clone());
            report.lost +=
                refill(lane, &lane_plan.nodes, handle, &mut made, &mut legacies, &mut connectors, shared);
            rewire(lane, number, &places, &handles, shared);
            set_delivery(lane, &lane_plan.properties);
        }
        for lane in &mut old_lanes {
            report.lost += lane.core.queue.len() as u64;
            lane.core.queue.drain(..).for_each(|envelope| lost(envelope.mail));
            lane.write(shared);
            // It must not keep itself alive.
            **lane = Lane::default();
        }
        for (number, lane_plan) in plan.lanes.iter().enumerate() {
            new_lanes[number].core.starting = true;
            for node in lane_plan.nodes.iter().filter(|node| start.contains(&node.config.id)) {
                let at = new_lanes[number].by_id[&node.config.id];
                new_lanes[number].run(at, Token::none(), shared, |node, cx| node.start(cx));
            }
            new_lanes[number].core.starting = false;
        }
        // What is left is of nodes that are gone with their tabs.
        let mut pending = Pending::default();
        legacies.keys().for_each(|id| kept::forget(id, &mut pending));
        if let Some(store) = &shared.options.store {
            pending.submit(store);
        }
        drop((old_lanes, new_lanes));
        if let Some(running) = &self.workers {
            gone.iter().for_each(|lane| running.workers.forget(lane));
        }

        // Run: only now is anything opened.
        for (node, handle, port, connector) in connectors {
            self.spawn(&mut layout, &node, handle, port, connector);
        }
        self.open_alone(&mut layout);
        for handle in &handles {
            handle.wake();
        }
        shared.close_outboxes(|id| places.contains_key(id));
        shared.counters.retain(|id| places.contains_key(id));
        shared.gauges.retain(|id| places.contains_key(id));
        shared.screens.retain(|id| places.contains_key(id));
        forget_contexts(&layout.plan, &plan, &places, shared);
        layout.lanes = handles;
        layout.plan = plan;
        report
    }

    /// Builds what is new among the resources. One that is replaced lives on until its users are gone.
    fn make_resources(&self, plan: &Plan, start: &HashSet<Str>, report: &mut Deployed) {
        let shared = &self.shared;
        let mut resources = shared.resources.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        resources.retain(|id, _| plan.resources.iter().any(|node| node.config.id == *id));
        for node in plan.resources.iter().filter(|node| start.contains(&node.config.id)) {
            let PlanKind::Node(node_type) = node.kind else { continue };
            let id = &node.config.id;
            match build::guarded(node_type, node) {
                Ok(built) => {
                    if let Kind::Resource(resource) = built.kind {
                        let lent = Lent::new(build::node_ref(node), resource, built.stands_alone);
                        resources.insert(id.clone(), lent);
                    }
                }
                Err(error) => {
                    resources.remove(id);
                    report.refused.push(refused(node, &error));
                }
            }
        }
    }

    /// Closes connectors and gives back what they had not delivered.
    fn stop_connectors(&self, layout: &mut Layout, stop: &[Str]) -> HashMap<Str, Arc<Port>> {
        let mut tasks: Vec<(Str, Task)> =
            stop.iter().filter_map(|id| Some((id.clone(), layout.tasks.remove(id)?))).collect();
        for (_, task) in &tasks {
            task.port.enter(Phase::Close);
        }
        if let Some(runtime) = &self.runtime {
            for (id, task) in &mut tasks {
                let closed = runtime.block_on(async { tokio::time::timeout(CLOSE, &mut task.handle).await });
                if closed.is_err() {
                    tracing::warn!(
                        "connector {id} did not close within {} s and is cut off",
                        CLOSE.as_secs()
                    );
                    task.handle.abort();
                }
            }
        }
        tasks.into_iter().map(|(id, task)| (id, task.port)).collect()
    }

    /// Opens what stands by itself and is not open. Flow tests open nothing.
    fn open_alone(&self, layout: &mut Layout) {
        let Some(runtime) = self.runtime.as_ref().filter(|_| self.shared.options.stubs.is_none()) else {
            return;
        };
        let _entered = runtime.enter();
        let resources = self.shared.resources.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        for (id, lent) in resources.iter().filter(|(_, lent)| lent.alone) {
            layout.alone.entry(id.clone()).or_insert_with(|| lent.enter(&self.shared));
        }
    }

    /// Closes what stands by itself, and waits for it: who comes next may want the same port.
    pub(super) fn close_alone(&self, layout: &mut Layout, closes: impl Fn(&Str) -> bool) {
        let Some(runtime) = &self.runtime else { return };
        for (_, user) in layout.alone.extract_if(|id, _| closes(id)) {
            runtime.block_on(user.leave());
        }
    }

    /// Opens a resource that is in no flow, until the engine stops. Building it is the caller's.
    pub fn open_beside(&self, node: NodeRef, built: Built) {
        let (Some(runtime), Kind::Resource(resource)) = (&self.runtime, built.kind) else { return };
        let _entered = runtime.enter();
        let key = Str::from(format!("beside {}", node.id));
        let user = Lent::new(node, resource, true).enter(&self.shared);
        self.lock().alone.insert(key, user);
    }

    fn lanes_of(&self, layout: &mut Layout, plan: &Plan) -> Vec<Arc<LaneHandle>> {
        let lanes = plan.lanes.iter().map(|lane| {
            if let Some(known) = layout.lanes.iter().find(|known| known.id == lane.id) {
                return known.clone();
            }
            layout.lane_count += 1;
            let mut empty = Lane::default();
            empty.core.seed = self.shared.random();
            LaneHandle::new(lane.id.clone(), layout.lane_count, self.waker.clone(), empty)
        });
        lanes.collect()
    }

    fn spawn(
        &self,
        layout: &mut Layout,
        node: &Arc<PlanNode>,
        lane: Arc<LaneHandle>,
        port: Arc<Port>,
        connector: Box<dyn DynConnector>,
    ) {
        let Some(runtime) = &self.runtime else { return };
        let id = node.config.id.clone();
        let pool = {
            let lane = lane.lane();
            lane.slots[lane.by_id[&id] as usize].around.pool.clone()
        };
        let shared = self.shared.clone();
        let uses = node.resources.iter().filter_map(|id| shared.lent(id)).collect();
        let place = Arc::new(Place {
            node: id.clone(),
            lane,
            port: port.clone(),
            pool,
            shared: shared.clone(),
            uses,
            order: self.shared.next_sequence(),
        });
        let plan = node.clone();
        let again = move || match build::make(&plan, &shared) {
            (Made { connector: Some(connector), .. }, None) => Ok(connector),
            (_, error) => Err(error.unwrap_or_else(|| NodeError::fatal("it is no connector any more"))),
        };
        let handle = runtime.spawn(connectors::supervise(connector, again, place));
        layout.tasks.insert(id, Task { port, takes_messages: !node.has_no_input(), handle });
    }
}

/// What the flow promises of the messages that come in.
fn set_delivery(lane: &Lane, properties: &serde_json::Map<String, serde_json::Value>) {
    let delivery = properties.get("delivery").and_then(serde_json::Value::as_str).and_then(Delivery::parse);
    for slot in &lane.slots {
        if let Running::Connector(port) = &slot.node {
            port.set_receipt(delivery == Some(Delivery::AtMostOnce));
        }
    }
}

/// What nodes and tabs kept in their contexts goes with them, as in Node-RED.
fn forget_contexts(old: &Plan, new: &Plan, places: &HashMap<Str, (usize, u32)>, shared: &Shared) {
    for node in old.nodes().filter(|node| !places.contains_key(&node.config.id)) {
        shared.contexts.forget(&build::context_owners(node).node);
        if matches!(node.kind, PlanKind::Instance) {
            shared.contexts.forget(&node.config.id);
        }
    }
    for lane in old.lanes.iter().filter(|old| !new.lanes.iter().any(|lane| lane.id == old.id)) {
        shared.contexts.forget(&lane.id);
    }
}

fn refused(node: &PlanNode, error: &NodeError) -> Refused {
    let pointer = match error {
        NodeError::Config { pointer, .. } => format!("{}{pointer}", node.pointer),
        _ => node.pointer.clone(),
    };
    Refused { node: node.config.id.clone(), pointer, error: error.message().to_string() }
}

//! The swap in the middle of a deploy: nodes are taken out of their lanes and put in, and queue, timers, wires and
//! listeners follow them. All lanes are held meanwhile.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, MutexGuard};

use tidegate_nodes::connector::DynConnector;
use tidegate_nodes::message::Token;
use tidegate_nodes::value::{Str, Value};

use super::Shared;
use super::build::{self, Made};
use super::directory::{Callable, Entry};
use super::inbox::LaneHandle;
use super::kept;
use super::lane::{Envelope, Lane, lost};
use super::observer::Event;
use super::port::Port;
use super::revive::saved;
use super::scopes::{self, Member};
use super::slot::{Keyed, Running, Slot, Target, Wire};
use crate::flow::{Plan, PlanNode};

/// What a restarted node takes over from the one before it.
#[derive(Default)]
pub struct Legacy {
    pub saved: Option<Value>,
    pub state: Keyed,
    /// Whether it is the same node still, so that it goes on with what the one before it kept.
    pub is_same: bool,
    pub backlog: VecDeque<Envelope>,
    pub port: Option<Arc<Port>>,
}

pub fn close_nodes(lane: &mut Lane, stop: &[Str], shared: &Shared) {
    for id in stop {
        if let Some(&at) = lane.by_id.get(id) {
            lane.run(at, Token::none(), shared, |node, cx| {
                node.close(cx);
                Ok(())
            });
        }
    }
}

/// Takes stopped nodes out of a lane's memory: what the next of the same id takes over, and how much is lost with it.
pub fn bury(
    lane: &mut Lane,
    stop: &[Str],
    same: &HashSet<Str>,
    legacies: &mut HashMap<Str, Legacy>,
    shared: &Shared,
) -> u64 {
    let mut lost_count = 0;
    for id in stop {
        let Some(&at) = lane.by_id.get(id) else { continue };
        lane.core.timers.forget(at);
        lane.core.pulls.retain(|pull| pull.node != at);
        lane.core.holders.retain(|(holder, _)| *holder != at);
        lane.core.starved.retain(|starved| *starved != at);
        let slot = &mut lane.slots[at as usize];
        let mut legacy = Legacy::default();
        if let Running::Resting(backlog) = &mut slot.node {
            legacy.backlog = std::mem::take(backlog);
        }
        legacy.is_same = same.contains(id);
        if legacy.is_same {
            legacy.saved = saved(&slot.node).or_else(|| slot.around.saved.take());
            legacy.state = std::mem::take(&mut slot.around.state);
        }
        legacies.insert(id.clone(), legacy);
        // What waits for a credit counts as held.
        let count = slot.around.holding.messages() as u64;
        slot.around.waiting.clear();
        slot.node = Running::Stopped("it was deployed anew".to_string());
        if count > 0 {
            let reason = "the node that held them was stopped by a deploy";
            shared.tell(&slot.around.id, Event::Lost { count, reason });
        }
        lost_count += count;
    }
    lost_count
}

/// Where each node of a plan will be.
pub fn places(plan: &Plan) -> HashMap<Str, (usize, u32)> {
    let lanes = plan.lanes.iter().enumerate();
    lanes
        .flat_map(|(number, lane)| {
            let nodes = lane.nodes.iter().enumerate();
            nodes.map(move |(at, node)| (node.config.id.clone(), (number, at as u32)))
        })
        .collect()
}

pub fn entries(
    plan: &Plan,
    handles: &[Arc<LaneHandle>],
    made: &HashMap<Str, Made>,
    lanes: &[MutexGuard<'_, Lane>],
) -> HashMap<Str, Entry> {
    let mut entries = HashMap::new();
    for (number, lane) in plan.lanes.iter().enumerate() {
        for (index, node) in lane.nodes.iter().enumerate() {
            let id = &node.config.id;
            let callable = match made.get(id) {
                Some(made) => made.facts.callable,
                None => lanes[number]
                    .by_id
                    .get(id)
                    .is_some_and(|&at| lanes[number].slots[at as usize].around.facts.callable),
            };
            let callable = callable.then(|| Callable {
                name: node.config.name.clone(),
                flow: node.subflow.as_ref().map_or(&node.config.flow, |subflow| &subflow.instance).clone(),
                in_subflow: node.subflow.is_some(),
            });
            entries
                .insert(id.clone(), Entry { lane: handles[number].clone(), index: index as u32, callable });
        }
    }
    entries
}

pub type NewConnector = (Arc<PlanNode>, Arc<LaneHandle>, Arc<Port>, Box<dyn DynConnector>);

/// Puts the nodes of a plan into a lane: kept ones as they are, new ones from `made`. Queue and timers follow them.
pub fn refill(
    lane: &mut Lane,
    plan: &[Arc<PlanNode>],
    handle: &Arc<LaneHandle>,
    made: &mut HashMap<Str, Made>,
    legacies: &mut HashMap<Str, Legacy>,
    connectors: &mut Vec<NewConnector>,
    shared: &Shared,
) -> u64 {
    let old_ids: Vec<Str> = lane.slots.iter().map(|slot| slot.around.id.id.clone()).collect();
    let mut old: HashMap<Str, Slot> = old_ids.iter().cloned().zip(lane.slots.drain(..)).collect();
    lane.by_id = plan.iter().enumerate().map(|(at, node)| (node.config.id.clone(), at as u32)).collect();
    let place = |before: u32| lane.by_id.get(&old_ids[before as usize]).copied();
    lane.core.timers.remap(place);
    lane.core.pulls.retain(|pull| place(pull.node).is_some());
    lane.core.pulls.iter_mut().for_each(|pull| pull.node = place(pull.node).unwrap_or(pull.node));
    let holders = std::mem::take(&mut lane.core.holders);
    lane.core.holders = holders.into_iter().filter_map(|(at, holding)| Some((place(at)?, holding))).collect();
    lane.core.starved = lane.core.starved.iter().filter_map(|&starved| place(starved)).collect();
    lane.core.touched.clear();
    let mut lost_count = 0;
    let mut queue = VecDeque::with_capacity(lane.core.queue.len());
    for envelope in lane.core.queue.drain(..) {
        match place(envelope.to) {
            Some(to) => queue.push_back(Envelope { to, ..envelope }),
            None => {
                lost_count += 1;
                lost(envelope.mail);
            }
        }
    }
    for (at, node) in plan.iter().enumerate() {
        let id = &node.config.id;
        let Some(new) = made.remove(id) else {
            let mut slot =
                old.remove(id).expect("what is not started anew ran before, in the lane of its tab");
            (slot.around.index, slot.around.plan) = (at as u32, node.clone());
            slot.around.touched = false;
            lane.slots.push(slot);
            continue;
        };
        let mut around = build::around(node.clone(), new.facts, at as u32, &Arc::downgrade(handle), shared);
        let mut running = new.running;
        let saved;
        match legacies.get_mut(id) {
            Some(legacy) => {
                (saved, around.state) = (legacy.saved.take(), std::mem::take(&mut legacy.state));
                if !legacy.is_same {
                    kept::forget(id, &mut lane.core.pending);
                }
            }
            // It did not run here before: what it had when the gateway ran last.
            None => (around.state, saved) = kept::load(node, shared),
        }
        if let (Running::Transform(transform), Some(saved)) = (&mut running, &saved) {
            transform.restore(saved.clone());
        }
        around.saved = saved;
        if let Some(legacy) = legacies.remove(id) {
            queue.extend(legacy.backlog.into_iter().map(|envelope| Envelope { to: at as u32, ..envelope }));
            if let (Running::Connector(port), Some(before)) = (&running, legacy.port) {
                port.inherit(&before);
            }
        }
        if let (Running::Connector(port), Some(connector)) = (&running, new.connector) {
            connectors.push((node.clone(), handle.clone(), port.clone(), connector));
        }
        lane.slots.push(Slot { node: running, around });
    }
    for (id, legacy) in old.keys().filter_map(|id| Some((id, legacies.remove(id)?))) {
        kept::forget(id, &mut lane.core.pending);
        lost_count += legacy.backlog.len() as u64;
        legacy.backlog.into_iter().for_each(|envelope| lost(envelope.mail));
    }
    lane.core.queue = queue;
    lost_count
}

/// Points the wires and listeners of a lane at where nodes are now.
pub fn rewire(
    lane: &mut Lane,
    number: usize,
    places: &HashMap<Str, (usize, u32)>,
    handles: &[Arc<LaneHandle>],
    shared: &Shared,
) {
    for slot in &mut lane.slots {
        let around = &mut slot.around;
        let mut ports = around.plan.wires.clone();
        if !around.facts.links.is_empty() {
            // The targets of a link out come behind its own wires.
            if ports.is_empty() {
                ports.push(Vec::new());
            }
            ports[0].extend(around.facts.links.iter().map(Str::new));
        }
        let wire = |port: usize, target: &Str| {
            let &(lane, at) = places.get(target)?;
            let counters = shared.counters.wire(&around.plan.config.id, port as u16, target);
            let to = target.clone();
            let target = match lane == number {
                true => Target::Here(at),
                false => Target::There { lane: handles[lane].clone(), node: target.clone() },
            };
            Some(Wire { target, to, counters })
        };
        around.wires = ports
            .iter()
            .enumerate()
            .map(|(port, targets)| targets.iter().filter_map(|target| wire(port, target)).collect())
            .collect();
    }
    let members: Vec<Member<'_>> = lane
        .slots
        .iter()
        .map(|slot| Member { plan: &slot.around.plan, listen: slot.around.facts.listen.clone() })
        .collect();
    let listeners = scopes::listeners(&members);
    drop(members);
    for (slot, listeners) in lane.slots.iter_mut().zip(listeners) {
        if let Running::Connector(port) = &slot.node {
            port.set_listeners(!listeners.complete.is_empty(), !listeners.catch.is_empty());
        }
        slot.around.listeners = listeners;
    }
}

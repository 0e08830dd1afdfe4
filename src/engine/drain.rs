//! The way to a stop: sources first, then what is under way, then sinks, with a deadline that names the stuck.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use tidegate_nodes::message::Token;
use tidegate_nodes::value::Str;

use super::deploy::Layout;
use super::inbox::LaneHandle;
use super::lane::Lane;
use super::observer::Event;
use super::port::Phase;
use super::slot::Running;
use super::{Engine, Shared};

/// How a stop went.
#[derive(Debug, Default, Serialize)]
pub struct Drained {
    /// Nodes that were not done by the deadline, and what with. Their sources are not acknowledged.
    pub stuck: Vec<Stuck>,
}

#[derive(Debug, Serialize)]
pub struct Stuck {
    pub node: Str,
    pub why: String,
}

/// How often the state of things is looked at while draining.
const LOOK: Duration = Duration::from_millis(5);

impl Engine {
    /// Whether nothing is under way and no node holds a message.
    pub fn is_at_rest(&self) -> bool {
        let layout = self.lock();
        let holds = |handle: &Arc<LaneHandle>| {
            handle.lane().slots.iter().any(|slot| slot.around.holding.messages() > 0)
        };
        quiet(&layout) && !layout.lanes.iter().any(holds)
    }

    pub(super) fn drain(&self, deadline: Duration) -> Drained {
        let until = Instant::now() + deadline;
        let mut layout = self.lock();
        layout.tasks.values().for_each(|task| task.port.enter(Phase::Drain));
        layout.lanes.iter().for_each(|handle| halt_sources(&mut handle.lane()));
        while !quiet(&layout) && Instant::now() < until {
            std::thread::sleep(LOOK);
        }
        let mut drained = Drained::default();
        for handle in &layout.lanes {
            let mut lane = handle.lane();
            name_stuck(&lane, &mut drained.stuck);
            close(&mut lane, &self.shared);
        }
        for task in layout.tasks.values() {
            task.port.enter(Phase::Close);
        }
        // A second at least: politeness to brokers is worth it even when the deadline was used up.
        let rest = until.saturating_duration_since(Instant::now()).max(Duration::from_secs(1));
        let end = Instant::now() + rest;
        if let Some(runtime) = &self.runtime {
            for (id, mut task) in layout.tasks.drain() {
                let left = end.saturating_duration_since(Instant::now());
                let closed = runtime.block_on(async { tokio::time::timeout(left, &mut task.handle).await });
                if closed.is_err() {
                    task.handle.abort();
                    drained
                        .stuck
                        .push(Stuck { node: id, why: "its connection did not close in time".to_string() });
                }
            }
        }
        // After the connectors, which may have been its clients.
        self.close_alone(&mut layout, |_| true);
        // What is still held is dropped here, and its sources hear that it was not delivered.
        for handle in layout.lanes.drain(..) {
            *handle.lane() = Lane::default();
        }
        drained
    }
}

fn quiet(layout: &Layout) -> bool {
    let lane_quiet = |handle: &Arc<LaneHandle>| handle.is_idle() && handle.lane().is_quiet();
    layout.lanes.iter().all(lane_quiet) && layout.tasks.values().all(|task| task.port.unconfirmed() == 0)
}

/// Sources that make messages by themselves make no more.
fn halt_sources(lane: &mut Lane) {
    for at in 0..lane.slots.len() {
        if lane.slots[at].around.plan.is_source() {
            lane.core.timers.forget(at as u32);
        }
    }
}

fn name_stuck(lane: &Lane, stuck: &mut Vec<Stuck>) {
    for slot in &lane.slots {
        let around = &slot.around;
        let at = around.index;
        let queued = lane.core.queue.iter().filter(|envelope| envelope.to == at).count();
        let held = around.holding.messages();
        let unconfirmed = match &slot.node {
            Running::Connector(port) => port.unconfirmed(),
            _ => 0,
        };
        for (count, what) in [
            (queued, "messages wait for it"),
            (held, "messages are held by it"),
            (unconfirmed, "messages are not confirmed"),
        ] {
            if count > 0 {
                stuck.push(Stuck { node: around.id.id.clone(), why: format!("{count} {what}") });
            }
        }
    }
}

fn close(lane: &mut Lane, shared: &Shared) {
    close_all(lane, shared);
    lane.write(shared);
}

fn close_all(lane: &mut Lane, shared: &Shared) {
    for at in 0..lane.slots.len() {
        lane.run(at as u32, Token::none(), shared, |node, cx| {
            node.close(cx);
            Ok(())
        });
        let around = &lane.slots[at].around;
        let count = around.holding.messages() as u64;
        if count > 0 {
            shared.tell(
                &around.id,
                Event::Lost { count, reason: "the gateway stopped while the node held them" },
            );
        }
    }
}

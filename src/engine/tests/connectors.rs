//! The host loop: nothing lost over broken connections, panics and stops; memory bounded; acknowledgements in order.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};
use tidegate_nodes::message::Outcome;

use super::super::{Engine, Limits, Options};
use super::world::World;
use super::{BOOM, Log, flow, node, plan};
use crate::flow::Deployment;

struct Rig {
    engine: Option<Engine>,
    world: Arc<World>,
    log: Arc<Log>,
    runtime: tokio::runtime::Runtime,
}

const CREDITS: usize = 100;

fn start(name: &str, middle: Vec<Json>, first: &str) -> Rig {
    let world = World::named(name);
    let mut nodes = vec![node("source", "source", json!([[first]]), json!({ "world": name }))];
    nodes.extend(middle);
    nodes.push(node("sink", "sink", json!([]), json!({ "world": name })));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let options =
        Options { credits: Limits { messages: CREDITS, bytes: 1 << 20 }, threads: 2, ..Options::default() };
    let log = Arc::new(Log::default());
    let engine = Engine::start(options, log.clone(), runtime.handle().clone()).unwrap();
    engine.deploy(plan(&flow(nodes)), Deployment::Full);
    Rig { engine: Some(engine), world, log, runtime }
}

impl Rig {
    fn stop(&mut self) -> super::super::Drained {
        self.engine.take().expect("stopped once").stop(Duration::from_secs(20))
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if let Some(engine) = self.engine.take() {
            engine.stop(Duration::ZERO);
        }
        // The runtime is dropped behind the engine that uses it.
        let _ = &self.runtime;
    }
}

#[test]
fn messages_go_through_and_are_acknowledged_in_order() {
    let mut rig = start("order", vec![node("a", "counter", json!([["sink"]]), json!({}))], "a");
    rig.world.change(|state| {
        state.confirms = usize::MAX;
        state.to_give.extend(0..10_000);
    });
    rig.world.wait("all are acknowledged", |state| state.acknowledged.len() == 10_000);
    rig.world.look(|state| {
        assert!(state.taken.iter().copied().eq(0..10_000));
        let expected = (0..10_000).map(|n| (n, Outcome::Done));
        assert!(state.acknowledged.iter().copied().eq(expected));
    });
    assert!(rig.stop().stuck.is_empty());
}

#[test]
fn a_sink_that_stalls_stops_the_source_and_memory_stays() {
    let mut rig = start("stall", vec![node("a", "counter", json!([["sink"]]), json!({}))], "a");
    rig.world.change(|state| state.endless = true);
    rig.world.wait("the sink has all credits in hand", |state| state.in_hand == CREDITS);
    // What is read and has no credit waits in a bounded place; then the source is not read any more.
    rig.world.wait("the source is not read any more", |state| state.given > 1_000);
    let mut given = 0;
    loop {
        let now = rig.world.look(|state| state.given);
        let taken = rig.world.look(|state| state.taken.len());
        assert_eq!(taken, CREDITS, "no more than its credits is under way");
        if now == given {
            break;
        }
        assert!(now < 200_000, "{now} were read with nobody to take them");
        given = now;
        std::thread::yield_now();
    }
    rig.world.change(|state| {
        state.endless = false;
        state.confirms = usize::MAX;
    });
    let read = rig.world.look(|state| state.given);
    rig.world.wait("all that was read is through", |state| state.acknowledged.len() as i64 >= read);
    assert!(rig.world.look(|state| state.acknowledged.iter().all(|(_, outcome)| *outcome == Outcome::Done)));
    assert!(rig.stop().stuck.is_empty());
}

#[test]
fn a_connection_that_breaks_loses_nothing_and_keeps_the_order() {
    let mut rig = start("breaks", vec![node("a", "counter", json!([["sink"]]), json!({}))], "a");
    rig.world.change(|state| {
        // It breaks with everything unconfirmed in hand, twice, and cannot be reached once in between.
        state.breaks_at = vec![30, 150];
        state.refuse_open = Some(3);
        state.to_give.extend(0..500);
    });
    rig.world.wait("it broke twice and was refused", |state| state.opened >= 4);
    rig.world.change(|state| state.confirms = usize::MAX);
    rig.world.wait("all are acknowledged", |state| state.acknowledged.len() == 500);
    rig.world.look(|state| {
        assert!(state.acknowledged.iter().all(|(_, outcome)| *outcome == Outcome::Done));
        let mut seen = Vec::new();
        for n in &state.taken {
            if !seen.contains(n) {
                seen.push(*n);
            }
        }
        assert!(seen.iter().copied().eq(0..500), "each for the first time in order");
    });
    assert!(rig.stop().stuck.is_empty());
}

#[test]
fn a_sink_that_panics_starts_again_and_what_it_had_is_not_acknowledged() {
    let mut rig = start("panics", vec![], "sink");
    rig.world.change(|state| {
        state.panic_on = Some(5);
        state.to_give.push_back(5);
    });
    rig.world.wait("the message is settled", |state| state.acknowledged == [(5, Outcome::Undelivered)]);
    rig.world.change(|state| {
        state.confirms = usize::MAX;
        state.to_give.push_back(6);
    });
    rig.world.wait("the next is through", |state| state.acknowledged.contains(&(6, Outcome::Done)));
    assert!(rig.stop().stuck.is_empty());
}

#[test]
fn a_message_in_a_transform_that_panics_is_not_acknowledged() {
    let mut rig = start("boom", vec![node("a", "fragile", json!([["sink"]]), json!({}))], "a");
    rig.world.change(|state| {
        state.confirms = usize::MAX;
        state.to_give.extend([1, BOOM, 2]);
    });
    rig.world.wait("all are settled", |state| state.acknowledged.len() == 3);
    let expected = [(1, Outcome::Done), (BOOM as u64, Outcome::Undelivered), (2, Outcome::Done)];
    rig.world.look(|state| {
        assert_eq!(state.acknowledged, expected);
        assert_eq!(state.taken, [1, 2], "what came behind it waited for the restart");
    });
    assert_eq!(rig.log.errors().len(), 1);
    assert!(rig.stop().stuck.is_empty());
}

#[test]
fn what_a_stopped_node_held_is_not_acknowledged() {
    let mut rig = start("held", vec![node("a", "pause", json!([["sink"]]), json!({"ms": 3_600_000}))], "a");
    rig.world.change(|state| {
        state.confirms = usize::MAX;
        state.to_give.extend(0..3);
    });
    let holding = || {
        let engine = rig.engine.as_ref().expect("it runs");
        let lane = engine.lock().lanes[0].clone();
        lane.lane().slots[1].around.holding.messages()
    };
    while holding() < 3 {
        std::thread::yield_now();
    }
    let drained = rig.stop();
    assert_eq!(drained.stuck[0].why, "3 messages are held by it");
    assert_eq!(rig.log.lost(), 3);
    // The source was gone before it could hear; what matters is that nobody told it that they were done.
    rig.world.look(|state| {
        assert!(state.acknowledged.iter().all(|(_, outcome)| *outcome == Outcome::Undelivered))
    });
}

#[test]
fn a_stop_drains_what_is_under_way_and_names_what_is_stuck() {
    let mut rig = start("drain", vec![node("a", "pause", json!([["sink"]]), json!({"ms": 1}))], "a");
    rig.world.change(|state| {
        state.confirms = 40;
        state.to_give.extend(0..50);
    });
    rig.world.wait("what may be confirmed is", |state| state.acknowledged.len() == 40 || state.in_hand == 10);
    let drained = rig.engine.take().unwrap().stop(Duration::from_millis(50));
    assert_eq!(drained.stuck.len(), 1, "{:?}", drained.stuck);
    assert_eq!(
        (drained.stuck[0].node.as_str(), drained.stuck[0].why.as_str()),
        ("sink", "10 messages are not confirmed")
    );
    let undelivered = rig.world.look(|state| state.taken.len());
    assert_eq!(undelivered, 50);
}

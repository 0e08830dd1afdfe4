//! Restarts, deploys, panics and names: what lasts over them.

use serde_json::json;
use tidegate_nodes::message::Outcome;
use tidegate_nodes::value::Object;
use tidegate_nodes::value::Value;

use super::super::BOOM;
use super::super::node;
use super::super::plan;
use super::super::world::State;
use super::super::world::World;
use super::Rig;
use super::acknowledged;
use super::all_done;
use super::firsts;
use super::nodes;
use crate::flow::Deployment;

/// No message has two names, and no two have the same.
fn look_at_names(state: &State) {
    let mut by_name = std::collections::HashMap::new();
    let mut by_number = std::collections::HashMap::new();
    for (n, name) in &state.names {
        assert_eq!(by_name.insert(name, *n).unwrap_or(*n), *n, "two messages are called {name}");
        assert_eq!(by_number.insert(*n, name).unwrap_or(name), name, "{n} has two names");
    }
}

#[test]
fn a_message_that_was_stored_while_it_was_out_keeps_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::start(dir.path(), "names", &[], &json!({"slow_messages": 10}));
    rig.give(0..30);
    rig.wait("all are acknowledged though nothing is confirmed", acknowledged(30));
    rig.wait("the sink has all", |state| state.in_hand == 30);
    rig.world.change(|state| state.down = true);
    rig.wait("it has none any more", |state| state.opened > 1);
    rig.world.change(|state| {
        state.down = false;
        state.confirms = usize::MAX;
    });
    rig.wait("all are delivered again", |state| state.taken.len() == 60);
    rig.world.look(look_at_names);
    rig.stop();
}

#[test]
fn a_sink_that_comes_back_in_the_same_run_gives_no_name_twice() {
    let dir = tempfile::tempdir().unwrap();
    let with = nodes("comes back", &[], &json!({"mode": "offline"}));
    let mut without = with.clone();
    without.as_array_mut().unwrap().retain(|node| node["id"] != "sink");
    without[1]["wires"] = json!([[]]);
    let rig = Rig::run(dir.path(), "comes back", &with);
    rig.give(0..10);
    rig.wait("they are out", |state| state.in_hand == 10);
    rig.engine().deploy(plan(&without), Deployment::Nodes);
    rig.wait("they are on the disk", acknowledged(10));
    rig.world.change(|state| state.confirms = usize::MAX);
    rig.engine().deploy(plan(&with), Deployment::Nodes);
    rig.wait_until("they are delivered", || rig.backlog().messages == [0, 0, 0]);
    rig.wait_until("it is back to memory", || !rig.backlog().storing);
    rig.give(10..20);
    rig.wait("all are delivered", |state| state.acknowledged.len() == 20 && state.taken.len() == 30);
    rig.world.look(look_at_names);
    rig.stop();
}

#[test]
fn state_and_contexts_come_back_and_go_on_with_what_was_stored() {
    let dir = tempfile::tempdir().unwrap();
    let middle = [node("tally", "tally", json!([["sink"]]), json!({}))];
    let outbox = json!({"mode": "always"});
    World::named("tally").change(|state| state.down = true);
    let rig = Rig::start(dir.path(), "tally", &middle, &outbox);
    rig.give(0..100);
    rig.wait("all are acknowledged", acknowledged(100));
    rig.stop();
    let rig = Rig::start(dir.path(), "tally", &middle, &outbox);
    rig.give(100..101);
    rig.wait("it goes on", acknowledged(101));
    let stored = rig.records("outbox/sink/event");
    let counts: Vec<i64> =
        stored.iter().map(|record| record.value.get("count").unwrap().as_i64().unwrap()).collect();
    assert_eq!(counts, (1..=101).collect::<Vec<_>>());
    let key = tidegate_nodes::path::ContextKey::parse("#:(disk)::count").unwrap();
    let count = rig.engine().contexts().get("global", &key, &Object::new()).unwrap();
    assert_eq!(count, Some(Value::Int(101)));

    // A full deploy resets the state of nodes; the stored messages stay.
    rig.engine().deploy(plan(&nodes("tally", &middle, &outbox)), Deployment::Full);
    rig.give(101..102);
    rig.wait("it begins anew", acknowledged(102));
    assert_eq!(rig.records("outbox/sink/event")[101].value.get("count"), Some(&Value::Int(1)));
    rig.stop();
}

#[test]
fn a_hundred_deploys_with_a_full_outbox_lose_nothing_and_keep_the_order() {
    let dir = tempfile::tempdir().unwrap();
    let outbox = |n: usize| json!({"mode": if n.is_multiple_of(3) { "always" } else { "offline" }, "max_messages": 10_000 + n});
    let rig = Rig::start(dir.path(), "deploys", &[], &outbox(0));
    rig.world.change(|state| state.redelivers = true);
    for n in 0..100usize {
        let first = n as i64 * 20;
        rig.world.change(|state| {
            // Sometimes away, sometimes slow, sometimes there.
            state.down = n % 4 == 1;
            state.confirms = if n % 4 == 2 { 5 } else { usize::MAX };
        });
        rig.give(first..first + 20);
        let deployment = if n % 10 == 9 { Deployment::Full } else { Deployment::Nodes };
        rig.engine().deploy(plan(&nodes("deploys", &[], &outbox(n + 1))), deployment);
    }
    rig.world.change(|state| {
        state.down = false;
        state.confirms = usize::MAX;
    });
    rig.wait("all are delivered", |state| firsts(&state.taken).len() == 2_000);
    rig.wait("all are acknowledged", |state| state.given_out.is_empty() && state.to_give.is_empty());
    rig.stop();
}

#[test]
fn a_sink_that_panics_loses_nothing_that_its_outbox_has() {
    let dir = tempfile::tempdir().unwrap();
    for mode in ["always", "offline"] {
        let name = format!("panics {mode}");
        let rig = Rig::start(&dir.path().join(mode), &name, &[], &json!({ "mode": mode }));
        rig.world.change(|state| state.panic_on = Some(5));
        rig.give(0..10);
        rig.world.change(|state| state.confirms = usize::MAX);
        rig.wait("all are acknowledged", acknowledged(10));
        rig.wait("all are delivered", |state| firsts(&state.taken).len() == 10);
        assert!(rig.world.look(all_done));
        rig.wait_until("all are confirmed", || rig.backlog().messages == [0, 0, 0]);
        rig.stop();
    }
}

#[test]
fn what_is_lost_with_a_node_that_panics_is_not_acknowledged_though_it_wrote_state() {
    let dir = tempfile::tempdir().unwrap();
    let middle = [
        node("tally", "tally", json!([["f"]]), json!({})),
        node("f", "fragile", json!([["sink"]]), json!({})),
    ];
    let rig = Rig::start(dir.path(), "tally and boom", &middle, &json!({"mode": "always"}));
    rig.world.change(|state| state.confirms = usize::MAX);
    rig.give([1, BOOM, 2]);
    rig.wait("all are settled", |state| state.acknowledged.len() == 3);
    rig.world.look(|state| {
        let expected = [(1, Outcome::Done), (BOOM as u64, Outcome::Undelivered), (2, Outcome::Done)];
        assert_eq!(state.acknowledged, expected);
    });
    rig.stop();
}

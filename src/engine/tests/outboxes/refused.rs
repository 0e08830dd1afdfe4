//! What the other side refuses: tried again, caught, or a dead letter.

use std::ops::ControlFlow::Continue;

use serde_json::json;
use tidegate_nodes::value::Object;
use tidegate_nodes::value::Value;

use super::super::node;
use super::super::plan;
use super::super::world::World;
use super::Rig;
use super::acknowledged;
use super::all_done;
use super::nodes;
use crate::flow::Deployment;
use crate::store::{DEAD_LETTERS, admin};

#[test]
fn what_can_never_be_delivered_is_a_dead_letter_and_the_others_pass() {
    let dir = tempfile::tempdir().unwrap();
    let outbox = json!({"mode": "always", "retry": {"attempts": 2, "wait": 0.01}});
    let rig = Rig::start(dir.path(), "poison", &[], &outbox);
    rig.world.change(|state| {
        state.confirms = usize::MAX;
        state.poison = vec![3, 50];
    });
    rig.give(0..100);
    rig.wait("the others are delivered", |state| state.taken.len() == 98);
    rig.wait_until("the letters are dead", || rig.records(DEAD_LETTERS).len() == 2);
    let letters = rig.records(DEAD_LETTERS);
    assert_eq!(letters[0].about.get("reason"), Some(&Value::from("the other side refuses it")));
    assert_eq!(letters[0].about.get("outbox"), Some(&Value::from("outbox/sink/event")));
    assert_eq!(letters[0].value.get("payload"), Some(&Value::Int(3)));
    rig.wait_until("nothing is left", || rig.backlog().messages == [0, 0, 0]);
    let balances = rig.stop();
    let of = |log: &str| balances.iter().find(|balance| balance.log == log).unwrap();
    let queue = of("outbox/sink/event");
    assert_eq!((queue.confirmed, queue.ledgered, queue.stored), (98, 2, 0));
    assert_eq!(of(DEAD_LETTERS).stored, 2);
}

#[test]
fn a_refused_message_that_passes_through_is_a_dead_letter_too() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::start(dir.path(), "poison passing", &[], &json!({}));
    rig.world.change(|state| {
        state.confirms = usize::MAX;
        state.poison = vec![3];
    });
    rig.give(0..10);
    rig.wait("all are acknowledged: no redelivery loop", acknowledged(10));
    assert!(rig.world.look(all_done));
    let letters = rig.records(DEAD_LETTERS);
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].about.get("node"), Some(&Value::from("sink")));
    // Sent again by a person, it goes by the sink's outbox.
    rig.world.change(|state| state.poison.clear());
    assert_eq!(admin::retry(&rig.store, "sink", None, &mut |_| Continue(())).unwrap().messages, 1);
    rig.wait("it is delivered", |state| state.taken.contains(&3));
    rig.stop();
}

#[test]
fn what_is_refused_on_its_way_through_memory_is_tried_as_often_as_the_sink_says() {
    let dir = tempfile::tempdir().unwrap();
    let outbox = json!({"mode": "offline", "retry": {"attempts": 3, "wait": 0.01}});
    let rig = Rig::start(dir.path(), "poison again", &[], &outbox);
    rig.world.change(|state| {
        state.confirms = usize::MAX;
        state.poison = vec![3];
    });
    rig.give(0..10);
    rig.wait("all are acknowledged", acknowledged(10));
    assert_eq!(rig.world.look(|state| state.refused.clone()), [3, 3, 3]);
    assert_eq!(rig.records(DEAD_LETTERS).len(), 1);
    // One that is taken when it comes again is delivered, and no dead letter.
    rig.world.change(|state| (state.poison, state.refused) = (vec![12], vec![]));
    let outbox = json!({"mode": "offline", "retry": {"attempts": 1_000, "wait": 0.01}});
    rig.engine().deploy(plan(&nodes("poison again", &[], &outbox)), Deployment::Nodes);
    rig.give(10..20);
    rig.wait("it is refused", |state| state.refused.len() >= 2);
    rig.world.change(|state| state.poison.clear());
    rig.wait("it is delivered", |state| state.taken.contains(&12));
    rig.wait("all are acknowledged", acknowledged(20));
    assert_eq!(rig.records(DEAD_LETTERS).len(), 1);
    rig.stop();
}

#[test]
fn an_error_that_a_catch_takes_is_no_dead_letter() {
    let dir = tempfile::tempdir().unwrap();
    let mut flow = nodes("caught", &[], &json!({"mode": "always"}));
    let nodes = flow.as_array_mut().unwrap();
    nodes.push(json!({"id": "catch", "type": "catch", "z": "t", "scope": ["sink"], "wires": [["second"]]}));
    nodes.push(node("second", "keeper", json!([]), json!({"world": "caught second"})));
    let rig = Rig::run(dir.path(), "caught", &flow);
    rig.world.change(|state| {
        state.confirms = usize::MAX;
        state.poison = vec![3];
    });
    let second = World::named("caught second");
    rig.give(0..10);
    second.wait("the catch has it", |state| state.taken == [3]);
    rig.wait("all are acknowledged", acknowledged(10));
    let left = || rig.backlog().messages.iter().sum::<u64>();
    rig.wait_until("the others are done", || left() == 1);
    second.change(|state| state.confirms = usize::MAX);
    rig.wait_until("it is done when what the catch leads to is", || left() == 0);
    assert!(rig.records(DEAD_LETTERS).is_empty());
    let balances = rig.stop();
    let of_sink = balances.iter().find(|balance| balance.log == "outbox/sink/event").unwrap();
    assert_eq!((of_sink.confirmed, of_sink.ledgered), (9, 1));
}

#[test]
fn an_error_in_a_transform_that_nobody_catches_is_a_dead_letter() {
    let dir = tempfile::tempdir().unwrap();
    let middle = [
        json!({"id": "s", "type": "json", "z": "t", "action": "obj", "property": "text", "wires": [["sink"]]}),
    ];
    let rig = Rig::start(dir.path(), "script", &middle, &json!({}));
    fn dress(n: i64, value: &mut Object) {
        value.insert("text", if n == 4 { "{" } else { "1" });
    }
    rig.world.change(|state| {
        state.confirms = usize::MAX;
        state.dress = Some(dress);
    });
    rig.give(0..10);
    rig.wait("all are acknowledged", acknowledged(10));
    assert!(rig.world.look(all_done));
    let letters = rig.records(DEAD_LETTERS);
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].about.get("node"), Some(&Value::from("s")));
    let refused = admin::retry(&rig.store, "s", None, &mut |_| Continue(())).unwrap_err().to_string();
    assert!(refused.contains("the node s, which has no outbox"), "{refused}");
    rig.stop();
}

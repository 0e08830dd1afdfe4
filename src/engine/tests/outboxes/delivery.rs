//! Who is acknowledged when, and what is delivered in which order.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tidegate_nodes::value::Object;
use tidegate_nodes::value::Value;

use super::super::world::KEEPER;
use super::super::world::World;
use super::Rig;
use super::acknowledged;
use super::all_done;
use super::firsts;
use super::nodes;
use crate::engine::outbox::Outbox;
use crate::engine::pending::Pending;
use crate::store;
use crate::store::Record;
use crate::store::Store;

#[test]
fn always_acknowledges_when_it_is_on_the_disk_and_delivers_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    World::named("always").change(|state| state.down = true);
    let rig = Rig::start(dir.path(), "always", &[], &json!({"mode": "always"}));
    rig.give(0..2_000);
    rig.wait("all are acknowledged though nobody is there", acknowledged(2_000));
    assert!(rig.world.look(all_done));
    assert_eq!(rig.backlog().messages, [0, 2_000, 0]);
    let balances = rig.stop();
    assert_eq!((balances[0].appended, balances[0].stored), (2_000, 2_000));

    let rig = Rig::start(dir.path(), "always", &[], &json!({"mode": "always"}));
    rig.world.change(|state| {
        state.down = false;
        state.taken.clear();
        state.confirms = usize::MAX;
    });
    rig.wait("all are delivered", |state| state.taken.len() == 2_000);
    rig.world.look(|state| assert!(state.taken.iter().copied().eq(0..2_000), "in order, each once"));
    rig.wait_until("all are confirmed", || rig.backlog().messages == [0, 0, 0]);
    let balances = rig.stop();
    assert_eq!((balances[0].confirmed, balances[0].stored), (2_000, 0));
}

#[test]
fn offline_touches_the_disk_only_while_nobody_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::start(dir.path(), "offline", &[], &json!({}));
    rig.world.change(|state| state.confirms = usize::MAX);
    rig.give(0..500);
    rig.wait("all are acknowledged", acknowledged(500));
    assert!(rig.balances().is_empty(), "nothing was written");

    // It goes away with some in hand that are not confirmed.
    rig.world.change(|state| state.confirms = 0);
    rig.give(500..520);
    rig.wait("some are in its hands", |state| state.in_hand == 20);
    rig.world.change(|state| state.down = true);
    rig.give(520..1_500);
    rig.wait("all are acknowledged though nobody is there", acknowledged(1_500));
    assert!(rig.world.look(all_done));
    assert!(rig.backlog().storing);
    assert_eq!(rig.backlog().messages.iter().sum::<u64>(), 1_000);

    rig.world.change(|state| {
        state.down = false;
        state.confirms = usize::MAX;
    });
    rig.wait("all are delivered", |state| firsts(&state.taken).len() == 1_500);
    rig.world.look(|state| assert_eq!(firsts(&state.taken), (0..1_500).collect::<Vec<_>>(), "in order"));
    rig.wait_until("it is back to memory", || !rig.backlog().storing);
    rig.give(1_500..1_600);
    rig.wait("what comes passes through again", acknowledged(1_600));
    let balances = rig.stop();
    assert_eq!((balances[0].appended, balances[0].confirmed), (1_000, 1_000), "{balances:?}");
    // Those that went out twice had the same name both times, and no two had the same.
    World::named("offline").look(|state| {
        let mut by_name = std::collections::HashMap::new();
        for (n, name) in &state.names {
            assert_eq!(by_name.insert(name.clone(), *n).unwrap_or(*n), *n, "two messages are called {name}");
        }
        for n in 500..520 {
            let of_it = state.names.iter().filter(|(of, _)| *of == n);
            let names: Vec<&String> = of_it.map(|(_, name)| name).collect();
            assert_eq!(names.len(), 2);
            assert_eq!(names[0], names[1]);
        }
    });
}

#[test]
fn a_slow_sink_does_not_hold_up_its_source() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::start(dir.path(), "slow", &[], &json!({"slow_messages": 10}));
    rig.give(0..1_000);
    rig.wait("all are acknowledged though nothing is confirmed", acknowledged(1_000));
    assert_eq!(rig.backlog().messages.iter().sum::<u64>(), 1_000);
    rig.world.change(|state| state.confirms = usize::MAX);
    rig.wait("all are delivered", |state| state.taken.len() == 1_000);
    rig.world.look(|state| assert!(state.taken.iter().copied().eq(0..1_000), "each once, in order"));
    rig.wait_until("it is back to memory", || !rig.backlog().storing);
    rig.stop();
}

#[test]
fn one_that_is_unconfirmed_too_long_counts_as_slow() {
    let dir = tempfile::tempdir().unwrap();
    let rig = Rig::start(dir.path(), "late", &[], &json!({"slow_ms": 50}));
    rig.give([7]);
    rig.wait("it is acknowledged from the disk", acknowledged(1));
    rig.world.change(|state| state.confirms = usize::MAX);
    rig.wait_until("it is confirmed", || rig.backlog().messages == [0, 0, 0]);
    assert_eq!(rig.world.look(|state| state.taken.clone()), [7], "it was not sent twice");
    rig.stop();
}

#[test]
fn alarms_go_first_and_telemetry_last() {
    fn dress(n: i64, value: &mut Object) {
        value.insert("priority", ["telemetry", "event", "alarm"][(n % 3) as usize]);
    }
    let dir = tempfile::tempdir().unwrap();
    World::named("priorities").change(|state| {
        state.down = true;
        state.dress = Some(dress);
    });
    let rig = Rig::start(dir.path(), "priorities", &[], &json!({"mode": "always"}));
    rig.give(0..90);
    rig.wait("all are acknowledged", acknowledged(90));
    rig.world.change(|state| {
        state.down = false;
        state.taken.clear();
        state.confirms = usize::MAX;
    });
    rig.wait("all are delivered", |state| state.taken.len() == 90);
    let ranks = rig.world.look(|state| state.taken.iter().map(|n| 2 - n % 3).collect::<Vec<_>>());
    assert!(ranks.is_sorted(), "{ranks:?}");
    rig.stop();
}

#[test]
fn what_is_put_away_does_not_hide_what_was_sent_back_a_moment_before() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(dir.path(), store::Options::default()).unwrap());
    let json = json!({"mode": "offline"});
    let host = tidegate_nodes::testing::MemoryHost::default();
    let node = tidegate_nodes::testing::config("keeper", json!({ "outbox": json }), &host);
    let settings = tidegate_nodes::outbox::Outbox::of(KEEPER.descriptor, &node).unwrap().unwrap();
    let outbox = Outbox::open(&"sink".into(), settings, &store).unwrap();
    let message =
        |n: i64| tidegate_nodes::message::Message::new([("payload", Value::Int(n))].into_iter().collect());
    outbox.accept(tidegate_nodes::message::Unconfirmed::new(message(2)), &mut Pending::default());
    // In one commit with what is put away.
    let letter = Record { value: message(1).value, ..Record::default() };
    let queue = store.find_log("outbox/sink/event").unwrap();
    store.submit(store::Commit { records: vec![(queue.clone(), letter)], ..Default::default() });
    outbox.put_away();
    store.submit_and_wait(store::Commit::default(), Duration::from_secs(20)).unwrap();
    assert_eq!(queue.next(), 3);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut taken: Vec<i64> = Vec::new();
    while taken.len() < 2 {
        let batch = runtime.block_on(outbox.next_batch(10, false));
        assert!(!batch.is_empty(), "one is hidden, only {taken:?} came");
        taken.extend(batch.iter().map(|handed| handed.message.payload().as_i64().unwrap()));
    }
    assert_eq!(taken, [1, 2]);
    assert!(runtime.block_on(outbox.next_batch(10, false)).is_empty(), "each once");
}

#[test]
fn at_most_once_does_not_let_the_source_wait() {
    let dir = tempfile::tempdir().unwrap();
    let mut flow = nodes("at most once", &[], &json!({"mode": "off"}));
    flow[0]["delivery"] = json!("at-most-once");
    let rig = Rig::run(dir.path(), "at most once", &flow);
    rig.give(0..50);
    rig.wait("all are acknowledged on receipt", acknowledged(50));
    rig.wait("the sink has them all, and confirms nothing", |state| state.in_hand == 50);
    rig.stop();
}

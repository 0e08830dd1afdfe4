//! Outboxes in front of a sink, with a real store: who is acknowledged when, what is delivered in which order, what is
//! dropped and counted, and that nothing is lost over outages, restarts and deploys.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use tidegate_nodes::message::Outcome;
use tidegate_nodes::value::{Object, Value};

use super::super::{Backlog, Engine, Limits, Options};
use super::world::{State, World};
use super::{BOOM, Log, flow, node, plan};
use crate::flow::Deployment;
use crate::store::{self, Balance, DEAD_LETTERS, Record, Store};

pub struct Rig {
    engine: Option<Engine>,
    pub store: Arc<Store>,
    pub world: Arc<World>,
    name: String,
    _runtime: tokio::runtime::Runtime,
}

/// source -> middle ... -> keeper, with this outbox.
fn nodes(name: &str, middle: &[Json], outbox: &Json) -> Json {
    let first = middle.first().map_or("sink", |node| node["id"].as_str().unwrap());
    let mut nodes = vec![node("source", "source", json!([[first]]), json!({ "world": name }))];
    nodes.extend(middle.iter().cloned());
    nodes.push(node("sink", "keeper", json!([]), json!({ "world": name, "outbox": outbox })));
    flow(nodes)
}

impl Rig {
    fn start(dir: &Path, name: &str, middle: &[Json], outbox: &Json) -> Rig {
        Rig::run(dir, name, &nodes(name, middle, outbox))
    }

    pub fn run(dir: &Path, name: &str, flow: &Json) -> Rig {
        let world = World::named(name);
        let batching = store::Batching { linger: Duration::from_millis(1), ..store::Batching::default() };
        let store = Arc::new(Store::open(dir, store::Options { batching, ..Default::default() }).unwrap());
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let options = Options {
            credits: Limits { messages: 100, bytes: 1 << 20 },
            threads: 2,
            store: Some(store.clone()),
            context_stores: vec!["memory".to_string(), "disk".to_string()],
            ..Options::default()
        };
        let engine = Engine::start(options, Arc::new(Log::default()), runtime.handle().clone()).unwrap();
        let deployed = engine.deploy(plan(flow), Deployment::Full);
        assert!(deployed.refused.is_empty(), "{:?}", deployed.refused);
        Rig { engine: Some(engine), store, world, name: name.to_string(), _runtime: runtime }
    }

    pub fn engine(&self) -> &Engine {
        self.engine.as_ref().expect("it runs")
    }

    fn backlog(&self) -> Backlog {
        self.engine().backlogs().into_iter().find(|backlog| backlog.node == "sink").expect("an outbox")
    }

    fn balances(&self) -> Vec<Balance> {
        self.store.view(|view| view.balances()).unwrap()
    }

    pub fn give(&self, numbers: impl IntoIterator<Item = i64>) {
        let numbers: Vec<i64> = numbers.into_iter().collect();
        self.world.change(|state| state.to_give.extend(numbers));
    }

    pub fn wait(&self, what: &str, so: impl Fn(&State) -> bool) {
        self.world.wait(what, so);
    }

    /// Waits for what only the gateway knows.
    pub fn wait_until(&self, what: &str, so: impl Fn() -> bool) {
        let end = Instant::now() + Duration::from_secs(60);
        while !so() {
            assert!(Instant::now() < end, "{}: waited in vain until {what}", self.name);
            std::thread::yield_now();
        }
    }

    /// Stops in order, and looks whether the balances hold.
    pub fn stop(mut self) -> Vec<Balance> {
        self.engine.take().unwrap().stop(Duration::from_secs(20));
        self.store.submit_and_wait(store::Commit::default(), Duration::from_secs(20)).unwrap();
        let balances = self.balances();
        for balance in &balances {
            assert!(balance.holds, "{balance:?}");
        }
        self.store.close();
        balances
    }

    pub fn records(&self, log: &str) -> Vec<Record> {
        let Some(log) = self.store.find_log(log) else { return Vec::new() };
        let page = self.store.read(&log, 1, 10_000, 1 << 24).unwrap();
        page.records.into_iter().map(|(_, record)| record).collect()
    }
}

pub fn acknowledged(count: usize) -> impl Fn(&State) -> bool {
    move |state| state.acknowledged.len() == count
}

pub fn all_done(state: &State) -> bool {
    state.acknowledged.iter().all(|(_, outcome)| *outcome == Outcome::Done)
}

fn firsts(taken: &[i64]) -> Vec<i64> {
    let mut seen = std::collections::HashSet::new();
    taken.iter().copied().filter(|n| seen.insert(*n)).collect()
}

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
fn a_full_outbox_drops_what_its_policy_says_and_counts_it() {
    for (policy, kept) in [("drop_newest", 0..80), ("drop_oldest", 120..200)] {
        let dir = tempfile::tempdir().unwrap();
        let outbox = json!({"mode": "always", "max_messages": 100, "when_full": policy});
        let name = format!("full {policy}");
        World::named(&name).change(|state| state.down = true);
        let rig = Rig::start(dir.path(), &name, &[], &outbox);
        rig.give(0..200);
        rig.wait("all are acknowledged", acknowledged(200));
        assert!(rig.world.look(all_done));
        rig.world.change(|state| {
            state.down = false;
            state.confirms = usize::MAX;
        });
        let last = kept.end - 1;
        rig.wait("the last is delivered", |state| state.taken.contains(&last));
        rig.wait_until("all are confirmed", || rig.backlog().messages == [0, 0, 0]);
        let taken = rig.world.look(|state| state.taken.clone());
        // An event may use four fifths; what is on its way to the disk counts before it is there.
        assert_eq!(taken, kept.collect::<Vec<_>>(), "{policy}");
        let balances = rig.stop();
        let dropped = if policy == "drop_oldest" { 120 } else { 0 };
        assert_eq!(balances[0].ledgered, dropped);
        let store = Store::open(dir.path(), store::Options::default()).unwrap();
        let totals = store.view(|view| view.ledger_totals()).unwrap();
        let (scope, _, count) = &totals[0];
        assert_eq!((scope.as_str(), *count), ("outbox/sink/event", 120), "{totals:?}");
    }
}

#[test]
fn a_full_outbox_that_blocks_lets_the_source_wait_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    World::named("blocks").change(|state| state.down = true);
    let rig = Rig::start(dir.path(), "blocks", &[], &json!({"mode": "always", "max_messages": 100}));
    rig.give(0..1_000);
    rig.wait_until("its part is full", || rig.backlog().messages[1] == 80 && rig.backlog().parked == 100);
    rig.wait("what is on the disk is acknowledged", acknowledged(80));
    rig.world.change(|state| {
        state.down = false;
        state.confirms = usize::MAX;
    });
    rig.wait("all are delivered", |state| state.acknowledged.len() == 1_000 && state.taken.len() == 1_000);
    rig.world.look(|state| assert!(state.taken.iter().copied().eq(0..1_000)));
    rig.stop();
}

#[test]
fn what_waited_too_long_is_expired_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    World::named("expired").change(|state| state.down = true);
    let rig = Rig::start(dir.path(), "expired", &[], &json!({"mode": "always", "max_age": 0.2}));
    rig.give(0..50);
    rig.wait("all are acknowledged", acknowledged(50));
    // The wall clock jumps a year on: that expires nothing.
    rig.store.jump_wall(365 * 86_400_000);
    rig.wait_until("they are too old", || rig.backlog().oldest_age_ms.is_some_and(|age| age > 300));
    rig.world.change(|state| {
        state.down = false;
        state.confirms = usize::MAX;
    });
    rig.wait_until("nothing is left", || rig.backlog().messages == [0, 0, 0]);
    rig.give([99]);
    rig.wait("a fresh one is delivered", |state| state.taken == [99]);
    let balances = rig.stop();
    assert_eq!((balances[0].ledgered, balances[0].confirmed), (50, 1));
}

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
fn what_is_put_away_does_not_hide_what_was_sent_back_a_moment_before() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(dir.path(), store::Options::default()).unwrap());
    let json = json!({"mode": "offline"});
    let host = tidegate_nodes::testing::MemoryHost::default();
    let node = tidegate_nodes::testing::config("keeper", json!({ "outbox": json }), &host);
    let settings =
        tidegate_nodes::outbox::Outbox::of(super::world::KEEPER.descriptor, &node).unwrap().unwrap();
    let outbox = super::super::Outbox::open(&"sink".into(), settings, &store).unwrap();
    let message =
        |n: i64| tidegate_nodes::message::Message::new([("payload", Value::Int(n))].into_iter().collect());
    outbox.accept(
        tidegate_nodes::message::Unconfirmed::new(message(2)),
        &mut super::super::pending::Pending::default(),
    );
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

#[test]
fn a_clock_that_jumps_expires_nothing_and_changes_no_order() {
    const HOUR: i64 = 3_600_000;
    let to_1970 = -std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_millis()).unwrap());
    for (n, jump) in [-HOUR, -14 * 24 * HOUR, to_1970, 365 * 24 * HOUR].into_iter().enumerate() {
        let dir = tempfile::tempdir().unwrap();
        let outbox = json!({"mode": "always", "max_age": 3_600});
        let name = format!("clock {n}");
        let rig = Rig::start(dir.path(), &name, &[], &outbox);
        // Without a backlog.
        rig.world.change(|state| state.confirms = usize::MAX);
        rig.give(0..50);
        rig.wait("all are delivered", |state| state.taken.len() == 50);
        rig.store.jump_wall(jump);
        // With one.
        rig.world.change(|state| state.down = true);
        rig.give(50..100);
        rig.wait("all are acknowledged", acknowledged(100));
        rig.store.jump_wall(-2 * jump);
        rig.give(100..150);
        rig.wait("all are acknowledged", acknowledged(150));
        rig.world.change(|state| state.down = false);
        rig.wait("all are delivered", |state| firsts(&state.taken).len() == 150);
        rig.world.look(|state| assert_eq!(firsts(&state.taken), (0..150).collect::<Vec<_>>(), "jump {jump}"));
        rig.wait_until("all are confirmed", || rig.backlog().messages == [0, 0, 0]);
        let balances = rig.stop();
        assert_eq!((balances[0].confirmed, balances[0].ledgered), (150, 0), "jump {jump}");
    }
}

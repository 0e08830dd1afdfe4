//! Outboxes in front of a sink, with a real store: the rig, and how a test looks at it.

mod delivery;
mod full;
mod lasting;
mod refused;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use tidegate_nodes::message::Outcome;

use super::super::{Backlog, Engine, Limits, Options};
use super::world::{State, World};
use super::{Log, flow, node, plan};
use crate::flow::Deployment;
use crate::store::{self, Balance, Record, Store};

pub struct Rig {
    engine: Option<Engine>,
    pub store: Arc<Store>,
    pub world: Arc<World>,
    name: String,
    log: Arc<Log>,
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
        let log = Arc::new(Log::default());
        let engine = Engine::start(options, log.clone(), runtime.handle().clone()).unwrap();
        let deployed = engine.deploy(plan(flow), Deployment::Full);
        assert!(deployed.refused.is_empty(), "{:?}", deployed.refused);
        Rig { engine: Some(engine), store, world, name: name.to_string(), log, _runtime: runtime }
    }

    pub fn engine(&self) -> &Engine {
        self.engine.as_ref().expect("it runs")
    }

    /// Whether a node has written this to the log.
    pub fn says(&self, text: &str) -> bool {
        self.log.says(text)
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
    pub fn wait_until(&self, what: &str, mut so: impl FnMut() -> bool) {
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

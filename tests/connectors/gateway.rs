//! An engine with a flow in it, and how the suite looks at it.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use tidegate::api::{self, Api, Listen};
use tidegate::engine::{Backlog, Engine, Event, Limits, NodeRef, Observer, Options};
use tidegate::flow::{self, Deployment, Document, ProcessEnv};
use tidegate::store::{self, Store};
use tidegate_nodes::value::{Object, Value};

use super::brokers::PATIENCE;
use super::subject::number_of;

/// How many messages of a source may be under way.
pub const CREDITS: usize = 200;
/// How many lines of what the gateway says are kept for the text of a failure.
const LINES: usize = 200;

#[derive(Default)]
struct Told {
    came: Mutex<HashMap<String, Vec<u64>>>,
    statuses: Mutex<HashMap<String, Json>>,
    lines: Mutex<Vec<String>>,
}

impl Observer for Told {
    fn event(&self, at: Duration, node: &NodeRef, event: Event) {
        let line = match event {
            Event::Received(value) => {
                let number = match value.get("payload") {
                    Some(Value::Bytes(bytes)) => number_of(bytes),
                    Some(Value::Str(text)) => number_of(text.as_bytes()),
                    _ => None,
                };
                return self.came.lock().unwrap().entry(node.id.to_string()).or_default().extend(number);
            }
            Event::Sent(_) | Event::Debug(_) => return,
            Event::Status(status) => {
                let status = serde_json::to_value(status.to_object()).unwrap();
                let line = status.to_string();
                self.statuses.lock().unwrap().insert(node.id.to_string(), status);
                line
            }
            other => format!("{other:?}"),
        };
        let mut lines = self.lines.lock().unwrap();
        if lines.len() < LINES {
            lines.push(format!("{:.3} {}: {line}", at.as_secs_f64(), node.id));
        }
    }
}

pub struct Gateway {
    engine: Option<Engine>,
    api: Api,
    store: Arc<Store>,
    told: Arc<Told>,
    runtime: tokio::runtime::Runtime,
}

fn plan(nodes: &[Json]) -> flow::Plan {
    let mut all = vec![json!({"id": "t", "type": "tab", "label": "suite"})];
    all.extend(nodes.iter().cloned());
    let document = Document::from_json(Json::Array(all), &flow::Limits::default()).unwrap();
    let (plan, problems) = flow::check(&document, &ProcessEnv::default(), &Arc::default());
    let errors: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    plan
}

impl Gateway {
    /// With its listener for HTTP on this port, as soon as a node serves something.
    pub fn start(dir: &Path, http: u16, nodes: &[Json]) -> Gateway {
        let batching = store::Batching { linger: Duration::from_millis(1), ..store::Batching::default() };
        let store = Arc::new(Store::open(dir, store::Options { batching, ..Default::default() }).unwrap());
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let listen = Listen::Needed(([127, 0, 0, 1], http).into());
        let api = Api::new(
            api::Options { listen, body_limit: 5 << 20, connections: 256, tls: None },
            runtime.handle().clone(),
        );
        let options = Options {
            credits: Limits { messages: CREDITS, bytes: 8 << 20 },
            threads: 2,
            store: Some(store.clone()),
            http: Some(api.lent()),
            watch: ["p", "q", "out", "slow", "side"].map(str::to_string).into(),
            seed: u64::from(std::process::id()),
            ..Options::default()
        };
        let told = Arc::new(Told::default());
        let engine = Engine::start(options, told.clone(), runtime.handle().clone()).unwrap();
        let gateway = Gateway { engine: Some(engine), api, store, told, runtime };
        gateway.deploy(nodes);
        gateway
    }

    /// How many nodes were started.
    pub fn deploy(&self, nodes: &[Json]) -> usize {
        let deployed = self.engine().deploy(plan(nodes), Deployment::Nodes);
        assert!(deployed.refused.is_empty(), "{:?}", deployed.refused);
        deployed.started.len()
    }

    fn engine(&self) -> &Engine {
        self.engine.as_ref().unwrap()
    }

    /// Stops it; the names of nodes that were not done in time.
    pub fn stop(mut self, deadline: Duration) -> Vec<String> {
        let drained = self.engine.take().unwrap().stop(deadline);
        self.api.stop();
        self.store.close();
        drained.stuck.iter().map(|stuck| format!("{}: {}", stuck.node, stuck.why)).collect()
    }

    pub fn send(&self, node: &str, msg: Json) {
        let object: Object = Value::from(&msg).as_object().unwrap().clone();
        assert!(self.engine().send(node, object), "{node} runs");
    }

    /// The numbers of what reached a node.
    pub fn came(&self, id: &str) -> Vec<u64> {
        self.told.came.lock().unwrap().get(id).cloned().unwrap_or_default()
    }

    /// Whether a node shows that its peer is not there.
    pub fn is_away(&self, id: &str) -> bool {
        let statuses = self.told.statuses.lock().unwrap();
        statuses.get(id).is_some_and(|status| status["fill"] == "red" && status["shape"] == "ring")
    }

    pub fn is_connected(&self, id: &str) -> bool {
        self.told.statuses.lock().unwrap().get(id).is_some_and(|status| status["fill"] == "green")
    }

    pub fn backlog(&self, id: &str) -> Option<Backlog> {
        self.engine().backlogs().into_iter().find(|backlog| backlog.node == id)
    }

    pub fn tasks(&self) -> usize {
        self.runtime.metrics().num_alive_tasks()
    }

    /// Waits until something is so; when it never is, what the gateway said is part of the failure.
    #[track_caller]
    pub fn wait(&self, what: &str, so: impl Fn() -> bool) {
        self.wait_within(PATIENCE, what, so);
    }

    #[track_caller]
    pub fn wait_within(&self, time: Duration, what: &str, so: impl Fn() -> bool) {
        let end = Instant::now() + time;
        while !so() {
            assert!(
                Instant::now() < end,
                "waited in vain until {what}\n{}",
                self.told.lines.lock().unwrap().join("\n")
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if let Some(engine) = self.engine.take() {
            engine.stop(Duration::ZERO);
        }
    }
}

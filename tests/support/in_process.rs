//! An engine with a flow in the test's own process, and how a test looks at it. Each suite of nodes adds the nodes it is about.
// Each suite uses a part of it.
#![allow(dead_code)]

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use tidegate::engine::{Engine, Event, Limits, NodeRef, Observer, Options};
use tidegate::flow::{self, Deployment, Document, ProcessEnv};
use tidegate::store::{self, Store};
use tidegate_nodes::value::{Object, Value};

use super::brokers::PATIENCE;

#[derive(Default)]
struct Told(Mutex<Vec<(String, Event)>>);

impl Observer for Told {
    fn event(&self, _at: Duration, node: &NodeRef, event: Event) {
        self.0.lock().unwrap().push((node.id.to_string(), event));
    }
}

pub struct Gateway {
    engine: Option<Engine>,
    pub store: Arc<Store>,
    told: Arc<Told>,
    runtime: Option<tokio::runtime::Runtime>,
}

/// A node that is watched for what reaches it.
pub fn probe(id: &str) -> Json {
    json!({"id": id, "type": "junction", "z": "t", "wires": []})
}

pub fn node(mut fixed: Json, more: Json) -> Json {
    for (key, value) in more.as_object().unwrap() {
        fixed[key.as_str()] = value.clone();
    }
    fixed
}

fn plan(nodes: &[Json]) -> flow::Plan {
    let mut all = vec![json!({"id": "t", "type": "tab", "label": "test"})];
    all.extend(nodes.iter().cloned());
    let document = Document::from_json(Json::Array(all), &flow::Limits::default()).unwrap();
    let (plan, problems) = flow::check(&document, &ProcessEnv::default(), &Arc::default());
    let errors: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    plan
}

impl Gateway {
    pub fn start(dir: &Path, nodes: &[Json]) -> Gateway {
        let batching = store::Batching { linger: Duration::from_millis(1), ..store::Batching::default() };
        let store = Arc::new(Store::open(dir, store::Options { batching, ..Default::default() }).unwrap());
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let watch = ["p", "q", "in", "out"].map(str::to_string).into();
        let options = Options {
            credits: Limits { messages: 1_000, bytes: 8 << 20 },
            threads: 2,
            store: Some(store.clone()),
            watch,
            seed: u64::from(std::process::id()),
            ..Options::default()
        };
        let told = Arc::new(Told::default());
        let engine = Engine::start(options, told.clone(), runtime.handle().clone()).unwrap();
        let gateway = Gateway { engine: Some(engine), store, told, runtime: Some(runtime) };
        gateway.deploy(nodes);
        gateway
    }

    pub fn deploy(&self, nodes: &[Json]) {
        let deployed = self.engine().deploy(plan(nodes), Deployment::Nodes);
        assert!(deployed.refused.is_empty(), "{:?}", deployed.refused);
    }

    pub fn engine(&self) -> &Engine {
        self.engine.as_ref().unwrap()
    }

    pub fn stop(mut self) {
        self.engine.take().unwrap().stop(Duration::from_secs(10));
        self.store.close();
    }

    /// Is gone without a word: its sockets close, and nothing more is sent or acknowledged.
    pub fn vanish(mut self) {
        self.runtime.take().unwrap().shutdown_background();
        // Its threads wait for work that never comes.
        std::mem::forget(self.engine.take());
        self.store.close();
    }

    /// Hands a message to a node's input.
    pub fn send(&self, node: &str, msg: Json) {
        assert!(self.engine().send(node, object(&msg)), "{node} runs");
    }

    /// What reached a node (probe p or q, and inputs), without message ids.
    pub fn received(&self, id: &str) -> Vec<Json> {
        self.events(id, |event| match event {
            Event::Received(value) => {
                let mut value = value.clone();
                value.remove("_msgid");
                serde_json::to_value(value).ok()
            }
            _ => None,
        })
    }

    pub fn payloads(&self, id: &str) -> Vec<Json> {
        self.received(id).into_iter().map(|msg| msg["payload"].clone()).collect()
    }

    #[track_caller]
    pub fn wait_received(&self, id: &str, count: usize) -> Vec<Json> {
        self.wait(&format!("{count} messages reach {id}"), || self.received(id).len() >= count);
        self.received(id)
    }

    pub fn statuses(&self, id: &str) -> Vec<Json> {
        self.events(id, |event| match event {
            Event::Status(status) => serde_json::to_value(status.to_object()).ok(),
            _ => None,
        })
    }

    #[track_caller]
    pub fn wait_status(&self, id: &str, text: &str) {
        self.wait(&format!("{id} shows {text:?}"), || {
            self.statuses(id).last().is_some_and(|last| last["text"] == text)
        });
    }

    /// Waits until a node shows that it is away, for a reason with this in it.
    #[track_caller]
    pub fn wait_away(&self, id: &str, reason: &str) {
        self.wait(&format!("{id} shows that it is away: {reason}"), || {
            self.statuses(id).iter().any(|status| {
                let why = status["reason"].as_str().unwrap_or_default();
                status["fill"] == "red"
                    && status["shape"] == "ring"
                    && status["text"].as_str().unwrap_or_default().starts_with("disconnected")
                    && why.contains(reason)
            })
        });
    }

    /// Waits until something is so; when it never is, what the gateway said is part of the failure.
    #[track_caller]
    pub fn wait(&self, what: &str, so: impl Fn() -> bool) {
        self.wait_or_tell(what, so, String::new);
    }

    /// The same, with more to tell about how it stands when it never is.
    #[track_caller]
    pub fn wait_or_tell(&self, what: &str, so: impl Fn() -> bool, stands: impl Fn() -> String) {
        let end = Instant::now() + PATIENCE;
        while !so() {
            assert!(Instant::now() < end, "waited in vain until {what}\n{}\n{}", stands(), self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Log lines and errors of a node.
    pub fn lines(&self, id: &str) -> Vec<String> {
        self.events(id, |event| match event {
            Event::Log(_, text) => Some(text.clone()),
            Event::Error { error, .. } => Some(error.to_string()),
            Event::Panicked { text, .. } => Some(format!("panicked: {text}")),
            _ => None,
        })
    }

    #[track_caller]
    pub fn wait_line(&self, id: &str, part: &str) {
        self.wait(&format!("{id} says {part:?}"), || self.lines(id).iter().any(|line| line.contains(part)));
    }

    pub fn lost(&self, id: &str) -> u64 {
        self.events(id, |event| if let Event::Lost { count, .. } = event { Some(*count) } else { None })
            .iter()
            .sum()
    }

    /// All that was told, for the text of a failure.
    pub fn log(&self) -> String {
        let all = self.told.0.lock().unwrap();
        let lines = all.iter().filter(|(_, event)| !matches!(event, Event::Received(_) | Event::Sent(_)));
        let lines: Vec<String> = lines.map(|(node, event)| format!("{node}: {event:?}\n")).collect();
        // How it ended says more than how it began.
        lines[lines.len().saturating_sub(100)..].concat()
    }

    /// Messages of a sink that are on the disk.
    pub fn stored(&self, id: &str) -> u64 {
        let backlogs = self.engine().backlogs();
        backlogs
            .iter()
            .filter(|backlog| backlog.node == id)
            .map(|backlog| backlog.messages.iter().sum::<u64>())
            .sum()
    }

    /// Messages of a sink that are not confirmed, in memory or on the disk.
    pub fn unconfirmed(&self, id: &str) -> u64 {
        let backlogs = self.engine().backlogs();
        let of = backlogs.iter().filter(|backlog| backlog.node == id);
        of.map(|backlog| backlog.passing as u64 + backlog.messages.iter().sum::<u64>()).sum()
    }

    /// How many messages of a node went to Catch, or would have.
    pub fn errors(&self, id: &str) -> usize {
        self.events(id, |event| matches!(event, Event::Error { .. }).then_some(())).len()
    }

    pub fn dead_letters(&self) -> u64 {
        self.store.find_log(store::DEAD_LETTERS).map_or(0, |log| log.next() - 1)
    }

    fn events<T>(&self, id: &str, pick: impl Fn(&Event) -> Option<T>) -> Vec<T> {
        let all = self.told.0.lock().unwrap();
        all.iter().filter(|(node, _)| node == id).filter_map(|(_, event)| pick(event)).collect()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if let Some(engine) = self.engine.take() {
            engine.stop(Duration::ZERO);
        }
    }
}

pub fn object(msg: &Json) -> Object {
    Value::from(msg).as_object().unwrap().clone()
}

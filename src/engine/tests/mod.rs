//! The engine, with nodes made for the tests.

mod connectors;
mod deploys;
mod lanes;
mod logs;
mod outboxes;
mod resources;
mod world;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value as Json, json};
use tidegate_nodes::cx::Cx;
use tidegate_nodes::descriptor::{Category, Descriptor, Outputs, Role};
use tidegate_nodes::error::NodeError;
use tidegate_nodes::host::{Scope, TimerId};
use tidegate_nodes::message::Message;
use tidegate_nodes::node::{Built, NodeConfig, NodeType, Transform};
use tidegate_nodes::value::{Object, Value};

use super::{Event, NodeRef, Observer, Options, Simulation};
use crate::flow::{Deployment, Document, Limits, Plan, PlanKind, ProcessEnv, check};

/// A plan of a document in which a junction with `"as": NAME` is the test node of that name, and a config node with a
/// `world` a test resource.
fn plan(flow: &Json) -> Plan {
    let document = Document::from_json(flow.clone(), &Limits::default()).expect("a document");
    let (mut plan, problems) = check(&document, &ProcessEnv::default(), &Arc::default());
    let errors: Vec<String> = problems.iter().filter(|p| p.is_error()).map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{errors:?}");
    for node in plan.lanes.iter_mut().flat_map(|lane| &mut lane.nodes) {
        let node = Arc::get_mut(node).expect("a new plan is not shared");
        if let Some(name) = node.config.property("as").and_then(Json::as_str) {
            let found = TEST_NODES.iter().find(|(known, _)| *known == name);
            node.kind = PlanKind::Node(found.unwrap_or_else(|| panic!("no test node {name}")).1);
        }
    }
    for node in plan.resources.iter_mut().filter(|node| node.config.property("world").is_some()) {
        node.kind = PlanKind::Node(&resources::LINE);
    }
    plan
}

fn node(id: &str, kind: &str, wires: Json, more: Json) -> Json {
    let mut node = json!({"id": id, "type": "junction", "as": kind, "z": "t", "wires": wires});
    for (key, value) in more.as_object().expect("an object") {
        node[key.as_str()] = value.clone();
    }
    node
}

fn flow(mut nodes: Vec<Json>) -> Json {
    nodes.insert(0, json!({"id": "t", "type": "tab", "label": "test"}));
    Json::Array(nodes)
}

fn object(json: Json) -> Object {
    Value::from(&json).as_object().expect("an object").clone()
}

/// Everything that was told, in order.
#[derive(Default)]
struct Log(Mutex<Vec<(Duration, NodeRef, Event)>>);

impl Observer for Log {
    fn event(&self, at: Duration, node: &NodeRef, event: Event) {
        self.0.lock().unwrap().push((at, node.clone(), event));
    }
}

impl Log {
    /// What reached a watched node, as JSON, without ids.
    fn received(&self, id: &str) -> Vec<Json> {
        let events = self.0.lock().unwrap();
        let of_node = events.iter().filter(|(_, node, _)| node.id == id);
        of_node
            .filter_map(|(_, _, event)| match event {
                Event::Received(value) => {
                    let mut value = value.clone();
                    value.remove("_msgid");
                    serde_json::to_value(value).ok()
                }
                _ => None,
            })
            .collect()
    }

    fn errors(&self) -> Vec<String> {
        let events = self.0.lock().unwrap();
        events
            .iter()
            .filter_map(|(_, node, event)| match event {
                Event::Error { error, .. } => Some(format!("{}: {error}", node.id)),
                Event::Panicked { text, again_in } => Some(format!(
                    "{}: panicked, {}: {text}",
                    node.id,
                    if again_in.is_some() { "again" } else { "stopped" }
                )),
                _ => None,
            })
            .collect()
    }

    fn says(&self, text: &str) -> bool {
        let events = self.0.lock().unwrap();
        events.iter().any(|(_, _, event)| matches!(event, Event::Log(_, line) if line.contains(text)))
    }

    fn lost(&self) -> u64 {
        let events = self.0.lock().unwrap();
        events
            .iter()
            .map(|(_, _, event)| if let Event::Lost { count, .. } = event { *count } else { 0 })
            .sum()
    }
}

fn watching(ids: &[&str]) -> Options {
    Options {
        watch: ids.iter().map(ToString::to_string).collect(),
        stubs: Some(Default::default()),
        ..Options::default()
    }
}

fn simulate(flow: &Json, options: Options) -> (Simulation, Arc<Log>) {
    let log = Arc::new(Log::default());
    let simulation = Simulation::new(options, log.clone(), 0);
    let deployed = simulation.engine.deploy(plan(flow), Deployment::Full);
    assert!(deployed.refused.is_empty(), "{:?}", deployed.refused);
    (simulation, log)
}

const fn descriptor(name: &'static str, inputs: u8, role: Role) -> Descriptor {
    Descriptor {
        type_name: name,
        category: Category::Common,
        summary: "For tests.",
        help: "",
        examples: "[]",
        inputs,
        outputs: Outputs::Wires,
        role,
        fields: &[],
    }
}

static TEST_NODES: &[(&str, &NodeType)] = &[
    ("pause", &PAUSE),
    ("fragile", &FRAGILE),
    ("keeper", &world::KEEPER),
    ("tally", &TALLY),
    ("counter", &COUNTER),
    ("pieces", &PIECES),
    ("ticker", &TICKER),
    ("source", &world::SOURCE),
    ("sink", &world::SINK),
    ("user", &resources::USER),
];

static PAUSE: NodeType = NodeType {
    descriptor: &descriptor("pause", 1, Role::Transform),
    build: |config| {
        let ms = config.property("ms").and_then(Json::as_u64).unwrap_or(10);
        Ok(Built::transform(Pause { after: Duration::from_millis(ms), held: Vec::new(), next: 0 }))
    },
};

/// Holds each message for a while.
struct Pause {
    after: Duration,
    held: Vec<(TimerId, tidegate_nodes::cx::Held)>,
    next: TimerId,
}

impl Transform for Pause {
    fn handle(&mut self, msg: &mut Option<Message>, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        let held = cx.hold(msg)?;
        self.next += 1;
        self.held.push((self.next, held));
        cx.set_timer(self.next, self.after);
        Ok(())
    }

    fn timer(&mut self, id: TimerId, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        if let Some(at) = self.held.iter().position(|(timer, _)| *timer == id) {
            cx.release(0, self.held.remove(at).1);
        }
        Ok(())
    }
}

static FRAGILE: NodeType = NodeType {
    descriptor: &descriptor("fragile", 1, Role::Transform),
    build: |_| Ok(Built::transform(Fragile(0))),
};

/// Counts messages into them, and panics over the payload "boom" or its number.
struct Fragile(i64);

const BOOM: i64 = -666;

impl Transform for Fragile {
    fn handle(&mut self, msg: &mut Option<Message>, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        let mut message = msg.take().expect("a message");
        let boom = message.payload().as_str() == Some("boom") || message.payload().as_i64() == Some(BOOM);
        assert!(!boom, "it went boom");
        self.0 += 1;
        message.set("count", self.0);
        cx.send(0, message);
        Ok(())
    }

    fn save(&self) -> Option<Value> {
        Some(Value::Int(self.0))
    }

    fn restore(&mut self, state: Value) {
        self.0 = state.as_i64().unwrap_or(0);
    }
}

static COUNTER: NodeType = NodeType {
    descriptor: &descriptor("counter", 1, Role::Transform),
    build: |_| Ok(Built::transform(Fragile(0))),
};

static TALLY: NodeType =
    NodeType { descriptor: &descriptor("tally", 1, Role::Transform), build: |_| Ok(Built::transform(Tally)) };

/// Counts in its keyed state, and in the context on the disk.
struct Tally;

impl Transform for Tally {
    fn handle(&mut self, msg: &mut Option<Message>, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        let mut message = msg.take().expect("a message");
        let count = cx.state().get("count").and_then(|count| count.as_i64()).unwrap_or(0) + 1;
        cx.state().put("count", Value::Int(count));
        let key = tidegate_nodes::path::ContextKey::parse("#:(disk)::count")?;
        cx.context_set(Scope::Global, &key, &message.value, Some(Value::Int(count)))?;
        message.set("count", count);
        cx.send(0, message);
        Ok(())
    }
}

static PIECES: NodeType = NodeType {
    descriptor: &descriptor("pieces", 1, Role::Transform),
    build: |_| Ok(Built::transform(Pieces)),
};

/// Makes as many pieces as the payload says, and passes on what is no number.
struct Pieces;

impl Transform for Pieces {
    fn handle(&mut self, msg: &mut Option<Message>, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        let Some(count) = msg.as_ref().and_then(|msg| msg.payload().as_i64()) else {
            cx.send(0, msg.take().expect("a message"));
            return Ok(());
        };
        cx.emit_pieces(0, (0..count).map(|n| [("payload", n)].into_iter().collect()));
        Ok(())
    }
}

static TICKER: NodeType = NodeType {
    descriptor: &descriptor("ticker", 0, Role::Source),
    build: |_: &NodeConfig| Ok(Built::transform(Ticker { ticks: 0, owed: false })),
};

/// Ticks every millisecond; without a credit once, late.
struct Ticker {
    ticks: i64,
    owed: bool,
}

impl Transform for Ticker {
    fn handle(&mut self, _msg: &mut Option<Message>, _cx: &mut Cx<'_>) -> Result<(), NodeError> {
        Ok(())
    }

    fn start(&mut self, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        cx.set_timer(1, Duration::from_millis(1));
        Ok(())
    }

    fn timer(&mut self, id: TimerId, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        cx.set_timer(id, Duration::from_millis(1));
        self.ticks += 1;
        self.owed = !cx.originate(0, [("payload", self.ticks)].into_iter().collect());
        Ok(())
    }

    fn resume(&mut self, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        if std::mem::take(&mut self.owed) {
            self.owed = !cx.originate(0, [("payload", -self.ticks)].into_iter().collect());
        }
        Ok(())
    }
}

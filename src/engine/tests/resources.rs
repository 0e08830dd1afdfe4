//! Shared connections: opened once for all users, shown on all, opened again when lost, closed after the last.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use tidegate_nodes::connector::{Connector, ConnectorHost, Delivery, Resource, ResourceHost};
use tidegate_nodes::descriptor::{Descriptor, Role};
use tidegate_nodes::error::NodeError;
use tidegate_nodes::host::Status;
use tidegate_nodes::node::{Built, NodeConfig, NodeType};
use tidegate_nodes::value::Value;
use tokio::sync::watch;

use super::super::{Engine, Event, Options};
use super::{Log, descriptor, flow, node, object, plan};
use crate::flow::Deployment;

/// What a test does to its lines, and what it sees of them.
#[derive(Default)]
struct World {
    /// Switched on, and reachable.
    on: bool,
    up: bool,
    panics: bool,
    opened: usize,
    closed: usize,
    open_now: usize,
    users_opened: usize,
    commands: Vec<String>,
}

static WORLDS: LazyLock<Mutex<HashMap<String, Arc<watch::Sender<World>>>>> = LazyLock::new(Mutex::default);

fn world(name: &str) -> Arc<watch::Sender<World>> {
    let new = || Arc::new(watch::Sender::new(World { on: true, up: true, ..World::default() }));
    WORLDS.lock().unwrap().entry(name.to_string()).or_insert_with(new).clone()
}

fn world_of(config: &NodeConfig) -> Arc<watch::Sender<World>> {
    world(config.property("world").and_then(Json::as_str).expect("a world"))
}

pub static LINE: NodeType = NodeType {
    descriptor: &const { descriptor("line", 0, Role::Resource) } as &Descriptor,
    build: |config| Ok(Built::resource(Line(world_of(config)))),
};

pub static USER: NodeType = NodeType {
    descriptor: &const { descriptor("user", 1, Role::Connector) } as &Descriptor,
    build: |config| {
        let line = config.property("line").and_then(Json::as_str).expect("a line").to_string();
        let user = User { line, world: world_of(config) };
        Ok(Built::connector(user).commanded_by(|msg| msg.contains_key("command")))
    },
};

struct Line(Arc<watch::Sender<World>>);

impl Resource for Line {
    async fn wanted(&self) {
        let _ = self.0.subscribe().wait_for(|world| world.on).await;
    }

    async fn open(&self, _host: Arc<dyn ResourceHost>) -> Result<(), NodeError> {
        if !self.0.borrow().up {
            return Err(NodeError::disconnected("the line is down"));
        }
        self.0.send_modify(|world| (world.opened, world.open_now) = (world.opened + 1, world.open_now + 1));
        Ok(())
    }

    async fn run(&self) -> Result<(), NodeError> {
        let on = {
            let mut watch = self.0.subscribe();
            let now = watch.wait_for(|world| !world.on || !world.up || world.panics).await.expect("it lives");
            assert!(!now.panics, "the line panics");
            now.on
        };
        if on { Err(NodeError::disconnected("the line is cut")) } else { Ok(()) }
    }

    async fn close(&self) {
        self.0.send_modify(|world| (world.closed, world.open_now) = (world.closed + 1, 0));
    }
}

struct User {
    line: String,
    world: Arc<watch::Sender<World>>,
}

impl Connector for User {
    async fn open(&mut self, host: Arc<dyn ConnectorHost>) -> Result<(), NodeError> {
        let line = host.resource(&self.line).expect("it is lent");
        assert!(line.as_any().downcast_ref::<Line>().is_some());
        assert_eq!(self.world.borrow().open_now, 1, "a user is opened when the line stands");
        self.world.send_modify(|world| world.users_opened += 1);
        host.status(Status::new("green", "dot", "connected"));
        Ok(())
    }

    async fn command(&mut self, command: Delivery, _host: Arc<dyn ConnectorHost>) -> Result<(), NodeError> {
        let text = command.message().get("command").and_then(Value::as_str).unwrap_or_default().to_string();
        self.world.send_modify(|world| world.commands.push(text));
        command.confirm();
        Ok(())
    }
}

struct Rig {
    engine: Engine,
    world: Arc<watch::Sender<World>>,
    log: Arc<Log>,
    _runtime: tokio::runtime::Runtime,
}

/// A line and users of it.
fn nodes(name: &str, users: &[&str]) -> Json {
    // A config node of a type that the gateway has; the plan puts the test's in its place.
    let mut all = vec![json!({"id": "line", "type": "tls-config", "world": name})];
    all.extend(users.iter().map(|id| node(id, "user", json!([]), json!({"line": "line", "world": name}))));
    flow(all)
}

fn start(name: &str, users: &[&str]) -> Rig {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let log = Arc::new(Log::default());
    let options = Options { threads: 2, ..Options::default() };
    let engine = Engine::start(options, log.clone(), runtime.handle().clone()).unwrap();
    let rig = Rig { engine, world: world(name), log, _runtime: runtime };
    rig.engine.deploy(plan(&nodes(name, users)), Deployment::Full);
    rig
}

impl Rig {
    fn wait(&self, what: &str, so: impl Fn(&World) -> bool) {
        let end = Instant::now() + Duration::from_secs(60);
        while !so(&self.world.borrow()) {
            assert!(Instant::now() < end, "waited in vain until {what}");
            std::thread::yield_now();
        }
    }

    fn statuses(&self, id: &str) -> Vec<Json> {
        let events = self.log.0.lock().unwrap();
        let of = events.iter().filter(|(_, node, _)| node.id == id);
        of.filter_map(|(_, _, event)| match event {
            Event::Status(status) => serde_json::to_value(status.to_object()).ok(),
            _ => None,
        })
        .collect()
    }

    fn wait_status(&self, id: &str, text: &str) {
        self.wait(&format!("{id} shows {text}"), |_| {
            self.statuses(id).last().is_some_and(|last| last["text"] == text)
        });
    }
}

#[test]
fn a_line_is_opened_once_for_all_and_closed_after_the_last() {
    let rig = start("shared", &["a", "b", "c"]);
    rig.wait("all users are open", |world| world.users_opened == 3);
    assert_eq!((rig.world.borrow().opened, rig.world.borrow().closed), (1, 0));
    rig.engine.deploy(plan(&nodes("shared", &["a"])), Deployment::Nodes);
    assert_eq!((rig.world.borrow().opened, rig.world.borrow().closed), (1, 0));
    rig.engine.deploy(plan(&nodes("shared", &[])), Deployment::Nodes);
    rig.wait("it is closed", |world| world.closed == 1);
    rig.engine.deploy(plan(&nodes("shared", &["a", "b"])), Deployment::Nodes);
    rig.wait("it is open again", |world| world.opened == 2 && world.users_opened == 5);
    rig.engine.stop(Duration::from_secs(10));
    assert_eq!(rig.world.borrow().closed, 2, "a stop waits until it is closed");
}

#[test]
fn a_line_that_is_lost_is_opened_again_and_all_users_with_it() {
    let rig = start("lost", &["a", "b"]);
    rig.wait("all users are open", |world| world.users_opened == 2);
    rig.world.send_modify(|world| world.up = false);
    for id in ["a", "b"] {
        rig.wait_status(id, "disconnected");
        assert_eq!(rig.statuses(id).last().unwrap()["reason"], "the line is cut");
    }
    rig.world.send_modify(|world| world.up = true);
    rig.wait("all are open again", |world| world.opened == 2 && world.users_opened == 4);
    for id in ["a", "b"] {
        rig.wait_status(id, "connected");
    }
    rig.engine.stop(Duration::from_secs(10));
}

#[test]
fn a_line_that_is_switched_off_takes_commands_and_comes_back() {
    world("switched").send_modify(|world| world.on = false);
    let rig = start("switched", &["a", "b"]);
    rig.wait_status("a", "disconnected");
    assert!(rig.engine.send("a", object(json!({"command": "now"}))));
    rig.wait("the command has come", |world| world.commands == ["now"]);
    assert_eq!(rig.world.borrow().opened, 0);
    rig.world.send_modify(|world| world.on = true);
    rig.wait("all users are open", |world| world.users_opened == 2);
    assert!(rig.engine.send("b", object(json!({"command": "open too"}))));
    rig.wait("the command has come", |world| world.commands.len() == 2);
    rig.world.send_modify(|world| world.on = false);
    rig.wait_status("b", "disconnected");
    rig.wait("it is closed", |world| world.open_now == 0);
    rig.engine.stop(Duration::from_secs(10));
}

#[test]
fn a_line_that_panics_is_opened_again() {
    let rig = start("panics", &["a"]);
    rig.wait("it is open", |world| world.users_opened == 1);
    rig.world.send_modify(|world| world.panics = true);
    rig.wait("it is closed", |world| world.open_now == 0);
    rig.world.send_modify(|world| world.panics = false);
    rig.wait("it is open again", |world| world.users_opened == 2);
    rig.engine.stop(Duration::from_secs(10));
}

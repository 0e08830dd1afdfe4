//! Drives one node without the gateway: its messages, a clock that the test moves, and a host in memory.
//!
//! ```
//! use serde_json::json;
//! use tidegate_nodes::testing::Rig;
//!
//! let mut rig = Rig::new("junction", json!({}));
//! rig.send(json!({"payload": 1}));
//! assert_eq!(rig.sent(0), [json!({"payload": 1})]);
//! ```

mod host;
mod http;
mod logs;

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::Value as Json;

use crate::cx::Cx;
use crate::error::NodeError;
use crate::host::Host;
use crate::message::{Admitted, Message, Meta, Outcome, Settle, Token};
use crate::node::{Action, Kind, NodeConfig, NodeType, Transform};
use crate::shown::Shown;
use crate::value::{Object, Str, Value};

pub use host::MemoryHost;
pub use http::MemoryHttp;
pub use logs::{Appends, MemoryLogs};

/// One transform and everything it did.
pub struct Rig {
    node: Box<dyn Transform>,
    pub host: MemoryHost,
    /// What it shows on the dashboard.
    pub shown: Option<Arc<dyn Shown>>,
    settled: Arc<Settled>,
    sequence: u64,
}

/// A message that the node sent.
#[derive(Debug)]
pub struct Sent {
    pub port: u16,
    pub message: Message,
}

#[derive(Default)]
struct Settled(Mutex<Vec<(u64, Outcome)>>);

impl Settle for Settled {
    fn settled(&self, sequence: u64, outcome: Outcome) {
        self.0.lock().expect("no test panics while it holds this").push((sequence, outcome));
    }
}

impl Rig {
    /// Builds and starts a node of this type. Panics where the configuration is refused: see [`Rig::try_new`].
    pub fn new(type_name: &str, properties: Json) -> Rig {
        Rig::try_new(type_name, properties).unwrap_or_else(|error| panic!("{type_name} is refused: {error}"))
    }

    pub fn try_new(type_name: &str, properties: Json) -> Result<Rig, NodeError> {
        Rig::with_host(type_name, properties, MemoryHost::default())
    }

    pub fn with_host(type_name: &str, properties: Json, host: MemoryHost) -> Result<Rig, NodeError> {
        let node_type = crate::find(type_name).unwrap_or_else(|| panic!("no node type {type_name}"));
        Rig::of(node_type, properties, host)
    }

    /// The same for a node type that need not be in the list of `lib.rs`.
    pub fn of(node_type: &NodeType, properties: Json, host: MemoryHost) -> Result<Rig, NodeError> {
        let type_name = node_type.descriptor.type_name;
        let built = (node_type.build)(&config(type_name, properties, &host))?;
        let Kind::Transform(node) = built.kind else { panic!("{type_name} is no transform") };
        let mut rig = Rig { node, host, shown: built.shown, settled: Arc::default(), sequence: 0 };
        rig.call(Token::none(), |node, cx| node.start(cx))?;
        Ok(rig)
    }

    /// Hands the node a message; an error goes where Catch would hear it: [`MemoryHost::errors`].
    pub fn send(&mut self, msg: Json) {
        self.sequence += 1;
        let mut message = Message::new(object(&msg));
        message.token = Token::new(Some(Admitted::new(self.sequence, self.settled.clone())), None);
        let (token, meta) = (message.token.clone(), message.meta.clone());
        let mut slot = Some(message);
        let mut cx = Cx::new(&mut self.host, token, meta);
        let result = self.node.handle(&mut slot, &mut cx);
        let (held, done_with) = cx.finish();
        if let Err(error) = result {
            self.host.raise(error, slot);
        } else if !held {
            let done = done_with.or(slot).unwrap_or_else(|| Message::new(object(&msg)));
            self.host.complete(done);
        }
        self.pull();
    }

    pub fn action(&mut self, action: Action) {
        self.run(Token::none(), |node, cx| node.action(action, cx));
    }

    pub fn answer(&mut self, msg: Json) {
        let message = Message::new(object(&msg));
        self.run(Token::none(), |node, cx| node.returned(message, cx));
    }

    /// Gives credits and tells the node, as the engine does when one comes back.
    pub fn resume(&mut self, credits: usize) {
        self.host.credits = credits;
        self.run(Token::none(), |node, cx| node.resume(cx));
    }

    /// Moves the clock, serving the timers that come due on the way.
    pub fn advance(&mut self, by: Duration) {
        let until = self.host.now + by;
        while let Some((&key, _)) = self.host.timers.iter().next() {
            if key.0 > until {
                break;
            }
            let (id, token) = self.host.timers.remove(&key).expect("just seen");
            self.host.now = key.0;
            self.run(token, |node, cx| node.timer(id, cx));
        }
        self.host.now = until;
    }

    pub fn advance_ms(&mut self, ms: u64) {
        self.advance(Duration::from_millis(ms));
    }

    pub fn close(&mut self) {
        self.run(Token::none(), |node, cx| {
            node.close(cx);
            Ok(())
        });
    }

    /// Stops the node: it is closed and dropped with what it holds, and sources hear of that in [`Rig::settled`].
    pub fn stop(&mut self) {
        self.close();
        self.node = Box::new(Stopped);
    }

    /// The node, to look at what `save` gives.
    pub fn node(&mut self) -> &mut dyn Transform {
        &mut *self.node
    }

    /// What there is to be seen of it on the dashboard, or what has changed since, and the mark for the next look.
    pub fn view(&self, since: Option<u64>) -> Option<(u64, Json)> {
        let view = self.shown.as_ref()?.view(since)?;
        Some((view.mark, serde_json::to_value(&view.value).expect("a view is JSON")))
    }

    /// What was sent from a port so far, without `_msgid`.
    pub fn sent(&self, port: u16) -> Vec<Json> {
        self.host.sent.iter().filter(|s| s.port == port).map(|s| json_without_id(&s.message.value)).collect()
    }

    /// What was sent from any of these ports, in order.
    pub fn sent_any(&self, ports: &[u16]) -> Vec<Json> {
        self.host
            .sent
            .iter()
            .filter(|s| ports.contains(&s.port))
            .map(|s| json_without_id(&s.message.value))
            .collect()
    }

    /// What was sent since the last call, as messages, which are dropped with the returned list.
    pub fn take(&mut self) -> Vec<Sent> {
        std::mem::take(&mut self.host.sent)
    }

    /// The messages handed in, by number from 1, that are settled, in order.
    pub fn settled(&self) -> Vec<(u64, Outcome)> {
        self.settled.0.lock().expect("no test panics while it holds this").clone()
    }

    fn run(
        &mut self,
        token: Token,
        call: impl FnOnce(&mut dyn Transform, &mut Cx<'_>) -> Result<(), NodeError>,
    ) {
        if let Err(error) = self.call(token, call) {
            self.host.raise(error, None);
        }
    }

    fn call(
        &mut self,
        token: Token,
        call: impl FnOnce(&mut dyn Transform, &mut Cx<'_>) -> Result<(), NodeError>,
    ) -> Result<(), NodeError> {
        let result = call(&mut *self.node, &mut Cx::new(&mut self.host, token, Arc::default()));
        self.pull();
        result
    }

    fn pull(&mut self) {
        for (port, pieces) in std::mem::take(&mut self.host.pieces) {
            self.host.sent.extend(pieces.map(|message| Sent { port, message }));
        }
    }
}

struct Stopped;

impl Transform for Stopped {
    fn handle(&mut self, _msg: &mut Option<Message>, _cx: &mut Cx<'_>) -> Result<(), NodeError> {
        Err(NodeError::fatal("the node is stopped"))
    }
}

/// A node's configuration as the engine would hand it over.
pub fn config(type_name: &str, properties: Json, host: &MemoryHost) -> NodeConfig {
    let Json::Object(properties) = properties else { panic!("properties are an object") };
    let text =
        |name: &str, default: &str| Str::new(properties.get(name).and_then(Json::as_str).unwrap_or(default));
    NodeConfig {
        id: text("id", "node"),
        type_name: Str::new(type_name),
        name: text("name", ""),
        flow: text("z", "flow"),
        outputs: properties.get("wires").and_then(Json::as_array).map_or(1, Vec::len),
        settings: Arc::new(host.settings.clone()),
        properties,
    }
}

fn object(json: &Json) -> Object {
    match Value::from(json) {
        Value::Object(object) => object,
        other => panic!("a message is an object, not {}", other.kind()),
    }
}

fn json_without_id(value: &Object) -> Json {
    let mut value = value.clone();
    value.remove("_msgid");
    serde_json::to_value(value).expect("messages are JSON")
}

/// Refused for its configuration, with the place of what is wrong.
#[track_caller]
pub fn assert_refused<T>(made: Result<T, NodeError>, place: &str) {
    let refused = made.err();
    assert!(
        matches!(&refused, Some(NodeError::Config { pointer, .. }) if pointer == place),
        "{place}: {refused:?}"
    );
}

/// The generator behind seeded runs: small, and the same everywhere.
pub fn splitmix(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *seed;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A meta for tests that look at it.
pub fn meta(source: &str, sequence: u64) -> Arc<Meta> {
    Arc::new(Meta { source: Str::new(source), sequence, ..Meta::default() })
}

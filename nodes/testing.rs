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

mod logs;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::Value as Json;

use crate::cx::Cx;
use crate::error::NodeError;
use crate::host::{
    DebugRecord, Holding, Host, Level, Mail, Pieces, Scope, Settings, State, Status, Surroundings, TimerId,
};
use crate::message::{Admitted, Credit, CreditPool, Message, Meta, Outcome, Settle, Token};
use crate::node::{Action, Kind, NodeConfig, NodeType, Transform};
use crate::path::ContextKey;
use crate::value::{Object, Str, Value};

pub use logs::{Appends, MemoryLogs};

/// One transform and everything it did.
pub struct Rig {
    node: Box<dyn Transform>,
    pub host: MemoryHost,
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
        let mut rig = Rig { node, host, settled: Arc::default(), sequence: 0 };
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

type ContextData = HashMap<(Scope, Option<Str>), Object>;

/// A host that keeps everything in memory, for tests to look at.
pub struct MemoryHost {
    pub now: Duration,
    /// The wall clock at the start.
    pub epoch_ms: i64,
    pub settings: Settings,
    pub env: BTreeMap<String, Value>,
    pub context: Arc<Mutex<ContextData>>,
    pub statuses: Vec<Status>,
    pub logs: Vec<(Level, String)>,
    pub errors: Vec<(NodeError, Option<Message>)>,
    pub completed: Vec<Message>,
    pub sent: Vec<Sent>,
    pub debugs: Vec<DebugRecord>,
    pub mail: Vec<(String, Mail)>,
    /// Names and ids that a link call finds.
    pub links: BTreeMap<String, String>,
    /// What `take_credit` still gives.
    pub credits: usize,
    pub waiting: Vec<(u16, Message)>,
    timers: BTreeMap<(Duration, u64), (TimerId, Token)>,
    timer_count: u64,
    pieces: Vec<(u16, Pieces)>,
    seed: u64,
    state: MemoryState,
    holding: Holding,
}

impl Default for MemoryHost {
    fn default() -> MemoryHost {
        let settings = Settings::default();
        MemoryHost {
            now: Duration::ZERO,
            epoch_ms: 1_700_000_000_000,
            holding: Holding::new(&settings),
            settings,
            env: BTreeMap::new(),
            context: Arc::default(),
            statuses: Vec::new(),
            logs: Vec::new(),
            errors: Vec::new(),
            completed: Vec::new(),
            sent: Vec::new(),
            debugs: Vec::new(),
            mail: Vec::new(),
            links: BTreeMap::new(),
            credits: usize::MAX,
            waiting: Vec::new(),
            timers: BTreeMap::new(),
            timer_count: 0,
            pieces: Vec::new(),
            seed: 1,
            state: MemoryState::default(),
        }
    }
}

impl MemoryHost {
    fn around(&self) -> Around {
        Around { env: self.env.clone(), context: self.context.clone() }
    }

    pub fn hold_limit(&mut self, limit: usize) {
        self.holding.set_max_messages(limit);
    }

    pub fn set_context(&mut self, scope: Scope, key: &str, value: Json) {
        let mut data = self.context.lock().expect("no test panics while it holds this");
        data.entry((scope, None)).or_default().insert(key, Value::from(&value));
    }

    pub fn context_value(&self, scope: Scope, key: &str) -> Option<Json> {
        let data = self.context.lock().expect("no test panics while it holds this");
        let value = data.get(&(scope, None))?.get(key)?;
        serde_json::to_value(value).ok()
    }
}

/// What is around the node: the settings as they are now, and the contexts themselves.
struct Around {
    env: BTreeMap<String, Value>,
    context: Arc<Mutex<ContextData>>,
}

impl Surroundings for Around {
    fn env(&self, name: &str) -> Option<Value> {
        self.env.get(name).cloned()
    }

    fn context_get(&self, scope: Scope, key: &ContextKey, msg: &Object) -> Result<Option<Value>, NodeError> {
        let data = self.context.lock().expect("no test panics while it holds this");
        Ok(data.get(&(scope, key.store.clone())).and_then(|object| key.path.find(object, msg)))
    }

    fn context_set(
        &self,
        scope: Scope,
        key: &ContextKey,
        msg: &Object,
        value: Option<Value>,
    ) -> Result<(), NodeError> {
        let mut data = self.context.lock().expect("no test panics while it holds this");
        let object = data.entry((scope, key.store.clone())).or_default();
        match value {
            Some(value) => key.path.set(object, msg, value, true).map(|_| ()),
            None => key.path.delete(object, msg).map(|_| ()),
        }
    }

    fn context_keys(&self, scope: Scope, store: Option<&str>) -> Result<Vec<Str>, NodeError> {
        let data = self.context.lock().expect("no test panics while it holds this");
        let object = data.get(&(scope, store.map(Str::new)));
        Ok(object.map(|object| object.keys().cloned().collect()).unwrap_or_default())
    }

    fn context_update(
        &self,
        scope: Scope,
        key: &ContextKey,
        change: &mut dyn FnMut(Option<Value>) -> Option<Value>,
    ) -> Result<(), NodeError> {
        let none = Object::new();
        let before = self.context_get(scope, key, &none)?;
        self.context_set(scope, key, &none, change(before))
    }
}

struct NoPool;

impl CreditPool for NoPool {
    fn give_back(&self, _bytes: u32) {}
}

impl Host for MemoryHost {
    fn wall_ms(&self) -> i64 {
        self.epoch_ms + self.now.as_millis() as i64
    }

    fn elapsed(&self) -> Duration {
        self.now
    }

    fn random(&mut self) -> u64 {
        splitmix(&mut self.seed)
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn send(&mut self, port: u16, message: Message) {
        self.sent.push(Sent { port, message });
    }

    fn set_timer(&mut self, id: TimerId, after: Duration, token: Token) {
        self.cancel_timer(id);
        self.timer_count += 1;
        self.timers.insert((self.now + after, self.timer_count), (id, token));
    }

    fn cancel_timer(&mut self, id: TimerId) -> bool {
        let found = self.timers.iter().find(|(_, (timer, _))| *timer == id).map(|(key, _)| *key);
        found.is_some_and(|key| self.timers.remove(&key).is_some())
    }

    fn status(&mut self, status: Status) {
        self.statuses.push(status);
    }

    fn log(&mut self, level: Level, text: &str) {
        self.logs.push((level, text.to_string()));
    }

    fn debug(&mut self, record: DebugRecord) {
        self.debugs.push(record);
    }

    fn raise(&mut self, error: NodeError, message: Option<Message>) {
        self.errors.push((error, message));
    }

    fn complete(&mut self, mut message: Message) {
        message.token = Token::none();
        self.completed.push(message);
    }

    fn env(&self, name: &str) -> Option<Value> {
        self.env.get(name).cloned()
    }

    fn context_get(&self, scope: Scope, key: &ContextKey, msg: &Object) -> Result<Option<Value>, NodeError> {
        self.around().context_get(scope, key, msg)
    }

    fn context_set(
        &self,
        scope: Scope,
        key: &ContextKey,
        msg: &Object,
        value: Option<Value>,
    ) -> Result<(), NodeError> {
        self.around().context_set(scope, key, msg, value)
    }

    fn context_keys(&self, scope: Scope, store: Option<&str>) -> Result<Vec<Str>, NodeError> {
        self.around().context_keys(scope, store)
    }

    fn context_update(
        &self,
        scope: Scope,
        key: &ContextKey,
        change: &mut dyn FnMut(Option<Value>) -> Option<Value>,
    ) -> Result<(), NodeError> {
        self.around().context_update(scope, key, change)
    }

    fn surroundings(&self) -> Arc<dyn Surroundings> {
        Arc::new(self.around())
    }

    fn state(&mut self) -> &mut dyn State {
        &mut self.state
    }

    fn take_credit(&mut self, bytes: u32) -> Option<Arc<Credit>> {
        self.credits = self.credits.checked_sub(1)?;
        Some(Credit::new(bytes, Arc::new(NoPool)))
    }

    fn send_when_credit(&mut self, port: u16, message: Message) {
        self.waiting.push((port, message));
    }

    fn send_pieces(&mut self, port: u16, pieces: Pieces) {
        self.pieces.push((port, pieces));
    }

    fn deliver(&mut self, node: &str, mail: Mail) -> Result<(), NodeError> {
        self.mail.push((node.to_string(), mail));
        Ok(())
    }

    fn find_link(&self, target: &str, _by_name: bool) -> Result<Str, NodeError> {
        let found = self.links.get(target).map(Str::new);
        found.ok_or_else(|| NodeError::rejected(format!("target link-in node '{target}' not found")))
    }

    fn holding(&mut self) -> &mut Holding {
        &mut self.holding
    }
}

#[derive(Default)]
struct MemoryState(HashMap<String, Value>);

impl State for MemoryState {
    fn get(&self, key: &str) -> Option<Value> {
        self.0.get(key).cloned()
    }

    fn put(&mut self, key: &str, value: Value) {
        self.0.insert(key.to_string(), value);
    }

    fn delete(&mut self, key: &str) {
        self.0.remove(key);
    }
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

//! A host that keeps everything in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value as Json;

use super::{Sent, splitmix};
use crate::error::NodeError;
use crate::host::{
    DebugRecord, Holding, Host, Level, Mail, Pieces, Scope, Settings, State, Status, Surroundings, TimerId,
};
use crate::message::{Credit, CreditPool, Message, Token};
use crate::path::ContextKey;
use crate::value::{Object, Str, Value};

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
    pub(super) timers: BTreeMap<(Duration, u64), (TimerId, Token)>,
    timer_count: u64,
    pub(super) pieces: Vec<(u16, Pieces)>,
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

//! What the gateway lends to nodes. `src/engine` implements these traits; `testing` has them in memory.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::copies::Copy;
use crate::error::NodeError;
use crate::message::{Credit, Message, Token};
use crate::origin::Origin;
use crate::path::ContextKey;
use crate::value::{Object, Str, Value};

/// A timer of a node, by a number that the node chooses. Setting it again replaces it.
pub type TimerId = u64;

/// What a transform can ask for while it handles a message or a timer. Use it through `Cx`, which is easier on the eye.
pub trait Host {
    /// Milliseconds since 1970. It may jump: measure durations with [`elapsed`](Host::elapsed).
    fn wall_ms(&self) -> i64;
    /// Since the engine started; never goes back.
    fn elapsed(&self) -> Duration;
    fn random(&mut self) -> u64;
    fn settings(&self) -> &Settings;

    /// Appended to the queue behind what was sent before, in the order of the wires.
    fn send(&mut self, port: u16, message: Message);

    fn set_timer(&mut self, id: TimerId, after: Duration, token: Token);
    fn cancel_timer(&mut self, id: TimerId) -> bool;

    fn status(&mut self, status: Status);
    fn log(&mut self, level: Level, text: &str);
    fn debug(&mut self, record: DebugRecord);
    /// To Catch, with the message where there is one; without a Catch to the log and the editor.
    fn raise(&mut self, error: NodeError, message: Option<Message>);
    /// To the Complete nodes that listen to this node.
    fn complete(&mut self, message: Message);

    /// A setting of the group, subflow instance, tab, global configuration or process, the nearest first.
    fn env(&self, name: &str) -> Option<Value>;
    fn context_get(&self, scope: Scope, key: &ContextKey, msg: &Object) -> Result<Option<Value>, NodeError>;
    /// `None` deletes.
    fn context_set(
        &self,
        scope: Scope,
        key: &ContextKey,
        msg: &Object,
        value: Option<Value>,
    ) -> Result<(), NodeError>;
    fn context_keys(&self, scope: Scope, store: Option<&str>) -> Result<Vec<Str>, NodeError>;
    /// Reads and writes one key with nothing in between, also against other lanes.
    fn context_update(
        &self,
        scope: Scope,
        key: &ContextKey,
        change: &mut dyn FnMut(Option<Value>) -> Option<Value>,
    ) -> Result<(), NodeError>;
    /// Settings and contexts as a handle that the node may keep.
    fn surroundings(&self) -> Arc<dyn Surroundings>;
    /// This node's own keyed state: small, and kept over restarts and deploys.
    fn state(&mut self) -> &mut dyn State;

    /// A credit for a message that this node makes or releases. `None`: ask again when `Transform::resume` is called.
    fn take_credit(&mut self, bytes: u32) -> Option<Arc<Credit>>;
    /// Sends when a credit comes back, in the order of the calls.
    fn send_when_credit(&mut self, port: u16, message: Message);
    /// Hands over pieces that the engine pulls when its queue has room.
    fn send_pieces(&mut self, port: u16, pieces: Pieces);
    /// Straight to a node, past the wires: what link nodes do.
    fn deliver(&mut self, node: &str, mail: Mail) -> Result<(), NodeError>;
    /// Looks up a node that can be called: by id, or by name as dynamic link calls do.
    fn find_link(&self, target: &str, by_name: bool) -> Result<Str, NodeError>;

    /// What this node holds now, and how much it may.
    fn holding(&mut self) -> &mut Holding;
}

/// The settings and contexts around one node, as `Host` has them, in a form that it can keep: a script reads them in
/// the middle of a call, where the handler's `Cx` does not reach. Taken once, in `Transform::start`.
pub trait Surroundings: Send + Sync {
    fn env(&self, name: &str) -> Option<Value>;
    fn context_get(&self, scope: Scope, key: &ContextKey, msg: &Object) -> Result<Option<Value>, NodeError>;
    /// `None` deletes.
    fn context_set(
        &self,
        scope: Scope,
        key: &ContextKey,
        msg: &Object,
        value: Option<Value>,
    ) -> Result<(), NodeError>;
    fn context_keys(&self, scope: Scope, store: Option<&str>) -> Result<Vec<Str>, NodeError>;
    /// Reads and writes one key with nothing in between. `change` does not touch any context.
    fn context_update(
        &self,
        scope: Scope,
        key: &ContextKey,
        change: &mut dyn FnMut(Option<Value>) -> Option<Value>,
    ) -> Result<(), NodeError>;
}

pub type Pieces = Box<dyn Iterator<Item = Message> + Send>;

/// What a node holds, and how much it may. The bounds are the node's own, so that one that hoards stops itself only.
#[derive(Debug, Clone)]
pub struct Holding {
    held: Arc<HeldNow>,
    max_messages: usize,
    max_bytes: usize,
}

#[derive(Debug, Default)]
struct HeldNow {
    messages: AtomicUsize,
    bytes: AtomicUsize,
    /// How many it may hold, as it said last: for whoever looks on.
    most: AtomicUsize,
}

impl Holding {
    pub fn new(settings: &Settings) -> Holding {
        let held = HeldNow { most: AtomicUsize::new(settings.hold_limit), ..HeldNow::default() };
        let (max_messages, max_bytes) = (settings.hold_limit, settings.hold_bytes);
        Holding { held: Arc::new(held), max_messages, max_bytes }
    }

    /// Another bound, from now on.
    pub fn set_max_messages(&mut self, messages: usize) {
        self.max_messages = messages;
        self.held.most.store(messages, Ordering::Relaxed);
    }

    /// How many messages it may hold.
    pub fn most(&self) -> usize {
        self.held.most.load(Ordering::Relaxed)
    }

    pub fn messages(&self) -> usize {
        self.held.messages.load(Ordering::Relaxed)
    }

    /// A place for a message of so many bytes; `None` when the node is full.
    pub fn take(&self, bytes: u32) -> Option<Place> {
        let full = self.messages() >= self.max_messages || self.bytes() >= self.max_bytes;
        (!full).then(|| self.place(bytes))
    }

    /// A place also where there is none left: for what was let in before.
    pub fn place(&self, bytes: u32) -> Place {
        self.held.messages.fetch_add(1, Ordering::Relaxed);
        self.held.bytes.fetch_add(bytes as usize, Ordering::Relaxed);
        Place { held: self.held.clone(), bytes: bytes as usize }
    }

    /// Half of what it may hold: time to let nothing new in.
    pub fn is_half_full(&self) -> bool {
        self.messages() > self.max_messages / 2 || self.bytes() > self.max_bytes / 2
    }

    /// What it may hold, for a person.
    pub fn limits(&self) -> String {
        let (messages, mib) = (self.max_messages, self.max_bytes / (1024 * 1024));
        format!("{messages} messages or {mib} MiB (settings hold_limit and hold_bytes)")
    }

    pub fn bytes(&self) -> usize {
        self.held.bytes.load(Ordering::Relaxed)
    }
}

/// The place of one held message. Dropping it gives it back.
#[derive(Debug)]
pub struct Place {
    held: Arc<HeldNow>,
    bytes: usize,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.held.messages.fetch_sub(1, Ordering::Relaxed);
        self.held.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Logs on the device, as a connector sees them: appended to, and read from any place, without end.
pub trait Logs: Send + Sync {
    /// Appends records: all of them, or none. `done` is called when they are on the disk, with their sequences; records that cannot be written
    /// now wait. It is dropped without a call when they never will be.
    fn append(&self, log: &str, keep: &Keep, append: Append, done: Appended);

    /// Reads a log. With a name the place is kept: `from` is where a new reader of that name begins.
    fn read(&self, log: &str, reader: Option<&str>, from: From) -> Result<Box<dyn LogReader>, NodeError>;

    /// How large a log is on the disk.
    fn bytes(&self, log: &str) -> u64;

    /// Takes a log away, with its readers. Nothing is to be appended to it any more, now or later.
    fn remove(&self, log: &str);
}

/// What is appended together.
#[derive(Default)]
pub struct Append {
    pub records: Vec<LogRecord>,
    /// The messages from which they were made; the caller keeps each of these copies until it is told.
    pub copies: Vec<Copy>,
    /// It does not wait for others to go in the same write.
    pub urgent: bool,
}

pub type Appended = Box<dyn FnOnce(Result<Vec<u64>, NodeError>) + Send>;

/// How much of a log is kept; nothing set keeps everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keep {
    pub max_bytes: Option<u64>,
    pub max_messages: Option<u64>,
    /// Time that the gateway ran.
    pub max_age: Option<Duration>,
    /// Of records with the same key only the newest, after a while.
    pub compact: bool,
    /// What its readers are done with goes, and nothing else: it needs a reader with a name.
    pub queue: bool,
}

/// One record of a log.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LogRecord {
    /// Given when it is appended.
    pub sequence: u64,
    pub value: Object,
    pub key: Option<Str>,
    /// When it came in, by a clock that may jump.
    pub wall_ms: i64,
    pub event_ms: Option<i64>,
    /// The node it came from.
    pub source: Str,
}

/// Where a reader begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    Start,
    /// With what is appended from now on.
    End,
    Sequence(u64),
    /// Milliseconds since 1970.
    Time(i64),
}

/// A reader at its place in a log.
pub trait LogReader: Send {
    /// Waits for the next records. Cancel-safe: a record is given once, and only when the future is done.
    fn next(
        &mut self,
        most: usize,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<LogRecord>, NodeError>> + Send + '_>>;

    /// Whether all that was appended so far has been given.
    fn is_at_end(&self) -> bool;

    /// The sequence that the next record of the log gets: what is before it was there already.
    fn end(&self) -> u64;

    /// All up to this sequence is done with: a reader with a name goes on behind it after a restart.
    fn done(&mut self, sequence: u64);

    /// These records as an origin, where the place is kept.
    fn origin(&self, _first: u64, _last: u64) -> Option<Origin> {
        None
    }
}

/// What is delivered past the wires.
#[derive(Debug)]
pub enum Mail {
    /// As if it had come by a wire.
    Message(Message),
    /// The answer to a link call, for `Transform::returned`.
    Return(Message),
}

/// Keyed state of one node. Only the keys that were written are stored.
pub trait State {
    fn get(&self, key: &str) -> Option<Value>;
    fn put(&mut self, key: &str, value: Value);
    fn delete(&mut self, key: &str);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    Node,
    Flow,
    Global,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

/// The badge under a node.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Status {
    pub fill: Option<Str>,
    pub shape: Option<Str>,
    pub text: Option<Value>,
    /// Whatever else a script put in.
    pub other: Object,
}

impl Status {
    pub fn new(fill: &str, shape: &str, text: impl Into<Value>) -> Status {
        Status {
            fill: Some(Str::new(fill)),
            shape: Some(Str::new(shape)),
            text: Some(text.into()),
            other: Object::new(),
        }
    }

    /// No badge.
    pub fn clear() -> Status {
        Status::default()
    }

    pub fn text(text: impl Into<Value>) -> Status {
        Status { text: Some(text.into()), ..Status::default() }
    }

    /// As Node-RED writes it, the keys that are set.
    pub fn to_object(&self) -> Object {
        let mut object = Object::new();
        for (key, value) in [("fill", &self.fill), ("shape", &self.shape)] {
            if let Some(value) = value {
                object.insert(key, value.clone());
            }
        }
        if let Some(text) = &self.text {
            object.insert("text", text.clone());
        }
        for (key, value) in self.other.iter() {
            object.insert(key.clone(), value.clone());
        }
        object
    }

    pub fn from_object(object: &Object) -> Status {
        let mut status = Status::default();
        for (key, value) in object.iter() {
            match (key.as_str(), value) {
                ("fill", Value::Str(s)) => status.fill = Some(s.clone()),
                ("shape", Value::Str(s)) => status.shape = Some(s.clone()),
                ("text", value) => status.text = Some(value.clone()),
                _ => status.other.insert(key.clone(), value.clone()),
            }
        }
        status
    }
}

/// What a debug node shows.
#[derive(Debug, Clone, PartialEq)]
pub struct DebugRecord {
    /// Which property it is of, empty for the whole message.
    pub property: Str,
    pub topic: Option<Str>,
    pub message_id: Option<Str>,
    pub value: Option<Value>,
    pub to_sidebar: bool,
    pub to_console: bool,
}

/// Settings of the gateway that nodes read, by Node-RED's names where it has one.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `nodeMessageBufferMaxLength`: how many messages a sequence node holds before it gives up on them; 0 is no limit
    /// of its own, and the engine's stands.
    pub node_message_buffer_max_length: usize,
    /// `debugMaxLength`: how much of a value the debug panel shows.
    pub debug_max_length: usize,
    /// How many messages any one node may hold.
    pub hold_limit: usize,
    /// How many bytes of messages any one node may hold.
    pub hold_bytes: usize,
    /// Operations one call of a script may take.
    pub script_operations: u64,
    /// Real time one call of a script may take, a backstop.
    pub script_time: Duration,
    /// Anything else, by name.
    pub other: BTreeMap<String, Value>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            node_message_buffer_max_length: 0,
            debug_max_length: 1000,
            hold_limit: 100_000,
            hold_bytes: 48 * 1024 * 1024,
            script_operations: 10_000_000,
            script_time: Duration::from_secs(5),
            other: BTreeMap::new(),
        }
    }
}

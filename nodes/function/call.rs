//! What a script does and needs while it runs: its sources, what it asked for, and what is around the node.
//!
//! The functions that a script calls are registered once for all scripts and have no way to a node of their own, so the
//! call at hand stands in a place of the thread. A thread runs one script at a time, and nothing of the message's
//! handler (its `Cx`) is in there: what the script asks for is written down and done when it has returned.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use rhai::{Dynamic, EvalAltResult, Map, Target};

use super::survey::Written;
use super::value::{SOURCE, Sources, Unfit, kind, same_map};
use crate::host::{Level, Status, Surroundings};
use crate::pattern::Pattern;
use crate::value::{Object, Str, Value};

/// The result of a function that scripts call.
pub type Outcome<T> = Result<T, Box<EvalAltResult>>;

/// So much a script may ask for in one call: a loop that sends must not fill the memory.
const MAX_ACTIONS: usize = 100_000;

/// So many compiled patterns a node keeps; a script that makes up patterns starts afresh.
const MAX_PATTERNS: usize = 64;

#[derive(Debug)]
pub enum Action {
    Send(u16, Object),
    Status(Status),
    Log(Level, String),
    /// With the message that it is about, where the script named one.
    Error(String, Option<Object>),
}

/// Which of a node's scripts runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    Setup,
    #[default]
    Message,
    Close,
    /// The constants of a module are computed, before there is a node.
    Module,
}

#[derive(Default)]
pub struct Call {
    pub phase: Phase,
    pub sources: Sources,
    pub actions: Vec<Action>,
    /// The script called `node.done()`.
    pub done: bool,
    pub now_ms: i64,
    pub seed: u64,
    pub id: Str,
    pub name: Str,
    pub outputs: usize,
    pub around: Option<Arc<dyn Surroundings>>,
    /// What the script may write to.
    pub written: Arc<Written>,
    /// A context is locked for an update.
    pub updating: bool,
    pub patterns: HashMap<String, Pattern>,
}

thread_local! {
    static CURRENT: RefCell<Option<Box<Call>>> = const { RefCell::new(None) };
}

/// Makes this the call at hand.
pub fn enter(call: Box<Call>) {
    // What a panic left there is dropped.
    CURRENT.with_borrow_mut(|current| *current = Some(call));
}

/// Takes the call at hand back.
pub fn leave() -> Box<Call> {
    CURRENT.with_borrow_mut(Option::take).unwrap_or_default()
}

/// Acts on the call at hand. `act` must not run a script.
pub fn with<R>(act: impl FnOnce(&mut Call) -> R) -> Outcome<R> {
    CURRENT.with_borrow_mut(|current| match current {
        Some(call) => Ok(act(call)),
        None => Err("not available here".into()),
    })
}

/// The same for an act that can fail.
pub fn within<R>(act: impl FnOnce(&mut Call) -> Outcome<R>) -> Outcome<R> {
    with(act)?
}

impl From<Unfit> for Box<EvalAltResult> {
    fn from(unfit: Unfit) -> Box<EvalAltResult> {
        unfit.to_string().into()
    }
}

impl Call {
    pub fn begin(&mut self, phase: Phase) {
        self.phase = phase;
        self.sources.clear();
        self.actions.clear();
        self.done = false;
        self.updating = false;
    }

    /// Refuses what only a running node has.
    pub fn of_node(&self) -> Outcome<()> {
        match self.phase {
            Phase::Module => Err("not available in the constants of a module".into()),
            _ => Ok(()),
        }
    }

    pub fn act(&mut self, action: Action) -> Outcome<()> {
        self.of_node()?;
        if self.actions.len() >= MAX_ACTIONS {
            return Err(format!("more than {MAX_ACTIONS} messages, logs and states in one call").into());
        }
        self.actions.push(action);
        Ok(())
    }

    /// Sends what a script returned or handed to `node.send`, as Node-RED reads it: a message, an array with an entry
    /// an output, in it an array of messages. What is the same as `message` is not converted again.
    pub fn send(&mut self, what: &Dynamic, message: Option<(&Map, &Object)>) -> Outcome<()> {
        if what.is_shared() {
            return match what.read_lock::<Dynamic>() {
                Some(inner) => self.send(&inner, message),
                None => Err("the value is in use".into()),
            };
        }
        match what.as_array_ref() {
            Ok(ports) => {
                for (port, entry) in ports.iter().enumerate() {
                    match entry.as_array_ref() {
                        Ok(many) => {
                            for one in many.iter().filter(|one| !one.is_unit()) {
                                self.send_one(port, one, message)?;
                            }
                        }
                        Err(_) if is_false(entry) => {}
                        Err(_) => self.send_one(port, entry, message)?,
                    }
                }
                Ok(())
            }
            Err(_) if is_false(what) => Ok(()),
            Err(_) => self.send_one(0, what, message),
        }
    }

    fn send_one(&mut self, port: usize, what: &Dynamic, message: Option<(&Map, &Object)>) -> Outcome<()> {
        if let Ok(map) = what.as_map_ref() {
            // An output that the node does not have is skipped, as in Node-RED.
            if port >= self.outputs {
                return Ok(());
            }
            let object = match message {
                Some((same, object)) if same_map(&map, same) => object.clone(),
                _ => self.sources.object(&map)?,
            };
            return self.act(Action::Send(port as u16, object));
        }
        let text = format!("Function tried to send a message of type {}", kind(what));
        self.act(Action::Error(text, None))
    }

    pub fn map(&mut self, object: Object) -> Map {
        self.sources.map(object)
    }

    pub fn dynamic(&mut self, value: &Value) -> Outcome<Dynamic> {
        Ok(self.sources.dynamic(value)?)
    }

    pub fn value(&self, dynamic: &Dynamic) -> Outcome<Value> {
        Ok(self.sources.value(dynamic)?)
    }

    /// How a value reads in a log: text as it is, anything else as JSON.
    pub fn text(&self, dynamic: &Dynamic) -> String {
        match self.sources.value(dynamic) {
            Ok(value @ (Value::Array(_) | Value::Object(_))) => value.to_json(),
            Ok(value) => value.to_text().to_string(),
            Err(_) => dynamic.to_string(),
        }
    }

    pub fn random(&mut self) -> Outcome<u64> {
        self.of_node()?;
        Ok(crate::testing::splitmix(&mut self.seed))
    }

    pub fn now(&self) -> Outcome<i64> {
        self.of_node()?;
        Ok(self.now_ms)
    }

    /// A property that a map does not have yet: kept in the map, unless it is a plain value that is only read.
    pub fn property<'m>(&mut self, map: &'m mut Map, name: &str) -> Outcome<Target<'m>> {
        let value = self.sources.property(map, name)?;
        let plain = !(value.is_map() || value.is_array() || value.is_blob());
        if plain && !self.written.contains(name) || name == SOURCE {
            return Ok(Target::TempValue(value));
        }
        Ok(Target::RefMut(map.entry(name.into()).or_insert(value)))
    }

    /// A regular expression, compiled once a node.
    pub fn pattern(&mut self, text: &str) -> Outcome<&Pattern> {
        if !self.patterns.contains_key(text) {
            if self.patterns.len() >= MAX_PATTERNS {
                self.patterns.clear();
            }
            let pattern = Pattern::new(text, false).map_err(|error| error.message().to_string())?;
            self.patterns.insert(text.to_string(), pattern);
        }
        Ok(&self.patterns[text])
    }
}

/// What is false in JavaScript is nothing to send.
fn is_false(value: &Dynamic) -> bool {
    value.is_unit()
        || value.as_bool() == Ok(false)
        || value.as_int() == Ok(0)
        || value.as_float() == Ok(0.0)
        || value.as_immutable_string_ref().is_ok_and(|text| text.is_empty())
}

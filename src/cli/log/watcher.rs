//! What a replay shows: what connectors would have sent, what debug nodes show, and errors.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tidegate_nodes::host::Level;
use tidegate_nodes::value::{Object, Value};

use super::super::output;
use crate::engine::{Event, NodeRef, Observer};

pub struct Watcher {
    json: bool,
    sent: AtomicU64,
    failed: AtomicBool,
}

impl Watcher {
    pub fn new(json: bool) -> Watcher {
        Watcher { json, sent: AtomicU64::new(0), failed: AtomicBool::new(false) }
    }

    /// How many messages connectors would have sent.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Whether an error came up that no catch node took.
    pub fn failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    pub fn fail(&self) {
        self.failed.store(true, Ordering::Relaxed);
    }

    fn line(&self, node: &NodeRef, key: &str, value: impl Into<Value>) {
        let mut line = Object::new();
        line.insert("node", node.id.clone());
        line.insert("name", node.name.clone());
        line.insert("type", node.type_name.clone());
        line.insert("flow", node.flow.clone());
        line.insert(key, value);
        output::line(format_args!("{}", Value::Object(line).to_json()));
    }
}

impl Observer for Watcher {
    fn event(&self, _at: Duration, node: &NodeRef, event: Event) {
        match event {
            Event::Received(message) => {
                self.sent.fetch_add(1, Ordering::Relaxed);
                self.line(node, "message", message);
            }
            Event::Debug(record) if record.to_sidebar || record.to_console => {
                if self.json {
                    return self.line(node, "debug", record.value.unwrap_or_default());
                }
                let name = if node.name.is_empty() { &node.id } else { &node.name };
                let text = record.value.map_or("undefined".to_string(), |value| match value {
                    Value::Str(text) => text.to_string(),
                    other => other.to_json(),
                });
                output::line(format_args!("[{name}] {text}"));
            }
            Event::Error { error, caught: false } => {
                self.fail();
                eprintln!("{node}: {error}");
            }
            Event::Panicked { text, .. } => {
                self.fail();
                eprintln!("{node}: panicked: {text}");
            }
            Event::Lost { count, reason } => eprintln!("{node}: {count} messages not delivered: {reason}"),
            Event::Log(Level::Warn | Level::Error, text) => eprintln!("{node}: {text}"),
            Event::Log(..)
            | Event::Error { .. }
            | Event::Debug(_)
            | Event::Status(_)
            | Event::Sent(_)
            | Event::Passed { .. } => {}
        }
    }
}

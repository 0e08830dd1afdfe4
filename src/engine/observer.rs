//! What the engine tells the outside: log lines, statuses, debug records, losses. It never waits for who listens.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tidegate_nodes::error::NodeError;
use tidegate_nodes::host::{DebugRecord, Level, Status};
use tidegate_nodes::value::{Object, Str};

/// The node an event is about.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeRef {
    /// In the running gateway; inside a subflow instance `<instance>-<node>`.
    pub id: Str,
    /// In the flow file.
    pub document_id: Str,
    pub type_name: Str,
    pub name: Str,
    pub flow: Str,
}

impl std::fmt::Display for NodeRef {
    /// As a person would say it: `function "parse" (t1/a1b2)`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.name.is_empty() {
            write!(f, "{} ({}/{})", self.type_name, self.flow, self.id)
        } else {
            write!(f, "{} \"{}\" ({}/{})", self.type_name, self.name, self.flow, self.id)
        }
    }
}

#[derive(Debug, Clone)]
pub enum Event {
    Log(Level, String),
    /// An error, and whether a Catch took it.
    Error {
        error: NodeError,
        caught: bool,
    },
    Status(Status),
    Debug(DebugRecord),
    /// A message at a node's input; only for nodes that are watched.
    Received(Object),
    /// A message out of a node that has no input; only for nodes that are watched.
    Sent(Object),
    /// A message on a wire of this node; only for wires that are watched.
    Passed {
        port: u16,
        to: Str,
        value: Object,
    },
    /// A node panicked; it starts again after a while, or not any more.
    Panicked {
        text: String,
        again_in: Option<Duration>,
    },
    /// Messages that will not be delivered, and why. Their sources are not acknowledged.
    Lost {
        count: u64,
        reason: &'static str,
    },
}

pub trait Observer: Send + Sync {
    fn event(&self, at: Duration, node: &NodeRef, event: Event);
}

/// Events to the log; debug records to the console where they ask for it. A node that fails at every message must not
/// fill a log, which on a board is an SD card: of one node a few lines are written in a while, the others are counted.
#[derive(Default)]
pub struct LogObserver {
    lines: Mutex<HashMap<Str, Lines>>,
}

/// What one node has written lately.
#[derive(Default)]
struct Lines {
    since: Duration,
    written: u32,
    left_out: u64,
}

/// So many lines a node in this time.
const MOST_LINES: u32 = 20;
const LINES_WINDOW: Duration = Duration::from_secs(10);

impl LogObserver {
    /// Whether the node may write a line now; tells how many were left out before.
    fn may_write(&self, at: Duration, node: &NodeRef) -> bool {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = lines.entry(node.id.clone()).or_default();
        if at >= lines.since + LINES_WINDOW {
            if lines.left_out > 0 {
                tracing::warn!("{node}: {} more lines were left out", lines.left_out);
            }
            *lines = Lines { since: at, ..Lines::default() };
        }
        lines.written += 1;
        let may = lines.written <= MOST_LINES;
        lines.left_out += u64::from(!may);
        may
    }
}

impl Observer for LogObserver {
    fn event(&self, at: Duration, node: &NodeRef, event: Event) {
        let quiet = match &event {
            Event::Debug(record) => !record.to_console,
            Event::Status(_) | Event::Received(_) | Event::Sent(_) | Event::Passed { .. } => true,
            _ => false,
        };
        // What a debug node shows was asked for, and is written whatever it takes.
        if quiet || !(matches!(event, Event::Debug(_)) || self.may_write(at, node)) {
            return;
        }
        match event {
            Event::Log(Level::Error, text) => tracing::error!("{node}: {text}"),
            Event::Log(Level::Warn, text) => tracing::warn!("{node}: {text}"),
            Event::Log(Level::Info, text) => tracing::info!("{node}: {text}"),
            Event::Log(Level::Debug, text) => tracing::debug!("{node}: {text}"),
            Event::Error { error, caught: false } => tracing::error!("{node}: {error}"),
            Event::Error { error, caught: true } => {
                tracing::debug!("{node}: {error} (taken by a catch node)")
            }
            Event::Debug(record) if record.to_console => {
                let value = record.value.as_ref().map_or_else(|| "undefined".to_string(), |v| v.to_json());
                tracing::info!("{node}: {}{value}", record.property_prefix());
            }
            Event::Debug(_)
            | Event::Status(_)
            | Event::Received(_)
            | Event::Sent(_)
            | Event::Passed { .. } => {}
            Event::Panicked { text, again_in: Some(wait) } => {
                tracing::error!("{node}: panicked: {text}; it starts again in {} ms", wait.as_millis());
            }
            Event::Panicked { text, again_in: None } => {
                tracing::error!(
                    "{node}: panicked: {text}; stopped after 3 panics in a minute: deploy it again when mended"
                );
            }
            Event::Lost { count, reason } => {
                tracing::warn!(
                    "{node}: {count} messages not delivered: {reason}; their sources are not acknowledged"
                );
            }
        }
    }
}

/// How a debug record names what it shows.
pub trait DebugPrefix {
    fn property_prefix(&self) -> String;
}

impl DebugPrefix for DebugRecord {
    fn property_prefix(&self) -> String {
        if self.property.is_empty() { "msg: ".to_string() } else { format!("msg.{}: ", self.property) }
    }
}

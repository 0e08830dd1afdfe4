//! Debug: shows messages in the debug panel, in the log and in its own badge.

use std::time::Duration;

use serde::Deserialize;

use super::debug_value::{shorten_text, shortened};
use super::inspect::inspect;
use crate::cx::Cx;
use crate::descriptor::{Category, Descriptor, Field, Outputs, Role};
use crate::error::NodeError;
use crate::host::{DebugRecord, Status, TimerId};
use crate::jsonata::Expression;
use crate::message::Message;
use crate::node::{Action, Built, NodeConfig, NodeType, Transform};
use crate::path::Path;
use crate::read;
use crate::value::{Object, Str, Value};

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "debug",
    category: Category::Common,
    summary: "Shows messages in the debug panel, the log or its own badge.",
    help: include_str!("debug.md"),
    examples: include_str!("debug.examples.json"),
    inputs: 1,
    outputs: Outputs::Fixed(0),
    role: Role::Transform,
    fields: &[
        Field::bool("active", "Active", "Whether it shows messages in the panel. Its switch changes this.")
            .default("true"),
        Field::bool("tosidebar", "To the panel", "Show messages in the debug panel of the editor.")
            .default("true"),
        Field::bool(
            "console",
            "To the log",
            "Write messages to the gateway's log, also while it is not active.",
        )
        .default("false"),
        Field::bool("tostatus", "To the badge", "Show the value, cut to 32 characters, under the node.")
            .default("false"),
        Field::typed(
            "complete",
            "targetType",
            &["msg", "full", "jsonata"],
            "Show",
            "A property of the message, the complete message, or the result of an expression.",
        )
        .default("\"payload\""),
        Field::typed(
            "statusVal",
            "statusType",
            &["auto", "counter", "msg", "jsonata"],
            "In the badge",
            "The same as in the panel, how many messages came, a property, or the result of an expression.",
        )
        .default("\"\"")
        .visible_if("tostatus", &["true"]),
    ],
};

const COUNTED: TimerId = 0;
/// The badge holds no more of a text.
const STATUS_LENGTH: usize = 32;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    #[serde(default, deserialize_with = "read::text")]
    complete: String,
    #[serde(default)]
    target_type: Option<String>,
    #[serde(default, deserialize_with = "read::boolean")]
    console: bool,
    #[serde(default, deserialize_with = "read::boolean")]
    tostatus: bool,
    #[serde(default)]
    status_type: Option<String>,
    #[serde(default, deserialize_with = "read::text")]
    status_val: String,
    #[serde(default = "read::yes", deserialize_with = "read::boolean")]
    tosidebar: bool,
    /// Absent and null both mean yes.
    #[serde(default)]
    active: Option<serde_json::Value>,
}

/// What of a message is shown.
enum Shown {
    All,
    Property(Path),
    Expression(Expression),
}

enum Badge {
    /// What is shown in the panel, or the error or badge that the message brings.
    Auto,
    Counter,
    Value(Shown),
}

fn build(node: &NodeConfig) -> Result<Built, NodeError> {
    let config: Config = node.read()?;
    let text = match config.complete.as_str() {
        "" | "false" => "payload",
        other => other,
    };
    let shown = match config.target_type.as_deref() {
        Some("jsonata") => Shown::Expression(expression(text, "/complete")?),
        _ if text == "true" => Shown::All,
        _ => Shown::Property(path(text, "/complete")?),
    };
    let value = if config.status_val.is_empty() { text } else { &config.status_val };
    let badge = match config.status_type.as_deref() {
        _ if !config.tostatus => None,
        None | Some("" | "auto") => Some(Badge::Auto),
        Some("counter") => Some(Badge::Counter),
        Some("jsonata") => Some(Badge::Value(Shown::Expression(expression(value, "/statusVal")?))),
        Some(_) => Some(Badge::Value(Shown::Property(path(value, "/statusVal")?))),
    };
    let counts = config.status_type.as_deref() == Some("counter");
    let active = !matches!(config.active, Some(serde_json::Value::Bool(false)));
    Ok(Built::transform(Debug {
        id: node.id.clone(),
        shown,
        badge,
        counts,
        to_console: config.console,
        to_sidebar: config.tosidebar,
        active,
        count: 0,
        counted: Duration::ZERO,
        last: None,
    })
    .telling_empty_name())
}

fn path(text: &str, pointer: &str) -> Result<Path, NodeError> {
    Path::parse_msg(text).map_err(|error| NodeError::config(pointer, error.message()))
}

fn expression(text: &str, pointer: &str) -> Result<Expression, NodeError> {
    Expression::parse(text).map_err(|error| {
        NodeError::config(pointer, format!("Invalid JSONata expression: {}", error.message()))
    })
}

impl Shown {
    fn of(&self, msg: &Object, cx: &Cx<'_>) -> Result<Option<Value>, NodeError> {
        match self {
            Shown::All => Ok(Some(Value::Object(msg.clone()))),
            Shown::Property(path) => Ok(path.find(msg, msg)),
            Shown::Expression(expression) => expression.eval(msg, cx).map_err(|error| {
                NodeError::rejected(format!("Invalid JSONata expression: {}", error.message()))
            }),
        }
    }

    fn property(&self) -> &str {
        match self {
            Shown::Property(path) => path.text(),
            _ => "",
        }
    }
}

struct Debug {
    id: Str,
    shown: Shown,
    /// Nothing when it is not shown under the node.
    badge: Option<Badge>,
    counts: bool,
    to_console: bool,
    to_sidebar: bool,
    active: bool,
    count: u64,
    /// When a message was counted last.
    counted: Duration,
    /// The badge as it stands, so that it is set only when it changes.
    last: Option<Status>,
}

impl Transform for Debug {
    fn start(&mut self, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        self.counted = cx.elapsed();
        if self.badge.is_some() {
            cx.status(Status { text: None, ..Status::new("grey", "ring", "") });
        }
        if self.counts {
            self.show_count(cx);
        } else {
            cx.status(Status::new("", "", ""));
        }
        Ok(())
    }

    fn handle(&mut self, msg: &mut Option<Message>, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        let Some(message) = msg else { return Ok(()) };
        // A status node that listens to this very node must not make it go round in circles.
        let source = message.get("status").and_then(|status| status.get("source")?.get("id")?.as_str());
        if source == Some(self.id.as_str()) {
            return Ok(());
        }
        match &self.badge {
            None => {}
            Some(Badge::Counter) => self.count(cx),
            Some(badge) => match badge_of(badge, &self.shown, &message.value, cx) {
                Ok(status) => self.show(status, cx),
                // As in Node-RED the message is shown all the same.
                Err(error) => cx.error(error, None),
            },
        }
        let to_sidebar = self.active && self.to_sidebar;
        // A failed expression is an error without a message, and the node is not done with it.
        match self.shown.of(&message.value, cx) {
            Ok(value) if to_sidebar || self.to_console => {
                let max = cx.settings().debug_max_length;
                cx.debug(DebugRecord {
                    property: Str::new(self.shown.property()),
                    topic: message.get("topic").map(Value::to_text),
                    message_id: message.get("_msgid").map(Value::to_text),
                    value: value.map(|value| shortened(&value, max)),
                    to_sidebar,
                    to_console: self.to_console,
                });
            }
            Ok(_) => {}
            Err(error) => {
                cx.error(error, None);
                cx.not_done();
            }
        }
        Ok(())
    }

    fn timer(&mut self, _id: TimerId, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        self.show_count(cx);
        Ok(())
    }

    fn action(&mut self, action: Action, _cx: &mut Cx<'_>) -> Result<(), NodeError> {
        if let Action::Activate(active) = action {
            self.active = active;
        }
        Ok(())
    }

    fn close(&mut self, cx: &mut Cx<'_>) {
        if self.badge.is_some() {
            cx.status(Status::clear());
        }
    }
}

impl Debug {
    /// Shows the count at once where messages are rare, else when none has come for 200 ms.
    fn count(&mut self, cx: &mut Cx<'_>) {
        let now = cx.elapsed();
        let quiet = now.saturating_sub(self.counted);
        self.counted = now;
        self.count += 1;
        if quiet > Duration::from_millis(100) {
            self.show_count(cx);
        } else {
            cx.set_timer(COUNTED, Duration::from_millis(200));
        }
    }

    fn show_count(&self, cx: &mut Cx<'_>) {
        cx.status(Status::new("blue", "ring", self.count as i64));
    }

    fn show(&mut self, status: Status, cx: &mut Cx<'_>) {
        if self.last.as_ref() != Some(&status) {
            self.last = Some(status.clone());
            cx.status(status);
        }
    }
}

fn badge_of(badge: &Badge, shown: &Shown, msg: &Object, cx: &Cx<'_>) -> Result<Status, NodeError> {
    let auto = matches!(badge, Badge::Auto);
    let value = match (badge, shown) {
        (Badge::Value(shown), _) => shown.of(msg, cx)?,
        (_, Shown::All) => msg.get("payload").cloned(),
        (_, shown) => shown.of(msg, cx)?,
    };
    let part = |of: &Value, key: &str| of.get(key).filter(|part| part.truthy()).cloned();
    let own = value.as_ref().and_then(|v| Some((part(v, "fill")?, part(v, "shape")?, part(v, "text")?)));
    let (mut fill, mut shape, mut text) = match (own, &value) {
        (Some((fill, shape, text)), _) => (fill.to_text(), shape.to_text(), text),
        (None, Some(Value::Str(text))) => (Str::new("grey"), Str::new("dot"), Value::Str(text.clone())),
        (None, other) => (Str::new("grey"), Str::new("dot"), Value::from(inspect(other.as_ref()))),
    };
    if let (true, Some(error)) = (auto, msg.get("error")) {
        fill = Str::new("red");
        text = error.get("message").cloned().unwrap_or_else(|| Value::str(""));
    }
    if let (true, Some(status)) = (auto, msg.get("status")) {
        fill = part(status, "fill").map_or_else(|| Str::new("grey"), |fill| fill.to_text());
        shape = part(status, "shape").map_or_else(|| Str::new("ring"), |shape| shape.to_text());
        text = part(status, "text").unwrap_or_else(|| Value::str(""));
    }
    if let Value::Str(long) = &text {
        let max = cx.settings().other.get("debugStatusLength").and_then(Value::as_i64);
        let max = max.and_then(|max| usize::try_from(max).ok()).unwrap_or(STATUS_LENGTH);
        if let Some(short) = shorten_text(long, max) {
            text = Value::Str(short);
        }
    }
    Ok(Status { fill: Some(fill), shape: Some(shape), text: Some(text), other: Object::new() })
}

#[cfg(test)]
#[path = "debug_tests.rs"]
mod tests;

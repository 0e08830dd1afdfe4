//! The outbox in front of a sink, as a group of properties that is the same in every sink's form. A sink names
//! [`NETWORK`] or [`LOCAL`] among its fields, and the engine does the rest: no sink knows its outbox.

use std::time::Duration;

use serde::Deserialize;

use crate::descriptor::{Descriptor, Field, FieldKind};
use crate::error::NodeError;
use crate::node::NodeConfig;
use crate::path::Path;
use crate::read;

/// For sinks that talk over a network: kept on the disk while the other side is away or slow.
pub const NETWORK: Field = field("{\"mode\":\"offline\"}");
/// For sinks on this board: no outbox, unless the flow says so.
pub const LOCAL: Field = field("{\"mode\":\"off\"}");
/// For what is there to keep: all messages go through the outbox.
pub const ALWAYS: Field = field("{\"mode\":\"always\"}");

const fn field(default: &'static str) -> Field {
    Field::new(
        "outbox",
        FieldKind::Group(FIELDS),
        "Outbox",
        "Where messages wait on the disk until the other side has them.",
    )
    .default(default)
}

const FIELDS: &[Field] = &[
    Field::choice(
        "mode",
        &[
            ("off", "off: in memory, and the source waits"),
            ("offline", "while the other side is away or slow"),
            ("always", "always: safe before it is sent"),
        ],
        "Keep on disk",
        "When messages are written to the disk before they are sent.",
    ),
    Field::choice(
        "priority",
        &[("alarm", "alarm"), ("event", "event"), ("telemetry", "telemetry")],
        "Priority",
        "Alarms go out first and have space of their own; then events, then telemetry. `msg.priority` says it for one message.",
    )
    .default("\"event\""),
    Field::choice(
        "delivery",
        &[
            ("", "as the flow says"),
            ("at-most-once", "at most once: the source does not wait"),
            ("at-least-once", "at least once: nothing is lost"),
        ],
        "Delivery",
        "What is promised of each message. At least once is what flows do; at most once gives a message up when the gateway or the other side fails.",
    ),
    Field::number("max_bytes", "Most bytes", "How much it may hold on the disk. Telemetry may use three fifths of it, events four fifths, alarms all.")
        .default("268435456")
        .at_least(65536.0),
    Field::integer("max_messages", "Most messages", "How many messages it may hold; 0 is no limit.").at_least(0.0),
    Field::number(
        "max_age",
        "Longest wait",
        "Seconds after which a message is not worth sending any more; 0 keeps it for ever. Only time that the gateway runs counts, so that a clock that jumps expires nothing.",
    )
    .at_least(0.0),
    Field::choice(
        "when_full",
        &[
            ("block", "let the source wait"),
            ("drop_oldest", "drop the oldest, counted"),
            ("drop_newest", "drop what comes, counted"),
        ],
        "When full",
        "What happens to a message for which there is no space. What is dropped is counted in the ledger.",
    )
    .default("\"block\""),
    Field::new("retry", FieldKind::Group(RETRY), "Retry", "What happens to a message that the other side refuses. An outage is always waited out."),
    Field::text("dead_letter", "Dead letters", "The log that gets what can never be delivered, with the reason.")
        .default("\"dead-letters\""),
    Field::number("pace", "Catch-up pace", "Most stored messages a second, so that a long outage does not flood the other side; 0 is no limit. Alarms are not slowed.")
        .at_least(0.0),
    Field::text("key", "Order by", "The property of the message that names what it is about: order is kept for each.")
        .default("\"topic\""),
    Field::integer("slow_messages", "Slow from", "In the mode *offline*: so many unconfirmed messages count as slow, and what comes is stored.")
        .default("256")
        .range(1.0, 100_000.0),
    Field::number("slow_ms", "Slow after", "In the mode *offline*: a message that is unconfirmed for so many milliseconds counts as slow.")
        .default("5000")
        .at_least(10.0),
];

const RETRY: &[Field] = &[
    Field::integer(
        "attempts",
        "Attempts",
        "How often a message is sent that is refused; then it is a dead letter.",
    )
    .default("1")
    .range(1.0, 1_000.0),
    Field::number("wait", "Wait", "Seconds before it is sent again; doubled each time, up to five minutes.")
        .default("1")
        .at_least(0.0),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    #[default]
    Off,
    Offline,
    Always,
}

/// What is promised of a message: by a flow in its property `delivery`, or by a sink in its outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Delivery {
    /// Its source is acknowledged when it comes in.
    AtMostOnce,
    /// Its source is acknowledged when all that was made from it is confirmed, or on the disk.
    #[default]
    AtLeastOnce,
}

impl Delivery {
    pub const NAMES: [&str; 2] = ["at-most-once", "at-least-once"];

    pub fn parse(text: &str) -> Option<Delivery> {
        match text {
            "at-most-once" => Some(Delivery::AtMostOnce),
            "at-least-once" => Some(Delivery::AtLeastOnce),
            _ => None,
        }
    }
}

/// How urgent a message is; the most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    Alarm,
    #[default]
    Event,
    Telemetry,
}

impl Priority {
    pub const ALL: [Priority; 3] = [Priority::Alarm, Priority::Event, Priority::Telemetry];

    pub fn name(self) -> &'static str {
        match self {
            Priority::Alarm => "alarm",
            Priority::Event => "event",
            Priority::Telemetry => "telemetry",
        }
    }

    pub fn parse(text: &str) -> Option<Priority> {
        Priority::ALL.into_iter().find(|priority| priority.name() == text)
    }

    /// The share of an outbox that this priority may fill: what is above it is for the more urgent.
    pub fn share(self) -> f64 {
        match self {
            Priority::Alarm => 1.0,
            Priority::Event => 0.8,
            Priority::Telemetry => 0.6,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenFull {
    #[default]
    Block,
    DropOldest,
    DropNewest,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
struct Raw {
    mode: Option<Mode>,
    priority: Priority,
    #[serde(deserialize_with = "read::text")]
    delivery: String,
    #[serde(deserialize_with = "read::maybe_number")]
    max_bytes: Option<f64>,
    #[serde(deserialize_with = "read::count")]
    max_messages: usize,
    #[serde(deserialize_with = "read::number")]
    max_age: f64,
    when_full: WhenFull,
    retry: RawRetry,
    #[serde(deserialize_with = "read::text")]
    dead_letter: String,
    #[serde(deserialize_with = "read::number")]
    pace: f64,
    #[serde(deserialize_with = "read::text")]
    key: String,
    #[serde(deserialize_with = "read::maybe_number")]
    slow_messages: Option<f64>,
    #[serde(deserialize_with = "read::maybe_number")]
    slow_ms: Option<f64>,
}

impl Default for Raw {
    fn default() -> Raw {
        Raw {
            mode: None,
            priority: Priority::default(),
            delivery: String::new(),
            max_bytes: None,
            max_messages: 0,
            max_age: 0.0,
            when_full: WhenFull::default(),
            retry: RawRetry::default(),
            dead_letter: String::new(),
            pace: 0.0,
            key: "topic".to_string(),
            slow_messages: None,
            slow_ms: None,
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
struct RawRetry {
    #[serde(deserialize_with = "read::maybe_number")]
    attempts: Option<f64>,
    #[serde(deserialize_with = "read::maybe_number")]
    wait: Option<f64>,
}

/// An outbox as a flow asks for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Outbox {
    pub mode: Mode,
    pub priority: Priority,
    /// Nothing: as the flow says.
    pub delivery: Option<Delivery>,
    pub max_bytes: u64,
    pub max_messages: Option<u64>,
    pub max_age: Option<Duration>,
    pub when_full: WhenFull,
    pub attempts: u32,
    pub retry_wait: Duration,
    pub dead_letter: String,
    /// Stored messages a second.
    pub pace: Option<f64>,
    /// What a message is about; nothing where order is kept for all together.
    pub key: Option<Path>,
    pub slow_messages: usize,
    pub slow_after: Duration,
}

impl Outbox {
    /// What the flow says for a node of this type; `None` for one that has no outbox.
    pub fn of(descriptor: &Descriptor, config: &NodeConfig) -> Result<Option<Outbox>, NodeError> {
        let Some(field) = descriptor.fields.iter().find(|field| field.name == "outbox") else {
            return Ok(None);
        };
        let read = |json: &serde_json::Value| -> Result<Raw, NodeError> {
            serde_path_to_error::deserialize(json).map_err(|error| {
                let path = error.path().to_string();
                let pointer = match path.as_str() {
                    "." => "/outbox".to_string(),
                    path => format!("/outbox/{}", path.replace('.', "/")),
                };
                NodeError::config(pointer, error.inner())
            })
        };
        let default: serde_json::Value =
            serde_json::from_str(field.default.unwrap_or("{}")).unwrap_or(serde_json::Value::Null);
        let default_mode = read(&default)?.mode.unwrap_or_default();
        let raw = match config.property("outbox") {
            None | Some(serde_json::Value::Null) => Raw::default(),
            Some(json) => read(json)?,
        };
        let seconds = |pointer: &str, seconds: f64| {
            Duration::try_from_secs_f64(seconds)
                .map_err(|_| NodeError::config(pointer, format!("expected seconds from 0, found {seconds}")))
        };
        let max_bytes = raw.max_bytes.unwrap_or(268_435_456.0);
        if !(65_536.0..9e15).contains(&max_bytes) {
            return Err(NodeError::config("/outbox/max_bytes", "expected at least 65536 bytes"));
        }
        if !(0.0..1e9).contains(&raw.pace) {
            return Err(NodeError::config("/outbox/pace", "expected messages a second, from 0"));
        }
        let key = (!raw.key.is_empty()).then(|| Path::parse_msg(&raw.key)).transpose();
        let key = key.map_err(|error| NodeError::config("/outbox/key", error.message()))?;
        let delivery = match raw.delivery.as_str() {
            "" => None,
            text => Some(Delivery::parse(text).ok_or_else(|| {
                let hint =
                    "expected at-most-once or at-least-once (exactly once is for sinks with transactions)";
                NodeError::config("/outbox/delivery", format!("{hint}, found \"{text}\""))
            })?),
        };
        Ok(Some(Outbox {
            mode: raw.mode.unwrap_or(default_mode),
            priority: raw.priority,
            delivery,
            max_bytes: max_bytes as u64,
            max_messages: (raw.max_messages > 0).then_some(raw.max_messages as u64),
            max_age: (raw.max_age != 0.0).then(|| seconds("/outbox/max_age", raw.max_age)).transpose()?,
            when_full: raw.when_full,
            attempts: raw.retry.attempts.unwrap_or(1.0).clamp(1.0, 1_000.0) as u32,
            retry_wait: seconds("/outbox/retry/wait", raw.retry.wait.unwrap_or(1.0))?,
            dead_letter: if raw.dead_letter.is_empty() {
                "dead-letters".to_string()
            } else {
                raw.dead_letter
            },
            pace: (raw.pace > 0.0).then_some(raw.pace),
            key,
            slow_messages: raw.slow_messages.unwrap_or(256.0).clamp(1.0, 100_000.0) as usize,
            slow_after: Duration::from_secs_f64(raw.slow_ms.unwrap_or(5_000.0).clamp(10.0, 1e9) / 1_000.0),
        }))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::descriptor::{Category, Outputs, Role};
    use crate::testing::{MemoryHost, config};

    const SINK: Descriptor = Descriptor {
        type_name: "s",
        category: Category::Network,
        summary: "",
        help: "",
        examples: "[]",
        inputs: 1,
        outputs: Outputs::Fixed(0),
        role: Role::Connector,
        fields: &[NETWORK],
    };

    fn of(properties: serde_json::Value) -> Result<Outbox, NodeError> {
        Outbox::of(&SINK, &config("s", properties, &MemoryHost::default())).map(|outbox| outbox.unwrap())
    }

    #[test]
    fn what_the_flow_does_not_say_is_the_types_default() {
        let plain = of(json!({})).unwrap();
        assert_eq!(
            (plain.mode, plain.priority, plain.when_full),
            (Mode::Offline, Priority::Event, WhenFull::Block)
        );
        assert_eq!((plain.max_bytes, plain.max_messages, plain.attempts), (268_435_456, None, 1));
        let said = of(json!({"outbox": {
            "mode": "always", "priority": "alarm", "max_messages": "500", "max_age": 60, "when_full": "drop_oldest",
            "retry": {"attempts": 3}, "pace": 20
        }}))
        .unwrap();
        assert_eq!(
            (said.mode, said.priority, said.when_full),
            (Mode::Always, Priority::Alarm, WhenFull::DropOldest)
        );
        assert_eq!((said.max_messages, said.attempts, said.pace), (Some(500), 3, Some(20.0)));
        assert_eq!(said.max_age, Some(Duration::from_secs(60)));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (outbox, place) in [
            (json!({"mode": "sometimes"}), "/outbox/mode"),
            (json!({"max_bytes": 5}), "/outbox/max_bytes"),
            (json!({"max_age": -1}), "/outbox/max_age"),
            (json!({"retry": {"wait": -2}}), "/outbox/retry/wait"),
            (json!({"pace": -1}), "/outbox/pace"),
            (json!({"key": "payload["}), "/outbox/key"),
            (json!(7), "/outbox"),
        ] {
            match of(json!({ "outbox": outbox })) {
                Err(NodeError::Config { pointer, .. }) => assert_eq!(pointer, place),
                other => panic!("{outbox} gave {other:?}"),
            }
        }
    }
}

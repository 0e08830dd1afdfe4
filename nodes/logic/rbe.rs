//! Filter (report by exception): lets a message pass when its value has changed.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value as Json;

use crate::cx::Cx;
use crate::descriptor::{Category, Descriptor, Field, Outputs, Role};
use crate::error::NodeError;
use crate::logic::loose;
use crate::message::Message;
use crate::node::{Built, NodeConfig, NodeType, Transform};
use crate::path::Path;
use crate::read;
use crate::value::{Object, Str, Value};

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "rbe",
    category: Category::Function,
    summary: "Lets a message pass only when its value has changed.",
    help: include_str!("rbe.md"),
    examples: include_str!("rbe.examples.json"),
    inputs: 1,
    outputs: Outputs::Fixed(1),
    role: Role::Transform,
    fields: &[
        Field::choice(
            "func",
            &[
                ("rbe", "block unless value changes"),
                ("rbei", "block unless value changes (ignore initial value)"),
                ("deadbandEq", "block unless value change is greater or equal to"),
                ("deadband", "block unless value change is greater than"),
                ("narrowbandEq", "block if value change is greater or equal to"),
                ("narrowband", "block if value change is greater than"),
            ],
            "Mode",
            "When a message passes.",
        )
        .default("\"rbe\""),
        Field::text("gap", "Change", "How much, as a number, or as a share of the value before: 5%.")
            .default("\"\"")
            .visible_if("func", BANDS),
        Field::text(
            "start",
            "Start value",
            "What the first value is compared with; empty takes the first itself.",
        )
        .default("\"\"")
        .visible_if("func", &["narrowband", "narrowbandEq"]),
        Field::choice(
            "inout",
            &[("out", "compared to last valid output value"), ("in", "compared to previous input value")],
            "Compare with",
            "The value that the change is measured from.",
        )
        .default("\"out\"")
        .visible_if("func", BANDS),
        Field::text("property", "Property", "The property of the message that is looked at.")
            .default("\"payload\"")
            .required(),
        Field::bool("septopics", "Apply mode separately for each", "Each topic has values of its own.")
            .default("true"),
        Field::text("topi", "Topic property", "The property that tells the topics apart.")
            .default("\"topic\""),
    ],
};

const BANDS: &[&str] = &["deadband", "deadbandEq", "narrowband", "narrowbandEq"];

/// How many topics are remembered: names that come from outside must not fill the memory.
const MOST_TOPICS: usize = 100_000;

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    func: Option<String>,
    #[serde(default, deserialize_with = "read::text")]
    gap: String,
    #[serde(default, deserialize_with = "read::text")]
    start: String,
    #[serde(default)]
    inout: Option<String>,
    #[serde(default)]
    property: Option<String>,
    /// Only the boolean false turns it off.
    #[serde(default)]
    septopics: Json,
    #[serde(default)]
    topi: Option<String>,
}

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    let config: Config = config.read()?;
    let path = |value: Option<String>, default: &str, pointer: &str| {
        let text = value.filter(|text| !text.is_empty()).unwrap_or_else(|| default.to_string());
        Path::parse_msg(&text).map_err(|error| NodeError::config(pointer, error.message()))
    };
    let number = |text: &str, pointer: &str| match Value::str(text).to_number() {
        n if n.is_nan() => Err(NodeError::config(pointer, format!("not a number: \"{text}\""))),
        n => Ok(n),
    };
    let gap = match config.gap.trim().strip_suffix('%') {
        Some(percent) => Gap::Percent(number(percent, "/gap")?),
        None => Gap::Fixed(number(&config.gap, "/gap")?),
    };
    let from_input = config.inout.as_deref() == Some("in");
    let band = |narrow: bool, start: Option<f64>, pass: fn(f64, f64) -> bool| {
        Mode::Band(Band { pass, narrow, start, gap, from_input })
    };
    let start = match config.start.as_str() {
        "" => None,
        text => Some(number(text, "/start")?),
    };
    let mode = match config.func.as_deref() {
        None | Some("" | "rbe") => Mode::Change { skip_first: false },
        Some("rbei") => Mode::Change { skip_first: true },
        Some("deadband") => band(false, None, |change, gap| change > gap),
        Some("deadbandEq") => band(false, None, |change, gap| change >= gap),
        Some("narrowband") => band(true, start, |change, gap| change <= gap),
        Some("narrowbandEq") => band(true, start, |change, gap| change < gap),
        Some(other) => return Err(NodeError::config("/func", format!("unknown mode \"{other}\""))),
    };
    Ok(Built::transform(Filter {
        mode,
        property: path(config.property, "payload", "/property")?,
        topic: path(config.topi, "topic", "/topi")?,
        per_topic: config.septopics != false,
        previous: HashMap::new(),
    }))
}

enum Mode {
    Change { skip_first: bool },
    Band(Band),
}

#[derive(Clone, Copy)]
struct Band {
    /// Whether a change of this much against this gap lets the message through.
    pass: fn(f64, f64) -> bool,
    /// Small changes pass, not large ones.
    narrow: bool,
    start: Option<f64>,
    gap: Gap,
    /// The next change is measured from every value, not only from those that passed.
    from_input: bool,
}

#[derive(Clone, Copy)]
enum Gap {
    Fixed(f64),
    Percent(f64),
}

struct Filter {
    mode: Mode,
    property: Path,
    topic: Path,
    per_topic: bool,
    previous: HashMap<Str, Value>,
}

impl Transform for Filter {
    fn handle(&mut self, msg: &mut Option<Message>, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        let Some(message) = msg.as_ref() else { return Ok(()) };
        let pass = self.passes(&message.value, cx);
        if pass && let Some(message) = msg.take() {
            cx.send(0, message);
        }
        Ok(())
    }
}

impl Filter {
    fn passes(&mut self, msg: &Object, cx: &mut Cx<'_>) -> bool {
        let topic = self.topic.look(msg, msg).filter(|topic| topic.truthy());
        if msg.contains_key("reset") {
            match topic.as_deref().filter(|_| self.per_topic) {
                // As in Node-RED it is `msg.topic` that is forgotten, wherever the topics are taken from.
                Some(Value::Str(_)) => {
                    self.previous.remove(loose::text(msg.get("topic")).as_ref());
                }
                _ => self.previous.clear(),
            }
        }
        let Some(value) = self.property.look(msg, msg) else { return false };
        let topic = match topic.as_deref().filter(|_| self.per_topic) {
            None => Cow::Borrowed("_no_topic"),
            topic => loose::text(topic),
        };
        if self.previous.len() >= MOST_TOPICS && !self.previous.contains_key(topic.as_ref()) {
            cx.warn(format!("more than {MOST_TOPICS} topics: their values are forgotten"));
            self.previous.clear();
        }
        match self.mode {
            Mode::Change { skip_first } => self.changed(&topic, &value, skip_first),
            Mode::Band(band) => {
                let number = loose::leading_number(&value);
                if number.is_nan() {
                    cx.warn("no number found in payload");
                    return false;
                }
                let previous = self.previous.get(topic.as_ref()).and_then(Value::as_f64);
                let (passes, next) = band.compare(number, previous);
                self.remember(&topic, Value::Float(next));
                passes
            }
        }
    }

    fn changed(&mut self, topic: &str, value: &Value, skip_first: bool) -> bool {
        let is_object = |value: &Value| {
            matches!(value, Value::Null | Value::Object(_) | Value::Array(_) | Value::Bytes(_))
        };
        let previous = self.previous.get(topic);
        let known = previous.is_some();
        let changed = match previous {
            Some(previous) if is_object(previous) || !is_object(value) => value != previous,
            // As in Node-RED the first object is compared with an empty one.
            _ if is_object(value) => value.as_object().is_none_or(|object| !object.is_empty()),
            _ => true,
        };
        if changed || is_object(value) {
            self.remember(topic, value.clone());
        }
        changed && (known || !skip_first)
    }

    fn remember(&mut self, topic: &str, value: Value) {
        match self.previous.get_mut(topic) {
            Some(previous) => *previous = value,
            None => {
                self.previous.insert(Str::new(topic), value);
            }
        }
    }
}

impl Band {
    /// Whether the number passes, and the value that the next change is measured from.
    fn compare(&self, n: f64, previous: Option<f64>) -> (bool, f64) {
        let previous = previous.or_else(|| self.narrow.then(|| self.start.unwrap_or(n)));
        let gap = match (self.gap, previous) {
            (Gap::Fixed(gap), _) => gap,
            (Gap::Percent(share), Some(previous)) => (previous * share / 100.0).abs(),
            (Gap::Percent(_), None) => 0.0,
        };
        // The first value is far enough away from what was not there.
        let previous = previous.unwrap_or(n - gap - 1.0);
        let passes = (self.pass)((n - previous).abs(), gap);
        (passes, if passes || self.from_input { n } else { previous })
    }
}

#[cfg(test)]
#[path = "rbe_tests.rs"]
mod tests;

//! Inject: makes messages by its button, at the start, at an interval and by a cron schedule.

use std::collections::VecDeque;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value as Json;

use super::inject_fields::DESCRIPTOR;
use super::schedule::Schedule;
use crate::cx::Cx;
use crate::error::NodeError;
use crate::host::{Status, TimerId};
use crate::message::Message;
use crate::node::{Action, Built, NodeConfig, NodeType, Transform};
use crate::path::Path;
use crate::read;
use crate::typed::Typed;
use crate::value::{Object, Value};

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

const ONCE: TimerId = 0;
const INTERVAL: TimerId = 1;
const SCHEDULE: TimerId = 2;

/// Node-RED's limit, that of JavaScript's timers: 24 days.
const LONGEST_INTERVAL: f64 = 2_147_483.0;
/// How many presses of the button wait for a credit.
const WAITING_PRESSES: usize = 1000;
/// Properties in a press that stand in for the configured ones.
const OVERRIDES: &str = "__user_inject_props__";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    props: Option<Vec<Prop>>,
    payload: Option<Json>,
    payload_type: Option<String>,
    topic: Option<Json>,
    #[serde(default, deserialize_with = "read::maybe_number")]
    repeat: Option<f64>,
    #[serde(default, deserialize_with = "read::text")]
    crontab: String,
    #[serde(default, deserialize_with = "read::boolean")]
    once: bool,
    #[serde(default, deserialize_with = "read::maybe_number")]
    once_delay: Option<f64>,
}

#[derive(Deserialize)]
struct Prop {
    #[serde(default, deserialize_with = "read::text")]
    p: String,
    v: Option<Json>,
    vt: Option<String>,
}

impl Config {
    /// The properties to set; old flows have payload and topic beside the list, or no list at all.
    fn props(&mut self) -> Vec<Prop> {
        let mut props = self.props.take().unwrap_or_else(|| {
            let prop = |p: &str, vt: Option<&str>| Prop { p: p.into(), v: None, vt: vt.map(Into::into) };
            vec![prop("payload", None), prop("topic", Some("str"))]
        });
        for prop in props.iter_mut().filter(|prop| prop.v.is_none()) {
            match (prop.p.as_str(), prop.vt.as_deref()) {
                ("payload", _) => (prop.v, prop.vt) = (self.payload.take(), self.payload_type.take()),
                ("topic", Some("str")) => prop.v = self.topic.take(),
                _ => {}
            }
        }
        props
    }
}

/// One property that a message gets.
struct Property {
    path: Path,
    expression: bool,
    /// A value that cannot be parsed is reported whenever a message should be made, as in Node-RED: to Catch.
    value: Result<Typed, String>,
}

impl Property {
    /// Nothing for a property without a name, which is passed over.
    fn parse(prop: Prop, pointer: &str) -> Result<Option<Property>, NodeError> {
        let kind = prop.vt.as_deref().unwrap_or("str");
        let value = prop.v.unwrap_or_else(|| Json::String(String::new()));
        let empty = value.as_str().is_some_and(str::is_empty);
        if prop.p.is_empty() || (kind == "jsonata" && empty) {
            return Ok(None);
        }
        let path = Path::parse_msg(&prop.p)
            .map_err(|error| NodeError::config(format!("{pointer}/p"), error.message()))?;
        let expression = kind == "jsonata";
        let value = Typed::parse(&value, kind, pointer).map_err(|error| value_error(expression, &error));
        Ok(Some(Property { path, expression, value }))
    }

    fn set(&self, msg: &mut Object, cx: &Cx<'_>) -> Result<(), String> {
        let value = self.value.as_ref().map_err(Clone::clone)?;
        let value = value.eval(msg, cx).map_err(|error| value_error(self.expression, &error))?;
        // Only a path such as `a[msg.b]` reads the message; else a second reference would force a copy.
        let seen = if self.path.as_single().is_some() { Object::new() } else { msg.clone() };
        match value {
            Some(value) => self.path.set(msg, &seen, value, true),
            None => self.path.delete(msg, &seen),
        }
        .map(|_| ())
        .map_err(|error| error.message().to_string())
    }
}

fn value_error(expression: bool, error: &NodeError) -> String {
    let before = if expression { "Invalid JSONata expression: " } else { "" };
    format!("{before}{}", error.message())
}

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    let mut config: Config = config.read()?;
    let mut properties = Vec::new();
    for (at, prop) in config.props().into_iter().enumerate() {
        properties.extend(Property::parse(prop, &format!("/props/{at}"))?);
    }
    let repeat = config.repeat.filter(|seconds| *seconds > 0.0);
    let when = match repeat {
        Some(seconds) if seconds > LONGEST_INTERVAL => When::TooLong,
        Some(seconds) => When::Every(Duration::from_secs_f64(seconds.max(0.001))),
        None if config.crontab.trim().is_empty() => When::Never,
        None => When::At(Box::new(Schedule::parse(&config.crontab).map_err(|error| {
            NodeError::config(
                "/crontab",
                format!("{error}: write 5 or 6 fields, as in \"*/15 8-18 * * 1-5\""),
            )
        })?)),
    };
    let once_delay = config.once_delay.filter(|seconds| *seconds != 0.0).unwrap_or(0.1);
    let once = config.once.then(|| Duration::from_secs_f64(once_delay.clamp(0.001, LONGEST_INTERVAL)));
    Ok(Built::transform(Inject {
        properties,
        when,
        once,
        next: Duration::ZERO,
        presses: VecDeque::new(),
        late: false,
        skipped: 0,
    }))
}

enum When {
    Never,
    Every(Duration),
    At(Box<Schedule>),
    TooLong,
}

struct Inject {
    properties: Vec<Property>,
    when: When,
    once: Option<Duration>,
    /// When the next tick of an interval is due.
    next: Duration,
    /// Presses of the button that wait for a credit.
    presses: VecDeque<Object>,
    /// A tick waits for a credit.
    late: bool,
    /// Ticks that came due while one waited.
    skipped: u64,
}

impl Transform for Inject {
    fn start(&mut self, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        for text in self.properties.iter().filter(|p| p.expression).filter_map(|p| p.value.as_ref().err()) {
            cx.error(NodeError::rejected(text), None);
        }
        if matches!(self.when, When::TooLong) {
            cx.error(NodeError::rejected("Interval too large: at most 2147483 seconds"), None);
        }
        match self.once {
            Some(delay) => cx.set_timer(ONCE, delay),
            None => self.begin(cx),
        }
        Ok(())
    }

    /// A message that came by a wire: as a press of the button, under that message's token.
    fn handle(&mut self, msg: &mut Option<Message>, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        if let Some(message) = msg {
            self.fill(&mut message.value, cx).map_err(NodeError::rejected)?;
            cx.done_with(message);
        }
        if let Some(message) = msg.take() {
            cx.send(0, message);
        }
        Ok(())
    }

    fn action(&mut self, action: Action, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        let Action::Inject(base) = action else { return Ok(()) };
        if self.presses.is_empty() && self.fire(base.clone(), cx) {
            return Ok(());
        }
        if self.presses.len() == WAITING_PRESSES {
            return Err(NodeError::rejected(format!(
                "{WAITING_PRESSES} messages wait to be injected: the flow behind is busy"
            )));
        }
        self.presses.push_back(base);
        Ok(())
    }

    fn timer(&mut self, id: TimerId, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        match (id, &mut self.when) {
            (ONCE, _) => {
                self.tick(cx);
                self.begin(cx);
            }
            (INTERVAL, When::Every(interval)) => {
                // Counted from when it was due, so that the interval does not drift.
                let (now, interval) = (cx.elapsed(), *interval);
                self.next += interval;
                if self.next <= now {
                    self.next = now + interval;
                }
                cx.set_timer(INTERVAL, self.next - now);
                self.tick(cx);
            }
            (SCHEDULE, When::At(schedule)) => {
                let due = schedule.is_due(cx.wall_ms());
                if let Some(wait) = schedule.wait(cx.wall_ms()) {
                    cx.set_timer(SCHEDULE, wait);
                }
                if due {
                    self.tick(cx);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn resume(&mut self, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        while let Some(base) = self.presses.front() {
            if !self.fire(base.clone(), cx) {
                return Ok(());
            }
            self.presses.pop_front();
        }
        if self.late && self.fire(Object::new(), cx) {
            self.late = false;
            if self.skipped > 0 {
                cx.warn(format!("{} ticks skipped: the flow behind was busy", self.skipped));
                cx.status(Status::clear());
                self.skipped = 0;
            }
        }
        Ok(())
    }
}

impl Inject {
    fn begin(&mut self, cx: &mut Cx<'_>) {
        match &mut self.when {
            When::Every(interval) => {
                self.next = cx.elapsed() + *interval;
                cx.set_timer(INTERVAL, *interval);
            }
            When::At(schedule) => {
                if let Some(wait) = schedule.wait(cx.wall_ms()) {
                    cx.set_timer(SCHEDULE, wait);
                }
            }
            When::Never | When::TooLong => {}
        }
    }

    fn tick(&mut self, cx: &mut Cx<'_>) {
        if self.late {
            self.skipped += 1;
            cx.status(Status::new("yellow", "ring", format!("{} skipped", self.skipped)));
        } else {
            self.late = !self.fire(Object::new(), cx);
        }
    }

    /// Makes a message and sends it. `false` when there is no credit for it.
    fn fire(&self, mut msg: Object, cx: &mut Cx<'_>) -> bool {
        match self.fill(&mut msg, cx) {
            Ok(()) => cx.originate(0, msg),
            Err(text) => {
                let message = cx.message(msg);
                cx.error(NodeError::rejected(text), Some(message));
                true
            }
        }
    }

    /// Sets the properties: those in the message itself where it brings some, else the configured ones.
    fn fill(&self, msg: &mut Object, cx: &mut Cx<'_>) -> Result<(), String> {
        if !msg.contains_key("_msgid") {
            msg.insert("_msgid", cx.new_id());
        }
        let mut errors = Vec::new();
        match msg.remove(OVERRIDES) {
            Some(Value::Array(props)) => {
                for prop in props.iter() {
                    let property = override_of(prop).map_err(|error| error.message().to_string());
                    match property {
                        Ok(Some(property)) => errors.extend(property.set(msg, cx).err()),
                        Ok(None) => {}
                        Err(text) => errors.push(text),
                    }
                }
            }
            _ => {
                for property in &self.properties {
                    errors.extend(property.set(msg, cx).err());
                }
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(errors.join("; ")) }
    }
}

fn override_of(prop: &Value) -> Result<Option<Property>, NodeError> {
    let read = serde_json::to_value(prop).and_then(serde_json::from_value::<Prop>);
    Property::parse(read.map_err(|error| NodeError::rejected(format!("{OVERRIDES}: {error}")))?, "")
}

#[cfg(test)]
#[path = "inject_tests.rs"]
mod tests;

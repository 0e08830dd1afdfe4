//! Join: makes one message from many, by their `msg.parts` or by rules of its own. Reducing is in `join_reduce.rs`.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value as Json;

use crate::cx::Cx;
use crate::error::NodeError;
use crate::host::TimerId;
use crate::message::Message;
use crate::node::{Built, NodeConfig, NodeType, Transform};
use crate::path::Path;
use crate::read;
use crate::sequence::join_form::DESCRIPTOR;
use crate::sequence::join_group::{Group, Kind, Part, can_be_bytes, cannot_join};
use crate::sequence::join_reduce::Reduce;
use crate::sequence::parts::{Groups, bytes, group_id, or_default, parts, pop, unescape};
use crate::value::{Object, Str, Value};

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

#[derive(Deserialize, Default)]
#[serde(default)]
struct Config {
    #[serde(deserialize_with = "read::text")]
    mode: String,
    #[serde(deserialize_with = "read::text")]
    build: String,
    #[serde(deserialize_with = "read::text")]
    property: String,
    #[serde(rename = "propertyType", deserialize_with = "read::text")]
    property_type: String,
    #[serde(deserialize_with = "read::text")]
    key: String,
    joiner: Json,
    #[serde(rename = "joinerType", deserialize_with = "read::text")]
    joiner_type: String,
    count: Json,
    accumulate: Json,
    #[serde(deserialize_with = "read::number")]
    timeout: f64,
    #[serde(default = "used", deserialize_with = "read::boolean")]
    useparts: bool,
}

/// Flows from before the property was there have it set.
fn used() -> bool {
    true
}

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    let Config {
        mode,
        build,
        property,
        property_type,
        key,
        joiner,
        joiner_type,
        count,
        accumulate,
        timeout,
        useparts,
    } = config.read()?;
    let path = |text: String, default: &str, pointer: &str| {
        Path::parse_msg(&or_default(text, default))
            .map_err(|error| NodeError::config(pointer, error.message()))
    };
    let whole = property_type == "full";
    let path_of_part = if whole { Path::key("payload") } else { path(property, "payload", "/property")? };
    let auto = match or_default(mode, "auto").as_str() {
        "auto" => true,
        "custom" => false,
        "reduce" => return Ok(Built::transform(Reduce::build(config, path_of_part)?)),
        other => {
            let error = format!("unknown mode {other}: one of auto, custom, reduce");
            return Err(NodeError::config("/mode", error));
        }
    };
    let text = match &joiner {
        Json::String(text) => text.clone(),
        Json::Null => String::new(),
        other => other.to_string(),
    };
    let joiner = match or_default(joiner_type, "str").as_str() {
        "bin" if text.is_empty() => Value::bytes([]),
        "bin" => Value::from(bytes(&joiner, "/joiner")?.1),
        "str" => Value::from(unescape(&text)),
        _ => Value::from(text),
    };
    let timeout = match timeout {
        seconds if auto || seconds <= 0.0 => None,
        seconds => {
            Some(Duration::try_from_secs_f64(seconds).map_err(|error| NodeError::config("/timeout", error))?)
        }
    };
    let kind = Kind::of(&or_default(build, "array"));
    Ok(Built::transform(Join {
        auto,
        whole,
        path: path_of_part,
        kind,
        key: path(key, "topic", "/key")?,
        joiner,
        count_from_parts: count.as_str() == Some(""),
        count: number(Some(&Value::from(&count))),
        use_parts: useparts,
        // Node-RED takes only the boolean; its forms wrote the text "false" for a long time.
        accumulate: accumulate == Json::Bool(true),
        timeout,
        groups: Groups::default(),
    }))
}

/// A number of messages; 0 where none is said.
fn number(value: Option<&Value>) -> f64 {
    value.map(Value::to_number).filter(|n| !n.is_nan()).unwrap_or(0.0)
}

struct Join {
    auto: bool,
    /// Whole messages are joined.
    whole: bool,
    path: Path,
    kind: Kind,
    key: Path,
    joiner: Value,
    count: f64,
    /// The property is empty text: then `msg.parts` also names the group.
    count_from_parts: bool,
    use_parts: bool,
    accumulate: bool,
    timeout: Option<Duration>,
    groups: Groups<Group>,
}

/// What one message says of its group.
struct Entry {
    id: Str,
    target: f64,
    joiner: Option<Value>,
    array_len: f64,
    path: Option<Path>,
    part: Part,
}

impl Transform for Join {
    fn handle(&mut self, msg: &mut Option<Message>, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        let Some(message) = msg.as_mut() else { return Ok(()) };
        let value = &mut message.value;
        let part = match self.path.get(value, value) {
            Ok(part) => part,
            Err(_) => {
                cx.warn(format!("Message property {} not found", self.path.text()));
                return Ok(());
            }
        };
        let entry = if self.auto {
            match parts(value).filter(|parts| parts.contains_key("id")) {
                Some(parts) => auto_entry(value, parts)?,
                None if value.contains_key("reset") => {
                    for (number, group) in self.groups.take_all() {
                        drop_group(number, group, cx);
                    }
                    return Ok(());
                }
                None => {
                    cx.warn("Message missing msg.parts property - cannot join in 'auto' mode");
                    return Ok(());
                }
            }
        } else {
            if !self.use_parts && value.contains_key("parts") {
                // The finished level goes; what is around it stays under `parts.parts`.
                match parts(value).and_then(|parts| parts.get("parts")).cloned() {
                    Some(outer) => value.insert("parts", [("parts", outer)].into_iter().collect::<Object>()),
                    None => pop(value),
                }
                cx.done_with(message);
            }
            let part = if self.whole { Some(Value::Object(message.value.clone())) } else { part };
            self.custom_entry(&message.value, part)?
        };
        self.add(entry, msg, cx)
    }

    fn timer(&mut self, id: TimerId, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        self.send(id, cx);
        Ok(())
    }
}

fn auto_entry(msg: &Object, parts: &Object) -> Result<Entry, NodeError> {
    let kind = parts.get("type").and_then(Value::as_str).map_or(Kind::Other, Kind::of);
    let path = match parts.get("property").filter(|property| property.truthy()) {
        Some(property) => Some(Path::parse_msg(&property.to_text())?),
        None => None,
    };
    let value = match &path {
        Some(path) => path.get(msg, msg)?,
        None => msg.get("payload").cloned(),
    };
    let index = parts.get("index").map(Value::to_number).filter(|n| *n >= 0.0 && n.fract() == 0.0);
    Ok(Entry {
        id: group_id(parts.get("id")),
        target: number(parts.get("count")),
        joiner: parts.get("ch").cloned(),
        array_len: if kind == Kind::Array { number(parts.get("len")) } else { 0.0 },
        path,
        part: Part { kind, value, key: key_of(parts.get("key")), index: index.map(|n| n as usize) },
    })
}

/// A key as text; nothing where Node-RED takes it as missing.
fn key_of(key: Option<&Value>) -> Option<Str> {
    key.filter(|key| !key.is_null()).map(Value::to_text).filter(|key| !key.is_empty())
}

impl Join {
    fn custom_entry(&self, msg: &Object, value: Option<Value>) -> Result<Entry, NodeError> {
        let (mut id, mut target) = (Str::new_static("_"), self.count);
        if let (true, Some(parts)) = (self.count_from_parts, parts(msg)) {
            target = number(parts.get("count"));
            if parts.contains_key("id") {
                id = group_id(parts.get("id"));
            }
        }
        let key = match self.kind {
            Kind::Object => key_of(self.key.get(msg, msg)?.as_ref()),
            _ => None,
        };
        Ok(Entry {
            id,
            target,
            joiner: Some(self.joiner.clone()),
            array_len: 0.0,
            path: Some(self.path.clone()),
            part: Part { kind: self.kind, value, key, index: None },
        })
    }

    fn add(&mut self, entry: Entry, msg: &mut Option<Message>, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        let Some(message) = msg.as_ref() else { return Ok(()) };
        let Entry { id, target, joiner, array_len, path, part } = entry;
        let value = &message.value;
        let known = self.groups.number(&id);
        if let (Some(number), Some(timeout), true) =
            (known, self.timeout, value.contains_key("restartTimeout"))
        {
            cx.set_timer(number, timeout);
        }
        if value.contains_key("reset") {
            if let Some((number, group)) = known.and_then(|n| Some((n, self.groups.remove(n)?))) {
                drop_group(number, group, cx);
            }
            return Ok(());
        }
        let complete = value.get("complete").cloned();
        if part.kind == Kind::Object && part.key.is_none() {
            match (complete, known) {
                _ if self.auto => cx.warn("Message missing 'msg.parts.key' property - cannot add to object"),
                (None, _) => cx.warn(format!(
                    "Message missing key property 'msg.{}' - cannot add to object",
                    self.key.text()
                )),
                (Some(complete), Some(number)) => {
                    if let Some(group) = self.groups.get_mut(number) {
                        group.msg.insert("complete", complete);
                    }
                    self.send(number, cx);
                }
                (Some(_), None) => {}
            }
            return Ok(());
        }
        match &part.value {
            Some(value) if part.kind == Kind::Buffer && !can_be_bytes(value) => {
                return Err(cannot_join(value));
            }
            Some(Value::Object(_) | Value::Null) => {}
            _ if part.kind == Kind::Merged && complete.is_none() => cx.warn("Cannot merge non-object types"),
            _ => {}
        }
        if let Some(group) = known.and_then(|number| self.groups.get_mut(number)) {
            group.check(&part, cx.settings().hold_limit)?;
        }

        // From here on the message is part of the group: nothing below can fail for this message alone.
        let held = cx.hold(msg)?;
        let value = held.message().value.clone();
        let (number, group) = self.groups.entry(&id, || {
            let mut group =
                Group::new(part.kind, value.clone(), path.unwrap_or_else(|| Path::key("payload")));
            (group.target, group.joiner, group.array_len) = (target, joiner, array_len);
            group
        });
        if let (None, Some(timeout)) = (known, self.timeout) {
            cx.set_timer(number, timeout);
        }
        group.add(part);
        for (key, value) in value.iter() {
            group.msg.insert(key.clone(), value.clone());
        }
        group.held.push(held);
        if group.target == 0.0 {
            group.target = parts(&value).map_or(0.0, |parts| self::number(parts.get("count")));
        }
        if complete.is_some() || (group.target > 0.0 && group.count() as f64 >= group.target) {
            self.send(number, cx);
        }
        Ok(())
    }

    /// Sends what a group has. It goes on from there where it accumulates, else it is gone.
    fn send(&mut self, number: u64, cx: &mut Cx<'_>) {
        cx.cancel_timer(number);
        let Some(group) = self.groups.get_mut(number) else { return };
        let goes_on = !self.auto && self.accumulate && !group.msg.contains_key("complete");
        let mut held = std::mem::take(&mut group.held);
        let result = group.whole().and_then(|whole| {
            let asked = group.msg.clone();
            group.path.set(&mut group.msg, &asked, whole, true)
        });
        match result {
            Ok(_) => {
                pop(&mut group.msg);
                group.msg.remove("complete");
                cx.release_as(0, group.msg.clone(), held);
            }
            Err(error) => {
                // The last message tells of it, as in Node-RED; the others went into the same result.
                let last = held.pop();
                for held in held {
                    cx.done(held);
                }
                match last {
                    Some(last) => cx.fail(last, error),
                    None => cx.error(error, None),
                }
            }
        }
        if !goes_on {
            self.groups.remove(number);
        }
    }
}

fn drop_group(number: u64, group: Group, cx: &mut Cx<'_>) {
    cx.cancel_timer(number);
    for held in group.held {
        cx.done(held);
    }
}

#[cfg(test)]
#[path = "join_tests.rs"]
mod tests;

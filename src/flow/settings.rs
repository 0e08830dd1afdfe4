//! The `env` lists of tabs, groups, subflows and the global configuration: from what the document says to values.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value as Json};
use tidegate_nodes::typed::{Typed, fill_in};
use tidegate_nodes::value::Value;
use tidegate_nodes::{date, pattern};

use super::env::{EnvChain, Values};
use super::model::{Document, FlowNode};
use super::problem::Problem;
use super::text;

/// One line of an `env` list.
pub(super) struct Entry<'d> {
    pub name: &'d str,
    pub kind: &'d str,
    pub value: &'d Json,
    /// The tab, group or whatever it is set in.
    pub owner: &'d FlowNode,
    /// Where its value stands in the document.
    pub pointer: String,
}

/// Reads an `env` list; a later line of the same name stands for an earlier one, in its place.
pub(super) fn entries<'d>(document: &Document, owner: &'d FlowNode) -> Vec<Entry<'d>> {
    const NONE: &Json = &Json::Null;
    let pointer = document.pointer(owner);
    let lines = owner.property("env").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut entries: Vec<Entry<'d>> = Vec::new();
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, line) in lines.iter().enumerate() {
        let Some(name) = line.get("name").and_then(Json::as_str) else { continue };
        let entry = Entry {
            name,
            kind: line.get("type").and_then(Json::as_str).unwrap_or_default(),
            value: line.get("value").unwrap_or(NONE),
            owner,
            pointer: format!("{pointer}/env/{at}/value"),
        };
        match places.get(name) {
            Some(&place) => entries[place] = entry,
            None => {
                places.insert(name, entries.len());
                entries.push(entry);
            }
        }
    }
    entries
}

/// The entries of an instance over those of its subflow.
pub(super) fn overlay<'d>(mut base: Vec<Entry<'d>>, over: Vec<Entry<'d>>) -> Vec<Entry<'d>> {
    let places: BTreeMap<&str, usize> = base.iter().enumerate().map(|(at, entry)| (entry.name, at)).collect();
    for entry in over {
        match places.get(entry.name) {
            Some(&place) => base[place] = entry,
            None => base.push(entry),
        }
    }
    base
}

/// Stands for the entries: two lists that set the same have the same; 0 is nothing set.
pub(super) fn hash_of(entries: &[Entry<'_>], values: &Values, secrets: &Map<String, Json>) -> u64 {
    if entries.is_empty() {
        return 0;
    }
    let mut hasher = DefaultHasher::new();
    for entry in entries {
        (entry.name, entry.kind).hash(&mut hasher);
        // A date is another one each time, which makes no other setting of it.
        let by_value = entry.kind == "env" || entry.kind == "conf-type";
        let value = if by_value { values.get(entry.name).cloned().flatten() } else { None };
        match value {
            Some(value) => value.to_json().hash(&mut hasher),
            None => entry.value.to_string().hash(&mut hasher),
        }
        if entry.kind == "cred" {
            secrets.get(entry.name).map(Json::to_string).hash(&mut hasher);
        }
    }
    hasher.finish().max(1)
}

/// Turns entries into values. `level` is the level that they are for, still empty: what refers to other
/// settings is looked up from there.
pub(super) fn evaluate(
    entries: &[Entry<'_>],
    secrets: &Map<String, Json>,
    level: &EnvChain,
    problems: &mut Vec<Problem>,
) -> Values {
    let mut values = Values::new();
    for entry in entries.iter().filter(|entry| entry.kind != "env") {
        let value = plain_value(entry, secrets, level).unwrap_or_else(|why| {
            let message = format!("{}: its variable {}: {why}", entry.owner, text::plain(entry.name));
            problems.push(Problem::warning("bad-variable", &entry.pointer, message).about(&entry.owner.id));
            // An expression that is not evaluated is at least recognised by its text.
            (entry.kind == "jsonata").then(|| Value::from(text_of(entry.value)))
        });
        values.insert(entry.name.to_string(), value);
    }
    let mut references = References {
        open: entries.iter().filter(|e| e.kind == "env").map(|e| (e.name, text_of(e.value))).collect(),
        values,
        level,
        depth: 0,
    };
    for entry in entries.iter().filter(|entry| entry.kind == "env") {
        references.resolve(entry.name);
    }
    references.values
}

/// A value that refers to no other setting of its level. `None` is JavaScript's `undefined`.
fn plain_value(
    entry: &Entry<'_>,
    secrets: &Map<String, Json>,
    level: &EnvChain,
) -> Result<Option<Value>, String> {
    let value = || Some(Value::from(entry.value));
    match entry.kind {
        "bool" => Ok(Some(Value::Bool(text_of(entry.value) == "true"))),
        "cred" => Ok(secrets.get(entry.name).map(Value::from).or_else(value)),
        "conf-type" => Ok(match whole_reference(&text_of(entry.value)) {
            Some(name) => level.get(name),
            None => value(),
        }),
        "date" => Ok(Some(now(&text_of(entry.value)))),
        "re" => {
            let pattern = text_of(entry.value);
            pattern::Pattern::new(&pattern, false).map_err(|error| error.message().to_string())?;
            Ok(Some(Value::from(pattern)))
        }
        "str" | "num" | "json" | "bin" => match Typed::parse(entry.value, entry.kind, "") {
            Ok(typed) => Ok(typed.constant().cloned()),
            Err(error) => Err(error.message().to_string()),
        },
        "flow" | "global" | "msg" => {
            Err(format!("it cannot be of type {}, for it is made before anything runs", entry.kind))
        }
        "jsonata" => {
            Err("JSONata is not evaluated here; write the value itself, or compute it in the flow".into())
        }
        _ => Ok(value()),
    }
}

fn now(format: &str) -> Value {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let wall_ms = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
    match format {
        "" => Value::Int(wall_ms),
        "iso" | "object" => Value::from(date::iso(wall_ms)),
        format => Value::from(date::format(wall_ms, format)),
    }
}

/// Settings of type `env`, which may refer to each other.
struct References<'e> {
    /// Those that are not resolved yet. In a cycle, one that is being resolved means the one above, else nothing.
    open: BTreeMap<&'e str, String>,
    values: Values,
    level: &'e EnvChain,
    depth: usize,
}

/// Settings that refer to each other in a longer row than this end as nothing.
const DEEPEST: usize = 64;

/// Texts made of other settings are cut here: ten that double each other would fill the memory.
const LONGEST: usize = 1024 * 1024;

impl References<'_> {
    fn resolve(&mut self, name: &str) {
        let Some(value) = self.open.remove(name) else { return };
        // A setting that looks itself up means the one above.
        let found = if value == name || whole_reference(&value) == Some(name) {
            self.level.get(&format!("$parent.{name}")).unwrap_or_else(|| Value::str(""))
        } else {
            self.text(&value)
        };
        self.values.insert(name.to_string(), Some(found));
    }

    /// `NAME`, `${NAME}`, or a text with several `${NAME}` in it.
    fn text(&mut self, text: &str) -> Value {
        if let Some(name) = whole_reference(text) {
            return self.look_up(name).unwrap_or_else(|| Value::str(""));
        }
        if !text.contains("${") {
            return self.look_up(text).unwrap_or_else(|| Value::str(""));
        }
        Value::from(fill_in(text, LONGEST, |name| self.look_up(name)))
    }

    fn look_up(&mut self, name: &str) -> Option<Value> {
        if self.depth == DEEPEST {
            return None;
        }
        self.depth += 1;
        self.resolve(name);
        self.depth -= 1;
        match self.values.get(name) {
            Some(value) => value.clone(),
            None => self.level.get(name),
        }
    }
}

/// The name, when a text is `${NAME}` and nothing else.
fn whole_reference(text: &str) -> Option<&str> {
    let name = text.strip_prefix("${")?.strip_suffix('}')?;
    (!name.is_empty() && !name.contains('}')).then_some(name)
}

fn text_of(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Null => String::new(),
        other => other.to_string(),
    }
}

//! Property paths as Node-RED writes them: `payload.list[0]["a key"][msg.index]`.

mod parser;
mod steps;

use std::borrow::Cow;
use std::sync::Arc;

use self::steps::{slot, walk};
use crate::error::NodeError;
use crate::value::{Object, Str, Value};

/// A path, parsed once.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    parts: Vec<Part>,
    text: Str,
}

#[derive(Debug, Clone, PartialEq)]
enum Part {
    Key(Str),
    Index(usize),
    /// `[msg.x]`: the key is what the message has there.
    Nested(Path),
}

/// A key of a context: `#:(store)::a.b`.
#[derive(Debug, Clone, PartialEq)]
pub struct ContextKey {
    pub store: Option<Str>,
    pub path: Path,
}

impl Path {
    /// Parses a path below an object.
    pub fn parse(text: &str) -> Result<Path, NodeError> {
        parser::parse(text).map(|parts| Path { parts, text: text.into() })
    }

    /// Parses a path below `msg`, with or without `msg.` in front.
    pub fn parse_msg(text: &str) -> Result<Path, NodeError> {
        Path::parse(text.strip_prefix("msg.").unwrap_or(text))
    }

    /// A path of one plain key.
    pub fn key(key: &str) -> Path {
        Path { parts: vec![Part::Key(Str::new(key))], text: Str::new(key) }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// The first key, where it is a plain one.
    pub fn first(&self) -> Option<&str> {
        match self.parts.first() {
            Some(Part::Key(key)) => Some(key),
            _ => None,
        }
    }

    /// The rest of the path behind the first key; `None` when that was all.
    pub fn behind_first(&self) -> Option<Path> {
        (self.parts.len() > 1).then(|| Path { parts: self.parts[1..].to_vec(), text: self.text.clone() })
    }

    /// The key, where the path is one plain key.
    pub fn as_single(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part::Key(key)] => Some(key),
            _ => None,
        }
    }

    /// Whether no part of it comes from the message.
    pub fn is_plain(&self) -> bool {
        !self.parts.iter().any(|part| matches!(part, Part::Nested(_)))
    }

    /// The path with its `[msg.x]` parts filled in from a message: the path itself where it has none.
    pub fn resolve(&self, msg: &Object) -> Result<Cow<'_, Path>, NodeError> {
        if self.is_plain() {
            return Ok(Cow::Borrowed(self));
        }
        let parts = self.parts.iter().map(|part| match part {
            Part::Nested(path) => match path.get(msg, msg)? {
                Some(value @ (Value::Int(_) | Value::Float(_))) => match value.as_i64() {
                    Some(n) if n >= 0 => Ok(Part::Index(n as usize)),
                    _ => Ok(Part::Key(value.to_text())),
                },
                Some(value) => Ok(Part::Key(value.to_text())),
                None => Err(NodeError::rejected(format!(
                    "invalid expression: undefined reference msg.{} in {}",
                    path.text, self.text
                ))),
            },
            plain => Ok(plain.clone()),
        });
        Ok(Cow::Owned(Path { parts: parts.collect::<Result<_, _>>()?, text: self.text.clone() }))
    }

    /// What stands at this path, `None` where nothing does. As in Node-RED it is an error when the *parent* is not there.
    pub fn get(&self, root: &Object, msg: &Object) -> Result<Option<Value>, NodeError> {
        let path = self.resolve(msg)?;
        walk(&path.parts, root).map(|found| found.map(Cow::into_owned)).map_err(|missing| {
            NodeError::rejected(format!(
                "cannot read property '{}' of {} in {}",
                missing.key.text(),
                if missing.null { "null" } else { "undefined" },
                self.text
            ))
        })
    }

    /// What stands at this path below a value; nothing instead of an error where a parent is missing.
    pub fn find(&self, root: &Object, msg: &Object) -> Option<Value> {
        self.look(root, msg).map(Cow::into_owned)
    }

    /// The same, borrowed where it can be: it neither allocates nor counts a reference on a path without `[msg.x]`.
    pub fn look<'v>(&self, root: &'v Object, msg: &Object) -> Option<Cow<'v, Value>> {
        if self.is_plain() {
            return walk(&self.parts, root).ok().flatten();
        }
        walk(&self.resolve(msg).ok()?.parts, root).ok().flatten()
    }

    /// Sets it, making missing parents when `create` says so. `Ok(false)` where a parent is no object or array.
    pub fn set(
        &self,
        root: &mut Object,
        msg: &Object,
        value: Value,
        create: bool,
    ) -> Result<bool, NodeError> {
        Ok(self.resolve(msg)?.put(root, value, create))
    }

    /// Sets it on a path without `[msg.x]`; `false` where a parent is no object or array.
    pub fn put(&self, root: &mut Object, value: Value, create: bool) -> bool {
        if let [Part::Key(key)] = self.parts.as_slice() {
            *root.entry(key.clone()) = value;
            return true;
        }
        match slot(root, &self.parts, create) {
            Some(slot) => {
                *slot = value;
                true
            }
            None => false,
        }
    }

    /// Takes it out; `Ok(false)` where nothing was there. An array closes the gap.
    pub fn delete(&self, root: &mut Object, msg: &Object) -> Result<bool, NodeError> {
        Ok(self.resolve(msg)?.take(root))
    }

    /// Takes it out on a path without `[msg.x]`; `false` where nothing was there.
    pub fn take(&self, root: &mut Object) -> bool {
        if let [Part::Key(key)] = self.parts.as_slice() {
            return root.remove(key).is_some();
        }
        let Some((last, parents)) = self.parts.split_last() else { return false };
        // Look before changing: a shared message is not copied for a delete that finds nothing.
        if !matches!(walk(&self.parts, root), Ok(Some(_))) {
            return false;
        }
        match (slot(root, parents, false), last) {
            (Some(Value::Object(object)), key) => object.remove(&key.text()).is_some(),
            (Some(Value::Array(items)), Part::Index(at)) if *at < items.len() => {
                Arc::make_mut(items).remove(*at);
                true
            }
            // As in JavaScript `list.1` leaves a hole where `list[1]` closes the gap.
            (Some(Value::Array(items)), key) => match key.index() {
                Some(at) if at < items.len() => {
                    Arc::make_mut(items)[at] = Value::Null;
                    true
                }
                _ => false,
            },
            _ => false,
        }
    }

    /// Whether the object or array that it would be written into is there, on a path without `[msg.x]`.
    pub fn has_parent(&self, root: &Object) -> bool {
        match self.parts.split_last() {
            None | Some((_, [])) => true,
            Some((_, parents)) => {
                let found = walk(parents, root);
                matches!(found.ok().flatten().as_deref(), Some(Value::Object(_) | Value::Array(_)))
            }
        }
    }
}

impl ContextKey {
    pub fn parse(text: &str) -> Result<ContextKey, NodeError> {
        let (store, key) = split_store(text);
        Ok(ContextKey { store: store.map(Str::new), path: Path::parse(key)? })
    }
}

/// `#:(file)::foo` is the key `foo` in the store `file`.
pub fn split_store(text: &str) -> (Option<&str>, &str) {
    let parts = text.strip_prefix("#:(").and_then(|rest| rest.split_once(")::"));
    match parts {
        Some((store, key)) if !store.is_empty() && !store.contains(char::is_whitespace) => (Some(store), key),
        _ => (None, text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(json: &str) -> Object {
        Value::from_json(json.as_bytes()).unwrap().as_object().unwrap().clone()
    }

    #[test]
    fn reads_what_node_red_reads() {
        let msg = object(r#"{"payload":{"list":[{"a key":1},{"b":"xyz"}],"at":1},"k":"list","n":null}"#);
        for (path, expected) in [
            ("payload.at", Some("1")),
            ("payload.list[0]['a key']", Some("1")),
            ("payload[\"list\"][1].b", Some("\"xyz\"")),
            ("payload[msg.k][msg.payload.at].b", Some("\"xyz\"")),
            ("payload.list.1.b", Some("\"xyz\"")),
            ("payload.list.length", Some("2")),
            ("payload.list[1].b[2]", Some("\"z\"")),
            ("payload.none", None),
            ("none", None),
        ] {
            let found = Path::parse_msg(path).unwrap().get(&msg, &msg).unwrap();
            assert_eq!(found.map(|v| v.to_json()).as_deref(), expected, "{path}");
        }
        for path in ["none.x", "n.x", "payload.list[7].b", "payload[msg.none]"] {
            assert!(Path::parse(path).unwrap().get(&msg, &msg).is_err(), "{path}");
        }
    }

    #[test]
    fn refuses_what_is_no_path() {
        for path in [
            "",
            ".a",
            "a.",
            "a..b",
            "a b",
            "a[",
            "a[]",
            "a[b]",
            "a['']",
            "a['x",
            "a]",
            "[0]",
            "a[0",
            "a'b'",
            "a[\"b\"c]",
            "a[msg.x",
            "a[99999999999999999999]",
        ] {
            assert!(Path::parse(path).is_err(), "{path}");
        }
    }

    #[test]
    fn sets_and_deletes() {
        let set = |json: &str, path: &str, create| {
            let mut root = object(json);
            let msg = root.clone();
            let done = Path::parse(path).unwrap().set(&mut root, &msg, Value::Int(9), create).unwrap();
            (done, Value::Object(root).to_json())
        };
        assert_eq!(set("{}", "a.b[1].c", true), (true, r#"{"a":{"b":[null,{"c":9}]}}"#.into()));
        assert_eq!(set("{}", "a.b", false), (false, "{}".into()));
        assert_eq!(set(r#"{"a":{}}"#, "a.b", false), (true, r#"{"a":{"b":9}}"#.into()));
        assert_eq!(set(r#"{"a":5}"#, "a.b", true), (false, r#"{"a":5}"#.into()));
        assert!(!set("{}", "a[99999999]", true).0);
        assert_eq!(set(r#"{"a":[1,2]}"#, "a.1", true), (true, r#"{"a":[1,9]}"#.into()));

        let mut root = object(r#"{"a":[1,2,3],"b":{"c":1},"d":[1,2]}"#);
        let msg = root.clone();
        for path in ["a[1]", "b.c", "none", "none.x", "d.0"] {
            Path::parse(path).unwrap().delete(&mut root, &msg).unwrap();
        }
        assert_eq!(Value::Object(root).to_json(), r#"{"a":[1,3],"b":{},"d":[null,2]}"#);
    }

    #[test]
    fn stores_are_named_in_front() {
        let key = ContextKey::parse("#:(file)::a.b").unwrap();
        assert_eq!((key.store.as_deref(), key.path.text()), (Some("file"), "a.b"));
        assert_eq!(ContextKey::parse("a").unwrap().store, None);
    }
}

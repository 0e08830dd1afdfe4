//! Property paths as Node-RED writes them: `payload.list[0]["a key"][msg.index]`.

use std::sync::Arc;

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

/// Arrays are not made longer than this by writing behind their end: one typo must not fill the memory.
const MAX_ARRAY: usize = 1_000_000;

/// A key of a context: `#:(store)::a.b`.
#[derive(Debug, Clone, PartialEq)]
pub struct ContextKey {
    pub store: Option<Str>,
    pub path: Path,
}

impl Path {
    /// Parses a path below an object.
    pub fn parse(text: &str) -> Result<Path, NodeError> {
        Parser { text, chars: text.char_indices().collect() }
            .run(0)
            .map(|parts| Path { parts, text: text.into() })
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

    /// The path with its `[msg.x]` parts filled in from a message.
    fn keys<'p>(&'p self, msg: &Object) -> Result<Vec<Key<'p>>, NodeError> {
        self.parts
            .iter()
            .map(|part| match part {
                Part::Key(key) => Ok(Key::Text(std::borrow::Cow::Borrowed(key.as_str()))),
                Part::Index(at) => Ok(Key::Index(*at)),
                Part::Nested(path) => match path.get(msg, msg)? {
                    Some(value @ (Value::Int(_) | Value::Float(_))) => match value.as_i64() {
                        Some(n) if n >= 0 => Ok(Key::Index(n as usize)),
                        _ => Ok(Key::Text(value.to_text().to_string().into())),
                    },
                    Some(value) => Ok(Key::Text(value.to_text().to_string().into())),
                    None => Err(NodeError::rejected(format!(
                        "invalid expression: undefined reference msg.{} in {}",
                        path.text, self.text
                    ))),
                },
            })
            .collect()
    }

    /// What stands at this path, `None` where nothing does. As in Node-RED it is an error when the *parent* is not there.
    pub fn get(&self, root: &Object, msg: &Object) -> Result<Option<Value>, NodeError> {
        // Nearly every path is one key: no allocation for it.
        if let [Part::Key(key)] = self.parts.as_slice() {
            return Ok(root.get(key).cloned());
        }
        let mut keys = self.keys(msg)?.into_iter();
        let mut at = match keys.next() {
            Some(key) => root.get(&key.text()).cloned(),
            None => None,
        };
        for key in keys {
            at = match at {
                Some(Value::Null) | None => {
                    let is = if at.is_none() { "undefined" } else { "null" };
                    return Err(NodeError::rejected(format!(
                        "cannot read property '{}' of {is} in {}",
                        key.text(),
                        self.text
                    )));
                }
                Some(value) => key.of(&value),
            };
        }
        Ok(at)
    }

    /// What stands at this path below a value; nothing instead of an error where a parent is missing.
    pub fn find(&self, root: &Object, msg: &Object) -> Option<Value> {
        self.get(root, msg).ok().flatten()
    }

    /// Sets it, making missing parents when `create` says so. `Ok(false)` where a parent is no object or array.
    pub fn set(
        &self,
        root: &mut Object,
        msg: &Object,
        value: Value,
        create: bool,
    ) -> Result<bool, NodeError> {
        if let [Part::Key(key)] = self.parts.as_slice() {
            *root.entry(key.clone()) = value;
            return Ok(true);
        }
        let keys = self.keys(msg)?;
        let Some(slot) = slot(root, &keys, create) else { return Ok(false) };
        *slot = value;
        Ok(true)
    }

    /// Takes it out; `Ok(false)` where a parent is missing. An array closes the gap.
    pub fn delete(&self, root: &mut Object, msg: &Object) -> Result<bool, NodeError> {
        if let [Part::Key(key)] = self.parts.as_slice() {
            root.remove(key);
            return Ok(true);
        }
        let keys = self.keys(msg)?;
        let Some((last, parents)) = keys.split_last() else { return Ok(false) };
        // Look before changing: a shared message is not copied for a delete that finds nothing.
        if self.get(root, msg).ok().flatten().is_none() {
            return Ok(false);
        }
        match (slot(root, parents, false), last) {
            (Some(Value::Object(object)), key) => {
                object.remove(&key.text());
            }
            (Some(Value::Array(items)), Key::Index(at)) if *at < items.len() => {
                Arc::make_mut(items).remove(*at);
            }
            _ => return Ok(false),
        }
        Ok(true)
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

enum Key<'p> {
    Text(std::borrow::Cow<'p, str>),
    Index(usize),
}

impl Key<'_> {
    fn text(&self) -> std::borrow::Cow<'_, str> {
        match self {
            Key::Text(text) => std::borrow::Cow::Borrowed(text),
            Key::Index(at) => at.to_string().into(),
        }
    }

    /// The property of a value, with JavaScript's `length`, characters of a string and bytes of a buffer.
    fn of(&self, value: &Value) -> Option<Value> {
        let index = match self {
            Key::Index(at) => Some(*at),
            Key::Text(text) => text.parse().ok(),
        };
        let is_length = matches!(self, Key::Text(text) if text == "length");
        match value {
            Value::Object(object) => object.get(&self.text()).cloned(),
            Value::Array(items) if is_length => Some(Value::Int(items.len() as i64)),
            Value::Array(items) => items.get(index?).cloned(),
            Value::Bytes(bytes) if is_length => Some(Value::Int(bytes.len() as i64)),
            Value::Bytes(bytes) => bytes.get(index?).map(|b| Value::Int(i64::from(*b))),
            Value::Str(text) if is_length => Some(Value::Int(text.encode_utf16().count() as i64)),
            Value::Str(text) => text.chars().nth(index?).map(|c| Value::str(c.to_string())),
            _ => None,
        }
    }
}

/// The place at the end of `keys`, made where it is missing if `create`.
fn slot<'r>(root: &'r mut Object, keys: &[Key<'_>], create: bool) -> Option<&'r mut Value> {
    let (first, rest) = keys.split_first()?;
    if !create && !root.contains_key(&first.text()) && !rest.is_empty() {
        return None;
    }
    let mut missing = !root.contains_key(&first.text());
    let mut at = root.entry(Str::new(first.text()));
    for (n, key) in rest.iter().enumerate() {
        if missing {
            *at = match key {
                Key::Text(_) => Value::Object(Object::new()),
                Key::Index(_) => Value::array(Vec::new()),
            };
        }
        let last = n + 1 == rest.len();
        (at, missing) = match at {
            Value::Object(object) => {
                let text = key.text();
                let missing = !object.contains_key(&text);
                if missing && !create && !last {
                    return None;
                }
                (object.entry(Str::new(text)), missing)
            }
            Value::Array(items) => {
                let Key::Index(index) = key else { return None };
                let missing = *index >= items.len() || items[*index].is_null();
                if *index >= MAX_ARRAY || (missing && !create && !last) {
                    return None;
                }
                let items = Arc::make_mut(items);
                if *index >= items.len() {
                    items.resize(*index + 1, Value::Null);
                }
                (&mut items[*index], missing)
            }
            _ => return None,
        };
    }
    Some(at)
}

struct Parser<'t> {
    text: &'t str,
    chars: Vec<(usize, char)>,
}

impl Parser<'_> {
    fn fail<T>(&self, what: impl std::fmt::Display) -> Result<T, NodeError> {
        Err(NodeError::rejected(format!("invalid property expression `{}`: {what}", self.text)))
    }

    fn unexpected<T>(&self, at: usize) -> Result<T, NodeError> {
        match self.chars.get(at) {
            Some((_, c)) => self.fail(format_args!("unexpected {c} at position {at}")),
            None => self.fail("unterminated expression"),
        }
    }

    fn run(&self, depth: usize) -> Result<Vec<Part>, NodeError> {
        if self.chars.is_empty() {
            return self.fail("zero-length");
        }
        if depth > 16 {
            return self.fail("nested too deeply");
        }
        let mut parts = Vec::new();
        let mut at = 0;
        while at < self.chars.len() {
            match self.chars[at].1 {
                '.' => {
                    // A key must stand in front, and a name must follow.
                    if at == 0 {
                        return self.unexpected(at);
                    }
                    match self.chars.get(at + 1) {
                        Some((_, c)) if c.is_ascii_alphanumeric() || matches!(c, '$' | '_') => at += 1,
                        _ => return self.unexpected(at + 1),
                    }
                }
                '[' if at > 0 => at = self.boxed(at + 1, depth, &mut parts)?,
                quote @ ('"' | '\'') if at == 0 || self.chars[at - 1].1 == '.' => {
                    let end = self.quoted(at, quote, &mut parts)?;
                    if end < self.chars.len() && !matches!(self.chars[end].1, '[' | '.') {
                        return self.unexpected(end);
                    }
                    at = end;
                }
                '[' | ']' | ' ' | '"' | '\'' => return self.unexpected(at),
                _ => at = self.name(at, &mut parts)?,
            }
        }
        Ok(parts)
    }

    fn name(&self, start: usize, parts: &mut Vec<Part>) -> Result<usize, NodeError> {
        let mut end = start;
        while let Some((_, c)) = self.chars.get(end) {
            match c {
                '.' | '[' => break,
                ']' | ' ' | '"' | '\'' => return self.unexpected(end),
                _ => end += 1,
            }
        }
        let name = self.slice(start, end);
        // As in Node-RED a number between dots, but not the first or last of them alone, is an index.
        let index =
            name.bytes().all(|b| b.is_ascii_digit()) && self.chars.get(end).is_some_and(|(_, c)| *c == '.');
        match name.parse() {
            Ok(number) if index => parts.push(Part::Index(number)),
            _ => parts.push(Part::Key(Str::new(name))),
        }
        Ok(end)
    }

    /// Behind `[`: a number, a string or a reference into the message; returns the position behind `]`.
    fn boxed(&self, start: usize, depth: usize, parts: &mut Vec<Part>) -> Result<usize, NodeError> {
        let rest = self.slice(start, self.chars.len());
        if rest.starts_with("msg.") || rest.starts_with("msg[") {
            let end = self.closing(start)?;
            let inner = self.slice(start, end);
            let inner = inner.strip_prefix("msg.").unwrap_or(inner);
            let parser = Parser { text: inner, chars: inner.char_indices().collect() };
            parts.push(Part::Nested(Path { parts: parser.run(depth + 1)?, text: inner.into() }));
            return Ok(end + 1);
        }
        let end = match self.chars.get(start) {
            Some((_, quote @ ('"' | '\''))) => self.quoted(start, *quote, parts)?,
            Some((_, c)) if c.is_ascii_digit() => {
                let end = (start..self.chars.len()).find(|&i| !self.chars[i].1.is_ascii_digit());
                let end = end.unwrap_or(self.chars.len());
                match self.slice(start, end).parse() {
                    Ok(number) => parts.push(Part::Index(number)),
                    Err(_) => return self.fail(format_args!("index too large at position {start}")),
                }
                end
            }
            _ => return self.unexpected(start),
        };
        match self.chars.get(end) {
            Some((_, ']')) => Ok(end + 1),
            _ => self.unexpected(end),
        }
    }

    fn quoted(&self, start: usize, quote: char, parts: &mut Vec<Part>) -> Result<usize, NodeError> {
        let end = (start + 1..self.chars.len()).find(|&i| self.chars[i].1 == quote);
        match end {
            None => self.fail("unterminated expression"),
            Some(end) if end == start + 1 => self.fail(format_args!("zero-length string at position {end}")),
            Some(end) => {
                parts.push(Part::Key(Str::new(self.slice(start + 1, end))));
                Ok(end + 1)
            }
        }
    }

    fn closing(&self, start: usize) -> Result<usize, NodeError> {
        let mut depth = 1;
        let mut quote = None;
        for at in start..self.chars.len() {
            match (self.chars[at].1, quote) {
                (c, Some(open)) if c == open => quote = None,
                (_, Some(_)) => {}
                (c @ ('"' | '\''), None) => quote = Some(c),
                ('[', None) => depth += 1,
                (']', None) => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Ok(at);
            }
        }
        self.fail(format_args!("unmatched '[' at position {}", start - 1))
    }

    fn slice(&self, start: usize, end: usize) -> &str {
        let byte = |at: usize| self.chars.get(at).map_or(self.text.len(), |(byte, _)| *byte);
        &self.text[byte(start)..byte(end)]
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
        assert_eq!(set("{}", "a[99999999]", true).0, false);

        let mut root = object(r#"{"a":[1,2,3],"b":{"c":1}}"#);
        let msg = root.clone();
        for path in ["a[1]", "b.c", "none", "none.x"] {
            Path::parse(path).unwrap().delete(&mut root, &msg).unwrap();
        }
        assert_eq!(Value::Object(root).to_json(), r#"{"a":[1,3],"b":{}}"#);
    }

    #[test]
    fn stores_are_named_in_front() {
        let key = ContextKey::parse("#:(file)::a.b").unwrap();
        assert_eq!((key.store.as_deref(), key.path.text()), (Some("file"), "a.b"));
        assert_eq!(ContextKey::parse("a").unwrap().store, None);
    }
}

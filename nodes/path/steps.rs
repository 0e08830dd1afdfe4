//! Following the parts of a path, to read and to write.

use std::borrow::Cow;
use std::sync::Arc;

use super::Part;
use crate::value::{Object, Str, Value};

/// Arrays are not made longer than this by writing behind their end: one typo must not fill the memory.
const MAX_ARRAY: usize = 1_000_000;

/// Follows parts without `[msg.x]`.
pub(super) fn walk<'v, 'p>(
    parts: &'p [Part],
    root: &'v Object,
) -> Result<Option<Cow<'v, Value>>, Missing<'p>> {
    let mut parts = parts.iter();
    let mut at = match parts.next() {
        Some(Part::Key(key)) => root.get(key).map(Cow::Borrowed),
        Some(first) => root.get(&first.text()).map(Cow::Borrowed),
        None => None,
    };
    for key in parts {
        at = match at {
            None => return Err(Missing { key, null: false }),
            Some(Cow::Borrowed(value)) => key.of(value)?,
            // What was computed (a length, a character) has properties of its own at most by value.
            Some(Cow::Owned(value)) => key.of(&value)?.map(|found| Cow::Owned(found.into_owned())),
        };
    }
    Ok(at)
}

/// Why a path led nowhere: the value that should have had this key is not there.
pub(super) struct Missing<'p> {
    pub key: &'p Part,
    pub null: bool,
}

impl Part {
    /// The key as text. A nested part has none: it is resolved before.
    pub(super) fn text(&self) -> Cow<'_, str> {
        match self {
            Part::Key(key) => Cow::Borrowed(key),
            Part::Index(at) => at.to_string().into(),
            Part::Nested(_) => Cow::Borrowed(""),
        }
    }

    /// The key as the index of an array.
    pub(super) fn index(&self) -> Option<usize> {
        match self {
            Part::Index(at) => Some(*at),
            Part::Key(key) => key.parse().ok(),
            Part::Nested(_) => None,
        }
    }

    fn key(&self) -> Str {
        match self {
            Part::Key(key) => key.clone(),
            other => Str::new(other.text()),
        }
    }

    /// The property of a value, with JavaScript's `length`, characters of a string and bytes of a buffer.
    fn of<'v>(&self, value: &'v Value) -> Result<Option<Cow<'v, Value>>, Missing<'_>> {
        let found = match (value, self) {
            (Value::Null, key) => return Err(Missing { key, null: true }),
            (Value::Object(object), Part::Key(key)) => object.get(key).map(Cow::Borrowed),
            (Value::Object(object), key) => object.get(&key.text()).map(Cow::Borrowed),
            (Value::Array(items), Part::Index(at)) => items.get(*at).map(Cow::Borrowed),
            (Value::Array(items), key) => match key.text().as_ref() {
                "length" => Some(Cow::Owned(Value::Int(items.len() as i64))),
                text => text.parse::<usize>().ok().and_then(|at| items.get(at)).map(Cow::Borrowed),
            },
            (Value::Bytes(bytes), key) => match key.text().as_ref() {
                "length" => Some(Cow::Owned(Value::Int(bytes.len() as i64))),
                text => text
                    .parse::<usize>()
                    .ok()
                    .and_then(|at| bytes.get(at))
                    .map(|byte| Cow::Owned(Value::Int(i64::from(*byte)))),
            },
            (Value::Str(string), key) => match key.text().as_ref() {
                "length" => Some(Cow::Owned(Value::Int(string.encode_utf16().count() as i64))),
                text => text
                    .parse::<usize>()
                    .ok()
                    .and_then(|at| string.chars().nth(at))
                    .map(|c| Cow::Owned(Value::str(c.to_string()))),
            },
            _ => None,
        };
        Ok(found)
    }
}

/// The place at the end of a path without `[msg.x]`, made where it is missing if `create`.
pub(super) fn slot<'r>(root: &'r mut Object, parts: &[Part], create: bool) -> Option<&'r mut Value> {
    let (first, rest) = parts.split_first()?;
    let mut missing = !root.contains_key(&first.text());
    if missing && !create && !rest.is_empty() {
        return None;
    }
    let mut at = root.entry(first.key());
    for (n, part) in rest.iter().enumerate() {
        if missing {
            *at = match part {
                Part::Index(_) => Value::array(Vec::new()),
                _ => Value::Object(Object::new()),
            };
        }
        let last = n + 1 == rest.len();
        (at, missing) = match at {
            Value::Object(object) => {
                let missing = !object.contains_key(&part.text());
                if missing && !create && !last {
                    return None;
                }
                (object.entry(part.key()), missing)
            }
            Value::Array(items) => {
                let index = part.index()?;
                let missing = index >= items.len() || items[index].is_null();
                if index >= MAX_ARRAY || (missing && !create && !last) {
                    return None;
                }
                let items = Arc::make_mut(items);
                if index >= items.len() {
                    items.resize(index + 1, Value::Null);
                }
                (&mut items[index], missing)
            }
            _ => return None,
        };
    }
    Some(at)
}

//! A group of messages that is being joined, and what becomes of it.

use std::collections::{BTreeMap, HashSet};

use crate::cx::Held;
use crate::error::NodeError;
use crate::path::Path;
use crate::value::{Object, Str, Value};

/// What is made of the parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    Buffer,
    Array,
    /// Parts under their keys.
    Object,
    /// The keys of all parts in one object.
    Merged,
    /// No type that is known: an array of the parts as they are.
    Other,
}

impl Kind {
    pub fn of(name: &str) -> Kind {
        match name {
            "string" => Kind::Text,
            "buffer" => Kind::Buffer,
            "array" => Kind::Array,
            "object" => Kind::Object,
            "merged" => Kind::Merged,
            _ => Kind::Other,
        }
    }

    fn has_keys(self) -> bool {
        matches!(self, Kind::Object | Kind::Merged)
    }
}

/// One part, on its way into a group.
#[derive(Debug)]
pub struct Part {
    pub kind: Kind,
    pub value: Option<Value>,
    pub key: Option<Str>,
    pub index: Option<usize>,
}

/// How far an index may lie beyond what has come: an index from outside must not fill the memory.
const MAX_GAPS: usize = 1_000_000;
/// The same for delimiters that stand between parts that never came.
const MAX_GAP_BYTES: usize = 16 << 20;

#[derive(Debug)]
pub struct Group {
    pub kind: Kind,
    content: Content,
    /// The group is complete with so many; 0 while that is not known.
    pub target: f64,
    /// All messages so far, one over the other.
    pub msg: Object,
    pub joiner: Option<Value>,
    /// How many items each part of an array was given.
    pub array_len: f64,
    /// Where the result goes.
    pub path: Path,
    pub held: Vec<Held>,
}

#[derive(Debug)]
enum Content {
    Items {
        /// A message without a value has its place all the same.
        items: BTreeMap<usize, Option<Value>>,
        /// The length of the array, parts that never came included.
        len: usize,
        count: usize,
    },
    Keys {
        object: Object,
        /// Keys of messages that had no value: they count, and do not show.
        absent: HashSet<Str>,
    },
}

impl Group {
    pub fn new(kind: Kind, msg: Object, path: Path) -> Group {
        let content = if kind.has_keys() {
            Content::Keys { object: Object::new(), absent: HashSet::new() }
        } else {
            Content::Items { items: BTreeMap::new(), len: 0, count: 0 }
        };
        Group { kind, content, target: 0.0, msg, joiner: None, array_len: 0.0, path, held: Vec::new() }
    }

    pub fn count(&self) -> usize {
        match &self.content {
            Content::Items { count, .. } => *count,
            Content::Keys { object, absent } => object.len() + absent.len(),
        }
    }

    /// Whether the part can be added: asked before the message is held. Accumulating groups hold no messages between
    /// results, so what they keep has the same limit.
    pub fn check(&self, part: &Part, limit: usize) -> Result<(), NodeError> {
        if part.kind.has_keys() != self.kind.has_keys() {
            return Err(NodeError::rejected("the part is of another type than its group"));
        }
        if self.count() >= limit && self.would_grow(part) {
            return Err(NodeError::rejected(format!(
                "the group has {limit} parts, as many as it may (setting hold_limit)"
            )));
        }
        match (&self.content, part.index) {
            (Content::Items { items, .. }, Some(index)) if index > items.len() + MAX_GAPS => Err(
                NodeError::rejected(format!("the index {index} is too far from the parts that have come")),
            ),
            _ => Ok(()),
        }
    }

    fn would_grow(&self, part: &Part) -> bool {
        match (&self.content, &part.key, &part.value) {
            (Content::Items { items, .. }, ..) => part.index.is_none_or(|index| !items.contains_key(&index)),
            (Content::Keys { object, absent }, Some(key), _) => {
                !object.contains_key(key) && !absent.contains(key)
            }
            (Content::Keys { object, .. }, None, Some(Value::Object(part))) => {
                part.keys().any(|key| !object.contains_key(key))
            }
            (Content::Keys { .. }, None, _) => false,
        }
    }

    pub fn add(&mut self, part: Part) {
        match &mut self.content {
            Content::Items { items, len, count } => {
                let index = match (part.index, &part.value) {
                    (Some(index), _) => index,
                    (None, Some(_)) => *len,
                    (None, None) => return,
                };
                // As in Node-RED a part that is null may come again.
                let before = items.insert(index, part.value).flatten();
                if before.is_none_or(|before| before.is_null()) {
                    *count += 1;
                }
                *len = (*len).max(index + 1);
            }
            Content::Keys { object, absent } if self.kind == Kind::Object => match (part.key, part.value) {
                (Some(key), Some(value)) => {
                    absent.remove(&key);
                    object.insert(key, value);
                }
                (Some(key), None) => {
                    object.remove(&key);
                    absent.insert(key);
                }
                (None, _) => {}
            },
            Content::Keys { object, .. } => {
                if let Some(Value::Object(part)) = part.value {
                    for (key, value) in part.iter().filter(|(key, _)| *key != "_msgid") {
                        object.insert(key.clone(), value.clone());
                    }
                }
            }
        }
    }

    /// The whole, of the parts that have come.
    pub fn whole(&self) -> Result<Value, NodeError> {
        let (items, len) = match &self.content {
            Content::Keys { object, .. } => return Ok(Value::Object(object.clone())),
            Content::Items { items, len, .. } => (items, *len),
        };
        let in_order = || (0..len).map(|index| items.get(&index).and_then(Option::as_ref));
        match self.kind {
            Kind::Array if self.array_len > 1.0 => {
                let mut whole = Vec::new();
                for item in items.values() {
                    match item {
                        Some(Value::Array(items)) => whole.extend_from_slice(items),
                        other => whole.push(other.clone().unwrap_or_default()),
                    }
                }
                Ok(Value::array(whole))
            }
            Kind::Buffer => {
                let joiner = match &self.joiner {
                    None => Vec::new(),
                    Some(joiner) => to_bytes(joiner).ok_or_else(|| cannot_join(joiner))?,
                };
                self.check_gaps(joiner.len(), items.len(), len)?;
                let mut whole = Vec::new();
                for (index, item) in in_order().enumerate() {
                    if index > 0 {
                        whole.extend_from_slice(&joiner);
                    }
                    if let Some(item) = item {
                        whole.extend_from_slice(&to_bytes(item).ok_or_else(|| cannot_join(item))?);
                    }
                }
                Ok(Value::bytes(whole))
            }
            Kind::Text => {
                let joiner = self.joiner.as_ref().map(Value::to_text);
                let joiner =
                    joiner.ok_or_else(|| NodeError::rejected("cannot join texts without msg.parts.ch"))?;
                self.check_gaps(joiner.len(), items.len(), len)?;
                let mut whole = String::new();
                for (index, item) in in_order().enumerate() {
                    if index > 0 {
                        whole.push_str(&joiner);
                    }
                    if let Some(item) = item.filter(|item| !item.is_null()) {
                        whole.push_str(&item.to_text());
                    }
                }
                Ok(Value::from(whole))
            }
            _ => Ok(Value::array(in_order().map(|item| item.cloned().unwrap_or_default()).collect())),
        }
    }

    fn check_gaps(&self, joiner: usize, items: usize, len: usize) -> Result<(), NodeError> {
        if joiner.saturating_mul(len - items) > MAX_GAP_BYTES {
            return Err(NodeError::rejected("too many parts are missing between those that have come"));
        }
        Ok(())
    }
}

/// What JavaScript's `Buffer.from` makes of a value.
fn to_bytes(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::Str(text) => Some(text.as_bytes().to_vec()),
        Value::Bytes(bytes) => Some(bytes.to_vec()),
        Value::Array(items) => {
            Some(items.iter().map(|item| (item.to_number() as i64 & 0xff) as u8).collect())
        }
        _ => None,
    }
}

pub fn can_be_bytes(value: &Value) -> bool {
    matches!(value, Value::Str(_) | Value::Bytes(_) | Value::Array(_))
}

pub fn cannot_join(value: &Value) -> NodeError {
    let kind = if value.is_null() { "object" } else { value.kind() };
    NodeError::rejected(format!("Cannot join {kind} to buffer"))
}

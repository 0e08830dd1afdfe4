//! What a message is made of.
//!
//! A [`Value`] is 24 bytes. Long strings, bytes, arrays and objects are shared and copied on write, so that a
//! message sent to ten wires costs ten reference counts and no node ever sees another's change.
//! JSON text exists only at the edges (`json.rs`); there is no second tree in between.

use std::fmt;
use std::sync::Arc;

use hashbrown::HashTable;
use smol_str::SmolStr;

/// A string: up to 23 bytes in place, longer ones shared.
pub type Str = SmolStr;

/// A value in a message. JavaScript's `undefined` is the absence of a value: look-ups return `Option`.
#[derive(Clone, Default)]
pub enum Value {
    #[default]
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(Str),
    /// A buffer; JSON shows it as `{"type":"Buffer","data":[...]}`, as Node-RED does.
    Bytes(Arc<[u8]>),
    Array(Arc<Vec<Value>>),
    Object(Object),
}

impl Value {
    pub fn array(items: Vec<Value>) -> Value {
        Value::Array(Arc::new(items))
    }

    pub fn bytes(bytes: impl Into<Arc<[u8]>>) -> Value {
        Value::Bytes(bytes.into())
    }

    pub fn str(text: impl AsRef<str>) -> Value {
        Value::Str(Str::new(text))
    }

    /// A number as JavaScript would hold it: whole numbers that fit are `Int`, so that they print without a fraction
    /// and compare quickly.
    pub fn number(n: f64) -> Value {
        if n.fract() == 0.0 && n.abs() < 9_007_199_254_740_992.0 && !(n == 0.0 && n.is_sign_negative()) {
            Value::Int(n as i64)
        } else {
            Value::Float(n)
        }
    }

    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Str(s) => Some(s),
            _ => None,
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(b) => Some(*b),
            _ => None,
        }
    }

    /// The value if it is a number, whole or not.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Int(n) => Some(*n as f64),
            Value::Float(n) => Some(*n),
            _ => None,
        }
    }

    /// The value if it is a whole number, also one written with a fraction of zero.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Value::Int(n) => Some(*n),
            Value::Float(n) if n.fract() == 0.0 && n.abs() < 9.2e18 => Some(*n as i64),
            _ => None,
        }
    }

    pub fn as_array(&self) -> Option<&[Value]> {
        match self {
            Value::Array(items) => Some(items),
            _ => None,
        }
    }

    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Value::Object(object) => Some(object),
            _ => None,
        }
    }

    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Value::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// A property of an object; of an array by a number in text. `None` where JavaScript has `undefined`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Value::Object(object) => object.get(key),
            Value::Array(items) => items.get(key.parse::<usize>().ok()?),
            _ => None,
        }
    }

    /// JavaScript's truth: everything but false, 0, NaN, "", null.
    pub fn truthy(&self) -> bool {
        match self {
            Value::Null => false,
            Value::Bool(b) => *b,
            Value::Int(n) => *n != 0,
            Value::Float(n) => *n != 0.0 && !n.is_nan(),
            Value::Str(s) => !s.is_empty(),
            _ => true,
        }
    }

    /// What JavaScript's `Number(x)` gives: NaN where the value is no number.
    pub fn to_number(&self) -> f64 {
        match self {
            Value::Null => 0.0,
            Value::Bool(b) => f64::from(u8::from(*b)),
            Value::Int(n) => *n as f64,
            Value::Float(n) => *n,
            Value::Str(s) => text_to_number(s),
            Value::Bytes(bytes) => text_to_number(&String::from_utf8_lossy(bytes)),
            Value::Array(items) => match items.as_slice() {
                [] => 0.0,
                [one] => match one {
                    Value::Bool(_) | Value::Object(_) => f64::NAN,
                    other => other.to_number(),
                },
                _ => f64::NAN,
            },
            Value::Object(_) => f64::NAN,
        }
    }

    /// What JavaScript's `String(x)` gives.
    pub fn to_text(&self) -> Str {
        match self {
            Value::Null => Str::new_static("null"),
            Value::Bool(true) => Str::new_static("true"),
            Value::Bool(false) => Str::new_static("false"),
            Value::Int(n) => Str::from(n.to_string()),
            Value::Float(n) => number_text(*n),
            Value::Str(s) => s.clone(),
            Value::Bytes(bytes) => Str::new(String::from_utf8_lossy(bytes)),
            Value::Array(items) => {
                let parts: Vec<Str> =
                    items.iter().map(|v| if v.is_null() { Str::default() } else { v.to_text() }).collect();
                Str::from(parts.join(","))
            }
            Value::Object(_) => Str::new_static("[object Object]"),
        }
    }

    /// The word for its kind in messages to people and in the `istype` rule.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Int(_) | Value::Float(_) => "number",
            Value::Str(_) => "string",
            Value::Bytes(_) => "buffer",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        }
    }

    /// About how many bytes it holds in memory, shared parts counted in full: what admission counts.
    pub fn weight(&self) -> usize {
        const CELL: usize = size_of::<Value>();
        CELL + match self {
            Value::Str(s) if s.len() > 23 => s.len(),
            Value::Bytes(bytes) => bytes.len(),
            Value::Array(items) => items.iter().map(Value::weight).sum(),
            Value::Object(object) => object.iter().map(|(k, v)| CELL + k.len() + v.weight()).sum(),
            _ => 0,
        }
    }

    /// The items of an array to change, copied first if they are shared.
    pub fn as_array_mut(&mut self) -> Option<&mut Vec<Value>> {
        match self {
            Value::Array(items) => Some(Arc::make_mut(items)),
            _ => None,
        }
    }

    pub fn as_object_mut(&mut self) -> Option<&mut Object> {
        match self {
            Value::Object(object) => Some(object),
            _ => None,
        }
    }
}

/// A number as JavaScript prints it: `5`, `0.1`, `1e+21`, `NaN`.
pub fn number_text(n: f64) -> Str {
    let mut buffer = ryu_js::Buffer::new();
    Str::new(buffer.format(n))
}

fn text_to_number(text: &str) -> f64 {
    let text = text.trim();
    let radix = |digits: &str, radix| u64::from_str_radix(digits, radix).map_or(f64::NAN, |n| n as f64);
    match text.as_bytes() {
        [] => 0.0,
        [b'0', b'x' | b'X', ..] => radix(&text[2..], 16),
        [b'0', b'o' | b'O', ..] => radix(&text[2..], 8),
        [b'0', b'b' | b'B', ..] => radix(&text[2..], 2),
        _ => match text {
            "Infinity" | "+Infinity" => f64::INFINITY,
            "-Infinity" => f64::NEG_INFINITY,
            // Rust would also take "inf" and "nan", which JavaScript does not.
            _ if text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-')) => {
                text.parse().unwrap_or(f64::NAN)
            }
            _ => f64::NAN,
        },
    }
}

/// Numbers compare by value (`1` equals `1.0`), objects without regard to the order of their keys.
impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Int(a), Value::Int(b)) => a == b,
            (Value::Int(_) | Value::Float(_), Value::Int(_) | Value::Float(_)) => {
                self.as_f64() == other.as_f64()
            }
            (Value::Str(a), Value::Str(b)) => a == b,
            (Value::Bytes(a), Value::Bytes(b)) => a == b,
            (Value::Array(a), Value::Array(b)) => Arc::ptr_eq(a, b) || a == b,
            (Value::Object(a), Value::Object(b)) => a == b,
            _ => false,
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_json())
    }
}

macro_rules! value_from {
    ($($from:ty => |$x:ident| $to:expr;)*) => {
        $(impl From<$from> for Value {
            fn from($x: $from) -> Value { $to }
        })*
    };
}

value_from! {
    bool => |x| Value::Bool(x);
    i64 => |x| Value::Int(x);
    i32 => |x| Value::Int(i64::from(x));
    u32 => |x| Value::Int(i64::from(x));
    usize => |x| Value::Int(x as i64);
    f64 => |x| Value::Float(x);
    &str => |x| Value::Str(Str::new(x));
    String => |x| Value::Str(Str::from(x));
    Str => |x| Value::Str(x);
    Vec<u8> => |x| Value::Bytes(x.into());
    Vec<Value> => |x| Value::array(x);
    Object => |x| Value::Object(x);
}

/// An object keeps the order in which its keys came. It is shared and copied on write.
#[derive(Clone, Default)]
pub struct Object(Arc<Map>);

/// Below this many keys a scan is faster than a hash, and most messages are below it.
const SCAN_LIMIT: usize = 16;

#[derive(Clone, Default)]
struct Map {
    entries: Vec<(Str, Value)>,
    /// Positions in `entries` by the hash of the key; only above `SCAN_LIMIT`.
    index: Option<Box<Index>>,
}

#[derive(Clone, Default)]
struct Index {
    hasher: hashbrown::DefaultHashBuilder,
    table: HashTable<u32>,
}

impl Index {
    fn over(entries: &[(Str, Value)]) -> Box<Index> {
        let mut index = Box::new(Index::default());
        for at in 0..entries.len() {
            index.add(entries, at);
        }
        index
    }

    fn add(&mut self, entries: &[(Str, Value)], at: usize) {
        let Index { hasher, table } = self;
        let hash = |key: &Str| std::hash::BuildHasher::hash_one(&*hasher, key.as_str());
        table.insert_unique(hash(&entries[at].0), at as u32, |&i| hash(&entries[i as usize].0));
    }
}

impl Map {
    fn position(&self, key: &str) -> Option<usize> {
        match &self.index {
            None => self.entries.iter().position(|(k, _)| k == key),
            Some(index) => {
                let hash = std::hash::BuildHasher::hash_one(&index.hasher, key);
                index.table.find(hash, |&i| self.entries[i as usize].0 == key).map(|&i| i as usize)
            }
        }
    }
}

impl Object {
    pub fn new() -> Object {
        Object::default()
    }

    pub fn with_capacity(capacity: usize) -> Object {
        Object(Arc::new(Map { entries: Vec::with_capacity(capacity), index: None }))
    }

    pub fn len(&self) -> usize {
        self.0.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.entries.is_empty()
    }

    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.position(key).map(|at| &self.0.entries[at].1)
    }

    pub fn contains_key(&self, key: &str) -> bool {
        self.0.position(key).is_some()
    }

    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        let at = self.0.position(key)?;
        Some(&mut Arc::make_mut(&mut self.0).entries[at].1)
    }

    /// Sets a key: in its place when it is there, else at the end.
    pub fn insert(&mut self, key: impl Into<Str>, value: impl Into<Value>) {
        *self.entry(key.into()) = value.into();
    }

    /// The value at a key, null and at the end when it was not there.
    pub fn entry(&mut self, key: Str) -> &mut Value {
        let map = Arc::make_mut(&mut self.0);
        let at = match map.position(&key) {
            Some(at) => at,
            None => {
                map.entries.push((key, Value::Null));
                let at = map.entries.len() - 1;
                match &mut map.index {
                    Some(index) => index.add(&map.entries, at),
                    None if map.entries.len() > SCAN_LIMIT => map.index = Some(Index::over(&map.entries)),
                    None => {}
                }
                at
            }
        };
        &mut map.entries[at].1
    }

    /// Takes a key out; the others keep their order.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let at = self.0.position(key)?;
        let map = Arc::make_mut(&mut self.0);
        let (_, value) = map.entries.remove(at);
        map.index = (map.entries.len() > SCAN_LIMIT).then(|| Index::over(&map.entries));
        Some(value)
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&Str, &Value)> + ExactSizeIterator {
        self.0.entries.iter().map(|(k, v)| (k, v))
    }

    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &Str> + ExactSizeIterator {
        self.0.entries.iter().map(|(k, _)| k)
    }

    /// Whether both are the same object in memory: then nothing was changed.
    pub fn same(&self, other: &Object) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Object) -> bool {
        self.same(other)
            || (self.len() == other.len() && self.iter().all(|(key, value)| other.get(key) == Some(value)))
    }
}

impl<K: Into<Str>, V: Into<Value>> FromIterator<(K, V)> for Object {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Object {
        let mut object = Object::new();
        for (key, value) in pairs {
            object.insert(key, value);
        }
        object
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&Value::Object(self.clone()), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_24_bytes() {
        assert_eq!(size_of::<Value>(), 24);
    }

    #[test]
    fn objects_keep_order_over_the_index_limit_and_after_removal() {
        let mut object: Object = (0..40).map(|n| (n.to_string(), Value::Int(n))).collect();
        assert_eq!(object.remove("7"), Some(Value::Int(7)));
        object.insert("7", 70);
        object.insert("3", 33);
        let keys: Vec<_> = object.keys().map(Str::to_string).collect();
        let mut expected: Vec<_> = (0..40).filter(|n| *n != 7).map(|n| n.to_string()).collect();
        expected.push("7".into());
        assert_eq!(keys, expected);
        assert_eq!(object.get("3"), Some(&Value::Int(33)));
        assert_eq!(object.get("39"), Some(&Value::Int(39)));
        assert_eq!(object.get("40"), None);
    }

    #[test]
    fn a_copy_does_not_see_a_change() {
        let mut a: Object = [("list", Value::array(vec![Value::Int(1)]))].into_iter().collect();
        let b = a.clone();
        assert!(a.same(&b));
        a.get_mut("list").and_then(Value::as_array_mut).unwrap().push(Value::Int(2));
        assert_eq!(b.get("list"), Some(&Value::array(vec![Value::Int(1)])));
    }

    #[test]
    fn text_and_numbers_are_javascripts() {
        for (text, number) in [("", 0.0), (" 12 ", 12.0), ("0x1F", 31.0), ("1e3", 1000.0), ("-.5", -0.5)] {
            assert_eq!(Value::str(text).to_number(), number, "{text:?}");
        }
        for text in ["inf", "nan", "1,5", "12px", "0x", "1_000"] {
            assert!(Value::str(text).to_number().is_nan(), "{text:?}");
        }
        assert_eq!(Value::Float(1e21).to_text(), "1e+21");
        assert_eq!(Value::Float(5.0).to_text(), "5");
        assert_eq!(Value::array(vec![1.into(), Value::Null, "a".into()]).to_text(), "1,,a");
    }
}

//! Values as a script sees them, without converting what it does not touch.
//!
//! An object becomes an empty map that remembers where it came from ([`SOURCE`]). A property is converted when the
//! script first reads it and stays in the map, so writes happen in place, at any depth, by the interpreter's own means.
//! On the way back only what stands in the map is looked at: nothing there or nothing changed, and it is the same object.

use rhai::{Blob, Dynamic, FnPtr, ImmutableString, Map};

use crate::value::{Object, Str, Value};

/// The hidden key of a map that stands for an object: its number among the sources of this call.
pub const SOURCE: &str = "\0";

/// Marks a `()` that stands for a property that is not there, unlike one that is null. As JavaScript's `undefined`.
const ABSENT: i16 = 0x0ab5;

/// Deeper than this nothing is handed to a script or taken from one: the recursion over values must end.
pub const MAX_DEPTH: usize = 128;

/// Why a value cannot go from or to a script.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Unfit {
    #[error("arrays and maps are nested deeper than {MAX_DEPTH} levels")]
    Deep,
    #[error("a {0} cannot be put into a message or a context")]
    Type(String),
}

/// The objects that maps of this call stand for.
#[derive(Debug, Default)]
pub struct Sources {
    /// Each with the level at which it stood in its message.
    objects: Vec<(Object, usize)>,
    /// Convert at once and in full: for values that outlive the call.
    eager: bool,
}

impl Sources {
    /// Converts objects in full, for the constants of a module, which outlive any call.
    pub fn eager() -> Sources {
        Sources { objects: Vec::new(), eager: true }
    }

    pub fn clear(&mut self) {
        self.objects.clear();
    }

    /// A map that stands for a message.
    pub fn map(&mut self, object: Object) -> Map {
        self.map_at(object, 0)
    }

    fn map_at(&mut self, object: Object, depth: usize) -> Map {
        let mut map = Map::new();
        map.insert(SOURCE.into(), Dynamic::from(self.objects.len() as i64));
        self.objects.push((object, depth));
        map
    }

    /// The object that a map stands for.
    pub fn of(&self, map: &Map) -> Option<&Object> {
        self.of_at(map).map(|(object, _)| object)
    }

    fn of_at(&self, map: &Map) -> Option<&(Object, usize)> {
        let at = map.get(SOURCE)?.as_int().ok()?;
        self.objects.get(usize::try_from(at).ok()?)
    }

    /// A value for a script.
    pub fn dynamic(&mut self, value: &Value) -> Result<Dynamic, Unfit> {
        self.dynamic_at(value, 0)
    }

    fn dynamic_at(&mut self, value: &Value, depth: usize) -> Result<Dynamic, Unfit> {
        if depth > MAX_DEPTH {
            return Err(Unfit::Deep);
        }
        Ok(match value {
            Value::Null => Dynamic::UNIT,
            Value::Bool(b) => Dynamic::from(*b),
            Value::Int(n) => Dynamic::from(*n),
            Value::Float(n) => Dynamic::from(*n),
            Value::Str(s) => Dynamic::from(ImmutableString::from(s.as_str())),
            Value::Bytes(bytes) => Dynamic::from_blob(bytes.to_vec()),
            Value::Array(items) => {
                let items: Result<Vec<Dynamic>, Unfit> =
                    items.iter().map(|item| self.dynamic_at(item, depth + 1)).collect();
                Dynamic::from_array(items?)
            }
            Value::Object(object) if self.eager => {
                let pairs: Result<Map, Unfit> = object
                    .iter()
                    .map(|(key, value)| Ok((key.as_str().into(), self.dynamic_at(value, depth + 1)?)))
                    .collect();
                Dynamic::from_map(pairs?)
            }
            Value::Object(object) => Dynamic::from_map(self.map_at(object.clone(), depth)),
        })
    }

    /// Converts one property of the object that a map stands for; what is not there is absent.
    pub fn property(&mut self, map: &Map, key: &str) -> Result<Dynamic, Unfit> {
        let Some((object, depth)) = self.of_at(map) else { return Ok(absent()) };
        let depth = *depth;
        match object.get(key).cloned() {
            Some(value) => self.dynamic_at(&value, depth + 1),
            None => Ok(absent()),
        }
    }

    /// A script's value as one of ours.
    pub fn value(&self, dynamic: &Dynamic) -> Result<Value, Unfit> {
        self.changed(dynamic, None, 0).map(|value| value.expect("there is no old value it could be equal to"))
    }

    /// A script's map as an object: the one it stands for when nothing in it was changed.
    pub fn object(&self, map: &Map) -> Result<Object, Unfit> {
        self.changed_map(map, None, 0)
            .map(|object| object.expect("there is no old value it could be equal to"))
    }

    /// `None` when it is the old value that stood at this place.
    fn changed(&self, dynamic: &Dynamic, old: Option<&Value>, depth: usize) -> Result<Option<Value>, Unfit> {
        if depth > MAX_DEPTH {
            return Err(Unfit::Deep);
        }
        if dynamic.is_shared() {
            return match dynamic.read_lock::<Dynamic>() {
                Some(inner) => self.changed(&inner, old, depth),
                None => Err(Unfit::Type("value in use".into())),
            };
        }
        // Asking first is cheap; a failed conversion makes the name of the type for its error.
        let value = if dynamic.is_int() {
            Value::Int(dynamic.as_int().unwrap_or_default())
        } else if dynamic.is_map()
            && let Ok(map) = dynamic.as_map_ref()
        {
            return Ok(self.changed_map(&map, old, depth)?.map(Value::Object));
        } else if dynamic.is_string()
            && let Ok(text) = dynamic.as_immutable_string_ref()
        {
            match old {
                Some(Value::Str(old)) if old.as_str() == text.as_str() => return Ok(None),
                _ => Value::Str(Str::new(text.as_str())),
            }
        } else if dynamic.is_float() {
            Value::Float(dynamic.as_float().unwrap_or_default())
        } else if dynamic.is_bool() {
            Value::Bool(dynamic.as_bool().unwrap_or_default())
        } else if dynamic.is_unit() {
            Value::Null
        } else if let Ok(items) = dynamic.as_array_ref() {
            return self.changed_array(&items, old, depth);
        } else if let Ok(bytes) = dynamic.as_blob_ref() {
            match old {
                Some(Value::Bytes(old)) if old[..] == bytes[..] => return Ok(None),
                _ => Value::Bytes(bytes[..].into()),
            }
        } else if let Ok(c) = dynamic.as_char() {
            Value::str(c.encode_utf8(&mut [0; 4]))
        } else {
            return Err(Unfit::Type(kind(dynamic).to_string()));
        };
        Ok(if old.is_some_and(|old| same_scalar(old, &value)) { None } else { Some(value) })
    }

    fn changed_array(
        &self,
        items: &[Dynamic],
        old: Option<&Value>,
        depth: usize,
    ) -> Result<Option<Value>, Unfit> {
        let before: &[Value] = old.and_then(Value::as_array).unwrap_or_default();
        let mut out: Option<Vec<Value>> = match old {
            Some(Value::Array(_)) if before.len() == items.len() => None,
            _ => Some(Vec::with_capacity(items.len())),
        };
        for (at, item) in items.iter().enumerate() {
            match (self.changed(item, before.get(at), depth + 1)?, &mut out) {
                (Some(value), Some(out)) => out.push(value),
                (None, Some(out)) => out.push(before[at].clone()),
                (Some(value), None) => {
                    let mut changed = Vec::with_capacity(items.len());
                    changed.extend_from_slice(&before[..at]);
                    changed.push(value);
                    out = Some(changed);
                }
                (None, None) => {}
            }
        }
        Ok(out.map(Value::array))
    }

    fn changed_map(&self, map: &Map, old: Option<&Value>, depth: usize) -> Result<Option<Object>, Unfit> {
        let (source, stood) = self.of_at(map).map_or((None, 0), |(object, depth)| (Some(object), *depth));
        let in_place = match (source, old) {
            (Some(source), Some(Value::Object(old))) => source.same(old),
            _ => false,
        };
        if let Some(source) = source.filter(|_| depth > stood) {
            // It stands deeper than before, which may be too deep.
            source.iter().try_for_each(|(_, value)| check_depth(value, depth + 1))?;
        }
        let mut out: Option<Object> = match source {
            Some(_) if in_place => None,
            Some(source) => Some(source.clone()),
            // Room for the id of a message.
            None => Some(Object::with_capacity(map.len() + usize::from(depth == 0))),
        };
        for (key, item) in map {
            if key == SOURCE {
                continue;
            }
            let before = source.and_then(|source| source.get(key));
            if is_absent(item) {
                if before.is_some() {
                    out.get_or_insert_with(|| source.cloned().unwrap_or_default()).remove(key);
                }
            } else if let Some(value) = self.changed(item, before, depth + 1)? {
                out.get_or_insert_with(|| source.cloned().unwrap_or_default()).insert(key.as_str(), value);
            }
        }
        Ok(out)
    }
}

/// Only what a script cannot tell apart: 5 and 5.0 differ.
fn same_scalar(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits(),
        (Value::Str(a), Value::Str(b)) => a == b,
        _ => false,
    }
}

fn check_depth(value: &Value, depth: usize) -> Result<(), Unfit> {
    if depth > MAX_DEPTH {
        return Err(Unfit::Deep);
    }
    match value {
        Value::Array(items) => items.iter().try_for_each(|item| check_depth(item, depth + 1)),
        Value::Object(object) => object.iter().try_for_each(|(_, item)| check_depth(item, depth + 1)),
        _ => Ok(()),
    }
}

/// The value of a property that is not there.
pub fn absent() -> Dynamic {
    let mut unit = Dynamic::UNIT;
    // Tags have 32 bits, or 16 on boards with 32.
    unit.set_tag(ABSENT.into());
    unit
}

pub fn is_absent(value: &Dynamic) -> bool {
    #[allow(clippy::unnecessary_cast)]
    let tag = value.tag() as i32;
    value.is_unit() && tag == i32::from(ABSENT)
}

/// The word for a type of the interpreter in messages to people.
pub fn kind(value: &Dynamic) -> &'static str {
    if value.is::<FnPtr>() {
        "function"
    } else if value.is::<rhai::INT>() || value.is::<rhai::FLOAT>() {
        "number"
    } else if value.is::<bool>() {
        "boolean"
    } else if value.is::<ImmutableString>() || value.is::<char>() {
        "string"
    } else if value.is_unit() {
        "null"
    } else if value.is::<Blob>() {
        "Buffer"
    } else if value.is_array() {
        "Array"
    } else if value.is_map() {
        "object"
    } else if value.is::<std::ops::Range<i64>>() || value.is::<std::ops::RangeInclusive<i64>>() {
        "range"
    } else {
        "value of this type"
    }
}

/// Whether two values are the same to the last bit, as a copy is that nobody changed since.
pub fn same(a: &Dynamic, b: &Dynamic) -> bool {
    if a.is_int() && b.is_int() {
        a.as_int() == b.as_int()
    } else if a.is_map() && b.is_map() {
        matches!((a.as_map_ref(), b.as_map_ref()), (Ok(a), Ok(b)) if same_map(&a, &b))
    } else if a.is_string() && b.is_string() {
        let texts = (a.as_immutable_string_ref(), b.as_immutable_string_ref());
        matches!(texts, (Ok(a), Ok(b)) if a.as_str() == b.as_str())
    } else if a.is_float() && b.is_float() {
        matches!((a.as_float(), b.as_float()), (Ok(a), Ok(b)) if a.to_bits() == b.to_bits())
    } else if a.is_bool() && b.is_bool() {
        a.as_bool() == b.as_bool()
    } else if a.is_array() && b.is_array() {
        let same_items =
            |a: &[Dynamic], b: &[Dynamic]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b));
        matches!((a.as_array_ref(), b.as_array_ref()), (Ok(a), Ok(b)) if same_items(&a, &b))
    } else {
        a.is_unit() && b.is_unit() && a.tag() == b.tag()
    }
}

pub fn same_map(a: &Map, b: &Map) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|((key, a), (other, b))| key == other && same(a, b))
}

//! Values to JSONata's and back, without JSON text in between.

use std::rc::Rc;
use std::sync::Arc;

use jsonata_core::value::{JMap, JValue};

use crate::value::{Object, Str, Value};

/// Deeper values are refused: walking them takes stack.
const DEEPEST: usize = 512;

/// A longer buffer can be handed on by an expression, not looked into: its bytes as numbers would take 40 times its size.
const LONGEST_BUFFER: usize = 64 * 1024;

/// The buffers of one evaluation. JSONata has none: it sees `{"type":"Buffer","data":[...]}`, as text made of one
/// says, and where that comes back untouched it is the buffer again.
#[derive(Default)]
pub(super) struct Buffers(Vec<(Rc<JMap>, Arc<[u8]>)>);

impl Buffers {
    pub fn clear(&mut self) {
        self.0.clear();
    }

    pub fn enter(&mut self, value: &Value) -> Result<JValue, String> {
        self.inward(value, 0)
    }

    fn inward(&mut self, value: &Value, depth: usize) -> Result<JValue, String> {
        Ok(match value {
            Value::Null => JValue::Null,
            Value::Bool(b) => JValue::Bool(*b),
            Value::Int(n) => JValue::Number(*n as f64),
            Value::Float(n) => JValue::Number(*n),
            Value::Str(s) => JValue::string(s.as_str()),
            Value::Bytes(bytes) => self.buffer(bytes),
            Value::Array(items) => {
                check(depth)?;
                let items = items.iter().map(|item| self.inward(item, depth + 1));
                JValue::array(items.collect::<Result<_, _>>()?)
            }
            Value::Object(object) => self.object_inward(object, depth)?,
        })
    }

    fn object_inward(&mut self, object: &Object, depth: usize) -> Result<JValue, String> {
        check(depth)?;
        // The crate's own map, without naming the crate that it comes from.
        let mut map = JMap::default().into_inner();
        map.reserve(object.len());
        for (key, value) in object.iter() {
            map.insert(key.to_string(), self.inward(value, depth + 1)?);
        }
        Ok(JValue::object(map))
    }

    fn buffer(&mut self, bytes: &Arc<[u8]>) -> JValue {
        let shown = if bytes.len() <= LONGEST_BUFFER { &bytes[..] } else { &[] };
        let mut map = JMap::default().into_inner();
        map.insert("type".to_string(), JValue::string("Buffer"));
        let data = shown.iter().map(|byte| JValue::Number(f64::from(*byte))).collect();
        map.insert("data".to_string(), JValue::array(data));
        let map = Rc::new(JMap::from(map));
        self.0.push((map.clone(), bytes.clone()));
        JValue::Object(map)
    }

    /// `None` is `undefined`. A function cannot leave an expression.
    pub fn leave(&self, value: &JValue) -> Result<Option<Value>, String> {
        if value.is_function() || matches!(value, JValue::Regex { .. }) {
            return Err("its result is a function, which a message cannot hold".to_string());
        }
        self.outward(value, 0)
    }

    fn outward(&self, value: &JValue, depth: usize) -> Result<Option<Value>, String> {
        Ok(Some(match value {
            JValue::Null => Value::Null,
            JValue::Bool(b) => Value::Bool(*b),
            JValue::Number(n) => Value::number(*n),
            JValue::String(s) => Value::Str(Str::new(s)),
            JValue::Array(items) => {
                check(depth)?;
                let mut out = Vec::with_capacity(items.len());
                for item in items {
                    out.extend(self.outward(item, depth + 1)?);
                }
                Value::array(out)
            }
            JValue::Object(map) => {
                if let Some((_, bytes)) = self.0.iter().find(|(known, _)| Rc::ptr_eq(known, map)) {
                    return Ok(Some(Value::Bytes(bytes.clone())));
                }
                check(depth)?;
                let mut object = Object::with_capacity(map.len());
                for (key, value) in map.iter() {
                    if let Some(value) = self.outward(value, depth + 1)? {
                        object.insert(key.as_str(), value);
                    }
                }
                Value::Object(object)
            }
            // In an object or an array it is left out, as JSON does.
            _ => return Ok(None),
        }))
    }
}

fn check(depth: usize) -> Result<(), String> {
    if depth < DEEPEST { Ok(()) } else { Err(format!("a value is nested deeper than {DEEPEST} levels")) }
}

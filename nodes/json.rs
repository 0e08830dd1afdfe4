//! JSON text to [`Value`] and back: the only place where the two meet.

use std::fmt;
use std::io;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use crate::value::{Object, Str, Value};

impl Value {
    /// Reads JSON text. Nesting is limited to 128 levels; the error carries line and column.
    pub fn from_json(text: &[u8]) -> Result<Value, serde_json::Error> {
        serde_json::from_slice(text)
    }

    /// Compact JSON, numbers as JavaScript prints them.
    pub fn to_json(&self) -> String {
        self.write_json(JavaScript(serde_json::ser::CompactFormatter))
    }

    /// JSON indented by `indent` spaces, as `JSON.stringify(x, null, indent)` does.
    pub fn to_json_pretty(&self, indent: usize) -> String {
        let indent = " ".repeat(indent);
        self.write_json(JavaScript(serde_json::ser::PrettyFormatter::with_indent(indent.as_bytes())))
    }

    fn write_json<F: serde_json::ser::Formatter>(&self, formatter: F) -> String {
        let mut text = Vec::with_capacity(128);
        let mut serializer = serde_json::Serializer::with_formatter(&mut text, formatter);
        self.serialize(&mut serializer).expect("writing JSON to memory cannot fail: keys are strings");
        String::from_utf8(text).expect("serde_json writes UTF-8")
    }
}

/// Prints floating-point numbers as JavaScript does, and leaves the rest to the formatter inside.
struct JavaScript<F>(F);

macro_rules! delegate {
    ($($name:ident($($arg:ident: $ty:ty),*);)*) => {
        $(fn $name<W: ?Sized + io::Write>(&mut self, writer: &mut W $(, $arg: $ty)*) -> io::Result<()> {
            self.0.$name(writer $(, $arg)*)
        })*
    };
}

impl<F: serde_json::ser::Formatter> serde_json::ser::Formatter for JavaScript<F> {
    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, n: f64) -> io::Result<()> {
        writer.write_all(ryu_js::Buffer::new().format(n).as_bytes())
    }

    delegate! {
        begin_array();
        end_array();
        begin_array_value(first: bool);
        end_array_value();
        begin_object();
        end_object();
        begin_object_key(first: bool);
        end_object_key();
        begin_object_value();
        end_object_value();
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(b) => serializer.serialize_bool(*b),
            Value::Int(n) => serializer.serialize_i64(*n),
            // NaN and the infinities have no JSON; JavaScript writes null.
            Value::Float(n) if n.is_finite() => serializer.serialize_f64(*n),
            Value::Float(_) => serializer.serialize_unit(),
            Value::Str(s) => serializer.serialize_str(s),
            Value::Bytes(bytes) => {
                let mut map = serializer.serialize_map(Some(2))?;
                map.serialize_entry("type", "Buffer")?;
                map.serialize_entry("data", &bytes[..])?;
                map.end()
            }
            Value::Array(items) => {
                let mut seq = serializer.serialize_seq(Some(items.len()))?;
                for item in items.iter() {
                    seq.serialize_element(item)?;
                }
                seq.end()
            }
            Value::Object(object) => object.serialize(serializer),
        }
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        for (key, value) in self.iter() {
            map.serialize_entry(key.as_str(), value)?;
        }
        map.end()
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, b: bool) -> Result<Value, E> {
        Ok(Value::Bool(b))
    }

    fn visit_i64<E>(self, n: i64) -> Result<Value, E> {
        Ok(Value::Int(n))
    }

    fn visit_u64<E>(self, n: u64) -> Result<Value, E> {
        Ok(i64::try_from(n).map_or(Value::Float(n as f64), Value::Int))
    }

    fn visit_f64<E>(self, n: f64) -> Result<Value, E> {
        Ok(Value::Float(n))
    }

    fn visit_str<E>(self, s: &str) -> Result<Value, E> {
        Ok(Value::Str(Str::new(s)))
    }

    fn visit_string<E>(self, s: String) -> Result<Value, E> {
        Ok(Value::Str(Str::from(s)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::with_capacity(seq.size_hint().unwrap_or(0).min(1024));
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Object::with_capacity(map.size_hint().unwrap_or(8).min(1024));
        while let Some(key) = map.next_key_seed(Key)? {
            let value: Value = map.next_value()?;
            *object.entry(key) = value;
        }
        Ok(Value::Object(object))
    }
}

/// Reads a key straight into a `Str`, without a `String` in between.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Str;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Str, D::Error> {
        struct KeyVisitor;
        impl Visitor<'_> for KeyVisitor {
            type Value = Str;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_str<E>(self, s: &str) -> Result<Str, E> {
                Ok(Str::new(s))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

/// A tree of serde_json as it stands in a flow file (typed values, environment) as a value, buffers included.
impl From<&serde_json::Value> for Value {
    fn from(json: &serde_json::Value) -> Value {
        match json {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(b) => Value::Bool(*b),
            serde_json::Value::Number(n) => match n.as_i64() {
                Some(n) => Value::Int(n),
                None => Value::Float(n.as_f64().unwrap_or(f64::NAN)),
            },
            serde_json::Value::String(s) => Value::Str(Str::new(s)),
            serde_json::Value::Array(items) => Value::array(items.iter().map(Value::from).collect()),
            serde_json::Value::Object(map) => {
                Value::Object(map.iter().map(|(key, value)| (Str::new(key), Value::from(value))).collect())
            }
        }
        .revive_buffer()
    }
}

impl Value {
    /// Turns `{"type":"Buffer","data":[...]}` into the bytes it stands for; anything else stays.
    pub fn revive_buffer(self) -> Value {
        let Value::Object(object) = &self else { return self };
        if object.len() != 2 || object.get("type").and_then(Value::as_str) != Some("Buffer") {
            return self;
        }
        let bytes: Option<Vec<u8>> = object
            .get("data")
            .and_then(Value::as_array)
            .and_then(|data| data.iter().map(|b| u8::try_from(b.as_i64()?).ok()).collect());
        bytes.map_or(self, Value::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_comes_back_as_it_went() {
        let text = r#"{"z":1,"a":[true,null,"x",0.1,-7],"n":{"k":"ü"}}"#;
        assert_eq!(Value::from_json(text.as_bytes()).unwrap().to_json(), text);
    }

    #[test]
    fn numbers_print_as_in_javascript() {
        let value =
            Value::from_json(b"[1.0, 1e21, 1e-7, 18446744073709551615, 123456789012345680000]").unwrap();
        assert_eq!(value.to_json(), "[1,1e+21,1e-7,18446744073709552000,123456789012345680000]");
        assert_eq!(Value::Float(f64::NAN).to_json(), "null");
    }

    #[test]
    fn buffers_are_node_reds() {
        let value = Value::bytes(vec![1, 2]);
        assert_eq!(value.to_json(), r#"{"type":"Buffer","data":[1,2]}"#);
        assert_eq!(Value::from_json(value.to_json().as_bytes()).unwrap().revive_buffer(), value);
    }

    #[test]
    fn deep_nesting_is_an_error_not_a_crash() {
        let text = "[".repeat(100_000);
        assert!(Value::from_json(text.as_bytes()).unwrap_err().to_string().contains("recursion limit"));
    }

    #[test]
    fn pretty_is_as_stringify_does() {
        let value = Value::from_json(br#"{"a":[1,{}],"b":[]}"#).unwrap();
        assert_eq!(
            value.to_json_pretty(4),
            "{\n    \"a\": [\n        1,\n        {}\n    ],\n    \"b\": []\n}"
        );
    }
}

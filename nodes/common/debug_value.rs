//! What a debug record keeps of a value: long strings, lists and buffers are cut, as the debug panel shows them.

use std::sync::Arc;

use crate::value::{Object, Str, Value};

/// Deeper than this a value is left out.
const DEPTH: usize = 100;

/// The value with no string, list or buffer in it longer than `max`. A list that was cut says how long it was, in
/// Node-RED's form: `{"__enc__":true,"type":"array","data":[...],"length":N}`. Nothing is copied where nothing is cut.
pub fn shortened(value: &Value, max: usize) -> Value {
    shorten(value, max, 0).unwrap_or_else(|| value.clone())
}

/// `None` where the value may stay as it is.
fn shorten(value: &Value, max: usize, depth: usize) -> Option<Value> {
    if depth == DEPTH && matches!(value, Value::Array(_) | Value::Object(_)) {
        return Some(Value::str("..."));
    }
    match value {
        Value::Str(text) => shorten_text(text, max).map(Value::Str),
        Value::Bytes(bytes) if bytes.len() > max => {
            let data = bytes[..max].iter().map(|byte| Value::Int(i64::from(*byte))).collect();
            Some(cut("Buffer", data, bytes.len()))
        }
        Value::Array(items) if items.len() > max => {
            let data = items[..max]
                .iter()
                .map(|v| shorten(v, max, depth + 1).unwrap_or_else(|| v.clone()))
                .collect();
            Some(cut("array", data, items.len()))
        }
        Value::Array(items) => {
            let mut copy: Option<Arc<Vec<Value>>> = None;
            for (at, item) in items.iter().enumerate() {
                if let Some(short) = shorten(item, max, depth + 1) {
                    Arc::make_mut(copy.get_or_insert_with(|| items.clone()))[at] = short;
                }
            }
            copy.map(Value::Array)
        }
        Value::Object(object) => {
            let mut copy: Option<Object> = None;
            for (key, item) in object.iter() {
                if let Some(short) = shorten(item, max, depth + 1) {
                    copy.get_or_insert_with(|| object.clone()).insert(key.clone(), short);
                }
            }
            copy.map(Value::Object)
        }
        _ => None,
    }
}

fn cut(kind: &str, data: Vec<Value>, length: usize) -> Value {
    let mut object = Object::with_capacity(4);
    object.insert("__enc__", true);
    object.insert("type", kind);
    object.insert("data", data);
    object.insert("length", length);
    Value::Object(object)
}

/// The first `max` characters as JavaScript counts them, with dots behind; `None` where it is no longer than that.
pub fn shorten_text(text: &str, max: usize) -> Option<Str> {
    // In UTF-8 a text has at least as many bytes as JavaScript counts characters.
    if text.len() <= max {
        return None;
    }
    let mut count = 0;
    let end = text.char_indices().find_map(|(at, c)| {
        count += c.len_utf16();
        (count > max).then_some(at)
    })?;
    Some(Str::from(format!("{}...", &text[..end])))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn short(value: &Value, max: usize) -> String {
        shortened(value, max).to_json()
    }

    #[test]
    fn long_parts_are_cut_at_every_level() {
        let value = Value::from_json(
            r#"{"s":"12345","ok":"1234","l":[1,2,3,4,5],"in":["12345"],"é":"éééé"}"#.as_bytes(),
        )
        .unwrap();
        assert_eq!(
            short(&value, 4),
            r#"{"s":"1234...","ok":"1234","l":{"__enc__":true,"type":"array","data":[1,2,3,4],"length":5},"in":["1234..."],"é":"éééé"}"#
        );
        assert_eq!(
            short(&Value::bytes([7u8; 5].as_slice()), 2),
            r#"{"__enc__":true,"type":"Buffer","data":[7,7],"length":5}"#
        );
        assert_eq!(shorten_text("a😀b", 3).as_deref(), Some("a😀..."));
        assert_eq!(shorten_text("a😀b", 2).as_deref(), Some("a..."));
    }

    #[test]
    fn what_is_short_is_not_copied() {
        let value = Value::from_json(br#"{"a":[1,{"b":"c"}]}"#).unwrap();
        let (Value::Object(before), Value::Object(after)) = (&value, &shortened(&value, 4)) else {
            panic!("both are objects")
        };
        assert!(before.same(after));
    }

    #[test]
    fn nesting_is_bounded() {
        let mut value = Value::Int(1);
        for _ in 0..300 {
            value = Value::array(vec![value]);
        }
        assert_eq!(short(&value, 4).matches('[').count(), DEPTH);
    }
}

//! Values for people to look at: as Node-RED's debug panel reads them, long ones cut.

use serde_json::{Value as Json, json};
use tidegate_nodes::host::{DebugRecord, Level};
use tidegate_nodes::value::{Object, Str, Value};

use super::feed::{Shown, What};
use crate::deploy::Current;

/// Node-RED's numbers for how bad a line is.
const ERROR: u8 = 20;
const WARN: u8 = 30;

/// What a debug panel is told of one message or line. `most`: how much of a text or list is shown.
pub fn debug(shown: &Shown, current: &Current, most: usize) -> Json {
    let node = &shown.node;
    let z = match node.id == node.document_id {
        true => node.flow.to_string(),
        // Within an instance it is the subflow.
        false => {
            let in_document =
                current.document.nodes.iter().find(|known| known.id == node.document_id.as_str());
            in_document.and_then(|known| known.z.clone()).unwrap_or_else(|| node.flow.to_string())
        }
    };
    let mut told = json!({ "id": &*node.id, "z": z, "path": path(&node.id, &node.document_id, &node.flow) });
    if node.id != node.document_id {
        told["_alias"] = json!(&*node.document_id);
    }
    if !node.name.is_empty() {
        told["name"] = json!(&*node.name);
    }
    let (value, format) = match &shown.what {
        What::Debug(record) => {
            about(record, &mut told);
            encoded(record.value.as_ref(), most)
        }
        What::Line(level, text) => {
            told["type"] = json!(&*node.type_name);
            told["level"] = json!(if *level == Level::Error { ERROR } else { WARN });
            encoded(Some(&Value::from(text.as_str())), most)
        }
        What::Message { value, .. } | What::OnWire { value, .. } => {
            encoded(Some(&Value::Object(value.clone())), most)
        }
    };
    told["msg"] = json!(value);
    told["format"] = json!(format);
    told
}

fn about(record: &DebugRecord, told: &mut Json) {
    if let Some(topic) = &record.topic {
        told["topic"] = json!(&**topic);
    }
    if let Some(id) = &record.message_id {
        told["_msgid"] = json!(&**id);
    }
    if !record.property.is_empty() {
        told["property"] = json!(&*record.property);
    }
}

/// The tab, and the subflow instances on the way to a node.
fn path(id: &str, document_id: &str, flow: &str) -> String {
    let instances = id.strip_suffix(document_id).unwrap_or_default().trim_end_matches('-');
    match instances.is_empty() {
        true => flow.to_string(),
        false => format!("{flow}/{}", instances.replace('-', "/")),
    }
}

/// The text of a value, and what it is.
pub fn encoded(value: Option<&Value>, most: usize) -> (String, String) {
    match value {
        None => ("(undefined)".to_string(), "undefined".to_string()),
        Some(Value::Null) => ("(undefined)".to_string(), "null".to_string()),
        Some(Value::Str(text)) => {
            let format = format!("string[{}]", text.encode_utf16().count());
            (cut(text, most).map_or_else(|| text.to_string(), |cut| format!("{cut}...")), format)
        }
        Some(Value::Bytes(bytes)) => {
            let shown = &bytes[..bytes.len().min(most.div_ceil(2))];
            let hex: String = shown.iter().map(|byte| format!("{byte:02x}")).collect();
            (hex[..hex.len().min(most)].to_string(), format!("buffer[{}]", bytes.len()))
        }
        Some(list @ Value::Array(items)) => {
            (shortened(list, most).to_json(), format!("array[{}]", items.len()))
        }
        Some(object @ Value::Object(_)) => (shortened(object, most).to_json(), "Object".to_string()),
        Some(Value::Bool(_)) => (value.map_or_else(String::new, Value::to_json), "boolean".to_string()),
        Some(number) => (number.to_text().to_string(), "number".to_string()),
    }
}

/// With long texts, lists and buffers cut, and marked as Node-RED marks them.
fn shortened(value: &Value, most: usize) -> Value {
    match value {
        Value::Str(text) => match cut(text, most) {
            Some(cut) => Value::from(format!("{cut}...")),
            None => value.clone(),
        },
        Value::Array(items) => {
            let shown: Vec<Value> = items.iter().take(most).map(|item| shortened(item, most)).collect();
            match items.len() > most {
                true => marked("array", Some(Value::from(shown)), Some(items.len())),
                false => Value::from(shown),
            }
        }
        Value::Bytes(bytes) => {
            let shown: Vec<Value> =
                bytes.iter().take(most).map(|byte| Value::Int(i64::from(*byte))).collect();
            marked("Buffer", Some(Value::from(shown)), Some(bytes.len()))
        }
        Value::Object(object) => {
            let mut shorter = Object::with_capacity(object.len());
            for (key, value) in object.iter() {
                let value = match key.as_str() {
                    "_req" | "_res" => marked("internal", None, None),
                    _ => shortened(value, most),
                };
                shorter.insert(key.clone(), value);
            }
            Value::Object(shorter)
        }
        Value::Float(number) if !number.is_finite() => {
            marked("number", Some(Value::Str(value.to_text().to_string().into())), None)
        }
        other => other.clone(),
    }
}

fn marked(kind: &str, data: Option<Value>, length: Option<usize>) -> Value {
    let mut mark = Object::with_capacity(4);
    mark.insert("__enc__", true);
    mark.insert("type", Str::new(kind));
    if let Some(data) = data {
        mark.insert("data", data);
    }
    if let Some(length) = length {
        mark.insert("length", length as i64);
    }
    Value::Object(mark)
}

/// The beginning of a text that is longer, counted as JavaScript counts.
fn cut(text: &str, most: usize) -> Option<&str> {
    if text.len() <= most {
        return None;
    }
    let mut units = 0;
    for (at, char) in text.char_indices() {
        units += char.len_utf16();
        if units > most {
            return Some(&text[..at]);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(json: Json) -> Value {
        Value::from(&json)
    }

    #[test]
    fn values_are_told_as_node_red_tells_them() {
        for (shown, msg, format) in [
            (json!("ab"), "ab", "string[2]"),
            (json!("abcdefgh"), "abcd...", "string[8]"),
            (json!("😀😀😀"), "😀😀...", "string[6]"),
            (json!(1.5), "1.5", "number"),
            (json!(true), "true", "boolean"),
            (json!(null), "(undefined)", "null"),
            (json!([1, 2]), "[1,2]", "array[2]"),
            (
                json!([1, 2, 3, 4, 5]),
                r#"{"__enc__":true,"type":"array","data":[1,2,3,4],"length":5}"#,
                "array[5]",
            ),
            (json!({"a": {"b": "abcdef"}}), r#"{"a":{"b":"abcd..."}}"#, "Object"),
            (json!({"_req": {"big": 1}}), r#"{"_req":{"__enc__":true,"type":"internal"}}"#, "Object"),
        ] {
            assert_eq!(encoded(Some(&value(shown)), 4), (msg.to_string(), format.to_string()));
        }
        assert_eq!(encoded(None, 4).0, "(undefined)");
        let bytes = Value::bytes([1, 2, 255, 3].as_slice());
        assert_eq!(encoded(Some(&bytes), 4), ("0102".to_string(), "buffer[4]".to_string()));
        let mut object = Object::new();
        object.insert("b", bytes);
        object.insert("n", Value::Float(f64::NAN));
        assert_eq!(
            encoded(Some(&Value::Object(object)), 2).0,
            r#"{"b":{"__enc__":true,"type":"Buffer","data":[1,2],"length":4},"n":{"__enc__":true,"type":"number","data":"NaN"}}"#
        );
    }

    #[test]
    fn the_way_to_a_node_in_a_subflow_is_its_tab_and_the_instances() {
        assert_eq!(path("n", "n", "t"), "t");
        assert_eq!(path("a-n", "n", "t"), "t/a");
        assert_eq!(path("a-b-n", "n", "t"), "t/a/b");
    }
}

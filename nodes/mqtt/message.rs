//! From packets to messages and back, with the properties by Node-RED's names.

use std::collections::BTreeMap;

use base64::Engine;
use bytes::Bytes;
use serde_json::Value as Json;

use super::packet::{Properties, Publish};
use crate::error::NodeError;
use crate::value::{Object, Str, Value};

/// What becomes of the payload of a message that comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataType {
    /// JSON as what it says, else text, else a buffer.
    Detect,
    /// Text, else a buffer.
    Auto,
    Buffer,
    Base64,
    Utf8,
    Json,
}

impl DataType {
    pub fn of(name: &str) -> Option<DataType> {
        Some(match name {
            "auto-detect" => DataType::Detect,
            "auto" => DataType::Auto,
            "buffer" => DataType::Buffer,
            "base64" => DataType::Base64,
            "utf8" | "" => DataType::Utf8,
            "json" => DataType::Json,
            _ => return None,
        })
    }
}

/// The message of a packet. `Err` with what there is of it where the payload is not what it has to be.
pub fn object(publish: &Publish, kind: DataType, local: bool) -> Result<Object, (NodeError, Object)> {
    let mut msg = Object::with_capacity(6);
    msg.insert("topic", publish.topic.clone());
    msg.insert("payload", Value::Null);
    msg.insert("qos", Value::Int(publish.qos as i64));
    msg.insert("retain", publish.retain);
    let properties = publish.properties.as_deref();
    if let Some(properties) = properties {
        set_properties(properties, &mut msg);
    }
    let payload = match payload(publish, kind, properties) {
        Ok(payload) => payload,
        Err(error) => {
            msg.insert("payload", Value::bytes(&publish.payload[..]));
            return Err((error, msg));
        }
    };
    msg.insert("payload", payload);
    if local {
        msg.insert("_topic", publish.topic.clone());
    }
    Ok(msg)
}

fn payload(publish: &Publish, kind: DataType, properties: Option<&Properties>) -> Result<Value, NodeError> {
    let bytes = &publish.payload[..];
    let text = || std::str::from_utf8(bytes).ok();
    let buffer = || Value::bytes(bytes);
    let json = |what: &str| {
        let text = text().ok_or_else(|| NodeError::rejected("the payload is no JSON: it is not UTF-8"))?;
        Value::from_json(text.as_bytes())
            .map_err(|error| NodeError::rejected(format!("the payload is no JSON{what}: {error}")))
    };
    Ok(match kind {
        DataType::Buffer => buffer(),
        DataType::Base64 => Value::str(base64::engine::general_purpose::STANDARD.encode(bytes)),
        DataType::Utf8 => Value::str(String::from_utf8_lossy(bytes)),
        DataType::Json => json("")?,
        DataType::Detect | DataType::Auto => match properties.and_then(media) {
            Some(Media::Buffer) => buffer(),
            Some(Media::Text) => Value::str(String::from_utf8_lossy(bytes)),
            Some(Media::Json) => {
                let parsed = json(", which its content type says it is")?;
                if kind == DataType::Detect { parsed } else { Value::str(String::from_utf8_lossy(bytes)) }
            }
            None => match text() {
                None => buffer(),
                Some(text) => {
                    let parsed = (kind == DataType::Detect).then(|| Value::from_json(bytes).ok()).flatten();
                    parsed.unwrap_or_else(|| Value::str(text))
                }
            },
        },
    })
}

enum Media {
    Text,
    Json,
    Buffer,
}

/// What the content type of a message says about it, for the types that Node-RED knows.
fn media(properties: &Properties) -> Option<Media> {
    match properties.content_type.as_deref()?.to_ascii_lowercase().as_str() {
        "text/css" | "text/html" | "text/plain" | "application/xml" => Some(Media::Text),
        "application/json" => Some(Media::Json),
        "application/octet-stream"
        | "application/pdf"
        | "application/x-gtar"
        | "application/x-gzip"
        | "application/x-tar"
        | "application/zip"
        | "audio/aac"
        | "audio/ac3"
        | "audio/basic"
        | "audio/mp4"
        | "audio/ogg"
        | "image/bmp"
        | "image/gif"
        | "image/jpeg"
        | "image/tiff"
        | "image/png" => Some(Media::Buffer),
        _ => None,
    }
}

fn set_properties(properties: &Properties, msg: &mut Object) {
    if let Some(topic) = properties.response_topic.as_ref().filter(|topic| !topic.is_empty()) {
        msg.insert("responseTopic", Value::str(topic));
    }
    if let Some(data) = &properties.correlation {
        msg.insert("correlationData", Value::bytes(&data[..]));
    }
    if let Some(kind) = properties.content_type.as_ref().filter(|kind| !kind.is_empty()) {
        msg.insert("contentType", Value::str(kind));
    }
    if let Some(seconds) = properties.expiry {
        msg.insert("messageExpiryInterval", Value::Int(i64::from(seconds)));
    }
    if let Some(is_utf8) = properties.is_utf8 {
        msg.insert("payloadFormatIndicator", is_utf8);
    }
    if !properties.user.is_empty() {
        // A name that comes more than once has all its values.
        let mut values: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
        for (name, value) in &properties.user {
            values.entry(name).or_default().push(Value::str(value));
        }
        let mut user = Object::new();
        for (name, _) in &properties.user {
            let Some(mut all) = values.remove(name.as_str()) else { continue };
            let value = if all.len() == 1 { all.remove(0) } else { Value::array(all) };
            user.insert(Str::new(name), value);
        }
        msg.insert("userProperties", Value::Object(user));
    }
}

/// A payload as it leaves: bytes as they are, text as it is, everything else as JSON.
pub fn payload_bytes(payload: &Value) -> Bytes {
    match payload {
        Value::Null => Bytes::new(),
        Value::Bytes(bytes) => Bytes::copy_from_slice(bytes),
        Value::Str(text) => Bytes::copy_from_slice(text.as_bytes()),
        Value::Array(_) | Value::Object(_) => Bytes::from(payload.to_json()),
        other => Bytes::copy_from_slice(other.to_text().as_bytes()),
    }
}

/// User properties from an object, or from its JSON text. What is not text becomes JSON.
pub fn user_properties(pointer: &str, json: &Json) -> Result<Vec<(String, String)>, NodeError> {
    let parsed: Json;
    let object = match json {
        Json::Null => return Ok(Vec::new()),
        Json::String(text) if text.trim().is_empty() => return Ok(Vec::new()),
        Json::String(text) => {
            parsed = serde_json::from_str(text).map_err(|error| {
                NodeError::config(pointer, format!("expected an object as JSON: {error}"))
            })?;
            &parsed
        }
        other => other,
    };
    let Json::Object(object) = object else {
        return Err(NodeError::config(pointer, "expected an object: a name and a text for each property"));
    };
    let mut all = Vec::with_capacity(object.len());
    for (name, value) in object {
        let value = match value {
            Json::Null => continue,
            Json::String(text) => text.clone(),
            other => other.to_string(),
        };
        if name.len() > 65_535 || value.len() > 65_535 {
            return Err(NodeError::config(pointer, "a property is longer than 65535 bytes"));
        }
        all.push((name.clone(), value));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(kind: &str, payload: &[u8], properties: Option<Properties>) -> Json {
        let publish = Publish {
            topic: "t".into(),
            payload: Bytes::copy_from_slice(payload),
            properties: properties.map(Box::new),
            ..Publish::default()
        };
        match object(&publish, DataType::of(kind).unwrap(), false) {
            Ok(msg) => serde_json::to_value(msg.get("payload").unwrap()).unwrap(),
            Err((error, _)) => json!({ "error": error.to_string().split(':').next() }),
        }
    }

    #[test]
    fn payloads_are_read_as_node_red_reads_them() {
        let buffer = |bytes: &[u8]| json!({"type": "Buffer", "data": bytes});
        for (kind, payload, expected) in [
            ("auto-detect", &b"{\"a\":1}"[..], json!({"a": 1})),
            ("auto-detect", b"21.5", json!(21.5)),
            ("auto-detect", b"open", json!("open")),
            ("auto-detect", b"\xff\x01", buffer(b"\xff\x01")),
            ("auto-detect", b"", json!("")),
            ("auto", b"21.5", json!("21.5")),
            ("auto", b"\xff", buffer(b"\xff")),
            ("utf8", b"a\xffb", json!("a\u{fffd}b")),
            ("", b"a", json!("a")),
            ("buffer", b"a", buffer(b"a")),
            ("base64", b"abc", json!("YWJj")),
            ("json", b"[1]", json!([1])),
            ("json", b"{", json!({"error": "the payload is no JSON"})),
            ("json", b"\xff", json!({"error": "the payload is no JSON"})),
        ] {
            assert_eq!(read(kind, payload, None), expected, "{kind} {payload:?}");
        }
        let typed =
            |kind: &str| Some(Properties { content_type: Some(kind.to_string()), ..Properties::default() });
        assert_eq!(read("auto-detect", b"5", typed("text/plain")), json!("5"));
        assert_eq!(read("auto-detect", b"5", typed("application/octet-stream")), buffer(b"5"));
        assert_eq!(read("auto", b"[1]", typed("application/json")), json!("[1]"));
    }

    #[test]
    fn properties_come_by_node_reds_names() {
        let pair = |name: &str, value: &str| (name.to_string(), value.to_string());
        let properties = Properties {
            is_utf8: Some(true),
            expiry: Some(60),
            response_topic: Some("r".to_string()),
            correlation: Some(Bytes::from_static(b"c")),
            user: vec![pair("b", "1"), pair("a", "2"), pair("b", "3")],
            content_type: Some("x".to_string()),
            ..Properties::default()
        };
        let publish =
            Publish { topic: "t".into(), properties: Some(Box::new(properties)), ..Publish::default() };
        let msg = object(&publish, DataType::Auto, true).unwrap();
        let expected = json!({
            "topic": "t", "payload": "", "qos": 0, "retain": false, "responseTopic": "r",
            "correlationData": {"type": "Buffer", "data": [99]}, "contentType": "x", "messageExpiryInterval": 60,
            "payloadFormatIndicator": true, "userProperties": {"b": ["1", "3"], "a": "2"}, "_topic": "t"
        });
        assert_eq!(serde_json::to_value(&msg).unwrap(), expected);
    }

    #[test]
    fn payloads_leave_as_node_red_writes_them() {
        for (payload, expected) in [
            (json!("a"), "a"),
            (json!(5), "5"),
            (json!(1.5), "1.5"),
            (json!(true), "true"),
            (json!({"a": [1]}), "{\"a\":[1]}"),
            (json!(null), ""),
        ] {
            assert_eq!(payload_bytes(&Value::from(&payload)), expected.as_bytes());
        }
    }
}

//! The body of a message, and what it becomes in a flow.

use base64::Engine;

use crate::error::NodeError;
use crate::value::Value;

/// What becomes of the body of a message that comes in.
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
    pub const CHOICES: &[(&str, &str)] = &[
        ("auto-detect", "what it looks like: JSON, text or a buffer"),
        ("auto", "text, or a buffer"),
        ("buffer", "a buffer"),
        ("base64", "base64 text"),
        ("utf8", "text"),
        ("json", "parsed JSON"),
    ];

    pub fn of(name: &str) -> Option<DataType> {
        Some(match name {
            "auto-detect" | "" => DataType::Detect,
            "auto" => DataType::Auto,
            "buffer" => DataType::Buffer,
            "base64" => DataType::Base64,
            "utf8" => DataType::Utf8,
            "json" => DataType::Json,
            _ => return None,
        })
    }

    /// The payload of a body. A content type that says that it is binary, or plain text, is believed.
    pub fn payload(self, body: &[u8], content_type: Option<&str>) -> Result<Value, NodeError> {
        let text = || std::str::from_utf8(body).ok();
        let kind = content_type.unwrap_or_default();
        Ok(match self {
            DataType::Buffer => Value::bytes(body),
            DataType::Base64 => Value::str(base64::engine::general_purpose::STANDARD.encode(body)),
            DataType::Utf8 => Value::str(String::from_utf8_lossy(body)),
            DataType::Json => Value::from_json(body)
                .map_err(|error| NodeError::rejected(format!("the payload is no JSON: {error}")))?,
            DataType::Detect | DataType::Auto => match text() {
                _ if kind == "application/octet-stream" => Value::bytes(body),
                None => Value::bytes(body),
                Some(text) => {
                    let parse = self == DataType::Detect && !kind.starts_with("text/");
                    let parsed = parse.then(|| Value::from_json(body).ok()).flatten();
                    parsed.unwrap_or_else(|| Value::str(text))
                }
            },
        })
    }
}

/// The body that a payload becomes, and the content type that says what it is.
pub fn body(payload: &Value) -> (Vec<u8>, &'static str) {
    match payload {
        Value::Bytes(bytes) => (bytes.to_vec(), "application/octet-stream"),
        Value::Str(text) => (text.as_bytes().to_vec(), "text/plain"),
        other => (other.to_json().into_bytes(), "application/json"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_become_what_they_look_like_and_come_back() {
        for payload in [
            Value::Int(7),
            Value::str("hello"),
            Value::str("7"),
            Value::Bool(true),
            Value::Null,
            Value::bytes([0xff, 0].as_slice()),
            Value::bytes(b"12".as_slice()),
            Value::array(vec![Value::Int(1)]),
        ] {
            let (body, kind) = body(&payload);
            assert_eq!(DataType::Detect.payload(&body, Some(kind)).unwrap(), payload);
        }
        assert!(DataType::Json.payload(b"{", None).is_err());
        assert_eq!(DataType::Utf8.payload(b"7", None).unwrap(), Value::str("7"));
        assert_eq!(DataType::Base64.payload(b"a", None).unwrap(), Value::str("YQ=="));
        assert_eq!(DataType::Auto.payload(b"7", None).unwrap(), Value::str("7"));
    }
}

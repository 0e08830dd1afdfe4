//! What the forms of these nodes have in common: ports, delimiters, and how payloads become bytes and bytes payloads.

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::error::NodeError;
use crate::value::Value;

/// The largest thing that these nodes collect before they hand it on.
pub const LARGEST: f64 = 67_108_864.0;

/// As Node.js reads base64: with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataType {
    Buffer,
    Utf8,
    Base64,
}

impl DataType {
    pub fn parse(text: &str) -> Result<DataType, NodeError> {
        match text {
            "" | "buffer" => Ok(DataType::Buffer),
            "utf8" => Ok(DataType::Utf8),
            "base64" => Ok(DataType::Base64),
            other => Err(NodeError::config(
                "/datatype",
                format!("unknown choice \"{other}\": use buffer, utf8 or base64"),
            )),
        }
    }

    pub fn payload(self, bytes: Vec<u8>) -> Value {
        match self {
            DataType::Buffer => Value::bytes(bytes),
            DataType::Utf8 => Value::str(String::from_utf8_lossy(&bytes)),
            DataType::Base64 => Value::str(BASE64.encode(bytes)),
        }
    }
}

/// A port, `None` where the form leaves it empty.
pub fn port(pointer: &str, port: Option<f64>) -> Result<Option<u16>, NodeError> {
    match port {
        None => Ok(None),
        Some(port) if (0.0..=65_535.0).contains(&port) && port.fract() == 0.0 => Ok(Some(port as u16)),
        Some(port) => Err(NodeError::config(pointer, format!("{port} is no port: use 1 to 65535"))),
    }
}

/// A number of the configuration, or an error that says what it may be.
pub fn within(
    pointer: &str,
    value: Option<f64>,
    default: f64,
    low: f64,
    high: f64,
) -> Result<f64, NodeError> {
    let value = value.unwrap_or(default);
    if (low..=high).contains(&value) {
        return Ok(value);
    }
    Err(NodeError::config(pointer, format!("{value} is out of range: use {low} to {high}")))
}

/// A delimiter as it is typed: `\n`, `\r` and `\t` stand for themselves.
pub fn delimiter(pointer: &str, typed: &str) -> Result<Vec<u8>, NodeError> {
    let mut bytes = Vec::with_capacity(typed.len());
    let mut rest = typed.chars();
    while let Some(char) = rest.next() {
        if char != '\\' {
            bytes.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        bytes.push(match rest.next() {
            Some('n') => b'\n',
            Some('r') => b'\r',
            Some('t') => b'\t',
            Some('\\') => b'\\',
            other => {
                let escape = other.map(String::from).unwrap_or_default();
                let text = format!(r"\{escape} is no escape: use \n, \r, \t, or \\ for a backslash");
                return Err(NodeError::config(pointer, text));
            }
        });
    }
    Ok(bytes)
}

/// The bytes to send. `None`: there is nothing to send.
pub fn bytes(payload: Option<&Value>, is_base64: bool) -> Result<Option<Cow<'_, [u8]>>, NodeError> {
    let bytes = match payload {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Bytes(bytes)) => Cow::Borrowed(&bytes[..]),
        Some(Value::Str(text)) if is_base64 => Cow::Owned(decoded(text)?),
        Some(Value::Str(text)) => Cow::Borrowed(text.as_bytes()),
        Some(value @ (Value::Bool(_) | Value::Int(_) | Value::Float(_))) => {
            Cow::Owned(value.to_text().as_bytes().to_vec())
        }
        Some(value @ (Value::Array(_) | Value::Object(_))) => {
            return Err(NodeError::rejected(format!(
                "msg.payload cannot be sent, it is an {}: make a text or a buffer of it, with a json node for example",
                value.kind()
            )));
        }
    };
    Ok(Some(bytes))
}

/// Spaces and line ends between are no fault, and neither is the alphabet for addresses of web pages.
fn decoded(text: &str) -> Result<Vec<u8>, NodeError> {
    let plain: Vec<u8> = text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .map(|byte| match byte {
            b'-' => b'+',
            b'_' => b'/',
            other => other,
        })
        .collect();
    BASE64.decode(plain).map_err(|error| NodeError::rejected(format!("msg.payload is no base64: {error}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_delimiter_is_what_its_escapes_say() {
        assert_eq!(delimiter("/newline", r"\r\nend\\").unwrap(), b"\r\nend\\");
        assert_eq!(delimiter("/newline", "").unwrap(), b"");
        for wrong in [r"\x", "end\\"] {
            let refused = delimiter("/newline", wrong).unwrap_err();
            assert!(
                matches!(&refused, NodeError::Config { pointer, .. } if pointer == "/newline"),
                "{wrong}"
            );
        }
    }

    #[test]
    fn payloads_become_bytes_or_are_refused() {
        let sent = |json: serde_json::Value, is_base64| {
            let value = Value::from(&json);
            bytes(Some(&value), is_base64).map(|bytes| bytes.map(Cow::into_owned))
        };
        assert_eq!(sent(json!("é"), false).unwrap().unwrap(), "é".as_bytes());
        assert_eq!(sent(json!(21.5), false).unwrap().unwrap(), b"21.5");
        assert_eq!(sent(json!(true), true).unwrap().unwrap(), b"true");
        assert_eq!(sent(json!({"type": "Buffer", "data": [0, 255]}), true).unwrap().unwrap(), [0, 255]);
        assert_eq!(sent(json!("aGk="), true).unwrap().unwrap(), b"hi");
        assert_eq!(sent(json!("-_8\n="), true).unwrap().unwrap(), [0xfb, 0xff]);
        assert_eq!(sent(json!(null), false).unwrap(), None);
        for (payload, is_base64) in [(json!({"a": 1}), false), (json!([1]), false), (json!("a*b"), true)] {
            assert!(matches!(sent(payload, is_base64), Err(NodeError::Rejected(_))));
        }
        assert_eq!(bytes(None, false).unwrap(), None);
    }

    #[test]
    fn bytes_become_payloads() {
        let payload = |text| DataType::parse(text).unwrap().payload(b"h\xff".to_vec());
        assert_eq!(payload(""), Value::bytes(*b"h\xff"));
        assert_eq!(payload("utf8"), Value::str("h\u{fffd}"));
        assert_eq!(payload("base64"), Value::str("aP8="));
        assert!(DataType::parse("hex").is_err());
        assert!(port("/port", Some(70_000.0)).is_err());
        assert_eq!((port("/port", Some(0.0)), port("/port", None)), (Ok(Some(0)), Ok(None)));
    }
}

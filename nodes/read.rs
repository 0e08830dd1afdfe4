//! Reading properties as Node-RED writes them: a number may stand as `"1883"`, a boolean as `"true"`, nothing as `""`.
//!
//! For use with `#[serde(deserialize_with = "read::number")]` beside `#[serde(default)]`.

use serde::de::{Deserialize, Deserializer, Error};
use serde_json::Value as Json;

use crate::error::NodeError;

/// A number, or a number in text. An empty text or null is 0.
pub fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(maybe_number(deserializer)?.unwrap_or(0.0))
}

/// A number, or a number in text; nothing for an empty text or null.
pub fn maybe_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    match Json::deserialize(deserializer)? {
        Json::Null => Ok(None),
        Json::Number(n) => Ok(n.as_f64()),
        Json::String(s) if s.trim().is_empty() => Ok(None),
        Json::String(s) => match s.trim().parse::<f64>() {
            Ok(n) if n.is_finite() => Ok(Some(n)),
            _ => Err(D::Error::custom(format!("expected a number, found \"{s}\""))),
        },
        other => Err(D::Error::custom(format!("expected a number, found {}", kind(&other)))),
    }
}

/// A whole number that is not negative, or such a number in text. An empty text or null is 0.
pub fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let n = number(deserializer)?;
    if n >= 0.0 && n.fract() == 0.0 && n <= 9e15 {
        Ok(n as usize)
    } else {
        Err(D::Error::custom(format!("expected a whole number from 0, found {n}")))
    }
}

/// A number of the configuration, or an error that says what it may be.
pub fn within(pointer: &str, value: f64, low: f64, high: f64) -> Result<f64, NodeError> {
    if (low..=high).contains(&value) {
        return Ok(value);
    }
    Err(NodeError::config(pointer, format!("{value} is out of range: use {low} to {high}")))
}

/// `true`, `"true"`, 1; everything else that can be a boolean is false.
pub fn boolean<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    match Json::deserialize(deserializer)? {
        Json::Null => Ok(false),
        Json::Bool(b) => Ok(b),
        Json::Number(n) => Ok(n.as_f64().is_some_and(|n| n != 0.0)),
        Json::String(s) => match s.as_str() {
            "true" | "1" => Ok(true),
            "false" | "0" | "" => Ok(false),
            _ => Err(D::Error::custom(format!("expected true or false, found \"{s}\""))),
        },
        other => Err(D::Error::custom(format!("expected true or false, found {}", kind(&other)))),
    }
}

/// Text; a number or boolean as its text, null as empty.
pub fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    match Json::deserialize(deserializer)? {
        Json::Null => Ok(String::new()),
        Json::String(s) => Ok(s),
        Json::Number(n) => Ok(n.to_string()),
        Json::Bool(b) => Ok(b.to_string()),
        other => Err(D::Error::custom(format!("expected text, found {}", kind(&other)))),
    }
}

/// `true` where a property is left out and Node-RED takes it as set.
pub fn yes() -> bool {
    true
}

fn kind(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "text",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}

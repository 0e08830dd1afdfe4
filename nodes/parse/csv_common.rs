//! What both dialects of CSV share.

use crate::value::{Object, Str, Value};

/// What both dialects go by.
pub struct Options {
    pub temp: String,
    pub sep: String,
    pub ret: String,
    pub skip: f64,
    pub names_in: bool,
    pub names_out: NamesOut,
    /// All rows in one message. `mult`: as the form writes it; flows have other words for it too.
    pub many: bool,
    pub mult: bool,
    pub cells: CellOptions,
}

/// How the cells of a text become values.
#[derive(Clone, Copy)]
pub struct CellOptions {
    /// `None` where the separator is no single character: then nothing separates.
    pub sep: Option<char>,
    pub numbers: bool,
    pub empty_strings: bool,
    pub nulls: bool,
}

#[derive(Clone, Copy, PartialEq)]
pub enum NamesOut {
    Never,
    Always,
    Once,
}

/// What `msg.parts` says of a text that is one of several.
pub struct Parts {
    /// NaN where it is not said, as in JavaScript: then every comparison is false.
    pub index: f64,
    pub count: Option<f64>,
}

impl Parts {
    pub fn of(msg: &Object) -> Option<Parts> {
        let parts = msg.get("parts")?;
        let index = parts.get("index").map_or(f64::NAN, Value::to_number);
        Some(Parts { index, count: parts.get("count").map(Value::to_number) })
    }

    /// Whether the names and the lines to skip lie before this part.
    pub fn is_behind(&self, lines: f64) -> bool {
        self.index > lines
    }

    pub fn is_last(&self) -> bool {
        self.count.is_some_and(|count| self.index + 1.0 >= count)
    }
}

/// Text made from objects.
pub struct Written {
    pub text: String,
    pub columns: String,
}

/// A text with a first row that was not read.
pub struct BadNames(pub String);

/// What JavaScript's `typeof` calls an object.
pub fn is_object(value: &Value) -> bool {
    matches!(value, Value::Null | Value::Object(_) | Value::Array(_) | Value::Bytes(_))
}

/// Text as Node-RED makes it of any value: objects as JSON.
pub fn ensure_text(value: &Value) -> Str {
    match value {
        Value::Null | Value::Object(_) | Value::Array(_) => Str::from(value.to_json()),
        other => other.to_text(),
    }
}

/// The rows of a payload: a list, or the one object that it is.
pub fn rows_of(msg: &Object) -> &[Value] {
    match msg.get("payload") {
        Some(Value::Array(rows)) => rows,
        Some(one) => std::slice::from_ref(one),
        None => &[],
    }
}

/// `Object.keys(x)`; an error where JavaScript has one.
pub fn keys_of(value: Option<&Value>) -> Result<Vec<Str>, String> {
    let indexes = |count: usize| Ok((0..count).map(|n| Str::from(n.to_string())).collect());
    match value {
        None | Some(Value::Null) => Err("TypeError: Cannot convert undefined or null to object".to_string()),
        Some(Value::Object(object)) => Ok(object.keys().cloned().collect()),
        Some(Value::Array(items)) => indexes(items.len()),
        Some(Value::Bytes(bytes)) => indexes(bytes.len()),
        Some(Value::Str(text)) => indexes(text.encode_utf16().count()),
        Some(_) => Ok(Vec::new()),
    }
}

/// JavaScript's words for a property of null.
pub fn null_error(key: &str) -> String {
    format!("TypeError: Cannot read properties of null (reading '{key}')")
}

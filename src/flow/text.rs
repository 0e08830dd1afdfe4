//! How values from a document are shown to a person: short, on one line, without control characters.

use serde_json::Value as Json;

/// More of a text than this is not shown.
const SHOWN: usize = 60;

/// In quotes: `"Alarm 312?"`.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", plain(text))
}

/// Without quotes, for ids and types.
pub(super) fn plain(text: &str) -> String {
    let escaped =
        |c: char| -> String { if c.is_control() { c.escape_default().collect() } else { String::from(c) } };
    let mut shown: String = text.chars().take(SHOWN).map(escaped).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push_str("...");
    }
    shown
}

/// A value as it stands in the document, cut short.
pub(super) fn shown(value: &Json) -> String {
    match value {
        Json::String(text) => quoted(text),
        Json::Array(items) if items.len() > 8 => format!("a list of {} items", items.len()),
        Json::Object(map) if map.len() > 8 => format!("an object of {} properties", map.len()),
        other => plain(&other.to_string()),
    }
}

/// What kind of thing a value is: `a number`.
pub(super) fn kind(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "true or false",
        Json::Number(_) => "a number",
        Json::String(_) => "text",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}

/// A part of a JSON pointer.
pub(super) fn escape(part: &str) -> String {
    part.replace('~', "~0").replace('/', "~1")
}

/// `did you mean a, b or c?`
pub(super) fn did_you_mean(names: &[&str]) -> Option<String> {
    let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
    match names.as_slice() {
        [] => None,
        [one] => Some(format!("did you mean {one}?")),
        [first @ .., last] => Some(format!("did you mean {} or {last}?", first.join(", "))),
    }
}

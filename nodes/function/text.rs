//! What scripts do with text and bytes: JSON, base64, hexadecimal, regular expressions, times.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use rhai::{Array, Blob, Dynamic, Engine, ImmutableString};

use super::call::{self, Outcome};
use super::engine::function;
use crate::date;
use crate::error::NodeError;
use crate::value::Value;

fn raised(error: NodeError) -> Box<rhai::EvalAltResult> {
    error.message().to_string().into()
}

fn json_parse(text: &str) -> Outcome<Dynamic> {
    let value = Value::from_json(text.as_bytes()).map_err(|error| format!("this is no JSON: {error}"))?;
    call::within(|call| call.dynamic(&value))
}

fn json_stringify(value: &Dynamic, indent: i64) -> Outcome<String> {
    let value = call::within(|call| call.value(value))?;
    Ok(match usize::try_from(indent).unwrap_or(0).min(10) {
        0 => value.to_json(),
        indent => value.to_json_pretty(indent),
    })
}

/// With or without padding, and in the form that is safe in addresses, as Node.js reads it.
fn base64_decode(text: &str) -> Outcome<Blob> {
    let text: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let safe = text.contains(['-', '_']);
    let engine = match (safe, text.ends_with('=')) {
        (false, true) => &STANDARD,
        (false, false) => &STANDARD_NO_PAD,
        (true, true) => &URL_SAFE,
        (true, false) => &URL_SAFE_NO_PAD,
    };
    engine.decode(text).map_err(|error| format!("this is no base64: {error}").into())
}

fn hex_encode(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|b| [b >> 4, b & 15]).filter_map(|d| char::from_digit(u32::from(d), 16)).collect()
}

fn hex_decode(text: &str) -> Outcome<Blob> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .filter(|c| !c.is_ascii_whitespace())
        .map(|c| c.to_digit(16).map(|digit| digit as u8))
        .collect();
    match digits {
        Some(digits) if digits.len().is_multiple_of(2) => {
            Ok(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
        }
        Some(_) => Err("hexadecimal text needs two digits a byte".into()),
        None => Err("this is no hexadecimal text".into()),
    }
}

fn bytes_of(items: &Array) -> Outcome<Blob> {
    let byte = |item: &Dynamic| item.as_int().ok().and_then(|n| u8::try_from(n).ok());
    let bytes: Option<Blob> = items.iter().map(byte).collect();
    bytes.ok_or_else(|| "bytes are whole numbers from 0 to 255".into())
}

fn utf8(bytes: Blob) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn matches(text: &str, pattern: &str) -> Outcome<bool> {
    call::within(|call| call.pattern(pattern)?.is_match(text).map_err(raised))
}

fn captures(text: &str, pattern: &str) -> Outcome<Dynamic> {
    let groups = call::within(|call| {
        let groups = call.pattern(pattern)?.captures(text).map_err(raised)?;
        Ok(groups.map(|groups| groups.into_iter().map(string_or_unit).collect()))
    })?;
    Ok(groups.map_or(Dynamic::UNIT, Dynamic::from_array))
}

fn string_or_unit(text: Option<&str>) -> Dynamic {
    text.map_or(Dynamic::UNIT, |text| Dynamic::from(ImmutableString::from(text)))
}

fn replace(text: &str, pattern: &str, with: &str) -> Outcome<String> {
    call::within(|call| call.pattern(pattern)?.replace_all(text, with).map_err(raised))
}

fn split(text: &str, pattern: &str) -> Outcome<Array> {
    call::within(|call| {
        let pieces = call.pattern(pattern)?.split(text).map_err(raised)?;
        Ok(pieces.into_iter().map(|piece| string_or_unit(Some(piece))).collect())
    })
}

/// Milliseconds since 1970 of a time in ISO 8601 with a zone (`Z`, `+07:00`).
fn parse_time(text: &str) -> Outcome<i64> {
    text.trim()
        .parse::<jiff::Timestamp>()
        .map(|time| time.as_millisecond())
        .map_err(|_| format!("{text:?} is no time like 2026-11-20T08:30:00Z").into())
}

pub fn register(engine: &mut Engine) {
    for name in ["json_parse", "parse_json"] {
        function(engine, name, |text: &str| json_parse(text));
    }
    function(engine, "json_stringify", |value: Dynamic| json_stringify(&value, 0));
    function(engine, "json_stringify", |value: Dynamic, indent: i64| json_stringify(&value, indent));
    function(engine, "base64_encode", |bytes: Blob| STANDARD.encode(bytes));
    function(engine, "base64_encode", |text: &str| STANDARD.encode(text));
    function(engine, "base64_decode", |text: &str| base64_decode(text));
    function(engine, "hex_encode", |bytes: Blob| hex_encode(&bytes));
    function(engine, "hex_encode", |text: &str| hex_encode(text.as_bytes()));
    function(engine, "hex_decode", |text: &str| hex_decode(text));
    function(engine, "bytes", |text: &str| -> Blob { text.as_bytes().to_vec() });
    function(engine, "bytes", |items: Array| bytes_of(&items));
    function(engine, "utf8", utf8);
    function(engine, "matches", matches);
    function(engine, "captures", captures);
    function(engine, "replace_re", replace);
    function(engine, "split_re", split);
    function(engine, "iso", || call::with(|call| date::iso(call.now_ms)));
    function(engine, "iso", |ms: i64| date::iso(ms));
    function(engine, "parse_time", |text: &str| parse_time(text));
    function(engine, "format_time", |ms: i64, format: &str| date::format(ms, format));
}

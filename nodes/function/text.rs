//! What scripts do with text: JSON, regular expressions, times.

use rhai::{Array, Dynamic, Engine, ImmutableString};

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
    function(engine, "matches", matches);
    function(engine, "captures", captures);
    function(engine, "replace_re", replace);
    function(engine, "split_re", split);
    function(engine, "iso", || call::within(|call| Ok(date::iso(call.now()?))));
    function(engine, "iso", |ms: i64| date::iso(ms));
    function(engine, "parse_time", |text: &str| parse_time(text));
    function(engine, "format_time", |ms: i64, format: &str| date::format(ms, format));
}

//! What a YAML scalar means: js-yaml's default schema.

use std::sync::LazyLock;

use base64::Engine;
use fancy_regex::Regex;
use jiff::Span;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use saphyr_parser::{ScalarStyle, Tag};

use crate::value::Value;

/// `!` alone: no tag, and no guessing.
pub fn is_plain(tag: &Tag) -> bool {
    tag.handle.is_empty() && tag.suffix == "!"
}

/// A scalar's value, and whether it is the key `<<`.
pub fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<(Value, bool), String> {
    let Some(tag) = tag else {
        if style != ScalarStyle::Plain {
            return Ok((Value::str(text), false));
        }
        return Ok((plain(text), text == "<<"));
    };
    if is_plain(tag) {
        return Ok((Value::str(text), false));
    }
    let name = if tag.is_yaml_core_schema() { tag.suffix.as_str() } else { "" };
    let value = match name {
        "str" => Some(Value::str(text)),
        "null" => is_null(text).then_some(Value::Null),
        "bool" => boolean(text),
        "int" => integer(text),
        "float" => float(text),
        "timestamp" => timestamp(text),
        "merge" if text == "<<" => return Ok((Value::str(text), true)),
        "binary" => {
            let digits: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
            base64::engine::general_purpose::STANDARD.decode(digits).ok().map(Value::from)
        }
        _ => return Err(format!("unknown tag {tag}")),
    };
    value.map(|value| (value, false)).ok_or_else(|| format!("cannot resolve a node with {tag} explicit tag"))
}

fn plain(text: &str) -> Value {
    if is_null(text) {
        return Value::Null;
    }
    boolean(text)
        .or_else(|| integer(text))
        .or_else(|| float(text))
        .or_else(|| timestamp(text))
        .unwrap_or_else(|| Value::str(text))
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

fn boolean(text: &str) -> Option<Value> {
    match text {
        "true" | "True" | "TRUE" => Some(Value::Bool(true)),
        "false" | "False" | "FALSE" => Some(Value::Bool(false)),
        _ => None,
    }
}

fn integer(text: &str) -> Option<Value> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    let in_base = |digits: &str, radix: u32| {
        let ok = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
        ok.then(|| {
            digits
                .chars()
                .filter_map(|c| c.to_digit(radix))
                .fold(0.0, |n, d| n * f64::from(radix) + f64::from(d))
        })
    };
    let number = match digits.get(..2) {
        Some("0b") => in_base(&digits[2..], 2),
        Some("0o") => in_base(&digits[2..], 8),
        Some("0x") => in_base(&digits[2..], 16),
        _ if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok(),
        _ => None,
    };
    number.filter(|n: &f64| n.is_finite()).map(|n| Value::number(sign * n))
}

fn float(text: &str) -> Option<Value> {
    let digits = |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    match unsigned {
        ".inf" | ".Inf" | ".INF" => return Some(Value::Float(sign * f64::INFINITY)),
        ".nan" | ".NaN" | ".NAN" if unsigned == text => return Some(Value::Float(f64::NAN)),
        _ => {}
    }
    let whole = digits(unsigned);
    let mut rest = &unsigned[whole..];
    if let Some(fraction) = rest.strip_prefix('.') {
        let places = digits(fraction);
        // `.5` has no sign in front, as js-yaml has it.
        if whole == 0 && (places == 0 || unsigned != text) {
            return None;
        }
        rest = &fraction[places..];
    } else if whole == 0 {
        return None;
    }
    if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
        let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        if exponent.is_empty() || digits(exponent) != exponent.len() {
            return None;
        }
    } else if !rest.is_empty() {
        return None;
    }
    unsigned.parse().ok().filter(|n: &f64| n.is_finite()).map(|n| Value::number(sign * n))
}

/// A date or a time, as the ISO text that JavaScript's Date has in JSON.
fn timestamp(text: &str) -> Option<Value> {
    static FORM: LazyLock<Regex> = LazyLock::new(|| {
        let date = "^([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})";
        let time = "(?:[Tt]|[ \\t]+)([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:\\.([0-9]*))?";
        let zone = "(?:[ \\t]*(?:Z|([-+])([0-9]{1,2})(?::([0-9]{2}))?))?";
        Regex::new(&format!("{date}(?:{time}{zone})?$")).expect("a constant expression, tested")
    });
    // Nearly every text is no date: look before the expression is run.
    if text.len() < 8 || text.as_bytes()[4] != b'-' {
        return None;
    }
    let found = FORM.captures(text).ok()??;
    let part = |n| found.get(n).map_or("", |group| group.as_str());
    let number = |n| part(n).parse::<i64>().unwrap_or(0);
    if part(4).is_empty() && text.len() != 10 {
        return None;
    }
    // Months and days beyond their range roll over, as JavaScript's do.
    let date = Date::new(number(1) as i16, 1, 1).ok()?;
    let date = date.checked_add(Span::new().try_months(number(2) - 1).ok()?).ok()?;
    let date = date.checked_add(Span::new().try_days(number(3) - 1).ok()?).ok()?;
    let midnight = date.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond();
    let seconds = (number(4) * 60 + number(5)) * 60 + number(6);
    let fraction: i64 = format!("{:0<3.3}", part(7)).parse().unwrap_or(0);
    let sign = if part(8) == "-" { -1 } else { 1 };
    let zone = sign * (number(9) * 60 + number(10)) * 60_000;
    Some(Value::from(crate::date::iso(midnight + seconds * 1000 + fraction - zone)))
}

//! JavaScript's comparisons, which flows are written for: `"10" > 9`, `null == undefined`, `[1] == "1"`.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;

use crate::value::Value;

/// `a == b`, where `None` is `undefined`.
pub fn equal(a: Option<&Value>, b: Option<&Value>) -> bool {
    let (Some(a), Some(b)) = (a, b) else {
        return a.is_none_or(Value::is_null) && b.is_none_or(Value::is_null);
    };
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::Str(a), Value::Str(b)) => a == b,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Null, Value::Null) => true,
        (Value::Null, _) | (_, Value::Null) => false,
        // Objects are equal to themselves only.
        (Value::Object(a), Value::Object(b)) => a.same(b),
        (Value::Array(a), Value::Array(b)) => Arc::ptr_eq(a, b),
        (Value::Bytes(a), Value::Bytes(b)) => Arc::ptr_eq(a, b),
        _ if is_object(a) && is_object(b) => false,
        (Value::Bool(bool), other) | (other, Value::Bool(bool)) => {
            equal(Some(&Value::Int(i64::from(*bool))), Some(other))
        }
        _ if is_object(a) => equal(Some(&Value::Str(a.to_text())), Some(b)),
        _ if is_object(b) => equal(Some(a), Some(&Value::Str(b.to_text()))),
        _ => a.to_number() == b.to_number(),
    }
}

/// How `<` and its kin see them; `None` where every one of them is false.
pub fn order(a: Option<&Value>, b: Option<&Value>) -> Option<Ordering> {
    let (a, b) = (a?, b?);
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Str(a), Value::Str(b)) => Some(a.encode_utf16().cmp(b.encode_utf16())),
        _ if is_object(a) => order(Some(&Value::Str(a.to_text())), Some(b)),
        _ if is_object(b) => order(Some(a), Some(&Value::Str(b.to_text()))),
        _ => a.to_number().partial_cmp(&b.to_number()),
    }
}

/// `String(value)`.
pub fn text(value: Option<&Value>) -> Cow<'_, str> {
    match value {
        None => Cow::Borrowed("undefined"),
        Some(Value::Str(text)) => Cow::Borrowed(text),
        Some(value) => Cow::Owned(value.to_text().to_string()),
    }
}

/// `Number(value)`.
pub fn number(value: Option<&Value>) -> f64 {
    value.map_or(f64::NAN, Value::to_number)
}

/// `parseFloat(value)`: the number that a text begins with.
pub fn leading_number(value: &Value) -> f64 {
    match value {
        Value::Int(_) | Value::Float(_) => value.to_number(),
        Value::Str(text) => leading_number_of(text),
        Value::Array(_) | Value::Bytes(_) => leading_number_of(&value.to_text()),
        _ => f64::NAN,
    }
}

fn leading_number_of(text: &str) -> f64 {
    let text = text.trim_start();
    let digits = |from: usize| text[from..].bytes().take_while(u8::is_ascii_digit).count();
    let sign = usize::from(text.starts_with(['+', '-']));
    if text[sign..].starts_with("Infinity") {
        return if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    let mut end = sign + digits(sign);
    let mut any = end > sign;
    if text[end..].starts_with('.') {
        let fraction = digits(end + 1);
        any |= fraction > 0;
        end += 1 + fraction;
    }
    if !any {
        return f64::NAN;
    }
    if text[end..].starts_with(['e', 'E']) {
        let sign = usize::from(text[end + 1..].starts_with(['+', '-']));
        match digits(end + 1 + sign) {
            0 => {}
            exponent => end += 1 + sign + exponent,
        }
    }
    text[..end].parse().unwrap_or(f64::NAN)
}

fn is_object(value: &Value) -> bool {
    matches!(value, Value::Object(_) | Value::Array(_) | Value::Bytes(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Option<Value> {
        (json != "undefined").then(|| Value::from_json(json.as_bytes()).unwrap())
    }

    #[test]
    fn equality_is_javascripts() {
        for (a, b, expected) in [
            ("1", "\"1\"", true),
            ("1", "1.0", true),
            ("0", "\"\"", true),
            ("null", "undefined", true),
            ("undefined", "undefined", true),
            ("null", "0", false),
            ("undefined", "\"\"", false),
            ("true", "1", true),
            ("true", "\"1\"", true),
            ("true", "\"true\"", false),
            ("false", "\"\"", true),
            ("\"a\"", "\"A\"", false),
            ("[1]", "1", true),
            ("[1,2]", "\"1,2\"", true),
            ("[]", "false", true),
            ("{}", "\"[object Object]\"", true),
            ("{}", "{}", false),
            ("[1]", "[1]", false),
            ("{}", "null", false),
            ("\"x\"", "0", false),
        ] {
            let (left, right) = (parse(a), parse(b));
            assert_eq!(equal(left.as_ref(), right.as_ref()), expected, "{a} == {b}");
            assert_eq!(equal(right.as_ref(), left.as_ref()), expected, "{b} == {a}");
        }
        let object = parse("{}");
        assert!(equal(object.as_ref(), object.clone().as_ref()));
        assert!(!equal(Some(&Value::Float(f64::NAN)), Some(&Value::Float(f64::NAN))));
    }

    #[test]
    fn order_is_javascripts() {
        for (a, b, expected) in [
            ("1", "\"10\"", Some(Ordering::Less)),
            ("\"9\"", "\"10\"", Some(Ordering::Greater)),
            ("null", "1", Some(Ordering::Less)),
            ("null", "0", Some(Ordering::Equal)),
            ("undefined", "1", None),
            ("\"x\"", "1", None),
            ("[2]", "10", Some(Ordering::Less)),
            ("true", "0", Some(Ordering::Greater)),
            ("1.5", "1", Some(Ordering::Greater)),
            // By UTF-16 units, not by code points.
            ("\"\u{ffee}\"", "\"\u{1f600}\"", Some(Ordering::Greater)),
        ] {
            assert_eq!(order(parse(a).as_ref(), parse(b).as_ref()), expected, "{a} <> {b}");
        }
    }

    #[test]
    fn leading_numbers_are_javascripts() {
        for (text, expected) in [
            ("6 deg", 6.0),
            ("  -1.5e2x", -150.0),
            (".5.5", 0.5),
            ("5.", 5.0),
            ("3e", 3.0),
            ("3e+", 3.0),
            ("-Infinity!", f64::NEG_INFINITY),
            ("0x10", 0.0),
        ] {
            assert_eq!(leading_number(&Value::str(text)), expected, "{text}");
        }
        for text in ["", "deg 6", ".", "-", "e5", "+.e1"] {
            assert!(leading_number(&Value::str(text)).is_nan(), "{text}");
        }
        assert_eq!(leading_number(&Value::array(vec![Value::Int(4), Value::Int(5)])), 4.0);
        assert!(leading_number(&Value::Bool(true)).is_nan());
        assert!(leading_number(&Value::Null).is_nan());
    }
}

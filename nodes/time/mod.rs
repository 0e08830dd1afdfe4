//! Nodes that hold messages back: delay and trigger.

mod delay;
mod trigger;

use std::time::Duration;

use crate::node::NodeType;
use crate::value::{Object, Value};

pub const NODES: &[NodeType] = &[delay::NODE, trigger::NODE];

/// A wait as JavaScript's timers take it: a millisecond for less, and for what is no number. At most a century.
fn wait(ms: f64) -> Duration {
    Duration::from_secs_f64(if ms >= 1.0 { ms.min(3.2e12) } else { 1.0 } / 1000.0)
}

/// The number that a property of a message holds, or begins with, as JavaScript's `parseFloat` reads it.
fn number_in(msg: &Object, key: &str) -> Option<f64> {
    match msg.get(key)? {
        Value::Int(n) => Some(*n as f64),
        Value::Float(n) => Some(*n).filter(|n| !n.is_nan()),
        other => parse_float(&other.to_text()),
    }
}

fn parse_float(text: &str) -> Option<f64> {
    let text = text.trim_start();
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if unsigned.starts_with("Infinity") {
        return Some(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY });
    }
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let mut end = digits(unsigned);
    if unsigned[end..].starts_with('.') {
        let fraction = digits(&unsigned[end + 1..]);
        end += if end + fraction > 0 { 1 + fraction } else { 0 };
    }
    if let Some(exponent) = unsigned[end..].strip_prefix(['e', 'E']) {
        let sign = usize::from(exponent.starts_with(['+', '-']));
        let count = digits(&exponent[sign..]);
        end += if count > 0 { 1 + sign + count } else { 0 };
    }
    text[..text.len() - unsigned.len() + end].parse().ok()
}

/// How many properties a message has beside its id.
fn properties(msg: &Object) -> usize {
    msg.len() - usize::from(msg.contains_key("_msgid"))
}

/// How many of `len` held messages `msg.flush` lets go; negative for a negative number.
fn flush_count(flush: &Value, len: usize) -> f64 {
    match flush.as_f64() {
        Some(n) => n.floor().min(len as f64),
        None => len as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_parse_float_reads_them() {
        for (text, expected) in [
            ("12", Some(12.0)),
            (" -1.5e3x", Some(-1500.0)),
            ("+.5", Some(0.5)),
            ("5.", Some(5.0)),
            ("1e", Some(1.0)),
            ("1e+", Some(1.0)),
            ("250ms", Some(250.0)),
            ("Infinity", Some(f64::INFINITY)),
            ("-Infinity", Some(f64::NEG_INFINITY)),
            ("", None),
            (".", None),
            ("-", None),
            ("e5", None),
            ("NaN", None),
            ("é", None),
        ] {
            assert_eq!(parse_float(text), expected, "{text}");
        }
    }

    #[test]
    fn waits_are_bounded() {
        assert_eq!(wait(250.5), Duration::from_micros(250_500));
        for ms in [0.0, -5.0, f64::NAN, f64::NEG_INFINITY] {
            assert_eq!(wait(ms), Duration::from_millis(1));
        }
        assert!(wait(f64::INFINITY) < Duration::from_secs(200 * 366 * 86_400));
    }
}

//! A value as text for a badge or a log, in the form that Node.js's `util.inspect` gives it.

use crate::value::{Object, Value, number_text};

/// Lines longer than this are broken up.
const BREAK_LENGTH: usize = 80;
/// Deeper than this only the kind is shown.
const DEPTH: usize = 2;
/// More than this of a list is only counted. Of an object too, where Node.js shows all: no badge is that long.
const MAX_ITEMS: usize = 100;
const MAX_BYTES: usize = 50;
/// This many levels share a line, innermost first.
const COMPACT: usize = 3;

/// Text for a value; `undefined` for none.
pub fn inspect(value: Option<&Value>) -> String {
    match value {
        None => "undefined".to_string(),
        Some(value) => Inspector { depth: 0 }.value(value, 0, 0),
    }
}

struct Inspector {
    /// How deep the list or object was that was written last: Node.js's measure of how much is nested in a line.
    depth: usize,
}

impl Inspector {
    fn value(&mut self, value: &Value, depth: usize, indent: usize) -> String {
        match value {
            Value::Str(text) => long_string(text, indent),
            Value::Float(n) if *n == 0.0 && n.is_sign_negative() => "-0".to_string(),
            Value::Float(n) => number_text(*n).to_string(),
            Value::Bytes(bytes) => buffer(bytes),
            Value::Array(items) => self.array(items, depth, indent),
            Value::Object(object) => self.object(object, depth, indent),
            other => other.to_text().to_string(),
        }
    }

    fn array(&mut self, items: &[Value], depth: usize, indent: usize) -> String {
        if items.is_empty() {
            return "[]".to_string();
        }
        if depth > DEPTH {
            return "[Array]".to_string();
        }
        self.depth = depth + 1;
        let mut parts: Vec<String> =
            items.iter().take(MAX_ITEMS).map(|item| self.value(item, depth + 1, indent + 2)).collect();
        let more = items.len().saturating_sub(MAX_ITEMS);
        let entries = parts.len() + usize::from(more > 0);
        if entries > 6 {
            let numbers = items.iter().take(entries).all(|v| matches!(v, Value::Int(_) | Value::Float(_)));
            parts = columns(parts, entries, numbers, indent);
        }
        if more > 0 {
            parts.push(format!("... {more} more item{}", if more == 1 { "" } else { "s" }));
        }
        self.join(&parts, entries, ["[", "]"], depth, indent)
    }

    fn object(&mut self, object: &Object, depth: usize, indent: usize) -> String {
        if object.is_empty() {
            return "{}".to_string();
        }
        if depth > DEPTH {
            return "[Object]".to_string();
        }
        self.depth = depth + 1;
        let parts: Vec<String> = object
            .iter()
            .take(MAX_ITEMS)
            .map(|(key, value)| format!("{}: {}", name(key), self.value(value, depth + 1, indent + 2)))
            .collect();
        self.join(&parts, parts.len(), ["{", "}"], depth, indent)
    }

    /// On one line where it is short enough and not nested too deeply, else one part a line.
    fn join(
        &self,
        parts: &[String],
        entries: usize,
        braces: [&str; 2],
        depth: usize,
        indent: usize,
    ) -> String {
        let [open, close] = braces;
        if self.depth - (depth + 1) < COMPACT && entries == parts.len() {
            let length: usize = parts.iter().map(|part| utf16(part)).sum();
            let start = parts.len() + indent + open.len() + 10;
            let one_line = length + parts.len() + start <= BREAK_LENGTH;
            if one_line && !parts.iter().any(|part| part.contains('\n')) {
                return format!("{open} {} {close}", parts.join(", "));
            }
        }
        let line = format!("\n{}", " ".repeat(indent));
        format!("{open}{line}  {}{line}{close}", parts.join(&format!(",{line}  ")))
    }
}

/// Sets many short items in columns, numbers to the right.
fn columns(parts: Vec<String>, entries: usize, numbers: bool, indent: usize) -> Vec<String> {
    const SEPARATOR: usize = 2;
    let lengths: Vec<usize> = parts.iter().map(|part| utf16(part)).collect();
    let longest = lengths.iter().max().copied().unwrap_or(0);
    let total: usize = lengths.iter().map(|length| length + SEPARATOR).sum();
    let widest = longest + SEPARATOR;
    if widest * 3 + indent >= BREAK_LENGTH || (total as f64 / widest as f64 <= 5.0 && longest > 6) {
        return parts;
    }
    let bias = (widest as f64 - total as f64 / entries as f64).sqrt();
    let biased = (widest as f64 - 3.0 - bias).max(1.0);
    let square = (2.5 * biased * parts.len() as f64).sqrt() / biased;
    let count = (square.round() as usize).min((BREAK_LENGTH - indent) / widest).min(COMPACT * 4).min(15);
    if count <= 1 {
        return parts;
    }
    let widths: Vec<usize> = (0..count)
        .map(|column| lengths.iter().skip(column).step_by(count).max().copied().unwrap_or(0) + SEPARATOR)
        .collect();
    parts
        .chunks(count)
        .map(|row| {
            let mut line = String::new();
            for (column, part) in row.iter().enumerate() {
                let last = column == row.len() - 1;
                let text = if last { part.clone() } else { format!("{part}, ") };
                let width = if last { widths[column] - SEPARATOR } else { widths[column] };
                let padding = " ".repeat(width.saturating_sub(utf16(&text)));
                match (numbers, last) {
                    (true, _) => line.extend([padding, text]),
                    (false, true) => line.push_str(&text),
                    (false, false) => line.extend([text, padding]),
                }
            }
            line
        })
        .collect()
}

fn buffer(bytes: &[u8]) -> String {
    let mut text = String::from("<Buffer");
    for byte in bytes.iter().take(MAX_BYTES) {
        text.push_str(&format!(" {byte:02x}"));
    }
    match bytes.len().saturating_sub(MAX_BYTES) {
        0 => {}
        1 => text.push_str(" ... 1 more byte"),
        more => text.push_str(&format!(" ... {more} more bytes")),
    }
    text.push('>');
    text
}

fn name(key: &str) -> String {
    let plain = !key.starts_with(|c: char| c.is_ascii_digit())
        && !key.is_empty()
        && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if plain { key.to_string() } else { quoted(key) }
}

/// A string, broken after its line ends where it is longer than a line.
fn long_string(text: &str, indent: usize) -> String {
    let length = utf16(text);
    if length <= 16 || length + indent + 4 <= BREAK_LENGTH {
        return quoted(text);
    }
    let lines: Vec<String> = text.split_inclusive('\n').map(quoted).collect();
    lines.join(&format!(" +\n{}", " ".repeat(indent + 2)))
}

/// In single quotes, or in others where the text has single ones.
fn quoted(text: &str) -> String {
    let quote = match text.contains('\'') {
        false => '\'',
        true if !text.contains('"') => '"',
        true if !text.contains('`') && !text.contains("${") => '`',
        true => '\'',
    };
    let mut out = String::with_capacity(text.len() + 2);
    out.push(quote);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\u{b}' => out.push_str("\\v"),
            '\\' => out.push_str("\\\\"),
            '\'' if quote == '\'' => out.push_str("\\'"),
            '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' => out.push_str(&format!("\\x{:02X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push(quote);
    out
}

/// JavaScript's length of a text.
fn utf16(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(json: &str) -> String {
        inspect(Some(&Value::from_json(json.as_bytes()).unwrap()))
    }

    #[test]
    fn as_node_js_shows_values() {
        for (json, expected) in CASES {
            assert_eq!(shown(json), *expected, "{json}");
        }
        assert_eq!(inspect(None), "undefined");
        assert_eq!(inspect(Some(&Value::bytes([0, 15, 255].as_slice()))), "<Buffer 00 0f ff>");
        assert!(inspect(Some(&Value::bytes([1; 52].as_slice()))).ends_with(" 01 01 ... 2 more bytes>"));
    }

    const CASES: &[(&str, &str)] = &[
        (r#""text""#, "'text'"),
        ("-0.5", "-0.5"),
        ("null", "null"),
        ("[]", "[]"),
        ("{}", "{}"),
        (r#"{"k":1}"#, "{ k: 1 }"),
        (r#"[1,"a",null,true]"#, "[ 1, 'a', null, true ]"),
        (r#"{"a":{"b":{"c":{"d":1}}}}"#, "{ a: { b: { c: [Object] } } }"),
        (r#"{"a":[[[1],[]]]}"#, "{ a: [ [ [Array], [] ] ] }"),
        ("[1,2,3,4,5,6,7,8,9,10]", "[\n  1, 2, 3, 4,  5,\n  6, 7, 8, 9, 10\n]"),
        (
            r#"["a","bb","ccc","dddd","e","f","g"]"#,
            "[\n  'a',   'bb',\n  'ccc', 'dddd',\n  'e',   'f',\n  'g'\n]",
        ),
        (r#"["it's","a\nb","both ' and \""]"#, "[ \"it's\", 'a\\nb', `both ' and \"` ]"),
        (r#"{"a-b":1,"9x":2,"ok_1":"v"}"#, "{ 'a-b': 1, '9x': 2, ok_1: 'v' }"),
        (
            r#"{"one":"a text of more than half a line, it is","two":"a second one of about that length"}"#,
            "{\n  one: 'a text of more than half a line, it is',\n  two: 'a second one of about that length'\n}",
        ),
        (
            r#"{"long":"a line end in a text that is longer than one line of the output\nis where it is broken"}"#,
            "{\n  long: 'a line end in a text that is longer than one line of the output\\n' +\n    \
             'is where it is broken'\n}",
        ),
    ];
}

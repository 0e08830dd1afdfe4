//! Query strings and urlencoded forms: read as Express reads them (`a[b]=c`, `a[]=1`), written as Node.js writes them.

use std::sync::Arc;

use super::path::decoded;
use crate::value::{Object, Str, Value};

/// The limits of Express.
const MOST: usize = 1000;
const DEPTH: usize = 5;
const LONGEST_LIST: usize = 20;

/// The values of a form. What is too much is left out.
pub fn parse(text: &str) -> Object {
    let mut form = Object::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()).take(MOST) {
        // The equals sign behind a bracket, where there is one: names may have others in them.
        let at = pair.find("]=").map(|at| at + 1).or_else(|| pair.find('='));
        let (name, value) = at.map_or((pair, ""), |at| (&pair[..at], &pair[at + 1..]));
        let keys = keys(&plain(name));
        let Some((first, rest)) = keys.split_first() else { continue };
        let mut slot = form.get(first).cloned();
        insert(&mut slot, rest, Value::from(plain(value)));
        if let Some(value) = slot {
            form.insert(first.as_str(), value);
        }
    }
    form
}

/// As qs: a plus is a space, and what cannot be decoded stays.
fn plain(text: &str) -> String {
    let text = text.replace('+', " ");
    decoded(&text).unwrap_or(text)
}

/// `a[b][c]` is a, b, c; what is deeper than it may be is one name.
fn keys(name: &str) -> Vec<String> {
    let Some(open) = name.find('[').filter(|open| *open > 0) else { return vec![name.to_string()] };
    let mut keys = vec![name[..open].to_string()];
    let mut rest = &name[open..];
    while let Some(inside) = rest.strip_prefix('[') {
        let Some(close) = inside.find(']') else { break };
        if keys.len() > DEPTH {
            keys.push(rest.to_string());
            return keys;
        }
        keys.push(inside[..close].to_string());
        rest = &inside[close + 1..];
    }
    if keys.len() == 1 { vec![name.to_string()] } else { keys }
}

/// Recursion as deep as `keys` is long.
fn insert(slot: &mut Option<Value>, keys: &[String], value: Value) {
    let Some((key, rest)) = keys.split_first() else {
        *slot = Some(match slot.take() {
            None => value,
            Some(Value::Array(mut items)) => {
                Arc::make_mut(&mut items).push(value);
                Value::Array(items)
            }
            Some(Value::Object(mut object)) => {
                object.insert(value.to_text(), true);
                Value::Object(object)
            }
            Some(before) => Value::array(vec![before, value]),
        });
        return;
    };
    let index = key.parse::<usize>().ok().filter(|index| *index <= LONGEST_LIST);
    let is_list = key.is_empty() || index.is_some();
    *slot = Some(match slot.take() {
        Some(Value::Object(object)) => in_object(object, key, rest, value),
        None if !is_list => in_object(Object::new(), key, rest, value),
        Some(Value::Array(items)) if !is_list => {
            let numbered = items.iter().enumerate().map(|(at, item)| (at.to_string(), item.clone()));
            in_object(numbered.collect(), key, rest, value)
        }
        Some(Value::Array(mut items)) => {
            in_list(Arc::make_mut(&mut items), index, rest, value);
            Value::Array(items)
        }
        before => {
            let mut items = Vec::from_iter(before);
            in_list(&mut items, index, rest, value);
            Value::array(items)
        }
    });
}

fn in_object(mut object: Object, key: &str, rest: &[String], value: Value) -> Value {
    let mut slot = object.get(key).cloned();
    insert(&mut slot, rest, value);
    object.insert(key, slot.unwrap_or_default());
    Value::Object(object)
}

fn in_list(items: &mut Vec<Value>, index: Option<usize>, rest: &[String], value: Value) {
    let mut slot = index.and_then(|index| items.get_mut(index)).map(std::mem::take);
    let is_there = slot.is_some();
    insert(&mut slot, rest, value);
    match (index, slot) {
        (Some(index), Some(value)) if is_there => items[index] = value,
        (_, Some(value)) => items.push(value),
        (_, None) => {}
    }
}

/// As `querystring.stringify` of Node.js: lists repeat their name, what is no plain value is empty.
pub fn stringify(object: &Object) -> String {
    let mut out = String::new();
    let mut add = |name: &Str, value: &Value| {
        if !out.is_empty() {
            out.push('&');
        }
        out.push_str(&encoded(name));
        out.push('=');
        out.push_str(&match value {
            Value::Str(text) => encoded(text),
            Value::Bool(_) | Value::Int(_) | Value::Float(_) => encoded(&value.to_text()),
            _ => String::new(),
        });
    };
    for (name, value) in object.iter() {
        match value {
            Value::Array(items) => items.iter().for_each(|item| add(name, item)),
            other => add(name, other),
        }
    }
    out
}

/// As JavaScript's `encodeURIComponent`.
pub fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn parsed(text: &str) -> Json {
        serde_json::to_value(parse(text)).unwrap()
    }

    #[test]
    fn forms_are_read_as_in_express() {
        for (text, expected) in [
            ("a=1&b=x+y%20z&c", json!({"a": "1", "b": "x y z", "c": ""})),
            ("a=1&a=2&a=3", json!({"a": ["1", "2", "3"]})),
            ("a[]=1&a[]=2", json!({"a": ["1", "2"]})),
            ("a[0]=x&a[1]=y", json!({"a": ["x", "y"]})),
            ("a[99]=x", json!({"a": {"99": "x"}})),
            ("a[b][c]=1&a[b][d]=2", json!({"a": {"b": {"c": "1", "d": "2"}}})),
            ("a[0][n]=x&a[0][m]=y", json!({"a": [{"n": "x", "m": "y"}]})),
            ("a[b]=1&a=2", json!({"a": {"b": "1", "2": true}})),
            ("a%5Bb%5D=1", json!({"a": {"b": "1"}})),
            ("a=%zz&=x&&", json!({"a": "%zz", "": "x"})),
            ("[a]=1&b[=2", json!({"[a]": "1", "b[": "2"})),
            ("a[1][2][3][4][5][6][7]=x", json!({"a": [[[[[{"[6][7]": "x"}]]]]]})),
        ] {
            assert_eq!(parsed(text), expected, "{text}");
        }
        let many = (0..5000).map(|n| format!("k{n}=1")).collect::<Vec<_>>().join("&");
        assert_eq!(parse(&many).len(), MOST);
    }

    #[test]
    fn forms_are_written_as_in_node() {
        let Value::Object(object) =
            Value::from(&json!({"a": "x y&z", "b": [1, true], "c": {"d": 1}, "é": null}))
        else {
            panic!("an object");
        };
        assert_eq!(stringify(&object), "a=x%20y%26z&b=1&b=true&c=&%C3%A9=");
    }
}

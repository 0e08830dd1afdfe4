//! Headers as Node.js shows them, and where they do not belong to an answer.

use std::hash::{DefaultHasher, Hasher};

use crate::value::{Object, Str, Value};

/// Of these Node.js keeps the first.
const SINGLE: &[&str] = &[
    "age",
    "authorization",
    "content-length",
    "content-type",
    "etag",
    "expires",
    "from",
    "host",
    "if-modified-since",
    "if-unmodified-since",
    "last-modified",
    "location",
    "max-forwards",
    "proxy-authorization",
    "referer",
    "retry-after",
    "server",
    "user-agent",
];

/// What marks headers that came from `http request`.
pub const MARK: &str = "x-node-red-request-node";

/// Names in small letters; what comes more than once is joined.
pub fn object<'h>(headers: impl Iterator<Item = (&'h str, &'h str)>) -> Object {
    let mut object = Object::new();
    for (name, value) in headers {
        let name = name.to_ascii_lowercase();
        let joined = match (object.get(&name), name.as_str()) {
            (None, "set-cookie") => Value::array(vec![Value::str(value)]),
            (None, _) => Value::str(value),
            (Some(Value::Array(all)), "set-cookie") => {
                let more = all.iter().cloned().chain([Value::str(value)]);
                Value::array(more.collect())
            }
            (Some(_), known) if SINGLE.contains(&known) => continue,
            (Some(before), "cookie") => Value::from(format!("{}; {value}", before.to_text())),
            (Some(before), _) => Value::from(format!("{}, {value}", before.to_text())),
        };
        object.insert(name, joined);
    }
    object
}

/// The mark of these headers: an `http response` behind it knows by it that they are those of another server, and does not
/// send them on.
pub fn mark(headers: &Object) -> Str {
    let mut hasher = DefaultHasher::new();
    for (name, value) in headers.iter().filter(|(name, _)| *name != MARK) {
        hasher.write(name.as_bytes());
        hasher.write_u8(0xff);
        hasher.write(value.to_json().as_bytes());
    }
    Str::from(format!("{:016x}", hasher.finish()))
}

/// `msg.headers`, unless they are those that an `http request` has left there.
pub fn own(message: &Object) -> Option<Object> {
    let mut headers = message.get("headers")?.as_object()?.clone();
    let Some(marked) = headers.remove(MARK) else { return Some(headers) };
    (marked.as_str() != Some(&*mark(&headers))).then_some(headers)
}

/// The value of a header; several, where it is a list.
pub fn values(value: &Value) -> Vec<Str> {
    match value {
        Value::Array(items) => items.iter().map(Value::to_text).collect(),
        other => vec![other.to_text()],
    }
}

/// Whether this can be sent as it stands: no line ends, nothing beyond Latin-1.
pub fn is_value(text: &str) -> bool {
    text.chars().all(|char| matches!(char, '\t' | ' '..='~' | '\u{80}'..='\u{ff}'))
}

pub fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn headers_are_joined_as_in_node() {
        let headers = [
            ("Host", "a"),
            ("host", "b"),
            ("X", "1"),
            ("x", "2"),
            ("cookie", "a=1"),
            ("Cookie", "b=2"),
            ("set-cookie", "c=3"),
            ("set-cookie", "d=4"),
        ];
        assert_eq!(
            serde_json::to_value(object(headers.into_iter())).unwrap(),
            json!({"host": "a", "x": "1, 2", "cookie": "a=1; b=2", "set-cookie": ["c=3", "d=4"]})
        );
    }

    #[test]
    fn headers_of_another_server_are_known_until_somebody_changes_them() {
        let mut headers = object([("server", "x"), ("etag", "y")].into_iter());
        headers.insert(MARK, mark(&headers));
        let mut message = Object::new();
        message.insert("headers", headers.clone());
        assert_eq!(own(&message), None);
        headers.insert("cache-control", "no-store");
        message.insert("headers", headers);
        assert_eq!(own(&message).unwrap().len(), 3);
    }
}

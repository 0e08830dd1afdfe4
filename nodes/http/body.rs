//! What the body of a request becomes, by its content type, as in Node-RED.

use super::{form, multipart};
use crate::value::{Object, Value};
use crate::web::Answer;

/// A body as a value, and the files that came with it.
pub struct Body {
    pub value: Value,
    pub files: Option<Vec<Value>>,
}

/// Reads a body. The error is the answer for the client.
pub fn read(
    content_type: Option<&str>,
    encoding: Option<&str>,
    bytes: Vec<u8>,
    upload: bool,
) -> Result<Body, Answer> {
    let only = |value| Ok(Body { value, files: None });
    if encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        return Err(Answer::text(415, "a compressed body is not taken\n"));
    }
    let full = content_type.unwrap_or_default();
    let mime = full.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let (kind, sub) = mime.split_once('/').unwrap_or(("text", ""));
    let text = |bytes: Vec<u8>| Value::str(String::from_utf8_lossy(&bytes));
    match (kind, sub) {
        ("application", "json") => only(json(&bytes)?),
        ("application", "x-www-form-urlencoded") => {
            only(Value::Object(form::parse(&String::from_utf8_lossy(&bytes))))
        }
        ("multipart", "form-data") if upload => {
            let boundary =
                multipart::boundary(full).ok_or_else(|| refused("the content type has no boundary"))?;
            let form = multipart::parse(&bytes, boundary).map_err(|why| refused(&why))?;
            Ok(Body { value: Value::Object(form.fields), files: Some(form.files) })
        }
        ("text", _) => only(text(bytes)),
        (_, sub) if sub == "xml" || sub.ends_with("+xml") => only(text(bytes)),
        ("application", sub) if !matches!(sub, "octet-stream" | "cbor" | "x-protobuf") => {
            // Whatever it is, it is a text if it can be one.
            match String::from_utf8(bytes) {
                Ok(text) => only(Value::from(text)),
                Err(error) => only(Value::bytes(error.into_bytes())),
            }
        }
        _ => only(Value::bytes(bytes)),
    }
}

/// As Express: a body that is empty is an empty object, and one that is no object or list is refused.
fn json(bytes: &[u8]) -> Result<Value, Answer> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let start = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    match start {
        None if bytes.is_empty() => Ok(Value::Object(Object::new())),
        Some(b'{' | b'[') => Value::from_json(bytes).map_err(|error| refused(&format!("no JSON: {error}"))),
        _ => Err(refused("no JSON object or list")),
    }
}

fn refused(why: &str) -> Answer {
    Answer::text(400, &format!("the body cannot be read: {why}\n"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_body_becomes_what_its_content_type_says() {
        let value =
            |mime: &str, bytes: &[u8]| read(Some(mime), None, bytes.to_vec(), false).map(|body| body.value);
        let json_value = |json: serde_json::Value| Value::from(&json);
        assert_eq!(
            value("application/json; charset=utf-8", b" {\"a\":1}").unwrap(),
            json_value(json!({"a": 1}))
        );
        assert_eq!(value("application/json", b"").unwrap(), json_value(json!({})));
        assert_eq!(
            value("application/x-www-form-urlencoded", b"a=1&b[]=2").unwrap(),
            json_value(json!({"a": "1", "b": ["2"]}))
        );
        assert_eq!(value("text/csv", b"a\xff").unwrap(), Value::str("a\u{fffd}"));
        assert_eq!(value("image/svg+xml", b"<svg/>").unwrap(), Value::str("<svg/>"));
        assert_eq!(value("application/yaml", b"a: 1").unwrap(), Value::str("a: 1"));
        assert_eq!(value("application/zip", b"\xff").unwrap(), Value::bytes(*b"\xff"));
        for binary in
            ["application/octet-stream", "application/cbor", "image/png", "multipart/form-data; boundary=x"]
        {
            assert_eq!(value(binary, b"x").unwrap(), Value::bytes(*b"x"), "{binary}");
        }
        assert_eq!(read(None, None, b"x".to_vec(), false).unwrap().value, Value::str("x"));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let deep = "[".repeat(100_000);
        for (mime, body) in [
            ("application/json", "{"),
            ("application/json", "1"),
            ("application/json", " "),
            ("application/json", deep.as_str()),
            ("multipart/form-data", "x"),
            ("multipart/form-data; boundary=b", "x"),
        ] {
            let answer = read(Some(mime), None, body.as_bytes().to_vec(), true).err().expect("refused");
            assert_eq!(answer.status, 400);
        }
        assert_eq!(read(Some("text/plain"), Some("gzip"), Vec::new(), false).err().unwrap().status, 415);
    }
}

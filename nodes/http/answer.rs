//! What is sent for which payload, as Express' `send` does it.

use super::{cookies, headers};
use crate::error::NodeError;
use crate::value::{Object, Str, Value};
use crate::web::Answer;

/// What the form of an `http response` says.
#[derive(Debug, Clone, Default)]
pub struct Form {
    pub status: Option<u16>,
    pub headers: Vec<(Str, Str)>,
}

/// The answer that a message makes.
pub fn of(message: &Object, form: &Form) -> Result<Answer, NodeError> {
    let mut all: Vec<(Str, Str)> = form.headers.clone();
    for (name, value) in headers::own(message).iter().flat_map(Object::iter) {
        if !form.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
            all.extend(headers::values(value).into_iter().map(|value| (name.clone(), value)));
        }
    }
    for (name, given) in message.get("cookies").and_then(Value::as_object).iter().flat_map(|all| all.iter()) {
        if !headers::is_name(name) {
            return Err(NodeError::rejected(format!("a cookie cannot be named {name:?}")));
        }
        let header = cookies::set(name, given).map_err(NodeError::rejected)?;
        all.push((Str::new_static("set-cookie"), Str::from(header)));
    }
    for (name, value) in &all {
        if !headers::is_name(name) || !headers::is_value(value) {
            return Err(NodeError::rejected(format!(
                "the header {name:?} cannot be sent with the value {value:?}"
            )));
        }
    }
    // The connection is the listener's.
    all.retain(|(name, _)| {
        !matches!(name.to_ascii_lowercase().as_str(), "connection" | "keep-alive" | "upgrade")
    });
    let status = status(message, form)?;
    let (body, mime) = body(message.get("payload"));
    let typed = all.iter_mut().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    match typed {
        // As Express: a text is sent as UTF-8, and the type says so.
        Some((_, value)) if mime.ends_with("utf-8") && !value.to_ascii_lowercase().contains("charset") => {
            if value.starts_with("text/") || value.contains("json") || value.contains("javascript") {
                *value = Str::from(format!("{value}; charset=utf-8"));
            }
        }
        Some(_) => {}
        None if matches!(status, 204 | 304) || mime.is_empty() => {}
        None => all.push((Str::new_static("content-type"), Str::new(mime))),
    }
    let body = if matches!(status, 204 | 304) { Vec::new() } else { body };
    Ok(Answer { status, headers: all, body: body.into() })
}

fn status(message: &Object, form: &Form) -> Result<u16, NodeError> {
    if let Some(status) = form.status {
        return Ok(status);
    }
    let given = match message.get("statusCode") {
        None => return Ok(200),
        // As parseInt: what begins with digits.
        Some(Value::Str(text)) => {
            let digits: String = text.trim_start().chars().take_while(char::is_ascii_digit).collect();
            digits.parse().unwrap_or(0.0)
        }
        Some(other) => other.to_number().trunc(),
    };
    match given {
        given if given.is_nan() || given == 0.0 => Ok(200),
        given if (200.0..=599.0).contains(&given) => Ok(given as u16),
        _ => Err(NodeError::rejected("msg.statusCode is no status of an answer: use 200 to 599")),
    }
}

fn body(payload: Option<&Value>) -> (Vec<u8>, &'static str) {
    const HTML: &str = "text/html; charset=utf-8";
    match payload {
        None => (Vec::new(), ""),
        Some(Value::Bytes(bytes)) => (bytes.to_vec(), "application/octet-stream"),
        Some(Value::Str(text)) => (text.as_bytes().to_vec(), HTML),
        Some(number @ (Value::Int(_) | Value::Float(_))) => (number.to_text().as_bytes().to_vec(), HTML),
        Some(other) => (other.to_json().into_bytes(), "application/json; charset=utf-8"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::lines::testkit::object;

    fn answer(message: Json) -> Answer {
        of(&object(&message), &Form::default()).unwrap()
    }

    fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
        answer
            .headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    #[test]
    fn the_content_type_follows_the_payload() {
        for (payload, body, mime) in [
            (json!("<b>"), "<b>", "text/html; charset=utf-8"),
            (json!({"a": 1}), "{\"a\":1}", "application/json; charset=utf-8"),
            (json!([1]), "[1]", "application/json; charset=utf-8"),
            (json!(null), "null", "application/json; charset=utf-8"),
            (json!(true), "true", "application/json; charset=utf-8"),
            (json!(21.5), "21.5", "text/html; charset=utf-8"),
            (json!({"type": "Buffer", "data": [104, 105]}), "hi", "application/octet-stream"),
        ] {
            let answer = answer(json!({ "payload": payload }));
            assert_eq!((answer.status, &*answer.body), (200, body.as_bytes()));
            assert_eq!(header(&answer, "content-type"), Some(mime));
        }
        let nothing = answer(json!({"statusCode": "404x"}));
        assert_eq!((nothing.status, nothing.body.len(), header(&nothing, "content-type")), (404, 0, None));
        let empty = answer(json!({"payload": "x", "statusCode": 204}));
        assert_eq!((empty.body.len(), header(&empty, "content-type")), (0, None));
    }

    #[test]
    fn headers_of_the_message_are_sent_and_those_of_the_form_go_before() {
        let form = Form { status: Some(201), headers: vec![("X-A".into(), "form".into())] };
        let message = json!({
            "payload": "a,b", "statusCode": 500, "cookies": {"c": "1"},
            "headers": {"x-a": "message", "Content-Type": "text/csv", "x-b": ["1", "2"], "Content-Length": 7},
        });
        let answer = of(&object(&message), &form).unwrap();
        assert_eq!(answer.status, 201);
        assert_eq!(header(&answer, "x-a"), Some("form"));
        assert_eq!(header(&answer, "content-type"), Some("text/csv; charset=utf-8"));
        assert_eq!(answer.headers.iter().filter(|(name, _)| name == "x-b").count(), 2);
        assert_eq!(header(&answer, "set-cookie"), Some("c=1; Path=/"));
    }

    #[test]
    fn what_cannot_be_sent_is_an_error() {
        for message in [
            json!({"headers": {"x": "a\r\nevil: 1"}}),
            json!({"headers": {"a b": "1"}}),
            json!({"headers": {"x": "\u{1f600}"}}),
            json!({"statusCode": 1000}),
            json!({"statusCode": 101}),
            json!({"cookies": {"a=b; c": "1"}}),
        ] {
            assert!(of(&object(&message), &Form::default()).is_err(), "{message}");
        }
    }
}

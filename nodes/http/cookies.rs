//! Cookies: read from requests and answers, and written.

use super::form::encoded;
use super::path::decoded;
use crate::date;
use crate::value::{Object, Value};

/// The `Cookie` header of a request. Of cookies with one name the first counts.
pub fn of_request(header: &str) -> Object {
    let mut cookies = Object::new();
    for pair in header.split(';') {
        let Some((name, value)) = pair.split_once('=') else { continue };
        let (name, value) = (name.trim(), value.trim());
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
        if !name.is_empty() && !cookies.contains_key(name) {
            let value = decoded(value).unwrap_or_else(|| value.to_string());
            // As cookie-parser: a value that says that it is JSON is read.
            let json = value.strip_prefix("j:").and_then(|json| Value::from_json(json.as_bytes()).ok());
            cookies.insert(name, json.unwrap_or(Value::from(value)));
        }
    }
    cookies
}

/// `msg.responseCookies`: each `Set-Cookie` header with its attributes.
pub fn of_answer<'h>(headers: impl Iterator<Item = &'h str>) -> Object {
    let mut cookies = Object::new();
    for header in headers {
        let mut parts = header.split(';').map(str::trim);
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { continue };
        let mut cookie = Object::new();
        cookie.insert("value", decoded(value.trim()).unwrap_or_else(|| value.trim().to_string()));
        for part in parts.filter(|part| !part.is_empty()) {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            cookie.insert(
                key.trim(),
                if part.contains('=') { Value::str(value.trim()) } else { Value::Bool(true) },
            );
        }
        cookies.insert(name.trim(), cookie);
    }
    cookies
}

/// The `Set-Cookie` header of a cookie as Express' `res.cookie` takes it; nothing where its value takes it back.
pub fn set(name: &str, given: &Value) -> Result<String, String> {
    let (options, value) = match given {
        Value::Object(options) => (options.clone(), options.get("value").cloned().unwrap_or_default()),
        other => (Object::new(), other.clone()),
    };
    let cleared = value.is_null();
    let text = match &value {
        Value::Object(_) | Value::Array(_) => format!("j:{}", value.to_json()),
        Value::Null => String::new(),
        other => other.to_text().to_string(),
    };
    let raw = options.get("encode").is_some_and(|encode| *encode == Value::Bool(false));
    let mut header = format!("{name}={}", if raw { text } else { encoded(&text) });
    let mut attribute = |name: &str, value: &str| -> Result<(), String> {
        if value.contains([';', '\r', '\n']) {
            return Err(format!("the {name} of a cookie cannot be {value:?}"));
        }
        header.push_str(&format!("; {name}={value}"));
        Ok(())
    };
    if let Some(age) = options.get("maxAge").filter(|age| !age.is_null() && !cleared) {
        // Express takes milliseconds.
        attribute("Max-Age", &((age.to_number() / 1000.0).floor() as i64).to_string())?;
    }
    if let Some(domain) = options.get("domain").filter(|domain| domain.truthy()) {
        attribute("Domain", &domain.to_text())?;
    }
    attribute("Path", &options.get("path").filter(|path| path.truthy()).map_or("/".into(), Value::to_text))?;
    if cleared {
        attribute("Expires", "Thu, 01 Jan 1970 00:00:00 GMT")?;
    } else if let Some(expires) = options.get("expires") {
        attribute("Expires", &http_date(expires)?)?;
    }
    if let Some(same) = options.get("sameSite").filter(|same| same.truthy()) {
        attribute(
            "SameSite",
            if *same == Value::Bool(true) { "Strict" } else { same.as_str().unwrap_or("Lax") },
        )?;
    }
    for (key, name) in [("httpOnly", "HttpOnly"), ("secure", "Secure"), ("partitioned", "Partitioned")] {
        if options.get(key).is_some_and(Value::truthy) {
            header.push_str(&format!("; {name}"));
        }
    }
    Ok(header)
}

/// A date in text or milliseconds as HTTP writes it.
fn http_date(value: &Value) -> Result<String, String> {
    let wrong =
        || format!("a cookie cannot expire at {}: use milliseconds or a date in ISO form", value.to_json());
    let ms = match value {
        Value::Str(text) => date::parse(text).ok_or_else(wrong)?,
        other => other.to_number() as i64,
    };
    let at = jiff::Timestamp::from_millisecond(ms).map_err(|_| wrong())?;
    Ok(at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn cookies_are_read() {
        let read = serde_json::to_value(of_request("a=1; b=\"x%20y\"; a=2; j=j:{\"n\":1}; bad; =x")).unwrap();
        assert_eq!(read, json!({"a": "1", "b": "x y", "j": {"n": 1}}));
        let answer = of_answer(["sid=x%3D; Path=/; HttpOnly", "t=1; Max-Age=5"].into_iter());
        let expected = json!({"sid": {"value": "x=", "Path": "/", "HttpOnly": true}, "t": {"value": "1", "Max-Age": "5"}});
        assert_eq!(serde_json::to_value(answer).unwrap(), expected);
    }

    #[test]
    fn cookies_are_written_as_by_express() {
        let set = |json: serde_json::Value| set("n", &Value::from(&json));
        assert_eq!(set(json!("a b")).unwrap(), "n=a%20b; Path=/");
        assert_eq!(
            set(json!({"value": "x", "maxAge": 5000, "httpOnly": true, "sameSite": true, "path": "/p"}))
                .unwrap(),
            "n=x; Max-Age=5; Path=/p; SameSite=Strict; HttpOnly"
        );
        assert_eq!(set(json!(null)).unwrap(), "n=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(
            set(json!({"value": "x", "expires": 0})).unwrap(),
            "n=x; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT"
        );
        assert!(set(json!({"value": "x", "path": "/\r\nevil: 1"})).is_err());
        assert!(set(json!({"value": "x", "expires": "soon"})).is_err());
    }
}

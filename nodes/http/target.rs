//! What is asked: the request that a message makes.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use url::Url;

use super::cookies;
use super::form;
use super::headers;
use super::multipart::{self, Part};
use super::request_form::{self, Auth, Form, GetPayload};
use crate::error::NodeError;
use crate::value::{Object, Str, Value};

/// A request, ready to be sent.
#[derive(Debug, Clone)]
pub struct Ask {
    pub method: String,
    pub url: Url,
    pub headers: Vec<(Str, Str)>,
    pub body: Option<Vec<u8>>,
    pub timeout: Duration,
    pub follow: bool,
    /// Whether the server's certificate is checked, where the message says so.
    pub verify: Option<bool>,
    /// For digest authentication, which is worked out when the server has asked for it.
    pub digest: Option<(String, String)>,
    pub max: usize,
}

/// What a person should know of a message, though it is sent.
pub type Warnings = Vec<&'static str>;

const OVERRIDE: &str =
    "Warning: msg properties can no longer override set node properties. See bit.ly/nr-override-msg-props";
/// Not in forms, so that it is the end of one.
const BOUNDARY: &str = "----tidegate-7fM2qXw0ZcJk4RbV";

pub fn ask(message: &Object, form: &Form, is_tls: bool) -> Result<(Ask, Warnings), NodeError> {
    let mut warnings = Vec::new();
    let text = |key: &str| message.get(key).filter(|value| value.truthy()).map(Value::to_text);
    let given = match &form.url {
        request_form::Url::Message => text("url").map(|url| url.to_string()).unwrap_or_default(),
        request_form::Url::Fixed(url) => {
            if text("url").is_some_and(|other| other != url) {
                warnings.push(OVERRIDE);
            }
            url.clone()
        }
        request_form::Url::Template(template) => template.render_message(message)?,
    };
    let mut url = parse_url(&given, is_tls)?;
    let method = match (&form.method, text("method")) {
        (None, given) => given.map_or_else(|| "GET".to_string(), |method| method.to_ascii_uppercase()),
        (Some(method), given) => {
            if given.is_some() {
                warnings.push(OVERRIDE);
            }
            method.clone()
        }
    };
    let mut all = given_headers(message, form);
    authorize(&mut all, &mut url, &form.auth);
    if let Some(cookie) = cookie_header(message)? {
        let header = all.iter_mut().find(|(name, _)| name.eq_ignore_ascii_case("cookie"));
        match header {
            Some((_, value)) => *value = Str::from(format!("{value}; {cookie}")),
            None => all.push((Str::new("cookie"), Str::from(cookie))),
        }
    }
    let body = match (method.as_str(), message.get("payload"), form.get_payload) {
        ("GET", Some(payload), GetPayload::Query) => {
            let Some(query) = payload.as_object() else {
                return Err(NodeError::rejected(
                    "Invalid payload: it is added to the query, so it has to be an object",
                ));
            };
            let more = form::stringify(query);
            let query = url.query().filter(|query| !query.is_empty()).map(|query| format!("{query}&{more}"));
            url.set_query(Some(&query.unwrap_or(more)));
            None
        }
        ("GET", Some(payload), GetPayload::Body) => Some(body(payload, &mut all)?),
        ("GET" | "HEAD", ..) | (_, None, _) => None,
        (_, Some(payload), _) => Some(body(payload, &mut all)?),
    };
    for (name, value) in &all {
        if !headers::is_name(name) || !headers::is_value(value) {
            return Err(NodeError::rejected(format!(
                "the header {name:?} cannot be sent with the value {value:?}"
            )));
        }
    }
    // The connection and the length of the body are the client's own.
    all.retain(|(name, _)| {
        !matches!(
            name.to_ascii_lowercase().as_str(),
            "content-length" | "transfer-encoding" | "connection" | "keep-alive" | "upgrade"
        )
    });
    let digest = match &form.auth {
        Auth::Digest { user, password } => Some((user.clone(), password.clone())),
        _ => None,
    };
    let ask = Ask {
        method,
        url,
        headers: all,
        body,
        timeout: timeout(message, &mut warnings).unwrap_or(form.timeout),
        follow: message.get("followRedirects").is_none_or(Value::truthy),
        verify: message.get("rejectUnauthorized").map(|value| *value != Value::Bool(false)),
        digest,
        max: form.max,
    };
    Ok((ask, warnings))
}

fn parse_url(given: &str, is_tls: bool) -> Result<Url, NodeError> {
    let given = given.trim();
    if given.is_empty() {
        return Err(NodeError::rejected("No url specified"));
    }
    let is_http = |text: &str| {
        let lower = text.to_ascii_lowercase();
        lower.starts_with("http://") || lower.starts_with("https://")
    };
    if given.contains("://") && !given.to_ascii_lowercase().starts_with("http") {
        return Err(NodeError::rejected("non-http transport requested"));
    }
    let full = match is_http(given) {
        true => given.to_string(),
        false if is_tls => format!("https://{given}"),
        false => format!("http://{given}"),
    };
    let url =
        Url::parse(&full).map_err(|error| NodeError::rejected(format!("Invalid URL {full}: {error}")))?;
    if url.host_str().is_none_or(str::is_empty) {
        return Err(NodeError::rejected(format!("Invalid URL {full}: there is no host in it")));
    }
    Ok(url)
}

fn timeout(message: &Object, warnings: &mut Warnings) -> Option<Duration> {
    let ms = message.get("requestTimeout")?.to_number();
    if ms.is_nan() {
        warnings.push("Timeout value is not a valid number, ignoring");
        return None;
    }
    if ms < 1.0 {
        warnings.push("Timeout value is negative, ignoring");
        return None;
    }
    Some(Duration::from_millis(ms.min(86_400_000.0) as u64))
}

fn given_headers(message: &Object, form: &Form) -> Vec<(Str, Str)> {
    let mut all: Vec<(Str, Str)> = Vec::new();
    for (name, value) in headers::own(message).iter().flat_map(Object::iter) {
        all.extend(headers::values(value).into_iter().map(|value| (name.clone(), value)));
    }
    for (name, value) in &form.headers {
        let (Some(name), Some(value)) = (name.of(message), value.of(message)) else { continue };
        let name = name.to_text();
        all.retain(|(known, _)| !known.eq_ignore_ascii_case(&name));
        all.push((name, value.to_text()));
    }
    all
}

fn authorize(all: &mut Vec<(Str, Str)>, url: &mut Url, auth: &Auth) {
    let header = match auth {
        Auth::Basic { user, password } => basic(user, password),
        Auth::Bearer(token) => format!("Bearer {token}"),
        Auth::Digest { .. } => return,
        Auth::None if !url.username().is_empty() => {
            let plain = |text: &str| super::path::decoded(text).unwrap_or_else(|| text.to_string());
            basic(&plain(url.username()), &plain(url.password().unwrap_or_default()))
        }
        Auth::None => return,
    };
    // A URL with a host can have none taken away.
    let _ = url.set_username("").and_then(|()| url.set_password(None));
    all.retain(|(name, _)| !name.eq_ignore_ascii_case("authorization"));
    all.push((Str::new("authorization"), Str::from(header)));
}

pub fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

fn cookie_header(message: &Object) -> Result<Option<String>, NodeError> {
    let Some(all) = message.get("cookies").and_then(Value::as_object) else { return Ok(None) };
    let mut pairs = Vec::new();
    for (name, given) in all.iter() {
        let (value, encode) = match given {
            Value::Object(options) => (
                options.get("value").cloned().unwrap_or_default(),
                options.get("encode") != Some(&Value::Bool(false)),
            ),
            other => (other.clone(), true),
        };
        if value.is_null() {
            continue;
        }
        let text = value.to_text();
        pairs.push(format!("{name}={}", if encode { form::encoded(&text) } else { text.to_string() }));
    }
    Ok((!pairs.is_empty()).then(|| pairs.join("; ")))
}

/// The body, and the content type where it has none.
fn body(payload: &Value, all: &mut Vec<(Str, Str)>) -> Result<Vec<u8>, NodeError> {
    let mime = all.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let mime = mime.map(|(_, value)| value.to_ascii_lowercase());
    Ok(match (payload, mime.as_deref()) {
        (Value::Object(object), Some("multipart/form-data")) => {
            all.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
            all.push((
                Str::new("content-type"),
                Str::from(format!("multipart/form-data; boundary={BOUNDARY}")),
            ));
            multipart_body(object)?
        }
        (Value::Str(text), _) => text.as_bytes().to_vec(),
        (Value::Bytes(bytes), _) => bytes.to_vec(),
        (number @ (Value::Int(_) | Value::Float(_)), _) => number.to_text().as_bytes().to_vec(),
        (Value::Object(object), Some("application/x-www-form-urlencoded")) => {
            form::stringify(object).into_bytes()
        }
        (other, mime) => {
            if mime.is_none() {
                all.push((Str::new("content-type"), Str::new("application/json")));
            }
            other.to_json().into_bytes()
        }
    })
}

/// Fields are texts, numbers and booleans; `{value, options: {filename, contentType}}` is a file.
fn multipart_body(object: &Object) -> Result<Vec<u8>, NodeError> {
    let mut fields = Vec::new();
    for (name, value) in object.iter() {
        let (content, options) = match value.get("value").filter(|_| value.get("options").is_some()) {
            Some(content) => (content, value.get("options")),
            None => (value, None),
        };
        let option = |key: &str| options.and_then(|options| options.get(key)).map(Value::to_text);
        let bytes = match content {
            Value::Bytes(bytes) => bytes.to_vec(),
            Value::Str(text) => text.as_bytes().to_vec(),
            Value::Object(_) | Value::Array(_) => content.to_json().into_bytes(),
            other => other.to_text().as_bytes().to_vec(),
        };
        if bytes.windows(BOUNDARY.len()).any(|part| part == BOUNDARY.as_bytes()) {
            return Err(NodeError::rejected(format!("the field {name} has the boundary of the form in it")));
        }
        fields.push((name, bytes, option("filename"), option("contentType")));
    }
    let parts: Vec<Part<'_>> = fields
        .iter()
        .map(|(name, content, file, mime)| Part {
            name,
            content,
            file: file.as_deref(),
            mime: mime.as_deref(),
        })
        .collect();
    Ok(multipart::write(&parts, BOUNDARY))
}

/// `msg.responseCookies` of an answer with these headers, where it sets any.
pub fn answer_cookies(headers: &[(Str, Str)]) -> Option<Object> {
    let set = headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, value)| value.as_str());
    Some(cookies::of_answer(set)).filter(|cookies| !cookies.is_empty())
}

#[cfg(test)]
#[path = "target_tests.rs"]
mod tests;

//! What a flow gets of a request: `msg.req` as plain data, `msg.res` as the way to the answer.

use super::{body, cookies, form, headers};
use crate::value::{Object, Str, Value};
use crate::web::{Answer, Head, Request};

/// How a node wants requests.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// The method in capitals.
    pub method: &'static str,
    pub upload: bool,
    /// The body stays as it is.
    pub raw: bool,
}

/// The message of a request. The error is the answer for the client.
pub fn message(request: &mut Request, wanted: Wanted) -> Result<Object, Answer> {
    let head = request.head.clone();
    let query = Value::Object(form::parse(head.query()));
    let has_body = wanted.method != "GET";
    let bytes = std::mem::take(&mut request.body);
    let read = match (has_body, wanted.raw) {
        (false, _) => body::Body { value: Value::Object(Object::new()), files: None },
        (true, true) => body::Body { value: Value::bytes(bytes), files: None },
        (true, false) => {
            body::read(head.header("content-type"), head.header("content-encoding"), bytes, wanted.upload)?
        }
    };
    let payload = if has_body { read.value.clone() } else { query.clone() };
    let mut message = Object::new();
    let mut req = described(&head);
    req.insert("query", query);
    req.insert("params", request.params.clone());
    req.insert("body", read.value);
    if let Some(files) = read.files {
        req.insert("files", Value::array(files));
    }
    message.insert("req", req);
    message.insert("res", reference(&request.id));
    message.insert("payload", payload);
    Ok(message)
}

/// A request up to its body.
pub fn described(head: &Head) -> Object {
    let mut req = Object::new();
    let host = head.header("host").unwrap_or_default();
    // Without the port; a colon within brackets belongs to the address.
    let behind = host.rfind(']').map_or(0, |at| at + 1);
    let hostname = host[behind..].find(':').map_or(host, |at| &host[..behind + at]);
    req.insert("method", head.method.clone());
    req.insert("url", head.target.clone());
    req.insert("originalUrl", head.target.clone());
    req.insert("baseUrl", "");
    req.insert("path", head.path());
    req.insert("protocol", "http");
    req.insert("secure", false);
    req.insert("httpVersion", head.version);
    req.insert("hostname", hostname);
    req.insert("ip", head.peer.ip().to_canonical().to_string());
    let pairs = head.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let all = headers::object(pairs);
    let cookie = all.get("cookie").and_then(Value::as_str).unwrap_or_default();
    req.insert("cookies", cookies::of_request(cookie));
    req.insert("headers", all);
    req
}

/// `msg.res`: by what the listener knows the request.
pub fn reference(id: &Str) -> Object {
    let mut reference = Object::new();
    reference.insert("_res", id.clone());
    reference
}

/// The id in `msg.res`.
pub fn referred(message: &Object) -> Option<&str> {
    message.get("res")?.get("_res")?.as_str()
}

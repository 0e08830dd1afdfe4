//! What the form of `http request` says.

use std::time::Duration;

use serde::Deserialize;

use crate::descriptor::{Category, Descriptor, Field, FieldKind, Outputs, Role};
use crate::error::NodeError;
use crate::node::NodeConfig;
use crate::parse::mustache::Template;
use crate::path::Path;
use crate::read;
use crate::value::{Object, Value};

pub static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "http request",
    category: Category::Network,
    summary: "Sends an HTTP request and hands on the answer.",
    help: include_str!("http_request.md"),
    examples: include_str!("http_request.examples.json"),
    inputs: 1,
    outputs: Outputs::Fixed(1),
    role: Role::Connector,
    fields: &[
        Field::choice(
            "method",
            &[
                ("GET", "GET"),
                ("POST", "POST"),
                ("PUT", "PUT"),
                ("DELETE", "DELETE"),
                ("HEAD", "HEAD"),
                ("PATCH", "PATCH"),
                ("use", "as msg.method says"),
            ],
            "Method",
            "The method of the request.",
        )
        .default("\"GET\""),
        Field::text("url", "URL", "Where the request goes. May have {{names}} of the message in it. Empty: msg.url."),
        Field::choice(
            "paytoqs",
            &[("ignore", "is not sent"), ("query", "is added to the query"), ("body", "is the body")],
            "Payload of a GET",
            "What becomes of the payload where the method is GET.",
        )
        .default("\"ignore\""),
        Field::choice(
            "ret",
            &[("txt", "a text (UTF-8)"), ("bin", "a buffer"), ("obj", "an object, from JSON")],
            "Return",
            "What the payload of the answer is.",
        )
        .default("\"txt\""),
        Field::list(
            "headers",
            &[
                Field::text("keyType", "Name from", "other: as typed; msg: a property of the message; else the name itself."),
                Field::text("keyValue", "Name", "The name, or the property that has it."),
                Field::text("valueType", "Value from", "other: as typed; msg: a property of the message; else the value itself."),
                Field::text("valueValue", "Value", "The value, or the property that has it."),
            ],
            "Headers",
            "Headers of the request. They go before those in msg.headers.",
        ),
        Field::choice(
            "authType",
            &[("", "none"), ("basic", "basic"), ("digest", "digest"), ("bearer", "bearer token")],
            "Authentication",
            "How the request says who asks.",
        )
        .default("\"\""),
        Field::text("user", "User", "The name of the user.").secret().visible_if("authType", &["basic", "digest"]),
        Field::text("password", "Password or token", "The password, or the token.")
            .secret()
            .visible_if("authType", &["basic", "digest", "bearer"]),
        Field::new("tls", FieldKind::Resource("tls-config"), "TLS settings", "Certificates and whom to trust. None: what the system trusts."),
        Field::new("proxy", FieldKind::Resource("http proxy"), "Proxy", "The proxy that requests go through. None: what the environment says (http_proxy, no_proxy)."),
        Field::bool("persist", "Keep connections", "Whether a connection is used again for the next request.").default("false"),
        Field::bool("senderr", "Errors to Catch only", "Whether a request that fails goes to Catch nodes only. Else it goes on as well, with the error as payload.")
            .default("false"),
        Field::bool("insecureHTTPParser", "Lenient parsing", "From Node-RED. Not used: answers that are no HTTP are errors.")
            .default("false"),
        Field::number("timeout", "Time-out (seconds)", "A request that has no whole answer after so long fails. msg.requestTimeout (milliseconds) goes before it.")
            .default("120")
            .range(0.001, 86_400.0),
        Field::integer("max", "Most bytes", "A longer answer is an error.").default("10485760").range(1.0, 1_073_741_824.0),
    ],
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    #[serde(default, deserialize_with = "read::text")]
    method: String,
    #[serde(default, deserialize_with = "read::text")]
    url: String,
    #[serde(default)]
    paytoqs: serde_json::Value,
    #[serde(default, deserialize_with = "read::text")]
    ret: String,
    #[serde(default)]
    headers: serde_json::Value,
    #[serde(default, deserialize_with = "read::text")]
    auth_type: String,
    #[serde(default)]
    credentials: Credentials,
    #[serde(default, deserialize_with = "read::text")]
    tls: String,
    #[serde(default, deserialize_with = "read::text")]
    proxy: String,
    #[serde(default, deserialize_with = "read::boolean")]
    persist: bool,
    #[serde(default, deserialize_with = "read::boolean")]
    senderr: bool,
    #[serde(default, rename = "insecureHTTPParser", deserialize_with = "read::boolean")]
    lenient: bool,
    #[serde(default, deserialize_with = "read::maybe_number")]
    timeout: Option<f64>,
    #[serde(default, deserialize_with = "read::maybe_number")]
    max: Option<f64>,
}

#[derive(Default, Deserialize)]
struct Credentials {
    #[serde(default, deserialize_with = "read::text")]
    user: String,
    #[serde(default, deserialize_with = "read::text")]
    password: String,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Auth {
    None,
    Basic { user: String, password: String },
    Digest { user: String, password: String },
    Bearer(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Return {
    Text,
    Buffer,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GetPayload {
    Ignored,
    Query,
    Body,
}

/// Where the URL comes from.
pub enum Url {
    Message,
    Fixed(String),
    Template(Template),
}

/// A name or a value of a header.
pub enum Word {
    Fixed(String),
    Message(Path),
}

pub struct Form {
    /// Nothing: `msg.method` says it.
    pub method: Option<String>,
    pub url: Url,
    pub get_payload: GetPayload,
    pub ret: Return,
    pub headers: Vec<(Word, Word)>,
    pub auth: Auth,
    pub tls: String,
    pub proxy: String,
    pub persist: bool,
    pub senderr: bool,
    pub lenient: bool,
    pub timeout: Duration,
    pub max: usize,
}

impl Form {
    pub fn read(config: &NodeConfig) -> Result<Form, NodeError> {
        let raw: Raw = config.read()?;
        let method = raw.method.trim().to_ascii_uppercase();
        if !method.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            return Err(NodeError::config("/method", format!("{method:?} is no method: use GET or POST")));
        }
        let url = match raw.url.trim() {
            "" => Url::Message,
            text if text.contains("{{") => {
                Url::Template(Template::parse(text).map_err(|why| NodeError::config("/url", why))?)
            }
            text => Url::Fixed(text.to_string()),
        };
        let get_payload = match &raw.paytoqs {
            serde_json::Value::Bool(true) => GetPayload::Query,
            serde_json::Value::String(text) if text == "query" || text == "true" => GetPayload::Query,
            serde_json::Value::String(text) if text == "body" => GetPayload::Body,
            _ => GetPayload::Ignored,
        };
        let ret = match raw.ret.as_str() {
            "" | "txt" => Return::Text,
            "bin" => Return::Buffer,
            "obj" => Return::Json,
            other => {
                return Err(NodeError::config(
                    "/ret",
                    format!("unknown choice \"{other}\": use txt, bin or obj"),
                ));
            }
        };
        let Credentials { user, password } = raw.credentials;
        let auth = match raw.auth_type.as_str() {
            // As flows of older editors, which had basic authentication without a type.
            "" if user.is_empty() => Auth::None,
            "" | "basic" => Auth::Basic { user, password },
            "digest" => Auth::Digest { user, password },
            "bearer" => Auth::Bearer(password),
            other => {
                let text = format!("unknown choice \"{other}\": use basic, digest or bearer");
                return Err(NodeError::config("/authType", text));
            }
        };
        let timeout = read::within("/timeout", raw.timeout.unwrap_or(120.0), 0.001, 86_400.0)?;
        let max = read::within("/max", raw.max.unwrap_or(10_485_760.0), 1.0, 1_073_741_824.0)?;
        Ok(Form {
            method: (method != "USE").then(|| if method.is_empty() { "GET".to_string() } else { method }),
            url,
            get_payload,
            ret,
            headers: headers(&raw.headers)?,
            auth,
            tls: raw.tls,
            proxy: raw.proxy,
            persist: raw.persist,
            senderr: raw.senderr,
            lenient: raw.lenient,
            timeout: Duration::from_secs_f64(timeout),
            max: max as usize,
        })
    }
}

fn headers(json: &serde_json::Value) -> Result<Vec<(Word, Word)>, NodeError> {
    let rows = match json {
        serde_json::Value::Array(rows) => rows,
        // Older flows have an empty object here.
        _ => return Ok(Vec::new()),
    };
    let mut all = Vec::with_capacity(rows.len());
    for (at, row) in rows.iter().enumerate() {
        let text = |key: &str| match row.get(key) {
            Some(serde_json::Value::String(text)) => text.clone(),
            None | Some(serde_json::Value::Null) => String::new(),
            Some(other) => other.to_string(),
        };
        let word = |kind: &str, value: &str| match text(kind).as_str() {
            "other" => Ok(Word::Fixed(text(value))),
            "msg" => {
                let pointer = format!("/headers/{at}/{value}");
                Path::parse_msg(&text(value))
                    .map(Word::Message)
                    .map_err(|error| NodeError::config(pointer, error.message()))
            }
            fixed => Ok(Word::Fixed(fixed.to_string())),
        };
        all.push((word("keyType", "keyValue")?, word("valueType", "valueValue")?));
    }
    Ok(all)
}

impl Word {
    /// Nothing where the message has no such property.
    pub fn of(&self, message: &Object) -> Option<Value> {
        match self {
            Word::Fixed(text) => Some(Value::str(text)).filter(Value::truthy),
            Word::Message(path) => path.find(message, message).filter(|value| !value.is_null()),
        }
    }
}

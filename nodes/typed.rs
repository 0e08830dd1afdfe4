//! Typed values: a property of a node whose value is a constant, or is looked up when a message comes.

use serde_json::Value as Json;

use crate::cx::Cx;
use crate::error::NodeError;
use crate::host::Scope;
use crate::jsonata::Expression;
use crate::path::{ContextKey, Path};
use crate::value::{Object, Value};

/// A typed value, parsed once when the node is built.
#[derive(Debug, Clone)]
pub enum Typed {
    Constant(Value),
    Msg(Path),
    Context(Scope, ContextKey),
    /// `NAME`, or a text with `${NAME}` in it.
    Env(String),
    /// Milliseconds since 1970.
    Now,
    /// The time as ISO 8601 text.
    NowIso,
    /// The time in a format of moment.js.
    NowFormat(String),
    Jsonata(Box<Expression>),
}

impl Typed {
    /// Parses a value of a type as Node-RED writes the pair. `pointer` says where the value stands, for the error.
    pub fn parse(value: &Json, kind: &str, pointer: &str) -> Result<Typed, NodeError> {
        let at = |error: NodeError| NodeError::config(pointer, error.message());
        let text = || match value {
            Json::String(s) => s.clone(),
            Json::Null => String::new(),
            other => other.to_string(),
        };
        let constant = |value: Value| Ok(Typed::Constant(value));
        match kind {
            "str" => constant(Value::from(text())),
            "num" => constant(Value::number(Value::from(value).to_number())),
            "bool" => constant(Value::Bool(text().eq_ignore_ascii_case("true"))),
            "json" => match value {
                Json::String(s) => Value::from_json(s.as_bytes())
                    .map(|v| Typed::Constant(v.revive_buffer()))
                    .map_err(|e| NodeError::config(pointer, format!("not JSON: {e}"))),
                other => constant(Value::from(other)),
            },
            "bin" => buffer(value).map(Typed::Constant).ok_or_else(|| {
                NodeError::config(pointer, "a buffer is a JSON text or a list of numbers from 0 to 255")
            }),
            "date" => Ok(match text().as_str() {
                "" => Typed::Now,
                "iso" | "object" => Typed::NowIso,
                format => Typed::NowFormat(format.to_string()),
            }),
            "msg" => Path::parse_msg(&text()).map(Typed::Msg).map_err(at),
            "flow" => ContextKey::parse(&text()).map(|key| Typed::Context(Scope::Flow, key)).map_err(at),
            "global" => ContextKey::parse(&text()).map(|key| Typed::Context(Scope::Global, key)).map_err(at),
            "env" => Ok(Typed::Env(text())),
            "jsonata" => Expression::parse(&text()).map(|e| Typed::Jsonata(Box::new(e))).map_err(at),
            // As Node-RED does with a type that it does not know: the value as it stands.
            _ => constant(Value::from(value)),
        }
    }

    /// What it is for this message; `None` is JavaScript's `undefined`.
    pub fn eval(&self, msg: &Object, cx: &Cx<'_>) -> Result<Option<Value>, NodeError> {
        match self {
            Typed::Constant(value) => Ok(Some(value.clone())),
            Typed::Msg(path) => path.get(msg, msg),
            Typed::Context(scope, key) => cx.context_get(*scope, key, msg),
            Typed::Env(text) => Ok(Some(env_text(text, cx))),
            Typed::Now => Ok(Some(Value::Int(cx.wall_ms()))),
            Typed::NowIso => Ok(Some(Value::from(crate::date::iso(cx.wall_ms())))),
            Typed::NowFormat(format) => Ok(Some(Value::from(crate::date::format(cx.wall_ms(), format)))),
            Typed::Jsonata(expression) => expression.eval(msg, cx),
        }
    }

    /// The constant, where it is one.
    pub fn constant(&self) -> Option<&Value> {
        match self {
            Typed::Constant(value) => Some(value),
            _ => None,
        }
    }
}

fn buffer(value: &Json) -> Option<Value> {
    let parsed;
    let value = match value {
        Json::String(s) => {
            parsed = serde_json::from_str::<Json>(s).ok()?;
            &parsed
        }
        other => other,
    };
    match value {
        Json::String(s) => Some(Value::bytes(s.as_bytes())),
        // JavaScript keeps the low byte of each number.
        Json::Array(items) => Some(Value::from(
            items.iter().map(|n| n.as_f64().map_or(0, |n| (n as i64 & 0xff) as u8)).collect::<Vec<u8>>(),
        )),
        _ => None,
    }
}

/// `NAME`, `${NAME}` (both keep the setting's type) or a text with several `${NAME}` in it.
fn env_text(text: &str, cx: &Cx<'_>) -> Value {
    let whole =
        text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).filter(|name| !name.contains('}'));
    if let Some(name) = whole {
        return cx.env(name).unwrap_or_else(|| Value::str(""));
    }
    if !text.contains("${") {
        return cx.env(text).unwrap_or_else(|| Value::str(""));
    }
    Value::from(fill_in(text, usize::MAX, |name| cx.env(name)))
}

/// A text with values for each `${NAME}` in it. A value that would make it longer than this is left out.
pub fn fill_in(text: &str, longest: usize, mut value_of: impl FnMut(&str) -> Option<Value>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        let Some((name, behind)) = after.split_once('}') else {
            out.push_str("${");
            rest = after;
            continue;
        };
        let found = value_of(name).map(|value| value.to_text()).unwrap_or_default();
        if out.len() + found.len() <= longest {
            out.push_str(&found);
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}

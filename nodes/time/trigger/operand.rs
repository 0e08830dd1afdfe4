//! What trigger sends first and second.

use serde_json::Value as Json;

use super::set_payload;
use crate::cx::Cx;
use crate::error::NodeError;
use crate::host::Scope;
use crate::parse::mustache::Template;
use crate::typed::Typed;
use crate::value::{Object, Value};

pub enum First {
    Nothing,
    /// The message as it came.
    Message,
    Payload(Payload),
}

pub enum Second {
    Nothing,
    /// The payload of the message that set it off.
    Original,
    /// The message that came last.
    Latest,
    Payload(Payload),
}

pub enum Payload {
    Template(Template),
    Value(Typed),
    /// A value of the type date.
    Time(Typed),
}

impl First {
    pub fn parse(value: Option<Json>, kind: Option<String>) -> Result<First, NodeError> {
        Ok(match kind.as_deref() {
            Some("nul") => First::Nothing,
            Some("pay") => First::Message,
            kind => First::Payload(Payload::parse(value, kind, "1", "/op1")?),
        })
    }

    pub fn apply(&self, msg: &mut Object, cx: &Cx<'_>) -> Result<(), NodeError> {
        if let First::Payload(payload) = self {
            let payload = payload.eval(msg, cx)?;
            set_payload(msg, payload);
        }
        Ok(())
    }

    /// Whether it is the time, which is another one for every resend.
    pub fn is_time(&self) -> bool {
        matches!(self, First::Payload(Payload::Time(_)))
    }
}

impl Second {
    pub fn parse(value: Option<Json>, kind: Option<String>) -> Result<Second, NodeError> {
        Ok(match kind.as_deref() {
            Some("nul") => Second::Nothing,
            Some("pay") => Second::Original,
            Some("payl") => Second::Latest,
            kind => Second::Payload(Payload::parse(value, kind, "0", "/op2")?),
        })
    }

    /// The payload as it is when the first message comes.
    pub fn payload(&self, msg: &Object, cx: &Cx<'_>) -> Result<Option<Value>, NodeError> {
        match self {
            Second::Nothing | Second::Latest => Ok(None),
            Second::Original => Ok(msg.get("payload").cloned()),
            Second::Payload(payload) => payload.eval(msg, cx),
        }
    }

    /// The payload where it is found when the time is over: context values, and the time unless it was extended.
    pub fn payload_now(
        &self,
        extended: bool,
        msg: &Object,
        cx: &Cx<'_>,
    ) -> Option<Result<Option<Value>, NodeError>> {
        let Second::Payload(payload) = self else { return None };
        let is_late = match payload {
            Payload::Value(Typed::Context(scope, _)) => matches!(scope, Scope::Flow | Scope::Global),
            Payload::Time(_) => !extended,
            _ => false,
        };
        is_late.then(|| payload.eval(msg, cx))
    }
}

impl Payload {
    /// `default` stands in for what JavaScript takes as false: nothing, an empty text, 0.
    fn parse(
        value: Option<Json>,
        kind: Option<&str>,
        default: &str,
        pointer: &str,
    ) -> Result<Payload, NodeError> {
        let value = value.filter(|value| Value::from(value).truthy()).unwrap_or_else(|| default.into());
        let text = value.as_str().unwrap_or_default();
        let kind = match (kind.unwrap_or("str"), text) {
            ("" | "val", "null") => return Ok(Payload::Value(Typed::Constant(Value::Null))),
            ("val", "true" | "false") => "bool",
            ("" | "val", _) => "str",
            (kind, _) => kind,
        };
        if kind == "str" && text.contains("{{") {
            let template = Template::parse(text).map_err(|error| NodeError::config(pointer, error))?;
            return Ok(Payload::Template(template));
        }
        if kind == "date" {
            // The form puts its default there when the time is chosen.
            let format = if text == default { &Json::String(String::new()) } else { &value };
            return Typed::parse(format, kind, pointer).map(Payload::Time);
        }
        Typed::parse(&value, kind, pointer).map(Payload::Value)
    }

    fn eval(&self, msg: &Object, cx: &Cx<'_>) -> Result<Option<Value>, NodeError> {
        match self {
            Payload::Template(template) => {
                template.render(msg, false, cx).map(|text| Some(Value::from(text)))
            }
            Payload::Value(value) | Payload::Time(value) => value.eval(msg, cx),
        }
    }
}

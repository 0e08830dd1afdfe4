//! Values of messages as a widget keeps them: bounded, and one line of text where they are more than one value.

use super::setting::cut;
use crate::cx::Cx;
use crate::error::NodeError;
use crate::node::NodeConfig;
use crate::typed::Typed;
use crate::value::{Object, Value};

/// A text, number or boolean as it is, anything else as JSON; at most so many characters.
pub fn shown(value: &Value, most: usize) -> Value {
    match value {
        Value::Null | Value::Bool(_) | Value::Int(_) => value.clone(),
        Value::Float(number) if number.is_finite() => value.clone(),
        Value::Float(_) => Value::Str(value.to_text()),
        Value::Str(text) => Value::Str(cut(text, most)),
        Value::Bytes(bytes) => Value::from(format!("{} bytes", bytes.len())),
        Value::Array(_) | Value::Object(_) => Value::Str(cut(&value.to_json(), most)),
    }
}

/// A typed property, with the value that it has where the flow file has none. Older flows have no such property.
pub fn typed(
    config: &NodeConfig,
    name: &str,
    type_name: &str,
    otherwise: (&str, &str),
) -> Result<Typed, NodeError> {
    let text = |name: &str| config.property(name).and_then(serde_json::Value::as_str);
    let value = config.property(name).filter(|value| !value.is_null());
    match (value, text(type_name)) {
        (Some(value), kind) => Typed::parse(value, kind.unwrap_or(otherwise.1), &format!("/{name}")),
        (None, _) => Typed::parse(&otherwise.0.into(), otherwise.1, &format!("/{name}")),
    }
}

/// What a person sends with a widget: `payload`, and the topic where it is one.
pub fn sent(
    payload: Option<Value>,
    topic: &Typed,
    msg: &mut Object,
    cx: &mut Cx<'_>,
) -> Result<(), NodeError> {
    if let Some(topic) = topic.eval(msg, cx)? {
        msg.insert("topic", topic);
    }
    if let Some(payload) = payload {
        msg.insert("payload", payload);
    }
    if !msg.contains_key("_msgid") {
        msg.insert("_msgid", cx.new_id());
    }
    Ok(())
}

//! Headers and properties of AMQP as values in a message, and back.

use lapin::BasicProperties;
use lapin::types::{AMQPValue, ByteArray, FieldArray, FieldTable, LongString, ShortString};

use super::broker::FRAME;
use crate::error::NodeError;
use crate::value::{Object, Value};

/// Headers nested deeper are refused: nobody reads them, and a cut is better than a stack that ends.
const DEEPEST: usize = 32;
/// All properties travel in one frame.
const LARGEST: usize = FRAME as usize - 512;

pub fn short(what: &str, text: &str) -> Result<ShortString, NodeError> {
    ShortString::try_new(text)
        .map_err(|_| NodeError::rejected(format!("{what} has {} bytes: at most 255 go", text.len())))
}

/// `msg.headers`.
pub fn headers(table: &FieldTable) -> Object {
    table.inner().iter().map(|(name, value)| (name.as_str(), from_amqp(value))).collect()
}

fn from_amqp(value: &AMQPValue) -> Value {
    match value {
        AMQPValue::Boolean(is) => Value::Bool(*is),
        AMQPValue::ShortShortInt(n) => Value::Int(i64::from(*n)),
        AMQPValue::ShortShortUInt(n) => Value::Int(i64::from(*n)),
        AMQPValue::ShortInt(n) => Value::Int(i64::from(*n)),
        AMQPValue::ShortUInt(n) => Value::Int(i64::from(*n)),
        AMQPValue::LongInt(n) => Value::Int(i64::from(*n)),
        AMQPValue::LongUInt(n) => Value::Int(i64::from(*n)),
        AMQPValue::LongLongInt(n) => Value::Int(*n),
        AMQPValue::Float(n) => Value::Float(f64::from(*n)),
        AMQPValue::Double(n) => Value::Float(*n),
        AMQPValue::DecimalValue(n) => Value::Float(f64::from(n.value) / 10f64.powi(i32::from(n.scale))),
        AMQPValue::ShortString(text) => Value::str(text.as_str()),
        AMQPValue::LongString(text) => match std::str::from_utf8(text.as_bytes()) {
            Ok(text) => Value::str(text),
            Err(_) => Value::bytes(text.as_bytes()),
        },
        AMQPValue::FieldArray(items) => Value::array(items.as_slice().iter().map(from_amqp).collect()),
        AMQPValue::Timestamp(seconds) => Value::Int(i64::try_from(*seconds).unwrap_or(i64::MAX)),
        AMQPValue::FieldTable(table) => Value::Object(headers(table)),
        AMQPValue::ByteArray(bytes) => Value::bytes(bytes.as_slice()),
        AMQPValue::Void => Value::Null,
    }
}

/// Headers, or the arguments of a queue, an exchange or a binding.
pub fn table(what: &str, object: &Object) -> Result<FieldTable, NodeError> {
    let mut room = LARGEST;
    to_table(what, object, 0, &mut room)
}

fn to_table(what: &str, object: &Object, depth: usize, room: &mut usize) -> Result<FieldTable, NodeError> {
    let mut table = FieldTable::default();
    for (name, value) in object.iter() {
        take(what, room, name.len() + 1)?;
        let key = short(&format!("a name in {what}"), name)?;
        table.insert(key, to_amqp(what, value, depth, room)?);
    }
    Ok(table)
}

fn to_amqp(what: &str, value: &Value, depth: usize, room: &mut usize) -> Result<AMQPValue, NodeError> {
    if depth > DEEPEST {
        return Err(NodeError::rejected(format!("{what} is nested deeper than {DEEPEST} levels")));
    }
    let size = match value {
        Value::Str(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        _ => 4,
    };
    take(what, room, size + 5)?;
    Ok(match value {
        Value::Null => AMQPValue::Void,
        Value::Bool(is) => AMQPValue::Boolean(*is),
        Value::Int(n) => AMQPValue::LongLongInt(*n),
        Value::Float(n) => AMQPValue::Double(*n),
        Value::Str(text) => AMQPValue::LongString(LongString::from(text.as_str())),
        Value::Bytes(bytes) => AMQPValue::ByteArray(ByteArray::from(&bytes[..])),
        Value::Array(items) => {
            let items: Result<Vec<_>, _> =
                items.iter().map(|item| to_amqp(what, item, depth + 1, room)).collect();
            AMQPValue::FieldArray(FieldArray::from(items?))
        }
        Value::Object(object) => AMQPValue::FieldTable(to_table(what, object, depth + 1, room)?),
    })
}

fn take(what: &str, room: &mut usize, bytes: usize) -> Result<(), NodeError> {
    *room = room.checked_sub(bytes).ok_or_else(|| {
        NodeError::rejected(format!("{what} is too large: all of it has to fit into {LARGEST} bytes"))
    })?;
    Ok(())
}

/// `msg.properties`, all but the headers.
pub fn properties(from: &BasicProperties) -> Object {
    let mut into = Object::new();
    let mut text = |name: &str, value: &Option<ShortString>| {
        if let Some(value) = value {
            into.insert(name, Value::str(value.as_str()));
        }
    };
    text("contentType", from.content_type());
    text("contentEncoding", from.content_encoding());
    text("correlationId", from.correlation_id());
    text("replyTo", from.reply_to());
    text("expiration", from.expiration());
    text("messageId", from.message_id());
    text("type", from.kind());
    text("userId", from.user_id());
    text("appId", from.app_id());
    if let Some(mode) = from.delivery_mode() {
        into.insert("deliveryMode", Value::Int(i64::from(*mode)));
    }
    if let Some(priority) = from.priority() {
        into.insert("priority", Value::Int(i64::from(*priority)));
    }
    if let Some(seconds) = from.timestamp() {
        into.insert("timestamp", Value::Int(i64::try_from(*seconds).unwrap_or(i64::MAX)));
    }
    into
}

/// What `msg.properties` says, on top of what is there already.
pub fn set_properties(said: &Object, mut into: BasicProperties) -> Result<BasicProperties, NodeError> {
    let wrong = |name: &str, what: &str| NodeError::rejected(format!("msg.properties.{name}: {what}"));
    let number = |name: &str, most: f64| -> Result<Option<u64>, NodeError> {
        match said.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => Some(value.to_number())
                .filter(|n| (0.0..=most).contains(n) && n.fract() == 0.0)
                .map(|n| Some(n as u64))
                .ok_or_else(|| wrong(name, &format!("expected a whole number from 0 to {most}"))),
        }
    };
    let text = |name: &str| -> Result<Option<ShortString>, NodeError> {
        match said.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Str(text)) => short(&format!("msg.properties.{name}"), text).map(Some),
            Some(Value::Int(n)) => short(name, &n.to_string()).map(Some),
            Some(_) => Err(wrong(name, "expected text")),
        }
    };
    type Set = fn(BasicProperties, ShortString) -> BasicProperties;
    let texts: [(&str, Set); 9] = [
        ("contentType", BasicProperties::with_content_type),
        ("contentEncoding", BasicProperties::with_content_encoding),
        ("correlationId", BasicProperties::with_correlation_id),
        ("replyTo", BasicProperties::with_reply_to),
        ("expiration", BasicProperties::with_expiration),
        ("messageId", BasicProperties::with_message_id),
        ("type", BasicProperties::with_type),
        ("userId", BasicProperties::with_user_id),
        ("appId", BasicProperties::with_app_id),
    ];
    for (name, set) in texts {
        if let Some(value) = text(name)? {
            into = set(into, value);
        }
    }
    if let Some(expiration) = into.expiration()
        && expiration.as_str().parse::<u32>().is_err()
    {
        return Err(wrong("expiration", "expected milliseconds, a whole number"));
    }
    if let Some(mode) = number("deliveryMode", 2.0)?.filter(|mode| *mode > 0) {
        into = into.with_delivery_mode(mode as u8);
    }
    if let Some(priority) = number("priority", 255.0)? {
        into = into.with_priority(priority as u8);
    }
    if let Some(seconds) = number("timestamp", 9e15)? {
        into = into.with_timestamp(seconds);
    }
    Ok(into)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(json: serde_json::Value) -> Object {
        Value::from(&json).as_object().unwrap().clone()
    }

    #[test]
    fn headers_and_properties_come_back_as_they_went() {
        let mut all = object(json!({
            "a": 1, "b": -1.5, "c": "text", "d": true, "e": null, "f": [1, "x", {"g": [null]}], "z": {"h": {"i": 7}}
        }));
        all.insert("bytes", Value::bytes([0u8, 255].as_slice()));
        assert_eq!(headers(&table("msg.headers", &all).unwrap()), all);
        let said = object(json!({
            "contentType": "a/b", "contentEncoding": "gzip", "correlationId": "c", "replyTo": "r", "expiration": "60000",
            "messageId": "m", "type": "t", "userId": "u", "appId": "a", "deliveryMode": 2, "priority": 3, "timestamp": 1_700_000_000
        }));
        assert_eq!(properties(&set_properties(&said, BasicProperties::default()).unwrap()), said);
    }

    #[test]
    fn what_does_not_go_into_a_frame_is_told() {
        let told = |json: serde_json::Value| table("msg.headers", &object(json)).unwrap_err().to_string();
        assert!(told(json!({"a": "x".repeat(LARGEST)})).contains("too large"));
        assert!(told(json!({"x".repeat(256): 1})).contains("256 bytes"));
        let mut deep = json!(1);
        for _ in 0..40 {
            deep = json!([deep]);
        }
        assert!(told(json!({ "a": deep })).contains("nested"));
        for said in [
            json!({"priority": 256}),
            json!({"expiration": "soon"}),
            json!({"timestamp": -1}),
            json!({"replyTo": {}}),
            json!({"messageId": "x".repeat(256)}),
        ] {
            let error = set_properties(&object(said.clone()), BasicProperties::default());
            assert!(matches!(error, Err(NodeError::Rejected(_))), "{said}");
        }
    }
}

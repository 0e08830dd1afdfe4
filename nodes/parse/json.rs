//! json: JSON text to a value and back, checked against a schema where the message brings one.

use serde::Deserialize;

use super::json_error;
use super::json_schema::{self, Schema};
use crate::cx::Cx;
use crate::descriptor::{Category, Descriptor, Field, Outputs, Role};
use crate::error::NodeError;
use crate::message::Message;
use crate::node::{Built, NodeConfig, NodeType, Transform};
use crate::path::Path;
use crate::read;
use crate::value::{Object, Value};

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "json",
    category: Category::Parser,
    summary: "Turns JSON text into a value, and a value into JSON text.",
    help: include_str!("json.md"),
    examples: include_str!("json.examples.json"),
    inputs: 1,
    outputs: Outputs::Fixed(1),
    role: Role::Transform,
    fields: &[
        Field::choice(
            "action",
            &[
                ("", "Convert between text and value"),
                ("str", "Always to JSON text"),
                ("obj", "Always to a value"),
            ],
            "Action",
            "Which way to convert. A fixed way leaves alone what is already as wanted.",
        )
        .default("\"\""),
        Field::text("property", "Property", "The property of the message that is converted, in place.")
            .default("\"payload\""),
        Field::bool("pretty", "Format the text", "Write JSON text over several lines, indented by 4 spaces.")
            .default("false"),
    ],
};

#[derive(Deserialize)]
struct Config {
    #[serde(default, deserialize_with = "read::text")]
    property: String,
    #[serde(default, deserialize_with = "read::text")]
    action: String,
    #[serde(default, deserialize_with = "read::boolean")]
    pretty: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Both,
    ToText,
    ToValue,
}

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    let config: Config = config.read()?;
    let way = match config.action.as_str() {
        "" => Way::Both,
        "str" => Way::ToText,
        "obj" => Way::ToValue,
        other => {
            return Err(NodeError::config(
                "/action",
                format!("unknown action \"{other}\": use str, obj or an empty text"),
            ));
        }
    };
    let property = if config.property.is_empty() { "payload" } else { &config.property };
    let property =
        Path::parse_msg(property).map_err(|error| NodeError::config("/property", error.message()))?;
    Ok(Built::transform(Json { property, way, pretty: config.pretty, schema: None }))
}

struct Json {
    property: Path,
    way: Way,
    pretty: bool,
    /// The schema of the last message that had one: nearly always the next one has the same.
    schema: Option<Schema>,
}

impl Transform for Json {
    fn handle(&mut self, msg: &mut Option<Message>, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        let Some(message) = msg.as_mut() else { return Ok(()) };
        let checked = self.read_schema(message)?;
        if let Some(value) = self.property.get(&message.value, &message.value)? {
            self.convert(value, message, checked)?;
            cx.done_with(message);
        }
        if let Some(message) = msg.take() {
            cx.send(0, message);
        }
        Ok(())
    }
}

impl Json {
    fn convert(&self, value: Value, message: &mut Message, checked: bool) -> Result<(), NodeError> {
        let is_text = matches!(value, Value::Str(_) | Value::Bytes(_));
        match (is_text, self.way) {
            (true, Way::Both | Way::ToValue) => {
                let value = parse(&value).map_err(NodeError::rejected)?;
                // The value is put in before it is checked: a Catch sees what was wrong, not only its text.
                self.put(message, value.clone())?;
                self.check(checked, message, &value)?;
            }
            (true, Way::ToText) if checked => {
                let value =
                    parse(&value).map_err(|error| NodeError::rejected(format!("SyntaxError: {error}")))?;
                self.check(checked, message, &value)?;
            }
            (false, Way::Both | Way::ToText) => {
                self.check(checked, message, &value)?;
                let text = if self.pretty { value.to_json_pretty(4) } else { value.to_json() };
                self.put(message, Value::from(text))?;
            }
            (false, Way::ToValue) => self.check(checked, message, &value)?,
            (true, Way::ToText) => {}
        }
        if checked {
            message.value.remove("schema");
        }
        Ok(())
    }

    /// Whether the message has a schema; it is compiled when it is not the last one again.
    fn read_schema(&mut self, message: &Message) -> Result<bool, NodeError> {
        let Some(source) = message.get("schema").filter(|schema| schema.truthy()) else { return Ok(false) };
        if !self.schema.as_ref().is_some_and(|schema| schema.is(source)) {
            self.schema = Schema::compile(source);
        }
        if self.schema.is_none() {
            return Err(NodeError::rejected("JSON Schema error: failed to compile schema"));
        }
        Ok(true)
    }

    fn check(&self, checked: bool, message: &mut Message, value: &Value) -> Result<(), NodeError> {
        let Some(schema) = self.schema.as_ref().filter(|_| checked) else { return Ok(()) };
        let violations = schema.check(value);
        if violations.is_empty() {
            return Ok(());
        }
        let error = NodeError::rejected(format!("JSON Schema error: {}", json_schema::text(&violations)));
        message.set("schemaError", violations);
        Err(error)
    }

    fn put(&self, message: &mut Message, value: Value) -> Result<(), NodeError> {
        // An object is cheap to clone, and the path may look into the message for an index.
        let before = if self.property.as_single().is_some() { Object::new() } else { message.value.clone() };
        self.property.set(&mut message.value, &before, value, true).map(|_| ())
    }
}

/// Reads text or a buffer; what is wrong with it is said in Node-RED's words.
fn parse(text: &Value) -> Result<Value, String> {
    let bytes = match text {
        Value::Bytes(bytes) => bytes,
        text => text.as_str().unwrap_or_default().as_bytes(),
    };
    Value::from_json(bytes).or_else(|error| {
        // A buffer may hold what is no UTF-8: JavaScript reads it with marks in those places.
        let text = String::from_utf8_lossy(bytes);
        match json_error::explain(&text) {
            Some(reason) => Err(reason),
            None => Value::from_json(text.as_bytes()).map_err(|_| error.to_string()),
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::Rig;

    fn convert(properties: serde_json::Value, payload: serde_json::Value) -> Vec<serde_json::Value> {
        let mut rig = Rig::new("json", properties);
        rig.send(json!({"payload": payload}));
        assert!(rig.host.errors.is_empty(), "{:?}", rig.host.errors);
        rig.sent(0).into_iter().map(|mut msg| msg["payload"].take()).collect()
    }

    #[test]
    fn converts_both_ways() {
        for (payload, expected) in [
            (json!(" {\"a\":[1,2.5,null]}\r\n "), json!({"a": [1, 2.5, null]})),
            (json!({"type": "Buffer", "data": [123, 125]}), json!({})),
            (json!("true"), json!(true)),
            (json!("1962"), json!(1962)),
            (json!({"z": 1, "a": [true]}), json!("{\"z\":1,\"a\":[true]}")),
            (json!(2019), json!("2019")),
            (json!(null), json!("null")),
        ] {
            assert_eq!(convert(json!({}), payload.clone()), [expected], "{payload}");
        }
        assert_eq!(convert(json!({"pretty": true}), json!({"a": 1})), [json!("{\n    \"a\": 1\n}")]);
    }

    #[test]
    fn one_way_leaves_alone_what_is_there() {
        for (action, payload) in [("str", json!("no json")), ("obj", json!({"a": 1})), ("obj", json!(7))] {
            assert_eq!(convert(json!({"action": action}), payload.clone()), [payload]);
        }
        assert_eq!(convert(json!({"action": "str"}), json!([1])), [json!("[1]")]);
        assert_eq!(convert(json!({"action": "obj"}), json!("[1]")), [json!([1])]);
    }

    #[test]
    fn any_property_and_none() {
        let mut rig = Rig::new("json", json!({"property": "one.two"}));
        rig.send(json!({"one": {"two": "[1]"}, "payload": "{"}));
        rig.send(json!({"one": {}}));
        rig.send(json!({"topic": "no parent"}));
        assert_eq!(rig.sent(0), [json!({"one": {"two": [1]}, "payload": "{"}), json!({"one": {}})]);
        assert_eq!(rig.host.errors.len(), 1);
    }

    #[test]
    fn a_wrong_text_is_an_error_with_the_message_as_it_came() {
        let mut rig = Rig::new("json", json!({}));
        rig.send(json!({"payload": "foo"}));
        let (error, message) = rig.host.errors.remove(0);
        assert_eq!(error.message(), "Unexpected token 'o', \"foo\" is not valid JSON");
        assert_eq!(message.unwrap().payload().as_str(), Some("foo"));
        rig.send(json!({"payload": "[".repeat(10_000)}));
        rig.send(json!({"payload": format!("{}{}", "[".repeat(10_000), "]".repeat(10_000))}));
        assert_eq!(rig.host.errors.len(), 2);
        assert!(rig.sent(0).is_empty() && rig.host.completed.is_empty());
    }

    #[test]
    fn a_schema_is_checked_and_taken_off() {
        let schema = json!({"type": "object", "properties": {"n": {"type": "number"}}});
        for (action, payload, expected) in [
            ("", json!("{\"n\":3}"), json!({"n": 3})),
            ("", json!({"n": 3}), json!("{\"n\":3}")),
            ("obj", json!({"n": 3}), json!({"n": 3})),
            ("str", json!("{\"n\":3}"), json!("{\"n\":3}")),
        ] {
            let mut rig = Rig::new("json", json!({"action": action}));
            rig.send(json!({"payload": payload, "schema": schema}));
            assert_eq!(rig.sent(0), [json!({"payload": expected})]);
            assert_eq!(rig.host.completed[0].payload(), &crate::value::Value::from(&expected));
        }
    }

    #[test]
    fn what_breaks_the_schema_is_told() {
        let schema = json!({"properties": {"n": {"type": "number"}}});
        for payload in [json!("{\"n\":\"x\"}"), json!({"n": "x"})] {
            let mut rig = Rig::new("json", json!({}));
            rig.send(json!({"payload": payload, "schema": schema}));
            let (error, message) = rig.host.errors.remove(0);
            assert_eq!(error.message(), "JSON Schema error: data/n must be number");
            let message = message.unwrap();
            let first = message.get("schemaError").and_then(|list| list.get("0")).unwrap();
            assert_eq!(first.get("keyword").and_then(|k| k.as_str()), Some("type"));
            assert!(rig.sent(0).is_empty());
        }
        let mut rig = Rig::new("json", json!({}));
        rig.send(json!({"payload": {}, "schema": "garbage"}));
        rig.send(json!({"payload": {}, "schema": schema}));
        assert_eq!(rig.host.errors[0].0.message(), "JSON Schema error: failed to compile schema");
        assert_eq!(rig.sent(0), [json!({"payload": "{}"})]);
    }
}

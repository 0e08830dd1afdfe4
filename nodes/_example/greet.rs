//! Greet: puts a greeting into the message. A node to copy.

use serde::Deserialize;

use crate::cx::Cx;
use crate::descriptor::{Category, Descriptor, Field, Outputs, Role};
use crate::error::NodeError;
use crate::message::Message;
use crate::node::{Built, NodeConfig, NodeType, Transform};
use crate::path::Path;
use crate::read;
use crate::value::Value;

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "greet",
    category: Category::Function,
    summary: "Greets whom a property of the message names.",
    help: include_str!("greet.md"),
    examples: include_str!("greet.examples.json"),
    inputs: 1,
    outputs: Outputs::Fixed(1),
    role: Role::Transform,
    fields: &[
        Field::text("greeting", "Greeting", "What stands before the name.").default("\"Hello\""),
        Field::text("property", "Name from", "The property of the message that holds the name.")
            .default("\"payload\"")
            .required(),
    ],
};

/// The properties in the flow file, as they are read. Numbers and booleans in text are read by `read::number` and so on.
#[derive(Deserialize)]
struct Config {
    #[serde(default = "hello", deserialize_with = "read::text")]
    greeting: String,
    #[serde(default, deserialize_with = "read::text")]
    property: String,
}

fn hello() -> String {
    "Hello".to_string()
}

/// All that can be wrong is found here, and parsed once. Building opens nothing and starts nothing.
fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    let config: Config = config.read()?;
    let property = if config.property.is_empty() { "payload" } else { &config.property };
    let property = Path::parse_msg(property).map_err(|e| NodeError::config("/property", e.message()))?;
    Ok(Built::transform(Greet { greeting: config.greeting, property }))
}

struct Greet {
    greeting: String,
    property: Path,
}

impl Transform for Greet {
    fn handle(&mut self, msg: &mut Option<Message>, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        let Some(message) = msg.as_mut() else { return Ok(()) };
        // An error leaves the message where it is: Catch gets it as it stands.
        let Some(name) = self.property.find(&message.value, &message.value) else {
            return Err(NodeError::rejected(format!("msg.{} is missing", self.property.text())));
        };
        message.set("payload", Value::str(format!("{}, {}!", self.greeting, name.to_text())));
        // Complete nodes see the message as it is now.
        cx.done_with(message);
        if let Some(message) = msg.take() {
            cx.send(0, message);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{MemoryHost, Rig};

    #[test]
    fn what_is_missing_goes_to_catch_and_a_wrong_path_is_refused() {
        let greet = |properties| Rig::of(&NODE, properties, MemoryHost::default());
        let mut rig = greet(json!({"greeting": "Hi", "property": "payload.name"})).unwrap();
        rig.send(json!({"payload": {"name": "Ada"}}));
        rig.send(json!({"payload": {}}));
        assert_eq!(rig.sent(0), [json!({"payload": "Hi, Ada!"})]);
        assert_eq!(rig.host.errors[0].0.message(), "msg.payload.name is missing");
        let refused = greet(json!({"property": "payload["})).err();
        assert!(matches!(refused, Some(NodeError::Config { pointer, .. }) if pointer == "/property"));
    }
}

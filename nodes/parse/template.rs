//! template: a text filled in from the message, the context and the environment.

use serde::Deserialize;

use super::mustache::Template;
use super::{json_error, yaml_load};
use crate::cx::Cx;
use crate::descriptor::{Category, Descriptor, Field, FieldKind, Outputs, Role};
use crate::error::NodeError;
use crate::host::Scope;
use crate::message::Message;
use crate::node::{Built, NodeConfig, NodeType, Transform};
use crate::path::{ContextKey, Path};
use crate::read;
use crate::value::{Object, Str, Value};

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "template",
    category: Category::Function,
    summary: "Fills a text in from the message.",
    help: include_str!("template.md"),
    examples: include_str!("template.examples.json"),
    inputs: 1,
    outputs: Outputs::Fixed(1),
    role: Role::Transform,
    fields: &[
        Field::typed(
            "field",
            "fieldType",
            &["msg", "flow", "global"],
            "Property",
            "Where the result goes: a property of the message, or a key of the flow or global context.",
        )
        .default("\"payload\""),
        Field::choice(
            "syntax",
            &[("mustache", "Mustache template"), ("plain", "Plain text")],
            "Syntax",
            "Plain text is taken as it stands.",
        )
        .default("\"mustache\""),
        Field::new(
            "template",
            FieldKind::Code("mustache"),
            "Template",
            "The text, with {{names}} in it. When it is empty, the text in msg.template is used.",
        )
        .default("\"This is the payload: {{payload}} !\""),
        Field::choice(
            "format",
            &[
                ("handlebars", "Mustache"),
                ("html", "HTML"),
                ("json", "JSON"),
                ("javascript", "JavaScript"),
                ("css", "CSS"),
                ("markdown", "Markdown"),
                ("python", "Python"),
                ("sql", "SQL"),
                ("yaml", "YAML"),
                ("text", "None"),
            ],
            "Highlighting",
            "How the editor colours the template. It changes nothing in the result.",
        )
        .default("\"handlebars\""),
        Field::choice(
            "output",
            &[("str", "Plain text"), ("json", "Parsed JSON"), ("yaml", "Parsed YAML")],
            "Output as",
            "Whether the result stays text, or is read as JSON or YAML.",
        )
        .default("\"str\""),
    ],
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    #[serde(default, deserialize_with = "read::text")]
    field: String,
    #[serde(default, deserialize_with = "read::text")]
    field_type: String,
    #[serde(default, deserialize_with = "read::text")]
    syntax: String,
    #[serde(default, deserialize_with = "read::text")]
    template: String,
    #[serde(default, deserialize_with = "read::text")]
    output: String,
}

enum Target {
    Message(Path),
    Context(Scope, ContextKey),
}

#[derive(Clone, Copy, PartialEq)]
enum Output {
    Text,
    Json,
    Yaml,
}

/// Where the template comes from.
enum Source {
    /// A wrong template is an error of each message, as in Node-RED, so that a Catch hears of it.
    Fixed(Result<Template, String>),
    Plain(Str),
    /// `msg.template`, parsed again when it is another one than last time.
    Message {
        plain: bool,
        last: Option<(Str, Template)>,
    },
}

struct Fill {
    target: Target,
    output: Output,
    source: Source,
}

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    let config: Config = config.read()?;
    let at_field = |error: NodeError| NodeError::config("/field", error.message());
    let field = if config.field.is_empty() { "payload" } else { &config.field };
    let target = match config.field_type.as_str() {
        "" | "msg" => Target::Message(Path::parse_msg(field).map_err(at_field)?),
        "flow" => Target::Context(Scope::Flow, ContextKey::parse(field).map_err(at_field)?),
        "global" => Target::Context(Scope::Global, ContextKey::parse(field).map_err(at_field)?),
        other => {
            let text = format!("unknown type \"{other}\": use msg, flow or global");
            return Err(NodeError::config("/fieldType", text));
        }
    };
    let output = match config.output.as_str() {
        "json" => Output::Json,
        "yaml" => Output::Yaml,
        _ => Output::Text,
    };
    // As Node-RED: whatever is not mustache is plain.
    let plain = !matches!(config.syntax.as_str(), "" | "mustache");
    let source = match (config.template.as_str(), plain) {
        ("", plain) => Source::Message { plain, last: None },
        (text, true) => Source::Plain(Str::new(text)),
        (text, false) => Source::Fixed(Template::parse(text)),
    };
    Ok(Built::transform(Fill { target, output, source }).telling_empty_name())
}

impl Transform for Fill {
    fn handle(&mut self, msg: &mut Option<Message>, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        let Some(message) = msg.as_mut() else { return Ok(()) };
        let text = self.source.text(&message.value, self.output == Output::Json, cx)?;
        let value = match self.output {
            Output::Text => Some(text),
            Output::Json => Some(read_json(&text).map_err(NodeError::rejected)?),
            Output::Yaml => yaml_load::load(&text.to_text()).map_err(NodeError::rejected)?,
        };
        match &self.target {
            Target::Message(path) => {
                // The path may look into the message for an index; nearly every one is a plain key.
                let before = if path.as_single().is_some() { Object::new() } else { message.value.clone() };
                match value {
                    Some(value) => path.set(&mut message.value, &before, value, true)?,
                    None => path.delete(&mut message.value, &before)?,
                };
                cx.done_with(message);
            }
            Target::Context(scope, key) => cx.context_set(*scope, key, &message.value, value)?,
        }
        if let Some(message) = msg.take() {
            cx.send(0, message);
        }
        Ok(())
    }
}

impl Source {
    fn text(&mut self, msg: &Object, escape: bool, cx: &Cx<'_>) -> Result<Value, NodeError> {
        match self {
            Source::Plain(text) => Ok(Value::Str(text.clone())),
            Source::Fixed(Ok(template)) => template.render(msg, escape, cx).map(Value::from),
            Source::Fixed(Err(wrong)) => Err(NodeError::rejected(wrong)),
            Source::Message { plain: true, .. } => {
                Ok(msg.get("template").cloned().unwrap_or_else(|| Value::str("")))
            }
            Source::Message { last, .. } => {
                let text = match msg.get("template") {
                    None => return Ok(Value::str("")),
                    Some(Value::Str(text)) => text,
                    Some(other) => {
                        return Err(NodeError::rejected(format!(
                            "Invalid template! Template should be a \"string\" but \"{}\" was given",
                            other.kind()
                        )));
                    }
                };
                if last.as_ref().is_none_or(|(known, _)| known != text) {
                    *last = None;
                    *last = Some((text.clone(), Template::parse(text).map_err(NodeError::rejected)?));
                }
                match last {
                    Some((_, template)) => template.render(msg, escape, cx).map(Value::from),
                    None => Ok(Value::str("")),
                }
            }
        }
    }
}

fn read_json(text: &Value) -> Result<Value, String> {
    let text = text.to_text();
    Value::from_json(text.as_bytes())
        .map_err(|error| json_error::explain(&text).unwrap_or_else(|| error.to_string()))
}

#[cfg(test)]
#[path = "template_tests.rs"]
mod tests;

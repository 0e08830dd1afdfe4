//! Switch: sends a message to the outputs whose rules it matches.

mod rule;
mod sequence;

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::Value as Json;

use self::rule::{Input, Rule};
use self::sequence::Sequences;
use crate::cx::Cx;
use crate::descriptor::{Category, Descriptor, Field, Outputs, Role};
use crate::error::NodeError;
use crate::message::Message;
use crate::node::{Built, NodeConfig, NodeType, Transform};
use crate::read;
use crate::typed::Typed;
use crate::value::{Object, Value};

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "switch",
    category: Category::Function,
    summary: "Sends a message to the outputs whose rules it matches.",
    help: include_str!("switch.md"),
    examples: include_str!("switch.examples.json"),
    inputs: 1,
    outputs: Outputs::ItemsOf("rules"),
    role: Role::Transform,
    fields: &[
        Field::typed(
            "property",
            "propertyType",
            &["msg", "flow", "global", "jsonata", "env"],
            "Property",
            "What the rules look at.",
        )
        .default("\"payload\"")
        .required(),
        Field::list("rules", RULE, "Rules", "One rule an output, tried from the top.").default("[]"),
        Field::choice(
            "checkall",
            &[("true", "checking all rules"), ("false", "stopping after first match")],
            "Matching",
            "Whether a message can leave by several outputs or only by the first that matches.",
        )
        .default("\"true\""),
        Field::bool(
            "repair",
            "Recreate message sequences",
            "Gives the messages that leave by each output new parts, so that a join behind it works. \
             Messages of a sequence wait until all of it is there.",
        )
        .default("false"),
        Field::integer("outputs", "Outputs", "How many outputs the node has: as many as rules.")
            .at_least(0.0),
    ],
};

const VALUE_TYPES: &[&str] = &[
    "str",
    "num",
    "msg",
    "flow",
    "global",
    "env",
    "jsonata",
    "prev",
    "string",
    "number",
    "boolean",
    "array",
    "buffer",
    "object",
    "json",
    "undefined",
    "null",
];

const RULE: &[Field] = &[
    Field::choice(
        "t",
        &[
            ("eq", "=="),
            ("neq", "!="),
            ("lt", "<"),
            ("lte", "<="),
            ("gt", ">"),
            ("gte", ">="),
            ("hask", "has key"),
            ("btwn", "is between"),
            ("cont", "contains"),
            ("regex", "matches regex"),
            ("true", "is true"),
            ("false", "is false"),
            ("null", "is null"),
            ("nnull", "is not null"),
            ("istype", "is of type"),
            ("empty", "is empty"),
            ("nempty", "is not empty"),
            ("head", "head"),
            ("index", "index between"),
            ("tail", "tail"),
            ("jsonata_exp", "JSONata expression"),
            ("else", "otherwise"),
        ],
        "Rule",
        "The test. Comparisons are JavaScript's: \"10\" equals 10.",
    )
    .default("\"eq\"")
    .required(),
    Field::typed(
        "v",
        "vt",
        VALUE_TYPES,
        "Value",
        "What the property is compared with; for \"is of type\" the type; for head and tail how many messages.",
    )
    .visible_if(
        "t",
        &[
            "eq", "neq", "lt", "lte", "gt", "gte", "hask", "btwn", "cont", "regex", "istype", "head", "index",
            "tail", "jsonata_exp",
        ],
    ),
    Field::typed("v2", "v2t", VALUE_TYPES, "And", "The other end of the range.")
        .visible_if("t", &["btwn", "index"]),
    Field::bool("case", "Ignore case", "Upper and lower case are the same.").visible_if("t", &["regex"]),
];

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    rules: Option<Vec<RuleConfig>>,
    #[serde(default)]
    property: Option<Json>,
    #[serde(default, rename = "propertyType")]
    property_type: Option<String>,
    /// Only the text `"false"` stops at the first match; Node-RED takes the boolean for true.
    #[serde(default)]
    checkall: Json,
    #[serde(default, deserialize_with = "read::boolean")]
    repair: bool,
}

#[derive(Deserialize)]
struct RuleConfig {
    #[serde(deserialize_with = "read::text")]
    t: String,
    #[serde(default, deserialize_with = "present")]
    v: Option<Json>,
    #[serde(default)]
    vt: Option<String>,
    #[serde(default, deserialize_with = "present")]
    v2: Option<Json>,
    #[serde(default)]
    v2t: Option<String>,
    #[serde(default, deserialize_with = "read::boolean")]
    case: bool,
}

/// A null that is written down is a value.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Json>, D::Error> {
    Json::deserialize(deserializer).map(Some)
}

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    let config: Config = config.read()?;
    let kind = config.property_type.as_deref().filter(|kind| !kind.is_empty()).unwrap_or("msg");
    let property = config.property.unwrap_or_else(|| Json::from("payload"));
    let rules = config.rules.unwrap_or_default();
    let rules = rules.iter().enumerate().map(|(at, rule)| Rule::parse(rule, &format!("/rules/{at}")));
    let rules = rules.collect::<Result<Vec<_>, _>>()?;
    Ok(Built::transform(Switch {
        sequences: Sequences::new(config.repair, &rules),
        decider: Decider {
            property: Typed::parse(&property, kind, "/property")?,
            first_only: config.checkall == "false",
            previous: rules.iter().any(Rule::uses_previous).then_some(Some(Value::Null)),
            rules,
            matched: Vec::new(),
        },
    }))
}

struct Switch {
    decider: Decider,
    sequences: Sequences,
}

/// Finds the outputs of a message.
struct Decider {
    property: Typed,
    rules: Vec<Rule>,
    first_only: bool,
    /// The property in the message before, where a rule asks for it.
    previous: Option<Option<Value>>,
    /// The outputs of the message at hand; kept so that its memory is.
    matched: Vec<usize>,
}

impl Transform for Switch {
    fn handle(&mut self, msg: &mut Option<Message>, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        let Some(message) = msg.as_ref() else { return Ok(()) };
        if self.sequences.wait() && parts(&message.value).is_some() {
            return self.sequences.gather(msg, &mut self.decider, cx);
        }
        self.decider.decide(&message.value, cx)?;
        if let Some((last, others)) = self.decider.matched.split_last() {
            for port in others {
                cx.send(*port, message.clone());
            }
            if let Some(message) = msg.take() {
                cx.send(*last, message);
            }
        }
        // Node-RED's switch tells no Complete node of what it passed on.
        cx.not_done();
        Ok(())
    }
}

impl Decider {
    /// Puts the outputs that the message goes to into `matched`.
    fn decide(&mut self, msg: &Object, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        self.matched.clear();
        if self.rules.is_empty() {
            return Ok(());
        }
        let property = match rule::look(&self.property, msg, cx) {
            Ok(property) => property,
            Err(error) => {
                cx.warn(error.message());
                return Ok(());
            }
        };
        let mut input = Input {
            msg,
            property: property.as_deref(),
            previous: self.previous.as_ref().and_then(Option::as_ref),
            no_match: true,
        };
        for (port, rule) in self.rules.iter().enumerate() {
            let matches = rule.test(&input, cx)?;
            input.no_match |= rule.is_else();
            if matches {
                input.no_match = false;
                self.matched.push(port);
                if self.first_only {
                    break;
                }
            }
        }
        if let Some(previous) = &mut self.previous {
            *previous = property.map(Cow::into_owned);
        }
        Ok(())
    }
}

/// Where a message stands in its sequence, if it is part of one.
fn parts(msg: &Object) -> Option<&Object> {
    let parts = msg.get("parts")?.as_object()?;
    (parts.contains_key("id") && parts.contains_key("index")).then_some(parts)
}

#[cfg(test)]
#[path = "switch_tests.rs"]
mod tests;

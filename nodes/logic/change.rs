//! Change: sets, changes, deletes and moves properties of messages and contexts.

mod config;
mod replace;
mod rule;

use self::rule::Rule;
use crate::cx::Cx;
use crate::descriptor::{Category, Descriptor, Field, Outputs, Role};
use crate::error::NodeError;
use crate::message::Message;
use crate::node::{Built, NodeConfig, NodeType, Transform};

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "change",
    category: Category::Function,
    summary: "Sets, changes, deletes and moves properties of messages and contexts.",
    help: include_str!("change.md"),
    examples: include_str!("change.examples.json"),
    inputs: 1,
    outputs: Outputs::Fixed(1),
    role: Role::Transform,
    fields: &[
        Field::list("rules", RULE, "Rules", "What is done, from the top.")
            .default(r#"[{"t":"set","p":"payload","pt":"msg","to":"","tot":"str"}]"#),
        Field::choice(
            "action",
            &[("", "none"), ("replace", "set"), ("change", "change"), ("delete", "delete"), ("move", "move")],
            "Action",
            "The one rule of flows from before there were lists of rules; read where there is no list.",
        )
        .default("\"\"")
        .visible_if("action", OLD),
        Field::text("property", "Property", "The property of that rule.").visible_if("action", OLD),
        Field::text("from", "From", "What that rule searches for.").visible_if("action", OLD),
        Field::text("to", "To", "What that rule sets or replaces with.").visible_if("action", OLD),
        Field::bool("reg", "Regular expression", "Whether that rule searches by a regular expression.")
            .visible_if("action", OLD),
    ],
};

const OLD: &[&str] = &["replace", "change", "delete", "move"];

const PLACES: &[&str] = &["msg", "flow", "global"];

const RULE: &[Field] = &[
    Field::choice(
        "t",
        &[("set", "Set"), ("change", "Change"), ("delete", "Delete"), ("move", "Move")],
        "Action",
        "Set gives a property a value, change replaces text in it, move gives it another name.",
    )
    .default("\"set\"")
    .required(),
    Field::typed("p", "pt", PLACES, "Property", "The property that the rule works on.")
        .default("\"payload\"")
        .required(),
    Field::typed(
        "from",
        "fromt",
        &["str", "num", "bool", "re", "msg", "flow", "global", "env"],
        "Search for",
        "Text is replaced wherever it stands in the property; a number or boolean only where it is all of it.",
    )
    .visible_if("t", &["change"]),
    Field::typed(
        "to",
        "tot",
        &["str", "num", "bool", "json", "bin", "date", "msg", "flow", "global", "env", "jsonata"],
        "To",
        "The new value; for move the new name, on the message or a context.",
    )
    .visible_if("t", &["set", "change", "move"]),
    Field::bool("dc", "Deep copy", "Values are always copied when one of the two changes; kept for old flows.")
        .visible_if("t", &["set"]),
    Field::bool("re", "Regular expression", "An older way to say that \"search for\" is a regular expression.")
        .visible_if("re", &["true"]),
];

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    Ok(Built::transform(Change { rules: config::rules(config)? }))
}

struct Change {
    rules: Vec<Rule>,
}

impl Transform for Change {
    fn start(&mut self, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        for rule in &mut self.rules {
            rule.start(cx)?;
        }
        Ok(())
    }

    fn handle(&mut self, msg: &mut Option<Message>, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        let Some(message) = msg.as_mut() else { return Ok(()) };
        let mut changed = false;
        for rule in &self.rules {
            changed |= rule.apply(message, cx)?;
        }
        if changed {
            cx.done_with(message);
        }
        if let Some(message) = msg.take() {
            cx.send(0, message);
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "change_tests.rs"]
mod tests;

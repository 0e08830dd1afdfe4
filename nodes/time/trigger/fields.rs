//! What trigger says about itself.

use crate::descriptor::{Category, Descriptor, Field, Outputs, Role};

const FIRST: &[&str] = &["str", "pay", "nul", "num", "bool", "json", "bin", "date", "env", "flow", "global"];
const SECOND: &[&str] =
    &["str", "pay", "payl", "nul", "num", "bool", "json", "bin", "date", "env", "flow", "global"];

pub static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "trigger",
    category: Category::Function,
    summary: "Sends a message, and another one after a while.",
    help: include_str!("../trigger.md"),
    examples: include_str!("../trigger.examples.json"),
    inputs: 1,
    outputs: Outputs::Field("outputs"),
    role: Role::Transform,
    fields: &[
        Field::typed(
            "op1",
            "op1type",
            FIRST,
            "Send",
            "The payload of the first message: a value, which may have {{mustache}} in it, the existing payload (pay), \
             or no message at all (nul).",
        )
        .default("\"1\""),
        Field::number(
            "duration",
            "For",
            "How long to wait. 0 waits until it is reset; a negative time resends the message at that interval.",
        )
        .default("\"250\""),
        Field::choice(
            "units",
            &[("ms", "Milliseconds"), ("s", "Seconds"), ("min", "Minutes"), ("hr", "Hours")],
            "Unit",
            "The unit of that time.",
        )
        .default("\"ms\""),
        Field::typed(
            "op2",
            "op2type",
            SECOND,
            "Then send",
            "The payload of the second message: a value, the payload of the first message (pay), the latest message \
             (payl), or no message at all (nul).",
        )
        .default("\"0\""),
        Field::bool("extend", "Extend", "Each new message starts the time anew.").default("\"false\""),
        Field::bool("overrideDelay", "Allow msg.delay", "A message may bring the time to wait, in milliseconds.")
            .default("false"),
        Field::text("reset", "Reset by", "A payload that resets, beside any message with a property reset.")
            .default("\"\""),
        Field::choice(
            "bytopic",
            &[("all", "All messages together"), ("topic", "Each topic by itself")],
            "Handling",
            "Whether topics are told apart.",
        )
        .default("\"all\""),
        Field::text("topic", "Topic", "The property that has the topic.")
            .default("\"topic\"")
            .visible_if("bytopic", &["topic"]),
        Field::choice(
            "outputs",
            &[("1", "One"), ("2", "Two: the second message goes to the second")],
            "Outputs",
            "Whether the second message has an output of its own.",
        )
        .default("1"),
    ],
};

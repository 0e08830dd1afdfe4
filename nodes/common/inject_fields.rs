//! What inject says about itself.

use crate::descriptor::{Category, Descriptor, Field, Outputs, Role};

const TYPES: &[&str] =
    &["str", "num", "bool", "json", "bin", "date", "jsonata", "env", "msg", "flow", "global"];

const PROPERTY: &[Field] = &[
    Field::text("p", "Property", "Where in the message the value goes: payload, topic, a.b[0].").required(),
    Field::typed("v", "vt", TYPES, "Value", "The value. It is found anew for every message."),
];

pub static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "inject",
    category: Category::Common,
    summary: "Makes messages by a button, at an interval or at set times.",
    help: include_str!("inject.md"),
    examples: include_str!("inject.examples.json"),
    inputs: 0,
    outputs: Outputs::Fixed(1),
    role: Role::Source,
    fields: &[
        Field::list("props", PROPERTY, "Properties", "What each message holds, set from top to bottom.")
            .default(r#"[{"p":"payload"},{"p":"topic","vt":"str"}]"#),
        Field::number("repeat", "Every", "Seconds between messages. Empty: no interval.")
            .range(0.0, 2_147_483.0)
            .default("\"\""),
        Field::text(
            "crontab",
            "At times",
            "A cron expression in the gateway's time zone: minute, hour, day, month, weekday, with seconds in \
             front where wanted. It counts only when there is no interval.",
        )
        .default("\"\""),
        Field::bool("once", "At start", "Also send one message after the flow has started.").default("false"),
        Field::number("onceDelay", "Delay", "Seconds from the start of the flow to that message.")
            .at_least(0.0)
            .default("0.1")
            .visible_if("once", &["true"]),
        Field::text("topic", "Topic", "The value of a property topic that has none in the list.").default("\"\""),
        Field::typed(
            "payload",
            "payloadType",
            TYPES,
            "Payload",
            "The value of a property payload that has none in the list.",
        )
        .default("\"\""),
    ],
};

//! What the form of join shows, and its help.

use crate::descriptor::{Category, Descriptor, Field, FieldKind, Outputs, Role};

pub static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "join",
    category: Category::Sequence,
    summary: "Makes one message from a sequence of messages.",
    help: include_str!("join.md"),
    examples: include_str!("join.examples.json"),
    inputs: 1,
    outputs: Outputs::Fixed(1),
    role: Role::Transform,
    fields: &[
        Field::choice(
            "mode",
            &[("auto", "automatic"), ("custom", "manual"), ("reduce", "reduce sequence")],
            "Mode",
            "Automatic undoes a split, manual goes by the rules below, reduce computes one value with an expression.",
        )
        .default(r#""auto""#),
        Field::choice(
            "build",
            &[
                ("string", "a string"),
                ("buffer", "a buffer"),
                ("array", "an array"),
                ("object", "a key/value object"),
                ("merged", "a merged object"),
            ],
            "Create",
            "What the messages are joined to.",
        )
        .default(r#""object""#)
        .visible_if("mode", &["custom"]),
        Field::typed(
            "property",
            "propertyType",
            &["msg", "full"],
            "Combine each",
            "The property of each message that is joined, or the whole message. The result goes to the same property; \
             of whole messages to the payload.",
        )
        .default(r#""payload""#)
        .visible_if("mode", &["custom"]),
        Field::text("key", "Using the value of", "The property of each message that names its key in the object.")
            .default(r#""topic""#)
            .visible_if("build", &["object"]),
        Field::typed(
            "joiner",
            "joinerType",
            &["str", "bin"],
            "Join using",
            "What stands between the parts of a string or buffer: a text (\\n, \\r and \\t are understood) or a list of bytes.",
        )
        .default(r#""\\n""#)
        .visible_if("build", &["string", "buffer"]),
        Field::number("count", "After a number of messages", "Sends when so many have come. Empty: as msg.parts.count says.")
            .at_least(0.0)
            .visible_if("mode", &["custom"]),
        Field::bool(
            "accumulate",
            "And every later message",
            "Goes on with the same object after it was sent: every later message changes it and sends it again.",
        )
        .default("false")
        .visible_if("build", &["object", "merged"]),
        Field::number("timeout", "After a timeout of seconds", "Sends what has come, so long after the first message. Empty: never.")
            .at_least(0.0)
            .visible_if("mode", &["custom"]),
        Field::bool(
            "useparts",
            "Use msg.parts",
            "Lets msg.parts of the messages say how many there are, where no number is given.",
        )
        .default("false")
        .visible_if("mode", &["custom"]),
        Field::new(
            "reduceExp",
            FieldKind::Code("jsonata"),
            "Reduce expression",
            "JSONata for each message: $A is the value so far, $I the index, $N the number of messages.",
        )
        .visible_if("mode", &["reduce"]),
        Field::typed(
            "reduceInit",
            "reduceInitType",
            &["str", "num", "bool", "json", "bin", "date", "flow", "global", "env", "jsonata"],
            "Initial value",
            "What $A is for the first message.",
        )
        .visible_if("mode", &["reduce"]),
        Field::new(
            "reduceFixup",
            FieldKind::Code("jsonata"),
            "Fix-up expression",
            "JSONata for the end: $A is the value, $N the number of messages. Empty: none.",
        )
        .visible_if("mode", &["reduce"]),
        Field::bool("reduceRight", "In reverse order", "Takes the last message of the sequence first.")
            .default("false")
            .visible_if("mode", &["reduce"]),
    ],
};

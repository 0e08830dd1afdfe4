//! What delay says about itself.

use crate::descriptor::{Category, Descriptor, Field, Outputs, Role};

const UNITS: &[(&str, &str)] = &[
    ("milliseconds", "Milliseconds"),
    ("seconds", "Seconds"),
    ("minutes", "Minutes"),
    ("hours", "Hours"),
    ("days", "Days"),
];

const RATED: &[&str] = &["rate", "burst", "queue", "timed"];

pub static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "delay",
    category: Category::Function,
    summary: "Holds messages back for a time, or to a rate.",
    help: include_str!("../delay.md"),
    examples: include_str!("../delay.examples.json"),
    inputs: 1,
    outputs: Outputs::Field("outputs"),
    role: Role::Transform,
    fields: &[
        Field::choice(
            "pauseType",
            &[
                ("delay", "Delay each message by a fixed time"),
                ("delayv", "Delay each message by msg.delay"),
                ("random", "Delay each message by a random time"),
                ("rate", "Limit the rate of all messages"),
                ("burst", "Limit the rate, but let bursts through"),
                ("queue", "Send one message of the next topic at a time"),
                ("timed", "Send the latest of every topic at a time"),
            ],
            "Action",
            "How messages are held back.",
        )
        .default("\"delay\""),
        Field::number("timeout", "For", "How long a message is held; for msg.delay, where a message has none.")
            .at_least(0.0)
            .default("\"5\"")
            .visible_if("pauseType", &["delay", "delayv"]),
        Field::choice("timeoutUnits", UNITS, "Unit", "The unit of that time.")
            .default("\"seconds\"")
            .visible_if("pauseType", &["delay", "delayv"]),
        Field::number("randomFirst", "From", "The shortest random time.")
            .at_least(0.0)
            .default("\"1\"")
            .visible_if("pauseType", &["random"]),
        Field::number("randomLast", "To", "The longest random time.")
            .at_least(0.0)
            .default("\"5\"")
            .visible_if("pauseType", &["random"]),
        Field::choice("randomUnits", UNITS, "Unit", "The unit of the random times.")
            .default("\"seconds\"")
            .visible_if("pauseType", &["random"]),
        Field::number("rate", "Rate", "How many messages go on in the time below.")
            .at_least(0.0)
            .default("\"1\"")
            .visible_if("pauseType", RATED),
        Field::number("nbRateUnits", "Per", "How many units long that time is.")
            .at_least(0.0)
            .default("\"1\"")
            .visible_if("pauseType", RATED),
        Field::choice(
            "rateUnits",
            &[("second", "Seconds"), ("minute", "Minutes"), ("hour", "Hours"), ("day", "Days")],
            "Unit",
            "The unit of that time.",
        )
        .default("\"second\"")
        .visible_if("pauseType", RATED),
        Field::bool(
            "drop",
            "Drop",
            "Do not queue what comes faster than the rate: drop it, or send it to the second output.",
        )
        .default("false")
        .visible_if("pauseType", &["rate"]),
        Field::bool("allowrate", "Allow msg.rate", "A message may set the milliseconds between messages in msg.rate.")
            .default("false")
            .visible_if("pauseType", &["rate", "queue", "timed"]),
        Field::choice(
            "outputs",
            &[("1", "One"), ("2", "Two: the second for what is not sent")],
            "Outputs",
            "With two, messages over the rate, and those that a newer one of their topic replaces, go to the second.",
        )
        .default("1"),
    ],
};

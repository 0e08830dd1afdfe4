//! What `mqtt in` says about itself.

use crate::descriptor::{Category, Descriptor, Field, FieldKind, Outputs, Role};

pub static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "mqtt in",
    category: Category::Network,
    summary: "Subscribes to topics of an MQTT broker, and acknowledges each message when the flow is done with it.",
    help: include_str!("mqtt_in.md"),
    examples: include_str!("mqtt_in.examples.json"),
    inputs: 1,
    outputs: Outputs::Fixed(1),
    role: Role::Connector,
    fields: &[
        Field::new("broker", FieldKind::Resource("mqtt-broker"), "Server", "The connection that it uses.").required(),
        Field::choice(
            "inputs",
            &[("0", "to one topic"), ("1", "as messages say")],
            "Subscribe",
            "To the topic below, or to what messages with an action say.",
        )
        .default("0"),
        Field::text("topic", "Topic", "What it subscribes to: + stands for a level, # for all below; $share/NAME/TOPIC shares the messages among the clients that name it.")
            .visible_if("inputs", &["0"]),
        Field::choice("qos", &[("0", "0: at most once"), ("1", "1: at least once"), ("2", "2: exactly once")], "QoS", "The highest quality of service in which messages are sent here.")
            .default("\"2\"")
            .visible_if("inputs", &["0"]),
        Field::choice(
            "datatype",
            &[
                ("auto-detect", "JSON as what it says, else text, else a buffer"),
                ("auto", "text, else a buffer"),
                ("buffer", "a buffer"),
                ("base64", "Base64 text"),
                ("utf8", "text"),
                ("json", "JSON; what is none is an error"),
            ],
            "Output",
            "What becomes of the payload.",
        )
        .default("\"auto-detect\""),
        Field::bool("nl", "Not what we publish", "MQTT 5: what this client publishes itself does not come here.").default("false"),
        Field::bool("rap", "Keep the retain flag", "MQTT 5: msg.retain is as it was published.").default("true"),
        Field::choice(
            "rh",
            &[("0", "send them"), ("1", "only for a new subscription"), ("2", "do not send them")],
            "Retained messages",
            "MQTT 5: what the broker does with what it has retained.",
        )
        .default("0"),
    ],
};

//! Properties that many widgets have.

use crate::descriptor::{Field, FieldKind};

pub const GROUP: Field = Field::new(
    "group",
    FieldKind::Resource("ui-group"),
    "Group",
    "The card of a page that it stands on. Empty: a page of its own for all such widgets.",
);

pub const ORDER: Field =
    Field::number("order", "Order", "Its place in the group: the smallest number comes first.").default("0");

pub const WIDTH: Field = Field::number(
    "width",
    "Width",
    "In columns of its group, which has as many as its own width. 0: all of them.",
)
.range(0.0, 24.0)
.default("0");

pub const HEIGHT: Field =
    Field::number("height", "Height", "In rows. 0: as high as it has to be.").range(0.0, 24.0).default("0");

pub const LABEL: Field = Field::text("label", "Label", "What people read beside it. Plain text.");

/// The topic of what a person sends.
pub const TOPIC: Field = Field::typed(
    "topic",
    "topicType",
    &["str", "msg", "flow", "global", "env"],
    "Topic",
    "The topic of each message. One of the message at hand is there only when a message has come in.",
)
.default("\"topic\"");

/// A property of Node-RED's dashboard that means nothing here. It is kept, and no form shows it.
pub const fn kept(name: &'static str) -> Field {
    Field::new(
        name,
        FieldKind::Json,
        "Of Node-RED's dashboard",
        "Kept for Node-RED's dashboard, and not used here.",
    )
    .visible_if("group", &[])
}

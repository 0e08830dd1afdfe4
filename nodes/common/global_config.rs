//! Global configuration: environment values for all flows.

use crate::descriptor::{Category, Descriptor, Field, FieldKind, Outputs, Role};
use crate::node::{Built, NodeType};

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build: |_| Ok(Built::note()) };

const VARIABLE: &[Field] = &[
    Field::text("name", "Name", "What flows write to get it: ${NAME}.").required(),
    Field::typed(
        "value",
        "type",
        &["str", "num", "bool", "json", "bin", "env", "jsonata", "cred"],
        "Value",
        "The value, where no tab, subflow or group nearer to the node has one of that name.",
    ),
];

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "global-config",
    category: Category::Config,
    summary: "Environment values for all flows.",
    help: include_str!("global_config.md"),
    examples: "[]",
    inputs: 0,
    outputs: Outputs::Fixed(0),
    role: Role::Note,
    fields: &[
        Field::list("env", VARIABLE, "Environment", "Values that every flow can use.").default("[]"),
        Field::new(
            "modules",
            FieldKind::Json,
            "Modules",
            "The packages that Node-RED noted when it exported the flow. Kept, not used.",
        ),
    ],
};

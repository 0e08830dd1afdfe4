//! What a node says about itself. Palette, form, validation, reference and example tests are made from it,
//! so nothing outside a node's folder needs to know the node.

/// All there is to know about a node type before one is built.
#[derive(Debug)]
pub struct Descriptor {
    /// The `type` in the flow JSON: Node-RED's to the letter where Node-RED has the node.
    pub type_name: &'static str,
    pub category: Category,
    /// One sentence for the palette.
    pub summary: &'static str,
    /// The help page, Markdown, compiled in from the node's folder.
    pub help: &'static str,
    /// Runnable examples: flow tests (docs/flow-tests.md) as JSON text, compiled in from the node's folder.
    pub examples: &'static str,
    /// 1 when it takes messages, else 0.
    pub inputs: u8,
    pub outputs: Outputs,
    pub role: Role,
    pub fields: &'static [Field],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Category {
    Common,
    Function,
    Sequence,
    Parser,
    Network,
    Storage,
    Input,
    Output,
    /// What people see and use on a page.
    Dashboard,
    /// Shared by other nodes, not placed on the canvas.
    Config,
    /// Part of the document, not of the palette.
    Structure,
}

impl Category {
    pub const fn name(self) -> &'static str {
        match self {
            Category::Common => "common",
            Category::Function => "function",
            Category::Sequence => "sequence",
            Category::Parser => "parser",
            Category::Network => "network",
            Category::Storage => "storage",
            Category::Input => "input",
            Category::Output => "output",
            Category::Dashboard => "dashboard",
            Category::Config => "config",
            Category::Structure => "structure",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outputs {
    Fixed(u8),
    /// As many as the number in this property says.
    Field(&'static str),
    /// As many as this list property has items.
    ItemsOf(&'static str),
    /// As many as the wires in the document have.
    Wires,
}

/// What the engine has to do for it beyond handing it messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Transform,
    /// Makes messages of its own: each takes a credit, and Inject's button acts on it.
    Source,
    /// Talks to the world.
    Connector,
    /// A connection that other nodes share.
    Resource,
    /// Documents the flow; nothing runs.
    Note,
}

/// One property of a node. A field without help does not pass the tests.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    pub name: &'static str,
    pub label: &'static str,
    pub help: &'static str,
    pub kind: FieldKind,
    /// As JSON text.
    pub default: Option<&'static str>,
    pub required: bool,
    /// Never logged, never exported, sealed at rest; stands among the node's credentials.
    pub secret: bool,
    /// For numbers the smallest and largest value, for text its length, for lists their size.
    pub min: Option<f64>,
    pub max: Option<f64>,
    /// Shown in the form only while that property has one of these values.
    pub visible_if: Option<(&'static str, &'static [&'static str])>,
}

#[derive(Debug, Clone, Copy)]
pub enum FieldKind {
    Text,
    /// Text in an editor of its own: `rhai`, `json`, `mustache`, ...
    Code(&'static str),
    Number,
    Integer,
    Bool,
    /// One of these values, each with its label.
    Choice(&'static [(&'static str, &'static str)]),
    /// A typed value: the value here, its type (`str`, `num`, `msg`, ...) in the property `type_field`.
    Typed {
        type_field: &'static str,
        types: &'static [&'static str],
    },
    /// The id of a config node of this type.
    Resource(&'static str),
    /// Ids of nodes in the flow.
    Nodes,
    List(&'static [Field]),
    /// An object with these properties.
    Group(&'static [Field]),
    /// Anything JSON can say.
    Json,
}

impl Field {
    pub const fn new(name: &'static str, kind: FieldKind, label: &'static str, help: &'static str) -> Field {
        Field {
            name,
            label,
            help,
            kind,
            default: None,
            required: false,
            secret: false,
            min: None,
            max: None,
            visible_if: None,
        }
    }

    pub const fn text(name: &'static str, label: &'static str, help: &'static str) -> Field {
        Field::new(name, FieldKind::Text, label, help)
    }

    pub const fn number(name: &'static str, label: &'static str, help: &'static str) -> Field {
        Field::new(name, FieldKind::Number, label, help)
    }

    pub const fn integer(name: &'static str, label: &'static str, help: &'static str) -> Field {
        Field::new(name, FieldKind::Integer, label, help)
    }

    pub const fn bool(name: &'static str, label: &'static str, help: &'static str) -> Field {
        Field::new(name, FieldKind::Bool, label, help)
    }

    pub const fn choice(
        name: &'static str,
        options: &'static [(&'static str, &'static str)],
        label: &'static str,
        help: &'static str,
    ) -> Field {
        Field::new(name, FieldKind::Choice(options), label, help)
    }

    pub const fn typed(
        name: &'static str,
        type_field: &'static str,
        types: &'static [&'static str],
        label: &'static str,
        help: &'static str,
    ) -> Field {
        Field::new(name, FieldKind::Typed { type_field, types }, label, help)
    }

    pub const fn list(
        name: &'static str,
        fields: &'static [Field],
        label: &'static str,
        help: &'static str,
    ) -> Field {
        Field::new(name, FieldKind::List(fields), label, help)
    }

    /// The value a form starts with, as JSON text.
    pub const fn default(mut self, json: &'static str) -> Field {
        self.default = Some(json);
        self
    }

    pub const fn required(mut self) -> Field {
        self.required = true;
        self
    }

    pub const fn secret(mut self) -> Field {
        self.secret = true;
        self
    }

    pub const fn range(mut self, min: f64, max: f64) -> Field {
        self.min = Some(min);
        self.max = Some(max);
        self
    }

    pub const fn at_least(mut self, min: f64) -> Field {
        self.min = Some(min);
        self
    }

    pub const fn visible_if(mut self, field: &'static str, values: &'static [&'static str]) -> Field {
        self.visible_if = Some((field, values));
        self
    }
}

/// Properties that every node has in the document; a node's own fields come on top.
pub const COMMON_PROPERTIES: &[&str] = &[
    "id",
    "type",
    "z",
    "g",
    "x",
    "y",
    "w",
    "h",
    "l",
    "d",
    "name",
    "info",
    "icon",
    "wires",
    "env",
    "inputLabels",
    "outputLabels",
    "credentials",
    "_alias",
    "_flow",
    "_mcu",
];

//! `tidegate nodes`: which nodes this gateway has.

use clap::Args;
use serde_json::{Value as Json, json};
use tidegate_nodes::descriptor::{Descriptor, Field, FieldKind, Outputs};

use super::{Outcome, output};
use crate::flow;

/// List the nodes that this gateway has, or show one with its options and help
#[derive(Debug, Args)]
pub struct Nodes {
    /// A node type, such as `switch`
    #[arg(value_name = "TYPE")]
    type_name: Option<String>,
    /// Print JSON: one object a node
    #[arg(long)]
    json: bool,
}

impl Nodes {
    pub fn run(self) -> anyhow::Result<Outcome> {
        let all: Vec<&Descriptor> = tidegate_nodes::all().map(|node| node.descriptor).collect();
        let Some(name) = &self.type_name else {
            for descriptor in all {
                match self.json {
                    true => output::json_line(&describe(descriptor))?,
                    false => output::line(format_args!(
                        "{:<18} {:<10} {}",
                        descriptor.type_name,
                        descriptor.category.name(),
                        descriptor.summary
                    )),
                }
            }
            return Ok(Outcome::Done);
        };
        let Some(found) = all.iter().find(|descriptor| descriptor.type_name == name) else {
            let near = flow::nearest(name, all.iter().map(|descriptor| descriptor.type_name));
            let hint = near.first().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            anyhow::bail!("no node type `{name}`{hint} `tidegate nodes` lists them all");
        };
        match self.json {
            true => output::json_line(&describe(found))?,
            false => output::line(format_args!("{}", page(found))),
        }
        Ok(Outcome::Done)
    }
}

/// A node's page: what it does, its options, its help. The node reference is made of these.
pub fn page(descriptor: &Descriptor) -> String {
    let mut page =
        format!("# {}\n\n{}\n\n{}\n", descriptor.type_name, descriptor.summary, descriptor.help.trim());
    if !descriptor.fields.is_empty() {
        page.push_str("\n## Options\n\n");
        options(descriptor.fields, "", &mut page);
    }
    page
}

fn options(fields: &[Field], indent: &str, page: &mut String) {
    for field in fields {
        let default = field.default.map(|json| format!(" Default: `{json}`.")).unwrap_or_default();
        let required = if field.required { " Required." } else { "" };
        let kind = kind_name(&field.kind);
        page.push_str(&format!("{indent}- `{}` ({kind}): {}{required}{default}\n", field.name, field.help));
        if let FieldKind::Choice(options) = field.kind {
            for (value, label) in options {
                page.push_str(&format!("{indent}  - `{value}`: {label}\n"));
            }
        }
        if let FieldKind::List(fields) | FieldKind::Group(fields) = field.kind {
            options(fields, &format!("{indent}  "), page);
        }
    }
}

fn kind_name(kind: &FieldKind) -> String {
    match kind {
        FieldKind::Text => "text".to_string(),
        FieldKind::Code(language) => language.to_string(),
        FieldKind::Number => "number".to_string(),
        FieldKind::Integer => "whole number".to_string(),
        FieldKind::Bool => "yes or no".to_string(),
        FieldKind::Choice(_) => "choice".to_string(),
        FieldKind::Typed { types, type_field } => format!("typed by `{type_field}`: {}", types.join(", ")),
        FieldKind::Resource(kind) => format!("a `{kind}`"),
        FieldKind::Nodes => "nodes".to_string(),
        FieldKind::List(_) => "list".to_string(),
        FieldKind::Group(_) => "group".to_string(),
        FieldKind::Json => "JSON".to_string(),
    }
}

/// A descriptor as JSON: what the editor's forms are made from.
pub fn describe(descriptor: &Descriptor) -> Json {
    let outputs = match descriptor.outputs {
        Outputs::Fixed(n) => json!(n),
        Outputs::Field(name) => json!({ "field": name }),
        Outputs::ItemsOf(name) => json!({ "items_of": name }),
        Outputs::Wires => json!("wires"),
    };
    json!({
        "type": descriptor.type_name,
        "category": descriptor.category.name(),
        "summary": descriptor.summary,
        "help": descriptor.help,
        "inputs": descriptor.inputs,
        "outputs": outputs,
        "fields": descriptor.fields.iter().map(describe_field).collect::<Vec<_>>(),
    })
}

fn describe_field(field: &Field) -> Json {
    let mut json = json!({
        "name": field.name,
        "label": field.label,
        "help": field.help,
        "required": field.required,
        "secret": field.secret,
    });
    let (kind, detail) = match field.kind {
        FieldKind::Text => ("text", Json::Null),
        FieldKind::Code(language) => ("code", json!({ "language": language })),
        FieldKind::Number => ("number", Json::Null),
        FieldKind::Integer => ("integer", Json::Null),
        FieldKind::Bool => ("bool", Json::Null),
        FieldKind::Choice(options) => {
            let options: Vec<Json> =
                options.iter().map(|(value, label)| json!({ "value": value, "label": label })).collect();
            ("choice", json!({ "options": options }))
        }
        FieldKind::Typed { type_field, types } => {
            ("typed", json!({ "type_field": type_field, "types": types }))
        }
        FieldKind::Resource(of) => ("resource", json!({ "of": of })),
        FieldKind::Nodes => ("nodes", Json::Null),
        FieldKind::List(fields) => {
            ("list", json!({ "fields": fields.iter().map(describe_field).collect::<Vec<_>>() }))
        }
        FieldKind::Group(fields) => {
            ("group", json!({ "fields": fields.iter().map(describe_field).collect::<Vec<_>>() }))
        }
        FieldKind::Json => ("json", Json::Null),
    };
    json["kind"] = json!(kind);
    let default = field.default.and_then(|text| serde_json::from_str::<Json>(text).ok());
    let visible = field.visible_if.map(|(name, values)| json!({ "field": name, "values": values }));
    let more = [
        ("default", default),
        ("min", field.min.map(Json::from)),
        ("max", field.max.map(Json::from)),
        ("visible_if", visible),
    ];
    for (key, value) in more {
        if let Some(value) = value {
            json[key] = value;
        }
    }
    if let Json::Object(detail) = detail {
        for (key, value) in detail {
            json[key.as_str()] = value;
        }
    }
    json
}

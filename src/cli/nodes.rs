//! `tidegate nodes`: which nodes this gateway has.

use clap::Args;
use tidegate_nodes::descriptor::{Descriptor, Field, FieldKind};

use super::{Outcome, output};
use crate::flow::{self, describe};

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

//! `tidegate generate`: files that are made from what the nodes say about themselves, and flows to measure with.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde_json::{Value as Json, json};
use tidegate_nodes::descriptor::{Descriptor, FieldKind};

use super::nodes::page;
use super::{Outcome, output};

/// Generate the node reference, the description of the API, TypeScript types, or a large flow to measure with
#[derive(Debug, Args)]
pub struct Generate {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The node reference, as Markdown
    Reference(Output),
    /// What the HTTP API says about itself, as OpenAPI 3.1
    Openapi(Output),
    /// TypeScript types of all nodes' properties
    Types(Output),
    /// A flow of many small tabs, to measure start and deploy with
    Flow {
        #[arg(long, default_value_t = 200)]
        tabs: usize,
        /// Nodes a tab, at least 3
        #[arg(long, default_value_t = 7)]
        nodes: usize,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Debug, Args)]
struct Output {
    /// The file to write; without it, standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write nothing; fail when the file is not what would be written
    #[arg(long, requires = "out")]
    check: bool,
    /// Print JSON: the file's name and whether it changed
    #[arg(long)]
    json: bool,
}

impl Generate {
    pub fn run(self) -> anyhow::Result<Outcome> {
        match self.what {
            What::Reference(output) => output.give(&reference()),
            What::Openapi(output) => output.give(&openapi()?),
            What::Types(output) => output.give(&types()),
            What::Flow { tabs, nodes, output } => {
                if tabs * nodes > 100_000 {
                    bail!("{tabs} tabs of {nodes} nodes are more than a flow may have (100,000)");
                }
                output.give(&flow(tabs, nodes.max(3)))
            }
        }
    }
}

impl Output {
    fn give(&self, text: &str) -> anyhow::Result<Outcome> {
        let Some(path) = &self.out else {
            output::print(format_args!("{text}"));
            return Ok(Outcome::Done);
        };
        let before = std::fs::read_to_string(path).ok();
        let same = before.as_deref() == Some(text);
        if !same && !self.check {
            write(path, text)?;
        }
        let name = path.display().to_string();
        match (self.json, self.check && !same) {
            (true, _) => output::line(format_args!("{}", json!({ "file": name, "changed": !same }))),
            (false, true) => {
                eprintln!("{name} is not what `tidegate generate` makes: run it again without --check")
            }
            (false, false) => {
                output::line(format_args!("{name}: {}", if same { "unchanged" } else { "written" }))
            }
        }
        Ok(if self.check && !same { Outcome::Failed } else { Outcome::Done })
    }
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    std::fs::write(path, text).with_context(|| path.display().to_string())
}

fn openapi() -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(&crate::api::openapi())? + "\n")
}

/// One page of all nodes, by category.
pub fn reference() -> String {
    let mut text = String::from(
        "# Node reference\n\nMade by `tidegate generate reference` from what the nodes say about themselves.\n",
    );
    let mut all: Vec<&Descriptor> = tidegate_nodes::all().map(|node| node.descriptor).collect();
    all.sort_by_key(|descriptor| (descriptor.category as u8, descriptor.type_name));
    let mut category = "";
    for descriptor in all {
        if descriptor.category.name() != category {
            category = descriptor.category.name();
            text.push_str(&format!("\n## {category}\n"));
        }
        text.push('\n');
        text.push_str(&two_levels_down(&page(descriptor)));
    }
    text
}

/// A page within a page: its headings two levels down. A `#` in code is no heading.
fn two_levels_down(page: &str) -> String {
    let mut text = String::new();
    let mut in_code = false;
    for line in page.trim_end().lines() {
        if line.starts_with("```") {
            in_code = !in_code;
        }
        if line.starts_with('#') && !in_code {
            text.push_str("##");
        }
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// An interface a node type.
pub fn types() -> String {
    let mut text =
        String::from("// Made by `tidegate generate types` from what the nodes say about themselves.\n");
    let mut names = Vec::new();
    for node in tidegate_nodes::all() {
        let descriptor = node.descriptor;
        let name = pascal(descriptor.type_name);
        text.push_str(&format!("\n/** {} */\nexport interface {name} {{\n", descriptor.summary));
        text.push_str(&format!("  type: {:?};\n", descriptor.type_name));
        members(descriptor.fields, "  ", &mut text);
        text.push_str("}\n");
        names.push(name);
    }
    text.push_str(&format!("\nexport type AnyNode =\n  | {};\n", names.join("\n  | ")));
    text
}

fn members(fields: &[tidegate_nodes::descriptor::Field], indent: &str, text: &mut String) {
    for field in fields {
        let optional = if field.required { "" } else { "?" };
        text.push_str(&format!("{indent}/** {} */\n", field.help.replace("*/", "* /")));
        let kind = match field.kind {
            FieldKind::Text | FieldKind::Code(_) | FieldKind::Resource(_) => "string".to_string(),
            FieldKind::Number | FieldKind::Integer => "number | string".to_string(),
            FieldKind::Bool => "boolean | string".to_string(),
            FieldKind::Choice(options) => {
                options.iter().map(|(value, _)| format!("{value:?}")).collect::<Vec<_>>().join(" | ")
            }
            FieldKind::Typed { .. } | FieldKind::Json => "unknown".to_string(),
            FieldKind::Nodes => "string[]".to_string(),
            FieldKind::List(fields) | FieldKind::Group(fields) => {
                let mut inner = String::from("{\n");
                members(fields, &format!("{indent}  "), &mut inner);
                let many = if matches!(field.kind, FieldKind::List(_)) { "[]" } else { "" };
                format!("{inner}{indent}}}{many}")
            }
        };
        text.push_str(&format!("{indent}{}{optional}: {kind};\n", property(field.name)));
        if let FieldKind::Typed { type_field, types } = field.kind {
            let types = types.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(" | ");
            text.push_str(&format!("{indent}{}?: {types};\n", property(type_field)));
        }
    }
}

fn property(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !name.starts_with(|c: char| c.is_ascii_digit());
    if plain { name.to_string() } else { format!("{name:?}") }
}

fn pascal(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let upper = words.map(|word| word[..1].to_uppercase() + &word[1..]);
    upper.collect::<String>() + "Node"
}

/// Tabs of inject -> change ... -> debug.
fn flow(tabs: usize, nodes: usize) -> String {
    let mut all: Vec<Json> = Vec::new();
    for tab in 0..tabs {
        let id = |n: usize| format!("t{tab}n{n}");
        all.push(json!({"id": format!("t{tab}"), "type": "tab", "label": format!("Tab {tab}")}));
        let place = |n: usize| json!({"x": 120 + 160 * n, "y": 80});
        let node = |n: usize, kind: &str, more: Json| {
            let mut node = json!({"id": id(n), "type": kind, "z": format!("t{tab}"), "name": ""});
            let wires = if n + 1 == nodes { json!([]) } else { json!([[id(n + 1)]]) };
            for part in [more, place(n), json!({ "wires": wires })] {
                for (key, value) in part.as_object().into_iter().flatten() {
                    node[key.as_str()] = value.clone();
                }
            }
            node
        };
        let props = json!([{"p": "payload"}, {"p": "topic", "vt": "str"}]);
        all.push(node(0, "inject", json!({"props": props, "repeat": "", "crontab": "", "once": false, "payload": "1", "payloadType": "num", "topic": "a"})));
        for n in 1..nodes - 1 {
            let rules =
                json!([{"t": "set", "p": format!("n{n}"), "pt": "msg", "to": "payload", "tot": "msg"}]);
            all.push(node(n, "change", json!({ "rules": rules })));
        }
        all.push(node(nodes - 1, "debug", json!({"active": false, "tosidebar": true, "complete": "false"})));
    }
    let lines: Vec<String> = all.iter().map(Json::to_string).collect();
    format!("[\n{}\n]\n", lines.join(",\n"))
}

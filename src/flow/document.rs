//! Reading and writing flow files.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde_json::error::Category;
use serde_json::{Map, Value as Json};

use super::model::{Document, FlowNode, Limits};
use super::problem::Problem;
use super::text;

/// Longer ids than this would be repeated in every node of every subflow instance.
const LONGEST_ID: usize = 256;

impl Document {
    /// Reads a file. Its size is looked at before it is read.
    pub fn read(path: &Path, limits: &Limits) -> Result<Document, Vec<Problem>> {
        let unreadable = |error: std::io::Error| {
            vec![Problem::error("unreadable", "", format!("cannot read {}: {error}", path.display()))]
        };
        let file = File::open(path).map_err(unreadable)?;
        let size = file.metadata().map_err(unreadable)?.len();
        if size > limits.bytes {
            return Err(vec![too_large(size, limits)]);
        }
        // A pipe has no size to look at, and a file can grow meanwhile.
        let mut text = Vec::with_capacity(size as usize);
        file.take(limits.bytes + 1).read_to_end(&mut text).map_err(unreadable)?;
        Document::parse(&text, limits)
    }

    /// Parses a document. All that is wrong with its outer form is reported at once.
    pub fn parse(text: &[u8], limits: &Limits) -> Result<Document, Vec<Problem>> {
        if text.len() as u64 > limits.bytes {
            return Err(vec![too_large(text.len() as u64, limits)]);
        }
        let text = std::str::from_utf8(text).map_err(|e| vec![not_utf8(text, e.valid_up_to())])?;
        // Editors on Windows put a byte order mark in front.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let json = serde_json::from_str(text).map_err(|e| vec![not_json(text, &e)])?;
        Document::from_json(json, limits)
    }

    /// The same from JSON that is parsed already.
    pub fn from_json(json: Json, limits: &Limits) -> Result<Document, Vec<Problem>> {
        let (items, rev, base) = match json {
            Json::Array(items) => (items, None, ""),
            Json::Object(mut map) if map.get("flows").is_some_and(Json::is_array) => {
                let rev = map.get("rev").and_then(Json::as_str).map(str::to_string);
                match map.remove("flows") {
                    Some(Json::Array(items)) => (items, rev, "/flows"),
                    other => return Err(vec![not_an_array(&other.unwrap_or_default())]),
                }
            }
            other => return Err(vec![not_an_array(&other)]),
        };
        if items.len() > limits.nodes {
            let message =
                format!("the document has {} nodes, at most {} are read", items.len(), limits.nodes);
            return Err(vec![
                Problem::error("too-many-nodes", base, message)
                    .hint("split it over several gateways, or use subflows for what repeats"),
            ]);
        }
        let mut document = Document { nodes: Vec::with_capacity(items.len()), rev, base };
        let mut problems = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            match FlowNode::from_json(index, item) {
                Ok(node) => document.nodes.push(node),
                Err(problem) => {
                    problems.push(Problem { pointer: format!("{base}{}", problem.pointer), ..problem });
                }
            }
        }
        if problems.is_empty() { Ok(document) } else { Err(problems) }
    }

    /// The array form, one node a line, every property as it was read.
    pub fn to_json(&self) -> String {
        let lines: Vec<String> = self
            .nodes
            .iter()
            .map(|node| serde_json::to_string(&node.properties).expect("a map of JSON is JSON"))
            .collect();
        if lines.is_empty() { "[]\n".to_string() } else { format!("[\n{}\n]\n", lines.join(",\n")) }
    }
}

impl FlowNode {
    /// Takes an element of the array. The problem's pointer starts at the array.
    pub fn from_json(index: usize, json: Json) -> Result<FlowNode, Problem> {
        let Json::Object(properties) = json else {
            let message =
                format!("element {index} is {}, and every element is a node: an object", text::kind(&json));
            return Err(Problem::error("not-an-object", format!("/{index}"), message));
        };
        let id = name_of(index, &properties, "id")?;
        let type_name = name_of(index, &properties, "type").map_err(|problem| problem.about(id.clone()))?;
        if id.len() > LONGEST_ID {
            let message = format!(
                "the id {} is {} bytes long, at most {LONGEST_ID} are allowed",
                text::quoted(&id),
                id.len()
            );
            return Err(Problem::error("bad-id", format!("/{index}/id"), message));
        }
        let label = |key: &str| properties.get(key).and_then(Json::as_str).unwrap_or_default().to_string();
        let is_true = |key: &str| properties.get(key) == Some(&Json::Bool(true));
        let place = |key: &str| Some(label(key)).filter(|id| !id.is_empty());
        Ok(FlowNode {
            index,
            z: place("z"),
            g: place("g"),
            name: label(if type_name == "tab" { "label" } else { "name" }),
            disabled: is_true(if type_name == "tab" { "disabled" } else { "d" }),
            wires: wires(properties.get("wires")),
            id,
            type_name,
            properties,
        })
    }
}

/// `id` or `type`: a text that is not empty.
fn name_of(index: usize, properties: &Map<String, Json>, key: &'static str) -> Result<String, Problem> {
    let code = if key == "id" { "bad-id" } else { "bad-type" };
    let here = || {
        let known = ["type", "name", "label", "id"].iter().find_map(|key| properties.get(*key)?.as_str());
        known.map_or_else(
            || format!("element {index}"),
            |known| format!("element {index} ({})", text::plain(known)),
        )
    };
    let message = match properties.get(key) {
        Some(Json::String(text)) if !text.is_empty() => return Ok(text.clone()),
        Some(Json::String(_)) => format!("{} has an empty {key}", here()),
        Some(other) => format!("the {key} of {} is {}, it must be text", here(), text::kind(other)),
        None => format!("{} has no {key}", here()),
    };
    let pointer = if properties.contains_key(key) { format!("/{index}/{key}") } else { format!("/{index}") };
    Err(Problem::error(code, pointer, message))
}

/// The wires as far as they can be read; validation says what is wrong with the rest.
fn wires(json: Option<&Json>) -> Vec<Vec<String>> {
    let ports = json.and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    let targets = |port: &Json| -> Vec<String> {
        let targets = port.as_array().map(Vec::as_slice).unwrap_or_default();
        targets.iter().filter_map(Json::as_str).map(str::to_string).collect()
    };
    ports.iter().map(targets).collect()
}

fn too_large(size: u64, limits: &Limits) -> Problem {
    let message = format!("the document is {} large, at most {} are read", bytes(size), bytes(limits.bytes));
    Problem::error("too-large", "", message)
        .hint("data that a flow needs belongs into files or a store, not into the flow")
}

fn bytes(n: u64) -> String {
    const MIB: u64 = 1024 * 1024;
    if n >= MIB { format!("{} MiB", n.div_ceil(MIB)) } else { format!("{n} bytes") }
}

fn not_utf8(text: &[u8], at: usize) -> Problem {
    let line = 1 + text[..at].iter().filter(|byte| **byte == b'\n').count();
    let message = format!("the document is not UTF-8: byte {at} (in line {line}) is 0x{:02x}", text[at]);
    let utf16 = text.starts_with(&[0xff, 0xfe]) || text.starts_with(&[0xfe, 0xff]);
    let hint = if utf16 { "it looks like UTF-16: save it as UTF-8" } else { "save it as UTF-8" };
    Problem::error("not-utf8", "", message).hint(hint)
}

fn not_json(text: &str, error: &serde_json::Error) -> Problem {
    let place = format!("line {}, column {}", error.line(), error.column());
    let full = error.to_string();
    let why = full.split(" at line ").next().unwrap_or(&full);
    if why.starts_with("recursion limit") {
        let message = format!("the document is nested deeper than 127 levels ({place})");
        return Problem::error("too-deep", "", message);
    }
    if text.trim().is_empty() {
        return Problem::error("not-json", "", "the document is empty").hint("an empty flow is written []");
    }
    match error.classify() {
        Category::Eof => Problem::error("not-json", "", format!("the document ends in the middle ({place})"))
            .hint("is the file complete?"),
        _ => Problem::error("not-json", "", format!("the document is not JSON ({place}): {why}")),
    }
}

fn not_an_array(json: &Json) -> Problem {
    let message = format!("a flow document is a list of nodes, this is {}", text::kind(json));
    let hint = match json {
        Json::Object(map) if map.get("nodes").is_some_and(Json::is_array) => {
            Some("this looks like one flow of the API: export the whole document instead")
        }
        Json::Object(map) if map.contains_key("type") => Some("put the node into a list: [{...}]"),
        Json::Object(map) if map.contains_key("flows") => Some("\"flows\" must be a list"),
        _ => None,
    };
    Problem::error("not-an-array", "", message).hint_if(hint.map(str::to_string))
}

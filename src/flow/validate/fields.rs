//! Properties against what the node type says about its fields.

use std::collections::HashMap;

use serde_json::{Map, Value as Json};
use tidegate_nodes::descriptor::{COMMON_PROPERTIES, Descriptor, Field, FieldKind, Outputs};
use tidegate_nodes::typed::Typed;

use super::super::model::FlowNode;
use super::super::plan::Plan;
use super::super::problem::{Problem, Severity};
use super::super::substitute::reference;
use super::super::text::{did_you_mean, escape, kind, plain, quoted, shown};
use super::{Report, nearest};

type Object = Map<String, Json>;

pub(super) fn check_document(report: &mut Report<'_>) {
    for node in &report.document.nodes {
        if let Some(node_type) = tidegate_nodes::find(&node.type_name) {
            let mut check = Check { report, node, instance: None };
            check.object(&node.properties, node_type.descriptor.fields, "");
            check.unknown(&node.properties, node_type.descriptor);
        }
    }
}

/// Once more for nodes whose settings are filled in now.
pub(super) fn check_plan(report: &mut Report<'_>, plan: &Plan) {
    let types: HashMap<&str, &str> =
        plan.resources.iter().map(|node| (node.config.id.as_str(), node.config.type_name.as_str())).collect();
    for planned in plan.all().filter(|node| node.substituted) {
        let Some(node) = report.index.get(&planned.document_id) else { continue };
        let Some(node_type) = tidegate_nodes::find(&planned.config.type_name) else { continue };
        let mut check = Check { report, node, instance: Some(&types) };
        check.object(&planned.config.properties, node_type.descriptor.fields, "");
    }
}

struct Check<'r, 'd> {
    report: &'r mut Report<'d>,
    node: &'r FlowNode,
    /// In a plan: its config nodes and their types.
    instance: Option<&'r HashMap<&'r str, &'r str>>,
}

impl Check<'_, '_> {
    fn object(&mut self, object: &Object, fields: &'static [Field], pointer: &str) {
        for field in fields {
            if !is_visible(field, fields, object) {
                continue;
            }
            let credentials = object.get("credentials").filter(|_| field.secret && pointer.is_empty());
            let value = credentials.and_then(|c| c.get(field.name)).or_else(|| object.get(field.name));
            let pointer = format!("{pointer}/{}", escape(field.name));
            match value {
                None | Some(Json::Null) => self.absent(field, &pointer),
                Some(Json::String(text)) if text.is_empty() => self.absent(field, &pointer),
                // Looked at again when it is filled in.
                Some(Json::String(text)) if reference(text).is_some() => {}
                Some(value) => self.value(field, value, object, &pointer),
            }
        }
    }

    fn absent(&mut self, field: &Field, pointer: &str) {
        if field.required && field.default.is_none() {
            let message = format!("{} is missing", path(pointer));
            self.doubt("missing-field", pointer, message, Some(format!("{}: {}", field.label, field.help)));
        }
    }

    fn value(&mut self, field: &'static Field, value: &Json, object: &Object, pointer: &str) {
        match field.kind {
            FieldKind::Text | FieldKind::Code(_) => match value {
                Json::String(text) => self.range(field, text.chars().count() as f64, " characters", pointer),
                Json::Array(_) | Json::Object(_) => self.wrong_kind(field, "text", value, pointer),
                _ => {}
            },
            FieldKind::Number | FieldKind::Integer => self.number(field, value, pointer),
            FieldKind::Bool => {
                let fits = match value {
                    Json::Bool(_) | Json::Number(_) => true,
                    Json::String(text) => matches!(text.as_str(), "true" | "false" | "1" | "0"),
                    _ => false,
                };
                if !fits {
                    self.wrong_kind(field, "true or false", value, pointer);
                }
            }
            FieldKind::Choice(options) => {
                let options: Vec<&str> = options.iter().map(|(value, _)| *value).collect();
                self.choice(&options, value, "bad-choice", pointer);
            }
            FieldKind::Typed { type_field, types } => {
                self.typed(field, value, object.get(type_field), types, pointer, type_field);
            }
            FieldKind::Resource(type_name) => self.resource(type_name, value, pointer),
            FieldKind::Nodes => self.nodes(field, value, pointer),
            FieldKind::List(fields) => self.list(field, fields, value, pointer),
            FieldKind::Group(fields) => match value {
                Json::Object(group) => {
                    self.object(group, fields, pointer);
                    self.unknown_in(group, &known(fields), &[], pointer);
                }
                other => self.wrong_kind(field, "an object", other, pointer),
            },
            FieldKind::Json => {}
        }
    }

    fn number(&mut self, field: &Field, value: &Json, pointer: &str) {
        let number = match value {
            Json::Number(number) => number.as_f64(),
            Json::String(_) => {
                Some(tidegate_nodes::value::Value::from(value).to_number()).filter(|n| n.is_finite())
            }
            _ => None,
        };
        let Some(number) = number else { return self.wrong_kind(field, "a number", value, pointer) };
        if matches!(field.kind, FieldKind::Integer) && number.fract() != 0.0 {
            let message = format!("{}: expected a whole number, found {number}", path(pointer));
            self.doubt("not-whole", pointer, message, None);
        }
        self.range(field, number, "", pointer);
    }

    fn range(&mut self, field: &Field, size: f64, of: &str, pointer: &str) {
        let below = field.min.filter(|min| size < *min).map(|min| format!("at least {min}{of}"));
        let above = field.max.filter(|max| size > *max).map(|max| format!("at most {max}{of}"));
        if let Some(bound) = below.or(above) {
            let message = format!("{}: expected {bound}, found {size}", path(pointer));
            self.doubt("out-of-range", pointer, message, None);
        }
    }

    fn choice(&mut self, options: &[&str], value: &Json, code: &'static str, pointer: &str) {
        let text = match value {
            Json::String(text) => text.clone(),
            other => other.to_string(),
        };
        if options.contains(&text.as_str()) {
            return;
        }
        let message = format!("{}: there is no choice {}", path(pointer), shown(value));
        let near = did_you_mean(&nearest(&text, options.iter().copied()));
        let all: Vec<String> = options.iter().map(|option| quoted(option)).collect();
        self.doubt(
            code,
            pointer,
            message,
            near.or_else(|| Some(format!("the choices are {}", all.join(", ")))),
        );
    }

    fn typed(
        &mut self,
        field: &Field,
        value: &Json,
        kind: Option<&Json>,
        types: &[&str],
        pointer: &str,
        type_field: &str,
    ) {
        let Some(kind) = kind.and_then(Json::as_str).filter(|kind| !kind.is_empty()) else { return };
        let parent = pointer.rsplit_once('/').map_or("", |(parent, _)| parent);
        if !types.contains(&kind) {
            let type_pointer = format!("{parent}/{}", escape(type_field));
            return self.choice(types, &Json::from(kind), "bad-type-of-value", &type_pointer);
        }
        if let Err(error) = Typed::parse(value, kind, pointer) {
            let found = if field.secret { String::new() } else { format!("{}: ", shown(value)) };
            let message = format!("{}: {found}{}", path(pointer), error.message());
            self.doubt("bad-value", pointer, message, None);
        }
    }

    /// A config node: it has to be there, and be of that type.
    fn resource(&mut self, type_name: &'static str, value: &Json, pointer: &str) {
        let Json::String(id) = value else {
            let message =
                format!("{}: expected the id of a {type_name}, found {}", path(pointer), kind(value));
            return self.wrong("wrong-kind", pointer, message, None);
        };
        // What Node-RED's editor writes for "none".
        if matches!(id.as_str(), "_ADD_" | "__ADD__" | "__NONE__") {
            return;
        }
        let found = match self.instance.and_then(|types| types.get(id.as_str())) {
            Some(found) => Some((*found).to_string()),
            None => self.report.index.get(id).map(|node| node.type_name.clone()),
        };
        match found {
            Some(found) if found == type_name => {}
            // In a plan, a config node that is not running was reported where it stands.
            Some(found) => {
                let message = format!(
                    "{}: expected a {type_name}, and {} is a {}",
                    path(pointer),
                    quoted(id),
                    plain(&found)
                );
                self.wrong("wrong-resource", pointer, message, None);
            }
            None => {
                let document = self.report.document;
                let candidates = || document.nodes.iter().filter(|node| node.type_name == type_name);
                let look = self.report.suggestions_left > 0;
                let near = self.report.did_you_mean(id, candidates().map(|node| node.id.as_str()));
                let others = || match (candidates().next(), candidates().nth(1)) {
                    (None, _) => Some(format!("the document has no {type_name}: add one")),
                    (Some(only), None) => Some(format!("there is {only}")),
                    _ => None,
                };
                let hint = near.or_else(|| if look { others() } else { None });
                let message =
                    format!("{}: the {type_name} {} is not in the document", path(pointer), quoted(id));
                self.wrong("missing-resource", pointer, message, hint);
            }
        }
    }

    /// Ids of other nodes: a list, one id, or a word such as `group`.
    fn nodes(&mut self, field: &Field, value: &Json, pointer: &str) {
        let items = match value {
            Json::Array(items) => items,
            Json::String(_) | Json::Bool(_) => return,
            other => return self.wrong_kind(field, "a list of ids", other, pointer),
        };
        if self.instance.is_some() {
            return;
        }
        for (at, item) in items.iter().enumerate() {
            let pointer = format!("{pointer}/{at}");
            let Json::String(id) = item else {
                self.wrong_kind(field, "the id of a node", item, &pointer);
                continue;
            };
            if self.report.index.get(id).is_some() || id.is_empty() {
                continue;
            }
            let document = self.report.document;
            let near = self.report.did_you_mean(id, document.nodes.iter().map(|node| node.id.as_str()));
            let message = format!("{}: {} is not in the document", path(&pointer), quoted(id));
            self.report.add(Severity::Warning, "missing-node", self.node, &pointer, message).hint = near;
        }
    }

    fn list(&mut self, field: &Field, fields: &'static [Field], value: &Json, pointer: &str) {
        let Json::Array(items) = value else { return self.wrong_kind(field, "a list", value, pointer) };
        self.range(field, items.len() as f64, " items", pointer);
        for (at, item) in items.iter().enumerate() {
            let pointer = format!("{pointer}/{at}");
            match item {
                Json::Object(item) => {
                    self.object(item, fields, &pointer);
                    self.unknown_in(item, &known(fields), &[], &pointer);
                }
                other => self.wrong_kind(field, "an object", other, &pointer),
            }
        }
    }

    fn unknown(&mut self, properties: &Object, descriptor: &Descriptor) {
        let mut known = known(descriptor.fields);
        known.extend(match descriptor.outputs {
            Outputs::Field(name) | Outputs::ItemsOf(name) => Some(name),
            Outputs::Fixed(_) | Outputs::Wires => None,
        });
        self.unknown_in(properties, &known, COMMON_PROPERTIES, "");
    }

    fn unknown_in(&mut self, object: &Object, known: &[&str], common: &[&str], pointer: &str) {
        for key in object.keys() {
            let name = key.as_str();
            if known.contains(&name) || common.contains(&name) || name.starts_with('_') {
                continue;
            }
            let pointer = format!("{pointer}/{}", escape(key));
            let near = self.report.did_you_mean(name, known.iter().copied());
            let message =
                format!("{}: the node has no such property; it is kept, and does nothing", path(&pointer));
            self.report.add(Severity::Warning, "unknown-property", self.node, &pointer, message).hint = near;
        }
    }

    fn wrong_kind(&mut self, field: &Field, expected: &str, value: &Json, pointer: &str) {
        let found = match value {
            _ if field.secret => kind(value).to_string(),
            Json::Array(_) | Json::Object(_) => kind(value).to_string(),
            other => shown(other),
        };
        let message = format!("{}: expected {expected}, found {found}", path(pointer));
        self.wrong("wrong-kind", pointer, message, None);
    }

    fn wrong(&mut self, code: &'static str, pointer: &str, message: String, hint: Option<String>) {
        self.report.add(Severity::Error, code, self.node, pointer, message).hint = hint;
    }

    /// Wrong, if the node thinks so too.
    fn doubt(&mut self, code: &'static str, pointer: &str, message: String, hint: Option<String>) {
        let problem: Problem = self.report.problem(Severity::Warning, code, self.node, pointer, message);
        self.report.doubts.push(problem.hint_if(hint));
    }
}

/// A pointer as it is said: `rules/0/v`.
fn path(pointer: &str) -> String {
    plain(pointer.trim_start_matches('/'))
}

/// Names of properties that these fields stand for.
fn known(fields: &[Field]) -> Vec<&'static str> {
    let names = |field: &Field| {
        let beside = match field.kind {
            FieldKind::Typed { type_field, .. } => Some(type_field),
            _ => None,
        };
        [Some(field.name), beside, field.visible_if.map(|(name, _)| name)].into_iter().flatten()
    };
    fields.iter().flat_map(names).collect()
}

/// Whether the form shows the field, which is when its value means something.
fn is_visible(field: &Field, fields: &[Field], object: &Object) -> bool {
    let Some((other, values)) = field.visible_if else { return true };
    let default = || {
        let default = fields.iter().find(|field| field.name == other)?.default?;
        serde_json::from_str(default).ok()
    };
    match object.get(other).cloned().or_else(default) {
        Some(Json::String(text)) => values.contains(&text.as_str()),
        Some(value) => values.contains(&value.to_string().as_str()),
        None => false,
    }
}

#[cfg(test)]
#[path = "fields_tests.rs"]
mod tests;

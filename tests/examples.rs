//! What nodes say about themselves is true: their examples play, their fields are explained, their defaults are accepted.
// Clippy lets tests unwrap, but does not know the functions that they call as tests.
#![allow(clippy::unwrap_used)]

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};
use tidegate::flow::{self, Document, Limits, Problem, ProcessEnv};
use tidegate::flowtest;
use tidegate_nodes::descriptor::{Descriptor, Field, FieldKind, Role};
use tidegate_nodes::host::Settings;

fn descriptors() -> impl Iterator<Item = &'static Descriptor> {
    tidegate_nodes::all().map(|node| node.descriptor)
}

#[test]
fn every_example_plays() {
    for descriptor in descriptors() {
        let name = descriptor.type_name;
        let cases = flowtest::parse(descriptor.examples, Path::new(name))
            .unwrap_or_else(|error| panic!("the examples of {name}: {error:#}"));
        // Nothing of a note can be seen in a running flow.
        assert!(
            !cases.is_empty() || descriptor.role == Role::Note || name == "unknown",
            "{name} has no example"
        );
        for case in &cases {
            let verdict = flowtest::play(case);
            assert!(verdict.ok, "{name}, example {:?}:\n{}", verdict.name, verdict.why);
        }
    }
}

#[test]
fn every_node_has_a_name_of_its_own_and_a_help_page() {
    let mut names = HashSet::new();
    for descriptor in descriptors() {
        let name = descriptor.type_name;
        assert!(names.insert(name), "two node types are called {name}");
        assert!(!name.trim().is_empty() && !descriptor.summary.trim().is_empty(), "{descriptor:?}");
        assert!(descriptor.help.trim().len() > 40, "{name} has no help page");
    }
}

#[test]
fn every_field_has_a_label_and_help() {
    fn look(of: &str, fields: &[Field]) {
        let mut names = HashSet::new();
        for field in fields {
            let place = format!("{of}: {}", field.name);
            assert!(!field.name.is_empty() && names.insert(field.name), "{place} stands twice");
            assert!(!field.label.trim().is_empty(), "{place} has no label");
            assert!(field.help.trim().len() > 3, "{place} has no help");
            if let Some(default) = field.default {
                let parsed = serde_json::from_str::<Json>(default);
                assert!(parsed.is_ok(), "{place}: its default is not JSON: {default}");
            }
            if let Some((other, _)) = field.visible_if {
                let typed = |field: &Field| matches!(field.kind, FieldKind::Typed { type_field, .. } if type_field == other);
                let known = fields.iter().any(|field| field.name == other || typed(field));
                assert!(known, "{place} is shown by {other}, and there is no such field");
            }
            if let FieldKind::List(fields) = field.kind {
                look(&place, fields);
            }
        }
    }
    for descriptor in descriptors() {
        look(descriptor.type_name, descriptor.fields);
    }
}

/// A node as a form starts with it.
fn fresh(descriptor: &Descriptor) -> Map<String, Json> {
    let mut node = Map::new();
    node.insert("id".to_string(), json!("n"));
    node.insert("type".to_string(), json!(descriptor.type_name));
    node.insert("z".to_string(), json!("t"));
    for field in descriptor.fields {
        if let Some(default) = field.default {
            node.insert(field.name.to_string(), serde_json::from_str(default).expect("a default is JSON"));
        }
    }
    node
}

fn problems(node: Map<String, Json>) -> Vec<Problem> {
    let nodes = json!([{"id": "t", "type": "tab", "label": "T"}, node]);
    let document = Document::from_json(nodes, &Limits::default()).expect("a document");
    flow::check(&document, &ProcessEnv::default(), &Arc::new(Settings::default())).1
}

#[test]
fn every_default_is_accepted() {
    for descriptor in descriptors() {
        for problem in problems(fresh(descriptor)) {
            let place = |field: &&Field| problem.pointer.starts_with(&format!("/1/{}", field.name));
            let of_default = descriptor.fields.iter().find(place).is_none_or(|field| field.default.is_some());
            assert!(
                !(of_default && problem.is_error()),
                "{} with its defaults: {problem}",
                descriptor.type_name
            );
        }
    }
}

#[test]
fn every_choice_is_accepted() {
    for descriptor in descriptors() {
        for field in descriptor.fields {
            let FieldKind::Choice(options) = field.kind else { continue };
            for (value, _) in options {
                let mut node = fresh(descriptor);
                node.insert(field.name.to_string(), json!(value));
                for problem in problems(node) {
                    let about_it = problem.pointer == format!("/1/{}", field.name);
                    assert!(!about_it, "{}: {} = {value}: {problem}", descriptor.type_name, field.name);
                }
            }
        }
    }
}

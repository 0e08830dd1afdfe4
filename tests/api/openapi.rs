//! The description of the API: what it promises of every route, it keeps.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::{get, log_in, start};

#[test]
fn every_route_is_described_with_how_it_can_fail() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path(), vec![]);
    let document = get(&gateway, &log_in(&gateway, "vic"), "/api/v1/openapi.json").json();
    assert_eq!(document["openapi"], "3.1.0");
    let mut ids = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let name = format!("{method} {path}");
            let answers: BTreeSet<&str> =
                operation["responses"].as_object().unwrap().keys().map(String::as_str).collect();
            let has = |status: &str| answers.contains(status);
            assert!(has("401") && has("403") && has("500") && has("503"), "{name}: {answers:?}");
            assert!(["101", "200", "201", "204"].iter().any(|status| has(status)), "{name}: {answers:?}");
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let is_in = |place: &str| parameters.iter().any(|parameter| parameter["in"] == place);
            assert!(!is_in("path") || has("404"), "{name} names something, which may not be there");
            assert!(!is_in("query") || has("400"), "{name} has parameters, which may be wrong");
            let takes_body = operation.get("requestBody").is_some();
            assert!(!takes_body || (has("400") && has("413") && has("408")), "{name} takes a body");
            assert!(
                operation["summary"].as_str().is_some_and(|text| !text.is_empty()),
                "{name} says nothing"
            );
            assert!(ids.insert(operation["operationId"].to_string()), "{name}: two of one name");
            assert!(operation["x-permission"].is_string(), "{name}");
            for (status, answer) in operation["responses"].as_object().unwrap() {
                let is_fault = status.as_str() >= "400";
                let schema = &answer["content"]["application/json"]["schema"]["$ref"];
                assert!(!is_fault || schema == "#/components/schemas/Fault", "{name} {status}: {answer}");
            }
        }
    }
    let mut wanted = BTreeSet::new();
    collect(&document, &mut wanted);
    for reference in &wanted {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference} is nowhere");
    }
    assert!(wanted.len() > 30, "{wanted:?}");
}

/// All that is referred to.
fn collect(json: &Json, found: &mut BTreeSet<String>) {
    match json {
        Json::Object(object) => {
            if let Some(Json::String(reference)) = object.get("$ref") {
                found.insert(reference.clone());
            }
            object.values().for_each(|value| collect(value, found));
        }
        Json::Array(items) => items.iter().for_each(|item| collect(item, found)),
        _ => {}
    }
}

/// The router has no route beside those that are described: the table of both is one, and this is what it cannot see.
#[test]
fn no_route_of_ours_stands_outside_of_the_table() {
    let folder = crate::support::root().join("src/api");
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                assert!(
                    !text.contains(".route(\"/api/v1"),
                    "{} has a route beside the table",
                    path.display()
                );
            }
        }
    }
}

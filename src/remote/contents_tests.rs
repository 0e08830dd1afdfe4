use std::sync::Arc;

use serde_json::json;

use super::bundle_tests::contents;
use super::contents::Contents;
use crate::flow::{self, ProcessEnv};

#[test]
fn patterns_name_gateways() {
    let is_for = |patterns: &[&str], name: &str| {
        let gateways = patterns.iter().map(|pattern| pattern.to_string()).collect();
        Contents { gateways, ..contents(1) }.is_for(name)
    };
    assert!(is_for(&[], "site-7"));
    for (pattern, fits) in [
        ("site-7", true),
        ("site-", false),
        ("site-70", false),
        ("site-*", true),
        ("*", true),
        ("*-7", true),
        ("s*e*7", true),
        ("s*7*", true),
        ("*8*", false),
        ("site-7*7", false),
    ] {
        assert_eq!(is_for(&["other", pattern], "site-7"), fits, "{pattern}");
    }
}

#[test]
fn variables_stand_in_the_global_configuration_and_go_before_those_of_the_process() {
    let flows = json!([
        {"id": "t", "type": "tab", "label": "one"},
        {"id": "p", "type": "template", "z": "t", "template": "${SITE} ${ROOF}", "name": "${SITE}", "wires": [[]]},
        {"id": "g", "type": "global-config", "env": [{"name": "SITE", "type": "str", "value": "old"}, {"name": "ROOF", "type": "str", "value": "flat"}]}
    ]);
    let document = Contents { flows: flows.clone(), ..contents(1) }.document().unwrap();
    let env = document.get("g").unwrap().property("env").unwrap();
    assert_eq!(
        *env,
        json!([{"name": "ROOF", "type": "str", "value": "flat"}, {"name": "SITE", "type": "str", "value": "7"}])
    );
    // One is made where there is none, and without variables nothing is touched.
    let made = contents(1).document().unwrap();
    assert_eq!(made.nodes.last().unwrap().type_name, "global-config");
    let none = Contents { env: Default::default(), ..contents(1) }.document().unwrap();
    assert_eq!(none.nodes.len(), 2);
    let (_, problems) = flow::check(&made, &ProcessEnv::default(), &Arc::default());
    assert!(problems.is_empty(), "{problems:?}");
}

#[test]
fn functions_get_the_modules_that_they_import() {
    let function = |id: &str, func: &str| json!({"id": id, "type": "function", "lang": "rhai", "z": "t", "outputs": 1, "func": func, "wires": [[]]});
    let mut libs = function("l", "k::kelvin(1)");
    libs["libs"] = json!([{"var": "k", "module": "units"}]);
    let mut own = function("own", "import \"units\" as u; msg.payload = u::kelvin(1); msg");
    own["modules"] = json!({"units": "fn kelvin(c) { 0 }"});
    let flows = json!([
        {"id": "t", "type": "tab", "label": "one"},
        function("a", "import \"units\" as u; msg.payload = u::kelvin(msg.payload); msg"),
        function("b", "msg"),
        libs,
        own
    ]);
    let modules = [
        ("units", "import \"base\" as b; fn kelvin(c) { c + b::ZERO }"),
        ("base", "export const ZERO = 273;"),
        ("mistyped", "fn f() { 1 }"),
    ];
    let modules = modules.map(|(name, source)| (name.to_string(), source.to_string())).into();
    let contents = Contents { flows, modules, env: Default::default(), ..contents(1) };
    let document = contents.document().unwrap();
    let of = |id: &str| document.get(id).unwrap().property("modules").cloned().unwrap_or_default();
    for id in ["a", "l"] {
        let names: Vec<String> = of(id).as_object().unwrap().keys().cloned().collect();
        assert_eq!(names, ["units", "base"], "{id}");
    }
    assert!(of("b").is_null());
    assert_eq!(of("own"), json!({"units": "fn kelvin(c) { 0 }"}), "what a function brings along goes before");
    assert_eq!(contents.unused_modules(), ["mistyped"]);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let wrong = |contents: Contents| Contents::of_json(&contents.to_json()).unwrap_err().to_string();
    assert!(wrong(Contents { sequence: -1, ..contents(1) }).contains("the sequence is -1"));
    assert!(wrong(Contents { probation: 0, ..contents(1) }).contains("the probation is 0 seconds"));
    assert!(wrong(Contents { flows: json!({"nodes": 1}), ..contents(1) }).contains("expected an array"));
    assert!(wrong(Contents { flows: json!([1]), ..contents(1) }).contains("no flows that can be read"));
    let env = [("A B".to_string(), String::new())].into();
    assert!(wrong(Contents { env, ..contents(1) }).contains("no name of a variable"));
}

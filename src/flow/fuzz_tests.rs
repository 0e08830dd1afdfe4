//! Whatever an array of objects says, reading, checking, expanding and comparing it does not panic.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};
use tidegate_nodes::host::Settings;

use super::credentials::{merge, split};
use super::deploy::{Deployment, Restart};
use super::diff::Diff;
use super::env::ProcessEnv;
use super::model::{Document, Limits};
use super::plan::Plan;
use super::validate::check;

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        "[a-d$ {}()/~\\[\\].]{0,6}".prop_map(Json::from),
        prop::sample::select(vec![
            "a",
            "b",
            "c",
            "${A}",
            "$(B)",
            "subflow:a",
            "$parent.A",
            "msg",
            "json",
            "env"
        ])
        .prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
            prop::collection::vec((key(), inner), 0..5).prop_map(|pairs| pairs.into_iter().collect::<Json>()),
        ]
    })
}

fn key() -> impl Strategy<Value = String> {
    let known = vec![
        "id",
        "type",
        "z",
        "g",
        "d",
        "wires",
        "name",
        "env",
        "value",
        "port",
        "links",
        "scope",
        "in",
        "out",
        "status",
        "nodes",
        "rules",
        "credentials",
        "v",
        "vt",
        "t",
        "disabled",
        "property",
    ];
    prop_oneof![prop::sample::select(known).prop_map(str::to_string), "[a-c/~]{0,2}"]
}

/// Nodes that mostly look like nodes: a few ids, so that they meet.
fn node() -> impl Strategy<Value = Json> {
    let id = || prop::sample::select(vec!["a", "b", "c", "d", "e", "a-b"]);
    let types: Vec<String> =
        ["tab", "subflow", "group", "subflow:a", "subflow:b", "subflow:c", "global-config", "nope"]
            .into_iter()
            .chain(tidegate_nodes::all().map(|node| node.descriptor.type_name))
            .map(str::to_string)
            .collect();
    let extra = prop::collection::vec((key(), any_json()), 0..5);
    let wires = prop::collection::vec(prop::collection::vec(id(), 0..3), 0..3);
    let port = (id(), 0..3_u32).prop_map(|(id, port)| json!({"wires": [{"id": id, "port": port}]}));
    let env =
        (id(), id(), prop::sample::select(vec!["env", "str", "json", "cred", "date", "bin", "conf-type"]))
            .prop_map(|(name, value, kind)| json!([{"name": name, "value": value, "type": kind}]));
    (id(), prop::sample::select(types), id(), prop::option::of(id()), wires, port, env, extra).prop_map(
        |(id, type_name, z, g, wires, port, env, extra)| {
            let mut node =
                json!({"z": z, "wires": wires, "in": [port], "out": [port], "status": port, "env": env});
            let map = node.as_object_mut().expect("just made");
            map.extend(g.map(|g| ("g".to_string(), json!(g))));
            map.extend(extra);
            map.extend([("id".to_string(), json!(id)), ("type".to_string(), json!(type_name))]);
            node
        },
    )
}

fn env() -> ProcessEnv {
    [("A".to_string(), "a".to_string())].into_iter().collect()
}

fn all_of_it(document: &Document) -> Plan {
    let (plan, problems) = check(document, &env(), &Arc::new(Settings::default()));
    for problem in &problems {
        let json = Json::Array(document.nodes.iter().map(|n| Json::Object(n.properties.clone())).collect());
        // A pointer leads to something, or to where something should be.
        let around = problem.pointer.rsplit_once('/').map_or("", |(around, _)| around);
        assert!(json.pointer(around).is_some() || around.is_empty(), "{problem}");
        assert!(!problem.message.is_empty());
    }
    plan
}

/// How many cases, where PROPTEST_CASES does not ask for more or less.
fn cases(usual: u32) -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(usual)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(400), ..ProptestConfig::default() })]

    #[test]
    fn any_array_of_objects(objects in prop::collection::vec(prop::collection::vec((key(), any_json()), 0..6), 0..8)) {
        let objects: Vec<Json> = objects.into_iter().map(|o| Json::Object(o.into_iter().collect::<Map<_, _>>())).collect();
        if let Ok(document) = Document::parse(Json::from(objects).to_string().as_bytes(), &Limits::default()) {
            all_of_it(&document);
        }
    }

    #[test]
    fn arrays_of_nodes(old in prop::collection::vec(node(), 0..12), new in prop::collection::vec(node(), 0..12)) {
        let read = |nodes: Vec<Json>| Document::from_json(Json::from(nodes), &Limits::default()).unwrap();
        let (old, new) = (read(old), read(new));
        let (before, after) = (all_of_it(&old), all_of_it(&new));
        for deployment in [Deployment::Full, Deployment::Flows, Deployment::Nodes] {
            Restart::between(&before, &after, deployment);
            prop_assert_eq!(Restart::between(&before, &before, Deployment::Nodes), Restart::default());
        }
        let diff = Diff::between(&old, &new);
        prop_assert!(!diff.to_string().is_empty());
        prop_assert!(Diff::between(&new, &new).is_empty());
    }

    #[test]
    fn what_is_read_is_written(nodes in prop::collection::vec(node(), 0..12)) {
        let document = Document::from_json(Json::from(nodes), &Limits::default()).unwrap();
        let text = document.to_json();
        let again = Document::parse(text.as_bytes(), &Limits::default()).unwrap();
        prop_assert_eq!(&again, &document);
        prop_assert_eq!(again.to_json(), text);
    }

    #[test]
    fn secrets_come_back(nodes in prop::collection::vec(node(), 0..12)) {
        let mut seen = std::collections::HashSet::new();
        let nodes: Vec<Json> = nodes.into_iter().filter(|node| seen.insert(node["id"].to_string())).collect();
        let document = Document::from_json(Json::from(nodes), &Limits::default()).unwrap();
        let mut without = document.clone();
        let credentials = split(&mut without);
        merge(&mut without, &credentials);
        // An empty `credentials` holds nothing, and does not come back.
        let mut expected = document.clone();
        for node in &mut expected.nodes {
            if node.property("credentials") == Some(&json!({})) {
                node.properties.shift_remove("credentials");
            }
        }
        prop_assert_eq!(without, expected);
    }

    #[test]
    fn any_text(text in "[\\[\\]{}\",:a-z0-9 ]{0,40}") {
        // Nothing but not to panic is asked.
        let _ = Document::parse(text.as_bytes(), &Limits::default());
    }
}

#[test]
fn a_document_is_written_a_node_a_line() {
    let text =
        "[\n{\"id\":\"t\",\"type\":\"tab\",\"zz\":1,\"aa\":[1.0,2e3]},\n{\"id\":\"a\",\"type\":\"x\"}\n]\n";
    let document = Document::parse(text.as_bytes(), &Limits::default()).unwrap();
    assert_eq!(document.to_json(), text.replace("2e3", "2000.0"));
    let object = format!("\u{feff}{{\"flows\":{text},\"rev\":\"r1\"}}");
    let wrapped = Document::parse(object.as_bytes(), &Limits::default()).unwrap();
    assert_eq!(wrapped.rev.as_deref(), Some("r1"));
    assert_eq!(wrapped.nodes, document.nodes);
    assert_eq!(wrapped.pointer(&wrapped.nodes[1]), "/flows/1");
    assert_eq!(Document::default().to_json(), "[]\n");
}

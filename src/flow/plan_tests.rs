//! What a plan is made of: subflow instances, settings, order. Ids as Node-RED makes them.

use std::sync::Arc;

use serde_json::{Value as Json, json};
use tidegate_nodes::host::Settings;

use super::env::ProcessEnv;
use super::model::{Document, Limits};
use super::plan::{Plan, PlanNode};
use super::problem::Problem;

fn build_with(nodes: Json, env: &[(&str, &str)]) -> (Plan, Vec<Problem>) {
    let document = Document::from_json(nodes, &Limits::default()).unwrap();
    let env: ProcessEnv = env.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    Plan::build(&document, &env, &Arc::new(Settings::default()))
}

fn build(nodes: Json) -> Plan {
    let (plan, problems) = build_with(nodes, &[]);
    assert_eq!(problems, [], "no problems expected");
    plan
}

fn node<'p>(plan: &'p Plan, id: &str) -> &'p PlanNode {
    plan.all().find(|node| node.config.id == id).unwrap_or_else(|| panic!("no node {id} in {plan:?}"))
}

fn ids(plan: &Plan) -> Vec<&str> {
    plan.nodes().map(|node| node.config.id.as_str()).collect()
}

fn wires(plan: &Plan, id: &str) -> Json {
    json!(node(plan, id).wires)
}

fn setting(plan: &Plan, id: &str, name: &str) -> Json {
    match node(plan, id).env.get(name) {
        Some(value) => serde_json::to_value(value).unwrap(),
        None => json!("<undefined>"),
    }
}

/// A tab `t` with an instance `u` of the subflow `s`, wired to `p`.
fn with_subflow(definition: Json, inside: Json) -> Json {
    let mut subflow = json!({"id": "s", "type": "subflow", "name": "Sub"});
    subflow.as_object_mut().unwrap().extend(definition.as_object().unwrap().clone());
    let mut nodes = vec![json!({"id": "t", "type": "tab", "label": "Tab"}), subflow];
    nodes.extend(inside.as_array().unwrap().clone());
    nodes.push(json!({"id": "u", "type": "subflow:s", "z": "t", "name": "Uno", "wires": [["p"]]}));
    nodes.push(json!({"id": "p", "type": "probe", "z": "t", "wires": []}));
    Json::Array(nodes)
}

#[test]
fn tabs_are_lanes_in_document_order() {
    let plan = build(json!([
        {"id": "b1", "type": "junction", "z": "b", "wires": [["a1", "a1", "gone", "note", "off"]]},
        {"id": "a", "type": "tab", "label": "A"},
        {"id": "b", "type": "tab", "label": "B", "disabled": false},
        {"id": "c", "type": "tab", "label": "C", "disabled": true},
        {"id": "a1", "type": "junction", "z": "a", "wires": [["b1"], []]},
        {"id": "c1", "type": "junction", "z": "c", "wires": []},
        {"id": "note", "type": "comment", "z": "b"},
        {"id": "off", "type": "junction", "z": "b", "d": true},
        {"id": "odd", "type": "no such type", "z": "b"},
        {"id": "loose", "type": "probe"},
        {"id": "lost", "type": "probe", "z": "nowhere"}
    ]));
    let lanes: Vec<(&str, &str)> = plan.lanes.iter().map(|l| (l.id.as_str(), l.label.as_str())).collect();
    assert_eq!(lanes, [("global", ""), ("a", "A"), ("b", "B"), ("nowhere", "")]);
    assert_eq!(ids(&plan), ["loose", "a1", "b1", "lost"]);
    // What does not run gets nothing; what is there twice gets two; other lanes are reached.
    assert_eq!(wires(&plan, "b1"), json!([["a1", "a1"]]));
    assert_eq!(wires(&plan, "a1"), json!([["b1"], []]));
    assert_eq!(node(&plan, "a1").config.outputs, 2);
    assert_eq!(node(&plan, "a1").pointer, "/4");
    assert_eq!(node(&plan, "a1").path, "a/a1");
}

#[test]
fn an_instance_is_wired_in() {
    let nodes = with_subflow(
        json!({"in": [{"wires": [{"id": "x"}, {"id": "y"}]}], "out": [
            {"wires": [{"id": "y", "port": 0}, {"id": "x", "port": 1}]}
        ]}),
        json!([
            {"id": "x", "type": "junction", "z": "s", "wires": [["y", "p"]]},
            {"id": "y", "type": "junction", "z": "s", "wires": []}
        ]),
    );
    let plan = build(nodes);
    assert_eq!(ids(&plan), ["u", "u-x", "u-y", "p"]);
    assert_eq!(wires(&plan, "u"), json!([["u-x", "u-y"]]));
    // A wire out of the subflow ends; output 1 of x is made for the subflow's output.
    assert_eq!(wires(&plan, "u-x"), json!([["u-y"], ["p"]]));
    assert_eq!(wires(&plan, "u-y"), json!([["p"]]));
    assert_eq!(node(&plan, "u-x").document_id, "x");
    assert_eq!(node(&plan, "u-x").path, "t/u/x");
    assert_eq!(node(&plan, "u-x").config.flow, "t");
    assert_eq!(node(&plan, "u-x").subflow.as_ref().unwrap().instance, "u");
    assert_eq!(node(&plan, "u").config.type_name, "subflow:s");
}

#[test]
fn an_input_can_lead_straight_to_an_output() {
    let nodes =
        with_subflow(json!({"in": [{"wires": []}], "out": [{"wires": [{"id": "s", "port": 0}]}]}), json!([]));
    assert_eq!(wires(&build(nodes), "u"), json!([["p"]]));
}

#[test]
fn the_status_output_is_a_node() {
    let nodes = with_subflow(
        json!({"in": [{"wires": [{"id": "x"}]}], "out": [], "status": {"wires": [{"id": "x", "port": 0}, {"id": "s", "port": 0}]}}),
        json!([{"id": "x", "type": "junction", "z": "s", "wires": [[]]}]),
    );
    let plan = build(nodes);
    assert_eq!(ids(&plan), ["u", "u:status", "u-x", "p"]);
    assert_eq!(wires(&plan, "u-x"), json!([["u:status"]]));
    assert_eq!(wires(&plan, "u"), json!([["u-x", "u:status"]]));
    let status = node(&plan, "u:status");
    assert_eq!(status.config.type_name, "subflow-status");
    assert!(status.subflow.as_ref().unwrap().has_status);
}

#[test]
fn instances_nest() {
    let nodes = json!([
        {"id": "t", "type": "tab"},
        {"id": "s1", "type": "subflow", "in": [{"wires": [{"id": "x"}]}], "out": [{"wires": [{"id": "x", "port": 0}]}]},
        {"id": "x", "type": "junction", "z": "s1", "wires": [[]]},
        {"id": "s2", "type": "subflow", "in": [{"wires": [{"id": "i"}]}], "out": [{"wires": [{"id": "i", "port": 0}]}]},
        {"id": "i", "type": "subflow:s1", "z": "s2", "wires": [["q"]]},
        {"id": "q", "type": "probe", "z": "s2"},
        {"id": "u", "type": "subflow:s2", "z": "t", "wires": [["p"]]},
        {"id": "p", "type": "probe", "z": "t"}
    ]);
    let plan = build(nodes);
    assert_eq!(ids(&plan), ["u", "u-i", "u-i-x", "u-q", "p"]);
    assert_eq!(wires(&plan, "u"), json!([["u-i"]]));
    assert_eq!(wires(&plan, "u-i"), json!([["u-i-x"]]));
    assert_eq!(wires(&plan, "u-i-x"), json!([["u-q", "p"]]));
    let inner = node(&plan, "u-i-x").subflow.clone().unwrap();
    assert_eq!(inner.parent.as_ref().unwrap().instance, "u");
    assert_eq!(node(&plan, "u-i-x").path, "t/u/i/x");
}

#[test]
fn what_names_nodes_inside_is_renamed() {
    let nodes = with_subflow(
        json!({"in": [], "out": []}),
        json!([
            {"id": "x", "type": "junction", "z": "s", "g": "g", "server": "y", "name": "y", "rules": [{"to": "y"}]},
            {"id": "y", "type": "junction", "z": "s"},
            {"id": "g", "type": "group", "z": "s", "g": "h", "nodes": ["x"]},
            {"id": "h", "type": "group", "z": "s", "nodes": ["g"]}
        ]),
    );
    let plan = build(nodes);
    let x = node(&plan, "u-x");
    assert_eq!(x.config.property("server"), Some(&json!("u-y")));
    assert_eq!(x.config.name, "y", "a name is no id");
    assert_eq!(
        x.config.property("rules"),
        Some(&json!([{"to": "y"}])),
        "only what stands at the top, as in Node-RED"
    );
    assert_eq!(x.groups, ["u-g", "u-h"]);
}

#[test]
fn settings_are_looked_up_from_the_inside_out() {
    let nodes = json!([
        {"id": "gc", "type": "global-config", "env": [{"name": "G", "value": "global", "type": "str"}]},
        {"id": "t", "type": "tab", "label": "Tab", "env": [
            {"name": "A", "value": "tab", "type": "str"}, {"name": "T", "value": "tab", "type": "str"}
        ]},
        {"id": "g1", "type": "group", "z": "t", "name": "Outer", "env": [
            {"name": "A", "value": "outer", "type": "str"}, {"name": "O", "value": "1", "type": "num"}
        ]},
        {"id": "g2", "type": "group", "z": "t", "g": "g1", "name": "Inner", "env": [
            {"name": "A", "value": "inner", "type": "str"}
        ]},
        {"id": "n", "type": "probe", "z": "t", "g": "g2", "name": "Node"},
        {"id": "m", "type": "probe", "z": "t"}
    ]);
    let (plan, _) = build_with(nodes, &[("HOME", "/home/u"), ("A", "process")]);
    let n = |name| setting(&plan, "n", name);
    assert_eq!(
        [n("A"), n("$parent.A"), n("$parent.$parent.A")],
        [json!("inner"), json!("outer"), json!("tab")]
    );
    assert_eq!(n("$parent.$parent.$parent.$parent.A"), "process");
    assert_eq!(
        [n("O"), n("T"), n("G"), n("HOME")],
        [json!(1), json!("tab"), json!("global"), json!("/home/u")]
    );
    assert_eq!([n("NR_NODE_ID"), n("NR_NODE_NAME"), n("NR_NODE_PATH")], ["n", "Node", "t/n"]);
    assert_eq!([n("NR_GROUP_ID"), n("NR_GROUP_NAME")], ["g2", "Inner"]);
    assert_eq!([n("NR_FLOW_ID"), n("NR_FLOW_NAME")], ["t", "Tab"]);
    assert_eq!(n("NONE"), "<undefined>");
    assert_eq!(setting(&plan, "m", "A"), "tab");
    assert_eq!(setting(&plan, "m", "NR_GROUP_ID"), "<undefined>");
    assert_eq!(setting(&plan, "m", "NR_NODE_NAME"), "<undefined>", "it has none");
}

#[test]
fn an_instance_has_settings_of_its_own() {
    let mut nodes = with_subflow(
        json!({"env": [
            {"name": "A", "value": "default", "type": "str"},
            {"name": "B", "value": "5", "type": "num"},
            {"name": "C", "value": "true", "type": "bool"},
            {"name": "D", "value": "{\"k\":[1]}", "type": "json"},
            {"name": "E", "value": "OUTER", "type": "env"},
            {"name": "F", "value": "pre-${A}-${B}", "type": "env"}
        ]}),
        json!([{"id": "x", "type": "probe", "z": "s", "name": "In"}]),
    );
    nodes[3]["env"] = json!([{"name": "A", "value": "mine", "type": "str"}]);
    let (plan, problems) = build_with(nodes, &[("OUTER", "from outside")]);
    assert_eq!(problems, []);
    let x = |name| setting(&plan, "u-x", name);
    assert_eq!([x("A"), x("B"), x("C"), x("D")], [json!("mine"), json!(5), json!(true), json!({"k": [1]})]);
    assert_eq!([x("E"), x("F")], ["from outside", "pre-mine-5"]);
    assert_eq!([x("NR_SUBFLOW_ID"), x("NR_SUBFLOW_NAME"), x("NR_SUBFLOW_PATH")], ["u", "Uno", "t/u"]);
    assert_eq!([x("NR_NODE_ID"), x("NR_NODE_NAME"), x("NR_NODE_PATH")], ["u-x", "In", "t/u/x"]);
    assert_eq!(x("NR_FLOW_NAME"), "Tab");
}

#[test]
fn settings_refer_to_each_other() {
    let env = json!([
        {"name": "FORWARD", "value": "LATER", "type": "env"},
        {"name": "LATER", "value": "BASE", "type": "env"},
        {"name": "BASE", "value": "b", "type": "str"},
        {"name": "SELF", "value": "SELF", "type": "env"},
        {"name": "SELF2", "value": "${SELF2}", "type": "env"},
        {"name": "ROUND", "value": "TRIP", "type": "env"},
        {"name": "TRIP", "value": "ROUND", "type": "env"},
        {"name": "UP", "value": "$parent.BASE", "type": "env"},
        {"name": "NOTHING", "value": "NOT_SET", "type": "env"}
    ]);
    let nodes = json!([{"id": "t", "type": "tab", "env": env}, {"id": "n", "type": "probe", "z": "t"}]);
    let (plan, _) = build_with(nodes, &[("SELF", "above"), ("SELF2", "above too"), ("BASE", "process")]);
    let n = |name| setting(&plan, "n", name);
    assert_eq!([n("FORWARD"), n("SELF"), n("SELF2"), n("UP")], ["b", "above", "above too", "process"]);
    assert_eq!([n("ROUND"), n("TRIP"), n("NOTHING")], ["", "", ""]);
}

#[test]
fn texts_that_double_each_other_stay_small() {
    let mut env = vec![json!({"name": "X0", "value": "0123456789", "type": "str"})];
    for n in 1..60 {
        env.push(
            json!({"name": format!("X{n}"), "value": format!("${{X{0}}}${{X{0}}} ", n - 1), "type": "env"}),
        );
    }
    let plan = build(json!([{"id": "t", "type": "tab", "env": env}, {"id": "n", "type": "probe", "z": "t"}]));
    let longest = setting(&plan, "n", "X59").as_str().unwrap().len();
    assert!(longest <= 1024 * 1024 + 60, "{longest}");
}

#[test]
fn references_are_filled_in() {
    let nodes = json!([
        {"id": "t", "type": "tab", "env": [
            {"name": "PORT", "value": "1883", "type": "num"}, {"name": "LIST", "value": "[1]", "type": "json"}
        ]},
        {"id": "n", "type": "probe", "z": "t", "name": "${NR_NODE_ID}", "info": "${NONE}", "port": "${PORT}",
         "old": "$(PORT)", "part": "x${PORT}", "deep": {"list": ["${LIST}", "$(none)"]},
         "credentials": {"password": "${PORT}"}}
    ]);
    let plan = build(nodes);
    let config = &node(&plan, "n").config;
    assert_eq!(config.property("port"), Some(&json!(1883)));
    assert_eq!(config.property("old"), Some(&json!(1883)));
    assert_eq!(config.property("part"), Some(&json!("x${PORT}")));
    assert_eq!(config.property("deep"), Some(&json!({"list": [[1], "$(none)"]})));
    assert_eq!(config.property("credentials"), Some(&json!({"password": 1883})));
    assert_eq!(config.name, "n");
}

#[test]
fn nothing_grows_without_bound() {
    // Each subflow contains the next twice: 2^40 nodes.
    let mut nodes =
        vec![json!({"id": "t", "type": "tab"}), json!({"id": "u", "type": "subflow:s0", "z": "t"})];
    for n in 0..40 {
        nodes.push(json!({"id": format!("s{n}"), "type": "subflow"}));
        for twin in ["a", "b"] {
            nodes.push(json!({"id": format!("{twin}{n}"), "type": format!("subflow:s{}", n + 1), "z": format!("s{n}")}));
        }
    }
    let (plan, problems) = build_with(Json::Array(nodes), &[]);
    assert!(plan.nodes().count() <= 20_001);
    assert_eq!(problems.iter().map(|p| p.code).collect::<Vec<_>>(), ["too-many-nodes"]);
}

#[test]
fn circles_and_towers_end() {
    let (plan, _) = build_with(
        json!([
            {"id": "t", "type": "tab"},
            {"id": "s", "type": "subflow"}, {"id": "i", "type": "subflow:s", "z": "s"},
            {"id": "u", "type": "subflow:s", "z": "t"},
            {"id": "g", "type": "group", "z": "t", "g": "h"}, {"id": "h", "type": "group", "z": "t", "g": "g"},
            {"id": "n", "type": "probe", "z": "t", "g": "g"}
        ]),
        &[],
    );
    assert_eq!(ids(&plan), ["u", "n"]);
    let mut tower =
        vec![json!({"id": "t", "type": "tab"}), json!({"id": "u", "type": "subflow:s0", "z": "t"})];
    for n in 0..5000 {
        tower.push(json!({"id": format!("s{n}"), "type": "subflow"}));
        tower.push(
            json!({"id": format!("i{n}"), "type": format!("subflow:s{}", n + 1), "z": format!("s{n}")}),
        );
        tower.push(json!({"id": format!("g{n}"), "type": "group", "z": "t", "g": format!("g{}", n + 1)}));
    }
    let (plan, problems) = build_with(Json::Array(tower), &[]);
    assert_eq!(plan.nodes().count(), 64);
    assert_eq!(problems.iter().map(|p| p.code).collect::<Vec<_>>(), ["too-deep"]);
}

#[test]
fn two_nodes_that_would_have_one_id_are_told() {
    let mut nodes = with_subflow(json!({}), json!([{"id": "x", "type": "probe", "z": "s"}]));
    nodes.as_array_mut().unwrap().push(json!({"id": "u-x", "type": "probe", "z": "t"}));
    let (_, problems) = build_with(nodes, &[]);
    assert_eq!(
        problems.iter().map(|p| (p.code, p.pointer.as_str())).collect::<Vec<_>>(),
        [("id-clash", "/5")]
    );
}

#[test]
fn fingerprints_tell_what_is_another_node() {
    let flow = |change: Json| {
        let mut probe = json!({"id": "n", "type": "probe", "z": "t", "x": 1, "wires": [["m"]], "a": 1, "b": {"c": 2, "d": 3}});
        probe.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let plan = build(json!([{"id": "t", "type": "tab"}, probe]));
        node(&plan, "n").fingerprint
    };
    let same = flow(json!({}));
    assert_eq!(flow(json!({"x": 2, "wires": [], "info": "new", "l": false})), same);
    assert_eq!(flow(json!({"b": {"d": 3, "c": 2}})), same, "the order of properties is none of its business");
    for other in [
        json!({"a": 2}),
        json!({"a": "1"}),
        json!({"c": 1}),
        json!({"name": "n"}),
        json!({"type": "junction"}),
    ] {
        assert_ne!(flow(other.clone()), same, "{other}");
    }
}

#[test]
fn link_outs_lead_where_either_end_says() {
    let index = Document::from_json(
        json!([
            {"id": "i0", "type": "link in", "z": "t", "links": ["o"]},
            {"id": "o", "type": "link out", "z": "t", "links": ["i1", "i0"]},
            {"id": "i1", "type": "link in", "z": "t", "links": ["o"]},
            {"id": "i2", "type": "link in", "z": "t", "links": ["o"]},
            {"id": "r", "type": "link out", "z": "t", "links": ["i1"], "mode": "return"}
        ]),
        &Limits::default(),
    )
    .unwrap();
    let index = super::index::Index::of(&index);
    assert_eq!(index.links_of(index.get("o").unwrap()), Some(vec!["i0", "i1", "i2"]));
    assert_eq!(index.links_of(index.get("r").unwrap()), None);
}

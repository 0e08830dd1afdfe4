//! What a person sees for each thing that can be wrong with a document.

use serde_json::{Value as Json, json};

use super::env::ProcessEnv;
use super::model::{Document, Limits};
use super::problem::Problem;
use super::validate::validate;

fn check(nodes: Json) -> Vec<String> {
    check_with(nodes, &[])
}

fn check_with(nodes: Json, env: &[(&str, &str)]) -> Vec<String> {
    let document = Document::from_json(nodes, &Limits::default()).unwrap();
    let env: ProcessEnv = env.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    validate(&document, &env).iter().map(Problem::to_string).collect()
}

fn parse(text: impl AsRef<[u8]>) -> Vec<String> {
    match Document::parse(text.as_ref(), &Limits::default()) {
        Ok(document) => panic!("parsed: {document:?}"),
        Err(problems) => problems.iter().map(Problem::to_string).collect(),
    }
}

/// Nodes on a tab.
fn on_tab(nodes: Json) -> Json {
    let mut all = vec![json!({"id": "t", "type": "tab", "label": "Boiler"})];
    all.extend(nodes.as_array().unwrap().clone());
    Json::Array(all)
}

#[track_caller]
fn assert_said(problems: Vec<String>, expected: &[&str]) {
    assert!(problems == expected, "said:\n{}\nexpected:\n{}", problems.join("\n"), expected.join("\n"));
}

#[test]
fn not_json() {
    assert_said(
        parse("[\n{\"id\":\"a\" \"type\":\"x\"}]"),
        &["error: the document is not JSON (line 2, column 11): expected `,` or `}`"],
    );
    assert_said(
        parse("[{\"id\":\"a\","),
        &["error: the document ends in the middle (line 1, column 11); is the file complete?"],
    );
    assert_said(parse(" \n"), &["error: the document is empty; an empty flow is written []"]);
}

#[test]
fn not_an_array() {
    assert_said(
        parse("{\"id\":\"a\",\"type\":\"inject\"}"),
        &["error: a flow document is a list of nodes, this is an object; put the node into a list: [{...}]"],
    );
    assert_said(parse("7"), &["error: a flow document is a list of nodes, this is a number"]);
    assert_said(
        parse("{\"flows\":{}}"),
        &["error: a flow document is a list of nodes, this is an object; \"flows\" must be a list"],
    );
}

#[test]
fn not_utf8() {
    assert_said(
        parse(b"[\n\"\xff\"]"),
        &["error: the document is not UTF-8: byte 3 (in line 2) is 0xff; save it as UTF-8"],
    );
    assert_said(
        parse(b"\xff\xfe[\0]\0"),
        &[
            "error: the document is not UTF-8: byte 0 (in line 1) is 0xff; it looks like UTF-16: save it as UTF-8",
        ],
    );
}

#[test]
fn nested_too_deep() {
    assert_said(
        parse("[".repeat(100_000)),
        &["error: the document is nested deeper than 127 levels (line 1, column 128)"],
    );
}

#[test]
fn too_large() {
    let file = tempfile::NamedTempFile::new().unwrap();
    // Without data: only its size is looked at.
    file.as_file().set_len(200_000_000).unwrap();
    let problems = Document::read(file.path(), &Limits::default()).unwrap_err();
    assert_said(
        problems.iter().map(Problem::to_string).collect(),
        &["error: the document is 191 MiB large, at most 64 MiB are read; \
           data that a flow needs belongs into files or a store, not into the flow"],
    );
    let limits = Limits { nodes: 2, ..Limits::default() };
    let problems = Document::parse(b"[1,2,3]", &limits).unwrap_err();
    assert_said(
        problems.iter().map(Problem::to_string).collect(),
        &["error: the document has 3 nodes, at most 2 are read; \
           split it over several gateways, or use subflows for what repeats"],
    );
}

#[test]
fn no_such_file() {
    let problems = Document::read("no/such/file.json".as_ref(), &Limits::default()).unwrap_err();
    assert_eq!(
        problems[0].to_string(),
        "error: cannot read no/such/file.json: No such file or directory (os error 2)"
    );
}

#[test]
fn elements_that_are_no_nodes() {
    assert_said(
        parse(
            "[1, {\"type\":\"inject\"}, {\"id\":7,\"type\":\"x\"}, {\"id\":\"a\"}, \
             {\"id\":\"\",\"type\":\"x\",\"name\":\"N\"}]",
        ),
        &[
            "error: element 0 is a number, and every element is a node: an object (at /0)",
            "error: element 1 (inject) has no id (at /1)",
            "error: the id of element 2 (x) is a number, it must be text (at /2/id)",
            "error: element 3 (a) has no type (at /3)",
            "error: element 4 (x) has an empty id (at /4/id)",
        ],
    );
    assert_said(
        parse("{\"flows\": [7]}"),
        &["error: element 0 is a number, and every element is a node: an object (at /flows/0)"],
    );
}

#[test]
fn duplicate_ids() {
    assert_said(
        check(on_tab(json!([
            {"id": "a", "type": "probe", "name": "One", "z": "t"},
            {"id": "a", "type": "probe", "name": "Two", "z": "t"}
        ]))),
        &["error: the id a stands twice: probe \"One\" (a) at /1 and probe \"Two\" (a) at /2 (at /2/id); \
           give one of them another id, and its wires with it"],
    );
}

#[test]
fn wires_to_nowhere() {
    assert_said(
        check(on_tab(json!([
            {"id": "a1b2", "type": "junction", "name": "Alarm 312?", "z": "t", "wires": [["a1b3", "Sink", "zzz"]]},
            {"id": "a1b4", "type": "probe", "name": "Sink", "z": "t"}
        ]))),
        &[
            "error: junction \"Alarm 312?\" (a1b2): it is wired to \"a1b3\", which is not in the document \
             (at /1/wires/0/0); did you mean \"a1b4\"?",
            "error: junction \"Alarm 312?\" (a1b2): it is wired to \"Sink\", which is not in the document \
             (at /1/wires/0/1); wires name ids: did you mean probe \"Sink\" (a1b4)?",
            "error: junction \"Alarm 312?\" (a1b2): it is wired to \"zzz\", which is not in the document \
             (at /1/wires/0/2)",
        ],
    );
}

#[test]
fn wires_of_a_wrong_form() {
    let hint = "wires are lists of ids in a list, one for each output: [[\"id\"]]";
    assert_said(
        check(on_tab(json!([
            {"id": "a", "type": "junction", "z": "t", "wires": "x"},
            {"id": "b", "type": "junction", "z": "t", "wires": ["a"]},
            {"id": "c", "type": "junction", "z": "t", "wires": [[null]]}
        ]))),
        &[
            &format!(
                "error: junction (a): its wires: expected a list of outputs, found text (at /1/wires); {hint}"
            ),
            &format!(
                "error: junction (b): its wires: expected a list of ids, found text (at /2/wires/0); {hint}"
            ),
            &format!(
                "error: junction (c): its wires: expected the id of a node, found null (at /3/wires/0/0); {hint}"
            ),
        ],
    );
}

#[test]
fn wires_that_lead_somewhere_odd() {
    assert_said(
        check(on_tab(json!([
            {"id": "t2", "type": "tab"},
            {"id": "s", "type": "subflow", "in": [], "out": []},
            {"id": "x", "type": "junction", "z": "s", "wires": [["b"]]},
            {"id": "a", "type": "junction", "z": "t", "wires": [["b", "x", "note", "u"], [], ["c"]]},
            {"id": "b", "type": "probe", "z": "t2"},
            {"id": "c", "type": "probe", "z": "t", "wires": [["a"]]},
            {"id": "note", "type": "comment", "z": "t"},
            {"id": "u", "type": "subflow:s", "z": "t"}
        ]))),
        &[
            "warning: junction (x): it is wired to probe (b), out of its subflow; nothing gets there \
             (at /3/wires/0/0); wires get into a subflow and out of it by its inputs and outputs",
            "warning: junction (a): it has one output, and wires at output 3; nothing is sent there (at /4/wires/2)",
            "warning: junction (a): it is wired to probe (b), which is on another tab (at /4/wires/0/0); \
             it works, but the editor cannot show it: use a link out and a link in",
            "warning: junction (a): it is wired to junction (x), which is inside a subflow; nothing gets there \
             (at /4/wires/0/1); wires get into a subflow and out of it by its inputs and outputs",
            "warning: junction (a): it is wired to comment (note), which takes no messages (at /4/wires/0/2)",
            "warning: junction (a): it is wired to subflow:s (u), which takes no messages (at /4/wires/0/3)",
            "warning: probe (c): it has no output, and wires at output 1; nothing is sent there (at /6/wires/0)",
        ],
    );
}

#[test]
fn unknown_types_and_places() {
    assert_said(
        check(on_tab(json!([
            {"id": "a", "type": "tempalte", "z": "t", "name": "J"},
            {"id": "b", "type": "steam_boiler", "z": "t"},
            {"id": "c", "type": "subflow:x", "z": "t"},
            {"id": "d", "type": "probe", "z": "t1"},
            {"id": "e", "type": "probe"},
            {"id": "f", "type": "probe", "z": "a"}
        ]))),
        &[
            "disabled: tempalte \"J\" (a): there is no node type \"tempalte\"; the node does not run, the rest does \
             (at /1/type); did you mean \"template\"?",
            "disabled: steam_boiler (b): there is no node type \"steam_boiler\"; the node does not run, the rest does \
             (at /2/type)",
            "disabled: subflow:x (c): the subflow \"x\" is not in the document; the node does not run (at /3/type)",
            "warning: probe (d): the tab \"t1\" is not in the document; the node runs on one of that name (at /4/z)",
            "warning: probe (e): it is on no tab; it runs, but no editor shows it (at /5); \
             put the id of a tab into \"z\"",
            "warning: probe (f): \"z\" is the tab or subflow that the node is on, and tempalte \"J\" (a) is neither \
             (at /6/z)",
        ],
    );
}

#[test]
fn subflows() {
    assert_said(
        check(on_tab(json!([
            {"id": "s1", "type": "subflow", "name": "A"},
            {"id": "inst1", "type": "subflow:s2", "z": "s1"},
            {"id": "s2", "type": "subflow", "name": "B", "out": [{"wires": [{"id": "inst3", "port": 0}]}]},
            {"id": "inst2", "type": "subflow:s1", "z": "s2"},
            {"id": "s3", "type": "subflow", "in": 7},
            {"id": "self", "type": "subflow:s3", "z": "s3"},
            {"id": "s4", "type": "subflow", "out": [{"wires": [{"id": "y", "port": 1}]}]},
            {"id": "y", "type": "junction", "z": "s4"}
        ]))),
        &[
            "error: subflow \"A\" (s1): the subflow contains itself: \"A\" > \"B\" > \"A\" (at /1); \
             take one of the instances out",
            "error: subflow \"B\" (s2): its output 1 is wired to \"inst3\", which is not in the subflow \
             (at /3/out/0/wires/0); did you mean \"inst2\"?",
            "error: subflow (s3): \"in\": expected a list of ports, found a number (at /5/in)",
            "error: subflow (s3): the subflow contains itself: s3 > s3 (at /5); take one of the instances out",
            "warning: subflow (s4): its output 1 is wired to output 2 of junction (y), which has 1 \
             (at /7/out/0/wires/0/port)",
        ],
    );
}

#[test]
fn groups() {
    assert_said(
        check(on_tab(json!([
            {"id": "g", "type": "group", "z": "t", "g": "h", "nodes": ["gone"]},
            {"id": "h", "type": "group", "z": "t", "g": "g"},
            {"id": "a", "type": "probe", "z": "t", "g": "no"},
            {"id": "t2", "type": "tab"},
            {"id": "b", "type": "probe", "z": "t2", "g": "g"},
            {"id": "c", "type": "probe", "z": "t", "g": "a"}
        ]))),
        &[
            "error: group (g): the group is inside itself (at /1/g)",
            "warning: group (g): it lists \"gone\", which is not in the document (at /1/nodes/0)",
            "warning: probe (a): the group \"no\" is not in the document (at /3/g); \
             the node runs as if it were in no group",
            "warning: probe (b): group (g) is on another tab (at /5/g); the node runs as if it were in no group",
            "warning: probe (c): \"g\" is the group of the node, and probe (a) is none (at /6/g); \
             the node runs as if it were in no group",
        ],
    );
}

#[test]
fn wrong_fields() {
    assert_said(
        check(on_tab(json!([
            {"id": "a", "type": "template", "name": "Text", "z": "t", "template": {"a": 1}, "templat": ""},
            {"id": "j", "type": "json", "z": "t", "pretty": "perhaps"},
            {"id": "off", "type": "json", "z": "t", "pretty": "perhaps", "d": true}
        ]))),
        &[
            "error: template \"Text\" (a): template: expected text, found an object (at /1/template)",
            "error: json (j): pretty: expected true or false, found \"perhaps\" (at /2/pretty)",
            "warning: template \"Text\" (a): templat: the node has no such property; it is kept, and does nothing \
             (at /1/templat); did you mean \"template\"?",
            "warning: json (off): pretty: expected true or false, found \"perhaps\" (at /3/pretty)",
        ],
    );
}

#[test]
fn missing_environment() {
    let nodes = on_tab(json!([
        {"id": "e", "type": "json", "name": "Parse", "z": "t", "property": "${PROPERTI}", "pretty": "${PRETTY}"}
    ]));
    assert_said(
        check(nodes.clone()),
        &[
            "error: json \"Parse\" (e): property: ${PROPERTI} is not set (at /1/property); \
             set PROPERTI in the gateway's environment, or among the environment variables of its tab or group",
            "error: json \"Parse\" (e): pretty: ${PRETTY} is not set (at /1/pretty); \
             set PRETTY in the gateway's environment, or among the environment variables of its tab or group",
        ],
    );
    // What is filled in is looked at as well.
    assert_said(
        check_with(nodes.clone(), &[("PROPERTY", "x"), ("PRETTY", "perhaps")]),
        &[
            "error: json \"Parse\" (e): property: ${PROPERTI} is not set (at /1/property); did you mean \"PROPERTY\"?",
            "error: json \"Parse\" (e): pretty: expected true or false, found \"perhaps\" (at /1/pretty)",
        ],
    );
    assert_said(check_with(nodes, &[("PROPERTI", "x"), ("PRETTY", "true")]), &[]);
}

#[test]
fn settings_that_cannot_be() {
    assert_said(
        check(json!([
            {"id": "t", "type": "tab", "label": "Boiler", "env": [
                {"name": "A", "type": "json", "value": "{"},
                {"name": "B", "type": "jsonata", "value": "1+1"},
                {"name": "C", "type": "flow", "value": "x"}
            ]}
        ])),
        &[
            "warning: tab \"Boiler\" (t): its variable A: not JSON: EOF while parsing an object at line 1 column 1 (at /0/env/0/value)",
            "warning: tab \"Boiler\" (t): its variable B: JSONata is not evaluated here; write the value itself, \
             or compute it in the flow (at /0/env/1/value)",
            "warning: tab \"Boiler\" (t): its variable C: it cannot be of type flow, for it is made before anything runs \
             (at /0/env/2/value)",
        ],
    );
}

#[test]
fn one_fault_in_a_subflow_is_said_once() {
    let problems = check(on_tab(json!([
        {"id": "s", "type": "subflow"},
        {"id": "j", "type": "json", "z": "s", "property": "${NONE}"},
        {"id": "u", "type": "subflow:s", "z": "t"},
        {"id": "v", "type": "subflow:s", "z": "t"}
    ])));
    assert_eq!(problems.len(), 1, "{problems:?}");
}

#[test]
fn names_from_strangers_do_no_harm_on_a_terminal() {
    let problems = check(on_tab(json!([
        {"id": "a", "type": "\u{1b}[2Jprobe", "z": "t", "name": "x".repeat(1000) + "\n"}
    ])));
    assert_eq!(problems.len(), 1);
    assert!(!problems[0].chars().any(char::is_control) && problems[0].len() < 300, "{}", problems[0]);
}

#[test]
fn problems_for_programs() {
    let document =
        Document::from_json(json!([{"id": "a", "type": "ui_x", "z": "t"}]), &Limits::default()).unwrap();
    let problems = validate(&document, &ProcessEnv::default());
    assert_eq!(
        serde_json::to_value(&problems[0]).unwrap(),
        json!({
            "severity": "disabled", "code": "unknown-type", "pointer": "/0/type", "node": "a",
            "message": "ui_x (a): there is no node type \"ui_x\"; the node does not run, the rest does"
        })
    );
}

#[test]
fn promises_and_outboxes() {
    let said = |delivery: &str, outbox: Json| {
        check(json!([
            {"id": "t", "type": "tab", "label": "Boiler", "delivery": delivery},
            {"id": "o", "type": "lines out", "z": "t", "address": "127.0.0.1:1", "outbox": outbox, "wires": []}
        ]))
    };
    assert_said(said("at-most-once", json!({"mode": "always", "when_full": "drop_oldest"})), &[]);
    let exactly = said("exactly-once", json!({}));
    assert!(
        exactly[0].contains("there is no \"exactly-once\"") && exactly[0].contains("at-least-once"),
        "{exactly:?}"
    );
    let wrong = said("", json!({"mode": "allways"}));
    assert!(
        wrong[0].contains("/1/outbox/mode") && wrong[0].contains("did you mean \"always\"?"),
        "{wrong:?}"
    );
    let unknown = said("", json!({"max_byte": 5}));
    assert!(unknown[0].contains("/1/outbox/max_byte") && unknown[0].contains("max_bytes"), "{unknown:?}");
}

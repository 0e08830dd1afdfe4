use serde_json::{Value as Json, json};

use crate::host::Scope;
use crate::testing::{MemoryHost, Rig};

fn rig(properties: Json) -> Rig {
    let mut host = MemoryHost::default();
    host.env.insert("SITE".into(), "bts-7".into());
    host.set_context(Scope::Flow, "limit", json!(40));
    host.set_context(Scope::Flow, "a", json!({"b": ["x", "y"]}));
    host.set_context(Scope::Global, "name", json!("a & b"));
    Rig::with_host("template", properties, host).unwrap()
}

/// The payload that a template makes of a message, or the error.
fn fill(template: &str, msg: Json) -> String {
    let mut rig = rig(json!({"template": template}));
    rig.send(msg);
    match rig.sent(0).pop() {
        Some(mut msg) => msg["payload"].take().as_str().unwrap().to_string(),
        None => format!("error: {}", rig.host.errors[0].0.message()),
    }
}

#[derive(serde::Deserialize)]
struct Group {
    message: Json,
    /// Template and result.
    cases: Vec<(String, String)>,
}

/// Recorded from mustache.js 4.2, with Node-RED's way of looking names up.
#[test]
fn renders_as_mustache_js_does() {
    let groups: Vec<Group> = serde_json::from_str(include_str!("mustache.cases.json")).unwrap();
    assert!(groups.iter().map(|group| group.cases.len()).sum::<usize>() > 100);
    for group in groups {
        for (template, expected) in group.cases {
            assert_eq!(
                fill(&template, group.message.clone()),
                expected,
                "{template:?} over {}",
                group.message
            );
        }
    }
}

#[test]
fn context_and_environment_stand_behind_the_message() {
    for (template, msg, expected) in [
        ("{{env.SITE}}|{{env.NONE}}", json!({}), "bts-7|"),
        ("{{flow.limit}} {{global.name}} {{{global.name}}}", json!({}), "40 a &amp; b a & b"),
        ("{{#flow.a.b}}<{{.}}>{{/flow.a.b}}{{flow.a.b[1]}}", json!({}), "<x><y>y"),
        ("{{^flow.none}}no{{/flow.none}}{{#flow.limit}}{{flow.limit}}{{/flow.limit}}", json!({}), "no40"),
        ("{{flow.limit}}", json!({"flow": {"limit": 7}}), "7"),
        ("{{flow}}{{flow.}}{{flow[x y].z}}{{flowx.y}}", json!({}), ""),
    ] {
        assert_eq!(fill(template, msg), expected, "{template}");
    }
    assert!(fill("{{flow.a b}}", json!({})).starts_with("error: "));
}

#[test]
fn the_result_goes_where_it_should() {
    let mut to_path = rig(json!({"template": "{{payload}}", "field": "topic.foo[1].bar"}));
    to_path.send(json!({"payload": 5}));
    assert_eq!(to_path.sent(0)[0]["topic"], json!({"foo": [null, {"bar": "5"}]}));
    assert_eq!(to_path.host.completed[0].get("topic").unwrap().kind(), "object");

    let mut to_flow = rig(json!({"template": "{{payload}}", "field": "out", "fieldType": "flow"}));
    to_flow.send(json!({"payload": 5}));
    assert_eq!(to_flow.sent(0), [json!({"payload": 5})]);
    assert_eq!(to_flow.host.context_value(Scope::Flow, "out"), Some(json!("5")));

    for (output, template, payload, expected) in [
        (
            "json",
            "{\"d\":\"{{payload}}\"}",
            json!("t\t1\nl\\2\r\nb\u{8}f\u{c}"),
            json!({"d": "t\t1\nl\\2\r\nb\u{8}f\u{c}"}),
        ),
        ("yaml", "a:\n- {{payload}}\n- x\n", json!(1), json!({"a": [1, "x"]})),
        ("str", "x", json!(1), json!("x")),
    ] {
        let mut rig = rig(json!({"template": template, "output": output}));
        rig.send(json!({"payload": payload}));
        assert_eq!(rig.sent(0), [json!({"payload": expected})], "{output}");
    }
    for (output, template) in [("json", "{x"), ("yaml", "a: [")] {
        let mut rig = rig(json!({"template": template, "output": output}));
        rig.send(json!({"payload": 1}));
        assert_eq!((rig.host.errors.len(), rig.sent(0).len()), (1, 0), "{output}");
    }
}

#[test]
fn the_message_brings_the_template_only_where_the_node_has_none() {
    let mut own = rig(json!({"template": "own"}));
    own.send(json!({"template": "{{payload}}"}));
    assert_eq!(own.sent(0)[0]["payload"], "own");

    let mut from_message = rig(json!({"template": ""}));
    for (template, payload) in [("a{{payload}}", 1), ("a{{payload}}", 2), ("b{{payload}}", 3)] {
        from_message.send(json!({"template": template, "payload": payload}));
    }
    let payloads: Vec<Json> = from_message.sent(0).into_iter().map(|mut m| m["payload"].take()).collect();
    assert_eq!(payloads, ["a1", "a2", "b3"]);
    from_message.send(json!({"template": "{{#x}}"}));
    from_message.send(json!({"template": 5}));
    assert_eq!(from_message.host.errors.len(), 2);
    from_message.send(json!({"template": "b{{payload}}", "payload": 4}));
    assert_eq!(from_message.sent(0)[3]["payload"], "b4");

    let mut plain = rig(json!({"template": "{{payload}}", "syntax": "plain"}));
    plain.send(json!({"payload": 1}));
    assert_eq!(plain.sent(0)[0]["payload"], "{{payload}}");
}

#[test]
fn one_message_cannot_fill_the_memory_or_the_stack() {
    let depth = 100_000;
    let deep = format!("{}{}", "{{#a}}".repeat(depth), "{{/a}}".repeat(depth));
    assert!(fill(&deep, json!({"a": 1})).contains("nested deeper"));
    let wide = format!("{}x{}", "{{#a}}".repeat(8), "{{/a}}".repeat(8));
    assert!(fill(&wide, json!({"a": (0..100).collect::<Vec<_>>()})).contains("too much"));
}

#[test]
fn wrong_configuration_is_refused() {
    for (properties, pointer) in
        [(json!({"field": "a..b"}), "/field"), (json!({"fieldType": "node"}), "/fieldType")]
    {
        let error = Rig::try_new("template", properties).err().unwrap();
        assert!(error.to_string().starts_with(pointer), "{error}");
    }
}

use serde_json::{Value as Json, json};

use crate::host::{Level, Scope};
use crate::testing::{MemoryHost, Rig};
use crate::value::Value;

fn changed_by(rules: Json, msg: Json) -> Json {
    let mut rig = Rig::new("change", json!({"rules": rules}));
    rig.send(msg);
    assert!(rig.host.errors.is_empty(), "{:?}", rig.host.errors);
    let sent = rig.sent(0);
    assert_eq!(sent.len(), 1);
    sent.into_iter().next().unwrap()
}

fn set(path: &str, to: Json, kind: &str, msg: Json) -> Json {
    changed_by(json!([{"t": "set", "p": path, "pt": "msg", "to": to, "tot": kind}]), msg)
}

#[test]
fn sets_values_of_every_type() {
    for (to, kind, expected) in [
        (json!("bar"), "str", json!("bar")),
        (json!("123"), "num", json!(123)),
        (json!("TRUE"), "bool", json!(true)),
        (json!("yes"), "bool", json!(false)),
        (json!(r#"{"a":[1]}"#), "json", json!({"a": [1]})),
        (json!("[72,101]"), "bin", json!({"type": "Buffer", "data": [72, 101]})),
        (json!(""), "date", json!(1_700_000_000_000i64)),
        (json!("topic"), "msg", json!("t")),
        (json!("lookup[msg.topic]"), "msg", json!(2)),
    ] {
        let msg = json!({"payload": 0, "topic": "t", "lookup": {"t": 2}});
        assert_eq!(set("payload", to.clone(), kind, msg)["payload"], expected, "{kind} {to}");
    }
}

#[cfg(feature = "jsonata")]
#[test]
fn sets_what_an_expression_gives() {
    assert_eq!(set("payload", json!("$length(topic) + 1"), "jsonata", json!({"topic": "t"}))["payload"], 2);
}

#[test]
fn sets_deep_properties_and_makes_their_parents() {
    assert_eq!(set("a.b[1].c", json!("x"), "str", json!({})), json!({"a": {"b": [null, {"c": "x"}]}}));
    let msg = json!({"lookup": {"a": 1}, "topic": "b", "payload": 9});
    assert_eq!(set("lookup[msg.topic]", json!("payload"), "msg", msg)["lookup"], json!({"a": 1, "b": 9}));
}

#[test]
fn undefined_deletes_and_a_missing_parent_skips() {
    assert_eq!(set("payload", json!("none"), "msg", json!({"payload": 1})), json!({}));
    assert_eq!(set("payload", json!("no.such"), "msg", json!({"payload": 1})), json!({"payload": 1}));
    assert_eq!(
        set("payload", json!("null"), "msg", json!({"payload": 1, "null": null}))["payload"],
        json!(null)
    );
    assert_eq!(set("payload", json!("none"), "flow", json!({"payload": 1})), json!({}));
    assert_eq!(set("payload", json!("a[msg.none]"), "flow", json!({"payload": 1})), json!({"payload": 1}));
    assert_eq!(set("a[msg.none]", json!("x"), "str", json!({"a": {}})), json!({"a": {}}));
}

#[test]
fn a_property_of_text_cannot_be_set() {
    let mut rig =
        Rig::new("change", json!({"rules": [{"t": "set", "p": "payload.x", "to": "1", "tot": "num"}]}));
    rig.send(json!({"payload": "text"}));
    assert_eq!(rig.sent(0), [json!({"payload": "text"})]);
    let warning = "Cannot set property of non-object type: payload.x".to_string();
    assert_eq!(rig.host.logs, [(Level::Warn, warning)]);
}

#[test]
fn settings_of_the_environment_are_read_once() {
    let mut host = MemoryHost::default();
    host.env.insert("SITE".to_string(), Value::Int(7));
    let rules = json!([{"t": "set", "p": "payload", "to": "SITE", "tot": "env"}]);
    let mut rig = Rig::with_host("change", json!({"rules": rules}), host).unwrap();
    rig.host.env.clear();
    rig.send(json!({}));
    assert_eq!(rig.sent(0), [json!({"payload": 7})]);
}

fn change(from: Json, fromt: &str, to: Json, tot: &str, payload: Json) -> Json {
    let rule = json!({"t": "change", "p": "payload", "from": from, "fromt": fromt, "to": to, "tot": tot});
    changed_by(json!([rule]), json!({"payload": payload, "text": "ABC", "n": 123, "yes": true}))["payload"]
        .clone()
}

#[test]
fn changes_parts_of_text_and_whole_values() {
    for (from, fromt, to, tot, payload, expected) in [
        (json!("Hello"), "str", json!("Goodbye"), "str", json!("Hello World!"), json!("Goodbye World!")),
        (json!("123"), "str", json!("456"), "num", json!("Change123Me"), json!("Change456Me")),
        (json!("123"), "str", json!("456"), "num", json!("123"), json!(456)),
        (json!("123"), "str", json!("true"), "bool", json!("123"), json!(true)),
        (json!("a.c"), "str", json!("x"), "str", json!("abc a.c"), json!("abc x")),
        (json!("\\d+"), "re", json!("N"), "str", json!("1 and 22"), json!("N and N")),
        (json!("(H)i"), "re", json!("$1-$1"), "str", json!("Hi"), json!("H-H")),
        (json!("on"), "re", json!("true"), "bool", json!("on"), json!(true)),
        (json!("on"), "re", json!("true"), "bool", json!("only"), json!("truely")),
        (json!("ABC"), "str", json!("$&$&"), "str", json!("xABC"), json!("xABCABC")),
        (json!("123"), "num", json!("456"), "str", json!("123"), json!("456")),
        (json!("123"), "num", json!("abc"), "str", json!(123), json!("abc")),
        (json!("123"), "num", json!("abc"), "str", json!(124), json!(124)),
        (json!("123"), "str", json!("abc"), "str", json!(123), json!(123)),
        (json!("true"), "bool", json!("xxx"), "str", json!(true), json!("xxx")),
        (json!("true"), "bool", json!("xxx"), "str", json!("true"), json!("xxx")),
        (json!("false"), "bool", json!("xxx"), "str", json!(true), json!(true)),
        (json!("text"), "msg", json!("123"), "str", json!("abcABCabc"), json!("abc123abc")),
        (json!("n"), "msg", json!("ABC"), "str", json!(123), json!("ABC")),
        (json!("n"), "msg", json!("ABC"), "str", json!("123"), json!("123")),
        // What Node-RED does, whose boolean is compared with a text.
        (json!("yes"), "msg", json!("ABC"), "str", json!(true), json!(true)),
        (json!("no.such"), "msg", json!("ABC"), "str", json!("x"), json!("x")),
        (json!("SITE"), "env", json!("x"), "str", json!("a SITE"), json!("a x")),
        (json!("a"), "str", json!("none"), "msg", json!("ab"), json!("undefinedb")),
        (json!("a"), "str", json!("b"), "str", json!(["a"]), json!(["a"])),
    ] {
        assert_eq!(
            change(from.clone(), fromt, to.clone(), tot, payload.clone()),
            expected,
            "{from} {fromt} {to} {payload}"
        );
    }
}

#[test]
fn searching_for_what_is_no_text_is_told_and_the_message_goes_on() {
    let rules =
        json!([{"t": "change", "p": "payload", "from": "null", "fromt": "msg", "to": "abc", "tot": "str"}]);
    let mut rig = Rig::new("change", json!({"rules": rules}));
    rig.send(json!({"payload": "", "null": null}));
    assert_eq!(rig.sent(0), [json!({"payload": "", "null": null})]);
    assert_eq!(rig.host.errors.len(), 1);
    assert_eq!(rig.host.errors[0].0.message(), "Invalid 'from' property: unsupported type: object");
}

#[test]
fn contexts_are_written_and_changed() {
    let mut host = MemoryHost::default();
    host.set_context(Scope::Flow, "count", json!("on"));
    host.set_context(Scope::Global, "old", json!(1));
    let rules = json!([
        {"t": "set", "p": "lookup[msg.topic]", "pt": "flow", "to": "payload", "tot": "msg"},
        {"t": "set", "p": "a.b", "pt": "global", "to": "1", "tot": "num"},
        {"t": "change", "p": "count", "pt": "flow", "from": "on", "fromt": "re", "to": "true", "tot": "bool"},
        {"t": "delete", "p": "old", "pt": "global"},
        {"t": "move", "p": "payload", "pt": "msg", "to": "moved", "tot": "flow"},
        {"t": "set", "p": "x[msg.none]", "pt": "flow", "to": "1", "tot": "num"}
    ]);
    let mut rig = Rig::with_host("change", json!({"rules": rules}), host).unwrap();
    rig.send(json!({"topic": "b", "payload": "new"}));
    assert_eq!(rig.sent(0), [json!({"topic": "b"})]);
    assert_eq!(rig.host.context_value(Scope::Flow, "lookup"), Some(json!({"b": "new"})));
    assert_eq!(rig.host.context_value(Scope::Global, "a"), Some(json!({"b": 1})));
    // Only a message's text becomes a boolean.
    assert_eq!(rig.host.context_value(Scope::Flow, "count"), Some(json!("true")));
    assert_eq!(rig.host.context_value(Scope::Global, "old"), None);
    assert_eq!(rig.host.context_value(Scope::Flow, "moved"), Some(json!("new")));
}

#[test]
fn moves_are_in_the_order_of_node_red() {
    let mv = |from: &str, to: &str, msg: Json| {
        changed_by(json!([{"t": "move", "p": from, "pt": "msg", "to": to, "tot": "msg"}]), msg)
    };
    assert_eq!(mv("topic", "payload", json!({"topic": "t", "payload": {"a": 1}})), json!({"payload": "t"}));
    assert_eq!(mv("payload", "payload", json!({"payload": "bar"})), json!({"payload": "bar"}));
    assert_eq!(mv("payload", "payload.foo", json!({"payload": "bar"})), json!({"payload": {"foo": "bar"}}));
    assert_eq!(mv("payload.foo", "payload", json!({"payload": {"foo": "bar"}})), json!({"payload": "bar"}));
    assert_eq!(mv("none", "payload", json!({"payload": 1})), json!({}));
    assert_eq!(mv("no.such", "payload", json!({"payload": 1})), json!({}));
    assert_eq!(mv("a[0]", "b", json!({"a": [1, 2]})), json!({"a": [2], "b": 1}));
}

#[test]
fn deletes() {
    let delete = |path: &str, msg: Json| changed_by(json!([{"t": "delete", "p": path}]), msg);
    assert_eq!(delete("payload", json!({"payload": 1, "topic": 2})), json!({"topic": 2}));
    assert_eq!(delete("a.b", json!({"a": {"b": 1, "c": 2}})), json!({"a": {"c": 2}}));
    assert_eq!(delete("no.such", json!({"a": 1})), json!({"a": 1}));
}

#[test]
fn old_flows_have_one_rule() {
    for (config, msg, expected) in [
        (
            json!({"action": "replace", "property": "payload", "to": "x"}),
            json!({"payload": 1}),
            json!({"payload": "x"}),
        ),
        (
            json!({"action": "replace", "property": "payload", "to": "msg.topic"}),
            json!({"payload": 1, "topic": "t"}),
            json!({"payload": "t", "topic": "t"}),
        ),
        (
            json!({"action": "change", "property": "payload", "from": "a.", "to": "x", "reg": false}),
            json!({"payload": "a.ab"}),
            json!({"payload": "xab"}),
        ),
        (
            json!({"action": "change", "property": "payload", "from": "a.", "to": "x", "reg": true}),
            json!({"payload": "a.ab"}),
            json!({"payload": "xx"}),
        ),
        (
            json!({"action": "change", "property": "payload", "from": "a.", "to": "x", "reg": null}),
            json!({"payload": "ab"}),
            json!({"payload": "x"}),
        ),
        (json!({"action": "delete", "property": "payload"}), json!({"payload": 1}), json!({})),
        (json!({"action": "move", "property": "payload", "to": "x"}), json!({"payload": 1}), json!({"x": 1})),
        (json!({}), json!({"payload": 1}), json!({"payload": 1})),
        (json!({"rules": []}), json!({"payload": 1}), json!({"payload": 1})),
        (
            json!({"rules": [{"t": "change", "p": "payload", "from": "\\(.*\\)", "to": "[new]", "re": true}]}),
            json!({"payload": "a (hi)"}),
            json!({"payload": "a [new]"}),
        ),
    ] {
        let mut rig = Rig::new("change", config.clone());
        rig.send(msg);
        assert_eq!(rig.sent(0), [expected], "{config}");
    }
}

#[test]
fn rules_see_what_those_before_them_did() {
    let rules = json!([
        {"t": "set", "p": "payload", "to": "a this (hi)"},
        {"t": "change", "p": "payload", "from": "this", "to": "that"},
        {"t": "set", "p": "copy", "to": "payload", "tot": "msg"},
        {"t": "delete", "p": "payload"}
    ]);
    assert_eq!(changed_by(rules, json!({"payload": 1})), json!({"copy": "a that (hi)"}));
}

#[cfg(feature = "jsonata")]
#[test]
fn a_failed_expression_stops_the_message_for_catch() {
    let rules = json!([
        {"t": "set", "p": "first", "to": "1", "tot": "num"},
        {"t": "set", "p": "payload", "to": "$nope(payload)", "tot": "jsonata"}
    ]);
    let mut rig = Rig::new("change", json!({"rules": rules}));
    rig.send(json!({"payload": 1}));
    assert!(rig.sent(0).is_empty() && rig.host.completed.is_empty());
    let (error, message) = &rig.host.errors[0];
    assert!(error.message().starts_with("Invalid JSONata expression: "), "{error}");
    assert_eq!(message.as_ref().unwrap().get("first"), Some(&Value::Int(1)));
}

#[test]
fn other_copies_of_the_message_do_not_change() {
    let mut rig =
        Rig::new("change", json!({"rules": [{"t": "set", "p": "payload.x", "to": "1", "tot": "num"}]}));
    rig.send(json!({"payload": {"x": 0}}));
    let first = rig.take().remove(0).message;
    rig.send(serde_json::to_value(&first.value).unwrap());
    assert_eq!(first.payload().get("x"), Some(&Value::Int(1)));
    // Complete sees what the node made of it.
    assert_eq!(rig.host.completed[0].payload().get("x"), Some(&Value::Int(1)));
}

#[test]
fn wrong_configuration_is_refused() {
    for (rule, pointer) in [
        (json!({"t": "set", "p": "a..b", "to": "x"}), "/rules/0/p: "),
        (json!({"t": "set", "p": "a", "to": "{", "tot": "json"}), "/rules/0/to: "),
        (json!({"t": "set", "p": "a", "to": "$sum(", "tot": "jsonata"}), "/rules/0/to: "),
        (json!({"t": "set", "p": "a", "pt": "str", "to": "x"}), "/rules/0/p: "),
        (json!({"t": "change", "p": "a", "from": "\\+**+", "fromt": "re", "to": "x"}), "/rules/0/from: "),
        (json!({"t": "swap", "p": "a"}), "/rules/0/t: "),
    ] {
        let error = Rig::try_new("change", json!({"rules": [rule]})).err().unwrap().to_string();
        assert!(error.starts_with(pointer), "{error}");
    }
}

//! Random values go through scripts unharmed, and no random script panics.

use proptest::prelude::*;
use serde_json::json;

use super::node_tests::play;
use crate::testing::{MemoryHost, Rig};
use crate::value::{Object, Value};

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any::<f64>().prop_filter("NaN equals nothing", |n| !n.is_nan()).prop_map(Value::Float),
        "\\PC{0,40}".prop_map(Value::str),
        proptest::collection::vec(any::<u8>(), 0..20).prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 8, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..8).prop_map(Value::array),
            proptest::collection::vec(("[a-zA-Z_ .\u{0}]{0,30}", inner), 0..20)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect::<Object>())),
        ]
    })
}

/// The payload that a script makes of another.
fn through(func: &str, value: &Value) -> Value {
    let mut msg = Object::new();
    msg.insert("payload", value.clone());
    play(func, msg).get("payload").cloned().unwrap_or_default()
}

/// A script that makes a new value of each part of another.
const REBUILD: &str = "fn copy(v) {
    switch type_of(v) {
        \"map\" => { let m = #{}; for k in v.keys() { m[k] = copy(v[k]); } m }
        \"array\" => { let a = []; for x in v { a.push(copy(x)); } a }
        _ => v
    }
}
#{payload: copy(msg.payload)}";

fn has_hidden_key(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(has_hidden_key),
        Value::Object(object) => object.iter().any(|(key, value)| key == "\0" || has_hidden_key(value)),
        _ => false,
    }
}

/// Statements that do things to a few variables and the message, right or wrong.
fn script() -> impl Strategy<Value = String> {
    let place = proptest::sample::select(vec![
        "a",
        "b",
        "msg",
        "msg.payload",
        "msg.payload.x",
        "msg.payload.list",
        "msg.payload.list[0]",
        "a[0]",
        "b.x",
        "msg[\"payload\"]",
        "msg?.nothing?.x",
        "a?.x",
    ]);
    let literal = proptest::sample::select(vec![
        "1",
        "-7",
        "2.5",
        "\"text\"",
        "()",
        "true",
        "[]",
        "[1, 2, 3]",
        "#{}",
        "#{x: 1, y: [2]}",
        "'c'",
        "0..3",
        "|x| x",
        "9223372036854775807",
        "\"\\u{0}\"",
        "blob(3, 1)",
        "Fn(\"len\")",
        "now()",
    ]);
    let atom = prop_oneof![place.clone().prop_map(String::from), literal.prop_map(String::from)];
    let expression = atom.prop_recursive(3, 12, 3, |e| {
        prop_oneof![
            (
                e.clone(),
                proptest::sample::select(vec![
                    "+", "-", "*", "/", "%", "==", "<", "&&", "in", "??", "**", "<<", "|"
                ]),
                e.clone()
            )
                .prop_map(|(a, op, b)| format!("({a} {op} {b})")),
            (
                e.clone(),
                proptest::sample::select(vec![
                    "len()",
                    "keys()",
                    "values()",
                    "to_string()",
                    "to_json()",
                    "is_empty()",
                    "pop()",
                    "sort()",
                    "reverse()",
                    "clear()",
                    "to_int()",
                    "abs()",
                    "sum()",
                    "mean()",
                    "type_of()",
                    "dedup()",
                    "tag()",
                    "shift()",
                    "to_float()",
                    "bits(0..3)",
                    "chunks(2)",
                    "extract(1)",
                    "split(1)",
                    "chop(1)",
                    "round(2)",
                    "trim()",
                    "chars()",
                ])
            )
                .prop_map(|(a, call)| format!("({a}).{call}")),
            (
                e.clone(),
                proptest::sample::select(vec![
                    "push",
                    "append",
                    "remove",
                    "contains",
                    "get",
                    "index_of",
                    "map",
                    "filter",
                    "reduce",
                    "mixin",
                    "split",
                    "pad",
                    "insert",
                    "set",
                    "sort",
                    "drain",
                    "retain",
                    "fill_with",
                    "index",
                    "starts_with",
                    "truncate",
                    "zip",
                    "all",
                    "some",
                ]),
                e.clone()
            )
                .prop_map(|(a, call, b)| format!("({a}).{call}({b})")),
            (e.clone(), e.clone()).prop_map(|(a, b)| format!("({a})[{b}]")),
            (e.clone(), e.clone(), e.clone())
                .prop_map(|(a, b, c)| format!("if {a} == {b} {{ {c} }} else {{ {a} }}")),
            e.clone().prop_map(|a| format!("#{{payload: {a}, z: [{a}]}}")),
            e.clone().prop_map(|a| format!("`<${{{a}}}>`")),
            (e.clone(), e).prop_map(|(a, b)| format!("quantile({a}, {b})")),
        ]
    });
    let statement = prop_oneof![
        expression.clone().prop_map(|e| format!("try {{ {e}; }} catch {{ }}")),
        (place, proptest::sample::select(vec!["=", "+=", "-=", "*=", "??="]), expression.clone())
            .prop_map(|(place, op, e)| format!("try {{ {place} {op} {e}; }} catch {{ }}").replace("?.", ".")),
        expression.clone().prop_map(|e| format!("try {{ for x in {e} {{ a = [x, a]; }} }} catch {{ }}")),
        expression.clone().prop_map(|e| format!("try {{ node.send({e}); }} catch {{ }}")),
        expression
            .clone()
            .prop_map(|e| format!("try {{ flow.set(\"k\", {e}); b = flow.get(\"k\"); }} catch {{ }}")),
        expression.clone().prop_map(|e| format!("try {{ flow.update(\"k\", |v| {e}); }} catch {{ }}")),
    ];
    (proptest::collection::vec(statement, 1..12), expression).prop_map(|(statements, last)| {
        format!("let a = []; let b = #{{}};\n{}\n{last}", statements.join("\n"))
    })
}

/// How many cases, where PROPTEST_CASES does not ask for more or less.
fn cases(usual: u32) -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(usual)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(192), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_a_script_reads_is_what_was_there(value in value()) {
        prop_assume!(!has_hidden_key(&value));
        prop_assert_eq!(&through(REBUILD, &value), &value);
        prop_assert_eq!(&through("#{payload: json_parse(json_stringify([msg.payload]))[0]}", &value), &json_round(&value));
        prop_assert_eq!(&through("let same = msg.payload == msg.payload; msg.copy = msg.payload; msg", &value), &value);
    }

    #[test]
    fn a_message_that_is_handed_on_keeps_all_it_has(value in value()) {
        prop_assert_eq!(&through("msg.payload; msg.keys(); try { msg.payload.keys(); } catch { } msg", &value), &value);
    }

    #[test]
    fn no_script_panics(script in script()) {
        let run = |modules: serde_json::Value| {
            let mut host = MemoryHost::default();
            host.settings.script_operations = 20_000;
            let properties = json!({"lang": "rhai", "func": script, "modules": modules});
            let Ok(mut rig) = Rig::with_host("function", properties, host) else { return None };
            rig.send(json!({"payload": {"x": 1, "list": [1, {"y": "two"}, [3.5]]}, "topic": "t"}));
            rig.send(json!({"payload": [1, 2, 3]}));
            let errors: Vec<String> = rig.host.errors.iter().map(|(e, m)| format!("{e} {m:?}")).collect();
            Some((rig.sent(0), format!("{:?}", rig.host.completed), errors))
        };
        // With a module around, nothing is known of what the script writes, and all that it reads is kept.
        prop_assert_eq!(run(json!({})), run(json!({"m": "fn nothing() { 0 }"})));
    }
}

fn json_round(value: &Value) -> Value {
    Value::from_json(value.to_json().as_bytes()).unwrap()
}

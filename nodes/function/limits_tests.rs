//! Scripts that would take the gateway with them end in an error.

use serde_json::{Value as Json, json};

use crate::testing::{MemoryHost, Rig};
use crate::value::{Object, Value};

fn error_of(mut properties: Json, msg: Json) -> String {
    properties["lang"] = json!("rhai");
    let mut rig = Rig::new("function", properties);
    rig.send(msg);
    assert_eq!(rig.host.errors.len(), 1, "nothing stopped it");
    // The node goes on.
    rig.send(json!({"payload": "stop"}));
    rig.host.errors.remove(0).0.message().to_string()
}

fn error(func: &str) -> String {
    error_of(json!({"func": func}), json!({"payload": {"list": [1, [2]]}}))
}

#[test]
fn a_loop_without_an_end_is_stopped_by_its_operations() {
    let mut host = MemoryHost::default();
    host.settings.script_operations = 5_000;
    for func in [
        "loop { }",
        "let n = 0; while true { n += 1; }",
        "for i in 0..1000 { [1, 2, 3, 4, 5, 6, 7].map(|x| x * x); }",
        "try { loop { } } catch { } msg",
        "fn f(n) { if n == 0 { 0 } else { f(n - 1) + f(n - 1) } } f(20)",
    ] {
        let mut twin = MemoryHost::default();
        twin.settings = host.settings.clone();
        let mut rig = Rig::with_host("function", json!({"lang": "rhai", "func": func}), twin).unwrap();
        rig.send(json!({}));
        let text = rig.host.errors[0].0.message().to_string();
        assert!(text.starts_with("script error: it took more than 5000 operations"), "{func}: {text}");
    }
}

#[test]
fn time_is_a_limit_as_well() {
    let mut host = MemoryHost::default();
    host.settings.script_operations = u64::MAX;
    let properties = json!({"lang": "rhai", "func": "loop { }", "timeout": "0.02"});
    let mut rig = Rig::with_host("function", properties, host).unwrap();
    rig.send(json!({}));
    let text = rig.host.errors[0].0.message();
    assert!(text.starts_with("script error: Script execution timed out after 20ms"), "{text}");
}

#[test]
fn values_do_not_nest_without_end() {
    for func in [
        "let a = []; for i in 0..100000 { a = [a]; } msg",
        "let a = [1]; for i in 0..100000 { let b = []; b.push(a); a = b; } msg",
        "let a = [[1]]; for i in 0..100000 { a.push([a.pop()]); } msg",
        "let a = #{}; for i in 0..100000 { a = #{a: a}; } msg",
        "for i in 0..100000 { msg.payload = [[[[[[[[msg.payload]]]]]]]]; } msg",
        "for i in 0..100000 { msg = #{payload: msg}; } msg",
        "let f = |x| x; for i in 0..100000 { let g = f; f = |x| g.call(x); } msg",
        "let a = []; for x in array(100000, |i| i) { a = [a]; } msg",
        "let a = array(100000, |i| i).reduce(|sum, x| [sum], []); msg",
        "fn wrap(a, n) { for i in 0..n { a = #{x: [a]}; } a } for i in 0..1000 { wrap(msg, 1000); } msg",
    ] {
        let text = error(func);
        assert!(text.contains("nested deeper than 128 levels"), "{func}: {text}");
    }
    // Without a loop, too.
    let text = error(&format!("let a = 1; {} #{{payload: a}}", "a=[a];".repeat(5_000)));
    assert!(text.contains("nested deeper than 128 levels"), "{text}");
    let text = error(&format!("let a = 1; {} #{{payload: a}}", "a=[a];".repeat(200)));
    assert!(text.contains("nested deeper than 128 levels"), "{text}");
}

#[test]
fn deep_messages_pass_and_are_refused_deeper() {
    let mut deep = Value::Int(1);
    for level in 0..110 {
        deep = if level % 2 == 0 {
            Value::array(vec![deep])
        } else {
            Value::Object([("x", deep)].into_iter().collect::<Object>())
        };
    }
    let deep: Json = serde_json::from_str(&deep.to_json()).unwrap();
    let mut rig = Rig::new("function", json!({"lang": "rhai", "func": "msg.payload = [[msg.payload]]; msg"}));
    let mut payload = deep;
    for _ in 0..8 {
        rig.send(json!({"payload": payload}));
        payload = rig.take().remove(0).message.payload().to_json().parse().unwrap();
    }
    rig.send(json!({"payload": payload}));
    assert!(rig.host.errors[0].0.message().contains("nested deeper than 128 levels"));
}

#[test]
fn memory_is_bounded() {
    for (func, expected) in [
        ("let a = [1]; loop { a = [a, a]; }", "too large"),
        ("let a = [1]; loop { a += a; }", "too large"),
        ("let s = \"x\"; loop { s += s; }", "too large"),
        ("let s = \"x\"; loop { s = `${s}${s}`; }", "too large"),
        ("let m = #{a: 1}; loop { m = #{a: m, b: m}; }", "too large"),
        ("let s = \"x\"; s.pad(1000000000, 'x');", "too large"),
        ("blob(1000000000)", "too large"),
        ("array(1000000000, |i| i)", "more than 1048576 elements"),
        ("loop { node.send(msg); }", "more than 100000 messages"),
        ("loop { print(1); } msg", "more than"),
    ] {
        let text = error(func);
        assert!(text.contains(expected), "{func}: {text}");
    }
}

#[test]
fn recursion_is_bounded() {
    assert!(error("fn f(n) { f(n + 1) } f(0)").contains("functions call each other too deep"));
    // As deep as it may go, with as much on the stack as an expression can put there, on a test's 2 MB.
    let (open, close) = ("(1+".repeat(10), ")".repeat(10));
    let func =
        format!("fn f(n) {{ if n == 0 {{ 0 }} else {{ {open}f(n - 1){close} }} }} #{{payload: f(30)}}");
    let mut rig = Rig::new("function", json!({"lang": "rhai", "func": func}));
    rig.send(json!({}));
    assert_eq!(rig.sent(0), [json!({"payload": 300})]);
}

#[test]
fn source_that_nests_without_end_is_refused() {
    for (open, close) in [
        ("(", ")"),
        ("[", "]"),
        ("{", "}"),
        ("#{a:", "}"),
        ("-", ""),
        ("!", ""),
        ("if true {", "}"),
        ("|x| ", ""),
        ("f(", ")"),
    ] {
        let source = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
        let result = Rig::try_new("function", json!({"lang": "rhai", "func": source}));
        assert!(result.is_err(), "{open}");
    }
    let sum = format!("#{{payload: {}1}}", "1 + ".repeat(100));
    let mut rig = Rig::new("function", json!({"lang": "rhai", "func": sum}));
    rig.send(json!({}));
    assert_eq!(rig.sent(0), [json!({"payload": 101})]);
}

#[test]
fn what_a_closure_shares_is_not_lost() {
    let func = "let n = 0; msg.payload.list.for_each(|x| n += 1); #{payload: n}";
    let mut rig = Rig::new("function", json!({"lang": "rhai", "func": func}));
    rig.send(json!({"payload": {"list": [1, 2, 3]}}));
    assert_eq!(rig.host.errors.len() + rig.sent(0).len(), 1);
}

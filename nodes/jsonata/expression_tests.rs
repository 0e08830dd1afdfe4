use std::time::Duration;

use serde_json::{Value as Json, json};

use super::*;
use crate::host::Scope;
use crate::message::Token;
use crate::testing::MemoryHost;

fn object(json: Json) -> Object {
    Value::from(&json).as_object().unwrap().clone()
}

fn host_at(epoch_ms: i64) -> MemoryHost {
    let mut host = MemoryHost::default();
    host.epoch_ms = epoch_ms;
    host
}

fn eval_in(host: &mut MemoryHost, text: &str, msg: Json) -> Result<Option<Json>, String> {
    let cx = Cx::new(host, Token::none(), Arc::default());
    let expression = Expression::parse(text).map_err(|error| error.to_string())?;
    let result = expression.eval(&object(msg), &cx);
    result.map(|value| value.map(|v| serde_json::to_value(v).unwrap())).map_err(|error| error.to_string())
}

fn eval(text: &str, msg: Json) -> Result<Option<Json>, String> {
    eval_in(&mut MemoryHost::default(), text, msg)
}

#[test]
fn the_context_is_the_message_or_has_it_as_msg() {
    let msg = json!({"payload": {"x": 20, "list": [1, 2, 3]}, "topic": "t"});
    for (text, expected) in [
        ("payload.x * 2", Some(json!(40))),
        ("msg.payload.x * 2", Some(json!(40))),
        ("payload.list[$ > 1]", Some(json!([2, 3]))),
        ("payload.list[0]", Some(json!(1))),
        ("{\"t\": topic, \"none\": none}", Some(json!({"t": "t"}))),
        ("none", None),
        ("payload.x = 20 and $exists(topic)", Some(json!(true))),
        ("1/3", Some(json!(1.0 / 3.0))),
        ("$", Some(msg.clone())),
    ] {
        assert_eq!(eval(text, msg.clone()), Ok(expected), "{text}");
    }
}

#[test]
fn errors_name_the_expression() {
    for (text, msg, part) in [
        ("$sum(", json!({}), "`$sum(`"),
        ("$nope(payload)", json!({}), "`$nope(payload)`"),
        ("payload + 1", json!({"payload": "a"}), "`payload + 1`"),
        ("$moment()", json!({}), "$moment is not supported"),
        ("$sum", json!({}), "is a function"),
        ("$error('mine')", json!({}), "mine"),
    ] {
        let error = eval(text, msg).unwrap_err();
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn contexts_and_environment_are_looked_up() {
    let mut host = MemoryHost::default();
    host.set_context(Scope::Flow, "a", json!({"b": 5}));
    host.set_context(Scope::Global, "name", json!("next"));
    host.set_context(Scope::Global, "next", json!("last"));
    for n in 0..50 {
        host.set_context(Scope::Global, &format!("k{n}"), json!(n));
    }
    host.env.insert("SITE".to_string(), Value::str("hcmc"));
    for (text, expected) in [
        ("$flowContext('a').b + 1", Some(json!(6))),
        ("$flowContext('a.b')", Some(json!(5))),
        ("$flowContext('none')", None),
        ("$flowContext('a', 'other')", None),
        ("$env('SITE') & '-' & $env('NONE')", Some(json!("hcmc-"))),
        ("$globalContext($globalContext('name'))", Some(json!("last"))),
        ("$sum($map([0..49], function($n) { $globalContext('k' & $n) }))", Some(json!(1225))),
        ("$map(['name', 'next'], $globalContext)", Some(json!(["next", "last"]))),
        // A loop that would wait for ever for an answer that comes later.
        ("($f := function($n) { $globalContext('k' & 9) = 9 ? $n : $f($n + 1) }; $f(0))", Some(json!(0))),
        ("$eval('$flowContext(\"a\").b')", Some(json!(5))),
    ] {
        // Twice: the second time the interpreter is there already.
        for _ in 0..2 {
            assert_eq!(eval_in(&mut host, text, json!({})), Ok(expected.clone()), "{text}");
        }
    }
    let error = eval_in(&mut host, "$flowContext('a[')", json!({})).unwrap_err();
    assert!(error.contains("invalid property expression"), "{error}");
}

#[test]
fn clock_and_chance_are_the_engines() {
    let mut host = host_at(1_700_000_000_123);
    for (text, expected) in [
        ("$millis()", json!(1_700_000_000_123i64)),
        ("$now()", json!("2023-11-14T22:13:20.123Z")),
        ("$now('[Y]-[M01]-[D01]', '+0200')", json!("2023-11-15")),
        ("($r := $random(); $r >= 0 and $r < 1)", json!(true)),
        ("$sort($shuffle([3, 1, 2]))", json!([1, 2, 3])),
    ] {
        assert_eq!(eval_in(&mut host, text, json!({})), Ok(Some(expected)), "{text}");
    }
    let random = |ms: i64| eval_in(&mut host_at(ms), "[$random(), $random()]", json!({})).unwrap().unwrap();
    assert_eq!(random(1), random(1));
    assert_ne!(random(1), random(2));
    assert_ne!(random(1)[0], random(1)[1]);
}

#[test]
fn variables_are_bound_for_one_evaluation() {
    let mut host = MemoryHost::default();
    let cx = Cx::new(&mut host, Token::none(), Arc::default());
    let expression = Expression::parse("$I * 10 + payload").unwrap();
    let msg = Value::from(&json!({"payload": 1}));
    for n in [2, 3] {
        let result = expression.eval_with(&msg, &[("I", Value::Int(n))], &cx).unwrap();
        assert_eq!(result, Some(Value::Int(n * 10 + 1)));
    }
    assert_eq!(expression.eval_with(&msg, &[], &cx).unwrap(), None);

    let expression = Expression::parse("$ * 2").unwrap();
    assert_eq!(expression.eval_with(&Value::Int(4), &[], &cx).unwrap(), Some(Value::Int(8)));
}

#[test]
fn buffers_come_back_as_they_went() {
    let buffer = json!({"type": "Buffer", "data": [1, 2]});
    let msg = object(json!({"payload": buffer}));
    assert!(msg.get("payload").unwrap().as_bytes().is_some());
    let mut host = MemoryHost::default();
    let cx = Cx::new(&mut host, Token::none(), Arc::default());
    for (text, path) in [("payload", None), ("{\"a\": $clone(payload)}", Some("a"))] {
        let result = Expression::parse(text).unwrap().eval(&msg, &cx).unwrap().unwrap();
        let found = path.map_or(Some(&result), |key| result.get(key));
        assert_eq!(found, msg.get("payload"), "{text}");
    }
    let text = Expression::parse("$string(payload)").unwrap().eval(&msg, &cx).unwrap();
    assert_eq!(text, Some(Value::str(r#"{"type":"Buffer","data":[1,2]}"#)));
}

#[test]
fn an_expression_is_bounded() {
    let mut hurried = MemoryHost::default();
    hurried.settings.script_time = Duration::from_millis(20);
    let endless = "($f := function($n) { $f($n + 1) }; $f(0))";
    assert!(eval_in(&mut hurried, endless, json!({})).unwrap_err().contains("D1012"));
    for (text, code) in [
        ("($f := function($n) { 1 + $f($n + 1) }; $f(0))", "D1011"),
        ("$count([1..9000000])", "D2015"),
        ("$eval($join($map([1..5000], function() { '(' })))", "U1002"),
    ] {
        let error = eval(text, json!({})).unwrap_err();
        assert!(error.contains(code), "{text}: {error}");
    }
    let mut deep = json!(1);
    for _ in 0..600 {
        deep = json!([deep]);
    }
    assert!(eval("payload", json!({"payload": deep})).unwrap_err().contains("nested deeper"));
    let nest = "($f := function($n) { $n = 0 ? 1 : {\"a\": $f($n - 1)} }; $f(600))";
    assert!(eval(nest, json!({})).unwrap_err().contains("nested deeper"));
}

#[test]
fn an_expression_moves_between_threads() {
    let expression = Expression::parse("payload + $number($env('N'))").unwrap();
    let run = |expression: &Expression| {
        let mut host = MemoryHost::default();
        host.env.insert("N".to_string(), Value::str("1"));
        let cx = Cx::new(&mut host, Token::none(), Arc::default());
        expression.eval(&object(json!({"payload": 1})), &cx).unwrap()
    };
    assert_eq!(run(&expression), Some(Value::Int(2)));
    let other = expression.clone();
    assert_eq!(std::thread::spawn(move || run(&other)).join().unwrap(), Some(Value::Int(2)));
}

#[test]
fn the_word_msg_alone_makes_it_old() {
    for (text, old) in [
        ("msg.payload", true),
        ("$sum(msg.payload)", true),
        ("1+msg", true),
        ("payload", false),
        ("payload.msg", false),
        ("_msgid", false),
        ("\"msg\"", false),
        ("msgs", false),
    ] {
        assert_eq!(names_msg(text), old, "{text}");
    }
}

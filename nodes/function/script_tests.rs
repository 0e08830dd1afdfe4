//! What scripts can say about a message: reading, writing, and what is sent then.

use serde_json::{Value as Json, json};

use crate::testing::Rig;

fn rig(func: &str) -> Rig {
    Rig::new("function", json!({"lang": "rhai", "func": func, "outputs": 4}))
}

/// What comes out of the first output.
fn out(func: &str, msg: Json) -> Vec<Json> {
    let mut rig = rig(func);
    rig.send(msg);
    assert!(rig.host.errors.is_empty(), "{func}: {:?}", rig.host.errors);
    rig.sent(0)
}

/// The payload that the script leaves, for a payload.
fn payload(func: &str, payload: Json) -> Json {
    let sent = out(func, json!({"payload": payload}));
    assert_eq!(sent.len(), 1, "{func}");
    sent[0]["payload"].clone()
}

/// What an expression gives.
fn value(expression: &str) -> Json {
    payload(&format!("#{{payload: {expression}}}"), json!(null))
}

#[test]
fn properties_are_read_at_any_depth() {
    let msg = json!({"payload": {"a": {"b": [1, {"c": "x"}]}, "a key": 2, "z": null}, "topic": "t"});
    for (script, expected) in [
        ("msg.payload.a.b[0]", json!(1)),
        ("msg.payload.a.b[1].c", json!("x")),
        ("msg.payload.a.b[-1].c", json!("x")),
        ("msg.payload[\"a key\"]", json!(2)),
        ("msg[\"payload\"][\"a\"].b.len()", json!(2)),
        ("msg.payload?.a?.b[0]", json!(1)),
        ("[msg.payload.nothing]", json!([null])),
        ("[msg.nothing?.more]", json!([null])),
        ("msg.payload.nothing ?? 7", json!(7)),
        ("msg.payload.z == ()", json!(true)),
        ("msg.payload.nothing == ()", json!(true)),
        ("\"a\" in msg.payload", json!(true)),
        ("\"z\" in msg.payload", json!(true)),
        ("\"nothing\" in msg.payload", json!(false)),
        ("\"nothing\" !in msg.payload", json!(true)),
        ("msg.payload.keys()", json!(["a", "a key", "z"])),
        ("msg.payload.len()", json!(3)),
        ("msg.topic.to_upper() + 1", json!("T1")),
        ("msg.topic.len", json!(1)),
        ("type_of(msg)", json!("map")),
        ("type_of(msg.payload.a.b)", json!("array")),
        ("msg.payload.a.b == [1, #{c: \"x\"}]", json!(true)),
        ("msg.payload.a == #{b: [1, #{c: \"x\"}]}", json!(true)),
        ("msg.payload.a != #{b: []}", json!(true)),
        ("msg.payload.a == msg.payload.a", json!(true)),
        ("#{c: \"x\"} in msg.payload.a.b", json!(true)),
        ("switch msg.payload.a.b[0] { 0 => \"zero\", 1 => \"one\", _ => \"many\" }", json!("one")),
        ("{ let n = 0; for x in msg.payload.a.b { n += 1; } n }", json!(2)),
        ("{ let s = \"\"; for k in msg.payload.keys() { s += k; } s }", json!("aa keyz")),
        ("`${msg.topic}/${msg.payload.a.b}`", json!("t/[1, {\"c\":\"x\"}]")),
        ("msg.payload.values().len()", json!(3)),
        ("msg.payload.filter(|k, v| k.len() == 1).keys()", json!(["a", "z"])),
        ("msg.payload.a.b.map(|x| type_of(x))", json!(["i64", "map"])),
        ("msg.to_json().len() > 20", json!(true)),
    ] {
        let script = format!("#{{payload: {script}}}");
        assert_eq!(out(&script, msg.clone()), [json!({"payload": expected})], "{script}");
    }
}

#[test]
fn properties_are_written_in_place() {
    let before = json!({"list": [{"y": 1}, 2], "x": 1, "o": {"k": {"m": 5}}});
    for (script, expected) in [
        ("msg.payload.x = 5;", json!({"list": [{"y": 1}, 2], "x": 5, "o": {"k": {"m": 5}}})),
        ("msg.payload.list.push(3);", json!({"list": [{"y": 1}, 2, 3], "x": 1, "o": {"k": {"m": 5}}})),
        ("msg.payload.list[0].y += 1;", json!({"list": [{"y": 2}, 2], "x": 1, "o": {"k": {"m": 5}}})),
        ("msg.payload.list[1] *= 10;", json!({"list": [{"y": 1}, 20], "x": 1, "o": {"k": {"m": 5}}})),
        ("msg.payload.o.k.m -= 1;", json!({"list": [{"y": 1}, 2], "x": 1, "o": {"k": {"m": 4}}})),
        (
            "msg.payload.o[\"k\"][\"new\"] = [];",
            json!({"list": [{"y": 1}, 2], "x": 1, "o": {"k": {"m": 5, "new": []}}}),
        ),
        ("msg.payload.remove(\"list\");", json!({"x": 1, "o": {"k": {"m": 5}}})),
        (
            "msg.payload.o.remove(\"k\"); msg.payload.o.k = 1;",
            json!({"list": [{"y": 1}, 2], "x": 1, "o": {"k": 1}}),
        ),
        (
            "msg.payload.o.clear(); msg.payload.o.n = 1;",
            json!({"list": [{"y": 1}, 2], "x": 1, "o": {"n": 1}}),
        ),
        ("msg.payload = #{a: 1};", json!({"a": 1})),
        (
            "msg.payload += #{x: 2, n: ()};",
            json!({"list": [{"y": 1}, 2], "x": 2, "o": {"k": {"m": 5}}, "n": null}),
        ),
        ("msg.payload.x = ();", json!({"list": [{"y": 1}, 2], "x": null, "o": {"k": {"m": 5}}})),
        (
            "msg.payload.list.retain(|v| type_of(v) == \"map\");",
            json!({"list": [{"y": 1}], "x": 1, "o": {"k": {"m": 5}}}),
        ),
        ("msg.payload.o = msg.payload.o.k;", json!({"list": [{"y": 1}, 2], "x": 1, "o": {"m": 5}})),
        (
            "let f = |n| msg.payload.x + n; msg.payload.x = f.call(2);",
            json!({"list": [{"y": 1}, 2], "x": 3, "o": {"k": {"m": 5}}}),
        ),
        ("msg.payload = msg.payload.list[0];", json!({"y": 1})),
        (
            "msg.payload.list.sort(|a, b| if type_of(a) == \"i64\" { -1 } else { 1 });",
            json!({"list": [2, {"y": 1}], "x": 1, "o": {"k": {"m": 5}}}),
        ),
    ] {
        assert_eq!(payload(&format!("{script} msg"), before.clone()), expected, "{script}");
    }
}

#[test]
fn what_is_read_and_what_is_written_are_told_apart() {
    let before = json!({"s": "abc", "n": 1, "o": {"n": 1, "s": "abc"}, "list": [{"n": 1}]});
    for (script, expected) in [
        (
            "let k = \"n\"; msg.payload[k] += 1;",
            json!({"s": "abc", "n": 2, "o": {"n": 1, "s": "abc"}, "list": [{"n": 1}]}),
        ),
        (
            "let k = \"n\"; msg.payload.o[k] = 7;",
            json!({"s": "abc", "n": 1, "o": {"n": 7, "s": "abc"}, "list": [{"n": 1}]}),
        ),
        (
            "msg.payload[\"o\"][\"n\"] += 1;",
            json!({"s": "abc", "n": 1, "o": {"n": 2, "s": "abc"}, "list": [{"n": 1}]}),
        ),
        (
            "msg.payload[[\"o\"][0]].n += 1;",
            json!({"s": "abc", "n": 1, "o": {"n": 2, "s": "abc"}, "list": [{"n": 1}]}),
        ),
        ("msg.payload.s.crop(1);", json!({"s": "bc", "n": 1, "o": {"n": 1, "s": "abc"}, "list": [{"n": 1}]})),
        (
            "msg.payload.o[\"s\"].crop(1);",
            json!({"s": "abc", "n": 1, "o": {"n": 1, "s": "bc"}, "list": [{"n": 1}]}),
        ),
        (
            "let k = \"s\"; msg.payload.o[k].crop(1);",
            json!({"s": "abc", "n": 1, "o": {"n": 1, "s": "bc"}, "list": [{"n": 1}]}),
        ),
        (
            "msg.payload.s[0] = 'x';",
            json!({"s": "xbc", "n": 1, "o": {"n": 1, "s": "abc"}, "list": [{"n": 1}]}),
        ),
        (
            "msg.payload.n[4] = true;",
            json!({"s": "abc", "n": 17, "o": {"n": 1, "s": "abc"}, "list": [{"n": 1}]}),
        ),
        (
            "let i = 0; msg.payload.list[i].n += 1;",
            json!({"s": "abc", "n": 1, "o": {"n": 1, "s": "abc"}, "list": [{"n": 2}]}),
        ),
        (
            "fn f(o) { o.n += 1; o } msg.payload.o = f(msg.payload.o);",
            json!({"s": "abc", "n": 1, "o": {"n": 2, "s": "abc"}, "list": [{"n": 1}]}),
        ),
        (
            "let g = |o| { o.n += 1; o }; msg.payload.o = g.call(msg.payload.o);",
            json!({"s": "abc", "n": 1, "o": {"n": 2, "s": "abc"}, "list": [{"n": 1}]}),
        ),
        (
            "let list = msg.payload.list; msg.payload.list = list.map(|o| { o.n += msg.payload.n; o });",
            json!({"s": "abc", "n": 1, "o": {"n": 1, "s": "abc"}, "list": [{"n": 2}]}),
        ),
        (
            "if msg.payload.n == 1 && msg.payload.o.s == \"abc\" { msg.payload.fresh = msg.payload.n; }",
            json!({"s": "abc", "n": 1, "o": {"n": 1, "s": "abc"}, "list": [{"n": 1}], "fresh": 1}),
        ),
    ] {
        assert_eq!(payload(&format!("{script} msg"), before.clone()), expected, "{script}");
    }
}

#[test]
fn a_property_that_was_only_looked_for_is_not_made() {
    let msg = json!({"payload": {"a": 1}});
    assert_eq!(
        out("if msg.payload.b == () && msg.c == () { 1 } msg", msg.clone()),
        std::slice::from_ref(&msg)
    );
    // Nor in a map of the script.
    assert_eq!(
        value("{ let m = #{a: 1}; let b = m.b; [m.len(), m.keys(), m] }"),
        json!([1, ["a"], {"a": 1}])
    );
    // What is not there stays away when it is handed on; null is null.
    assert_eq!(out("#{a: msg.nothing, b: (), payload: 1}", msg), [json!({"b": null, "payload": 1})]);
}

#[test]
fn words_of_the_language_are_names_of_properties() {
    let msg = json!({"payload": {"new": 1, "default": {"if": 2}, "type": 3, "this": 4}});
    let script = "msg.payload.default.if += 1; msg.payload.for = msg.payload?.new; msg.package = #{case: 1, with: [#{fn: 2}], let: `${#{in: 3}.in}`}; if true { msg } else { () }";
    let expected = json!({
        "payload": {"new": 1, "default": {"if": 3}, "type": 3, "this": 4, "for": 1},
        "package": {"case": 1, "with": [{"fn": 2}], "let": "3"}
    });
    assert_eq!(out(script, msg), [expected]);
    assert_eq!(value("[type_of(1), 1.type_of(), (|x| x + 1).call(1)]"), json!(["i64", "i64", 2]));
}

#[test]
fn a_copy_is_a_copy() {
    let script = "let p = msg.payload; p.x = 1; p.o.k = 2; msg.copy = p; msg";
    let sent = out(script, json!({"payload": {"x": 0, "o": {"k": 0}}}));
    assert_eq!(sent, [json!({"payload": {"x": 0, "o": {"k": 0}}, "copy": {"x": 1, "o": {"k": 2}}})]);
}

#[test]
fn keys_keep_their_order_and_new_ones_come_last() {
    let mut rig = rig("msg.payload.b = 2; msg.payload.new = 1; msg.payload.remove(\"z\"); msg");
    rig.send(json!({"payload": {"y": 1, "b": 1, "z": 1, "a": 1}}));
    let sent = rig.take();
    assert_eq!(sent[0].message.payload().to_json(), r#"{"y":1,"b":2,"a":1,"new":1}"#);
}

#[test]
fn numbers_keep_their_kind() {
    assert_eq!(payload("msg.payload.n = msg.payload.n; msg", json!({"n": 5.0})).to_string(), r#"{"n":5.0}"#);
    for (script, expected) in [
        ("7 / 2", "3"),
        ("7 / 2.0", "3.5"),
        ("1 == 1.0", "true"),
        ("\"7\" == 7", "false"),
        ("2.5.round(0)", "3.0"),
        ("9007199254740993", "9007199254740993"),
        ("'c'", "\"c\""),
    ] {
        assert_eq!(value(script).to_string(), expected, "{script}");
    }
}

#[test]
fn bytes_are_read_and_made() {
    let buffer = json!({"type": "Buffer", "data": [1, 2, 255]});
    for (script, expected) in [
        ("msg.payload[2]", json!(255)),
        ("msg.payload.len()", json!(3)),
        ("hex_encode(msg.payload)", json!("0102ff")),
        ("base64_encode(msg.payload)", json!("AQL/")),
        ("msg.payload.uint_be(0, 2)", json!(258)),
        ("msg.payload.uint_le(0, 2)", json!(513)),
        ("msg.payload.int_be(1, 2)", json!(767)),
        ("msg.payload.int_le(1, 2)", json!(-254)),
        ("hex_decode(\"ffffffffffffffff\").int_be(0, 8)", json!(-1)),
        ("hex_decode(\"41a40000\").float_be(0, 4)", json!(20.5)),
        ("hex_decode(\"0000000000803440\").float_le(0, 8)", json!(20.5)),
        ("hex_decode(\"01 02 FF\")", buffer.clone()),
        ("base64_decode(\"AQL_\")", buffer.clone()),
        ("bytes([1, 2, 255])", buffer.clone()),
        ("utf8(bytes(\"gr\u{fc}n\"))", json!("gr\u{fc}n")),
        ("{ let b = msg.payload; b[0] = 9; b }", json!({"type": "Buffer", "data": [9, 2, 255]})),
        ("type_of(msg.payload)", json!("blob")),
    ] {
        assert_eq!(payload(&format!("#{{payload: {script}}}"), buffer.clone()), expected, "{script}");
    }
}

#[test]
fn text_helpers() {
    for (script, expected) in [
        (r#"json_parse("{\"b\":1,\"a\":[2]}").a[0]"#, json!(2)),
        (r#"json_parse("[1,null]")"#, json!([1, null])),
        (r#"json_stringify(#{a: [1, "x", ()]})"#, json!("{\"a\":[1,\"x\",null]}")),
        (r#"json_stringify([1], 2)"#, json!("[\n  1\n]")),
        (r#"matches("alarm 312", "^alarm \\d+$")"#, json!(true)),
        (r#"matches("Alarm", "(?i)^alarm$")"#, json!(true)),
        (r#"captures("t=21.5C", "t=([\\d.]+)(F)?")"#, json!(["t=21.5", "21.5", null])),
        (r#"captures("no", "\\d")"#, json!(null)),
        (r#"replace_re("a1b22", "(\\d+)", "<$1>")"#, json!("a<1>b<22>")),
        (r#"split_re("a, b;c", "[,;]\\s*")"#, json!(["a", "b", "c"])),
        (r#"iso(0)"#, json!("1970-01-01T00:00:00.000Z")),
        (r#"iso(now())"#, json!("2023-11-14T22:13:20.000Z")),
        (r#"parse_time("2026-11-20T08:30:00+07:00")"#, json!(1795138200000i64)),
    ] {
        assert_eq!(value(script), expected, "{script}");
    }
}

#[test]
fn statistics() {
    for (script, expected) in [
        ("sum([1, 2, 3])", json!(6)),
        ("[1, 2.5].sum()", json!(3.5)),
        ("sum([])", json!(0)),
        ("mean([1, 2])", json!(1.5)),
        ("mean([])", json!(null)),
        ("median([3, 1, 2, 10])", json!(2.5)),
        ("quantile([1, 2, 3, 4, 5], 0.25)", json!(2.0)),
        ("stddev([2, 4, 4, 4, 5, 5, 7, 9]).round(3)", json!(2.138)),
        ("min([3, 1.5, 2])", json!(1.5)),
        ("max([3, 1.5, 2])", json!(3)),
        ("max(3, 5)", json!(5)),
        ("clamp(120, 0, 100)", json!(100)),
        ("scale(15, 10, 20, 0, 100)", json!(50.0)),
        ("round(2.345, 2)", json!(2.35)),
        ("round(1234, -2)", json!(1200.0)),
        ("array(3, |i| i * i)", json!([0, 1, 4])),
    ] {
        assert_eq!(value(script), expected, "{script}");
    }
}

#[test]
fn returning_sends_as_in_node_red() {
    let mut rig = rig("msg.payload");
    rig.send(
        json!({"_msgid": "m", "payload": [{"payload": 1}, null, [{"payload": 2}, null, {"payload": 3}]]}),
    );
    assert_eq!(rig.sent(0), [json!({"payload": 1})]);
    assert!(rig.sent(1).is_empty());
    assert_eq!(rig.sent(2), [json!({"payload": 2}), json!({"payload": 3})]);
    assert!(rig.take().iter().all(|sent| sent.message.get("_msgid") == Some(&"m".into())));
    for nothing in [json!(null), json!(false), json!(0), json!(""), json!([]), json!([null, 0])] {
        rig.send(json!({"payload": nothing}));
    }
    assert!(rig.take().is_empty() && rig.host.errors.is_empty());
    for (wrong, kind) in [
        (json!("text"), "string"),
        (json!(true), "boolean"),
        (json!(7), "number"),
        (json!({"type": "Buffer", "data": [1]}), "Buffer"),
        (json!([[[1]]]), "Array"),
        (json!([[0]]), "number"),
    ] {
        rig.host.errors.clear();
        rig.send(json!({"payload": wrong}));
        let text = format!("Function tried to send a message of type {kind}");
        assert_eq!(rig.host.errors[0].0.message(), text, "{wrong}");
        assert!(rig.host.errors[0].1.is_none());
    }
    // An output that the node does not have.
    rig.host.errors.clear();
    rig.send(json!({"payload": [null, null, null, null, {"payload": 1}]}));
    assert!(rig.take().is_empty() && rig.host.errors.is_empty());
}

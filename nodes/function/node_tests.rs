//! The node around the script: its API, context, setup and close, modules, and what becomes of messages.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use crate::cx::Cx;
use crate::error::NodeError;
use crate::host::{Level, Scope, Status};
use crate::message::{Message, Outcome};
use crate::node::Kind;
use crate::testing::{MemoryHost, Rig, config};
use crate::value::{Object, Value};

fn rig(func: &str) -> Rig {
    with(json!({"func": func}))
}

fn with(mut properties: Json) -> Rig {
    properties["lang"] = json!("rhai");
    Rig::new("function", properties)
}

fn refused(mut properties: Json) -> (String, String) {
    if properties.get("lang").is_none() {
        properties["lang"] = json!("rhai");
    }
    let what = properties.to_string();
    match Rig::try_new("function", properties) {
        Err(NodeError::Config { pointer, message }) => (pointer, message),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("{what} is not refused"),
    }
}

#[test]
fn javascript_is_refused_for_now() {
    for lang in [json!(null), json!(""), json!("javascript")] {
        let (pointer, message) = refused(json!({"lang": lang, "func": "return msg;"}));
        assert_eq!(pointer, "/lang");
        assert!(message.contains("JavaScript") && message.contains("set lang to \"rhai\""), "{message}");
    }
    assert_eq!(refused(json!({"lang": "lua"})).1, "unknown language \"lua\": set lang to \"rhai\"");
    assert!(Rig::try_new("function", json!({"func": "return msg;"})).is_err());
}

#[test]
fn mistakes_are_found_when_the_flow_is_built() {
    for (property, source, expected) in [
        ("func", "let x = 1;\n  let y = ;", "unexpected ';'"),
        ("func", "msg.payload.x = nothing;", "undefined variable: nothing"),
        ("func", "fn f() { msg.payload }\nf()", "functions do not see msg"),
        ("func", "let f = || this;", "`this` is not available"),
        ("func", "eval(\"1\")", "'eval'"),
        ("func", "msg.payload.map(|x| x + msg.topic)", "a closure cannot use msg while"),
        ("func", "let a = #{l: []};\na.l.filter(|x| x == a.m)", "a closure cannot use a while"),
        ("initialize", "msg.payload = 1;", "undefined variable: msg"),
        ("finalize", "\n\nlet", "line 3"),
    ] {
        let (pointer, message) = refused(json!({"func": "msg", property: source}));
        assert_eq!(pointer, format!("/{property}"));
        assert!(message.to_lowercase().contains(expected), "{source}: {message}");
        assert!(message.contains("(line "), "{source}: {message}");
    }
    assert!(refused(json!({"func": "let x = 1;\n  let y = ;"})).1.ends_with("(line 2, column 11)"));
    assert_eq!(refused(json!({"func": "msg", "timeout": -1})).0, "/timeout");
    assert_eq!(refused(json!({"func": "msg", "outputs": "many"})).0, "/outputs");
}

/// Plays an object as it is, not as JSON, and gives the one that was sent.
pub(super) fn play(func: &str, object: Object) -> Object {
    let mut host = MemoryHost::default();
    let built = (super::NODES[0].build)(&config("function", json!({"lang": "rhai", "func": func}), &host));
    let Ok(Kind::Transform(mut node)) = built.map(|built| built.kind) else { panic!("{func} is refused") };
    let message = Message::new(object);
    let mut cx = Cx::new(&mut host, message.token.clone(), message.meta.clone());
    node.handle(&mut Some(message), &mut cx).unwrap();
    drop(cx);
    host.sent.remove(0).message.value
}

/// The object that came in and the one that was sent.
fn pass(func: &str, value: Json) -> (Object, Object) {
    let Value::Object(object) = Value::from(&value) else { panic!("a message is an object") };
    (object.clone(), play(func, object))
}

#[test]
fn what_a_script_does_not_touch_is_the_same_object() {
    let msg = json!({"_msgid": "1", "payload": {"z": {"deep": [1]}, "a": "text", "list": [{"x": 1.5}, null, true]}});
    for script in [
        "msg",
        "if msg.payload.a == \"text\" && msg.payload.z.deep[0] == 1 { msg }",
        "for x in msg.payload.list { let y = x; } let n = msg.payload.nothing; msg.payload.keys(); msg",
        "let m = msg; let p = m.payload; p.a = 7; msg",
        "msg.payload.a = \"text\"; msg.payload.list[0].x = 1.5; msg",
        "[msg]",
        "let f = || msg.payload.a; f.call(); msg",
    ] {
        let (before, after) = pass(script, msg.clone());
        assert!(after.same(&before), "{script}");
    }
    let part = |object: &Object, key: &str| object.get("payload").and_then(|p| p.get(key)).unwrap().clone();
    let same = |a: &Value, b: &Value| match (a, b) {
        (Value::Object(a), Value::Object(b)) => a.same(b),
        (Value::Array(a), Value::Array(b)) => Arc::ptr_eq(a, b),
        _ => false,
    };
    let (before, after) = pass("msg.payload.a = 1; msg.payload.z.deep.len(); msg", msg.clone());
    assert!(!after.same(&before));
    assert!(
        same(&part(&before, "z"), &part(&after, "z")) && same(&part(&before, "list"), &part(&after, "list"))
    );
    let (before, after) = pass("#{payload: #{list: 1, z: msg.payload.z}}", msg);
    assert!(same(&part(&before, "z"), &part(&after, "z")));
}

#[test]
fn complete_and_catch_see_the_message_as_the_script_left_it() {
    let mut rig = rig("msg.payload += 1; if msg.payload > 2 { throw \"too much\"; } #{payload: 0}");
    rig.send(json!({"payload": 1}));
    assert_eq!(rig.host.completed[0].payload(), &Value::Int(2));
    assert_eq!(rig.sent(0), [json!({"payload": 0})]);
    rig.send(json!({"payload": 2}));
    let (error, message) = rig.host.errors.remove(0);
    assert_eq!(error, NodeError::rejected("script error: too much (line 1, column 40)"));
    assert_eq!(message.unwrap().payload(), &Value::Int(3));
    assert_eq!(rig.host.completed.len(), 1);
}

#[test]
fn messages_settle() {
    let mut rig = rig("if msg.payload { msg } else if msg.payload == () { throw 1; }");
    rig.send(json!({"payload": true}));
    assert!(rig.settled().is_empty());
    rig.take();
    rig.send(json!({"payload": false}));
    assert_eq!(rig.settled(), [(1, Outcome::Done), (2, Outcome::Done)]);
}

#[test]
fn a_new_message_carries_token_and_id() {
    let mut rig = rig("node.send(#{payload: 1}); #{payload: 2, _msgid: \"other\"}");
    rig.send(json!({"_msgid": "m", "payload": 0}));
    let sent = rig.take();
    assert!(
        sent.iter()
            .all(|sent| sent.message.get("_msgid") == Some(&"m".into()) && sent.message.token.is_tracked())
    );
    assert_eq!(
        sent.iter().map(|sent| sent.message.payload().clone()).collect::<Vec<_>>(),
        [1.into(), 2.into()]
    );
    assert!(rig.settled().is_empty());
}

#[test]
fn node_says_and_sends() {
    let mut rig = with(json!({"id": "n7", "name": "seven", "outputs": 3, "func": r#"
        node.log("a"); node.warn(#{x: 1}); print([1, "b"]); debug("d"); node.trace(1.5);
        node.status(#{fill: "red", shape: "dot", text: "off"});
        node.status("text");
        node.status(#{});
        node.error("alone"); node.error("about", msg);
        msg.payload = `${node.id} ${node.name} ${node.outputCount}`;
        node.send([(), msg]);
        msg.payload = "changed later";
        node.send(msg, false);
    "#}));
    rig.send(json!({"topic": "t"}));
    let logs = [
        (Level::Info, "a"),
        (Level::Warn, "{\"x\":1}"),
        (Level::Info, "[1, \"b\"]"),
        (Level::Debug, "\"d\""),
        (Level::Debug, "1.5"),
    ];
    assert_eq!(rig.host.logs, logs.map(|(level, text)| (level, text.to_string())));
    assert_eq!(rig.host.statuses, [Status::new("red", "dot", "off"), Status::text("text"), Status::clear()]);
    assert_eq!(rig.host.errors[0].0, NodeError::rejected("alone"));
    assert!(rig.host.errors[0].1.is_none());
    assert_eq!(rig.host.errors[1].0, NodeError::rejected("about"));
    assert_eq!(rig.host.errors[1].1.as_ref().and_then(Message::topic), Some("t"));
    assert_eq!(rig.sent(1), [json!({"topic": "t", "payload": "n7 seven 3"})]);
    assert_eq!(rig.sent(0), [json!({"topic": "t", "payload": "changed later"})]);
    rig.close();
    assert_eq!(rig.host.statuses.last(), Some(&Status::clear()));
    assert_eq!(rig.host.statuses.len(), 4);
}

#[test]
fn functions_and_modules_see_the_node_too() {
    let modules =
        json!({"m": "fn seen() { flow.set(\"n\", 1); node.log(node.id); env(\"X\") ?? global.get(\"g\") }"});
    let func =
        "fn f(msg) { msg.payload = node.name; msg } fn g() { context.set(\"k\", 2); } g(); m::seen(); f(msg)";
    let mut rig = with(json!({"func": func, "modules": modules, "id": "n1", "name": "one",
        "libs": [{"var": "m", "module": "m"}]}));
    rig.send(json!({}));
    assert_eq!(rig.sent(0), [json!({"payload": "one"})]);
    assert_eq!(rig.host.logs, [(Level::Info, "n1".to_string())]);
    assert_eq!(rig.host.context_value(Scope::Node, "k"), Some(json!(2)));
}

#[test]
fn done_is_said_by_the_script_where_it_says_it() {
    let mut rig = rig("if msg.payload { node.done(); } // node.done() in a comment is nothing");
    rig.send(json!({"payload": false}));
    assert!(rig.host.completed.is_empty());
    rig.send(json!({"payload": true}));
    assert_eq!(rig.host.completed.len(), 1);
    let mut rig = self::rig("// node.done()\nlet x = \"node.done()\";");
    rig.send(json!({}));
    assert_eq!(rig.host.completed.len(), 1);
}

#[test]
fn contexts_are_read_and_written() {
    let mut rig = rig(r##"
        context.set("n", (context.get("n") ?? 0) + 1);
        flow.set("a.b", #{x: msg.payload});
        flow.set("a.c[0]", 1);
        global.set("g", 1, "file");
        global.set(["p", "q"], [1, 2]);
        flow.set("gone", ());
        let seen = [context.get("n"), flow.get("a.b.x"), flow.get("gone"), flow.get("nothing"), global.get("g", "file"),
            global.get("#:(file)::g"), global.get("g"), global.get(["q", "p"]), flow.keys(), global.keys("file"),
            context.global.get("p"), context.flow.get("a.c")];
        #{payload: seen}
    "##);
    rig.host.set_context(Scope::Flow, "gone", json!(1));
    rig.send(json!({"payload": "x"}));
    rig.send(json!({"payload": "y"}));
    let expected =
        |n: i64, x: &str| json!({"payload": [n, x, null, null, 1, 1, null, [2, 1], ["a"], ["g"], 1, [1]]});
    assert_eq!(rig.sent(0), [expected(1, "x"), expected(2, "y")]);
    assert_eq!(rig.host.context_value(Scope::Node, "n"), Some(json!(2)));
}

#[test]
fn update_is_one_step() {
    let mut rig = rig(r#"#{payload: global.update("count", |n| (n ?? 0) + msg.payload)}"#);
    rig.send(json!({"payload": 2}));
    rig.send(json!({"payload": 3}));
    assert_eq!(rig.sent(0), [json!({"payload": 2}), json!({"payload": 5})]);
    // Nothing is written when the function fails; it may not use contexts, and `()` deletes.
    for (script, error) in [
        ("global.update(\"count\", |n| throw \"no\");", "script error: no (line 1, column 28)"),
        (
            "global.update(\"count\", |n| global.get(\"count\"));",
            "script error: contexts cannot be used inside update",
        ),
        ("global.update(\"count\", |n| |x| x);", "script error: a function cannot be put"),
    ] {
        let mut rig = self::rig(script);
        rig.host.set_context(Scope::Global, "count", json!({"z": 1, "a": 2}));
        rig.send(json!({}));
        assert!(rig.host.errors[0].0.message().starts_with(error), "{:?}", rig.host.errors[0].0);
        assert_eq!(rig.host.context_value(Scope::Global, "count"), Some(json!({"z": 1, "a": 2})));
    }
    let mut rig = self::rig("global.update(\"count\", |n| ());");
    rig.host.set_context(Scope::Global, "count", json!(1));
    rig.send(json!({}));
    assert_eq!(rig.host.context_value(Scope::Global, "count"), None);
}

#[test]
fn settings_are_read() {
    let mut host = MemoryHost::default();
    host.env.insert("SITE".into(), Value::str("hcmc-7"));
    let func = "#{payload: [env(\"SITE\"), env.get(\"SITE\"), env(\"NOTHING\")]}";
    let mut rig = Rig::with_host("function", json!({"lang": "rhai", "func": func}), host).unwrap();
    rig.send(json!({}));
    assert_eq!(rig.sent(0), [json!({"payload": ["hcmc-7", "hcmc-7", null]})]);
}

#[test]
fn random_numbers_come_from_the_engine() {
    let run = || {
        let mut rig = rig("#{payload: [random(), random(1, 6), new_id()]}");
        (0..50).for_each(|_| rig.send(json!({})));
        rig.sent(0)
    };
    let first = run();
    assert_eq!(first, run());
    assert_ne!(first[0], first[1]);
    for sent in first {
        assert!((0.0..1.0).contains(&sent["payload"][0].as_f64().unwrap()));
        assert!((1..=6).contains(&sent["payload"][1].as_i64().unwrap()));
        assert_eq!(sent["payload"][2].as_str().unwrap().len(), 16);
    }
}

#[test]
fn setup_and_close_run_once() {
    let mut rig = with(json!({
        "initialize": "flow.set(\"ready\", now()); node.send(#{payload: \"hello\"}); node.status(\"up\");",
        "func": "#{payload: flow.get(\"ready\")}",
        "finalize": "node.send(#{payload: 1}); node.log(\"bye\");"
    }));
    let first = rig.take();
    assert_eq!(first[0].message.payload(), &Value::str("hello"));
    assert!(first[0].message.get("_msgid").is_some() && first[0].message.token.has_credit());
    rig.send(json!({}));
    assert_eq!(rig.sent(0), [json!({"payload": 1_700_000_000_000i64})]);
    rig.take();
    rig.close();
    assert!(rig.take().is_empty());
    assert_eq!(rig.host.errors[0].0.message(), "Cannot send from close function");
    assert_eq!(rig.host.logs, [(Level::Info, "bye".to_string())]);
    assert_eq!(rig.host.statuses.last(), Some(&Status::clear()));
}

#[test]
fn a_setup_that_fails_stops_the_node() {
    let result = Rig::try_new(
        "function",
        json!({"lang": "rhai", "func": "msg", "initialize": "throw \"no sensor\";"}),
    );
    let Err(error) = result else { panic!("it starts") };
    assert_eq!(error, NodeError::fatal("the setup failed: script error: no sensor (line 1, column 1)"));
}

#[test]
fn what_the_setup_sends_waits_for_credits() {
    let mut host = MemoryHost::default();
    host.credits = 1;
    let setup = "node.send([[#{payload: 1}, #{payload: 2}, #{payload: 3}]]);";
    let properties = json!({"lang": "rhai", "func": "msg", "initialize": setup});
    let mut rig = Rig::with_host("function", properties, host).unwrap();
    assert_eq!(rig.sent(0), [json!({"payload": 1})]);
    rig.resume(5);
    assert_eq!(rig.sent(0), [json!({"payload": 1}), json!({"payload": 2}), json!({"payload": 3})]);
}

#[test]
fn modules_are_part_of_the_flow() {
    let modules = json!({
        "units": "export const ZERO = 273.15;\nconst TABLE = json_parse(\"{\\\"k\\\": 1}\");\nfn kelvin(c) { c + global::ZERO }\nfn bad(x) {\n  x.nix()\n}\nfn k() { global::TABLE.k }",
        "deep/one": "import \"units\" as u;\nfn twice(c) { u::kelvin(c) * 2 }"
    });
    let mut rig = with(json!({"modules": modules, "libs": [{"var": "units", "module": "units"}],
        "func": "import \"units\" as u; #{payload: [units::kelvin(0.85), u::kelvin(0.85), units::ZERO, units::k()]}"}));
    for _ in 0..2 {
        rig.send(json!({}));
        assert!(rig.host.errors.is_empty(), "{:?}", rig.host.errors);
    }
    assert_eq!(
        rig.sent(0),
        [json!({"payload": [274.0, 274.0, 273.15, 1]}), json!({"payload": [274.0, 274.0, 273.15, 1]})]
    );
    let mut rig =
        with(json!({"modules": modules, "libs": [{"var": "u", "module": "units"}], "func": "u::bad(1)"}));
    rig.send(json!({}));
    assert_eq!(
        rig.host.errors[0].0.message(),
        "script error: there is no function nix (int) in module units (line 5, column 5)"
    );
    for (properties, pointer, expected) in [
        (
            json!({"func": "msg", "libs": [{"var": "os", "module": "os"}]}),
            "/libs/0/module",
            "there is no module \"os\"",
        ),
        (json!({"func": "msg", "libs": [{"var": "a b", "module": "os"}]}), "/libs/0/var", "is no name"),
        (json!({"func": "msg", "modules": {"a/b": "fn f( {"}}), "/modules/a~1b", "(line 1, column"),
        (json!({"func": "msg", "modules": {"a": "throw 1;"}}), "/modules/a", "script error"),
        (
            json!({"func": "msg", "modules": {"a": "const START = now();"}}),
            "/modules/a",
            "not available in the constants of a module (line 1, column 15)",
        ),
    ] {
        let (at, message) = refused(properties);
        assert_eq!(at, pointer);
        assert!(message.contains(expected), "{message}");
    }
    let mut rig = self::rig("import \"/etc/passwd\" as p; msg");
    rig.send(json!({}));
    assert!(rig.host.errors[0].0.message().contains("module not found"), "{:?}", rig.host.errors[0].0);
}

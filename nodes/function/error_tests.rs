//! What a script's errors say, and where they say it is.

use serde_json::{Value as Json, json};

use crate::testing::Rig;

fn rig(func: &str) -> Rig {
    Rig::new("function", json!({"lang": "rhai", "func": func}))
}

fn error(func: &str, msg: Json) -> String {
    let mut rig = rig(func);
    rig.send(msg);
    assert_eq!(rig.host.errors.len(), 1, "{func}: {:?}", rig.host.sent);
    rig.host.errors[0].0.message().to_string()
}

#[test]
fn errors_say_what_and_where() {
    for (script, expected) in [
        (
            "let x = 1;\n\n   msg.payload.a.b",
            "script error: 'b' of a value that is not there: write ?. where it may be missing (line 3, column 18)",
        ),
        (
            "msg.payload.x.y = 1;",
            "script error: 'y' of a value that is not there: write ?. where it may be missing (line 1, column 15)",
        ),
        ("throw \"too hot\";", "script error: too hot (line 1, column 1)"),
        ("throw #{message: \"m\", code: 1};", "script error: m (line 1, column 1)"),
        ("let a = 1;\na / 0", "script error: division by zero: 1 / 0 (line 2, column 3)"),
        (
            "let a = 9223372036854775807;\na + 1",
            "script error: addition overflow: 9223372036854775807 + 1 (line 2, column 3)",
        ),
        (
            "[1, 2][7]",
            "script error: array index 7 out of bounds: only 2 elements in array (line 1, column 8)",
        ),
        ("fn f(x) {\n  x.nix()\n}\nf(1)", "script error: there is no function nix (int) (line 2, column 5)"),
        ("msg.payload + true", "script error: there is no function + (map, bool) (line 1, column 13)"),
        (
            "json_parse(\"{\")",
            "script error: this is no JSON: EOF while parsing an object at line 1 column 1 (line 1, column 1)",
        ),
        (
            "if msg.topic { msg }",
            "script error: data type incorrect: string (expecting bool) (line 1, column 7)",
        ),
        ("matches(\"a\", \"(\")", "script error: invalid regular expression /(/"),
        (
            "sum([1, \"a\"])",
            "script error: an array of numbers is needed, there is a string in it (line 1, column 1)",
        ),
        (
            "[1].map(|a, b, c| a)",
            "script error: a closure takes another number of values than it is given: (int",
        ),
        (
            "let f = |k, v| v == msg.topic; msg.payload.filter(f)",
            "script error: a closure uses a variable that is being worked on",
        ),
        ("sleep(5)", "script error: sleep is not available in a function"),
        ("msg.payload.f = |x| x; msg", "script error: a function cannot be put into a message or a context"),
        (
            "node.send(#{payload: 1..5})",
            "script error: a range cannot be put into a message or a context (line 1, column 6)",
        ),
        ("msg.topic.nothing", "script error: string has no property 'nothing' (line 1, column 11)"),
    ] {
        let text = error(script, json!({"payload": {}, "topic": "t"}));
        assert!(text.starts_with(expected), "{script}\n  {text}\n  {expected}");
    }
}

#[test]
fn an_error_can_be_caught_in_the_script() {
    let script = "try { json_parse(\"{\"); } catch (e) { msg.payload = `caught: ${e}`; } msg";
    let mut rig = rig(script);
    rig.send(json!({"payload": 1}));
    let payload = &rig.sent(0)[0]["payload"];
    assert!(payload.as_str().is_some_and(|text| text.starts_with("caught: this is no JSON")), "{payload}");
}

use super::*;

fn object(json: Json) -> Map<String, Json> {
    json.as_object().unwrap().clone()
}

fn tried(node: Json, messages: &[Json]) -> Json {
    let messages: Vec<_> = messages.iter().cloned().map(object).collect();
    json!(preview(&object(node), &messages).unwrap())
}

fn function(func: &str) -> Json {
    json!({"id": "f", "type": "function", "lang": "rhai", "func": func, "outputs": 2, "x": 5, "wires": [["elsewhere"], []]})
}

#[test]
fn a_function_shows_what_it_sends_logs_and_fails_with() {
    let func = "node.warn(`got ${msg.payload}`);\nif msg.payload > 1 { throw \"too hot\"; }\nnode.status(\"ok\"); [msg, ()]";
    let told = tried(function(func), &[json!({"payload": 1, "_msgid": "x"}), json!({"payload": 2})]);
    assert_eq!((&told["problems"], &told["stopped"], told.get("start")), (&json!([]), &json!(null), None));
    let [first, second] = told["results"].as_array().unwrap().as_slice() else { panic!("{told}") };
    assert_eq!(first["outputs"][0][0]["payload"], 1);
    assert_eq!(first["outputs"][1], json!([]));
    assert_eq!(first["lines"], json!([{"level": "warn", "text": "got 1"}]));
    assert_eq!(first["status"]["text"], "ok");
    assert_eq!(second["outputs"], json!([[], []]));
    assert_eq!(second["error"], json!({"message": "script error: too hot", "line": 2, "column": 22}));
}

#[test]
fn contexts_are_its_own_and_there_are_no_secrets() {
    let mut node = function(
        "let n = (context.get(\"n\") ?? 0) + 1; context.set(\"n\", n); #{payload: [n, env(\"HOME\"), global.keys()]}",
    );
    node["credentials"] = json!({"key": "hidden"});
    node["initialize"] = json!("node.log(\"begun\")");
    let told = tried(node, &[json!({}), json!({})]);
    assert_eq!(told["results"][1]["outputs"][0][0]["payload"], json!([2, null, []]));
    assert_eq!(told["start"]["lines"], json!([{"level": "info", "text": "begun"}]));
    assert!(!told.to_string().contains("hidden"));
}

#[test]
fn what_is_wrong_with_the_node_is_told_and_nothing_runs() {
    let told = tried(function("let x = ;"), &[json!({})]);
    assert_eq!((&told["results"], &told["problems"][0]["pointer"]), (&json!([]), &json!("/func")));
    for (node, why) in [
        (json!({"type": "nothing"}), "no node type"),
        (json!({"type": "mqtt out"}), "cannot be tried"),
        (json!({"type": "inject"}), "cannot be tried"),
        (json!({}), "no node type"),
    ] {
        let error = preview(&object(node), &[]).unwrap_err();
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn what_comes_later_belongs_to_its_message() {
    let node =
        json!({"id": "d", "type": "delay", "pauseType": "delay", "timeout": "5", "timeoutUnits": "minutes"});
    let told = tried(node, &[json!({"payload": "a"}), json!({"payload": "b"})]);
    assert_eq!(told["results"][0]["outputs"][0][0]["payload"], "a", "{told}");
    assert_eq!(told["results"][1]["outputs"][0][0]["payload"], "b", "{told}");
    let node = json!({"id": "s", "type": "switch", "property": "payload", "propertyType": "msg", "checkall": "true",
        "rules": [{"t": "eq", "v": "a", "vt": "str"}, {"t": "else"}], "outputs": 2});
    let told = tried(node, &[json!({"payload": "b"})]);
    assert_eq!(told["results"][0]["outputs"][1][0]["payload"], "b", "{told}");
}

#[test]
fn time_and_bytes_are_bounded() {
    let begin = Instant::now();
    let many: Vec<Json> = (0..50).map(|n| json!({"payload": n})).collect();
    let told = tried(function("let n = 0; while n < 3_000_000 { n += 1; } msg"), &many);
    assert!(begin.elapsed() < Duration::from_secs(30));
    assert!(
        told["results"].as_array().unwrap().len() < 50 || told["stopped"].is_null(),
        "{}",
        told["stopped"]
    );
    let told = tried(function("loop { }"), &many[..1]);
    // By its operations, or on a busy machine by the clock.
    let why = told["results"][0]["error"]["message"].as_str().unwrap();
    assert!(why.contains("operations") || why.contains("timed out"), "{why}");
    let told =
        tried(function("let t = \"x\"; t.pad(100_000, \"x\"); msg.payload = t; [[msg, msg, msg]]"), &many);
    assert_eq!(told["stopped"], "bytes");
    assert!(told.to_string().len() < 2 * BYTES);
    let told = tried(function("let n = 0; while n < 5_000 { node.log(n); n += 1; }"), &many[..1]);
    assert_eq!(
        (told["stopped"].as_str(), told["results"][0]["lines"].as_array().unwrap().len()),
        (Some("bytes"), LINES)
    );
    // One that sends for ever, by itself.
    let node = json!({"id": "t", "type": "trigger", "op1": "1", "op1type": "str", "op2": "", "op2type": "nul",
        "duration": "-1", "units": "ms", "extend": false, "outputs": 1});
    let told = tried(node, &many[..1]);
    assert!(told["stopped"] == "bytes" || told["stopped"] == "time", "{told}");
}

#[test]
fn a_place_is_read_off_the_end_of_a_text() {
    let place = |text: &str| {
        let Mistake { message, line, column, .. } = Mistake::of(text);
        (message, line, column)
    };
    assert_eq!(place("x (line 3, column 9)"), ("x".to_string(), Some(3), Some(9)));
    assert_eq!(place("x in module m (line 3)"), ("x in module m".to_string(), Some(3), None));
    for plain in ["x", "x (y)", "x (line)", "x (line three)", "(line 1, column x)", " (line 1, column x)"] {
        assert_eq!(place(plain), (plain.to_string(), None, None));
    }
}

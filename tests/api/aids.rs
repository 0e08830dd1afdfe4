//! What helps to write a node: completion, checks, and trying a node out.

use serde_json::{Value as Json, json};

use super::{ask, get, log_in, start};

#[test]
fn what_scripts_can_use_is_listed() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path(), vec![]);
    let list = get(&gateway, &log_in(&gateway, "vic"), "/api/v1/functions/rhai").json();
    let names = |kind: &str| {
        list[kind].as_array().unwrap().iter().map(|entry| entry["name"].clone()).collect::<Vec<_>>()
    };
    assert!(names("functions").contains(&json!("json_parse")) && names("methods").contains(&json!("status")));
    assert!(names("variables").contains(&json!("msg")));
    assert!(list["keywords"].as_array().unwrap().contains(&json!("let")));
    let send = list["methods"].as_array().unwrap().iter().find(|entry| entry["name"] == "send").unwrap();
    assert_eq!((&send["of"], &send["signatures"][0]), (&json!("node"), &json!("node.send(message)")));
}

#[test]
fn code_is_checked_and_nodes_are_tried_by_those_who_may_deploy() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path(), vec![]);
    let (eve, vic) = (log_in(&gateway, "eve"), log_in(&gateway, "vic"));
    let check = |who: &str, body: &Json| ask(&gateway, who, "POST", "/api/v1/check", "", body);
    let wrong = check(&eve, &json!({"lang": "rhai", "code": "let x = 1;\nmsg.payload = (x +;\nmsg"}));
    assert_eq!(wrong.status, 200, "{}", wrong.body);
    assert_eq!(wrong.json(), json!({"problems": [{"message": "unexpected ';'", "line": 2, "column": 19}]}));
    assert_eq!(check(&eve, &json!({"lang": "json", "code": "[1]"})).json(), json!({"problems": []}));
    assert_eq!(check(&eve, &json!({"lang": "cobol", "code": ""})).status, 422);
    assert_eq!(check(&vic, &json!({"lang": "json", "code": "[1]"})).status, 403);

    let preview = |who: &str, body: &Json| ask(&gateway, who, "POST", "/api/v1/preview", "", body);
    let node =
        json!({"id": "f", "type": "function", "lang": "rhai", "func": "msg.payload += 1; msg", "outputs": 1});
    let tried = preview(&eve, &json!({"node": node, "messages": [{"payload": 1}, {"payload": "a"}]}));
    assert_eq!(tried.status, 200, "{}", tried.body);
    assert_eq!(tried.json()["results"][0]["outputs"][0][0]["payload"], 2);
    assert_eq!(tried.json()["stopped"], Json::Null);
    // Deep scripts and values have the room that lanes have.
    let deep = "let x = []; for i in range(0, 100) { x = [x]; } fn down(n) { if n > 0 { down(n - 1) } else { 0 } } msg.payload = [x, down(30)]; msg";
    let node = json!({"id": "f", "type": "function", "lang": "rhai", "func": deep, "outputs": 1});
    let tried = preview(&eve, &json!({"node": node, "messages": [{}]}));
    assert_eq!(tried.json()["results"][0].get("error"), None, "{}", tried.body);
    for (body, status, code) in [
        (json!({"node": {"type": "mqtt in"}, "messages": []}), 400, "cannot_be_tried"),
        (json!({"node": {"type": "change"}, "messages": vec![json!({}); 51]}), 400, "too_many"),
        (json!({"node": {}, "messages": [1]}), 422, "invalid"),
    ] {
        let refused = preview(&eve, &body);
        assert_eq!(
            (refused.status, refused.json()["code"].as_str()),
            (status, Some(code)),
            "{}",
            refused.body
        );
    }
    assert_eq!(preview(&vic, &json!({"node": {"type": "change"}, "messages": []})).status, 403);
}

//! Node-RED's Admin API, request by request as its documentation has them.

use serde_json::{Value as Json, json};

use super::{ask, get, log_in, start};
use crate::gateway::Gateway;

const V2: &str = "node-red-api-version: v2\r\n";

fn nodes() -> Vec<Json> {
    vec![
        json!({"id": "i", "type": "inject", "z": "t", "props": [{"p": "payload"}], "payload": "pressed", "payloadType": "str", "x": 1, "y": 1, "wires": [["d"]]}),
        json!({"id": "d", "type": "debug", "z": "t", "active": true, "tosidebar": true, "complete": "payload", "x": 2, "y": 1, "wires": []}),
        json!({"id": "b", "type": "mqtt-broker", "broker": "127.0.0.1", "port": "1", "credentials": {"user": "u", "password": "hunter2"}}),
    ]
}

fn revision(gateway: &Gateway, who: &str) -> (Json, String) {
    let reply = ask(gateway, who, "GET", "/flows", V2, &Json::Null).json();
    (reply["flows"].clone(), reply["rev"].as_str().unwrap().to_string())
}

#[test]
fn flows_are_read_and_deployed_in_both_versions() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path(), nodes());
    let eve = log_in(&gateway, "eve");
    let all = get(&gateway, &eve, "/flows");
    assert_eq!((all.status, all.json().as_array().unwrap().len()), (200, 4));
    assert!(!all.body.contains("hunter2"), "{}", all.body);
    let (flows, rev) = revision(&gateway, &eve);
    // Version 2 says what was seen.
    let mut changed = flows.clone();
    changed[1]["wires"] = json!([[]]);
    let sent = json!({"flows": changed, "rev": rev});
    let deployed =
        ask(&gateway, &eve, "POST", "/flows", &format!("{V2}node-red-deployment-type: nodes\r\n"), &sent);
    assert_eq!(deployed.status, 200, "{}", deployed.body);
    assert_ne!(deployed.json()["rev"].as_str(), Some(rev.as_str()));
    let late = ask(&gateway, &eve, "POST", "/flows", V2, &sent);
    assert_eq!((late.status, late.json()["code"].as_str().unwrap()), (409, "version_mismatch"));
    assert_eq!(late.json()["detail"]["revision"]["who"], "eve");
    // Version 1 overwrites.
    let first = ask(&gateway, &eve, "POST", "/flows", "", &flows);
    assert_eq!(first.status, 204, "{}", first.body);
    let reload = ask(
        &gateway,
        &eve,
        "POST",
        "/flows",
        &format!("{V2}node-red-deployment-type: reload\r\n"),
        &Json::Null,
    );
    assert_eq!(reload.status, 200, "{}", reload.body);
    // The flow file is what runs, without the secrets, which stay.
    let file = std::fs::read_to_string(folder.path().join("flow.json")).unwrap();
    assert!(!file.contains("hunter2") && file.contains("\"wires\":[[\"d\"]]"), "{file}");
    let has = get(&gateway, &eve, "/credentials/mqtt-broker/b");
    assert_eq!(has.json(), json!({"has_user": true, "has_password": true}));
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path(), nodes());
    let eve = log_in(&gateway, "eve");
    let (_, rev) = revision(&gateway, &eve);
    let wrong =
        json!([{"id": "t", "type": "tab"}, {"id": "x", "type": "inject", "z": "t", "wires": [["nowhere"]]}]);
    let reply = ask(&gateway, &eve, "POST", "/flows", "", &wrong);
    assert_eq!(
        (reply.status, reply.json()["pointer"].as_str().unwrap()),
        (400, "/1/wires/0/0"),
        "{}",
        reply.body
    );
    assert!(reply.json()["message"].as_str().unwrap().contains("nowhere"));
    for (target, headers, body, code) in [
        ("/flows", "", "[", "invalid_flow"),
        ("/flows", "", "{}", "invalid_flow"),
        ("/flows", "node-red-deployment-type: all\r\n", "[]", "invalid_deployment_type"),
        ("/flows", "node-red-api-version: v9\r\n", "[]", "invalid_api_version"),
        ("/flow", "", "[]", "invalid_flow"),
        ("/flow", "", "{\"label\": \"x\", \"nodes\": 5}", "invalid_flow"),
        ("/flows/state", "", "{\"state\": \"pause\"}", "invalid_run_state"),
        ("/auth/token", "", "nothing", "bad_json"),
        ("/auth/token", "", "{\"grant_type\": \"magic\"}", "unsupported_grant_type"),
    ] {
        let headers = format!("content-type: application/json\r\n{eve}{headers}");
        let reply = gateway.ask("POST", target, &headers, body);
        assert_eq!(
            (reply.status, reply.json()["code"].as_str().unwrap()),
            (400, code),
            "{target} {body}: {}",
            reply.body
        );
    }
    assert_eq!(revision(&gateway, &eve).1, rev);
    assert_eq!(ask(&gateway, &eve, "PATCH", "/flows", "", &Json::Null).status, 405);
    assert_eq!(get(&gateway, &eve, "/nodes/nothing").status, 404);
}

#[test]
fn single_flows_come_and_go() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path(), nodes());
    let eve = log_in(&gateway, "eve");
    let one = get(&gateway, &eve, "/flow/t").json();
    assert_eq!((one["label"].as_str(), one["nodes"].as_array().unwrap().len()), (Some("http"), 2));
    let global = get(&gateway, &eve, "/flow/global").json();
    assert_eq!(global["configs"][0]["id"], "b");
    assert!(global["configs"][0].get("credentials").is_none());
    let flow = json!({"label": "second", "nodes": [{"id": "j", "type": "junction", "x": 1, "y": 1, "wires": []}], "configs": []});
    let added = ask(&gateway, &eve, "POST", "/flow", "", &flow);
    assert_eq!(added.status, 200, "{}", added.body);
    let id = added.json()["id"].as_str().unwrap().to_string();
    assert_eq!(get(&gateway, &eve, &format!("/flow/{id}")).json()["nodes"][0]["z"], json!(id));
    let twice = ask(&gateway, &eve, "POST", "/flow", "", &flow);
    assert_eq!((twice.status, twice.json()["code"].as_str().unwrap()), (400, "duplicate_id"));
    let renamed = json!({"id": id, "label": "renamed", "nodes": [], "configs": []});
    let replaced = ask(&gateway, &eve, "PUT", &format!("/flow/{id}"), "", &renamed);
    assert_eq!(replaced.status, 200, "{}", replaced.body);
    let after = get(&gateway, &eve, &format!("/flow/{id}")).json();
    assert_eq!((after["label"].as_str(), after["nodes"].as_array().unwrap().len()), (Some("renamed"), 0));
    assert_eq!(ask(&gateway, &eve, "DELETE", &format!("/flow/{id}"), "", &Json::Null).status, 204);
    for (method, target) in
        [("GET", format!("/flow/{id}")), ("DELETE", format!("/flow/{id}")), ("PUT", format!("/flow/{id}"))]
    {
        assert_eq!(ask(&gateway, &eve, method, &target, "", &renamed).status, 404, "{method}");
    }
    // The first flow is as it was.
    assert_eq!(get(&gateway, &eve, "/flow/t").json(), one);
}

#[test]
fn buttons_switches_contexts_and_what_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut all = nodes();
    all.push(json!({"id": "c", "type": "change", "z": "t", "rules": [{"t": "set", "p": "seen", "pt": "global", "to": "payload", "tot": "msg"}], "x": 3, "y": 1, "wires": [[]]}));
    all[0]["wires"] = json!([["d", "c"]]);
    let mut gateway = start(folder.path(), all);
    let ada = log_in(&gateway, "ada");
    assert_eq!(ask(&gateway, &ada, "POST", "/inject/i", "", &Json::Null).status, 200);
    gateway.running.line_with("pressed");
    assert_eq!(ask(&gateway, &ada, "POST", "/inject/d", "", &Json::Null).status, 404);
    let seen = get(&gateway, &ada, "/context/global/seen?store=memory").json();
    assert_eq!(seen, json!({"msg": "pressed", "format": "string[7]"}));
    assert_eq!(get(&gateway, &ada, "/context/global").json()["memory"]["seen"]["msg"], "pressed");
    assert_eq!(
        ask(&gateway, &ada, "DELETE", "/context/global/seen?store=memory", "", &Json::Null).status,
        204
    );
    assert_eq!(get(&gateway, &ada, "/context/global/seen?store=memory").json()["format"], "undefined");
    assert_eq!(get(&gateway, &ada, "/context/flow/nothing").status, 404);
    assert_eq!(ask(&gateway, &ada, "POST", "/debug/d/disable", "", &Json::Null).status, 201);
    assert_eq!(ask(&gateway, &ada, "POST", "/debug/d/enable", "", &Json::Null).status, 200);
    let sets = get(&gateway, &ada, "/nodes").json();
    assert!(sets.as_array().unwrap().iter().any(|set| set["name"] == "mqtt in" && set["enabled"] == true));
    assert_eq!(get(&gateway, &ada, "/nodes/tidegate/inject").json()["types"], json!(["inject"]));
    assert_eq!(
        ask(&gateway, &ada, "POST", "/nodes", "", &json!({"module": "x"})).json()["code"],
        "not_allowed"
    );
    let settings = get(&gateway, &ada, "/settings").json();
    assert_eq!(
        (settings["user"]["username"].as_str(), settings["user"]["permissions"].as_str()),
        (Some("ada"), Some("*"))
    );
    assert_eq!(get(&gateway, &ada, "/diagnostics").json()["report"], "diagnostics");
    assert_eq!(get(&gateway, &ada, "/flows/state").json(), json!({"state": "start"}));
    assert_eq!(ask(&gateway, &ada, "POST", "/flows/state", "", &json!({"state": "stop"})).status, 405);
}

//! Secret settings over the API: they keep their values when people move and rename them, and nobody is told them.

use serde_json::{Value as Json, json};

use super::kept::until;
use super::{ask, get, log_in, start};
use crate::gateway::Gateway;

/// A tab with settings, and a button that writes the setting `KEY` to a log.
fn flow(settings: Json) -> Json {
    json!([
        {"id": "t", "type": "tab", "label": "http", "env": settings},
        {"id": "i", "type": "inject", "z": "t", "props": [{"p": "payload"}], "payload": "KEY", "payloadType": "env", "x": 1, "y": 1, "wires": [["l"]]},
        {"id": "l", "type": "log out", "z": "t", "log": "keys", "x": 2, "y": 2, "wires": []},
    ])
}

fn deploy(gateway: &Gateway, who: &str, settings: Json) {
    let reply = ask(gateway, who, "POST", "/api/v1/deploy?probation=0", "", &flow(settings));
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert!(!reply.body.contains("hidden"), "{}", reply.body);
}

/// What the flow finds under `KEY`, the n-th time that it looks.
fn key(gateway: &Gateway, who: &str, n: usize) -> Json {
    assert_eq!(ask(gateway, who, "POST", "/inject/i", "", &Json::Null).status, 200);
    let log = until(gateway, who, "/api/v1/logs/keys/records", |log| {
        log["records"].as_array().is_some_and(|records| records.len() == n)
    });
    log["records"][n - 1]["value"]["payload"].clone()
}

#[test]
fn a_secret_setting_is_kept_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path(), vec![]);
    let ada = log_in(&gateway, "ada");
    deploy(
        &gateway,
        &ada,
        json!([{"name": "OTHER", "type": "cred", "value": "hidden-other"}, {"name": "KEY", "type": "cred", "value": "hidden-key"}]),
    );
    assert_eq!(key(&gateway, &ada, 1), "hidden-key");
    // As an editor sends it back, in another order.
    deploy(&gateway, &ada, json!([{"name": "KEY", "type": "cred"}, {"name": "OTHER", "type": "cred"}]));
    assert_eq!(key(&gateway, &ada, 2), "hidden-key");
    let flows = get(&gateway, &ada, "/api/v1/flows");
    assert_eq!(flows.json()["secrets"]["t"], json!(["/env/KEY", "/env/OTHER"]));
    assert!(!flows.body.contains("hidden"), "{}", flows.body);
    let has = get(&gateway, &ada, "/credentials/tab/t").json();
    assert_eq!(has, json!({"has_/env/KEY": true, "has_/env/OTHER": true}));
    // Two names are swapped.
    deploy(
        &gateway,
        &ada,
        json!([{"name": "OTHER", "type": "cred", "was": "KEY"}, {"name": "KEY", "type": "cred", "was": "OTHER"}]),
    );
    assert_eq!(key(&gateway, &ada, 3), "hidden-other");
    assert!(!get(&gateway, &ada, "/api/v1/flows").body.contains("\"was\""));
    // One that has gone leaves nothing to the one in its place.
    deploy(&gateway, &ada, json!([{"name": "OTHER", "type": "cred"}, {"name": "NEW", "type": "cred"}]));
    assert_eq!(get(&gateway, &ada, "/api/v1/flows").json()["secrets"]["t"], json!(["/env/OTHER"]));
    // What is rolled back has the secrets that it had.
    let back = ask(&gateway, &ada, "POST", "/api/v1/revisions/2/rollback?probation=0", "", &Json::Null);
    assert_eq!(back.status, 200, "{}", back.body);
    assert_eq!(key(&gateway, &ada, 4), "hidden-key");
}

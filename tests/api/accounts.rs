//! Users and tokens over the API: the rules of the command line.

use serde_json::{Value as Json, json};

use super::{PASSWORD, ask, get, log_in, start, try_to_log_in};

#[test]
fn users_are_made_changed_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path(), vec![]);
    let ada = log_in(&gateway, "ada");
    let call = |method: &str, target: &str, body: Json| ask(&gateway, &ada, method, target, "", &body);
    let made = call("POST", "/api/v1/users", json!({"name": "zoe", "password": PASSWORD, "role": "viewer"}));
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(
        (made.json()["role"].as_str(), made.json()["sees_payloads"].as_bool()),
        (Some("viewer"), Some(false))
    );
    let zoe = log_in(&gateway, "zoe");
    assert_eq!(get(&gateway, &zoe, "/api/v1/users").status, 403);
    let names: Vec<Json> = get(&gateway, &ada, "/api/v1/users")
        .json()
        .as_array()
        .unwrap()
        .iter()
        .map(|user| user["name"].clone())
        .collect();
    assert_eq!(names, ["ada", "dan", "eve", "vic", "zoe"]);
    let changed = call("PATCH", "/api/v1/users/zoe", json!({"role": "admin", "sees_payloads": true}));
    assert_eq!((changed.status, changed.json()["role"].as_str()), (200, Some("admin")), "{}", changed.body);
    assert_eq!(get(&gateway, &zoe, "/api/v1/users").status, 200, "it counts at once");
    // A new password ends what was begun with the old one.
    assert_eq!(call("PATCH", "/api/v1/users/zoe", json!({"password": "another long password"})).status, 200);
    assert_eq!(get(&gateway, &zoe, "/flows").status, 401);
    // With another admin the first may go; the last may not.
    assert_eq!(call("PATCH", "/api/v1/users/zoe", json!({"role": "viewer"})).status, 200);
    for (method, body) in [("DELETE", Json::Null), ("PATCH", json!({"role": "editor"}))] {
        let refused = call(method, "/api/v1/users/ada", body);
        assert_eq!(
            (refused.status, refused.json()["code"].as_str()),
            (409, Some("refused")),
            "{}",
            refused.body
        );
        assert!(refused.json()["message"].as_str().unwrap().contains("only admin"), "{}", refused.body);
    }
    assert_eq!(call("DELETE", "/api/v1/users/zoe", Json::Null).json(), json!({"tokens": 0}));
    for (method, target, body, status, pointer) in [
        (
            "POST",
            "/api/v1/users",
            json!({"name": "eve", "password": PASSWORD, "role": "viewer"}),
            409,
            Json::Null,
        ),
        (
            "POST",
            "/api/v1/users",
            json!({"name": "a b", "password": PASSWORD, "role": "viewer"}),
            422,
            json!("/name"),
        ),
        (
            "POST",
            "/api/v1/users",
            json!({"name": "x", "password": "short", "role": "viewer"}),
            422,
            json!("/password"),
        ),
        (
            "POST",
            "/api/v1/users",
            json!({"name": "x", "password": PASSWORD, "role": "root"}),
            422,
            json!("/role"),
        ),
        ("POST", "/api/v1/users", json!({"name": "x", "password": PASSWORD}), 422, json!("")),
        ("PATCH", "/api/v1/users/nobody", json!({}), 404, Json::Null),
        ("PATCH", "/api/v1/users/eve", json!({"rule": "admin"}), 422, json!("/rule")),
        ("DELETE", "/api/v1/users/nobody", Json::Null, 404, Json::Null),
    ] {
        let reply = call(method, target, body.clone());
        assert_eq!(
            (reply.status, reply.json()["pointer"].clone()),
            (status, pointer),
            "{method} {target} {body}: {}",
            reply.body
        );
    }
    let form = gateway.ask(
        "POST",
        "/api/v1/users",
        &format!("content-type: application/x-www-form-urlencoded\r\n{ada}"),
        "name=x",
    );
    assert_eq!((form.status, form.json()["code"].as_str()), (415, Some("not_json")));
    let audit = get(&gateway, &ada, "/api/v1/audit").body;
    for action in ["add user", "change user", "change password", "remove user"] {
        assert!(audit.contains(action), "{action}: {audit}");
    }
    assert!(!audit.contains(PASSWORD));
}

#[test]
fn tokens_are_shown_once_and_end_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path(), vec![]);
    let ada = log_in(&gateway, "ada");
    let call = |method: &str, target: &str, body: Json| ask(&gateway, &ada, method, target, "", &body);
    let made = call(
        "POST",
        "/api/v1/tokens",
        json!({"name": "ci", "scopes": ["read", "deploy"], "expires_in_s": 3600}),
    );
    assert_eq!(made.status, 201, "{}", made.body);
    let made = made.json();
    assert_eq!((made["owner"].as_str(), made["scopes"].clone()), (Some("ada"), json!(["read", "deploy"])));
    let (id, secret) = (made["id"].as_str().unwrap(), made["secret"].as_str().unwrap());
    let who = format!("authorization: Bearer {secret}\r\n");
    assert_eq!(get(&gateway, &who, "/api/v1/status").status, 200);
    assert_eq!(get(&gateway, &who, "/api/v1/tokens").status, 403);
    let listed = get(&gateway, &ada, "/api/v1/tokens");
    assert!(listed.body.contains(id) && !listed.body.contains(secret), "{}", listed.body);
    for (body, status) in [
        (json!({"name": "ci", "scopes": ["read"]}), 409),
        (json!({"name": "a b", "scopes": ["read"]}), 422),
        (json!({"name": "x", "scopes": []}), 422),
        (json!({"name": "x", "scopes": ["everything"]}), 422),
        (json!({"name": "x", "scopes": ["read"], "expires_in_s": 0}), 422),
        (json!({"name": "x", "scopes": ["read"], "expires_in_s": u64::MAX}), 422),
    ] {
        assert_eq!(call("POST", "/api/v1/tokens", body.clone()).status, status, "{body}");
    }
    // Who gives the secret in place of the id finds it in no answer.
    let wrong = call("DELETE", &format!("/api/v1/tokens/{secret}"), Json::Null);
    assert!(wrong.status == 404 && !wrong.body.contains(secret), "{}", wrong.body);
    assert_eq!(call("DELETE", &format!("/api/v1/tokens/{id}"), Json::Null).status, 204);
    assert_eq!(get(&gateway, &who, "/api/v1/status").status, 401);
    assert_eq!(call("DELETE", &format!("/api/v1/tokens/{id}"), Json::Null).status, 404);
}

#[test]
fn everybody_changes_their_own_password_and_only_with_the_old_one() {
    const NEW: &str = "another long password";
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path(), vec![]);
    let ada = log_in(&gateway, "ada");
    let change = |who: &str, old: &str, new: &str| {
        ask(&gateway, who, "POST", "/api/v1/session/password", "", &json!({"old": old, "new": new}))
    };
    // The least role there is: in a browser here, and on another device.
    let (here, elsewhere) = (log_in(&gateway, "dan"), log_in(&gateway, "dan"));
    let wrong = change(&here, "a wrong password", NEW);
    assert_eq!(
        (wrong.status, wrong.json()["code"].as_str(), wrong.json()["pointer"].as_str()),
        (403, Some("wrong_password"), Some("/old")),
        "{}",
        wrong.body
    );
    let short = change(&here, PASSWORD, "short");
    assert_eq!((short.status, short.json()["pointer"].as_str()), (422, Some("/new")), "{}", short.body);
    assert_eq!(get(&gateway, &elsewhere, "/api/v1/dashboard").status, 200, "nothing has changed yet");
    assert_eq!(change(&here, PASSWORD, NEW).status, 204);
    assert_eq!(get(&gateway, &here, "/api/v1/dashboard").status, 200, "who has changed it goes on");
    assert_eq!(get(&gateway, &elsewhere, "/api/v1/dashboard").status, 401);
    assert_eq!(try_to_log_in(&gateway, "dan").status, 401, "with the old one");
    assert_eq!(change(&here, NEW, PASSWORD).status, 204);
    assert_eq!(try_to_log_in(&gateway, "dan").status, 200);
    // A machine that is called as a person is has no part in it.
    let made =
        ask(&gateway, &ada, "POST", "/api/v1/tokens", "", &json!({"name": "dan", "scopes": ["dashboard"]}));
    let machine = format!("authorization: Bearer {}\r\n", made.json()["secret"].as_str().unwrap());
    assert_eq!(change(&machine, PASSWORD, NEW).status, 403);
    assert_eq!(try_to_log_in(&gateway, "dan").status, 200);
    assert_eq!(get(&gateway, &machine, "/api/v1/dashboard").status, 200, "machines live by their tokens");
    for body in [json!({"old": PASSWORD}), json!({"old": PASSWORD, "new": NEW, "name": "ada"})] {
        assert_eq!(ask(&gateway, &here, "POST", "/api/v1/session/password", "", &body).status, 422, "{body}");
    }
    // Whoever has found a browser open may not guess there either; and is not thrown out by guessing.
    let tries: Vec<u16> = (0..20).map(|n| change(&here, &format!("guess number {n}"), NEW).status).collect();
    assert!(tries.contains(&429) && tries.iter().all(|status| matches!(status, 403 | 429)), "{tries:?}");
    let slowed = change(&here, PASSWORD, NEW);
    assert_eq!(slowed.status, 429, "{}", slowed.body);
    assert!(slowed.header("retry-after").unwrap().parse::<u64>().unwrap() > 0);
    let audit = get(&gateway, &ada, "/api/v1/audit").json();
    let changed = audit.as_array().unwrap().iter().filter(|entry| entry["action"] == "change password");
    let changed: Vec<_> =
        changed.map(|entry| (entry["who"].as_str().unwrap(), entry["about"].as_str().unwrap())).collect();
    assert_eq!(changed, [("dan", "dan"); 2]);
    assert!(!audit.to_string().contains("guess number"), "{audit}");
}

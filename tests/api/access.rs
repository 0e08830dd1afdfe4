//! Nobody gets in who should not.

use serde_json::{Value as Json, json};

use super::{PASSWORD, ask, get, log_in, start};
use crate::gateway::Gateway;

/// The routes of the Admin API, with the least role that may use each. Those of our own are in its description.
const ROUTES: &[(&str, &str, &str)] = &[
    ("GET", "/flows", "viewer"),
    ("POST", "/flows", "editor"),
    ("GET", "/flows/state", "viewer"),
    ("POST", "/flows/state", "editor"),
    ("POST", "/flow", "editor"),
    ("GET", "/flow/t", "viewer"),
    ("PUT", "/flow/t", "editor"),
    ("DELETE", "/flow/t", "editor"),
    ("GET", "/nodes", "viewer"),
    ("POST", "/nodes", "editor"),
    ("GET", "/nodes/inject", "viewer"),
    ("PUT", "/nodes/inject", "editor"),
    ("DELETE", "/nodes/inject", "editor"),
    ("GET", "/settings", "viewer"),
    ("GET", "/diagnostics", "viewer"),
    ("GET", "/context/global", "payloads"),
    ("GET", "/context/global/key", "payloads"),
    ("DELETE", "/context/global/key", "editor"),
    ("GET", "/context/flow/t", "payloads"),
    ("GET", "/context/flow/t/key", "payloads"),
    ("DELETE", "/context/flow/t/key", "editor"),
    ("POST", "/inject/i", "editor"),
    ("POST", "/debug/d/enable", "editor"),
    ("GET", "/credentials/inject/i", "viewer"),
    ("POST", "/auth/revoke", "viewer"),
    ("GET", "/library/local/flows", "viewer"),
    ("GET", "/library/local/flows/x", "viewer"),
    ("POST", "/library/local/flows/x", "editor"),
    ("GET", "/metrics", "viewer"),
];

#[test]
fn every_route_asks_who_it_is_and_what_they_may() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path(), vec![]);
    let (viewer, editor, dan) = (log_in(&gateway, "vic"), log_in(&gateway, "eve"), log_in(&gateway, "dan"));
    let mut routes: Vec<(String, String, &str)> = ROUTES
        .iter()
        .map(|(method, target, least)| (method.to_string(), target.to_string(), *least))
        .collect();
    routes.extend(described(&get(&gateway, &viewer, "/api/v1/openapi.json").json()));
    assert!(routes.len() > 60, "{routes:?}");
    for (method, target, least) in &routes {
        let status = |who: &str| ask(&gateway, who, method, target, "", &Json::Null).status;
        assert_eq!(status(""), 401, "{method} {target} of nobody");
        assert_eq!(status("authorization: Bearer tg_0000\r\n"), 401, "{method} {target} with a wrong token");
        assert_eq!(status("authorization: Basic YWRhOmFkYQ==\r\n"), 401, "{method} {target} with a password");
        // The role of the dashboard has that, and nothing else.
        if !matches!(*least, "dashboard" | "operate") {
            assert_eq!(status(&dan), 403, "{method} {target} of one who is here for the dashboard");
        }
        if !matches!(*least, "viewer" | "dashboard") {
            assert_eq!(status(&viewer), 403, "{method} {target} of a viewer");
        }
        if matches!(*least, "payloads" | "admin") {
            assert_eq!(status(&editor), 403, "{method} {target} of an editor");
        }
    }
    for (target, least) in
        [("/api/v1/status", "viewer"), ("/api/v1/audit", "admin"), ("/api/v1/users", "admin")]
    {
        assert!(routes.contains(&("GET".to_string(), target.to_string(), least)), "{target}");
    }
    // Nothing that was refused has done anything.
    assert_eq!(get(&gateway, &editor, "/flow/t").status, 200);
}

/// The routes of our own API, as its description has them, and who may use each.
fn described(document: &Json) -> Vec<(String, String, &'static str)> {
    let mut routes = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let target = path
            .replace("{number}", "1")
            .replace("{name}", "x")
            .replace("{id}", "x")
            .replace("{type}", "inject");
        assert!(!target.contains('{'), "{target}");
        for (method, operation) in methods.as_object().unwrap() {
            let least = match operation["x-permission"].as_str().unwrap() {
                "read" => "viewer",
                "dashboard" => "dashboard",
                "operate" => "operate",
                "deploy" | "inject" => "editor",
                "payloads" => "payloads",
                "admin" => "admin",
                // It is how one gets in.
                "none" => continue,
                other => panic!("{other}"),
            };
            routes.push((method.to_uppercase(), target.clone(), least));
        }
    }
    routes
}

#[test]
fn a_page_of_another_origin_does_nothing_with_the_cookie() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path(), vec![]);
    let token = log_in(&gateway, "eve").trim().rsplit_once(' ').unwrap().1.to_string();
    let deploy = |origin: &str| {
        let headers =
            format!("content-type: application/json\r\ncookie: other=1; tidegate={token}\r\n{origin}");
        gateway.ask("POST", "/flows", &headers, "[]").status
    };
    assert_eq!(deploy("origin: http://evil.example\r\n"), 403);
    assert_eq!(deploy("origin: null\r\n"), 403);
    assert_eq!(deploy(""), 403);
    assert_eq!(deploy("origin: http://gateway\r\n"), 204);
    let read = gateway.ask(
        "GET",
        "/flows",
        &format!("cookie: tidegate={token}\r\norigin: http://evil.example\r\n"),
        "",
    );
    // A browser does not let the page see it: there is no CORS header.
    assert!(read.headers.iter().all(|(name, _)| !name.starts_with("access-control")), "{:?}", read.headers);
    for (name, value) in
        [("cache-control", "no-store"), ("x-content-type-options", "nosniff"), ("x-frame-options", "DENY")]
    {
        assert_eq!(read.header(name), Some(value));
    }
    assert!(read.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
}

#[test]
fn guessing_is_slowed_and_a_session_ends_when_it_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path(), vec![]);
    let eve = log_in(&gateway, "eve");
    assert_eq!(get(&gateway, &eve, "/flows").status, 200);
    assert_eq!(ask(&gateway, &eve, "POST", "/auth/revoke", "", &json!({})).status, 200);
    assert_eq!(get(&gateway, &eve, "/flows").status, 401);
    let guess = |password: &str| {
        let body = json!({"grant_type": "password", "username": "ada", "password": password}).to_string();
        gateway.ask("POST", "/auth/token", "content-type: application/json\r\n", &body)
    };
    let statuses: Vec<u16> = (0..20).map(|n| guess(&format!("guess number {n}")).status).collect();
    assert!(statuses.contains(&429), "{statuses:?}");
    let slowed = guess(PASSWORD);
    assert_eq!(slowed.status, 429);
    assert!(slowed.header("retry-after").unwrap().parse::<u64>().unwrap() > 0);
}

#[test]
fn the_first_admin_is_made_by_a_link_that_works_once() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut running = crate::gateway::start(folder.path(), vec![], &["--data", data.to_str().unwrap()]);
    let port = running.line_with("listening for HTTP on").rsplit_once(':').unwrap().1.trim().parse().unwrap();
    let link = running.line_with("/set-up#");
    let token = link.rsplit_once('#').unwrap().1.split_whitespace().next().unwrap().to_string();
    let gateway = Gateway { running, port };
    gateway.until("GET", "/health/ready", 200);
    let page = gateway.ask("GET", "/set-up", "", "");
    assert!(page.status == 200 && page.body.contains("<form"), "{}", page.body);
    assert_eq!(gateway.ask("GET", "/flows", "", "").status, 401);
    let set_up = |token: &str, password: &str| {
        let body = json!({"token": token, "username": "ada", "password": password}).to_string();
        gateway.ask("POST", "/set-up", "content-type: application/json\r\n", &body)
    };
    assert_eq!(set_up("tg_wrong", PASSWORD).status, 401);
    let short = set_up(&token, "short");
    assert_eq!(short.status, 400, "{}", short.body);
    let made = set_up(&token, PASSWORD);
    assert_eq!(made.status, 201, "{}", made.body);
    let cookie = made.header("set-cookie").unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let session = cookie.split(';').next().unwrap();
    assert_eq!(gateway.ask("GET", "/flows", &format!("cookie: {session}\r\n"), "").status, 200);
    assert!(matches!(set_up(&token, PASSWORD).status, 401 | 409));
    log_in(&gateway, "ada");
}

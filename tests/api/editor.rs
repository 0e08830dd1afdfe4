//! The editor's pages, as they are in the program: with the editor, or with the page that says it is not there.

use serde_json::json;

use super::{ask, log_in, start};
use crate::gateway::{Gateway, Reply};

fn policy(reply: &Reply) -> &str {
    reply.header("content-security-policy").unwrap_or_default()
}

#[test]
fn the_page_is_for_everybody_and_may_do_little() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path(), Vec::new());
    for target in ["/", "/dashboard", "/?x=1"] {
        let page = gateway.ask("GET", target, "", "");
        assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
        for (name, value) in [
            ("cache-control", "no-cache"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
        ] {
            assert_eq!(page.header(name), Some(value), "{target} {name}");
        }
        assert!(policy(&page).starts_with("default-src 'none'; script-src 'self'; style-src 'self' 'nonce-"));
        assert!(!page.body.contains("__NONCE__") && page.body.contains("<title>"), "{}", page.body);
        let again = gateway.ask("GET", target, "", "");
        assert_ne!(policy(&page), policy(&again), "each answer has a word of its own");
        let head = gateway.ask("HEAD", target, "", "");
        assert_eq!((head.status, head.body.as_str()), (200, ""));
        assert_eq!(head.header("content-length"), page.header("content-length"));
        assert_eq!(gateway.ask("POST", target, "", "").status, 405);
        if let Some(tag) = page.header("etag") {
            let known = gateway.ask("GET", target, &format!("if-none-match: {tag}\r\n"), "");
            assert_eq!((known.status, policy(&known)), (304, ""));
        }
    }
    assert_eq!(gateway.ask("GET", "/editor/none.js", "", "").status, 404);
    assert!(matches!(gateway.ask("GET", "/favicon.ico", "", "").status, 200 | 204));
}

#[test]
fn what_a_page_names_is_there_and_lasts() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path(), Vec::new());
    let page = gateway.ask("GET", "/", "", "").body;
    let names = page.split(['"', '\'']).filter(|text| text.starts_with("/editor/"));
    for name in names {
        let file = gateway.ask("GET", name, "", "");
        assert_eq!(file.status, 200, "{name}");
        assert_eq!(file.header("cache-control"), Some("public, max-age=31536000, immutable"), "{name}");
        assert_eq!(file.header("x-content-type-options"), Some("nosniff"), "{name}");
        let head = gateway.ask("HEAD", name, "accept-encoding: gzip\r\n", "");
        assert_eq!(head.header("content-encoding"), Some("gzip"), "{name}");
    }
}

#[test]
fn the_start_says_where_it_is_and_a_gateway_without_users_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut gateway = Gateway::with(folder.path(), Vec::new(), &["--data", data.to_str().unwrap()]);
    gateway.running.line_with("the editor");
    let link = gateway.running.line_with("/set-up#");
    let fault = gateway.ask("GET", "/api/v1/session", "", "");
    assert_eq!(
        (fault.status, fault.json()["code"].as_str().unwrap().to_string()),
        (401, "no_users".to_string())
    );
    assert!(fault.json()["hint"].as_str().unwrap().contains("tidegate passwd"), "{}", fault.body);
    let token = link.rsplit_once('#').unwrap().1.trim().to_string();
    let first = json!({"token": token, "username": "ada", "password": "correct horse battery"});
    assert_eq!(ask(&gateway, "", "POST", "/set-up", "", &first).status, 201);
    let fault = gateway.ask("GET", "/api/v1/session", "", "");
    assert_eq!(
        (fault.status, fault.json()["code"].as_str().unwrap().to_string()),
        (401, "unauthorized".to_string())
    );
    let ada = log_in(&gateway, "ada");
    assert_eq!(ask(&gateway, &ada, "GET", "/api/v1/session", "", &json!(null)).json()["name"], "ada");
}

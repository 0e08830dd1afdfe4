//! Routes of flows, and their answers.

use std::process::Command;

use serde_json::json;

use crate::gateway::{Gateway, http_in, response, template};

#[test]
fn flows_answer_requests() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(
        folder.path(),
        vec![
            http_in("a", "get", "/hello/:name?", &["b"]),
            template("b", "Hello {{req.params.name}}, {{payload.n}}", "c"),
            response("c"),
            http_in("d", "post", "/echo", &["c"]),
            http_in("e", "get", "/hello/second", &["f"]),
            template("f", "never", "c"),
            http_in("g", "get", "/req/*", &["h"]),
            json!({"id": "h", "type": "change", "z": "t", "wires": [["c"]], "rules": [
                {"t": "set", "p": "payload", "pt": "msg", "to": "req", "tot": "msg"},
                {"t": "set", "p": "statusCode", "pt": "msg", "to": "201", "tot": "num"},
                {"t": "set", "p": "headers", "pt": "msg", "to": "{\"x-flow\":\"1\"}", "tot": "json"},
                {"t": "set", "p": "cookies", "pt": "msg", "to": "{\"seen\":\"yes\"}", "tot": "json"},
            ]}),
        ],
    );
    // Nodes open one by one; the order of two on one route is that of the document all the same.
    gateway.until("GET", "/req/", 201);
    gateway.until("GET", "/hello/", 200);
    gateway.until("POST", "/echo", 200);
    let reply = gateway.ask("GET", "/hello/you?n=5", "", "");
    assert_eq!((reply.status, reply.body.as_str()), (200, "Hello you, 5"));
    assert_eq!(reply.header("content-type"), Some("text/html; charset=utf-8"));
    // The first of two flows wins, and HEAD is served by GET.
    assert_eq!(gateway.ask("GET", "/hello/second", "", "").body, "Hello second, ");
    let head = gateway.ask("HEAD", "/hello/you?n=5", "", "");
    assert_eq!((head.status, head.header("content-length")), (200, Some("12")));
    let reply = gateway.ask("GET", "/req/x%20y?q=1", "cookie: k=v\r\n", "");
    assert_eq!(reply.status, 201);
    assert_eq!((reply.header("x-flow"), reply.header("set-cookie")), (Some("1"), Some("seen=yes; Path=/")));
    let req = reply.json();
    assert_eq!(
        [&req["params"], &req["query"], &req["cookies"]],
        [&json!({"0": "x y"}), &json!({"q": "1"}), &json!({"k": "v"})]
    );
    for (mime, body, answer, answer_mime) in [
        ("application/json", r#"{"a":[1,2]}"#, r#"{"a":[1,2]}"#, "application/json; charset=utf-8"),
        (
            "application/x-www-form-urlencoded",
            "a=1&a=2",
            r#"{"a":["1","2"]}"#,
            "application/json; charset=utf-8",
        ),
        ("text/plain", "grüezi", "grüezi", "text/html; charset=utf-8"),
        ("application/octet-stream", "raw", "raw", "application/octet-stream"),
    ] {
        let reply = gateway.ask("POST", "/echo", &format!("content-type: {mime}\r\n"), body);
        assert_eq!((reply.body.as_str(), reply.header("content-type")), (answer, Some(answer_mime)));
    }
    // Several requests on one connection, sent at once.
    let mut client = gateway.connect();
    client.say(&"GET /hello/a HTTP/1.1\r\nhost: x\r\n\r\n".repeat(3));
    for _ in 0..3 {
        assert_eq!(client.reply(true).body, "Hello a, ");
    }
    let options = gateway.ask("OPTIONS", "/hello/x", "", "");
    assert_eq!((options.status, options.header("allow")), (200, Some("GET,HEAD")));
    assert_eq!(gateway.ask("POST", "/hello/x", "", "").status, 404);
    if let Ok(curl) = Command::new("curl")
        .args(["-s", "-d", "a=1", &format!("http://127.0.0.1:{}/echo", gateway.port)])
        .output()
    {
        assert_eq!(String::from_utf8(curl.stdout).unwrap(), r#"{"a":"1"}"#);
    }
}

#[test]
fn what_nobody_answers_is_told_and_goes_to_catch() {
    let folder = tempfile::tempdir().unwrap();
    let mut gateway = Gateway::start(
        folder.path(),
        vec![
            http_in("a", "get", "/nobody", &[]),
            http_in("b", "get", "/twice", &["r", "r2"]),
            response("r"),
            response("r2"),
            http_in("f", "get", "/fails", &["g"]),
            json!({"id": "g", "type": "json", "z": "t", "property": "req.method", "action": "obj", "wires": [["r"]]}),
            json!({"id": "c", "type": "catch", "z": "t", "scope": ["a"], "wires": [["d"]]}),
            json!({"id": "d", "type": "debug", "z": "t", "active": true, "tosidebar": true, "complete": "error.message", "targetType": "msg", "wires": []}),
        ],
    );
    let reply = gateway.until("GET", "/nobody", 504);
    assert!(reply.body.contains("without an answer"));
    gateway.running.line_with("without an http response");
    assert_eq!(gateway.until("GET", "/twice", 200).status, 200);
    gateway.running.line_with("answered before");
    assert_eq!(gateway.until("GET", "/fails", 503).status, 503);
    // Clients that do not wait for their answer do no harm.
    for _ in 0..50 {
        gateway.connect().say("GET /twice HTTP/1.1\r\nhost: x\r\n\r\n");
    }
    assert_eq!(gateway.ask("GET", "/twice", "", "").status, 200);
}

#[test]
fn files_are_uploaded() {
    let folder = tempfile::tempdir().unwrap();
    let mut upload = http_in("a", "post", "/upload", &["b"]);
    upload["upload"] = json!(true);
    let gateway = Gateway::start(
        folder.path(),
        vec![
            upload,
            template("b", "{{payload.site}} {{req.files.0.originalname}} {{req.files.0.size}}", "c"),
            response("c"),
        ],
    );
    gateway.until("POST", "/upload", 200);
    let body = "--xx\r\ncontent-disposition: form-data; name=\"site\"\r\n\r\n17\r\n--xx\r\ncontent-disposition: form-data; name=\"f\"; \
                filename=\"../../etc/log.txt\"\r\ncontent-type: text/plain\r\n\r\nhello\r\n--xx--\r\n";
    let reply = gateway.ask("POST", "/upload", "content-type: multipart/form-data; boundary=xx\r\n", body);
    assert_eq!(reply.body, "17 log.txt 5");
}

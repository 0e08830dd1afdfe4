use serde_json::{Value as Json, json};

use super::*;
use crate::lines::testkit::object;
use crate::testing::{MemoryHost, config};

fn asked(form: Json, message: Json) -> Result<(Ask, Warnings), NodeError> {
    let form = Form::read(&config("http request", form, &MemoryHost::default())).unwrap();
    ask(&object(&message), &form, false)
}

fn header<'a>(ask: &'a Ask, name: &str) -> Option<&'a str> {
    ask.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

fn url(form: Json, message: Json) -> String {
    asked(form, message).unwrap().0.url.to_string()
}

#[test]
fn the_url_comes_from_the_node_or_the_message() {
    assert_eq!(url(json!({"url": ""}), json!({"url": "example.org/a"})), "http://example.org/a");
    let template = json!({"url": "https://h/{{{topic}}}?n={{payload.n}}&x={{missing}}"});
    assert_eq!(url(template, json!({"topic": "a b", "payload": {"n": 5}})), "https://h/a%20b?n=5&x=");
    let query = json!({"url": "http://h/?a=1", "paytoqs": "query"});
    assert_eq!(
        url(query.clone(), json!({"payload": {"b": [1, 2], "c": "ü"}})),
        "http://h/?a=1&b=1&b=2&c=%C3%BC"
    );
    assert!(asked(query, json!({"payload": "text"})).is_err());
    let (_, warnings) =
        asked(json!({"url": "http://h/"}), json!({"url": "http://other/", "method": "PUT"})).unwrap();
    assert_eq!(warnings, [OVERRIDE, OVERRIDE]);
    for wrong in ["", "ftp://h/", "http://", "http://[::1", "http://a b/"] {
        assert!(asked(json!({"url": ""}), json!({ "url": wrong })).is_err(), "{wrong}");
    }
}

#[test]
fn the_body_follows_the_payload_and_the_content_type() {
    for (payload, mime, body, sent) in [
        (json!("text"), None, "text", None),
        (json!(5), None, "5", None),
        (json!({"a": 1}), None, "{\"a\":1}", Some("application/json")),
        (json!(true), None, "true", Some("application/json")),
        (
            json!({"a": [1, "x y"]}),
            Some("application/x-www-form-urlencoded"),
            "a=1&a=x%20y",
            Some("application/x-www-form-urlencoded"),
        ),
        (json!({"type": "Buffer", "data": [104, 105]}), Some("x/y"), "hi", Some("x/y")),
    ] {
        let headers = mime.map_or(json!({}), |mime| json!({ "Content-Type": mime }));
        let message = json!({"payload": payload, "headers": headers, "method": "post"});
        let (ask, _) = asked(json!({"url": "http://h/", "method": "use"}), message).unwrap();
        assert_eq!(ask.method, "POST");
        assert_eq!(String::from_utf8(ask.body.clone().unwrap()).unwrap(), body);
        assert_eq!(header(&ask, "content-type"), sent);
    }
    let form = json!({"payload": {"a": "1", "f": {"value": "x", "options": {"filename": "a.txt"}}}, "headers": {"content-type": "multipart/form-data"}});
    let (ask, _) = asked(json!({"url": "http://h/", "method": "POST"}), form).unwrap();
    let boundary = multipart::boundary(header(&ask, "content-type").unwrap()).unwrap();
    let read = multipart::parse(&ask.body.clone().unwrap(), boundary).unwrap();
    assert_eq!((read.fields.len(), read.files.len()), (1, 1));
    let (ask, _) = asked(json!({"url": "http://h/"}), json!({"payload": "not sent"})).unwrap();
    assert_eq!(ask.body, None);
    let (ask, _) = asked(json!({"url": "http://h/", "paytoqs": "body"}), json!({"payload": "sent"})).unwrap();
    assert_eq!(ask.body.as_deref(), Some(&b"sent"[..]));
}

#[test]
fn headers_cookies_and_authentication_are_put_together() {
    let form = json!({
        "url": "http://u:p@h/", "headers": [
            {"keyType": "Accept", "keyValue": "", "valueType": "other", "valueValue": "text/csv"},
            {"keyType": "other", "keyValue": "X-A", "valueType": "msg", "valueValue": "topic"},
            {"keyType": "other", "keyValue": "X-B", "valueType": "msg", "valueValue": "missing"},
        ],
    });
    let message = json!({"topic": "t", "headers": {"x-a": "message", "x-c": 1, "Content-Length": 99}, "cookies": {"a": "1 2", "b": {"value": "x y", "encode": false}, "c": null}});
    let (ask, _) = asked(form, message).unwrap();
    assert_eq!(
        [header(&ask, "accept"), header(&ask, "x-a"), header(&ask, "x-b"), header(&ask, "x-c")],
        [Some("text/csv"), Some("t"), None, Some("1")]
    );
    assert_eq!(header(&ask, "cookie"), Some("a=1%202; b=x y"));
    assert_eq!((header(&ask, "authorization"), ask.url.as_str()), (Some("Basic dTpw"), "http://h/"));
    assert_eq!(header(&ask, "content-length"), None);
    let bearer = json!({"url": "http://h/", "authType": "bearer", "credentials": {"password": "t0k"}});
    assert_eq!(header(&asked(bearer, json!({})).unwrap().0, "authorization"), Some("Bearer t0k"));
    assert!(asked(json!({"url": "http://h/"}), json!({"headers": {"x": "a\nb"}})).is_err());
}

#[test]
fn the_message_sets_time_out_redirects_and_the_check_of_certificates() {
    let (ask, _) = asked(
        json!({"url": "http://h/"}),
        json!({"requestTimeout": "1500", "followRedirects": false, "rejectUnauthorized": false}),
    )
    .unwrap();
    assert_eq!((ask.timeout, ask.follow, ask.verify), (Duration::from_millis(1500), false, Some(false)));
    for wrong in [json!("soon"), json!(-5)] {
        let (ask, warnings) =
            asked(json!({"url": "http://h/", "timeout": 3}), json!({ "requestTimeout": wrong })).unwrap();
        assert_eq!((ask.timeout, warnings.len()), (Duration::from_secs(3), 1));
    }
}

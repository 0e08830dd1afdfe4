//! `/comms`, as Node-RED's editor and its tools use it.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::socket::{Socket, open};
use super::{ask, get, log_in, start};
use crate::gateway::Gateway;

fn nodes() -> Vec<Json> {
    vec![
        json!({"id": "i", "type": "inject", "z": "t", "props": [{"p": "payload"}, {"p": "topic", "vt": "str"}], "topic": "above", "payload": "pressed", "payloadType": "str", "x": 1, "y": 1, "wires": [["d", "f"]]}),
        json!({"id": "d", "type": "debug", "z": "t", "name": "shown", "active": true, "tosidebar": true, "complete": "payload", "x": 2, "y": 1, "wires": []}),
        json!({"id": "f", "type": "function", "lang": "rhai", "z": "t", "func": "node.status(#{fill: \"green\", shape: \"dot\", text: \"seen\"}); return msg;", "outputs": 1, "x": 2, "y": 2, "wires": [[]]}),
    ]
}

/// The token of a header.
fn token(header: &str) -> String {
    header.trim().rsplit_once(' ').unwrap().1.to_string()
}

fn listen(gateway: &Gateway, who: &str, topics: &[&str]) -> Socket {
    let mut socket = open(gateway, "/comms", &[]).ok().unwrap();
    socket.say(&json!({"auth": token(who)}));
    assert_eq!(socket.next().unwrap(), json!({"auth": "ok"}));
    topics.iter().for_each(|topic| socket.say(&json!({"subscribe": topic})));
    socket
}

fn press(gateway: &Gateway, who: &str) {
    assert_eq!(ask(gateway, who, "POST", "/inject/i", "", &Json::Null).status, 200);
}

#[test]
fn what_lasts_is_told_on_subscribing_and_what_happens_when_it_does() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path(), nodes());
    let ada = log_in(&gateway, "ada");
    let mut first = listen(&gateway, &ada, &["status/#", "debug", "notification/#"]);
    assert_eq!(first.topic("notification/runtime-state"), json!({"state": "start"}));
    let rev = first.topic("notification/runtime-deploy")["revision"].clone();
    press(&gateway, &ada);
    let seen = [first.next().unwrap(), first.next().unwrap()];
    let of = |topic: &str| &seen.iter().find(|message| message["topic"] == topic).unwrap()["data"];
    assert_eq!(
        of("debug"),
        &json!({"id": "d", "z": "t", "path": "t", "name": "shown", "topic": "above", "_msgid": of("debug")["_msgid"],
            "property": "payload", "msg": "pressed", "format": "string[7]"})
    );
    assert_eq!(of("status/f"), &json!({"fill": "green", "shape": "dot", "text": "seen"}));
    // Who comes later is told what stands.
    let mut second = listen(&gateway, &ada, &["status/+"]);
    assert_eq!(second.topic("status/f")["text"], "seen");
    // A deploy is told, and that a badge has gone with its node.
    let without: Vec<Json> = vec![json!({"id": "t", "type": "tab", "label": "http"})];
    assert_eq!(ask(&gateway, &ada, "POST", "/flows", "", &json!(without)).status, 204);
    assert_ne!(first.topic("notification/runtime-deploy")["revision"], rev);
    assert_eq!(second.topic("status/f"), json!({}));
}

#[test]
fn nobody_listens_who_may_not() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path(), nodes());
    for wrong in [
        json!({"auth": "tg_wrong"}),
        json!({"subscribe": "debug"}),
        json!({"auth": format!("tg_{}", "0".repeat(64))}),
    ] {
        let mut socket = open(&gateway, "/comms", &[]).ok().unwrap();
        socket.say(&wrong);
        assert_eq!(socket.next(), Some(json!({"auth": "fail"})), "{wrong}");
        assert_eq!(socket.next(), None);
    }
    assert_eq!(open(&gateway, "/comms", &[("origin", "http://evil.example")]).err(), Some(403));
    let ada = log_in(&gateway, "ada");
    let cookie = format!("tidegate={}", token(&ada));
    assert_eq!(
        open(&gateway, "/comms", &[("cookie", cookie.as_str())]).err(),
        Some(403),
        "a cookie, and no origin"
    );
    // A browser that is logged in need not say anything.
    let mut page =
        open(&gateway, "/comms", &[("cookie", cookie.as_str()), ("origin", "http://gateway")]).ok().unwrap();
    page.say(&json!({"auth": token(&ada)}));
    assert_eq!(page.next(), Some(json!({"auth": "ok"})));
    page.say(&json!({"subscribe": "notification/#"}));
    page.topic("notification/runtime-deploy");
    for nonsense in ["{", "[]", "{\"subscribe\": \"a/#/b\"}"] {
        let mut socket = listen(&gateway, &ada, &[]);
        socket.socket.send(tokio_tungstenite::tungstenite::Message::text(nonsense)).unwrap();
        assert_eq!(socket.next(), None, "{nonsense}");
    }
    // Who may not see payloads is shown badges, and no messages.
    let eve = log_in(&gateway, "eve");
    let mut without = listen(&gateway, &eve, &["#"]);
    without.topic("notification/runtime-deploy");
    press(&gateway, &ada);
    without.topic("status/f");
    let more = without.for_a_while(Duration::from_millis(500));
    assert!(more.iter().all(|message| message["topic"] != "debug"), "{more:?}");
}

#[test]
fn a_token_that_is_revoked_ends_what_it_began() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path(), nodes());
    let ada = log_in(&gateway, "ada");
    let mut socket = listen(&gateway, &ada, &["debug"]);
    let bearer = format!("Bearer {}", token(&ada));
    let mut live = open(&gateway, "/api/v1/live", &[("authorization", bearer.as_str())]).ok().unwrap();
    assert_eq!(live.next().unwrap()["type"], "hello");
    live.until(|message| message["type"] == "presence");
    assert_eq!(ask(&gateway, &ada, "POST", "/auth/revoke", "", &json!({})).status, 200);
    assert_eq!(socket.until(|message| message.get("auth").is_some()), json!({"auth": "fail"}));
    assert_eq!(socket.next(), None);
    // Who is here was told meanwhile, and nothing else.
    while let Some(message) = live.next() {
        assert_eq!(message["type"], "presence");
    }
    assert_eq!(get(&gateway, &ada, "/flows").status, 401);
}

#[test]
fn a_client_that_does_not_read_holds_up_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let mut all = nodes();
    all.push(json!({"id": "many", "type": "function", "lang": "rhai", "z": "t", "func": "for n in 0..3000 { let m = #{payload: n}; node.send(m); } return ();", "outputs": 1, "x": 2, "y": 3, "wires": [["d"]]}));
    all[0]["wires"] = json!([["many"]]);
    let gateway = start(folder.path(), all);
    let ada = log_in(&gateway, "ada");
    let mut socket = listen(&gateway, &ada, &["debug", "notification/#"]);
    socket.topic("notification/runtime-deploy");
    press(&gateway, &ada);
    // 1,000 a second are shown; it is said how many were not.
    let told = socket.topic("notification/debug-skipped");
    assert!(told["text"].as_str().unwrap().contains("debug messages were left out"), "{told}");
    // One that reads nothing at all: requests and others go on.
    let _silent = listen(&gateway, &ada, &["debug"]);
    for _ in 0..20 {
        press(&gateway, &ada);
    }
    assert_eq!(get(&gateway, &ada, "/api/v1/status").status, 200);
}

#[test]
fn there_is_room_for_so_many_strangers() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path(), vec![]);
    let strangers: Vec<_> = (0..8).map(|_| open(&gateway, "/comms", &[]).ok().unwrap()).collect();
    assert_eq!(open(&gateway, "/comms", &[]).err(), Some(503));
    // Those who are known are not kept out by them.
    let ada = log_in(&gateway, "ada");
    let bearer = format!("Bearer {}", token(&ada));
    assert!(open(&gateway, "/api/v1/live", &[("authorization", bearer.as_str())]).is_ok());
    drop(strangers);
}

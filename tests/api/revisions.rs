//! Revisions over the API: their names, and how far the probation of one is, for everybody who looks.

use serde_json::{Value as Json, json};

use super::dashboard::{live, of};
use super::{ask, get, log_in, start};
use crate::gateway::Gateway;

fn flow(name: &str) -> Json {
    json!([{"id": "t", "type": "tab", "label": "http"}, {"id": "j", "type": "junction", "z": "t", "name": name, "wires": []}])
}

fn deploy(gateway: &Gateway, who: &str, query: &str, name: &str) -> Json {
    let reply = ask(gateway, who, "POST", &format!("/api/v1/deploy?{query}"), "", &flow(name));
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.json()
}

fn numbers(gateway: &Gateway, who: &str, query: &str) -> Vec<i64> {
    let found = get(gateway, who, &format!("/api/v1/revisions{query}"));
    assert_eq!(found.status, 200, "{}", found.body);
    let all = found.json()["revisions"].as_array().unwrap().clone();
    all.iter().map(|one| one["number"].as_i64().unwrap()).collect()
}

#[test]
fn a_revision_is_named_found_by_its_name_and_loses_it_again() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path(), vec![]);
    let (ada, eve, vic) = (log_in(&gateway, "ada"), log_in(&gateway, "eve"), log_in(&gateway, "vic"));
    let done = deploy(&gateway, &eve, "probation=0&why=new%20pump&name=%20Summer%20", "a");
    assert_eq!((&done["revision"]["number"], &done["revision"]["name"]), (&json!(2), &json!("Summer")));
    deploy(&gateway, &eve, "probation=0", "b");
    let name = |who: &str, number: i64, body: Json| {
        ask(&gateway, who, "PATCH", &format!("/api/v1/revisions/{number}"), "", &body)
    };
    let mut socket = live(&gateway, &vic);
    socket.until(of("hello"));
    let named = name(&eve, 3, json!({"name": "Überholung"}));
    assert_eq!((named.status, named.json()["name"].as_str()), (200, Some("Überholung")), "{}", named.body);
    assert_eq!(socket.until(of("deploy"))["name"], "Überholung", "whoever looks is told");
    for (query, found) in [
        ("", vec![3, 2, 1]),
        ("?named=true", vec![3, 2]),
        ("?search=%C3%BCber", vec![3]),
        ("?search=PUMP", vec![2]),
        ("?search=eve&limit=1", vec![3]),
        ("?search=eve&before=3", vec![2]),
        ("?search=nobody", vec![]),
    ] {
        assert_eq!(numbers(&gateway, &vic, query), found, "{query}");
    }
    // The same flows once more, with a name: what runs is called so.
    let same = deploy(&gateway, &eve, "name=Winter", "b");
    assert_eq!((&same["unchanged"], &same["revision"]["name"]), (&json!(true), &json!("Winter")));
    let taken = name(&eve, 2, json!({"name": ""}));
    assert!(taken.status == 200 && taken.json().get("name").is_none(), "{}", taken.body);
    assert_eq!(numbers(&gateway, &vic, "?named=true"), [3]);
    assert_eq!(name(&vic, 2, json!({"name": "mine"})).status, 403);
    for (number, body, status) in [
        (99, json!({"name": "x"}), 404),
        (2, json!({"name": "two\nlines"}), 400),
        (2, json!({"name": "x".repeat(81)}), 400),
        (2, json!({"name": 7}), 422),
        (2, json!({}), 422),
    ] {
        let refused = name(&eve, number, body.clone());
        assert_eq!(refused.status, status, "{body}: {}", refused.body);
    }
    let long = format!("/api/v1/deploy?name={}", "x".repeat(81));
    assert_eq!(ask(&gateway, &eve, "POST", &long, "", &flow("c")).json()["pointer"], "/name");
    let searched = get(&gateway, &vic, &format!("/api/v1/revisions?search={}", "x".repeat(201)));
    assert_eq!((searched.status, searched.json()["pointer"].as_str()), (400, Some("/search")));
    let audit = get(&gateway, &ada, "/api/v1/audit").json();
    let noted: Vec<_> = audit
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["action"] == "name revision")
        .map(|entry| (entry["who"].clone(), entry["about"].clone(), entry["detail"].clone()))
        .collect();
    assert_eq!(
        noted,
        [("2", ""), ("3", "Winter"), ("3", "Überholung")].map(|(about, detail)| (
            json!("eve"),
            json!(about),
            json!(detail)
        ))
    );
}

#[test]
fn names_are_as_many_as_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path(), vec![]);
    let eve = log_in(&gateway, "eve");
    (0..50).for_each(|n| drop(deploy(&gateway, &eve, &format!("probation=0&name=n{n}"), &format!("{n}"))));
    let refused = ask(&gateway, &eve, "POST", "/api/v1/deploy?name=more", "", &flow("more"));
    assert_eq!((refused.status, refused.json()["code"].as_str()), (400, Some("refused")), "{}", refused.body);
    let full = ask(&gateway, &eve, "PATCH", "/api/v1/revisions/1", "", &json!({"name": "more"}));
    assert_eq!((full.status, full.json()["code"].as_str()), (409, Some("refused")), "{}", full.body);
    assert!(full.body.contains("take the name from one of them"), "{}", full.body);
    // Nothing of what was refused has been deployed.
    assert_eq!(get(&gateway, &eve, "/api/v1/flows").json()["number"], 51);
}

#[test]
fn everybody_sees_how_far_a_probation_is() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path(), vec![]);
    let (eve, vic) = (log_in(&gateway, "eve"), log_in(&gateway, "vic"));
    let mut socket = live(&gateway, &vic);
    let hello = socket.until(of("hello"));
    assert!(hello["deploy"].get("probation").is_none(), "{hello}");
    deploy(&gateway, &eve, "probation=3600&confirm=true", "a");
    let told = socket.until(|message| message["deploy"].is_null() && message["probation"].is_object());
    assert_eq!(
        (&told["type"], &told["number"], &told["standing"]),
        (&json!("deploy"), &json!(2), &json!("probation"))
    );
    let probation = &told["probation"];
    let left = probation["left_ms"].as_i64().unwrap();
    assert!(0 < left && left <= 3_600_000, "{told}");
    assert!(probation["ends_ms"].as_i64().unwrap() >= hello["now_ms"].as_i64().unwrap() + left, "{told}");
    assert_eq!((&probation["needs_word"], &probation["confirmed"]), (&json!(true), &json!(false)));
    // Who comes later, and who asks.
    let late = live(&gateway, &vic).until(of("hello"));
    let late = late["deploy"]["probation"]["left_ms"].as_i64().unwrap();
    let status = get(&gateway, &vic, "/api/v1/status").json();
    let asked = status["probation"]["left_ms"].as_i64().unwrap();
    assert!(asked <= late && late <= left, "{left} {late} {asked}");
    assert_eq!(ask(&gateway, &eve, "POST", "/api/v1/revisions/2/confirm", "", &Json::Null).status, 204);
    let confirmed = socket.until(of("deploy"));
    assert_eq!(confirmed["probation"]["confirmed"], true, "{confirmed}");
    // The next one ends it.
    deploy(&gateway, &eve, "probation=0", "b");
    let next = socket.until(|message| message["number"] == 3);
    assert!(next.get("probation").is_none() && next["standing"] == "good", "{next}");
    assert!(get(&gateway, &vic, "/api/v1/status").json().get("probation").is_none());
}

//! The dashboard: what is on it, what it tells as it happens, what its buttons do, and who may.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::socket::{Socket, open};
use super::{ask, get, log_in, start};
use crate::gateway::Gateway;

fn nodes() -> Vec<Json> {
    vec![
        json!({"id": "base", "type": "ui-base", "name": "Plant"}),
        json!({"id": "p", "type": "ui-page", "name": "Pumps", "ui": "base", "path": "/pumps"}),
        json!({"id": "g", "type": "ui-group", "name": "<script>alert(1)</script>", "page": "p", "width": 6}),
        json!({"id": "b", "type": "ui-button", "z": "t", "group": "g", "order": 1, "label": "Start", "payload": "7", "payloadType": "num", "topic": "pump", "topicType": "str", "x": 1, "y": 1, "wires": [["w", "c", "d"]]}),
        json!({"id": "s", "type": "ui-slider", "z": "t", "group": "g", "order": 2, "label": "Speed", "min": 0, "max": 100, "step": 5, "x": 1, "y": 2, "wires": [["w", "c"]]}),
        json!({"id": "w", "type": "ui-gauge", "z": "t", "group": "g", "order": 3, "title": "Flow", "max": 100, "x": 2, "y": 1, "wires": []}),
        json!({"id": "c", "type": "ui-chart", "z": "t", "group": "g", "order": 4, "label": "Day", "x": 2, "y": 2, "wires": [[]]}),
        json!({"id": "d", "type": "debug", "z": "t", "complete": "payload", "x": 3, "y": 1, "wires": []}),
    ]
}

pub fn live(gateway: &Gateway, who: &str) -> Socket {
    let bearer = who.trim().split_once(": ").unwrap().1.to_string();
    open(gateway, "/api/v1/live", &[("authorization", bearer.as_str())]).ok().unwrap()
}

fn operate(gateway: &Gateway, who: &str, id: &str, body: &Json) -> u16 {
    ask(gateway, who, "POST", &format!("/api/v1/dashboard/{id}"), "", body).status
}

pub fn of(kind: &str) -> impl Fn(&Json) -> bool {
    move |message| message["type"] == kind
}

#[test]
fn a_press_arrives_in_the_flow_and_what_it_causes_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path(), nodes());
    let dan = log_in(&gateway, "dan");
    let seen = get(&gateway, &dan, "/api/v1/dashboard").json();
    assert_eq!((seen["name"].as_str(), seen["may_operate"].as_bool()), (Some("Plant"), Some(true)));
    let group = &seen["pages"][0]["groups"][0];
    assert_eq!(group["name"], "<script>alert(1)</script>", "a name is a name");
    let ids: Vec<&str> =
        group["widgets"].as_array().unwrap().iter().map(|widget| widget["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["b", "s", "w", "c"]);
    assert_eq!(
        (&group["widgets"][2]["type"], &group["widgets"][2]["value"]),
        (&json!("ui-gauge"), &json!(null))
    );

    let mut socket = live(&gateway, &dan);
    socket.say(&json!({"type": "watch", "dashboard": true}));
    let whole = socket.until(of("dashboard"));
    assert_eq!(whole["widgets"]["b"]["label"], "Start");
    assert_eq!(operate(&gateway, &dan, "b", &json!({})), 204);
    let changed = socket.until(|message| message["widgets"]["w"]["value"] == 7);
    assert!(changed["widgets"]["w"].get("max").is_none(), "only what has changed: {changed}");
    assert_eq!(changed["widgets"]["c"]["more"][0]["y"], json!([7]));
    assert_eq!(changed["widgets"]["c"]["more"][0]["name"], "pump");
    assert_eq!(operate(&gateway, &dan, "s", &json!({"value": 42.4, "sliding": true})), 204);
    socket.until(|message| message["widgets"]["w"]["value"] == 40);
    let again = get(&gateway, &dan, "/api/v1/dashboard").json();
    let widgets = &again["pages"][0]["groups"][0]["widgets"];
    assert_eq!((&widgets[1]["value"], &widgets[2]["value"]), (&json!(40), &json!(40)));
    assert_eq!(widgets[3]["series"][0]["y"], json!([7]));

    // What makes no sense is told, and does nothing.
    assert_eq!(operate(&gateway, &dan, "nothing", &json!({})), 404);
    assert_eq!(operate(&gateway, &dan, "d", &json!({})), 404);
    assert_eq!(operate(&gateway, &dan, "w", &json!({"value": 1})), 422);
    assert_eq!(operate(&gateway, &dan, "s", &json!({"value": "fast"})), 422);
    assert_eq!(operate(&gateway, &dan, "s", &json!({"speed": 1})), 422);
    let ada = log_in(&gateway, "ada");
    let audit = get(&gateway, &ada, "/api/v1/audit").json().to_string();
    assert!(audit.contains("\"operate\"") && audit.contains("dan"), "{audit}");
}

#[test]
fn each_role_sees_and_does_what_it_may() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path(), nodes());
    for (name, may) in [("dan", true), ("vic", false), ("eve", true), ("ada", true)] {
        let who = log_in(&gateway, name);
        let seen = get(&gateway, &who, "/api/v1/dashboard");
        assert_eq!((seen.status, seen.json()["may_operate"].as_bool()), (200, Some(may)), "{name}");
        assert_eq!(operate(&gateway, &who, "b", &json!({})), if may { 204 } else { 403 }, "{name}");
    }
    assert_eq!(get(&gateway, "", "/api/v1/dashboard").status, 401);
    assert_eq!(operate(&gateway, "", "b", &json!({})), 401);
    let dan = log_in(&gateway, "dan");
    let session = get(&gateway, &dan, "/api/v1/session").json();
    assert_eq!(session["may"], json!(["dashboard", "operate"]));
    let mut comms = open(&gateway, "/comms", &[]).ok().unwrap();
    comms.say(&json!({"auth": dan.trim().rsplit_once(' ').unwrap().1}));
    assert_eq!(comms.next(), Some(json!({"auth": "fail"})), "what goes on in the flows is not for them");
    assert_eq!(ask(&gateway, &dan, "DELETE", "/api/v1/session", "", &Json::Null).status, 204);
    assert_eq!(get(&gateway, &dan, "/api/v1/dashboard").status, 401);
    // A machine that is for the dashboard, such as a screen in a hall.
    let ada = log_in(&gateway, "ada");
    let asked = json!({"name": "hall", "scopes": ["dashboard"]});
    let made = ask(&gateway, &ada, "POST", "/api/v1/tokens", "", &asked);
    assert_eq!(made.status, 201, "{}", made.body);
    let hall = format!("authorization: Bearer {}\r\n", made.json()["secret"].as_str().unwrap());
    assert_eq!(get(&gateway, &hall, "/api/v1/dashboard").status, 200);
    assert_eq!(get(&gateway, &hall, "/flows").status, 403);
}

#[test]
fn who_is_here_for_the_dashboard_is_told_of_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path(), nodes());
    let dan = log_in(&gateway, "dan");
    let mut socket = live(&gateway, &dan);
    assert_eq!(socket.next().unwrap()["sees_payloads"], false);
    socket.say(&json!({"type": "watch", "dashboard": true, "metrics": true, "statuses": true, "debug": true,
        "problems": true, "backlogs": true, "taps": ["d"], "wire_taps": [{"from": "b", "to": "d"}], "queues": true, "timings": true, "at": "g"}));
    assert_eq!(
        socket.until(of("watching"))["not_allowed"],
        json!([
            "metrics",
            "statuses",
            "debug",
            "problems",
            "backlogs",
            "taps",
            "wire_taps",
            "queues",
            "timings",
            "at"
        ])
    );
    assert_eq!(operate(&gateway, &dan, "b", &json!({})), 204);
    let seen = socket.for_a_while(Duration::from_millis(1_500));
    assert!(seen.iter().any(of("dashboard")), "{seen:?}");
    assert!(seen.iter().all(of("dashboard")), "{seen:?}");
    // A deploy is told, so that the page is made anew; a widget that is new is told whole.
    let eve = log_in(&gateway, "eve");
    let mut changed = nodes();
    changed.push(json!({"id": "t", "type": "tab", "label": "http"}));
    changed.push(json!({"id": "v", "type": "ui-text", "z": "t", "group": "g", "label": "New", "x": 2, "y": 9, "wires": []}));
    let headers = "node-red-deployment-type: nodes\r\n";
    assert_eq!(ask(&gateway, &eve, "POST", "/flows", headers, &json!(changed)).status, 204);
    assert_eq!(socket.until(of("deploy"))["number"], 2);
    socket.until(|message| message["widgets"]["v"]["label"] == "New");
    assert_eq!(operate(&gateway, &dan, "b", &json!({})), 204);
}

#[test]
fn who_presses_too_fast_is_told_and_the_audit_counts_every_press() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path(), nodes());
    let (ada, dan, eve) = (log_in(&gateway, "ada"), log_in(&gateway, "dan"), log_in(&gateway, "eve"));
    let mut taken = 0;
    let refused = loop {
        let reply = ask(&gateway, &dan, "POST", "/api/v1/dashboard/b", "", &json!({}));
        if reply.status != 204 {
            break reply;
        }
        taken += 1;
        assert!(taken < 10_000, "nobody is slowed");
    };
    assert_eq!(refused.status, 429, "{}", refused.body);
    assert!(taken >= 20, "{taken}");
    assert_eq!(refused.json()["code"], "too_fast", "{}", refused.body);
    assert!(refused.header("retry-after").unwrap().parse::<u64>().unwrap() > 0);
    assert_eq!(operate(&gateway, &eve, "b", &json!({})), 204, "nobody else is held up");
    let pressed = |audit: &Json| -> Vec<String> {
        let mine = |entry: &&Json| entry["action"] == "operate" && entry["who"] == "dan";
        let entries = audit.as_array().unwrap().iter().filter(mine);
        entries.map(|entry| entry["detail"].as_str().unwrap().to_string()).collect()
    };
    let lines = pressed(&get(&gateway, &ada, "/api/v1/audit").json());
    assert!(lines.len() < taken, "not one line a press: {lines:?}");
    // What is in memory is written when it stops.
    let data = folder.path().join("data");
    gateway.running.signal("TERM");
    gateway.running.wait();
    let gateway = Gateway::with(folder.path(), nodes(), &["--data", data.to_str().unwrap()]);
    let lines = pressed(&get(&gateway, &log_in(&gateway, "ada"), "/api/v1/audit").json());
    let count = |line: &String| match line.split_once(" times more") {
        Some((count, _)) => count.parse::<usize>().unwrap(),
        None => 1,
    };
    assert_eq!(lines.iter().map(count).sum::<usize>(), taken, "{lines:?}");
}

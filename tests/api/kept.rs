//! What a gateway keeps: outboxes, dead letters, logs, the ledger; and how it fares.

use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use super::{ask, get, log_in, start};
use crate::gateway::{Gateway, PATIENCE, Reply};

/// Five readings for a server that is away, and the same into a log.
fn nodes() -> Vec<Json> {
    vec![
        json!({"id": "i", "type": "inject", "z": "t", "props": [{"p": "payload"}], "payload": "1", "payloadType": "num", "x": 1, "y": 1, "wires": [["o", "l"]]}),
        json!({"id": "o", "type": "tcp out", "z": "t", "name": "uplink", "beserver": "client", "host": "127.0.0.1", "port": "1", "outbox": {"mode": "always"}, "x": 2, "y": 1, "wires": []}),
        json!({"id": "l", "type": "log out", "z": "t", "log": "readings", "x": 2, "y": 2, "wires": []}),
    ]
}

pub fn until(gateway: &Gateway, who: &str, target: &str, is: impl Fn(&Json) -> bool) -> Json {
    let end = Instant::now() + PATIENCE;
    loop {
        let json = get(gateway, who, target).json();
        if is(&json) {
            return json;
        }
        assert!(Instant::now() < end, "{target}: {json}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn what_waits_is_seen_and_given_up_by_who_may() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path(), nodes());
    let (ada, eve, vic) = (log_in(&gateway, "ada"), log_in(&gateway, "eve"), log_in(&gateway, "vic"));
    for _ in 0..5 {
        assert_eq!(ask(&gateway, &ada, "POST", "/inject/i", "", &Json::Null).status, 200);
    }
    let five = |queues: &Json| queues.as_array().unwrap().iter().any(|queue| queue["messages"] == 5);
    let queues = until(&gateway, &vic, "/api/v1/outboxes", five);
    let queue = queues.as_array().unwrap().iter().find(|queue| queue["messages"] == 5).unwrap().clone();
    assert_eq!((queue["node"].as_str(), queue["balance"]["holds"].as_bool()), (Some("o"), Some(true)));
    let name = queue["queue"].as_str().unwrap();
    let peeked = get(&gateway, &ada, "/api/v1/outboxes/o/messages?limit=2").json();
    let mine = peeked.as_array().unwrap().iter().find(|queue| queue["queue"] == name).unwrap();
    assert_eq!(
        (mine["records"].as_array().unwrap().len(), mine["records"][0]["value"]["payload"].as_i64()),
        (2, Some(1))
    );
    let one = get(&gateway, &ada, &format!("/api/v1/outboxes/{}/messages", name.replace('/', "%2F"))).json();
    assert_eq!(one.as_array().unwrap().len(), 1);
    // Message contents are for who may see them.
    assert_eq!(get(&gateway, &eve, "/api/v1/outboxes/o/messages").status, 403);
    let ledger = get(&gateway, &vic, "/api/v1/ledger").json();
    let balance =
        ledger["outboxes"].as_array().unwrap().iter().find(|balance| balance["log"] == name).unwrap();
    assert_eq!((balance["stored"].as_i64(), balance["holds"].as_bool()), (Some(5), Some(true)));
    let problems =
        until(&gateway, &vic, "/api/v1/problems", |all| !all["nodes"].as_array().unwrap().is_empty());
    assert_eq!(
        (problems["nodes"][0]["id"].as_str(), problems["nodes"][0]["state"].as_str()),
        (Some("o"), Some("away"))
    );
    // For how long is told wherever it is told that it is away.
    let away = problems["nodes"][0]["away_ms"].as_u64().unwrap();
    let status = get(&gateway, &vic, "/api/v1/status").json();
    assert!(status["away"][0]["away_ms"].as_u64().unwrap() >= away, "{status}");
    let health = get(&gateway, &vic, "/api/v1/health").json();
    assert_eq!((health["ok"].as_bool(), health["away"].as_i64()), (Some(false), Some(1)));
    let post = |who: &str, target: &str| -> Reply { ask(&gateway, who, "POST", target, "", &Json::Null) };
    assert_eq!(post(&vic, "/api/v1/outboxes/o/purge").status, 403);
    for (target, status) in [
        ("/api/v1/outboxes/nothing/purge", 404),
        ("/api/v1/outboxes/o/purge?priority=high", 400),
        ("/api/v1/outboxes/o/purge?priority=alarm&dead=true", 400),
        ("/api/v1/outboxes/nothing/retry", 404),
    ] {
        assert_eq!(post(&eve, target).status, status, "{target}");
    }
    assert_eq!(post(&eve, "/api/v1/outboxes/o/retry").json(), json!({"messages": 0, "stopped": false}));
    assert_eq!(
        post(&eve, "/api/v1/outboxes/o/purge?dead=true").json(),
        json!({"messages": 0, "stopped": false})
    );
    let purged = post(&eve, "/api/v1/outboxes/o/purge").json();
    // One of them may be out on its way just now.
    assert!(purged["messages"].as_i64().unwrap() >= 4, "{purged}");
    let after = get(&gateway, &vic, "/api/v1/ledger").json();
    let purged_row =
        after["totals"].as_array().unwrap().iter().find(|total| total["reason"] == "purged").unwrap();
    assert_eq!(purged_row["count"], purged["messages"]);
    until(&gateway, &ada, "/api/v1/audit", |audit| audit.to_string().contains("purge outbox"));
}

#[test]
fn logs_are_read_from_any_place() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path(), nodes());
    let (ada, eve) = (log_in(&gateway, "ada"), log_in(&gateway, "eve"));
    for _ in 0..5 {
        assert_eq!(ask(&gateway, &ada, "POST", "/inject/i", "", &Json::Null).status, 200);
    }
    let has_five = |logs: &Json| {
        logs.as_array().unwrap().iter().any(|log| log["name"] == "readings" && log["messages"] == 5)
    };
    until(&gateway, &eve, "/api/v1/logs", has_five);
    let read = |query: &str| get(&gateway, &ada, &format!("/api/v1/logs/readings/records{query}"));
    let sequences = |reply: &Json| -> Vec<i64> {
        reply["records"]
            .as_array()
            .unwrap()
            .iter()
            .map(|record| record["sequence"].as_i64().unwrap())
            .collect()
    };
    let all = read("").json();
    assert_eq!(
        (sequences(&all), all["next"].as_i64(), all["end"].as_i64()),
        (vec![1, 2, 3, 4, 5], Some(6), Some(6))
    );
    let part = read("?from=2&limit=2").json();
    assert_eq!((sequences(&part), part["next"].as_i64()), (vec![2, 3], Some(4)));
    assert_eq!(sequences(&read("?since_ms=0&until_ms=1").json()), [0; 0]);
    assert_eq!(sequences(&read(&format!("?since_ms={}", i64::MAX)).json()), [0; 0]);
    assert_eq!(sequences(&read("?key=nothing").json()), [0; 0]);
    assert_eq!(sequences(&read("?from=99").json()), [0; 0]);
    assert_eq!(read("?from=1&since_ms=1").status, 400);
    assert_eq!(get(&gateway, &eve, "/api/v1/logs/readings/records").status, 403);
    let wrong = get(&gateway, &ada, "/api/v1/logs/reading/records");
    assert!(wrong.status == 404 && wrong.body.contains("did you mean `readings`"), "{}", wrong.body);
}

#[test]
fn the_board_and_the_node_types_are_described() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = start(folder.path(), vec![]);
    let vic = log_in(&gateway, "vic");
    let system = get(&gateway, &vic, "/api/v1/system").json();
    assert!(system["memory"]["resident_bytes"].as_u64().unwrap() > 1_000_000, "{system}");
    assert!(
        system["cpu"]["used_s"].as_f64().unwrap() > 0.0 && system["disk"]["free_bytes"].as_u64().unwrap() > 0
    );
    let nodes = get(&gateway, &vic, "/api/v1/nodes").json();
    let printed = crate::support::tidegate(&["nodes", "--json"]);
    let printed: Vec<Json> = printed.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(nodes, Json::Array(printed));
    assert_eq!(get(&gateway, &vic, "/api/v1/nodes/mqtt%20in").json()["type"], "mqtt in");
    let near = get(&gateway, &vic, "/api/v1/nodes/injekt");
    assert!(near.status == 404 && near.json()["hint"].as_str().unwrap().contains("inject"), "{}", near.body);
    assert_eq!(get(&gateway, &vic, "/api/v1/alarms").json(), json!([]));
    let eve = log_in(&gateway, "eve");
    let post = |target: &str, body| ask(&gateway, &eve, "POST", target, "", &body).status;
    assert_eq!(post("/api/v1/alarms/x/acknowledge", Json::Null), 404);
    assert_eq!(post("/api/v1/alarms/x/shelve", json!({"seconds": 60})), 404);
    assert_eq!(post("/api/v1/alarms/x/shelve", json!({"seconds": 0})), 422);
}

#[test]
fn dead_letters_of_a_node_without_an_outbox_are_given_up_and_not_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let nodes = vec![
        json!({"id": "i", "type": "inject", "z": "t", "props": [{"p": "payload"}], "payload": "1", "payloadType": "num", "x": 1, "y": 1, "wires": [["l"]]}),
        json!({"id": "l", "type": "log out", "z": "t", "log": "first", "x": 2, "y": 2, "wires": []}),
        // A source that waits until its messages are dealt with.
        json!({"id": "r", "type": "log in", "z": "t", "log": "first", "reader": "r", "start": "start", "x": 1, "y": 2, "wires": [["f"]]}),
        json!({"id": "f", "type": "function", "lang": "rhai", "z": "t", "name": "broken", "func": "throw \"no\"", "outputs": 1, "x": 2, "y": 1, "wires": [[]]}),
    ];
    let gateway = start(folder.path(), nodes);
    let (ada, eve) = (log_in(&gateway, "ada"), log_in(&gateway, "eve"));
    let post = |target: &str| ask(&gateway, &eve, "POST", target, "", &Json::Null);
    assert_eq!(post("/api/v1/outboxes/f/retry").status, 404, "there is none yet");
    assert_eq!(post("/api/v1/outboxes/f/purge?dead=true").status, 404);
    for _ in 0..3 {
        assert_eq!(ask(&gateway, &ada, "POST", "/inject/i", "", &Json::Null).status, 200);
    }
    let letters =
        until(&gateway, &ada, "/api/v1/dead-letters?of=f", |all| all.as_array().unwrap().len() == 3);
    assert!(letters[0]["about"].get("outbox").is_none() && letters[0]["about"]["node"] == "f", "{letters}");
    let refused = post("/api/v1/outboxes/f/retry");
    assert_eq!(
        (refused.status, refused.json()["code"].as_str()),
        (409, Some("no_outbox")),
        "{}",
        refused.body
    );
    assert!(refused.json()["hint"].as_str().unwrap().contains("purge?dead=true"), "{}", refused.body);
    assert_eq!(post("/api/v1/outboxes/f/purge").status, 404, "nothing waits where there is no outbox");
    let gone = post("/api/v1/outboxes/f/purge?dead=true");
    assert_eq!((gone.status, gone.json()), (200, json!({"messages": 3, "stopped": false})), "{}", gone.body);
    assert_eq!(get(&gateway, &ada, "/api/v1/dead-letters").json(), json!([]));
    until(&gateway, &ada, "/api/v1/audit", |audit| audit.to_string().contains("purge dead letters"));
}

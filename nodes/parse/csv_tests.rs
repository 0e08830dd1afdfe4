use serde_json::{Value as Json, json};

use crate::message::Outcome;
use crate::testing::{MemoryHost, Rig};

#[derive(serde::Deserialize)]
struct Case {
    config: Json,
    send: Vec<Json>,
    out: Vec<Json>,
    warns: usize,
    errors: Vec<String>,
}

/// `1` is `1.0`, as in JavaScript.
fn same(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => a.as_f64() == b.as_f64(),
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

/// Recorded from Node-RED 4.1's csv node.
#[test]
fn reads_and_writes_as_node_red_does() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("csv.cases.json")).unwrap();
    assert!(cases.len() > 60);
    for case in cases {
        let mut rig = Rig::new("csv", case.config.clone());
        for mut msg in case.send {
            msg["_msgid"] = json!("ID");
            rig.send(msg);
        }
        let errors: Vec<&str> = rig.host.errors.iter().map(|(error, _)| error.message()).collect();
        assert_eq!(errors, case.errors, "{}", case.config);
        assert_eq!(rig.host.logs.len(), case.warns, "{}", case.config);
        let (got, want) = (Json::from(rig.sent(0)), Json::from(case.out));
        assert!(same(&got, &want), "{}\ngot  {got}\nwant {want}", case.config);
    }
}

#[test]
fn a_separator_at_the_start_is_a_missing_value() {
    let mut rig = Rig::new("csv", json!({"temp": "a,b", "include_null_values": true}));
    rig.send(json!({"payload": ",1"}));
    assert_eq!(rig.sent(0)[0]["payload"], json!({"a": null, "b": 1}));
}

#[test]
fn a_large_text_goes_out_in_pieces() {
    for spec in ["", "rfc"] {
        let rows = 20_000;
        let text: String = (0..rows).map(|n| format!("{n},\"x{n}\"\r\n")).collect();
        let mut rig = Rig::new("csv", json!({"spec": spec}));
        rig.send(json!({"payload": text, "topic": "t"}));
        let sent = rig.sent(0);
        assert_eq!(sent.len(), rows);
        assert_eq!(sent[rows - 1]["payload"], json!({"col1": rows - 1, "col2": format!("x{}", rows - 1)}));
        assert_eq!(sent[7]["parts"]["count"], json!(rows));
        assert_eq!((&sent[7]["columns"], &sent[7]["topic"]), (&json!("col1,col2"), &json!("t")));
        assert_eq!(rig.host.completed.len(), 1);
        assert!(rig.settled().is_empty());
        drop(rig.take());
        assert_eq!(rig.settled(), [(1, Outcome::Done)]);
    }
}

/// Parts that wait for the last one are kept: their source hears of them when the list has gone out, or is lost.
#[test]
fn kept_rows_hold_their_messages() {
    let part =
        |index: usize, text: &str| json!({"payload": text, "parts": {"id": "p", "index": index, "count": 3}});
    let mut rig = Rig::new("csv", json!({"temp": "a", "multi": "mult"}));
    rig.send(part(0, "1"));
    rig.send(part(1, "2\n"));
    assert_eq!((rig.host.completed.len(), rig.settled().len()), (2, 0));
    rig.send(part(2, "3"));
    assert_eq!(rig.sent(0), [json!({"payload": [{"a": 1}, {"a": 2}, {"a": 3}], "columns": "a"})]);
    assert!(rig.settled().is_empty());
    drop(rig.take());
    assert_eq!(rig.settled().len(), 3);
    assert!(rig.settled().iter().all(|(_, outcome)| *outcome == Outcome::Done));

    let mut host = MemoryHost::default();
    host.hold_limit(1);
    let mut rig = Rig::with_host("csv", json!({"temp": "a", "multi": "mult"}), host).unwrap();
    rig.send(part(0, "1"));
    rig.send(part(1, "2"));
    assert!(rig.host.errors[0].0.message().contains("hold_limit"));
}

#[test]
fn wrong_column_names_are_shown() {
    let mut rig = Rig::new("csv", json!({"spec": "rfc", "temp": "\"a\",  \"b\" "}));
    let texts: Vec<_> = rig.host.statuses.iter().map(|status| status.text.clone()).collect();
    assert_eq!(texts, [None, Some("Malformed columns template.".into())]);
    assert_eq!(rig.host.logs.len(), 1);
    rig.send(json!({"payload": "1,2"}));
    assert_eq!((rig.host.errors.len(), rig.sent(0).len()), (1, 0));
}

#[test]
fn status_is_cleared_and_set_as_in_node_red() {
    let fills = |spec: &str| {
        let mut rig = Rig::new("csv", json!({"spec": spec, "temp": "a"}));
        rig.send(json!({"payload": 1}));
        rig.send(json!({"payload": "1"}));
        rig.host.statuses.iter().map(|status| status.fill.is_some()).collect::<Vec<_>>()
    };
    assert_eq!(fills(""), [false]);
    assert_eq!(fills("rfc"), [false, false, true, false]);
}

use serde_json::{Value as Json, json};

use crate::message::Outcome;
use crate::testing::{MemoryHost, Rig};

/// The payload, index and count of what was sent.
fn pieces(rig: &Rig) -> Vec<(Json, Json, Json)> {
    let parts = |msg: &Json, key: &str| msg["parts"][key].clone();
    rig.sent(0).iter().map(|m| (m["payload"].clone(), parts(m, "index"), parts(m, "count"))).collect()
}

fn buffer(text: &str) -> Json {
    json!({"type": "Buffer", "data": text.as_bytes()})
}

#[test]
fn an_array_is_split_by_its_length_and_parts_are_nested() {
    let mut rig = Rig::new("split", json!({"arraySplt": "2"}));
    rig.send(json!({"payload": [1, 2, 3], "topic": "t", "parts": {"id": "outer"}}));
    let sent = rig.sent(0);
    let id = sent[0]["parts"]["id"].clone();
    assert_eq!(id.as_str().unwrap().len(), 16);
    let expected = |payload: Json, index: usize| {
        json!({"payload": payload, "topic": "t", "parts":
            {"parts": {"id": "outer"}, "id": id, "type": "array", "count": 2, "len": 2, "index": index}})
    };
    assert_eq!(sent, [expected(json!([1, 2]), 0), expected(json!([3]), 1)]);
    assert_eq!(rig.settled(), []);
    rig.take();
    assert_eq!(rig.settled(), [(1, Outcome::Done)]);
}

#[test]
fn every_piece_has_an_id_of_its_own() {
    let mut rig = Rig::new("split", json!({}));
    rig.send(json!({"payload": [1, 2, 3], "_msgid": "old"}));
    let ids: Vec<String> =
        rig.take().iter().map(|s| s.message.get("_msgid").unwrap().to_text().to_string()).collect();
    assert_eq!(ids.len(), 3);
    assert!(ids[0] != ids[1] && ids[1] != ids[2] && !ids.contains(&"old".to_string()));
}

#[test]
fn an_object_is_split_by_its_keys() {
    let mut rig = Rig::new("split", json!({"property": "a.b", "addname": "topic"}));
    rig.send(json!({"a": {"b": {"x": 1, "y": {"z": 2}}, "c": 3}}));
    let sent = rig.sent(0);
    assert_eq!(sent[0]["a"], json!({"b": 1, "c": 3}));
    assert_eq!(sent[1]["a"], json!({"b": {"z": 2}, "c": 3}));
    assert_eq!((&sent[0]["topic"], &sent[1]["topic"]), (&json!("x"), &json!("y")));
    let parts = &sent[1]["parts"];
    assert_eq!((&parts["key"], &parts["index"], &parts["count"]), (&json!("y"), &json!(1), &json!(2)));
    assert_eq!(parts["property"], "a.b");
}

#[test]
fn what_cannot_be_split_is_said_or_passed_over_as_in_node_red() {
    let mut rig = Rig::new("split", json!({}));
    rig.send(json!({"payload": null}));
    assert_eq!(rig.host.errors.len(), 1);
    rig.send(json!({"payload": 5}));
    rig.send(json!({"topic": "nothing"}));
    assert_eq!((rig.sent(0).len(), rig.host.errors.len(), rig.host.completed.len()), (0, 1, 1));
    assert_eq!(rig.host.completed[0].payload().to_json(), "5");
}

#[test]
fn a_buffer_that_ends_in_the_delimiter_counts_a_piece_that_is_not_sent() {
    let mut rig = Rig::new("split", json!({"splt": "[53]", "spltType": "bin"}));
    rig.send(json!({"payload": buffer("1525")}));
    assert_eq!(pieces(&rig), [(buffer("1"), json!(0), json!(3)), (buffer("2"), json!(1), json!(3))]);
    assert_eq!(rig.sent(0)[0]["parts"]["ch"], json!([53]));
}

#[test]
fn a_stream_of_texts_goes_on_and_its_source_waits_for_the_rest() {
    let mut rig = Rig::new("split", json!({"stream": true}));
    rig.send(json!({"payload": "a\nb"}));
    rig.send(json!({"payload": "c"}));
    assert_eq!(pieces(&rig), [(json!("a"), json!(0), Json::Null)]);
    // Complete nodes hear of it at once, as in Node-RED; the sources do not.
    assert_eq!(rig.host.completed.len(), 2);
    rig.take();
    assert_eq!(rig.settled(), []);
    rig.send(json!({"payload": "d\n"}));
    assert_eq!(pieces(&rig), [(json!("bcd"), json!(1), Json::Null)]);
    assert_eq!(rig.settled(), [], "the piece is still under way");
    rig.take();
    assert_eq!(rig.settled().len(), 3);
    assert!(rig.settled().iter().all(|(_, outcome)| *outcome == Outcome::Done));
    assert_eq!(rig.host.completed.len(), 3);
}

#[test]
fn a_stream_of_lengths_is_done_with_a_message_when_its_last_piece_goes() {
    let mut rig = Rig::new("split", json!({"stream": true, "splt": 3, "spltType": "len"}));
    for payload in ["12", "3", "4567"] {
        rig.send(json!({"payload": buffer(payload)}));
    }
    assert_eq!(pieces(&rig), [(buffer("123"), json!(0), Json::Null), (buffer("456"), json!(1), Json::Null)]);
    let completed: Vec<String> =
        rig.host.completed.iter().map(|m| m.value.get("parts").unwrap().to_json()).collect();
    assert_eq!(completed.len(), 2, "the last one waits: {completed:?}");
    rig.take();
    assert_eq!(rig.settled(), [(1, Outcome::Done), (2, Outcome::Done)]);
}

#[test]
fn a_rest_that_is_dropped_is_undelivered() {
    let mut rig = Rig::new("split", json!({"stream": true, "splt": ",", "spltType": "str"}));
    rig.send(json!({"payload": "a,b"}));
    rig.take();
    rig.stop();
    assert_eq!(rig.settled(), [(1, Outcome::Undelivered)]);
}

#[test]
fn at_the_hold_limit_nothing_of_the_message_stays_and_the_stream_goes_on() {
    let mut host = MemoryHost::default();
    host.hold_limit(1);
    let mut rig =
        Rig::with_host("split", json!({"stream": true, "splt": ",", "spltType": "str"}), host).unwrap();
    rig.send(json!({"payload": buffer("a")}));
    rig.send(json!({"payload": buffer("b")}));
    assert_eq!(rig.host.errors.len(), 1);
    assert!(rig.host.errors[0].0.message().contains("hold_limit"));
    rig.send(json!({"payload": buffer("c,d")}));
    assert_eq!(rig.sent(0)[0]["payload"], buffer("ac"));
    rig.send(json!({"payload": buffer("e,")}));
    assert_eq!(rig.sent(0)[1]["payload"], buffer("de"));
}

#[test]
fn wrong_configuration_names_its_property() {
    for (config, pointer) in [
        (json!({"splt": 0, "spltType": "len"}), "/splt"),
        (json!({"splt": "x", "spltType": "len"}), "/splt"),
        (json!({"splt": "[]", "spltType": "bin"}), "/splt"),
        (json!({"splt": "{}", "spltType": "bin"}), "/splt"),
        (json!({"spltType": "re"}), "/spltType"),
        (json!({"arraySplt": ""}), "/arraySplt"),
        (json!({"property": "a b"}), "/property"),
        (json!({"addname": "["}), "/addname"),
    ] {
        let error =
            Rig::try_new("split", config.clone()).err().unwrap_or_else(|| panic!("{config} is taken"));
        assert!(error.to_string().starts_with(pointer), "{config}: {error}");
    }
}

#[test]
fn many_items_are_made_one_by_one() {
    let mut rig = Rig::new("split", json!({}));
    rig.send(json!({"payload": vec![0; 100_000]}));
    let sent = rig.take();
    assert_eq!(sent.len(), 100_000);
    assert_eq!(sent[99_999].message.get("parts").unwrap().get("index").unwrap().as_i64(), Some(99_999));
}

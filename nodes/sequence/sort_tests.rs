use serde_json::{Value as Json, json};

use crate::message::Outcome;
use crate::testing::{MemoryHost, Rig};

fn sorted(config: Json, items: Json) -> Json {
    let mut config = config;
    config["targetType"] = json!("msg");
    let mut rig = Rig::new("sort", config);
    rig.send(json!({"payload": items}));
    rig.sent(0)[0]["payload"].clone()
}

#[test]
fn items_are_in_order_as_texts_or_as_numbers() {
    let items = json!(["200", "4", "30", "1000"]);
    assert_eq!(sorted(json!({}), items.clone()), json!(["1000", "200", "30", "4"]));
    assert_eq!(sorted(json!({"as_num": true}), items.clone()), json!(["4", "30", "200", "1000"]));
    assert_eq!(sorted(json!({"order": "descending"}), items), json!(["4", "30", "200", "1000"]));
    assert_eq!(sorted(json!({}), json!([true, 3, null, 0.5])), json!([null, 0.5, true, 3]));
}

#[test]
fn the_array_is_changed_in_the_message_that_goes_on() {
    let mut rig = Rig::new("sort", json!({"target": "a.b", "targetType": "msg"}));
    rig.send(json!({"a": {"b": [2, 1], "c": 3}}));
    assert_eq!(rig.sent(0), [json!({"a": {"b": [1, 2], "c": 3}})]);
    assert_eq!(rig.host.completed[0].value.get("a").unwrap().to_json(), r#"{"b":[1,2],"c":3}"#);
    rig.send(json!({"a": {"b": "no array"}}));
    rig.send(json!({"b": 1}));
    assert_eq!((rig.sent(0).len(), rig.host.errors.len(), rig.host.completed.len()), (1, 1, 2));
}

fn part(payload: Json, id: &str, count: Option<usize>) -> Json {
    let mut msg = json!({"payload": payload, "parts": {"id": id, "index": 0}});
    if let Some(count) = count {
        msg["parts"]["count"] = json!(count);
    }
    msg
}

#[test]
fn a_sequence_waits_until_it_is_complete() {
    let mut rig = Rig::new("sort", json!({}));
    rig.send(part(json!(3), "a", None));
    rig.send(part(json!(1), "b", Some(2)));
    rig.send(json!({"payload": "no parts"}));
    rig.send(part(json!(2), "a", Some(2)));
    let sent: Vec<Json> = rig.sent(0).iter().map(|m| json!([m["payload"], m["parts"]["index"]])).collect();
    assert_eq!(sent, [json!([2, 0]), json!([3, 1])]);
    rig.take();
    let done = |n| (n, Outcome::Done);
    assert_eq!(rig.settled(), [done(3), done(4), done(1)]);
    assert_eq!(rig.host.completed.len(), 3);
    rig.stop();
    assert_eq!(rig.settled()[3], (2, Outcome::Undelivered));
}

#[test]
fn the_oldest_sequence_goes_when_too_many_wait() {
    let mut host = MemoryHost::default();
    host.settings.node_message_buffer_max_length = 2;
    let mut rig = Rig::with_host("sort", json!({"targetType": "seq"}), host).unwrap();
    for id in ["a", "b", "c"] {
        rig.send(part(json!(id), id, Some(2)));
    }
    assert_eq!(rig.host.errors[0].0.message(), "Too many pending messages in sort node");
    assert_eq!(rig.host.errors[0].1.as_ref().unwrap().payload().to_json(), r#""a""#);
    rig.send(part(json!("d"), "b", Some(2)));
    assert_eq!(rig.sent(0).len(), 2);
}

#[test]
fn a_key_that_cannot_be_asked_for_fails_the_sequence() {
    let mut rig = Rig::new("sort", json!({"seqKey": "payload.x"}));
    rig.send(part(json!({"x": 1}), "a", Some(2)));
    rig.send(json!({"parts": {"id": "a", "index": 1}}));
    assert_eq!((rig.sent(0).len(), rig.host.errors.len(), rig.host.completed.len()), (0, 1, 1));
    rig.send(json!({"parts": {"id": "b", "index": 1, "count": 1}}));
    assert_eq!(rig.sent(0).len(), 1, "alone there is nothing to compare");
}

#[test]
fn at_the_hold_limit_a_message_fails_and_the_others_stay() {
    let mut host = MemoryHost::default();
    host.hold_limit(1);
    let mut rig = Rig::with_host("sort", json!({}), host).unwrap();
    rig.send(part(json!(2), "a", Some(2)));
    rig.send(part(json!(1), "a", Some(2)));
    assert_eq!(rig.host.errors.len(), 1);
    rig.host.hold_limit(2);
    rig.send(part(json!(0), "a", Some(2)));
    let payloads: Vec<Json> = rig.sent(0).iter().map(|m| m["payload"].clone()).collect();
    assert_eq!(payloads, [json!(0), json!(2)]);
}

#[cfg(feature = "jsonata")]
#[test]
fn expressions_give_the_keys() {
    let config = json!({"msgKey": "$substring($,1)", "msgKeyType": "jsonata"});
    assert_eq!(sorted(config, json!(["C2", "A3", "B1"])), json!(["B1", "C2", "A3"]));
    let config = json!({"msgKey": "v", "msgKeyType": "jsonata", "as_num": true});
    assert_eq!(sorted(config, json!([{"v": "10"}, {"v": 9}])), json!([{"v": 9}, {"v": "10"}]));
    let mut rig = Rig::new("sort", json!({"seqKey": "$unknown()", "seqKeyType": "jsonata"}));
    rig.send(part(json!(1), "a", Some(1)));
    assert!(rig.host.errors[0].0.message().starts_with("Invalid JSONata expression in sort node"));
    let error = Rig::try_new("sort", json!({"seqKey": "a b", "seqKeyType": "jsonata"})).err().unwrap();
    assert!(error.to_string().starts_with("/seqKey"), "{error}");
}

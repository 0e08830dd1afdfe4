use serde_json::json;

use super::*;
use crate::host::Scope;
use crate::message::Outcome;
use crate::testing::{MemoryHost, Rig};

/// The outputs that a message with this payload leaves by.
fn outputs(rules: Json, payload: Json) -> Vec<usize> {
    outputs_of(
        json!({"property": "payload", "rules": rules, "checkall": "true"}),
        json!({"payload": payload}),
    )
}

fn outputs_of(config: Json, msg: Json) -> Vec<usize> {
    let count = config["rules"].as_array().map_or(0, Vec::len);
    let mut rig = Rig::new("switch", config);
    rig.send(msg.clone());
    assert!(rig.host.errors.is_empty(), "{:?}", rig.host.errors);
    (0..count).filter(|port| rig.sent(*port as u16) == [msg.clone()]).collect()
}

fn matches(rule: Json, payload: Json) -> bool {
    outputs(json!([rule]), payload) == [0]
}

#[test]
fn comparisons_are_loose() {
    for (rule, payload, expected) in [
        (json!({"t": "eq", "v": "Hello"}), json!("Hello"), true),
        (json!({"t": "eq", "v": "10", "vt": "num"}), json!("10"), true),
        (json!({"t": "eq", "v": "10"}), json!(10), true),
        (json!({"t": "eq", "v": "10", "vt": "str"}), json!(10.0), true),
        // Without a type an empty text reads as 0.
        (json!({"t": "eq", "v": ""}), json!(0), true),
        (json!({"t": "eq", "v": "x", "vt": "num"}), json!("x"), false),
        (json!({"t": "eq", "v": "true", "vt": "bool"}), json!(1), true),
        (json!({"t": "neq", "v": "Hello"}), json!("Hallo"), true),
        (json!({"t": "lt", "v": 3}), json!("2"), true),
        (json!({"t": "lt", "v": 3}), json!(null), true),
        (json!({"t": "lt", "v": 3}), json!("x"), false),
        (json!({"t": "gte", "v": 3}), json!("x"), false),
        (json!({"t": "lte", "v": 3}), json!(3), true),
        (json!({"t": "gt", "v": "b"}), json!("c"), true),
        (json!({"t": "btwn", "v": "3", "v2": "5"}), json!(4), true),
        (json!({"t": "btwn", "v": "5", "v2": "3"}), json!(4), true),
        (json!({"t": "btwn", "v": "a", "v2": "d"}), json!("c"), true),
        (json!({"t": "btwn", "v": "3", "v2": "5"}), json!(12), false),
        (json!({"t": "cont", "v": "Hello"}), json!("Hello World!"), true),
        (json!({"t": "cont", "v": "2,3"}), json!([1, 2, 3]), true),
        (json!({"t": "cont", "v": 5}), json!(456), true),
        (json!({"t": "regex", "v": "[abc]+"}), json!("abbabac"), true),
        (json!({"t": "regex", "v": "ONE", "case": true}), json!("one"), true),
        (json!({"t": "regex", "v": "ONE", "case": false}), json!("one"), false),
        (json!({"t": "regex", "v": "^12$"}), json!(12), true),
    ] {
        assert_eq!(matches(rule.clone(), payload.clone()), expected, "{rule} {payload}");
    }
}

#[test]
fn rules_without_a_value() {
    let buffer = |data: Json| json!({"type": "Buffer", "data": data});
    let empty = [json!(""), json!([]), json!({}), buffer(json!([]))];
    let full = [json!("a"), json!([1]), json!({"a": 1}), buffer(json!([1]))];
    for (payload, is_empty) in empty.iter().map(|p| (p, true)).chain(full.iter().map(|p| (p, false))) {
        let rules = json!([{"t": "empty"}, {"t": "nempty"}]);
        assert_eq!(outputs(rules, payload.clone()), [usize::from(!is_empty)], "{payload}");
    }
    let rules =
        json!([{"t": "empty"}, {"t": "nempty"}, {"t": "null"}, {"t": "nnull"}, {"t": true}, {"t": "false"}]);
    for (payload, expected) in
        [(json!(null), vec![2]), (json!(0), vec![3]), (json!(true), vec![3, 4]), (json!(false), vec![3, 5])]
    {
        assert_eq!(outputs(rules.clone(), payload.clone()), expected, "{payload}");
    }
    assert_eq!(outputs_of(json!({"rules": [{"t": "null"}]}), json!({"topic": 1})), [0]);
    assert_eq!(outputs_of(json!({"property": "a.b.c", "rules": [{"t": "null"}]}), json!({})), [0]);
}

#[test]
fn types_are_told_apart() {
    let kinds = ["string", "number", "boolean", "array", "buffer", "object", "json", "null", "undefined"];
    let rules: Vec<Json> = kinds.iter().map(|kind| json!({"t": "istype", "v": kind, "vt": kind})).collect();
    for (payload, expected) in [
        (json!("Hello"), &["string"][..]),
        (json!("{\"a\": 1}"), &["string", "json"]),
        (json!("{\"a\": 1"), &["string"]),
        (json!(0), &["number", "json"]),
        (json!(true), &["boolean", "json"]),
        (json!([1, 2]), &["array"]),
        (json!({"a": 1}), &["object"]),
        (json!({"type": "Buffer", "data": [255]}), &["buffer"]),
        (json!(null), &["json", "null"]),
    ] {
        let found: Vec<&str> = outputs(json!(rules), payload.clone()).iter().map(|at| kinds[*at]).collect();
        assert_eq!(found, expected, "{payload}");
    }
    assert_eq!(outputs_of(json!({"rules": rules}), json!({"topic": 1})), [8]);
    // The type alone, as older flows have it.
    assert!(matches(json!({"t": "istype", "v": "number"}), json!(5)));
}

#[test]
fn keys_are_own_properties() {
    let has = |v: Json, payload: Json| matches(json!({"t": "hask", "v": v, "vt": "str"}), payload);
    assert!(has(json!("a"), json!({"a": null})));
    assert!(!has(json!("b"), json!({"a": null})));
    assert!(has(json!("1"), json!([5, 6])));
    assert!(!has(json!("01"), json!([5, 6])));
    assert!(!has(json!("2"), json!([5, 6])));
    assert!(has(json!("length"), json!("text")));
    assert!(!has(json!("a"), json!(null)));
    let by = |key: Json| {
        let rules = json!([{"t": "hask", "v": "key", "vt": "msg"}]);
        outputs_of(json!({"rules": rules}), json!({"payload": {"1": 1, "[object Object]": 1}, "key": key}))
    };
    assert_eq!(by(json!(1)), [0]);
    assert!(by(json!({})).is_empty());
}

#[test]
fn otherwise_is_what_no_rule_before_it_took() {
    let rules = json!([{"t": "eq", "v": "a"}, {"t": "else"}, {"t": "eq", "v": "b"}, {"t": "else"}]);
    assert_eq!(outputs(rules.clone(), json!("a")), [0, 3]);
    assert_eq!(outputs(rules.clone(), json!("b")), [1, 2]);
    assert_eq!(outputs(rules.clone(), json!("c")), [1]);
    let first = json!({"rules": rules, "checkall": "false"});
    assert_eq!(outputs_of(first, json!({"payload": "b"})), [1]);
    // Only the text "false" stops: Node-RED takes the boolean for true.
    let all = json!({"rules": [{"t": "nnull"}, {"t": "nnull"}], "checkall": false});
    assert_eq!(outputs_of(all, json!({"payload": "b"})), [0, 1]);
}

#[test]
fn values_come_from_everywhere() {
    let mut host = MemoryHost::default();
    host.set_context(Scope::Flow, "limit", json!({"max": 5}));
    host.set_context(Scope::Global, "limit", json!(7));
    host.env.insert("SITE".to_string(), Value::str("hcmc"));
    let rules = json!([
        {"t": "gt", "v": "limit.max", "vt": "flow"},
        {"t": "gt", "v": "limit", "vt": "global"},
        {"t": "gt", "v": "limits[msg.topic]", "vt": "msg"},
        {"t": "eq", "v": "SITE", "vt": "env"},
        {"t": "gt", "v": "no.such.thing", "vt": "msg"}
    ]);
    let mut rig = Rig::with_host("switch", json!({"rules": rules}), host).unwrap();
    rig.send(json!({"payload": 6, "topic": "a", "limits": {"a": 2}}));
    let hit: Vec<u16> = (0..5).filter(|port| !rig.sent(*port).is_empty()).collect();
    assert_eq!(hit, [0, 2]);
}

#[test]
fn the_previous_value_starts_as_null() {
    let mut rig = Rig::new("switch", json!({"rules": [{"t": "gt", "v": "", "vt": "prev"}]}));
    for n in [1, 0, -2, 2] {
        rig.send(json!({"payload": n}));
    }
    assert_eq!(rig.sent(0), [json!({"payload": 1}), json!({"payload": 2})]);

    let rules = json!([{"t": "btwn", "v": "10", "vt": "num", "v2": "", "v2t": "prev"}]);
    let mut rig = Rig::new("switch", json!({"rules": rules}));
    for n in [0, 20, 30, 20, 30, 25] {
        rig.send(json!({"payload": n}));
    }
    assert_eq!(rig.sent(0), [json!({"payload": 0}), json!({"payload": 20}), json!({"payload": 25})]);
}

#[cfg(feature = "jsonata")]
#[test]
fn a_wrong_expression_warns_as_property_and_is_an_error_as_value() {
    let mut rig = Rig::new(
        "switch",
        json!({"property": "$nope(payload)", "propertyType": "jsonata", "rules": [{"t": "nnull"}]}),
    );
    rig.send(json!({"payload": 1}));
    assert!(rig.host.errors.is_empty());
    assert!(rig.host.logs[0].1.contains("`$nope(payload)`"), "{:?}", rig.host.logs);

    let mut rig = Rig::new(
        "switch",
        json!({"rules": [{"t": "eq", "v": "$nope(payload)", "vt": "jsonata"}, {"t": "else"}]}),
    );
    rig.send(json!({"payload": 1}));
    assert!(rig.sent_any(&[0, 1]).is_empty());
    assert!(rig.host.errors[0].0.message().starts_with("Invalid JSONata expression: "));
    assert!(rig.host.errors[0].1.is_some());
}

#[test]
fn wrong_configuration_is_refused() {
    for (config, pointer) in [
        (json!({"rules": [{"t": "eq", "v": 1}, {"t": "nope"}]}), "/rules/1/t: "),
        (json!({"rules": [{"t": "regex", "v": "a("}]}), "/rules/0/v: "),
        (json!({"rules": [{"t": "btwn", "v": 1, "v2": "$(", "v2t": "jsonata"}]}), "/rules/0/v2: "),
        (json!({"rules": [], "property": "a..b"}), "/property: "),
    ] {
        let error = Rig::try_new("switch", config).err().unwrap().to_string();
        assert!(error.starts_with(pointer), "{error}");
    }
    let mut rig = Rig::new("switch", json!({}));
    rig.send(json!({"payload": 1}));
    assert!(rig.host.errors.is_empty());
}

#[test]
fn a_pattern_from_a_message_fails_that_message() {
    let mut rig = Rig::new("switch", json!({"rules": [{"t": "regex", "v": "pattern", "vt": "msg"}]}));
    rig.send(json!({"payload": "a", "pattern": "a("}));
    rig.send(json!({"payload": "a", "pattern": "A?"}));
    rig.send(json!({"payload": "a", "pattern": "b"}));
    assert_eq!((rig.host.errors.len(), rig.sent(0).len()), (1, 1));
}

fn sequence(rig: &mut Rig, payloads: &[Json]) {
    for (index, payload) in payloads.iter().enumerate() {
        let parts = json!({"id": 222, "index": index, "count": payloads.len()});
        rig.send(json!({"payload": payload, "parts": parts}));
    }
}

fn payloads(rig: &Rig, port: u16) -> Vec<Json> {
    rig.sent(port).into_iter().map(|msg| msg["payload"].clone()).collect()
}

fn numbers(count: i32) -> Vec<Json> {
    (0..count).map(Json::from).collect()
}

#[test]
fn head_tail_and_index_select_from_a_sequence() {
    for (rule, repair, expected) in [
        (json!({"t": "head", "v": 3}), false, [0, 1, 2]),
        (json!({"t": "head", "v": "3", "vt": "str"}), true, [0, 1, 2]),
        (json!({"t": "tail", "v": 3}), false, [2, 3, 4]),
        (json!({"t": "tail", "v": 3}), true, [2, 3, 4]),
        (json!({"t": "index", "v": 1, "v2": 3}), false, [1, 2, 3]),
        (json!({"t": "index", "v": 1, "v2": 3}), true, [1, 2, 3]),
    ] {
        let mut rig = Rig::new("switch", json!({"rules": [rule], "repair": repair}));
        sequence(&mut rig, &numbers(5));
        let sent = rig.sent(0);
        assert_eq!(payloads(&rig, 0), expected, "{rule} {repair}");
        for (at, msg) in sent.iter().enumerate() {
            let parts = &msg["parts"];
            if repair {
                assert_eq!((&parts["index"], &parts["count"]), (&json!(at), &json!(3)));
                assert_eq!(parts["id"], sent[0]["parts"]["id"]);
                assert_ne!(parts["id"], 222);
            } else {
                assert_eq!((&parts["index"], &parts["id"]), (&msg["payload"], &json!(222)));
            }
        }
        drop(rig.take());
        assert_eq!(rig.settled().len(), 5);
        assert!(rig.settled().iter().all(|(_, outcome)| *outcome == Outcome::Done));
    }
}

#[cfg(feature = "jsonata")]
#[test]
fn expressions_select_from_a_sequence() {
    for (rule, repair, expected) in [
        (json!({"t": "head", "v": "1+4/2", "vt": "jsonata"}), true, [0, 1, 2]),
        (json!({"t": "jsonata_exp", "v": "$I > 0 and $I < $N - 1", "vt": "jsonata"}), true, [1, 2, 3]),
        (json!({"t": "jsonata_exp", "v": "$I > 0 and $I < $N - 1", "vt": "jsonata"}), false, [1, 2, 3]),
    ] {
        let mut rig = Rig::new("switch", json!({"rules": [rule], "repair": repair}));
        sequence(&mut rig, &numbers(5));
        assert_eq!(payloads(&rig, 0), expected, "{rule} {repair}");
    }
}

#[test]
fn each_output_gets_a_sequence_of_its_own() {
    let rules = json!([{"t": "gte", "v": 0}, {"t": "lte", "v": 0}, {"t": "else"}]);
    let mut rig = Rig::new("switch", json!({"rules": rules, "repair": true, "checkall": "true"}));
    sequence(&mut rig, &[json!(1), json!(-2), json!(2), json!(0), json!(-1)]);
    assert_eq!(payloads(&rig, 0), [1, 2, 0]);
    assert_eq!(payloads(&rig, 1), [-2, 0, -1]);
    assert!(rig.sent(2).is_empty());
    let indexes: Vec<Json> = rig.sent(1).iter().map(|msg| msg["parts"]["index"].clone()).collect();
    assert_eq!(indexes, [0, 1, 2]);
    assert_ne!(rig.sent(0)[0]["parts"]["id"], rig.sent(1)[0]["parts"]["id"]);
}

#[test]
fn an_unfinished_sequence_waits_and_is_undelivered_when_the_node_goes() {
    let mut rig = Rig::new("switch", json!({"rules": [{"t": "tail", "v": 1}]}));
    rig.send(json!({"payload": 1, "parts": {"id": "a", "index": 0, "count": 2}}));
    rig.send(json!({"payload": 2, "parts": {"id": "b", "index": 0, "count": 2}}));
    // What is in no sequence does not wait, and cannot be the tail of one.
    rig.send(json!({"payload": 3}));
    assert_eq!(rig.host.errors.len(), 1);
    rig.host.errors.clear();
    rig.send(json!({"payload": 4, "parts": {"id": "b", "index": 1}}));
    assert_eq!(payloads(&rig, 0), [4]);
    drop(rig.take());
    let settled = |rig: &Rig| {
        let mut settled = rig.settled();
        settled.sort_by_key(|(number, _)| *number);
        settled
    };
    assert_eq!(settled(&rig), [(2, Outcome::Done), (3, Outcome::Done), (4, Outcome::Done)]);
}

#[test]
fn too_many_waiting_messages_are_given_up() {
    let mut host = MemoryHost::default();
    host.settings.node_message_buffer_max_length = 2;
    let mut rig = Rig::with_host("switch", json!({"rules": [{"t": "tail", "v": 2}]}), host).unwrap();
    for index in [2, 1, 3, 0] {
        rig.send(json!({"payload": index, "parts": {"id": 222, "index": index, "count": 4}}));
    }
    let errors: Vec<&str> = rig.host.errors.iter().map(|(error, _)| error.message()).collect();
    assert_eq!(errors, ["too many pending messages in switch node"]);
    assert!(rig.sent(0).is_empty());
    assert_eq!(rig.settled(), [(1, Outcome::Undelivered), (2, Outcome::Undelivered)]);
}

#[cfg(feature = "jsonata")]
#[test]
fn a_message_of_a_sequence_that_fails_does_not_stop_the_others() {
    let rules = json!([{"t": "eq", "v": "$number(payload)", "vt": "jsonata"}]);
    let mut rig = Rig::new("switch", json!({"rules": rules, "repair": true}));
    sequence(&mut rig, &[json!(1), json!("x"), json!(3)]);
    assert_eq!(rig.host.errors.len(), 1);
    assert_eq!(payloads(&rig, 0), [1, 3]);
    assert_eq!(rig.sent(0)[1]["parts"]["count"], 2);
}

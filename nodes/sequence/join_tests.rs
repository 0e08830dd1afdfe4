use serde_json::{Value as Json, json};

use crate::message::Outcome;
use crate::testing::{MemoryHost, Rig};

fn part(payload: Json, index: usize, count: usize) -> Json {
    json!({"payload": payload, "parts": {"id": 7, "type": "array", "index": index, "count": count}})
}

fn payloads(rig: &Rig) -> Vec<Json> {
    rig.sent(0).iter().map(|m| m["payload"].clone()).collect()
}

fn all_done(rig: &mut Rig, count: usize) {
    rig.take();
    let settled = rig.settled();
    assert_eq!(settled.len(), count);
    assert!(settled.iter().all(|(_, outcome)| *outcome == Outcome::Done), "{settled:?}");
}

#[test]
fn parts_come_back_in_order_and_their_sources_wait_for_the_whole() {
    let mut rig = Rig::new("join", json!({}));
    rig.send(part(json!("b"), 1, 3));
    rig.send(part(json!("c"), 2, 3));
    assert_eq!((rig.sent(0).len(), rig.settled().len(), rig.host.completed.len()), (0, 0, 0));
    rig.send(part(json!("a"), 0, 3));
    assert_eq!(rig.sent(0), [json!({"payload": ["a", "b", "c"]})]);
    assert_eq!(rig.settled(), [], "the whole is still under way");
    assert_eq!(rig.host.completed.len(), 3);
    all_done(&mut rig, 3);
}

#[test]
fn groups_do_not_mix_and_nested_parts_come_back() {
    let mut rig = Rig::new("join", json!({"mode": "auto"}));
    let text = |payload: &str, id: u32| json!({"payload": payload, "parts": {"id": id, "type": "string", "ch": "-", "count": 2, "parts": {"id": "outer"}}});
    for (payload, id) in [("a", 1), ("x", 2), ("b", 1), ("y", 2)] {
        rig.send(text(payload, id));
    }
    assert_eq!(
        rig.sent(0),
        [
            json!({"payload": "a-b", "parts": {"id": "outer"}}),
            json!({"payload": "x-y", "parts": {"id": "outer"}})
        ]
    );
}

#[test]
fn parts_of_several_items_and_repeated_ones_make_one_array() {
    let mut rig = Rig::new("join", json!({}));
    let part = |payload: Json, index: usize| json!({"payload": payload, "parts": {"id": 1, "type": "array", "len": 2, "index": index, "count": 2}});
    rig.send(part(json!([3]), 1));
    rig.send(part(json!([9, 9]), 1));
    rig.send(part(json!([1, 2]), 0));
    assert_eq!(payloads(&rig), [json!([1, 2, 9, 9])]);
    all_done(&mut rig, 3);
}

#[test]
fn objects_join_by_key_and_keys_count_once() {
    let mut rig =
        Rig::new("join", json!({"mode": "custom", "build": "object", "key": "topic", "count": "2"}));
    rig.send(json!({"payload": 1, "topic": "a"}));
    rig.send(json!({"payload": 2, "topic": "a"}));
    rig.send(json!({"payload": 3}));
    assert_eq!(rig.host.logs.len(), 1, "no key: {:?}", rig.host.logs);
    rig.send(json!({"payload": 4, "topic": 5}));
    assert_eq!(rig.sent(0), [json!({"payload": {"a": 2, "5": 4}, "topic": 5})]);
    all_done(&mut rig, 4);
}

#[test]
fn buffers_join_texts_buffers_and_lists_and_nothing_else() {
    let mut rig = Rig::new(
        "join",
        json!({"mode": "custom", "build": "buffer", "count": 3, "joiner": "[0]", "joinerType": "bin"}),
    );
    rig.send(json!({"payload": "a"}));
    rig.send(json!({"payload": 5}));
    assert_eq!(rig.host.errors[0].0.message(), "Cannot join number to buffer");
    rig.send(json!({"payload": {"type": "Buffer", "data": [98]}}));
    rig.send(json!({"payload": [99, 300]}));
    assert_eq!(payloads(&rig), [json!({"type": "Buffer", "data": [97, 0, 98, 0, 99, 44]})]);
}

#[test]
fn whole_messages_and_the_timeout() {
    let mut rig = Rig::new(
        "join",
        json!({"mode": "custom", "build": "array", "propertyType": "full", "timeout": "0.5", "count": ""}),
    );
    rig.send(json!({"a": 1}));
    rig.advance_ms(400);
    rig.send(json!({"b": 2, "restartTimeout": true}));
    rig.advance_ms(400);
    assert_eq!(rig.sent(0).len(), 0);
    rig.advance_ms(100);
    let whole = json!([{"a": 1}, {"b": 2, "restartTimeout": true}]);
    assert_eq!(payloads(&rig), [whole]);
    rig.advance_ms(5000);
    all_done(&mut rig, 2);
}

#[test]
fn it_goes_on_with_an_object_where_it_accumulates() {
    let mut rig =
        Rig::new("join", json!({"mode": "custom", "build": "merged", "count": 2, "accumulate": true}));
    for payload in [json!({"a": 1}), json!({"b": 2}), json!({"a": 3})] {
        rig.send(json!({"payload": payload}));
    }
    assert_eq!(payloads(&rig), [json!({"a": 1, "b": 2}), json!({"a": 3, "b": 2})]);
    rig.send(json!({"payload": {"c": 4}, "complete": true}));
    rig.send(json!({"payload": {"d": 5}}));
    assert_eq!(payloads(&rig)[2..], [json!({"a": 3, "b": 2, "c": 4})]);
    rig.send(json!({"reset": true}));
    all_done(&mut rig, 6);
}

#[test]
fn a_reset_ends_a_group_and_a_stop_loses_it() {
    let mut rig = Rig::new("join", json!({"mode": "custom", "count": 2, "timeout": 1}));
    rig.send(json!({"payload": 1}));
    rig.send(json!({"reset": true}));
    rig.advance_ms(2000);
    assert_eq!((rig.sent(0).len(), rig.host.completed.len()), (0, 2));
    rig.send(json!({"payload": 2}));
    rig.stop();
    assert_eq!(rig.settled()[2], (3, Outcome::Undelivered));
}

#[test]
fn msg_parts_are_used_or_not() {
    let config =
        |useparts: bool| json!({"mode": "custom", "build": "array", "useparts": useparts, "count": ""});
    let mut rig = Rig::new("join", config(true));
    rig.send(json!({"payload": 1, "parts": {"id": 1, "count": 2}}));
    rig.send(json!({"payload": 2, "parts": {"id": 1, "count": 2}}));
    assert_eq!(payloads(&rig), [json!([1, 2])]);
    let mut rig = Rig::new("join", config(false));
    rig.send(json!({"payload": 1, "parts": {"id": 1, "count": 1}}));
    assert_eq!(rig.sent(0).len(), 0);
    rig.send(json!({"complete": true}));
    assert_eq!(payloads(&rig), [json!([1])]);
}

#[test]
fn at_the_hold_limit_the_message_fails_and_the_group_stays() {
    let mut host = MemoryHost::default();
    host.hold_limit(2);
    let mut rig = Rig::with_host("join", json!({}), host).unwrap();
    for index in [0, 1, 2] {
        rig.send(part(json!(index), index, 4));
    }
    assert_eq!(rig.host.errors.len(), 1);
    let mut last = part(json!(9), 1, 4);
    last["complete"] = json!(true);
    rig.send(json!({"reset": true, "parts": {"id": "other"}}));
    rig.host.hold_limit(3);
    rig.send(last);
    assert_eq!(payloads(&rig), [json!([0, 9])]);
}

#[test]
fn an_accumulating_group_has_the_hold_limit_too() {
    let mut host = MemoryHost::default();
    host.settings.hold_limit = 2;
    let config = json!({"mode": "custom", "build": "object", "count": 1, "accumulate": true});
    let mut rig = Rig::with_host("join", config, host).unwrap();
    for (topic, payload) in [("a", 1), ("b", 2), ("c", 3), ("a", 4)] {
        rig.send(json!({"topic": topic, "payload": payload}));
    }
    assert_eq!(rig.host.errors.len(), 1);
    assert_eq!(payloads(&rig).last(), Some(&json!({"a": 4, "b": 2})));
}

#[test]
fn an_index_from_outside_does_not_fill_the_memory() {
    let mut rig = Rig::new("join", json!({}));
    rig.send(part(json!(1), 0, 5));
    rig.send(part(json!(2), 4_000_000_000, 5));
    assert_eq!(rig.host.errors.len(), 1);
    let far = |index: usize, complete: bool| {
        let mut msg = json!({"payload": "x", "parts":
            {"id": 2, "type": "string", "index": index, "ch": "y".repeat(1000)}});
        if complete {
            msg["complete"] = json!(true);
        }
        msg
    };
    rig.send(far(0, false));
    rig.send(far(900_000, true));
    assert_eq!((rig.host.errors.len(), rig.sent(0).len()), (2, 0));
    assert!(rig.host.errors[1].1.is_some(), "the error carries the message");
}

#[test]
fn what_is_wrong_with_a_message_is_said() {
    let mut rig = Rig::new("join", json!({}));
    rig.send(json!({"payload": 1}));
    assert_eq!(rig.host.logs.len(), 1);
    rig.send(json!({"payload": "a", "parts": {"id": 1, "type": "string", "count": 1}}));
    assert!(rig.host.errors[0].0.message().contains("msg.parts.ch"));
    rig.send(part(json!(1), 0, 3));
    rig.send(json!({"payload": 1, "parts": {"id": 7, "type": "object", "key": "a"}}));
    assert!(rig.host.errors[1].0.message().contains("another type"));
    for (config, pointer) in [
        (json!({"mode": "manual"}), "/mode"),
        (json!({"mode": "custom", "joiner": "5", "joinerType": "bin"}), "/joiner"),
        (json!({"mode": "custom", "key": "a b"}), "/key"),
        (json!({"mode": "custom", "timeout": 1e300}), "/timeout"),
    ] {
        let error = Rig::try_new("join", config.clone()).err().unwrap_or_else(|| panic!("{config} is taken"));
        assert!(error.to_string().starts_with(pointer), "{config}: {error}");
    }
}

#[cfg(feature = "jsonata")]
mod reduce {
    use super::*;

    fn rig(extra: Json) -> Rig {
        let mut config = json!({"mode": "reduce", "reduceExp": "$A & payload & $I", "reduceInit": ">", "reduceInitType": "str"});
        for (key, value) in extra.as_object().unwrap() {
            config[key] = value.clone();
        }
        let mut host = MemoryHost::default();
        host.settings.node_message_buffer_max_length = 3;
        Rig::with_host("join", config, host).unwrap()
    }

    fn send(rig: &mut Rig, payload: &str, index: usize, count: usize) {
        rig.send(json!({"payload": payload, "parts": {"id": 1, "index": index, "count": count}}));
    }

    #[test]
    fn messages_are_taken_by_their_index_from_either_end() {
        for (right, expected) in [(false, ">a0b1c2|3"), (true, ">c2b1a0|3")] {
            let mut rig = rig(json!({"reduceRight": right, "reduceFixup": "$A & '|' & $N"}));
            for (payload, index) in [("c", 2), ("a", 0), ("b", 1)] {
                send(&mut rig, payload, index, 3);
            }
            assert_eq!(payloads(&rig), [json!(expected)]);
            assert_eq!(rig.sent(0)[0]["parts"]["index"], if right { 0 } else { 2 });
            all_done(&mut rig, 3);
        }
    }

    #[test]
    fn without_parts_a_message_goes_through() {
        let mut rig = rig(json!({}));
        rig.send(json!({"payload": 1}));
        assert_eq!(rig.sent(0), [json!({"payload": 1})]);
    }

    #[test]
    fn an_error_is_told_by_the_message_that_came_last() {
        let mut rig = rig(json!({"reduceExp": "$unknown()"}));
        send(&mut rig, "a", 1, 2);
        send(&mut rig, "b", 0, 2);
        assert_eq!((rig.sent(0).len(), rig.host.errors.len(), rig.host.completed.len()), (0, 1, 1));
        let told = rig.host.errors[0].1.as_ref().unwrap();
        assert_eq!(told.payload().to_json(), r#""b""#);
    }

    #[test]
    fn too_many_messages_end_all_groups() {
        let mut rig = rig(json!({}));
        for index in 0..4 {
            send(&mut rig, "x", index, 9);
        }
        assert_eq!(rig.host.errors[0].0.message(), "too many pending messages in join node");
        assert_eq!((rig.host.errors.len(), rig.host.completed.len()), (1, 3));
    }

    #[test]
    fn a_wrong_expression_refuses_the_node() {
        for (key, pointer) in [("reduceExp", "/reduceExp"), ("reduceFixup", "/reduceFixup")] {
            let error =
                Rig::try_new("join", json!({"mode": "reduce", "reduceExp": "1", key: "a b"})).err().unwrap();
            assert!(error.to_string().starts_with(pointer), "{error}");
        }
    }
}

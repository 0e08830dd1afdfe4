use serde_json::{Value as Json, json};

use crate::message::Outcome;
use crate::testing::{MemoryHost, Rig};

/// The payloads that were sent, by sequence, in the order in which they came.
fn sequences(rig: &Rig) -> Vec<Vec<Json>> {
    let mut sequences: Vec<Vec<Json>> = Vec::new();
    for msg in rig.sent(0) {
        let parts = &msg["parts"];
        if parts["index"] == 0 {
            sequences.push(Vec::new());
        }
        sequences.last_mut().unwrap().push(msg["payload"].clone());
        assert_eq!(parts["index"], sequences.last().unwrap().len() - 1);
    }
    sequences
}

fn limited(config: Json, limit: usize) -> Rig {
    let mut host = MemoryHost::default();
    host.settings.node_message_buffer_max_length = limit;
    Rig::with_host("batch", config, host).unwrap()
}

#[test]
fn a_number_of_messages_makes_a_sequence() {
    let mut rig = Rig::new("batch", json!({"count": "2"}));
    for n in 0..5 {
        rig.send(json!({"payload": n, "_msgid": format!("m{n}"), "parts": {"type": "kept"}}));
    }
    assert_eq!(sequences(&rig), [vec![json!(0), json!(1)], vec![json!(2), json!(3)]]);
    let parts = json!({"type": "kept", "id": "m2", "index": 1, "count": 2});
    assert_eq!(rig.sent(0)[3]["parts"], parts);
    // Complete nodes see the messages with their new parts.
    assert_eq!(rig.host.completed.len(), 4);
    assert_eq!(rig.host.completed[3].get("parts").unwrap().to_json(), parts.to_string().replace(' ', ""));
    rig.take();
    assert_eq!(rig.settled().len(), 4);
    rig.stop();
    assert_eq!(rig.settled()[4], (5, Outcome::Undelivered));
}

#[test]
fn an_overlap_is_sent_again_and_acknowledged_when_it_leaves() {
    let mut rig = Rig::new("batch", json!({"count": 3, "overlap": 2}));
    for n in 0..4 {
        rig.send(json!({"payload": n}));
    }
    let n = |n: [i64; 3]| n.map(Json::from).to_vec();
    assert_eq!(sequences(&rig), [n([0, 1, 2]), n([1, 2, 3])]);
    assert_eq!(rig.host.completed.len(), 2);
    assert!(rig.host.completed[0].get("parts").is_none(), "copies are sent");
    rig.take();
    assert_eq!(rig.settled(), [(1, Outcome::Done), (2, Outcome::Done)]);
}

#[test]
fn the_end_of_a_sequence_that_comes_in_ends_the_one_that_is_made() {
    let mut rig = Rig::new("batch", json!({"count": 4, "honourParts": true}));
    for n in 0..3 {
        rig.send(json!({"payload": n, "parts": {"index": n, "count": 3}}));
    }
    assert_eq!(sequences(&rig), [vec![json!(0), json!(1), json!(2)]]);
}

#[test]
fn a_reset_ends_what_waits() {
    for config in [
        json!({"count": 2}),
        json!({"mode": "interval", "interval": 1}),
        json!({"mode": "concat", "topics": [{"topic": "a"}]}),
    ] {
        let mut rig = Rig::new("batch", config);
        rig.send(json!({"topic": "a", "payload": 1, "parts": {"id": 1, "index": 0, "count": 2}}));
        rig.send(json!({"reset": true}));
        rig.send(json!({"topic": "a", "payload": 2, "parts": {"id": 1, "index": 1, "count": 2}}));
        rig.advance_ms(900);
        assert_eq!(rig.sent(0).len(), 0);
        assert_eq!(rig.host.completed.len(), 2);
    }
}

#[test]
fn an_interval_starts_anew_after_a_reset() {
    let mut rig = Rig::new("batch", json!({"mode": "interval", "interval": "0.5"}));
    rig.advance_ms(300);
    rig.send(json!({"reset": 1}));
    rig.send(json!({"payload": 1}));
    rig.advance_ms(499);
    assert_eq!(rig.sent(0).len(), 0);
    rig.advance_ms(1);
    assert_eq!(sequences(&rig), [vec![json!(1)]]);
    rig.advance_ms(5000);
    assert_eq!(rig.sent(0).len(), 1, "nothing came, nothing goes");
}

#[test]
fn an_empty_sequence_waits_for_a_credit_and_is_sent_once() {
    let mut rig = Rig::new("batch", json!({"mode": "interval", "interval": 1, "allowEmptySequence": true}));
    rig.host.credits = 0;
    rig.advance_ms(3000);
    assert_eq!(rig.sent(0).len(), 0);
    rig.resume(usize::MAX);
    assert_eq!(sequences(&rig), [vec![Json::Null]]);
    rig.advance_ms(1000);
    assert_eq!(rig.sent(0).len(), 2);
}

#[test]
fn sequences_of_topics_are_put_together_in_their_order() {
    let mut rig = Rig::new(
        "batch",
        json!({"mode": "concat", "topics": [{"topic": "a"}, {"topic": "b"}, {"topic": "a"}]}),
    );
    let send = |rig: &mut Rig, topic: &str, payload: i64, index: i64| {
        rig.send(
            json!({"topic": topic, "payload": payload, "parts": {"id": topic, "index": index, "count": 2}}),
        );
    };
    send(&mut rig, "b", 3, 0);
    send(&mut rig, "a", 1, 0);
    send(&mut rig, "b", 4, 1);
    send(&mut rig, "c", 9, 0);
    send(&mut rig, "a", 2, 1);
    assert_eq!(sequences(&rig), [[1, 2, 3, 4, 1, 2].map(Json::from).to_vec()]);
    assert_eq!(rig.host.completed.len(), 4);
    rig.take();
    assert_eq!(rig.settled().len(), 5);
    rig.send(json!({"topic": "a"}));
    assert_eq!(rig.host.errors[0].0.message(), "no parts property in message");
}

#[test]
fn too_many_messages_end_what_waits() {
    for config in [json!({"count": 9}), json!({"mode": "interval", "interval": 1})] {
        let mut rig = limited(config, 2);
        for n in 0..3 {
            rig.send(json!({"payload": n}));
        }
        assert_eq!(rig.host.errors[0].0.message(), "too many pending messages in batch node");
        assert_eq!(rig.host.errors[0].1.as_ref().unwrap().payload().to_json(), "2");
        assert_eq!((rig.host.errors.len(), rig.host.completed.len()), (1, 2));
    }
}

#[test]
fn too_many_messages_of_topics_all_fail_and_go_if_they_are_complete() {
    let mut rig = limited(json!({"mode": "concat", "topics": [{"topic": "a"}]}), 2);
    for n in 0..3 {
        rig.send(json!({"topic": "a", "payload": n, "parts": {"id": 1, "index": n, "count": 3}}));
    }
    assert_eq!((rig.host.errors.len(), rig.sent(0).len()), (3, 3));
    rig.take();
    rig.host.errors.clear();
    assert_eq!(rig.settled().len(), 3);
}

#[test]
fn at_the_hold_limit_a_message_fails_and_the_others_stay() {
    let mut host = MemoryHost::default();
    host.hold_limit(1);
    let mut rig = Rig::with_host("batch", json!({"count": 2}), host).unwrap();
    rig.send(json!({"payload": 1}));
    rig.send(json!({"payload": 2}));
    assert_eq!(rig.host.errors.len(), 1);
    rig.host.hold_limit(2);
    rig.send(json!({"payload": 3}));
    assert_eq!(sequences(&rig), [vec![json!(1), json!(3)]]);
}

#[test]
fn wrong_configuration_names_its_property() {
    for (config, pointer) in [
        (json!({"count": 2, "overlap": 2}), "/overlap"),
        (json!({"count": 1.5}), "/count"),
        (json!({"count": "many"}), "/count"),
        (json!({"mode": "interval", "interval": 0}), "/interval"),
        (json!({"mode": "interval", "interval": -1}), "/interval"),
        (json!({"mode": "time"}), "/mode"),
    ] {
        let error =
            Rig::try_new("batch", config.clone()).err().unwrap_or_else(|| panic!("{config} is taken"));
        assert!(error.to_string().starts_with(pointer), "{config}: {error}");
    }
}

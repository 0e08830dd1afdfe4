use serde_json::json;

use super::*;
use crate::testing::Rig;

fn passed(config: Json, payloads: &[Json]) -> Vec<Json> {
    let mut rig = Rig::new("rbe", config);
    for payload in payloads {
        rig.send(json!({"payload": payload}));
    }
    rig.sent(0).into_iter().map(|msg| msg["payload"].clone()).collect()
}

#[test]
fn only_changes_pass() {
    let payloads = [
        json!("a"),
        json!("a"),
        json!(2),
        json!(2),
        json!("2"),
        json!({"b": 1, "c": 2}),
        json!({"c": 2, "b": 1}),
        json!([1]),
        json!([1]),
        json!(true),
        json!(false),
        json!(null),
        json!(null),
    ];
    let expected = [
        json!("a"),
        json!(2),
        json!("2"),
        json!({"b": 1, "c": 2}),
        json!([1]),
        json!(true),
        json!(false),
        json!(null),
    ];
    assert_eq!(passed(json!({"func": "rbe", "gap": ""}), &payloads), expected);
    assert_eq!(passed(json!({"func": "rbei"}), &payloads), expected[1..]);
}

#[test]
fn the_first_object_is_compared_with_an_empty_one() {
    assert_eq!(passed(json!({}), &[json!({}), json!({"a": 1}), json!({})]), [json!({"a": 1}), json!({})]);
    // Also behind a value that was none: it is then the one to compare with.
    assert_eq!(passed(json!({}), &[json!(1), json!({}), json!(1)]), [json!(1), json!(1)]);
    assert_eq!(passed(json!({}), &[json!([]), json!(null)]), [json!([]), json!(null)]);
}

#[test]
fn topics_are_told_apart() {
    let send = |config: Json| {
        let mut rig = Rig::new("rbe", config);
        for topic in ["a", "b", "b", "a", "c"] {
            rig.send(json!({"topic": topic, "payload": 1}));
        }
        rig.sent(0).len()
    };
    assert_eq!(send(json!({})), 3);
    assert_eq!(send(json!({"septopics": false})), 1);
    assert_eq!(send(json!({"topi": "place"})), 1);
    assert_eq!(send(json!({"property": "topic", "septopics": false})), 4);
}

#[test]
fn reset_forgets_one_topic_or_all() {
    let mut rig = Rig::new("rbe", json!({}));
    for msg in [
        json!({"topic": "a", "payload": "a"}),
        json!({"topic": "b", "payload": "b"}),
        json!({"reset": true}),
        json!({"topic": "a", "payload": "a"}),
        json!({"topic": "b", "payload": "b"}),
        json!({"topic": "b", "reset": ""}),
        json!({"topic": "b", "payload": "b"}),
        json!({"topic": "a", "payload": "a"}),
        json!({"topic": "a", "payload": "a", "reset": true}),
    ] {
        rig.send(msg);
    }
    let topics: Vec<Json> = rig.sent(0).iter().map(|msg| msg["topic"].clone()).collect();
    assert_eq!(topics, ["a", "b", "a", "b", "b", "a"]);
}

#[test]
fn bands() {
    let n = |numbers: &[i32]| numbers.iter().map(|n| json!(n)).collect::<Vec<_>>();
    for (config, payloads, expected) in [
        (json!({"func": "deadbandEq", "gap": "10"}), n(&[0, 2, 4, 6, 8, 10, 15, 20]), n(&[0, 10, 20])),
        (json!({"func": "deadband", "gap": "10"}), n(&[0, 10, 20, 5, 15]), n(&[0, 20, 5])),
        (json!({"func": "deadband", "gap": "10%"}), n(&[100, 95, 105, 111, 120, 135]), n(&[100, 111, 135])),
        (json!({"func": "deadband", "gap": "5", "inout": "in"}), n(&[0, 4, 8, 14, 18]), n(&[0, 14])),
        (
            json!({"func": "narrowbandEq", "gap": "10", "start": "1"}),
            n(&[100, 0, 10, 5, 15, 10, 20, 25]),
            n(&[0, 5, 10]),
        ),
        (json!({"func": "narrowband", "gap": "10"}), n(&[0, 20, 40, 6, 18, 20, 50, 5]), n(&[0, 6, 5])),
        (json!({"func": "narrowband"}), n(&[1, 1, 0, 1]), n(&[1, 1, 1])),
        (
            json!({"func": "narrowband", "gap": "10", "inout": "in", "start": "500"}),
            n(&[50, 55, 200, 205]),
            n(&[55, 205]),
        ),
    ] {
        let found = passed(config.clone(), &payloads);
        assert_eq!(found, expected, "{config}");
    }
    let texts = [json!("6 deg"), json!("5 deg"), json!("20 deg")];
    assert_eq!(passed(json!({"func": "deadband", "gap": 10}), &texts), [json!("6 deg"), json!("20 deg")]);
}

#[test]
fn what_is_no_number_is_warned_of() {
    let mut rig = Rig::new("rbe", json!({"func": "deadbandEq", "gap": "10"}));
    rig.send(json!({"payload": "banana"}));
    rig.send(json!({"topic": "without a payload"}));
    assert_eq!(rig.host.logs.len(), 1);
    assert_eq!(rig.host.logs[0].1, "no number found in payload");
    assert_eq!(rig.settled().len(), 2);
}

#[test]
fn wrong_configuration_is_refused() {
    for (config, pointer) in [
        (json!({"func": "deadband", "gap": "x"}), "/gap: "),
        (json!({"func": "narrowband", "start": "x"}), "/start: "),
        (json!({"func": "x"}), "/func: "),
        (json!({"property": "a b"}), "/property: "),
    ] {
        let error = Rig::try_new("rbe", config).err().unwrap().to_string();
        assert!(error.starts_with(pointer), "{error}");
    }
}

#[test]
fn names_from_outside_do_not_fill_the_memory() {
    let mut rig = Rig::new("rbe", json!({}));
    for n in 0..MOST_TOPICS + 1 {
        rig.send(json!({"topic": n.to_string(), "payload": 1}));
        drop(rig.take());
        rig.host.completed.clear();
    }
    assert_eq!(rig.host.logs.len(), 1, "{:?}", rig.host.logs);
    rig.send(json!({"topic": "0", "payload": 1}));
    assert_eq!(rig.sent(0).len(), 1);
}

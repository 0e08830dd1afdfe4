use serde_json::{Value as Json, json};

use super::*;
use crate::testing::{Rig, assert_refused};

fn badge(status: &Status) -> Json {
    serde_json::to_value(status.to_object()).unwrap()
}

fn badges(rig: &Rig) -> Vec<Json> {
    rig.host.statuses.iter().map(badge).collect()
}

fn shown(config: Json, msg: Json) -> DebugRecord {
    let mut rig = Rig::new("debug", config);
    rig.send(msg);
    assert_eq!(rig.host.debugs.len(), 1);
    rig.host.debugs.remove(0)
}

#[test]
fn what_it_shows() {
    let msg = json!({"_msgid": "id", "topic": "t", "payload": {"a": [1, 2]}, "foo": {"bar": "b"}});
    for (config, property, value) in [
        (json!({}), "payload", Some(json!({"a": [1, 2]}))),
        (json!({"complete": "false"}), "payload", Some(json!({"a": [1, 2]}))),
        (json!({"complete": "foo.bar", "targetType": "msg"}), "foo.bar", Some(json!("b"))),
        (json!({"complete": "none.x"}), "none.x", None),
        (json!({"complete": "true", "targetType": "full"}), "", Some(msg.clone())),
        (json!({"complete": true}), "", Some(msg.clone())),
    ] {
        let record = shown(config.clone(), msg.clone());
        let got = record.value.map(|value| serde_json::to_value(value).unwrap());
        assert_eq!((&*record.property, got), (property, value), "{config}");
        assert_eq!((record.topic.as_deref(), record.message_id.as_deref()), (Some("t"), Some("id")));
        assert_eq!((record.to_sidebar, record.to_console), (true, false));
    }
}

#[test]
fn the_switch_stops_the_panel_but_not_the_log() {
    let mut rig = Rig::new("debug", json!({"active": false}));
    rig.send(json!({"payload": 1}));
    assert_eq!(rig.host.debugs.len(), 0);
    assert_eq!(rig.host.completed.len(), 1);
    rig.action(Action::Activate(true));
    rig.send(json!({"payload": 2}));
    assert_eq!(rig.host.debugs.len(), 1);

    let mut rig = Rig::new("debug", json!({"active": null, "console": "true", "tosidebar": false}));
    rig.action(Action::Activate(false));
    rig.send(json!({"payload": 1}));
    let record = &rig.host.debugs[0];
    assert_eq!((record.to_sidebar, record.to_console), (false, true));
}

#[test]
fn long_values_are_cut_for_the_panel() {
    let record = shown(json!({}), json!({"payload": "x".repeat(1001)}));
    assert_eq!(record.value, Some(Value::from("x".repeat(1000) + "...")));
}

#[test]
fn a_badge_of_its_own() {
    let config = json!({"tostatus": true, "tosidebar": false, "complete": "payload", "statusType": "auto"});
    let mut rig = Rig::new("debug", config);
    for payload in [json!("shown"), json!(42), json!({"k": 1}), json!({"k": 1}), json!("y".repeat(40))] {
        rig.send(json!({"payload": payload}));
    }
    rig.send(json!({"payload": {"fill": "green", "shape": "ring", "text": 5}}));
    rig.send(json!({"payload": 1, "error": {"message": "broken"}}));
    rig.send(json!({"payload": 1, "status": {"text": "up", "source": {"id": "other"}}}));
    rig.send(json!({"payload": 1, "status": {"text": "own", "source": {"id": "node"}}}));
    rig.send(json!({}));
    rig.close();
    let dot = |fill: &str, text: Json| json!({"fill": fill, "shape": "dot", "text": text});
    let expected = [
        json!({"fill": "grey", "shape": "ring"}),
        json!({"fill": "", "shape": "", "text": ""}),
        dot("grey", json!("shown")),
        dot("grey", json!("42")),
        dot("grey", json!("{ k: 1 }")),
        dot("grey", json!("y".repeat(32) + "...")),
        json!({"fill": "green", "shape": "ring", "text": 5}),
        dot("red", json!("broken")),
        json!({"fill": "grey", "shape": "ring", "text": "up"}),
        dot("grey", json!("undefined")),
        json!({}),
    ];
    assert_eq!(badges(&rig), expected);
    assert_eq!(rig.host.completed.len(), 10);
}

#[test]
fn a_badge_of_another_property() {
    let config = json!({"tostatus": true, "complete": "true", "statusVal": "foo", "statusType": "msg"});
    let mut rig = Rig::new("debug", config);
    rig.send(json!({"payload": 1, "foo": "bar", "error": {"message": "not shown"}}));
    assert_eq!(badges(&rig)[2], json!({"fill": "grey", "shape": "dot", "text": "bar"}));
}

#[test]
fn a_count_is_shown_when_messages_pause() {
    let mut rig = Rig::new("debug", json!({"tostatus": true, "statusType": "counter", "statusVal": "x"}));
    rig.send(json!({}));
    rig.advance_ms(50);
    rig.send(json!({}));
    rig.advance_ms(199);
    assert_eq!(rig.host.statuses.len(), 2);
    rig.advance_ms(1);
    rig.send(json!({}));
    let counts: Vec<Json> = badges(&rig)[1..].iter().map(|status| status["text"].clone()).collect();
    assert_eq!(counts, [json!(0), json!(2), json!(3)]);
}

#[test]
fn wrong_configuration_says_where() {
    for (config, pointer) in [
        (json!({"complete": "a b"}), "/complete"),
        (json!({"tostatus": true, "statusType": "msg", "statusVal": "["}), "/statusVal"),
    ] {
        assert_refused(Rig::try_new("debug", config), pointer);
    }
}

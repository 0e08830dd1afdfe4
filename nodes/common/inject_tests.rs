use serde_json::json;

use super::*;
use crate::host::{Level, Scope};
use crate::testing::{MemoryHost, Rig, assert_refused};

fn press(rig: &mut Rig, msg: Json) {
    let Value::Object(msg) = Value::from(&msg) else { panic!("a message is an object") };
    rig.action(Action::Inject(msg));
}

#[test]
fn the_button_sends_properties_in_order() {
    let mut host = MemoryHost::default();
    host.set_context(Scope::Flow, "limit", json!(7));
    host.env.insert("SITE".into(), Value::str("hcmc"));
    let props = json!([
        {"p": "payload", "v": "{\"a\":1}", "vt": "json"},
        {"p": "topic", "v": "T", "vt": "str"},
        {"p": "deep.er", "v": "payload.a", "vt": "msg"},
        {"p": "num", "v": "4.5", "vt": "num"},
        {"p": "flag", "v": "false", "vt": "bool"},
        {"p": "limit", "v": "limit", "vt": "flow"},
        {"p": "gone", "v": "none", "vt": "flow"},
        {"p": "site", "v": "SITE", "vt": "env"},
        {"p": "", "v": "x", "vt": "str"}
    ]);
    let mut rig = Rig::with_host("inject", json!({"props": props}), host).unwrap();
    press(&mut rig, json!({}));
    press(&mut rig, json!({"kept": 1, "topic": "lost"}));
    let expected = json!({"payload": {"a": 1}, "topic": "T", "deep": {"er": 1}, "num": 4.5, "flag": false, "limit": 7,
        "site": "hcmc"});
    assert_eq!(rig.sent(0)[0], expected);
    assert_eq!((&rig.sent(0)[1]["kept"], &rig.sent(0)[1]["topic"]), (&json!(1), &json!("T")));
    let sent = rig.take();
    let ids: Vec<_> = sent.iter().map(|s| s.message.get("_msgid").and_then(Value::as_str).unwrap()).collect();
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn old_forms_of_the_configuration() {
    let mut rig = Rig::new("inject", json!({"topic": "t", "payload": 10, "payloadType": "num"}));
    press(&mut rig, json!({}));
    assert_eq!(rig.sent(0), [json!({"payload": 10, "topic": "t"})]);

    let props = json!([{"p": "topic", "vt": "str"}, {"p": "payload"}]);
    let config =
        json!({"props": props, "topic": "foo", "payload": "123", "payloadType": "num", "repeat": ""});
    let mut rig = Rig::new("inject", config);
    press(&mut rig, json!({}));
    assert_eq!(rig.sent(0), [json!({"topic": "foo", "payload": 123})]);
}

#[test]
fn a_press_can_bring_properties_of_its_own() {
    let mut rig = Rig::new("inject", json!({"payload": "static", "payloadType": "str"}));
    press(
        &mut rig,
        json!({"__user_inject_props__": [{"p": "topic", "v": "t", "vt": "str"}, {"p": "n", "v": "1", "vt": "num"}]}),
    );
    assert_eq!(rig.sent(0), [json!({"topic": "t", "n": 1})]);
    press(&mut rig, json!({"__user_inject_props__": [{"p": "a b", "v": 1}, 5]}));
    assert_eq!((rig.sent(0).len(), rig.host.errors.len()), (1, 1));
}

#[test]
fn a_value_that_cannot_be_parsed_is_an_error_for_every_message() {
    let props = json!([{"p": "topic", "v": "t", "vt": "str"}, {"p": "payload", "v": "{", "vt": "json"}]);
    let mut rig = Rig::new("inject", json!({"props": props}));
    press(&mut rig, json!({}));
    press(&mut rig, json!({}));
    assert_eq!((rig.sent(0).len(), rig.host.errors.len()), (0, 2));
    let (error, message) = &rig.host.errors[0];
    assert!(error.message().contains("not JSON"), "{error}");
    assert_eq!(message.as_ref().unwrap().topic(), Some("t"));
}

#[test]
fn once_then_at_an_interval() {
    let config =
        json!({"payload": "", "payloadType": "date", "once": "true", "onceDelay": "0.5", "repeat": "0.2"});
    let mut rig = Rig::new("inject", config);
    rig.advance_ms(499);
    assert_eq!(rig.sent(0).len(), 0);
    rig.advance_ms(501);
    let start = rig.host.epoch_ms;
    let times: Vec<i64> = rig.sent(0).iter().map(|m| m["payload"].as_i64().unwrap() - start).collect();
    assert_eq!(times, [500, 700, 900]);
}

#[test]
fn by_the_wall_clock() {
    let mut host = MemoryHost::default();
    host.epoch_ms = 1_700_000_000_250;
    let config = json!({"payload": "", "payloadType": "date", "crontab": "*/10 * * * * *"});
    let mut rig = Rig::with_host("inject", config, host).unwrap();
    rig.advance_ms(25_000);
    let times: Vec<i64> = rig.sent(0).iter().map(|m| m["payload"].as_i64().unwrap() % 60_000).collect();
    assert_eq!(times, [30_000, 40_000]);
}

#[test]
fn without_a_credit_a_tick_is_late_and_the_others_are_counted() {
    let mut rig = Rig::new("inject", json!({"payload": "x", "repeat": 1}));
    rig.advance_ms(1000);
    rig.host.credits = 0;
    rig.advance_ms(5000);
    assert_eq!(rig.sent(0).len(), 1);
    rig.resume(10);
    assert_eq!(rig.sent(0).len(), 2);
    assert_eq!(rig.host.logs, [(Level::Warn, "4 ticks skipped: the flow behind was busy".into())]);
    rig.advance_ms(1000);
    assert_eq!(rig.sent(0).len(), 3);
    assert!(rig.take().iter().all(|sent| sent.message.token.has_credit()));
}

#[test]
fn presses_wait_for_a_credit_in_order() {
    let mut rig = Rig::new("inject", json!({"props": []}));
    rig.host.credits = 0;
    press(&mut rig, json!({"n": 1}));
    press(&mut rig, json!({"n": 2}));
    press(&mut rig, json!({"n": 3}));
    rig.resume(2);
    assert_eq!(rig.sent(0), [json!({"n": 1}), json!({"n": 2})]);
    rig.resume(2);
    assert_eq!(rig.sent(0).len(), 3);
}

#[test]
fn a_message_by_a_wire_keeps_its_token() {
    let mut rig = Rig::new("inject", json!({"payload": "x"}));
    rig.send(json!({"kept": true}));
    assert_eq!(rig.settled().len(), 0);
    assert_eq!(rig.sent(0), [json!({"kept": true, "payload": "x", "topic": ""})]);
    rig.take();
    assert_eq!(rig.settled().len(), 1);
}

#[test]
fn wrong_configuration_says_where() {
    for (config, pointer) in [
        (json!({"crontab": "61 * * * *"}), "/crontab"),
        (json!({"repeat": "soon"}), "/repeat"),
        (json!({"props": [{"p": "payload", "v": "x"}, {"p": "a b", "v": 1}]}), "/props/1/p"),
    ] {
        assert_refused(Rig::try_new("inject", config), pointer);
    }
    let mut rig = Rig::new("inject", json!({"repeat": 3e6}));
    rig.advance(Duration::from_secs(3_000_001));
    assert_eq!((rig.sent(0).len(), rig.host.errors.len()), (0, 1));
}

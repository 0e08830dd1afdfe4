use serde_json::{Value as Json, json};

use crate::host::{Level, Scope};
use crate::message::Outcome;
use crate::testing::{MemoryHost, Rig, assert_refused};

fn rig(config: Json) -> Rig {
    let mut host = MemoryHost::default();
    host.set_context(Scope::Flow, "a", json!("from flow"));
    host.env.insert("SITE".into(), "hcmc".into());
    Rig::with_host("trigger", config, host).unwrap()
}

fn payloads(rig: &mut Rig) -> Vec<Json> {
    rig.take().iter().map(|sent| serde_json::to_value(sent.message.payload()).unwrap()).collect()
}

fn badges(rig: &Rig) -> Vec<Json> {
    rig.host.statuses.iter().map(|status| serde_json::to_value(status.to_object()).unwrap()).collect()
}

#[test]
fn two_values_of_every_type() {
    let now = 1_700_000_000_000_i64;
    for (value, kind, first) in [
        (json!("10"), "str", json!("10")),
        (json!("10"), "num", json!(10)),
        (json!(true), "bool", json!(true)),
        (json!("{\"x\":1}"), "json", json!({"x": 1})),
        (json!("[1,2]"), "bin", json!({"type": "Buffer", "data": [1, 2]})),
        (json!("SITE"), "env", json!("hcmc")),
        (json!("a"), "flow", json!("from flow")),
        (json!("1"), "date", json!(now)),
        (json!("false"), "val", json!(false)),
        (json!("null"), "val", json!(null)),
        (json!("{{payload}} of {{topic}}"), "val", json!("in of t")),
        (json!(""), "str", json!("1")),
        (json!(null), "str", json!("1")),
        (json!("x"), "pay", json!("in")),
    ] {
        let mut rig = rig(json!({"op1": value, "op1type": kind, "duration": "20"}));
        rig.send(json!({"payload": "in", "topic": "t"}));
        rig.advance_ms(20);
        assert_eq!(rig.sent(0)[1], json!({"payload": "0", "topic": "t"}), "{kind}");
        assert_eq!(payloads(&mut rig)[0], first, "{kind}");
    }
}

#[test]
fn what_comes_meanwhile_is_blocked() {
    let mut rig = rig(json!({"duration": "50"}));
    for wait in [11, 21, 30] {
        rig.send(json!({"payload": null}));
        rig.advance_ms(wait);
    }
    assert_eq!(rig.sent(0), [json!({"payload": "1"}), json!({"payload": "0"})]);
    assert_eq!(badges(&rig)[..1], [json!({"fill": "blue", "shape": "dot"})]);
    assert_eq!(badges(&rig).last(), Some(&json!({})));
    // Complete nodes see the message with the payload that it got, and hear of it once.
    assert_eq!(rig.host.completed.len(), 3);
    assert_eq!(rig.host.completed[0].payload().as_str(), Some("1"));
}

#[test]
fn the_second_message_settles_last() {
    let mut first = rig(json!({"duration": 1, "units": "s"}));
    first.send(json!({"payload": 1}));
    first.take();
    assert_eq!(first.settled(), []);
    first.advance_ms(1000);
    assert_eq!(first.settled(), []);
    assert!(first.take().iter().all(|sent| sent.message.token.has_credit()));
    assert_eq!(first.settled(), [(1, Outcome::Done)]);

    first.send(json!({"payload": 2}));
    first.stop();
    assert_eq!(first.settled()[1..], []);
    first.take();
    assert_eq!(first.settled()[1..], [(2, Outcome::Undelivered)]);

    // Nothing is held where nothing will be sent.
    for config in [json!({"op2type": "nul"}), json!({"duration": 0}), json!({"duration": -5})] {
        let mut rig = rig(config);
        rig.send(json!({"payload": 1}));
        rig.take();
        assert_eq!(rig.settled(), [(1, Outcome::Done)]);
    }
}

#[test]
fn the_second_message_in_its_forms() {
    let second = |config: Json| {
        let mut rig = rig(config);
        rig.send(json!({"payload": "first", "topic": "t1"}));
        rig.advance_ms(20);
        rig.send(json!({"payload": "latest", "topic": "t2"}));
        rig.host.set_context(Scope::Flow, "a", json!("changed"));
        rig.advance_ms(40);
        rig.sent_any(&[0, 1]).last().cloned().unwrap()
    };
    let one = |kind: &str| json!({"op1type": "nul", "op2type": kind, "op2": "a", "duration": "50"});
    assert_eq!(second(one("pay")), json!({"payload": "first", "topic": "t1"}));
    assert_eq!(second(one("payl")), json!({"payload": "latest", "topic": "t2"}));
    assert_eq!(second(one("flow")), json!({"payload": "changed", "topic": "t1"}));
    let date = json!({"op1type": "nul", "op2type": "date", "op2": "0", "duration": "50"});
    assert_eq!(second(date), json!({"payload": 1_700_000_000_050_i64, "topic": "t1"}));

    let mut both =
        rig(json!({"op1": "hello", "op1type": "val", "op2": "{{topic}}", "op2type": "val", "duration": "50",
        "outputs": 2}));
    both.send(json!({"topic": "world"}));
    both.advance_ms(50);
    assert_eq!(both.sent(0), [json!({"topic": "world", "payload": "hello"})]);
    assert_eq!(both.sent(1), [json!({"topic": "world", "payload": "world"})]);
}

#[test]
fn a_watchdog_waits_for_the_last_message() {
    let mut rig =
        rig(json!({"op1type": "nul", "op2": "late", "op2type": "str", "extend": true, "duration": "100"}));
    for n in 0..5 {
        rig.send(json!({"n": n}));
        rig.advance_ms(60);
    }
    assert_eq!(rig.sent(0).len(), 0);
    // What was put off by a newer one is settled.
    assert_eq!(rig.settled().len(), 4);
    rig.advance_ms(40);
    assert_eq!(rig.sent(0), [json!({"n": 4, "payload": "late"})]);
}

#[test]
fn the_message_may_bring_the_time() {
    for (over, ms) in [(false, 50), (true, 300)] {
        let mut rig = rig(json!({"duration": "50", "overrideDelay": over}));
        rig.send(json!({"payload": null, "delay": "300"}));
        rig.advance_ms(ms - 1);
        assert_eq!(rig.sent(0).len(), 1);
        rig.advance_ms(1);
        assert_eq!(rig.sent(0).len(), 2);
    }
}

#[test]
fn it_blocks_until_it_is_reset() {
    for (reset, ignored, word) in [
        ("", json!({"payload": "boo"}), json!({"reset": true})),
        ("boo", json!({"payload": "foo"}), json!({"payload": "boo"})),
        ("true", json!({"payload": false}), json!({"payload": true})),
        ("false", json!({"payload": null}), json!({"payload": false})),
        ("[object Object]", json!({}), json!({"payload": {"a": 1}})),
    ] {
        let mut rig = rig(json!({"duration": "0", "reset": reset}));
        for msg in
            [json!({"payload": null}), json!({"payload": null}), ignored, word, json!({"payload": null})]
        {
            rig.send(msg);
            rig.advance_ms(100_000);
        }
        assert_eq!(payloads(&mut rig), [json!("1"), json!("1")], "{reset}");
        let dot = json!({"fill": "blue", "shape": "dot"});
        assert_eq!(badges(&rig), [dot.clone(), json!({}), dot], "{reset}");
    }
}

#[test]
fn a_reset_while_it_waits_sends_no_second_message() {
    let mut rig = rig(json!({"duration": "50"}));
    rig.send(json!({"payload": 1}));
    rig.send(json!({"payload": 2, "reset": 1}));
    rig.advance_ms(100);
    assert_eq!(rig.sent(0).len(), 1);
    rig.take();
    assert_eq!(rig.settled().len(), 2);
}

#[test]
fn topics_by_themselves() {
    let mut rig = rig(
        json!({"bytopic": "topic", "topic": "of.it", "op1type": "num", "op2type": "num", "extend": "true",
        "duration": "30"}),
    );
    for topic in ["A", "B", "C"] {
        rig.send(json!({"of": {"it": topic}}));
    }
    rig.advance_ms(20);
    rig.send(json!({"of": {"it": "B"}}));
    rig.advance_ms(30);
    let sent: Vec<Json> = rig.sent(0).iter().map(|msg| json!([msg["of"]["it"], msg["payload"]])).collect();
    let expected = [
        json!(["A", 1]),
        json!(["B", 1]),
        json!(["C", 1]),
        json!(["A", 0]),
        json!(["C", 0]),
        json!(["B", 0]),
    ];
    assert_eq!(sent, expected);
    assert_eq!(badges(&rig)[2], json!({"fill": "blue", "shape": "dot", "text": 3}));
    assert_eq!(badges(&rig).last(), Some(&json!({})));
    // A topic that cannot be read is an error.
    rig.send(json!({"payload": 1}));
    assert_eq!(rig.host.errors.len(), 1);
    assert!(rig.host.errors[0].1.is_some());
}

#[test]
fn topics_and_held_messages_are_bounded() {
    let mut host = MemoryHost::default();
    host.settings.hold_limit = 2;
    host.hold_limit(1);
    let mut rig = Rig::with_host("trigger", json!({"bytopic": "topic", "op2type": "nul"}), host).unwrap();
    for topic in ["A", "B", "C"] {
        rig.send(json!({"topic": topic}));
    }
    assert_eq!((rig.sent(0).len(), rig.host.errors.len()), (2, 1));

    let mut host = MemoryHost::default();
    host.hold_limit(1);
    let mut rig = Rig::with_host("trigger", json!({"bytopic": "topic"}), host).unwrap();
    rig.send(json!({"topic": "A"}));
    rig.send(json!({"topic": "B"}));
    assert_eq!((rig.sent(0).len(), rig.host.errors.len()), (1, 1));
    rig.advance_ms(250);
    rig.send(json!({"topic": "B"}));
    assert_eq!(rig.sent(0).len(), 3);
}

#[test]
fn it_resends_until_it_is_reset() {
    let mut rig = rig(json!({"op1type": "pay", "duration": -25, "reset": "boo", "extend": true}));
    rig.send(json!({"payload": "foo"}));
    rig.send(json!({"payload": "bar"}));
    rig.advance_ms(90);
    rig.send(json!({"payload": "boo"}));
    rig.advance_ms(500);
    assert!(rig.host.sent.iter().all(|sent| sent.port == 0));
    assert_eq!(payloads(&mut rig), [json!("foo"), json!("bar"), json!("bar"), json!("bar"), json!("bar")]);

    let mut time = Rig::new("trigger", json!({"op1type": "date", "op1": "", "duration": -1, "units": "s"}));
    time.send(json!({}));
    time.advance_ms(2000);
    let start = time.host.epoch_ms;
    assert_eq!(payloads(&mut time), [json!(start), json!(start + 1000), json!(start + 2000)]);
}

#[test]
fn without_a_credit_a_resend_is_late_and_the_others_are_counted() {
    let mut rig = rig(json!({"op1type": "pay", "duration": -1, "units": "s"}));
    rig.send(json!({"payload": "alarm"}));
    rig.host.credits = 0;
    rig.advance_ms(3000);
    assert_eq!(rig.sent(0).len(), 1);
    rig.resume(10);
    assert_eq!(rig.sent(0).len(), 2);
    assert_eq!(rig.host.logs, [(Level::Warn, "2 messages not resent: the flow behind was busy".into())]);
    rig.advance_ms(1000);
    assert_eq!(rig.sent(0).len(), 3);
}

#[test]
fn wrong_configuration_says_where() {
    for (config, pointer) in [
        (json!({"op1": "{", "op1type": "json"}), "/op1"),
        (json!({"op2": "{{#a}}", "op2type": "str"}), "/op2"),
        (json!({"bytopic": "topic", "topic": "a b"}), "/topic"),
    ] {
        assert_refused(Rig::try_new("trigger", config), pointer);
    }
    // A value that is not used may be anything.
    rig(json!({"op1": "{", "op1type": "nul", "op2": "{", "op2type": "payl", "duration": "a while"}));
}

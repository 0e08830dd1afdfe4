use serde_json::{Value as Json, json};

use crate::message::Outcome;
use crate::testing::{MemoryHost, Rig, assert_refused};

fn rig(pause_type: &str, more: Json) -> Rig {
    let mut config = json!({"pauseType": pause_type, "timeout": "1", "timeoutUnits": "seconds", "rate": "1",
        "nbRateUnits": "1", "rateUnits": "second"});
    for (key, value) in more.as_object().unwrap() {
        config[key] = value.clone();
    }
    Rig::new("delay", config)
}

fn payloads(rig: &mut Rig) -> Vec<Json> {
    rig.take().iter().map(|sent| serde_json::to_value(sent.message.payload()).unwrap()).collect()
}

fn badges(rig: &mut Rig) -> Vec<Json> {
    let statuses = std::mem::take(&mut rig.host.statuses);
    statuses.iter().map(|status| serde_json::to_value(status.to_object()).unwrap()).collect()
}

fn blue(shape: &str, text: u64) -> Json {
    json!({"fill": "blue", "shape": shape, "text": text})
}

fn completed(rig: &mut Rig) -> Vec<Json> {
    let messages = std::mem::take(&mut rig.host.completed);
    messages.iter().map(|message| serde_json::to_value(&message.value).unwrap()).collect()
}

#[test]
fn a_fixed_time_in_every_unit() {
    for (timeout, unit, ms) in [
        (json!("500"), "milliseconds", 500),
        (json!(0.5), "seconds", 500),
        (json!("0.5"), "minutes", 30_000),
        (json!(2), "hours", 7_200_000),
        (json!(30), "days", 2_592_000_000),
        (json!(""), "seconds", 1),
    ] {
        let mut rig = rig("delay", json!({"timeout": timeout, "timeoutUnits": unit}));
        rig.send(json!({"payload": 1}));
        rig.advance_ms(ms - 1);
        assert_eq!(rig.sent(0).len(), 0, "{timeout} {unit}");
        rig.advance_ms(1);
        assert_eq!(rig.sent(0), [json!({"payload": 1})]);
    }
}

#[test]
fn a_held_message_settles_when_it_has_gone_on_and_is_lost_with_the_node() {
    let mut first = rig("delay", json!({}));
    first.send(json!({"payload": 1}));
    first.send(json!({"payload": 2}));
    assert_eq!((first.settled(), completed(&mut first)), (vec![], vec![]));
    first.advance_ms(1000);
    assert_eq!(completed(&mut first).len(), 2);
    assert_eq!(first.settled(), []);
    assert!(first.take().iter().all(|sent| sent.message.token.has_credit()));
    assert_eq!(first.settled(), [(1, Outcome::Done), (2, Outcome::Done)]);

    for mode in ["delay", "delayv", "random", "rate", "queue", "timed"] {
        let mut rig = rig(mode, json!({}));
        rig.send(json!({"payload": 1, "topic": "a"}));
        rig.send(json!({"payload": 2, "topic": "b"}));
        rig.take();
        rig.stop();
        assert_eq!(rig.settled().last().unwrap().1, Outcome::Undelivered, "{mode}");
    }
}

#[test]
fn a_time_from_the_message() {
    let mut rig = rig("delayv", json!({"timeout": "0.5"}));
    for delay in [json!(1000), json!("250ms"), json!(null), json!(-250), json!("soon")] {
        rig.send(json!({"payload": delay, "delay": delay}));
    }
    rig.advance_ms(1);
    assert_eq!(payloads(&mut rig), [json!(-250)]);
    rig.advance_ms(249);
    assert_eq!(payloads(&mut rig), [json!("250ms")]);
    rig.advance_ms(250);
    assert_eq!(payloads(&mut rig), [json!(null), json!("soon")]);
    badges(&mut rig);
    rig.advance_ms(500);
    assert_eq!(payloads(&mut rig), [json!(1000)]);
    assert_eq!(badges(&mut rig), [json!({}), blue("dot", 0)]);
}

#[test]
fn a_random_time_between_two() {
    let config = json!({"randomFirst": "400", "randomLast": "800", "randomUnits": "milliseconds"});
    let mut rig = rig("random", config);
    for n in 0..20 {
        rig.send(json!({"payload": n}));
    }
    rig.advance_ms(399);
    assert_eq!(rig.sent(0).len(), 0);
    rig.advance_ms(200);
    assert!((1..20).contains(&rig.sent(0).len()));
    rig.advance_ms(201);
    assert_eq!(rig.sent(0).len(), 20);
}

#[test]
fn flush_and_reset_of_a_delay() {
    let mut rig = rig("delay", json!({"timeout": "2"}));
    for n in 1..=5 {
        rig.send(json!({"payload": n}));
    }
    badges(&mut rig);
    rig.send(json!({"_msgid": "x", "flush": 2}));
    assert_eq!(payloads(&mut rig), [json!(1), json!(2)]);
    assert_eq!(badges(&mut rig), [blue("dot", 4), blue("dot", 3), blue("dot", 3)]);
    rig.send(json!({"payload": 6, "flush": true}));
    assert_eq!(payloads(&mut rig), [json!(3), json!(4), json!(5), json!(6)]);
    rig.send(json!({"payload": 7}));
    completed(&mut rig);
    badges(&mut rig);
    rig.send(json!({"payload": 8, "reset": true}));
    assert_eq!(completed(&mut rig), [json!({"payload": 7}), json!({"payload": 8, "reset": true})]);
    assert_eq!(badges(&mut rig), [blue("ring", 0)]);
    rig.advance_ms(10_000);
    assert_eq!(rig.sent(0).len(), 0);
    assert_eq!(rig.settled().len(), 9);
}

#[test]
fn a_rate_queues_and_can_be_flushed_and_jumped() {
    let mut rig = rig("rate", json!({}));
    for n in 1..=4 {
        rig.send(json!({"payload": n}));
    }
    rig.send(json!({"payload": 5, "toFront": true}));
    assert_eq!(payloads(&mut rig), [json!(1)]);
    assert_eq!(completed(&mut rig), [json!({"payload": 1})]);
    rig.advance_ms(1000);
    assert_eq!(payloads(&mut rig), [json!(5)]);
    assert_eq!(badges(&mut rig), [blue("dot", 4)]);
    rig.send(json!({"flush": 1}));
    assert_eq!(payloads(&mut rig), [json!(2)]);
    assert_eq!(badges(&mut rig), [blue("dot", 2)]);
    // A flush starts the interval anew.
    rig.advance_ms(999);
    assert_eq!(payloads(&mut rig).len(), 0);
    rig.advance_ms(1);
    assert_eq!(payloads(&mut rig), [json!(3)]);
    completed(&mut rig);
    rig.send(json!({"payload": 6, "flush": true}));
    assert_eq!(rig.sent(0)[1], json!({"payload": 6}));
    assert_eq!(completed(&mut rig).last(), Some(&json!({"payload": 6, "flush": true})));
    payloads(&mut rig);
    // When the queue has been empty for an interval, the next message goes at once.
    rig.advance_ms(1000);
    rig.send(json!({"payload": 7}));
    assert_eq!(payloads(&mut rig), [json!(7)]);
    rig.send(json!({"payload": 8}));
    rig.send(json!({"reset": true}));
    rig.advance_ms(10_000);
    assert_eq!(payloads(&mut rig).len(), 0);
    assert_eq!(rig.settled().len(), 10);
}

#[test]
fn a_rate_from_the_message() {
    let mut rig = rig("rate", json!({"allowrate": true}));
    rig.send(json!({"payload": 1, "rate": "300"}));
    rig.send(json!({"payload": 2}));
    rig.advance_ms(300);
    assert_eq!(payloads(&mut rig), [json!(1), json!(2)]);
    rig.send(json!({"payload": 3, "rate": 50}));
    rig.advance_ms(50);
    assert_eq!(payloads(&mut rig), [json!(3)]);
    rig.send(json!({"payload": 4, "rate": "fast"}));
    rig.advance_ms(50);
    assert_eq!(payloads(&mut rig), [json!(4)]);
    rig.send(json!({"reset": true}));
    rig.send(json!({"payload": 5}));
    rig.send(json!({"payload": 6}));
    rig.advance_ms(999);
    assert_eq!(payloads(&mut rig), [json!(5)]);
}

#[test]
fn a_full_queue_is_dropped_with_an_error() {
    let mut host = MemoryHost::default();
    host.settings.node_message_buffer_max_length = 2;
    let mut rig = Rig::with_host("delay", json!({"pauseType": "rate", "rate": 1}), host).unwrap();
    for n in 1..=4 {
        rig.send(json!({"payload": n}));
    }
    assert_eq!(rig.host.errors.len(), 1);
    let (error, message) = rig.host.errors.remove(0);
    assert_eq!(error.message(), "too many pending messages in delay node");
    assert_eq!(message.unwrap().payload().as_i64(), Some(4));
    rig.advance_ms(5000);
    assert_eq!(payloads(&mut rig), [json!(1)]);
    assert!(rig.settled().iter().all(|(_, outcome)| *outcome == Outcome::Done));
}

#[test]
fn a_node_that_holds_all_it_may_can_still_be_emptied() {
    for mode in ["delay", "rate", "queue"] {
        let mut rig = rig(mode, json!({}));
        rig.send(json!({"payload": 0, "topic": 0}));
        rig.host.hold_limit(3);
        for n in 1..=4 {
            rig.send(json!({"payload": n, "topic": n}));
        }
        assert!(!rig.host.errors.is_empty(), "{mode}");
        assert!(rig.host.errors.iter().all(|(_, message)| message.is_some()));
        rig.send(json!({"reset": true}));
        rig.host.errors.clear();
        rig.send(json!({"payload": 9, "topic": "t"}));
        rig.send(json!({"payload": 10, "topic": "u"}));
        assert_eq!(rig.host.errors.len(), 0, "{mode}");
    }
}

#[test]
fn what_is_over_the_rate_is_dropped_or_goes_to_the_second_output() {
    for (outputs, second) in [(1, vec![]), (2, vec![json!({"payload": 2}), json!({"payload": 4})])] {
        let mut rig = rig("rate", json!({"drop": true, "outputs": outputs}));
        for (n, wait) in [(1, 1000), (2, 1), (3, 400), (4, 601), (5, 0)] {
            rig.send(json!({"payload": n}));
            rig.advance_ms(wait);
        }
        assert_eq!(rig.sent(0), [json!({"payload": 1}), json!({"payload": 3}), json!({"payload": 5})]);
        assert_eq!(rig.sent(1), second);
        assert_eq!(rig.host.completed.len(), 5);
        rig.send(json!({"reset": true}));
        rig.send(json!({"payload": 6}));
        assert_eq!(rig.sent(0).len(), 4);
        assert_eq!(badges(&mut rig), [blue("ring", 0)]);
    }
}

#[test]
fn bursts_go_through_until_the_places_are_taken() {
    let mut rig = rig("burst", json!({"rate": "3", "outputs": 2}));
    for n in 1..=5 {
        rig.send(json!({"payload": n}));
    }
    assert_eq!((rig.sent(0).len(), rig.sent(1).len()), (3, 2));
    let (free, taken) = (
        json!({"fill": "green", "shape": "ring", "text": ""}),
        json!({"fill": "red", "shape": "dot", "text": ""}),
    );
    assert_eq!(badges(&mut rig), [free.clone(), taken.clone(), taken]);
    rig.advance_ms(1000);
    assert_eq!(badges(&mut rig), [free]);
    rig.send(json!({"payload": 6}));
    rig.send(json!({"reset": true}));
    for n in 7..=10 {
        rig.send(json!({"payload": n}));
    }
    assert_eq!((rig.sent(0).len(), rig.sent(1).len()), (7, 3));
}

#[test]
fn one_topic_at_a_time_each_with_its_latest_message() {
    let mut rig = rig("queue", json!({"rate": 4, "outputs": 2}));
    for (topic, n) in [("a", 1), ("b", 1), ("a", 2), ("a", 3)] {
        rig.send(json!({"topic": topic, "payload": n}));
    }
    rig.send(json!({"payload": 7}));
    rig.advance_ms(250);
    assert_eq!(rig.sent(0), [json!({"topic": "a", "payload": 3})]);
    rig.send(json!({"topic": "a", "payload": 4}));
    rig.advance_ms(750);
    let rest = [
        json!({"topic": "b", "payload": 1}),
        json!({"payload": 7, "topic": "_none_"}),
        json!({"topic": "a", "payload": 4}),
    ];
    assert_eq!(rig.sent(0)[1..], rest);
    assert_eq!(rig.sent(1), [json!({"topic": "a", "payload": 1}), json!({"topic": "a", "payload": 2})]);
    rig.take();
    assert_eq!(rig.settled().len(), 6);
}

#[test]
fn all_topics_at_a_time_with_flush_and_reset() {
    let mut rig = rig("timed", json!({"rate": 1}));
    rig.send(json!({"topic": "a", "payload": 1}));
    rig.send(json!({"topic": 1, "payload": 2}));
    rig.send(json!({"topic": 1.0, "payload": 3}));
    rig.advance_ms(1000);
    assert_eq!(payloads(&mut rig), [json!(1), json!(3)]);
    rig.send(json!({"topic": "a", "payload": 4}));
    rig.send(json!({"topic": "b", "payload": 5}));
    completed(&mut rig);
    badges(&mut rig);
    rig.send(json!({"flush": 1}));
    assert_eq!(payloads(&mut rig), [json!(4)]);
    assert_eq!(badges(&mut rig), [json!({})]);
    rig.send(json!({"payload": 6, "flush": true}));
    // What only asked for the first flush has a topic and nothing else: it is not sent.
    assert_eq!(payloads(&mut rig), [json!(5), json!(6)]);
    let last = json!({"payload": 6, "topic": "_none_"});
    assert_eq!(completed(&mut rig)[4..], [last.clone(), last]);
    rig.send(json!({"topic": "a", "payload": 7}));
    rig.send(json!({"reset": true}));
    assert_eq!(badges(&mut rig).last(), Some(&json!({"text": "reset"})));
    rig.advance_ms(5000);
    assert_eq!(payloads(&mut rig).len(), 0);
    assert_eq!(rig.settled().len(), 9);
}

#[test]
fn wrong_configuration_says_where() {
    for (config, pointer) in [
        (json!({"pauseType": "sometimes"}), "/pauseType"),
        (json!({"pauseType": "rate", "rate": "0"}), "/rate"),
        (json!({"pauseType": "queue"}), "/rate"),
        (json!({"timeout": "soon"}), "/timeout"),
    ] {
        assert_refused(Rig::try_new("delay", config), pointer);
    }
    // A property that the mode does not use may be empty.
    rig("delay", json!({"rate": "", "randomFirst": null}));
}

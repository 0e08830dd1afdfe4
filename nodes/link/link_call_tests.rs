use serde_json::json;

use crate::host::Mail;
use crate::message::{Message, Outcome};
use crate::testing::{MemoryHost, Rig};

fn rig(properties: serde_json::Value) -> Rig {
    let mut host = MemoryHost::default();
    host.links.insert("in".into(), "in".into());
    host.links.insert("by name".into(), "in-2".into());
    Rig::with_host("link call", properties, host).unwrap()
}

/// What it called, as the engine would deliver it.
fn called(rig: &mut Rig) -> (String, Message) {
    match rig.host.mail.remove(0) {
        (to, Mail::Message(message)) => (to, message),
        (to, other) => panic!("{to} got {other:?}"),
    }
}

fn json(message: &Message) -> serde_json::Value {
    serde_json::to_value(&message.value).unwrap()
}

#[test]
fn it_sends_the_answer_on_and_settles_with_it() {
    let mut rig = rig(json!({"links": ["in"], "linkType": "static"}));
    rig.send(json!({"payload": "ask", "_linkSource": [{"id": "1", "node": "outer"}]}));
    assert_eq!(rig.sent(0).len(), 0);
    let (to, mut message) = called(&mut rig);
    assert_eq!(to, "in");
    let calls = json(&message)["_linkSource"].clone();
    assert_eq!((&calls[0]["node"], &calls[1]["node"]), (&json!("outer"), &json!("node")));

    message.set("payload", "answer");
    rig.answer(json(&message));
    assert_eq!(rig.sent(0), [json!({"payload": "answer", "_linkSource": [{"id": "1", "node": "outer"}]})]);
    assert_eq!(rig.settled(), []);
    drop(message);
    assert_eq!(rig.settled(), [(1, Outcome::Done)]);
    assert_eq!(rig.host.completed.len(), 1);

    // No timeout comes after the answer, and a second answer is sent on as well.
    rig.advance_ms(60_000);
    assert_eq!(rig.host.errors.len(), 0);
    rig.answer(json!({"payload": "again", "_linkSource": [calls[1]]}));
    assert_eq!(rig.sent(0)[1], json!({"payload": "again"}));
    assert_eq!(rig.host.completed.len(), 1);
}

#[test]
fn without_an_answer_the_message_fails_as_it_came() {
    let mut rig = rig(json!({"links": "in", "timeout": "0.5"}));
    rig.send(json!({"payload": "ask"}));
    drop(called(&mut rig));
    rig.advance_ms(499);
    assert_eq!((rig.host.errors.len(), rig.settled().len()), (0, 0));
    rig.advance_ms(1);
    let (error, message) = rig.host.errors.remove(0);
    assert_eq!(error.message(), "timeout");
    assert_eq!(json(message.as_ref().unwrap()), json!({"payload": "ask"}));
    assert_eq!(rig.host.completed.len(), 0);
}

#[test]
fn the_message_can_name_the_target() {
    let mut rig = rig(json!({"links": [], "linkType": "dynamic"}));
    rig.send(json!({"target": "by name"}));
    assert_eq!(called(&mut rig).0, "in-2");
    for msg in [json!({"target": "elsewhere"}), json!({}), json!({"target": 5})] {
        rig.send(msg);
    }
    let texts: Vec<&str> = rig.host.errors.iter().map(|(error, _)| error.message()).collect();
    let text = |name| format!("target link-in node '{name}' not found");
    assert_eq!(texts, [text("elsewhere"), text(""), text("5")]);
    assert!(rig.host.errors.iter().all(|(_, message)| message.is_some()));
}

#[test]
fn a_call_that_is_dropped_is_undelivered() {
    let mut rig = rig(json!({"links": ["in"]}));
    rig.send(json!({"payload": 1}));
    drop(called(&mut rig));
    rig.stop();
    assert_eq!(rig.settled(), [(1, Outcome::Undelivered)]);
}

#[test]
fn a_full_node_refuses_and_does_not_call() {
    let mut rig = rig(json!({"links": ["in"]}));
    rig.host.hold_limit(1);
    rig.send(json!({"payload": 1}));
    rig.send(json!({"payload": 2}));
    assert_eq!((rig.host.mail.len(), rig.host.errors.len()), (1, 1));
    assert!(rig.host.errors[0].1.is_some());
}

#[test]
fn an_answer_from_nowhere_is_sent_on() {
    let mut rig = rig(json!({"links": ["in"]}));
    for source in [json!(null), json!([]), json!([{"id": "x-1", "node": "node"}]), json!([{"id": 7}])] {
        rig.answer(json!({"payload": 1, "_linkSource": source}));
    }
    assert_eq!(rig.sent(0).len(), 4);
}

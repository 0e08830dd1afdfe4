//! What one client may expect of the others.

use std::sync::Arc;

use super::{Client, Rig, V3, V5, hello, kept, message, will};
use crate::mqtt_server::access::{Access, Rule};
use crate::mqtt_server::limits::Limits;
use crate::mqtt_server::packet::{Ack, Carried, Connect, Packet, Publish, QoS, Wish, reason};

const ALL: [QoS; 3] = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];

#[test]
fn a_message_comes_at_the_lower_of_both_qualities() {
    for version in [V3, V5] {
        for sent in ALL {
            for wanted in ALL {
                let mut rig = Rig::default();
                let mut subscriber = rig.subscriber(hello(version, "s"), "a/+", wanted);
                let mut publisher = rig.client(hello(version, "p"));
                let id = rig.publish(&mut publisher, message("a/b", sent, "x"));
                match sent {
                    QoS::AtMostOnce => assert_eq!(publisher.read(), None),
                    QoS::AtLeastOnce => assert_eq!(publisher.read(), Some(Packet::Ack(Ack::PubAck, id, 0))),
                    QoS::ExactlyOnce => {
                        assert_eq!(publisher.read(), Some(Packet::Ack(Ack::PubRec, id, 0)));
                        rig.ack(&publisher, Ack::PubRel, id);
                        assert_eq!(publisher.read(), Some(Packet::Ack(Ack::PubComp, id, 0)));
                    }
                }
                let came = rig.take(&mut subscriber).unwrap();
                assert_eq!((came.qos, &*came.topic, came.retain), (sent.min(wanted), "a/b", false));
                assert_eq!(subscriber.read(), None, "once");
            }
        }
    }
}

#[test]
fn qos_2_that_comes_again_is_answered_and_not_sent_twice() {
    let mut rig = Rig::default();
    let mut subscriber = rig.subscriber(hello(V3, "s"), "a", QoS::ExactlyOnce);
    let mut publisher = rig.client(kept(V3, "p"));
    let publish = Publish { id: 9, ..message("a", QoS::ExactlyOnce, "x") };
    for dup in [false, true] {
        rig.router.packet(publisher.link, Packet::Publish(Publish { dup, ..publish.clone() }));
        assert_eq!(publisher.read(), Some(Packet::Ack(Ack::PubRec, 9, 0)));
    }
    rig.router.gone(publisher.link);
    let mut publisher = rig.client(kept(V3, "p"));
    rig.router.packet(publisher.link, Packet::Publish(Publish { dup: true, ..publish }));
    assert_eq!(publisher.read(), Some(Packet::Ack(Ack::PubRec, 9, 0)));
    rig.ack(&publisher, Ack::PubRel, 9);
    assert_eq!(publisher.read(), Some(Packet::Ack(Ack::PubComp, 9, 0)));
    assert_eq!(rig.texts(&mut subscriber), ["x"]);
}

#[test]
fn retained_messages_come_with_every_subscription_as_it_wants_them() {
    let mut rig = Rig::default();
    let mut publisher = rig.client(hello(V5, "p"));
    for number in 0..300 {
        let retained = Publish { retain: true, ..message(&format!("r/{number}"), QoS::AtLeastOnce, "1") };
        rig.publish(&mut publisher, retained);
    }
    for qos in ALL {
        let mut subscriber = rig.subscriber(hello(V3, "s"), "r/#", qos);
        for _ in 0..2 {
            let came: Vec<Publish> = std::iter::from_fn(|| rig.take(&mut subscriber)).collect();
            assert_eq!(came.len(), 300);
            assert!(came.iter().all(|one| one.retain && one.qos == qos.min(QoS::AtLeastOnce)));
            rig.subscribe_again(&mut subscriber, "r/#", qos);
        }
    }
    // Without a payload but not retained it deletes nothing; retained it does.
    rig.publish(&mut publisher, message("r/1", QoS::AtMostOnce, ""));
    rig.publish(&mut publisher, Publish { retain: true, ..message("r/2", QoS::AtMostOnce, "") });
    let mut subscriber = rig.client(hello(V5, "s"));
    for (handling, first, again) in [(0, 299, 299), (1, 299, 0), (2, 0, 0)] {
        let wish = Wish { retain_handling: handling, ..Wish::default() };
        let filter = format!("r/{}", if handling == 1 { "+" } else { "#" });
        rig.router.packet(subscriber.link, Packet::Unsubscribe(1, vec![filter.clone()]));
        assert!(matches!(subscriber.read(), Some(Packet::UnsubAck(1, _))));
        rig.wish(&mut subscriber, &filter, wish, None);
        assert_eq!(rig.texts(&mut subscriber).len(), first, "{handling}");
        rig.wish(&mut subscriber, &filter, wish, None);
        assert_eq!(rig.texts(&mut subscriber).len(), again, "{handling}");
    }
}

impl Rig {
    fn subscribe_again(&mut self, client: &mut Client, filter: &str, qos: QoS) {
        assert_eq!(self.subscribe(client, filter, qos), [qos as u8]);
    }
}

#[test]
fn overlapping_subscriptions_bring_a_message_once_with_all_their_identifiers() {
    let mut rig = Rig::default();
    let mut subscriber = rig.client(hello(V5, "s"));
    for (filter, qos, id) in
        [("a/#", QoS::AtMostOnce, 1), ("a/+", QoS::AtLeastOnce, 2), ("b", QoS::ExactlyOnce, 3)]
    {
        rig.wish(&mut subscriber, filter, Wish { qos, ..Wish::default() }, Some(id));
    }
    let mut publisher = rig.client(hello(V5, "p"));
    rig.publish(&mut publisher, message("a/x", QoS::ExactlyOnce, "1"));
    let came = rig.take(&mut subscriber).unwrap();
    assert_eq!((came.qos, came.subscriptions), (QoS::AtLeastOnce, vec![1, 2]));
    assert_eq!(subscriber.read(), None);
}

#[test]
fn no_local_and_retain_as_published() {
    let mut rig = Rig::default();
    let mut client = rig.client(hello(V5, "c"));
    rig.wish(&mut client, "a", Wish { no_local: true, ..Wish::default() }, None);
    rig.wish(&mut client, "b", Wish { retain_as_published: true, ..Wish::default() }, None);
    for topic in ["a", "b"] {
        rig.publish(&mut client, Publish { retain: true, ..message(topic, QoS::AtMostOnce, topic) });
    }
    let came = rig.take(&mut client).unwrap();
    assert_eq!((&*came.topic, came.retain), ("b", true));
    assert_eq!(client.read(), None);
}

#[test]
fn what_a_publisher_says_of_a_message_is_carried_along() {
    let mut rig = Rig::default();
    let mut subscriber = rig.subscriber(hello(V5, "s"), "a", QoS::AtLeastOnce);
    let mut publisher = rig.client(hello(V5, "p"));
    let carried = Arc::new(Carried {
        content_type: Some("text".to_string()),
        user: vec![("k".to_string(), "1".to_string()), ("k".to_string(), "2".to_string())],
        ..Carried::default()
    });
    let publish =
        Publish { carried: carried.clone(), expiry: Some(10), ..message("a", QoS::AtLeastOnce, "1") };
    rig.publish(&mut publisher, publish.clone());
    let came = rig.take(&mut subscriber).unwrap();
    assert_eq!((came.carried, came.expiry), (carried, Some(10)));
    // What waits longer than it may is not sent, and what is left of its time is said.
    let mut away = rig.subscriber(kept(V5, "w"), "a", QoS::AtLeastOnce);
    rig.router.gone(away.link);
    rig.publish(&mut publisher, publish);
    rig.publish(&mut publisher, Publish { expiry: Some(3), ..message("a", QoS::AtLeastOnce, "2") });
    rig.later(4_000);
    away = rig.client(kept(V5, "w"));
    let came = rig.take(&mut away).unwrap();
    assert_eq!((&came.payload[..], came.expiry), (&b"1"[..], Some(6)));
    assert_eq!(away.read(), None);
}

#[test]
fn a_kept_session_has_what_came_meanwhile_and_what_was_not_acknowledged() {
    for version in [V3, V5] {
        let mut rig = Rig::default();
        let mut subscriber = rig.subscriber(kept(version, "s"), "a", QoS::ExactlyOnce);
        let mut publisher = rig.client(hello(version, "p"));
        rig.publish(&mut publisher, message("a", QoS::AtLeastOnce, "1"));
        rig.publish(&mut publisher, message("a", QoS::ExactlyOnce, "2"));
        let (first, second) = (subscriber.read().unwrap(), subscriber.read().unwrap());
        let Packet::Publish(second) = second else { panic!("{second:?}") };
        rig.ack(&subscriber, Ack::PubRec, second.id);
        rig.router.gone(subscriber.link);
        rig.publish(&mut publisher, message("a", QoS::AtLeastOnce, "3"));
        rig.publish(&mut publisher, message("a", QoS::AtMostOnce, "lost"));
        let (mut subscriber, ack) = rig.connect(kept(version, "s"));
        assert!(ack.session_present);
        let Packet::Publish(first) = first else { panic!("{first:?}") };
        assert_eq!(subscriber.read(), Some(Packet::Publish(Publish { dup: true, ..first.clone() })));
        assert_eq!(subscriber.read(), Some(Packet::Ack(Ack::PubRel, second.id, 0)));
        rig.ack(&subscriber, Ack::PubAck, first.id);
        rig.ack(&subscriber, Ack::PubComp, second.id);
        assert_eq!(rig.texts(&mut subscriber), ["3"]);
        // Cleanly started it has nothing.
        rig.router.gone(subscriber.link);
        rig.publish(&mut publisher, message("a", QoS::AtLeastOnce, "4"));
        let (mut subscriber, ack) = rig.connect(hello(version, "s"));
        assert!(!ack.session_present);
        assert_eq!(subscriber.read(), None);
    }
}

#[test]
fn a_session_ends_with_its_time() {
    let mut rig = Rig::default();
    let subscriber = rig.subscriber(kept(V5, "s"), "a", QoS::AtLeastOnce);
    rig.router.gone(subscriber.link);
    rig.later(99_000);
    let (subscriber, ack) = rig.connect(kept(V5, "s"));
    assert!(ack.session_present);
    rig.router.packet(subscriber.link, Packet::Disconnect(0, Some(5)));
    rig.later(5_000);
    assert!(!rig.connect(kept(V5, "s")).1.session_present);
    let limited = Rig::with(
        Limits { session_expiry: 10, ..Limits::default() },
        Access { anonymous: true, ..Access::default() },
    );
    let mut rig = limited;
    assert_eq!(rig.connect(kept(V5, "s")).1.session_expiry, Some(10), "it is told where it is less");
}

#[test]
fn the_same_client_again_takes_over() {
    for version in [V3, V5] {
        let mut rig = Rig::default();
        let mut watcher = rig.subscriber(hello(V3, "w"), "will", QoS::AtLeastOnce);
        let mut old = rig.client(Connect { will: will("will", 0), ..hello(version, "c") });
        let new = rig.client(hello(version, "c"));
        assert!(old.is_ended() && !new.is_ended());
        let told = (version == V5).then_some(Packet::Disconnect(reason::TAKEN_OVER, None));
        assert_eq!(old.read(), told);
        assert_eq!(rig.texts(&mut watcher), ["gone"]);
        // The connection that was ended hears so late, and takes nothing with it.
        rig.router.gone(old.link);
        rig.router.packet(old.link, Packet::PingReq);
        let mut new = new;
        rig.router.packet(new.link, Packet::PingReq);
        assert_eq!(new.read(), Some(Packet::PingResp));
    }
}

#[test]
fn a_will_is_for_who_goes_without_a_word() {
    let mut rig = Rig::default();
    let mut watcher = rig.subscriber(hello(V5, "w"), "will", QoS::AtLeastOnce);
    let connect = |delay| Connect { will: will("will", delay), ..kept(V5, "c") };
    let client = rig.client(connect(0));
    rig.router.packet(client.link, Packet::Disconnect(0, None));
    assert_eq!(watcher.read(), None);
    let client = rig.client(connect(0));
    rig.router.packet(client.link, Packet::Disconnect(reason::WITH_WILL, None));
    assert_eq!(rig.texts(&mut watcher), ["gone"]);
    let client = rig.client(connect(0));
    rig.router.gone(client.link);
    assert_eq!(rig.texts(&mut watcher), ["gone"]);
    // With a delay, and taken back by coming back in time.
    let client = rig.client(connect(10));
    rig.router.gone(client.link);
    rig.later(9_000);
    let client = rig.client(connect(10));
    rig.later(60_000);
    assert_eq!(watcher.read(), None);
    rig.router.gone(client.link);
    rig.later(10_000);
    assert_eq!(rig.texts(&mut watcher), ["gone"]);
    // No later than the session's end.
    let client = rig.client(Connect { session_expiry: Some(5), ..connect(50) });
    rig.router.gone(client.link);
    rig.later(5_000);
    assert_eq!(rig.texts(&mut watcher), ["gone"]);
}

#[test]
fn wrong_passwords_and_forbidden_topics() {
    let rule = |topic: &str, read, write| Rule { user: String::new(), read, write, topic: topic.to_string() };
    let access = Access {
        users: [("ann".to_string(), "secret".to_string())].into(),
        anonymous: false,
        rules: vec![rule("open/#", true, true), rule("of/%u", true, true), rule("see", true, false)],
    };
    let mut rig = Rig::with(Limits::default(), access);
    let login = |version, password: &'static [u8]| Connect {
        user: Some("ann".to_string()),
        password: Some(password.into()),
        ..hello(version, "c")
    };
    assert_eq!(rig.connect(hello(V3, "c")).1.reason, 4);
    assert_eq!(rig.connect(login(V3, b"wrong")).1.reason, 4);
    assert_eq!(rig.connect(login(V5, b"wrong")).1.reason, reason::BAD_PASSWORD);
    let mut client = rig.client(login(V5, b"secret"));
    for (filter, answer) in [
        ("open/+/x", 1),
        ("of/ann", 1),
        ("see", 1),
        ("of/+", reason::NOT_AUTHORIZED),
        ("#", reason::NOT_AUTHORIZED),
        ("$share/g/#", reason::NOT_AUTHORIZED),
        ("$SYS/#", reason::NOT_AUTHORIZED),
        ("a/#/b", reason::BAD_FILTER),
    ] {
        assert_eq!(rig.subscribe(&mut client, filter, QoS::AtLeastOnce), [answer], "{filter}");
    }
    let other = |version| Connect { client: "p".to_string(), ..login(version, b"secret") };
    let mut publisher = rig.client(other(V5));
    for (topic, code) in
        [("see", reason::NOT_AUTHORIZED), ("$SYS/x", reason::NOT_AUTHORIZED), ("open/1/x", 0)]
    {
        let id = rig.publish(&mut publisher, message(topic, QoS::AtLeastOnce, topic));
        assert_eq!(publisher.read(), Some(Packet::Ack(Ack::PubAck, id, code)), "{topic}");
    }
    assert_eq!(rig.texts(&mut client), ["open/1/x"]);
    // Version 3 has no word for it.
    let mut publisher = rig.client(other(V3));
    let id = rig.publish(&mut publisher, message("see", QoS::AtLeastOnce, "x"));
    assert_eq!(publisher.read(), Some(Packet::Ack(Ack::PubAck, id, 0)));
    assert_eq!(rig.texts(&mut client), [""; 0]);
    let mut old = rig.client(login(V3, b"secret"));
    assert_eq!(rig.subscribe(&mut old, "secret", QoS::AtLeastOnce), [reason::FAILURE_V3]);
}

//! Groups, bounds, aliases, and clients that do not care for any rules.

use std::sync::Arc;

use proptest::prelude::{Just, Strategy, any, prop, prop_oneof, proptest};

use super::{Client, Rig, V3, V5, hello, kept, message, will};
use crate::mqtt_server::access::Access;
use crate::mqtt_server::filter::Bounds;
use crate::mqtt_server::limits::Limits;
use crate::mqtt_server::packet::{Ack, Connect, Packet, Publish, QoS, Subscribe, Version, Wish, reason};
use crate::mqtt_server::router::Job;

fn limited(change: impl FnOnce(&mut Limits)) -> Rig {
    let mut limits = Limits::default();
    change(&mut limits);
    Rig::with(limits, Access { anonymous: true, ..Access::default() })
}

#[test]
fn one_of_a_group_gets_each_message() {
    let mut rig = Rig::default();
    let mut members: Vec<Client> = ["a", "b"]
        .into_iter()
        .map(|name| rig.subscriber(hello(V5, name), "$share/g/x/+", QoS::AtLeastOnce))
        .collect();
    let mut beside = rig.subscriber(hello(V5, "c"), "x/#", QoS::AtLeastOnce);
    let mut publisher = rig.client(hello(V3, "p"));
    for number in 0..10 {
        rig.publish(&mut publisher, message("x/1", QoS::AtLeastOnce, &number.to_string()));
    }
    let counts: Vec<usize> = members.iter_mut().map(|member| rig.texts(member).len()).collect();
    assert_eq!(counts, [5, 5]);
    assert_eq!(rig.texts(&mut beside).len(), 10);
}

#[test]
fn what_a_member_leaves_goes_to_another_one() {
    let mut rig = Rig::default();
    let gone = rig.subscriber(hello(V5, "a"), "$share/g/x", QoS::AtLeastOnce);
    let mut publisher = rig.client(hello(V3, "p"));
    for number in 0..3 {
        rig.publish(&mut publisher, message("x", QoS::AtLeastOnce, &number.to_string()));
    }
    let mut stays = rig.subscriber(hello(V5, "b"), "$share/g/x", QoS::AtLeastOnce);
    rig.router.gone(gone.link);
    assert_eq!(rig.texts(&mut stays), ["0", "1", "2"]);
    // The last one leaves with messages it has not acknowledged: they are counted, and nothing breaks.
    rig.publish(&mut publisher, message("x", QoS::AtLeastOnce, "3"));
    rig.router.gone(stays.link);
    assert!(rig.jobs().iter().any(|job| matches!(job, Job::Lost { count: 1, .. })));
    rig.publish(&mut publisher, message("x", QoS::AtLeastOnce, "4"));
    // The same with sessions that are kept.
    let kept_one = rig.subscriber(kept(V3, "k"), "$share/g/x", QoS::AtLeastOnce);
    rig.publish(&mut publisher, message("x", QoS::AtLeastOnce, "5"));
    rig.router.gone(kept_one.link);
    rig.publish(&mut publisher, message("x", QoS::AtLeastOnce, "6"));
    let mut again = rig.client(kept(V3, "k"));
    assert_eq!(rig.texts(&mut again), ["5", "6"]);
}

#[test]
fn a_client_has_no_more_with_it_than_it_takes() {
    let mut rig = Rig::default();
    let mut subscriber =
        rig.subscriber(Connect { receive_maximum: 2, ..hello(V5, "s") }, "a", QoS::AtLeastOnce);
    let mut publisher = rig.client(hello(V5, "p"));
    for number in 0..5 {
        rig.publish(&mut publisher, message("a", QoS::AtLeastOnce, &number.to_string()));
    }
    let (first, second) = (subscriber.read(), subscriber.read());
    assert!(first.is_some() && second.is_some());
    assert_eq!(subscriber.read(), None);
    let Some(Packet::Publish(first)) = first else { panic!() };
    rig.ack(&subscriber, Ack::PubAck, first.id);
    assert!(matches!(subscriber.read(), Some(Packet::Publish(_))));
    assert_eq!(subscriber.read(), None);
}

#[test]
fn a_slow_client_loses_qos_0_and_then_its_connection() {
    let mut rig = limited(|limits| limits.queue = 10);
    let mut slow = rig.subscriber(Connect { receive_maximum: 1, ..hello(V5, "s") }, "a", QoS::AtLeastOnce);
    let mut publisher = rig.client(hello(V5, "p"));
    for _ in 0..11 {
        rig.publish(&mut publisher, message("a", QoS::AtLeastOnce, "1"));
    }
    rig.publish(&mut publisher, message("a", QoS::AtMostOnce, "0"));
    assert_eq!(rig.router.counters.dropped, 1);
    assert!(!slow.is_ended());
    rig.publish(&mut publisher, message("a", QoS::AtLeastOnce, "1"));
    assert!(slow.is_ended());
    assert!(matches!(slow.read(), Some(Packet::Publish(_))));
    assert_eq!(slow.read(), Some(Packet::Disconnect(reason::QUOTA, None)));
}

#[test]
fn what_a_kept_session_cannot_take_is_not_acknowledged() {
    let mut rig = limited(|limits| limits.queue = 3);
    let away = rig.subscriber(kept(V5, "s"), "a", QoS::AtLeastOnce);
    rig.router.gone(away.link);
    let mut beside = rig.subscriber(hello(V5, "b"), "a", QoS::AtLeastOnce);
    let mut publisher = rig.client(hello(V5, "p"));
    for number in 0..4 {
        let id = rig.publish(&mut publisher, message("a", QoS::AtLeastOnce, "x"));
        let code = if number < 3 { 0 } else { reason::QUOTA };
        assert_eq!(publisher.read(), Some(Packet::Ack(Ack::PubAck, id, code)));
    }
    assert_eq!(rig.texts(&mut beside).len(), 3, "nobody has what was not taken");
    let mut old = rig.client(hello(V3, "o"));
    rig.publish(&mut old, message("a", QoS::ExactlyOnce, "x"));
    assert!(old.is_ended() && old.read().is_none(), "version 3 has no word for it");
    assert!(rig.jobs().iter().any(|job| matches!(job, Job::Warn(text) if text.contains("client s"))));
}

#[test]
fn bounds_of_what_clients_may_say() {
    let mut rig = limited(|limits| {
        limits.client_id = 8;
        limits.topic = Bounds { bytes: 10, levels: 3 };
        limits.subscriptions = 2;
        limits.retained = 1;
        limits.sessions = 1;
        limits.connections = 3;
    });
    assert_eq!(rig.connect(hello(V5, "too long an id")).1.reason, reason::BAD_CLIENT);
    assert_eq!(rig.connect(hello(V3, "bad\u{7}id")).1.reason, 2);
    assert_eq!(rig.connect(kept(V3, "")).1.reason, 2);
    let mut client = rig.client(hello(V5, "c"));
    assert_eq!(rig.subscribe(&mut client, "a/b/c/d", QoS::AtMostOnce), [reason::BAD_FILTER]);
    for (filter, answer) in [("a", 0), ("b", 0), ("c", reason::QUOTA), ("a", 0)] {
        assert_eq!(rig.subscribe(&mut client, filter, QoS::AtMostOnce), [answer]);
    }
    for topic in ["r/1", "r/2"] {
        rig.publish(&mut client, Publish { retain: true, ..message(topic, QoS::AtMostOnce, "x") });
    }
    rig.router.packet(client.link, Packet::Unsubscribe(7, vec!["a".to_string(), "x".to_string()]));
    assert_eq!(client.read(), Some(Packet::UnsubAck(7, vec![0, reason::NO_SUBSCRIPTION])));
    rig.subscribe(&mut client, "r/#", QoS::AtMostOnce);
    assert_eq!(rig.texts(&mut client).len(), 1);
    rig.client(kept(V5, "k1"));
    assert_eq!(rig.connect(kept(V5, "k2")).1.reason, reason::QUOTA);
    rig.client(hello(V5, "d"));
    assert_eq!(rig.connect(hello(V3, "e")).1.reason, 3, "too many connections");
    rig.publish(&mut client, message("a/b/c/d", QoS::AtMostOnce, ""));
    assert!(client.is_ended());
    let (_, ack) = rig.connect(hello(V5, ""));
    assert!(ack.assigned_client.is_some());
}

/// Ids that have taken other brokers down, twice each.
#[test]
fn strange_client_ids_are_only_ids() {
    let mut rig = Rig::default();
    for id in ["a/b", "a+b", "+", "#", "$share", "$SYS/x", "", "../..", "%u", "\u{1F600}"] {
        for _ in 0..2 {
            let mut client = rig.subscriber(hello(V5, id), "x", QoS::AtLeastOnce);
            rig.publish(&mut client, message("x", QoS::AtLeastOnce, id));
            let answers: Vec<Packet> = std::iter::from_fn(|| client.read()).collect();
            assert!(answers.iter().any(|one| matches!(one, Packet::Publish(_))), "{id}");
        }
    }
}

#[test]
fn aliases_go_both_ways_within_their_bounds() {
    let mut rig = limited(|limits| limits.aliases = 2);
    let mut subscriber =
        rig.subscriber(Connect { topic_alias_maximum: 1, ..hello(V5, "s") }, "#", QoS::AtMostOnce);
    let mut publisher = rig.client(hello(V5, "p"));
    let aliased =
        |topic: &str, alias| Publish { alias: Some(alias), ..message(topic, QoS::AtMostOnce, topic) };
    for publish in [aliased("a", 2), aliased("", 2), aliased("b", 2), aliased("", 2)] {
        rig.publish(&mut publisher, publish);
    }
    let came: Vec<(Arc<str>, Option<u16>)> =
        std::iter::from_fn(|| rig.take(&mut subscriber)).map(|one| (one.topic, one.alias)).collect();
    let topic = |topic: &str| Arc::from(topic);
    assert_eq!(came, [(topic("a"), Some(1)), (topic(""), Some(1)), (topic("b"), None), (topic("b"), None)]);
    rig.publish(&mut publisher, aliased("a", 3));
    assert_eq!(publisher.read(), Some(Packet::Disconnect(reason::BAD_ALIAS, None)));
    let mut publisher = rig.client(hello(V5, "p"));
    rig.publish(&mut publisher, aliased("", 1));
    assert!(publisher.is_ended(), "an alias of another connection");
}

#[test]
fn a_client_is_spared_packets_that_it_does_not_take() {
    let mut rig = Rig::default();
    let mut subscriber =
        rig.subscriber(Connect { maximum_packet: Some(100), ..hello(V5, "s") }, "a", QoS::AtLeastOnce);
    let mut publisher = rig.client(hello(V5, "p"));
    rig.publish(&mut publisher, message("a", QoS::AtLeastOnce, &"x".repeat(100)));
    rig.publish(&mut publisher, message("a", QoS::AtLeastOnce, "small"));
    assert_eq!(rig.texts(&mut subscriber), ["small"]);
    assert_eq!(rig.router.counters.dropped, 1);
}

#[test]
fn the_server_tells_of_itself() {
    let mut rig = Rig::default();
    rig.later(1);
    let mut everything = rig.subscriber(hello(V5, "s"), "#", QoS::AtMostOnce);
    assert_eq!(everything.read(), None, "a wildcard does not mean it");
    let mut own = rig.subscriber(hello(V3, "o"), "$SYS/#", QoS::AtMostOnce);
    let topics: Vec<String> =
        std::iter::from_fn(|| rig.take(&mut own)).map(|one| one.topic.to_string()).collect();
    for topic in ["version", "uptime", "clients/connected", "messages/received", "messages/sent"] {
        assert!(topics.contains(&format!("$SYS/broker/{topic}")), "{topic}");
    }
    rig.later(20_000);
    let told: Vec<Publish> = std::iter::from_fn(|| rig.take(&mut own)).collect();
    assert!(
        told.iter().any(|one| &*one.topic == "$SYS/broker/clients/connected" && &one.payload[..] == b"2")
    );
}

#[test]
fn at_the_stop_clients_are_told() {
    let mut rig = Rig::default();
    let (mut new, mut old) = (rig.client(hello(V5, "n")), rig.client(hello(V3, "o")));
    rig.router.shut_down();
    assert_eq!(new.read(), Some(Packet::Disconnect(reason::SHUTTING_DOWN, None)));
    assert_eq!(old.read(), None);
    assert!(new.is_ended() && old.is_ended());
}

#[derive(Debug, Clone)]
enum Step {
    Connect { client: u8, version: Version, clean: bool, expiry: u32, will: bool },
    Send(u8, Packet),
    Gone(u8),
    Later(u64),
    Read(u8),
}

fn names() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "a/b", "+", "#", "a/#", "$share/g/a", "$share/g/+/b", "$SYS/#", "", "a+b"])
        .prop_map(str::to_string)
}

fn anything() -> impl Strategy<Value = Packet> {
    let qos = (0u8..3).prop_map(|number| QoS::of(number).unwrap());
    let ack = prop::sample::select(vec![Ack::PubAck, Ack::PubRec, Ack::PubRel, Ack::PubComp]);
    let publish = (qos.clone(), names(), 1u16..5, any::<bool>(), prop::option::of(0u16..4), 0u32..3);
    prop_oneof![
        4 => publish.prop_map(|(qos, topic, id, retain, alias, expiry)| Packet::Publish(Publish {
            qos, topic: Arc::from(topic), id, retain, alias, expiry: Some(expiry),
            payload: vec![1; expiry as usize].into(), ..Publish::default()
        })),
        2 => (ack, 1u16..8, prop::sample::select(vec![0u8, 0x10, 0x92]))
            .prop_map(|(ack, id, code)| Packet::Ack(ack, id, code)),
        2 => (names(), qos, any::<bool>(), 0u8..3).prop_map(|(filter, qos, no_local, retain_handling)| {
            let wish = Wish { qos, no_local, retain_as_published: no_local, retain_handling };
            Packet::Subscribe(Subscribe { id: 1, filters: vec![(filter, wish)], identifier: None })
        }),
        1 => names().prop_map(|filter| Packet::Unsubscribe(1, vec![filter])),
        1 => Just(Packet::PingResp),
        1 => (any::<u8>(), prop::option::of(0u32..3)).prop_map(|(code, expiry)| Packet::Disconnect(code, expiry)),
    ]
}

fn steps() -> impl Strategy<Value = Step> {
    let version = prop::sample::select(vec![V3, V5]);
    prop_oneof![
        2 => (0u8..4, version, any::<bool>(), 0u32..3, any::<bool>()).prop_map(
            |(client, version, clean, expiry, will)| Step::Connect { client, version, clean, expiry, will }
        ),
        8 => (0u8..4, anything()).prop_map(|(client, packet)| Step::Send(client, packet)),
        1 => (0u8..4).prop_map(Step::Gone),
        1 => (0u64..3_000).prop_map(Step::Later),
        2 => (0u8..4).prop_map(Step::Read),
    ]
}

proptest! {
    /// Clients do what they like: nothing panics, and when all are gone and forgotten nothing is left of them.
    #[test]
    fn anything_in_any_order(steps in prop::collection::vec(steps(), 1..80)) {
        let mut rig = limited(|limits| {
            limits.queue = 4;
            limits.session_expiry = 3;
            limits.aliases = 2;
            limits.retained = 2;
        });
        let mut clients: Vec<Option<Client>> = (0..4).map(|_| None).collect();
        for step in steps {
            match step {
                Step::Connect { client, version, clean, expiry, will: has_will } => {
                    let connect = Connect {
                        clean,
                        session_expiry: Some(expiry),
                        will: if has_will { will("a", expiry) } else { None },
                        ..hello(version, &format!("c/{client}"))
                    };
                    clients[usize::from(client)] = Some(rig.connect(connect).0);
                }
                Step::Send(client, packet) => {
                    if let Some(client) = &clients[usize::from(client)] {
                        rig.router.packet(client.link, packet);
                    }
                }
                Step::Gone(client) => {
                    if let Some(client) = clients[usize::from(client)].take() {
                        rig.router.gone(client.link);
                    }
                }
                Step::Later(ms) => rig.later(ms),
                Step::Read(client) => {
                    if let Some(client) = &mut clients[usize::from(client)] {
                        while client.read().is_some() {}
                        rig.router.room(client.link);
                    }
                }
            }
        }
        for client in clients.into_iter().flatten() {
            rig.router.gone(client.link);
        }
        rig.later(4_000);
        assert!(rig.router.is_forgotten());
    }
}

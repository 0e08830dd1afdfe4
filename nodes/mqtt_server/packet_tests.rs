//! Packets there and back, and packets that are none.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use proptest::prelude::{Just, Strategy, any, prop, prop_assert_eq, prop_oneof, proptest};

use super::packet::{Ack, Carried, ConnAck, Connect, Packet, Publish, QoS, Subscribe, Version, Will, Wish};
use super::{read, write};
use crate::testing::splitmix;

const MOST: usize = 64 * 1024;

fn text() -> impl Strategy<Value = String> {
    "[a-zäß/+#$ ]{0,12}"
}

fn data() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), 0..200).prop_map(Bytes::from)
}

fn qos() -> impl Strategy<Value = QoS> {
    (0u8..3).prop_map(|number| QoS::of(number).unwrap())
}

fn carried() -> impl Strategy<Value = Arc<Carried>> {
    let texts = (prop::option::of(text()), prop::option::of(text()));
    let user = prop::collection::vec((text(), text()), 0..3);
    (prop::option::of(0u8..2), texts, prop::option::of(data()), user).prop_map(
        |(format, (content_type, response_topic), correlation, user)| {
            Arc::new(Carried { format, content_type, response_topic, correlation, user })
        },
    )
}

fn publishes(version: Version) -> impl Strategy<Value = Publish> {
    let v5 = version == Version::V5;
    let numbers = (1u16.., prop::option::of(any::<u16>()), prop::option::of(any::<u32>()));
    let subscriptions = prop::collection::vec(1u32..268_435_455, 0..3);
    (any::<bool>(), qos(), any::<bool>(), text(), numbers, data(), subscriptions, carried()).prop_map(
        move |(dup, qos, retain, topic, (id, alias, expiry), payload, subscriptions, carried)| Publish {
            dup,
            qos,
            retain,
            topic: Arc::from(topic),
            id: if qos == QoS::AtMostOnce { 0 } else { id },
            payload,
            alias: alias.filter(|_| v5),
            expiry: expiry.filter(|_| v5),
            subscriptions: if v5 { subscriptions } else { Vec::new() },
            carried: if v5 { carried } else { Arc::default() },
        },
    )
}

fn connects(version: Version) -> impl Strategy<Value = Connect> {
    let v5 = version == Version::V5;
    let will = (publishes(version), any::<u32>()).prop_map(move |(publish, delay)| Will {
        publish: Publish { dup: false, id: 0, alias: None, subscriptions: Vec::new(), ..publish },
        delay: if v5 { delay } else { 0 },
    });
    let numbers =
        (any::<u16>(), prop::option::of(any::<u32>()), 1u16.., prop::option::of(1u32..), any::<u16>());
    (text(), any::<bool>(), numbers, prop::option::of(will), prop::option::of((text(), data()))).prop_map(
        move |(client, clean, (keep_alive, expiry, receive, packet, aliases), will, login)| Connect {
            version,
            client,
            clean,
            keep_alive,
            will,
            user: login.as_ref().map(|(user, _)| user.clone()),
            password: login.map(|(_, password)| password),
            session_expiry: expiry.filter(|_| v5),
            receive_maximum: if v5 { receive } else { u16::MAX },
            maximum_packet: packet.filter(|_| v5),
            topic_alias_maximum: if v5 { aliases } else { 0 },
            authentication: false,
        },
    )
}

fn packets(version: Version) -> impl Strategy<Value = Packet> {
    let v5 = version == Version::V5;
    let ack = prop::sample::select(vec![Ack::PubAck, Ack::PubRec, Ack::PubRel, Ack::PubComp]);
    let wish = (qos(), any::<bool>(), any::<bool>(), 0u8..3).prop_map(move |(qos, a, b, handling)| {
        if v5 {
            Wish { qos, no_local: a, retain_as_published: b, retain_handling: handling }
        } else {
            Wish { qos, ..Wish::default() }
        }
    });
    let subscribe =
        (1u16.., prop::collection::vec((text(), wish), 1..4), prop::option::of(1u32..268_435_455));
    let reasons = prop::collection::vec(any::<u8>(), 0..4);
    prop_oneof![
        publishes(version).prop_map(Packet::Publish),
        connects(version).prop_map(|connect| Packet::Connect(Box::new(connect))),
        (ack, 1u16.., any::<u8>()).prop_map(move |(ack, id, code)| Packet::Ack(
            ack,
            id,
            if v5 { code } else { 0 }
        )),
        subscribe.prop_map(move |(id, filters, identifier)| {
            Packet::Subscribe(Subscribe { id, filters, identifier: identifier.filter(|_| v5) })
        }),
        (1u16.., prop::collection::vec(text(), 1..4))
            .prop_map(|(id, filters)| Packet::Unsubscribe(id, filters)),
        (1u16.., reasons).prop_map(|(id, reasons)| Packet::SubAck(id, reasons)),
        Just(Packet::PingReq),
        Just(Packet::PingResp),
        (any::<u8>(), prop::option::of(any::<u32>())).prop_map(move |(code, expiry)| {
            if v5 { Packet::Disconnect(code, expiry) } else { Packet::Disconnect(0, None) }
        }),
        any::<bool>().prop_map(move |session_present| Packet::ConnAck(ConnAck {
            session_present,
            assigned_client: v5.then(|| "x".to_string()),
            session_expiry: v5.then_some(3),
            receive_maximum: if v5 { 7 } else { u16::MAX },
            maximum_packet: if v5 { 9 } else { u32::MAX },
            topic_alias_maximum: if v5 { 8 } else { 0 },
            keep_alive: v5.then_some(5),
            reason: 0,
        })),
    ]
}

fn there_and_back(packet: &Packet, version: Version) -> Packet {
    let mut bytes = BytesMut::new();
    write::packet(packet, version, &mut bytes);
    if let Packet::Publish(publish) = packet {
        assert_eq!(bytes.len(), write::publish_length(publish, version));
    }
    // All but the last byte is no packet yet.
    let last = bytes.split_off(bytes.len() - 1);
    assert_eq!(read::next(&mut bytes, version, MOST), Ok(None));
    bytes.unsplit(last);
    let packet = read::next(&mut bytes, version, MOST).unwrap().unwrap();
    assert!(bytes.is_empty());
    packet
}

proptest! {
    #[test]
    fn what_is_written_is_read_in_version_3(packet in packets(Version::V3)) {
        prop_assert_eq!(there_and_back(&packet, Version::V3), packet);
    }

    #[test]
    fn what_is_written_is_read_in_version_5(packet in packets(Version::V5)) {
        prop_assert_eq!(there_and_back(&packet, Version::V5), packet);
    }

    #[test]
    fn noise_never_panics(noise in prop::collection::vec(any::<u8>(), 0..300), v5 in any::<bool>()) {
        read_all(&noise, if v5 { Version::V5 } else { Version::V3 });
    }
}

/// Reads until nothing more comes of it, and gives how many packets it was.
fn read_all(bytes: &[u8], version: Version) -> usize {
    let mut buffer = BytesMut::from(bytes);
    let mut count = 0;
    while let Ok(Some(_)) = read::next(&mut buffer, version, MOST) {
        count += 1;
    }
    count
}

/// Packets of all kinds with some of their bytes changed, taken out, or put in.
#[test]
fn a_hundred_thousand_damaged_packets_never_panic() {
    let mut seed = 7;
    let mut whole = Vec::new();
    for (version, packet) in samples() {
        let mut bytes = BytesMut::new();
        write::packet(&packet, version, &mut bytes);
        whole.push((version, bytes.to_vec()));
    }
    let (mut taken, mut refused) = (0, 0);
    for _ in 0..200_000 {
        let (version, packet) = &whole[(splitmix(&mut seed) % whole.len() as u64) as usize];
        let mut bytes = packet.clone();
        for _ in 0..=splitmix(&mut seed) % 4 {
            let at = (splitmix(&mut seed) % (bytes.len() as u64 + 1)) as usize;
            let byte = splitmix(&mut seed) as u8;
            match splitmix(&mut seed) % 4 {
                0 if at < bytes.len() => drop(bytes.remove(at)),
                1 => bytes.insert(at, byte),
                _ if at < bytes.len() => bytes[at] = byte,
                _ => {}
            }
        }
        if read_all(&bytes, *version) > 0 { taken += 1 } else { refused += 1 }
    }
    assert!(taken > 10_000 && refused > 10_000, "{taken} {refused}");
}

fn samples() -> Vec<(Version, Packet)> {
    let carried = Arc::new(Carried {
        format: Some(1),
        content_type: Some("text".to_string()),
        response_topic: Some("r".to_string()),
        correlation: Some(Bytes::from_static(b"123")),
        user: vec![("a".to_string(), "b".to_string())],
    });
    let publish = Publish {
        qos: QoS::AtLeastOnce,
        topic: Arc::from("a/b"),
        id: 7,
        payload: Bytes::from_static(b"payload"),
        alias: Some(3),
        expiry: Some(9),
        subscriptions: vec![1, 300],
        carried,
        ..Publish::default()
    };
    let mut all = Vec::new();
    for version in [Version::V3, Version::V5] {
        let connect = Connect {
            version,
            client: "client".to_string(),
            clean: true,
            keep_alive: 10,
            will: Some(Will { publish: Publish { id: 0, ..publish.clone() }, delay: 5 }),
            user: Some("user".to_string()),
            password: Some(Bytes::from_static(b"password")),
            session_expiry: Some(1),
            receive_maximum: 10,
            maximum_packet: Some(100),
            topic_alias_maximum: 1,
            authentication: false,
        };
        let subscribe =
            Subscribe { id: 1, filters: vec![("a/#".to_string(), Wish::default())], identifier: Some(300) };
        for packet in [
            Packet::Connect(Box::new(connect)),
            Packet::Publish(publish.clone()),
            Packet::Subscribe(subscribe),
            Packet::Unsubscribe(1, vec!["a/#".to_string()]),
            Packet::Ack(Ack::PubRec, 7, 0x10),
            Packet::Disconnect(4, Some(1)),
        ] {
            all.push((version, packet));
        }
    }
    all
}

#[test]
fn what_is_against_the_standard_is_refused() {
    for (bytes, why) in [
        (&[0x30, 0xff, 0xff, 0xff, 0xff, 1][..], "a length of five bytes"),
        (&[0x00, 0], "no such packet"),
        (&[0x36, 3, 0, 1, b'a'], "QoS 3"),
        (&[0x32, 5, 0, 1, b'a', 0, 0], "an id of 0"),
        (&[0x30, 3, 0, 1, 0], "a zero character"),
        (&[0x30, 4, 0, 2, 0xff, 0xfe], "no UTF-8"),
        (&[0x30, 2, 0, 5], "a topic beyond the packet"),
        (&[0x80, 6, 0, 1, 0, 1, b'a', 0], "SUBSCRIBE with wrong flags"),
        (&[0x82, 2, 0, 1], "SUBSCRIBE without filters"),
        (&[0x82, 6, 0, 1, 0, 1, b'a', 0x04], "options of version 5 in version 3"),
        (&[0xc0, 1, 0], "PINGREQ with something in it"),
        (&[0xf0, 0], "AUTH"),
        (&[0x10, 10, 0, 4, b'M', b'Q', b'T', b'T', 9, 0, 0, 0], "version 9"),
        (&[0x10, 12, 0, 4, b'M', b'Q', b'T', b'T', 4, 1, 0, 0, 0, 0], "a reserved flag"),
    ] {
        let mut buffer = BytesMut::from(bytes);
        assert!(read::next(&mut buffer, Version::V3, MOST).is_err(), "{why}");
    }
    let mut twice = BytesMut::from(&[0x30, 8, 0, 1, b'a', 4, 1, 0, 1, 0][..]);
    assert!(read::next(&mut twice, Version::V5, MOST).is_err(), "a property twice");
    let mut large = BytesMut::from(&[0x30, 0xff, 0xff, 0x7f][..]);
    let refused = read::next(&mut large, Version::V3, MOST).unwrap_err();
    assert_eq!(refused.0, super::packet::reason::TOO_LARGE, "before it is there");
}

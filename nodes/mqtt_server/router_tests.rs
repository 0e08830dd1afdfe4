//! The router without a network: clients here write packets and read what comes back.

mod many;
mod sessions;
mod stored;

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::access::Access;
use super::limits::Limits;
use super::outgoing::Outgoing;
use super::packet::{Ack, ConnAck, Connect, Packet, Publish, QoS, Subscribe, Version, Will, Wish};
use super::read;
use super::router::{Job, Router};

pub const V3: Version = Version::V3;
pub const V5: Version = Version::V5;

pub struct Rig {
    pub router: Router,
    links: u64,
    pub now: u64,
}

/// A client's end of a connection.
pub struct Client {
    pub link: u64,
    outgoing: Arc<Outgoing>,
    buffer: BytesMut,
    next: u16,
}

impl Default for Rig {
    fn default() -> Rig {
        Rig::with(Limits::default(), Access { anonymous: true, ..Access::default() })
    }
}

pub fn hello(version: Version, client: &str) -> Connect {
    Connect {
        version,
        client: client.to_string(),
        clean: true,
        keep_alive: 60,
        will: None,
        user: None,
        password: None,
        session_expiry: None,
        receive_maximum: u16::MAX,
        maximum_packet: None,
        topic_alias_maximum: 0,
        authentication: false,
    }
}

/// One whose session is kept.
pub fn kept(version: Version, client: &str) -> Connect {
    Connect { clean: false, session_expiry: Some(100), ..hello(version, client) }
}

pub fn message(topic: &str, qos: QoS, payload: &str) -> Publish {
    Publish {
        topic: Arc::from(topic),
        qos,
        payload: Bytes::copy_from_slice(payload.as_bytes()),
        ..Publish::default()
    }
}

pub fn will(topic: &str, delay: u32) -> Option<Will> {
    Some(Will { publish: message(topic, QoS::AtLeastOnce, "gone"), delay })
}

impl Rig {
    pub fn with(limits: Limits, access: Access) -> Rig {
        Rig { router: Router::new(limits, access, "test"), links: 0, now: 0 }
    }

    /// Connects, and gives what CONNACK says.
    pub fn connect(&mut self, connect: Connect) -> (Client, ConnAck) {
        self.links += 1;
        let outgoing = Arc::new(Outgoing::new(connect.version));
        let mut client =
            Client { link: self.links, outgoing: outgoing.clone(), buffer: BytesMut::new(), next: 0 };
        self.router.connect(self.links, connect, outgoing, self.links);
        match client.read() {
            Some(Packet::ConnAck(ack)) => (client, ack),
            other => panic!("{other:?}"),
        }
    }

    pub fn client(&mut self, connect: Connect) -> Client {
        let (client, ack) = self.connect(connect);
        assert_eq!(ack.reason, 0);
        client
    }

    pub fn subscriber(&mut self, connect: Connect, filter: &str, qos: QoS) -> Client {
        let mut client = self.client(connect);
        assert_eq!(self.subscribe(&mut client, filter, qos), [qos as u8]);
        client
    }

    pub fn subscribe(&mut self, client: &mut Client, filter: &str, qos: QoS) -> Vec<u8> {
        self.wish(client, filter, Wish { qos, ..Wish::default() }, None)
    }

    pub fn wish(
        &mut self,
        client: &mut Client,
        filter: &str,
        wish: Wish,
        identifier: Option<u32>,
    ) -> Vec<u8> {
        let id = client.id();
        let subscribe = Subscribe { id, filters: vec![(filter.to_string(), wish)], identifier };
        self.router.packet(client.link, Packet::Subscribe(subscribe));
        match client.read() {
            Some(Packet::SubAck(acked, reasons)) if acked == id => reasons,
            other => panic!("{other:?}"),
        }
    }

    /// Publishes, and gives the packet id.
    pub fn publish(&mut self, client: &mut Client, mut publish: Publish) -> u16 {
        if publish.qos != QoS::AtMostOnce {
            publish.id = client.id();
        }
        let id = publish.id;
        self.router.packet(client.link, Packet::Publish(publish));
        id
    }

    /// A message that comes to a client, acknowledged to the end.
    pub fn take(&mut self, client: &mut Client) -> Option<Publish> {
        let publish = match client.read()? {
            Packet::Publish(publish) => publish,
            other => panic!("{other:?}"),
        };
        match publish.qos {
            QoS::AtMostOnce => {}
            QoS::AtLeastOnce => self.ack(client, Ack::PubAck, publish.id),
            QoS::ExactlyOnce => {
                self.ack(client, Ack::PubRec, publish.id);
                let mut others = Vec::new();
                while let Some(packet) = client.read() {
                    if packet == Packet::Ack(Ack::PubRel, publish.id, 0) {
                        break;
                    }
                    others.push(packet);
                }
                self.ack(client, Ack::PubComp, publish.id);
                client.put_back(&others);
            }
        }
        self.router.room(client.link);
        Some(publish)
    }

    /// The payloads of all that comes.
    pub fn texts(&mut self, client: &mut Client) -> Vec<String> {
        std::iter::from_fn(|| self.take(client))
            .map(|publish| String::from_utf8_lossy(&publish.payload).into_owned())
            .collect()
    }

    pub fn ack(&mut self, client: &Client, kind: Ack, id: u16) {
        self.router.packet(client.link, Packet::Ack(kind, id, 0));
    }

    pub fn later(&mut self, ms: u64) {
        self.now += ms;
        self.router.set_now(self.now);
        self.router.tick();
    }

    pub fn jobs(&mut self) -> Vec<Job> {
        self.router.take_jobs()
    }
}

impl Client {
    pub fn id(&mut self) -> u16 {
        self.next += 1;
        self.next
    }

    pub fn read(&mut self) -> Option<Packet> {
        self.buffer.extend_from_slice(&self.outgoing.take().bytes);
        read::next(&mut self.buffer, self.outgoing.version, usize::MAX).unwrap()
    }

    fn put_back(&mut self, packets: &[Packet]) {
        let mut first = BytesMut::new();
        packets.iter().for_each(|packet| super::write::packet(packet, self.outgoing.version, &mut first));
        first.extend_from_slice(&self.buffer);
        self.buffer = first;
    }

    pub fn is_ended(&self) -> bool {
        !self.outgoing.is_reading()
    }
}

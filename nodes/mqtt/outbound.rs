//! Messages to the broker that it has not confirmed. Each is known by its packet id: it counts as delivered when PUBACK or
//! PUBCOMP says so, and not before.
//!
//! QoS 1 is forgotten when the connection is lost: who sent it keeps it, and sends it again. QoS 2 goes on over a new
//! connection of the same session where it stopped, with its packet id; who sends it again gets that one back.

use std::collections::{BTreeMap, VecDeque};

use bytes::BytesMut;

use super::inbound::answer;
use super::packet::{Publish, Qos};

/// Who sent a message, and its number there.
pub type Sender = (u64, u64);

#[derive(Default)]
pub struct Outbound {
    last_id: u16,
    sent: BTreeMap<u16, Sent>,
    /// Of QoS 2: done before the one who sent them asked again.
    finished: VecDeque<Publish>,
}

struct Sent {
    /// Nobody: it was left by a connection that is gone.
    sender: Option<Sender>,
    qos: Qos,
    /// Of QoS 2, to send it again and to recognize it.
    packet: Option<Publish>,
    /// PUBREC has come.
    received: bool,
}

/// A message of QoS 2 that was sent over a connection before.
#[derive(Debug, PartialEq)]
pub enum Left {
    OnItsWay,
    Arrived,
}

/// So many that are done and not asked for are remembered.
const FINISHED: usize = 256;

impl Outbound {
    pub fn len(&self) -> usize {
        self.sent.len()
    }

    /// What has become of a message that is sent again, if it is one.
    pub fn find_left(&mut self, sender: Sender, packet: &Publish) -> Option<Left> {
        if packet.qos != Qos::ExactlyOnce {
            return None;
        }
        if let Some(at) = self.finished.iter().position(|done| is_same(done, packet)) {
            self.finished.remove(at);
            return Some(Left::Arrived);
        }
        let left = self.sent.values_mut().find(|sent| {
            sent.sender.is_none() && sent.packet.as_ref().is_some_and(|left| is_same(left, packet))
        });
        left?.sender = Some(sender);
        Some(Left::OnItsWay)
    }

    /// Notes a message that is sent; its packet id.
    pub fn start(&mut self, sender: Sender, packet: &Publish, is_taken: impl Fn(u16) -> bool) -> u16 {
        let id = self.free_id(is_taken);
        let keep = (packet.qos == Qos::ExactlyOnce).then(|| Publish { id, ..packet.clone() });
        let sent = Sent { sender: Some(sender), qos: packet.qos, packet: keep, received: false };
        self.sent.insert(id, sent);
        id
    }

    /// A packet id that nothing uses.
    pub fn free_id(&mut self, is_taken: impl Fn(u16) -> bool) -> u16 {
        loop {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            if !self.sent.contains_key(&self.last_id) && !is_taken(self.last_id) {
                return self.last_id;
            }
        }
    }

    /// PUBACK has come, or a PUBREC that refuses: who sent it.
    pub fn ended(&mut self, id: u16) -> Option<Sender> {
        self.sent.remove(&id)?.sender
    }

    /// PUBREC has come.
    pub fn received(&mut self, id: u16, out: &mut BytesMut) {
        if let Some(sent) = self.sent.get_mut(&id) {
            sent.received = true;
        }
        // Also for one that is not known: the broker waits for it.
        answer(0x62, id, out);
    }

    /// PUBCOMP has come: who sent it.
    pub fn completed(&mut self, id: u16) -> Option<Sender> {
        let sent = self.sent.remove(&id)?;
        if let (None, Some(packet)) = (sent.sender, sent.packet) {
            self.finished.push_back(packet);
            if self.finished.len() > FINISHED {
                self.finished.pop_front();
            }
        }
        sent.sender
    }

    /// The connection is lost.
    pub fn disconnected(&mut self) {
        self.sent.retain(|_, sent| {
            sent.sender = None;
            sent.qos == Qos::ExactlyOnce
        });
    }

    /// A node is gone: what it sent goes on without it.
    pub fn forget_sender(&mut self, user: u64) {
        for sent in self.sent.values_mut() {
            if sent.sender.is_some_and(|(of, _)| of == user) {
                sent.sender = None;
            }
        }
    }

    /// The broker has kept its session: what it has received is released now, and the rest is given, to be sent again.
    pub fn resume(&self, out: &mut BytesMut) -> VecDeque<Publish> {
        let mut again = VecDeque::new();
        for (id, sent) in &self.sent {
            match &sent.packet {
                _ if sent.received => answer(0x62, *id, out),
                Some(packet) => again.push_back(Publish { dup: true, ..packet.clone() }),
                None => {}
            }
        }
        again
    }

    /// The broker has a new session.
    pub fn forget(&mut self) {
        self.sent.clear();
        self.finished.clear();
    }
}

/// Whether it is the same message, sent again.
fn is_same(left: &Publish, packet: &Publish) -> bool {
    left.topic == packet.topic
        && left.payload == packet.payload
        && left.retain == packet.retain
        && left.properties == packet.properties
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(qos: Qos, payload: &'static str) -> Publish {
        Publish { topic: "t".into(), payload: payload.into(), qos, ..Publish::default() }
    }

    fn start(outbound: &mut Outbound, number: u64, packet: &Publish) -> u16 {
        outbound.start((1, number), packet, |_| false)
    }

    #[test]
    fn a_message_is_known_by_its_packet_id() {
        let mut outbound = Outbound::default();
        let (a, b) = (packet(Qos::AtLeastOnce, "a"), packet(Qos::AtLeastOnce, "b"));
        assert_eq!(start(&mut outbound, 10, &a), 1);
        assert_eq!(start(&mut outbound, 11, &b), 2);
        assert_eq!(outbound.ended(2), Some((1, 11)));
        assert_eq!(outbound.ended(2), None);
        assert_eq!(outbound.ended(1), Some((1, 10)));
    }

    #[test]
    fn packet_ids_in_use_are_passed_over_and_zero_is_none() {
        let mut outbound = Outbound { last_id: 65_533, ..Outbound::default() };
        let a = packet(Qos::AtLeastOnce, "a");
        assert_eq!(start(&mut outbound, 1, &a), 65_534);
        assert_eq!(start(&mut outbound, 2, &a), 65_535);
        assert_eq!(outbound.start((1, 3), &a, |id| id < 5), 5);
    }

    #[test]
    fn qos_2_goes_on_where_it_stopped_and_arrives_once() {
        let (mut outbound, mut out) = (Outbound::default(), BytesMut::new());
        let (a, b, c) =
            (packet(Qos::ExactlyOnce, "a"), packet(Qos::ExactlyOnce, "b"), packet(Qos::AtLeastOnce, "c"));
        for (number, packet) in [(1, &a), (2, &b), (3, &c)] {
            start(&mut outbound, number, packet);
        }
        outbound.received(2, &mut out);
        outbound.disconnected();
        assert_eq!(outbound.len(), 2, "QoS 1 is with who sent it");
        out.clear();
        let again: Vec<(u16, bool)> = outbound.resume(&mut out).iter().map(|p| (p.id, p.dup)).collect();
        assert_eq!((again, &out[..]), (vec![(1, true)], &[0x62, 2, 0, 2][..]));
        // b is done before the node sends it again, a after that.
        assert_eq!(outbound.completed(2), None);
        assert_eq!(outbound.find_left((1, 7), &b), Some(Left::Arrived));
        assert_eq!(outbound.find_left((1, 8), &a), Some(Left::OnItsWay));
        // The same content once more is another message.
        assert_eq!(outbound.find_left((1, 9), &a), None);
        assert_eq!(outbound.completed(1), Some((1, 8)));
    }
}

//! Messages from the broker that it wants to have acknowledged: which are still in the flows, and what is answered when.
//!
//! Answers leave in the order in which the messages came, as the standard demands. A message of QoS 2 that comes again
//! over a new connection of the same session is not handed out twice.

use std::collections::{HashMap, HashSet, VecDeque};

use bytes::{BufMut, BytesMut};

use super::packet::Qos;

#[derive(Default)]
pub struct Inbound {
    next: u64,
    /// In the order in which they came over this connection: number, packet id, QoS.
    order: VecDeque<(u64, u16, Qos)>,
    /// For how many nodes a message is not done yet.
    open: HashMap<u64, usize>,
    /// Of QoS 2, from a connection that is gone: their numbers by packet id.
    carried: HashMap<u16, u64>,
    /// Of QoS 2: answered with PUBREC, and the broker has not released them yet.
    unreleased: HashSet<u16>,
}

impl Inbound {
    /// A message has come for so many nodes. `None`: it has been here before, and is not handed out again.
    pub fn arrived(&mut self, id: u16, qos: Qos, nodes: usize, out: &mut BytesMut) -> Option<u64> {
        let known = match qos {
            Qos::ExactlyOnce if self.unreleased.contains(&id) => Some(self.new_number()),
            Qos::ExactlyOnce => self.carried.remove(&id),
            _ => None,
        };
        let number = known.unwrap_or_else(|| self.new_number());
        self.order.push_back((number, id, qos));
        if known.is_none() && nodes > 0 {
            self.open.insert(number, nodes);
        }
        self.answer(out);
        known.is_none().then_some(number)
    }

    /// Of how many nodes a message is now that is not known to have been done by one.
    pub fn set_nodes(&mut self, number: u64, nodes: usize) {
        if let Some(open) = self.open.get_mut(&number) {
            *open = nodes;
        }
    }

    /// A node is done with a message.
    pub fn settle(&mut self, number: u64, out: &mut BytesMut) {
        let Some(open) = self.open.get_mut(&number) else { return };
        *open -= 1;
        if *open == 0 {
            self.open.remove(&number);
            self.answer(out);
        }
    }

    /// The broker releases a message of QoS 2.
    pub fn released(&mut self, id: u16, out: &mut BytesMut) {
        self.unreleased.remove(&id);
        answer(0x70, id, out);
    }

    /// Whether a message still waits to be answered over this connection.
    pub fn is_open(&self, number: u64) -> bool {
        self.open.contains_key(&number)
    }

    /// The connection is gone. What of QoS 2 was in the flows is recognized when it comes again.
    pub fn disconnected(&mut self) {
        for (number, id, qos) in self.order.drain(..) {
            if qos == Qos::ExactlyOnce {
                self.carried.insert(id, number);
            } else {
                self.open.remove(&number);
            }
        }
    }

    /// The broker has a new session: it knows nothing of what was before.
    pub fn forget(&mut self) {
        self.order.clear();
        self.open.clear();
        self.carried.clear();
        self.unreleased.clear();
    }

    fn new_number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn answer(&mut self, out: &mut BytesMut) {
        while let Some(&(number, id, qos)) = self.order.front() {
            if self.open.contains_key(&number) {
                return;
            }
            self.order.pop_front();
            if qos == Qos::ExactlyOnce {
                self.unreleased.insert(id);
                answer(0x50, id, out);
            } else {
                answer(0x40, id, out);
            }
        }
    }
}

/// PUBACK, PUBREC, PUBREL or PUBCOMP, which are the same in all versions when all is well.
pub fn answer(first: u8, id: u16, out: &mut BytesMut) {
    out.put_u8(first);
    out.put_u8(2);
    out.put_u16(id);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was written since the last call, as (first byte, packet id).
    fn said(out: &mut BytesMut) -> Vec<(u8, u16)> {
        let bytes = out.split();
        bytes.chunks(4).map(|packet| (packet[0], u16::from_be_bytes([packet[2], packet[3]]))).collect()
    }

    #[test]
    fn answers_leave_in_the_order_of_arrival_when_all_nodes_are_done() {
        let (mut inbound, mut out) = (Inbound::default(), BytesMut::new());
        let first = inbound.arrived(7, Qos::AtLeastOnce, 2, &mut out).unwrap();
        let second = inbound.arrived(8, Qos::AtLeastOnce, 1, &mut out).unwrap();
        inbound.settle(second, &mut out);
        inbound.settle(first, &mut out);
        assert_eq!(said(&mut out), []);
        inbound.settle(first, &mut out);
        assert_eq!(said(&mut out), [(0x40, 7), (0x40, 8)]);
        inbound.settle(first, &mut out);
        assert_eq!(said(&mut out), []);
    }

    #[test]
    fn qos_2_is_not_handed_out_twice_over_a_reconnect() {
        let (mut inbound, mut out) = (Inbound::default(), BytesMut::new());
        let in_flow = inbound.arrived(1, Qos::ExactlyOnce, 1, &mut out).unwrap();
        let done = inbound.arrived(2, Qos::ExactlyOnce, 1, &mut out).unwrap();
        inbound.settle(done, &mut out);
        inbound.disconnected();
        // It finishes while nobody is connected: nothing can be said.
        assert_eq!(said(&mut out), []);
        assert_eq!(inbound.arrived(1, Qos::ExactlyOnce, 1, &mut out), None);
        assert_eq!(inbound.arrived(2, Qos::ExactlyOnce, 1, &mut out), None);
        assert_eq!(said(&mut out), []);
        inbound.settle(in_flow, &mut out);
        assert_eq!(said(&mut out), [(0x50, 1), (0x50, 2)]);
        // PUBREC was lost: it comes again, and is answered again.
        inbound.disconnected();
        assert_eq!(inbound.arrived(1, Qos::ExactlyOnce, 1, &mut out), None);
        assert_eq!(said(&mut out), [(0x50, 1)]);
        inbound.released(1, &mut out);
        assert_eq!(said(&mut out), [(0x70, 1)]);
        // The packet id is free for another message.
        assert!(inbound.arrived(1, Qos::ExactlyOnce, 1, &mut out).is_some());
    }

    #[test]
    fn a_new_session_knows_nothing_of_the_old() {
        let (mut inbound, mut out) = (Inbound::default(), BytesMut::new());
        let old = inbound.arrived(1, Qos::ExactlyOnce, 1, &mut out).unwrap();
        inbound.disconnected();
        inbound.forget();
        let new = inbound.arrived(1, Qos::ExactlyOnce, 1, &mut out);
        assert!(new.is_some());
        inbound.settle(old, &mut out);
        assert_eq!(said(&mut out), []);
    }
}

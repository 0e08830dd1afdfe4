//! What the session sends: messages to the broker, within what may be unconfirmed, and what becomes of them.

use bytes::BytesMut;

use super::mailbox::Event;
use super::outbound::Left;
use super::packet::{Publish, Qos, Verdict};
use super::session::Session;
use crate::error::NodeError;
use crate::value::Str;

/// Messages of QoS 1 and 2 that are with the broker and not confirmed.
const WINDOW: usize = 100;
/// The same where one of QoS 2 comes to a broker that cannot say how many it takes: Mosquitto (20) and others (10) throw
/// away what is more, and 3.1.1 has no way to say so.
const WINDOW_2: usize = 10;
/// Bytes that wait to be written; behind that nothing more is taken.
const UNWRITTEN: usize = 1024 * 1024;
/// What became of a message that a node wants to send.
pub enum Publishing {
    Taken,
    NoRoom,
    Refused(NodeError),
}

impl Session {
    /// Hands a message to the broker. What became of it comes as `Event::Sent`.
    pub fn publish(&mut self, user: u64, number: u64, mut packet: Publish) -> Publishing {
        if !self.connected {
            return Publishing::NoRoom;
        }
        if packet.qos as u8 > self.limits.maximum_qos.unwrap_or(2) {
            packet.qos = Qos::of(i64::from(self.limits.maximum_qos.unwrap_or(2))).unwrap_or_default();
        }
        if packet.retain && self.limits.no_retain {
            return Publishing::Refused(NodeError::rejected("the broker keeps no retained messages"));
        }
        if let Err(error) = self.check_alias(&packet) {
            return Publishing::Refused(error);
        }
        if let Some(error) = self.doubt.refuse(&packet) {
            return Publishing::Refused(error);
        }
        match self.outbound.find_left((user, number), &packet) {
            None => {}
            Some(Left::OnItsWay) => return Publishing::Taken,
            Some(Left::Arrived) => {
                self.tell_user(user, number, Verdict { code: 0, reason: None });
                return Publishing::Taken;
            }
        }
        let window = match packet.qos {
            Qos::ExactlyOnce if !self.is_v5 => self.window().min(WINDOW_2),
            _ => self.window(),
        };
        let is_full = packet.qos != Qos::AtMostOnce && self.outbound.len() >= window;
        if is_full || self.out.len() >= UNWRITTEN {
            if !self.hungry.iter().any(|(hungry, _)| *hungry == user) {
                self.hungry.push((user, window / 2));
            }
            return Publishing::NoRoom;
        }
        let mut out = BytesMut::new();
        if packet.weight() > self.largest
            && let Err(error) = self.measure(&packet, &mut out)
        {
            return Publishing::Refused(error);
        }
        if packet.qos != Qos::AtMostOnce {
            self.doubt.sending(&packet);
            let asked = &self.asked;
            packet.id = self.outbound.start((user, number), &packet, |id| asked.contains_key(&id));
        }
        let alias = packet.properties.as_ref().and_then(|properties| properties.alias);
        let topic = packet.topic.clone();
        if alias.is_some_and(|alias| self.own_aliases.get(&alias) == Some(&packet.topic)) {
            packet.topic = Str::default();
        }
        out.clear();
        if let Err(error) = self.codec.publish(&packet, &mut out) {
            self.outbound.ended(packet.id);
            return Publishing::Refused(NodeError::rejected(error));
        }
        if let Some(alias) = alias {
            self.own_aliases.insert(alias, topic);
        }
        self.put(&out);
        if packet.qos == Qos::AtMostOnce {
            self.unwritten.push_back((self.queued, (user, number)));
        }
        Publishing::Taken
    }

    /// Whether a packet that may be too large is.
    fn measure(&self, packet: &Publish, out: &mut BytesMut) -> Result<(), NodeError> {
        self.codec.publish(&Publish { id: 1, ..packet.clone() }, out).map_err(NodeError::rejected)?;
        if out.len() > self.largest {
            let (bytes, most) = (out.len(), self.largest);
            let text = format!("the message has {bytes} bytes as a packet, and at most {most} are allowed");
            return Err(NodeError::rejected(text));
        }
        Ok(())
    }

    fn check_alias(&self, packet: &Publish) -> Result<(), NodeError> {
        let alias = packet.properties.as_ref().and_then(|properties| properties.alias);
        match alias {
            Some(alias) if alias == 0 || alias > self.limits.alias_maximum => {
                Err(NodeError::rejected(format!(
                    "msg.topicAlias is {alias}, and this broker takes 1 to {}",
                    self.limits.alias_maximum
                )))
            }
            _ => Ok(()),
        }
    }

    /// So many bytes have left.
    pub fn wrote(&mut self, bytes: usize) {
        self.written += bytes as u64;
        while let Some(&(at, (user, number))) = self.unwritten.front() {
            if at > self.written {
                break;
            }
            self.unwritten.pop_front();
            self.tell_user(user, number, Verdict { code: 0, reason: None });
        }
        self.feed();
    }

    /// Sends again what a connection before has left: the first only, as long as there is a doubt.
    pub(super) fn resume(&mut self) {
        while let Some(packet) = self.resuming.pop_front() {
            if self.doubt.is_found(&packet) {
                // Who has it hears of it when it is offered again.
                self.outbound.ended(packet.id);
                continue;
            }
            self.doubt.sending(&packet);
            let mut out = BytesMut::new();
            // What was written once can be written again.
            if self.codec.publish(&packet, &mut out).is_ok() {
                self.put(&out);
            }
            if self.doubt.is_careful() {
                return;
            }
        }
    }

    /// The broker has taken something: there is no doubt any more.
    pub(super) fn answered_well(&mut self) {
        self.doubt.answered();
        self.resume();
    }

    /// How many messages may be unconfirmed.
    fn window(&self) -> usize {
        let theirs = self.limits.receive_maximum.map_or(WINDOW, usize::from).max(1);
        if self.doubt.is_careful() { 1 } else { WINDOW.min(theirs) }
    }

    pub fn room(&self) -> usize {
        self.window().saturating_sub(self.outbound.len())
    }

    /// Tells the nodes that wait for room when half of it is free again, so that they fill it with many at once.
    pub(super) fn feed(&mut self) {
        if self.hungry.is_empty() || self.out.len() >= UNWRITTEN {
            return;
        }
        let (sent, users) = (self.outbound.len(), &self.users);
        self.hungry.retain(|(user, below)| {
            let is_fed = sent <= *below;
            if let (true, Some(mailbox)) = (is_fed, users.get(user)) {
                mailbox.push(Event::Room);
            }
            !is_fed
        });
    }

    pub(super) fn tell_user(&self, user: u64, number: u64, verdict: Verdict) {
        if let Some(mailbox) = self.users.get(&user) {
            mailbox.push(Event::Sent { number, verdict });
        }
    }
}

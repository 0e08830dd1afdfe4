//! What the session receives: packets of the broker, handed to the nodes that they are for.

use std::sync::Arc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};

use super::frame::{self, Frame};
use super::mailbox::Event;
use super::packet::{Publish, Qos, Verdict};
use super::session::Session;
use crate::error::NodeError;

/// Bytes of messages that wait for one node: what of QoS 0 comes behind that is dropped and counted, and at the higher
/// bound the connection is given up, so that the broker keeps what it has.
const WAITING: usize = 4 * 1024 * 1024;
const WAITING_FOR_GOOD: usize = 16 * 1024 * 1024;
pub const TOO_SLOW: &str = "messages of QoS 0 came faster than the flow takes them";
pub const TOO_LONG: &str = "packets over the limit (maximumPacketSize) came in";
pub const UNWANTED: &str = "messages came for which no node has a subscription";

impl Session {
    /// A packet has come. An error ends the connection.
    pub fn receive(&mut self, frame: Frame, now: Instant) -> Result<(), NodeError> {
        let lost =
            |error: String| NodeError::disconnected(format!("the broker sent what is no MQTT: {error}"));
        match frame {
            Frame::TooLong { first, length, head } => {
                self.too_long(first, length, &head);
                Ok(())
            }
            Frame::Whole(3, frame) => match self.codec.read_publish(frame.clone()) {
                Ok(publish) => self.message(publish, now),
                Err(error) => self.unreadable(&frame, error).map_err(lost),
            },
            Frame::Whole(kind @ (4..=7 | 9 | 11 | 14), frame) => {
                let ack = frame::ack(kind, &frame, self.is_v5).map_err(lost)?;
                self.answered(kind, ack)
            }
            Frame::Whole(13, _) => Ok(()),
            Frame::Whole(kind, _) => Err(lost(format!("a packet of kind {kind}"))),
        }
    }

    fn answered(&mut self, kind: u8, ack: frame::Ack) -> Result<(), NodeError> {
        let frame::Ack { id, mut verdicts } = ack;
        let last = verdicts.pop();
        let Some(verdict) = last else { return Ok(()) };
        let mut out = BytesMut::new();
        match kind {
            5 if !verdict.is_refusal() => {
                self.outbound.received(id, &mut out);
                self.answered_well();
            }
            4 | 5 => {
                self.answered_well();
                if let Some((user, number)) = self.outbound.ended(id) {
                    self.tell_user(user, number, verdict);
                }
            }
            6 => self.inbound.released(id, &mut out),
            7 => {
                self.answered_well();
                if let Some((user, number)) = self.outbound.completed(id) {
                    self.tell_user(user, number, Verdict { code: 0, reason: None });
                }
            }
            9 | 11 => {
                let asked = self.asked.remove(&id).flatten();
                if let Some(filter) = asked.filter(|_| kind == 9) {
                    self.subscribed(filter, verdict);
                }
            }
            _ => return Err(NodeError::disconnected(format!("the broker disconnects: {verdict}"))),
        }
        self.put(&out);
        self.feed();
        Ok(())
    }

    fn subscribed(&mut self, filter: Arc<str>, verdict: Verdict) {
        let users = self.subscriptions.users_of(&filter);
        if verdict.is_refusal() {
            self.subscriptions.refused(&filter);
        }
        for user in users {
            if let Some(mailbox) = self.users.get(&user) {
                mailbox.push(Event::Subscribed { filter: filter.clone(), verdict: verdict.clone() });
            }
        }
    }

    fn message(&mut self, mut publish: Publish, now: Instant) -> Result<(), NodeError> {
        self.expand_alias(&mut publish)?;
        let mut found = Vec::new();
        self.subscriptions.find(&publish, publish.qos == Qos::AtMostOnce, &mut found);
        if publish.qos == Qos::AtMostOnce {
            for (user, filter) in found {
                let Some(mailbox) = self.users.get(&user) else { continue };
                if mailbox.bytes() >= WAITING {
                    *self.lost.entry(TOO_SLOW).or_default() += 1;
                } else {
                    mailbox.push(Event::Message { filter, publish: publish.clone(), number: None });
                }
            }
            return Ok(());
        }
        // It may stay for long: not with all that was read together with it.
        publish.payload = Bytes::copy_from_slice(&publish.payload);
        let mut out = BytesMut::new();
        // One without a node is held, and that counts as a node.
        let number = self.inbound.arrived(publish.id, publish.qos, found.len().max(1), &mut out);
        self.put(&out);
        let Some(number) = number else { return Ok(()) };
        if found.is_empty() {
            self.held.push_back((number, publish, now));
            let bytes: usize = self.held.iter().map(|(_, publish, _)| publish.payload.len()).sum();
            return if bytes > WAITING_FOR_GOOD { Err(behind()) } else { Ok(()) };
        }
        self.hand_out(number, publish, found)
    }

    pub(super) fn hand_out(
        &mut self,
        number: u64,
        publish: Publish,
        to: Vec<(u64, Arc<str>)>,
    ) -> Result<(), NodeError> {
        let mut is_behind = false;
        for (user, filter) in to {
            if let Some(mailbox) = self.users.get(&user) {
                is_behind |= mailbox.bytes() >= WAITING_FOR_GOOD;
                mailbox.push(Event::Message { filter, publish: publish.clone(), number: Some(number) });
            }
        }
        if is_behind { Err(behind()) } else { Ok(()) }
    }

    fn expand_alias(&mut self, publish: &mut Publish) -> Result<(), NodeError> {
        let alias = publish.properties.as_mut().and_then(|properties| properties.alias.take());
        let Some(alias) = alias else { return Ok(()) };
        if alias == 0 || alias > self.alias_maximum {
            let text =
                format!("the broker uses the topic alias {alias}, and {} are allowed", self.alias_maximum);
            return Err(NodeError::disconnected(text));
        }
        if publish.topic.is_empty() {
            let known = self.aliases.get(&alias).cloned();
            publish.topic = known.ok_or_else(|| {
                NodeError::disconnected("the broker uses a topic alias that it has not set")
            })?;
        } else {
            self.aliases.insert(alias, publish.topic.clone());
        }
        Ok(())
    }

    /// Nodes have come: messages without one may be for them.
    pub(super) fn hand_out_held(&mut self) {
        for (number, publish, since) in std::mem::take(&mut self.held) {
            let mut found = Vec::new();
            self.subscriptions.find(&publish, false, &mut found);
            if found.is_empty() {
                self.held.push_back((number, publish, since));
            } else {
                self.inbound.set_nodes(number, found.len());
                // They were let in before; being over the bound now is no reason to disconnect.
                let _ = self.hand_out(number, publish, found);
            }
        }
    }

    fn too_long(&mut self, first: u8, length: usize, head: &[u8]) {
        if first >> 4 != 3 {
            return;
        }
        let (topic, id) = frame::publish_head(first, head);
        let topic = super::reasons::shortened(&topic);
        self.notes
            .push(format!("a message of {length} bytes on {topic} is over the limit and was not taken"));
        *self.lost.entry(TOO_LONG).or_default() += 1;
        self.refuse_arrival(first, id);
    }

    /// Acknowledges a message that cannot be taken: else the broker sends it again with every connection, for ever.
    fn refuse_arrival(&mut self, first: u8, id: u16) {
        let Some(qos) = Qos::of(i64::from(first >> 1 & 3)).filter(|_| id != 0) else { return };
        let mut out = BytesMut::new();
        if qos != Qos::AtMostOnce {
            self.inbound.arrived(id, qos, 0, &mut out);
        }
        self.put(&out);
    }

    /// A message that the library cannot read: a topic that is not UTF-8, for one.
    fn unreadable(&mut self, frame: &[u8], error: String) -> Result<(), String> {
        let (_, id) = frame::publish_head(frame[0], frame::body(frame).unwrap_or_default());
        if frame[0] & 0b0110 != 0 && id == 0 {
            return Err(error);
        }
        self.notes.push(format!("a message that cannot be read was not taken: {error}"));
        *self.lost.entry("messages that cannot be read came in").or_default() += 1;
        self.refuse_arrival(frame[0], id);
        Ok(())
    }
}

fn behind() -> NodeError {
    NodeError::disconnected("the flow takes messages more slowly than they come: the broker has to keep them")
}

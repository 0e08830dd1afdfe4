//! The session with a broker, without any I/O: packets go in, bytes to be written and events for the nodes come out.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;

use super::doubt::Doubt;
use super::frame::{self, Frame};
use super::inbound::Inbound;
use super::mailbox::{Event, Mailbox};
use super::outbound::{Outbound, Start};
use super::packet::{Codec, ConnAck, Publish, Qos, SubscribeOptions, Verdict};
use super::settings::Settings;
use super::subscriptions::{Subscriptions, Tell};
use crate::error::NodeError;
use crate::value::Str;

/// Messages of QoS 1 and 2 that are with the broker and not confirmed.
const WINDOW: usize = 100;
/// The same where one of QoS 2 comes to a broker that cannot say how many it takes: Mosquitto (20) and others (10) throw
/// away what is more, and 3.1.1 has no way to say so.
const WINDOW_2: usize = 10;
/// Bytes that wait to be written; behind that nothing more is taken.
const UNWRITTEN: usize = 1024 * 1024;
/// Bytes of messages that wait for one node: what of QoS 0 comes behind that is dropped and counted, and at the higher
/// bound the connection is given up, so that the broker keeps what it has.
const WAITING: usize = 4 * 1024 * 1024;
const WAITING_FOR_GOOD: usize = 16 * 1024 * 1024;
/// How long a message waits that no node wants: its node may be starting, or being replaced by a deploy.
const PATIENCE: Duration = Duration::from_secs(10);

pub const TOO_SLOW: &str = "messages of QoS 0 came faster than the flow takes them";
pub const TOO_LONG: &str = "packets over the limit (maximumPacketSize) came in";
pub const UNWANTED: &str = "messages came for which no node has a subscription";

pub struct Session {
    codec: Arc<dyn Codec>,
    is_v5: bool,
    /// Whether packets may be sent; else what is to be sent waits with who wants to send it.
    connected: bool,
    pub limits: ConnAck,
    /// The largest packet that is sent.
    largest: usize,
    pub out: BytesMut,
    /// Bytes that were put into `out`, and bytes that were written, since the connection began.
    queued: u64,
    written: u64,
    /// Messages of QoS 0: delivered when so many bytes are written.
    unwritten: VecDeque<(u64, (u64, u64))>,
    pub inbound: Inbound,
    outbound: Outbound,
    pub subscriptions: Subscriptions,
    asked: BTreeMap<u16, Option<Arc<str>>>,
    users: HashMap<u64, Arc<Mailbox>>,
    last_user: u64,
    /// Nodes that wait for room.
    hungry: Vec<u64>,
    /// Messages without a node, and since when.
    held: VecDeque<(u64, Publish, Instant)>,
    /// Topics that the broker has shortened.
    aliases: HashMap<u16, Str>,
    own_aliases: HashMap<u16, Str>,
    alias_maximum: u16,
    /// Whether the broker keeps the session, and whether it is told of filters that nobody wants any more.
    is_kept: bool,
    unsubscribes: bool,
    doubt: Doubt,
    /// What had to be given up since the last look.
    pub lost: BTreeMap<&'static str, u64>,
    pub notes: Vec<String>,
}

/// What became of a message that a node wants to send.
pub enum Publishing {
    Taken,
    NoRoom,
    Refused(NodeError),
}

impl Session {
    pub fn new(codec: Arc<dyn Codec>, is_v5: bool) -> Session {
        Session {
            codec,
            is_v5,
            connected: false,
            limits: ConnAck::default(),
            largest: 0,
            out: BytesMut::new(),
            queued: 0,
            written: 0,
            unwritten: VecDeque::new(),
            inbound: Inbound::default(),
            outbound: Outbound::default(),
            subscriptions: Subscriptions::default(),
            asked: BTreeMap::new(),
            users: HashMap::new(),
            last_user: 0,
            hungry: Vec::new(),
            held: VecDeque::new(),
            aliases: HashMap::new(),
            own_aliases: HashMap::new(),
            alias_maximum: 0,
            is_kept: false,
            unsubscribes: true,
            doubt: Doubt::default(),
            lost: BTreeMap::new(),
            notes: Vec::new(),
        }
    }

    /// Another version of MQTT: nothing of the session goes on.
    pub fn set_codec(&mut self, codec: Arc<dyn Codec>, is_v5: bool) {
        (self.codec, self.is_v5) = (codec, is_v5);
        self.forget();
    }

    /// The broker has taken the connection.
    pub fn connected(&mut self, answer: ConnAck, settings: &Settings) {
        let largest = settings.connect.maximum_packet as usize;
        (self.is_kept, self.unsubscribes) = (settings.is_persistent(), settings.auto_unsubscribe);
        if !answer.session_present {
            self.forget();
        }
        self.largest = answer.maximum_packet.map_or(largest, |theirs| largest.min(theirs as usize));
        self.limits = answer;
        self.alias_maximum = settings.connect.alias_maximum;
        self.connected = true;
        let codec = self.codec.clone();
        let mut out = BytesMut::new();
        self.outbound.resume(&mut out, &mut |packet, out| {
            // What was written once can be written again.
            let _ = codec.publish(packet, out);
        });
        self.put(&out);
    }

    /// The connection is gone. `lost`: nobody here wanted that.
    pub fn disconnected(&mut self, lost: bool) {
        if std::mem::take(&mut self.connected) && lost && self.doubt.connection_lost(self.outbound.len()) {
            self.outbound.give_up_publishing();
        }
        self.out.clear();
        (self.queued, self.written) = (0, 0);
        self.unwritten.clear();
        self.inbound.disconnected();
        if self.is_kept {
            // The broker sends them again.
            let inbound = &self.inbound;
            self.users.values().for_each(|mailbox| mailbox.forget(|number| !inbound.is_open(number)));
            self.outbound.disconnected();
        } else {
            self.outbound.forget();
        }
        self.asked.clear();
        self.aliases.clear();
        self.own_aliases.clear();
    }

    fn forget(&mut self) {
        self.inbound.forget();
        self.outbound.forget();
        self.subscriptions.forget_told();
        self.held.clear();
    }

    pub fn is_connected(&self) -> bool {
        self.connected
    }

    pub fn join(&mut self, mailbox: Arc<Mailbox>) -> u64 {
        self.last_user += 1;
        self.users.insert(self.last_user, mailbox);
        self.last_user
    }

    /// A node goes. What it was not done with waits a while for one that subscribes to it.
    pub fn leave(&mut self, user: u64, unsettled: Vec<(u64, Publish)>, now: Instant) {
        let Some(mailbox) = self.users.remove(&user) else { return };
        self.subscriptions.remove_all(user, now);
        self.outbound.forget_sender(user);
        self.hungry.retain(|hungry| *hungry != user);
        let unread = mailbox.take_now().into_iter().filter_map(|event| match event {
            Event::Message { publish, number: Some(number), .. } => Some((number, publish)),
            _ => None,
        });
        for (number, publish) in unsettled.into_iter().chain(unread) {
            if self.inbound.is_open(number) {
                self.held.push_back((number, publish, now));
            }
        }
    }

    pub fn subscribe(&mut self, user: u64, filter: &str, options: SubscribeOptions) -> Result<(), String> {
        let told = self.subscriptions.add(user, filter, options);
        match told {
            Some(tell) => self.tell(tell)?,
            None => {
                if let Some(mailbox) = self.users.get(&user) {
                    let verdict = Verdict { code: options.qos as u8, reason: None };
                    mailbox.push(Event::Subscribed { filter: Arc::from(filter), verdict });
                }
            }
        }
        self.hand_out_held();
        Ok(())
    }

    fn tell(&mut self, (filter, options, number): Tell) -> Result<(), String> {
        let number = (self.is_v5 && !self.limits.no_subscription_ids).then_some(number);
        let id = self.outbound.free_id(|id| self.asked.contains_key(&id));
        let mut out = BytesMut::new();
        self.codec.subscribe(id, &filter, options, number, &mut out)?;
        self.asked.insert(id, Some(filter));
        self.put(&out);
        Ok(())
    }

    /// `at_once`: nobody is on the way who wants it still.
    pub fn unsubscribe(&mut self, user: u64, filter: &str, at_once: bool, now: Instant) {
        self.subscriptions.remove(user, filter, now);
        if at_once {
            self.drop_unused(Duration::ZERO, now);
        }
    }

    fn drop_unused(&mut self, longer_than: Duration, now: Instant) {
        for filter in self.subscriptions.take_unused(longer_than, now) {
            if !self.connected {
                continue;
            }
            let id = self.outbound.free_id(|id| self.asked.contains_key(&id));
            let mut out = BytesMut::new();
            if self.codec.unsubscribe(id, &filter, &mut out).is_ok() {
                self.asked.insert(id, None);
                self.put(&out);
            }
        }
    }

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
        let window = match packet.qos {
            Qos::ExactlyOnce if !self.is_v5 => self.window().min(WINDOW_2),
            _ => self.window(),
        };
        let is_full = packet.qos != Qos::AtMostOnce && self.outbound.len() >= window;
        if is_full || self.out.len() >= UNWRITTEN {
            if !self.hungry.contains(&user) {
                self.hungry.push(user);
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
            if let Some(error) = self.doubt.sending(&packet) {
                return Publishing::Refused(error);
            }
            let asked = &self.asked;
            match self.outbound.start((user, number), &packet, |id| asked.contains_key(&id)) {
                Start::Send(id) => packet.id = id,
                Start::OnItsWay => return Publishing::Taken,
                Start::Arrived => {
                    self.tell_user(user, number, Verdict { code: 0, reason: None });
                    return Publishing::Taken;
                }
            }
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

    /// A node is done with a message.
    pub fn settle(&mut self, number: u64) {
        let mut out = BytesMut::new();
        self.inbound.settle(number, &mut out);
        if self.connected {
            self.put(&out);
        }
    }

    pub fn put(&mut self, bytes: &[u8]) {
        self.queued += bytes.len() as u64;
        self.out.extend_from_slice(bytes);
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

    /// How many messages may be unconfirmed.
    fn window(&self) -> usize {
        let theirs = self.limits.receive_maximum.map_or(WINDOW, usize::from).max(1);
        if self.doubt.is_careful() { 1 } else { WINDOW.min(theirs) }
    }

    /// Tells the nodes that wait for room, if there is some.
    fn feed(&mut self) {
        if self.hungry.is_empty() || self.outbound.len() >= self.window() || self.out.len() >= UNWRITTEN {
            return;
        }
        for user in std::mem::take(&mut self.hungry) {
            if let Some(mailbox) = self.users.get(&user) {
                mailbox.push(Event::Room);
            }
        }
    }

    fn tell_user(&self, user: u64, number: u64, verdict: Verdict) {
        if let Some(mailbox) = self.users.get(&user) {
            mailbox.push(Event::Sent { number, verdict });
        }
    }

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
            5 if !verdict.is_refusal() => self.outbound.received(id, &mut out),
            4 | 5 => {
                self.doubt.answered();
                if let Some((user, number)) = self.outbound.ended(id) {
                    self.tell_user(user, number, verdict);
                }
            }
            6 => self.inbound.released(id, &mut out),
            7 => {
                self.doubt.answered();
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
        self.subscriptions.find(&publish, &mut found);
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
        publish.payload = bytes::Bytes::copy_from_slice(&publish.payload);
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

    fn hand_out(&mut self, number: u64, publish: Publish, to: Vec<(u64, Arc<str>)>) -> Result<(), NodeError> {
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
    fn hand_out_held(&mut self) {
        for (number, publish, since) in std::mem::take(&mut self.held) {
            let mut found = Vec::new();
            self.subscriptions.find(&publish, &mut found);
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
        let header = frame.iter().skip(1).take_while(|byte| **byte & 0x80 != 0).count() + 2;
        let (_, id) = frame::publish_head(frame[0], frame.get(header..).unwrap_or_default());
        if frame[0] & 0b0110 != 0 && id == 0 {
            return Err(error);
        }
        self.notes.push(format!("a message that cannot be read was not taken: {error}"));
        *self.lost.entry("messages that cannot be read came in").or_default() += 1;
        self.refuse_arrival(frame[0], id);
        Ok(())
    }

    /// Once a second: what has waited too long for a node is given up.
    pub fn tick(&mut self, now: Instant) {
        let mut out = BytesMut::new();
        while let Some((number, _, since)) = self.held.front() {
            if now.saturating_duration_since(*since) < PATIENCE {
                break;
            }
            if self.inbound.is_open(*number) {
                *self.lost.entry(UNWANTED).or_default() += 1;
                self.inbound.set_nodes(*number, 1);
                self.inbound.settle(*number, &mut out);
            }
            self.held.pop_front();
        }
        self.put(&out);
        if self.unsubscribes {
            self.drop_unused(PATIENCE, now);
        }
    }
}

fn behind() -> NodeError {
    NodeError::disconnected("the flow takes messages more slowly than they come: the broker has to keep them")
}

//! The session with a broker, without any I/O: packets go in, bytes to be written and events for the nodes come out.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;

use super::doubt::Doubt;
use super::inbound::Inbound;
use super::mailbox::{Event, Mailbox};
use super::outbound::Outbound;
use super::packet::{Codec, ConnAck, Publish, SubscribeOptions, Verdict};
use super::session_in::UNWANTED;
use super::settings::Settings;
use super::subscriptions::{Subscriptions, Tell};
use crate::value::Str;

/// How long a message waits that no node wants: its node may be starting, or being replaced by a deploy.
const PATIENCE: Duration = Duration::from_secs(10);

pub struct Session {
    pub(super) codec: Arc<dyn Codec>,
    pub(super) is_v5: bool,
    /// Whether packets may be sent; else what is to be sent waits with who wants to send it.
    pub(super) connected: bool,
    pub limits: ConnAck,
    /// The largest packet that is sent.
    pub(super) largest: usize,
    pub out: BytesMut,
    /// Bytes that were put into `out`, and bytes that were written, since the connection began.
    pub(super) queued: u64,
    pub(super) written: u64,
    /// Messages of QoS 0: delivered when so many bytes are written.
    pub(super) unwritten: VecDeque<(u64, (u64, u64))>,
    pub inbound: Inbound,
    pub(super) outbound: Outbound,
    pub subscriptions: Subscriptions,
    pub(super) asked: BTreeMap<u16, Option<Arc<str>>>,
    pub(super) users: HashMap<u64, Arc<Mailbox>>,
    pub(super) last_user: u64,
    /// Nodes that wait for room, and how few messages may be unconfirmed then.
    pub(super) hungry: Vec<(u64, usize)>,
    /// Messages without a node, and since when.
    pub(super) held: VecDeque<(u64, Publish, Instant)>,
    /// Topics that the broker has shortened.
    pub(super) aliases: HashMap<u16, Str>,
    pub(super) own_aliases: HashMap<u16, Str>,
    pub(super) alias_maximum: u16,
    /// Whether the broker keeps the session, and whether it is told of filters that nobody wants any more.
    pub(super) is_kept: bool,
    pub(super) unsubscribes: bool,
    pub(super) doubt: Doubt,
    /// Of QoS 2, from a connection before: to be sent again.
    pub(super) resuming: VecDeque<Publish>,
    /// What had to be given up since the last look.
    pub lost: BTreeMap<&'static str, u64>,
    pub notes: Vec<String>,
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
            resuming: VecDeque::new(),
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
        let mut out = BytesMut::new();
        self.resuming = self.outbound.resume(&mut out);
        self.put(&out);
        self.resume();
    }

    /// The connection is gone. `lost`: nobody here wanted that.
    pub fn disconnected(&mut self, lost: bool) {
        if std::mem::take(&mut self.connected) && lost {
            self.doubt.connection_lost(self.outbound.len());
        }
        self.resuming.clear();
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
        self.hungry.retain(|(hungry, _)| *hungry != user);
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

    /// Once a second: what has waited too long for a node is given up.
    pub fn tick(&mut self, now: Instant) {
        let mut out = BytesMut::new();
        while self.held.front().is_some_and(|(_, _, since)| now.saturating_duration_since(*since) >= PATIENCE)
        {
            let Some((number, publish, _)) = self.held.pop_front() else { break };
            if !self.inbound.is_open(number) {
                continue;
            }
            let mut found = Vec::new();
            self.subscriptions.find(&publish, true, &mut found);
            self.inbound.set_nodes(number, found.len().max(1));
            if found.is_empty() {
                *self.lost.entry(UNWANTED).or_default() += 1;
                self.inbound.settle(number, &mut out);
            } else {
                // They were let in before; being over the bound now is no reason to disconnect.
                let _ = self.hand_out(number, publish, found);
            }
        }
        self.put(&out);
        if self.unsubscribes {
            self.drop_unused(PATIENCE, now);
        }
    }
}

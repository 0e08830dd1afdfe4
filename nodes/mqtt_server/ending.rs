//! How connections and sessions end, what becomes of wills, and what is to be done as time goes by.

use std::sync::Arc;

use super::message::{Message, Queued};
use super::packet::{Packet, Publish, QoS, Version, Will, reason};
use super::publishing::queued;
use super::router::{Answer, Job, Link, Router};
use super::session::{LinkId, Session};
use super::tree::SessionId;

/// How often the topics under `$SYS` are told anew.
const STATUS_EVERY: u64 = 10_000;
/// An append that takes so long is worth a word.
const STORE_SLOW: u64 = 10_000;

impl Link {
    pub(super) fn find(&mut self, number: u64) -> Option<&mut Answer> {
        self.answers.iter_mut().find(|answer| answer.number == number)
    }
}

impl Router {
    /// DISCONNECT from the client.
    pub(super) fn disconnected(&mut self, link: LinkId, code: u8, expiry: Option<u32>) {
        let Some(session_id) = self.links.get(&link).map(|link| link.session) else { return };
        if let (Some(expiry), Some(session)) = (expiry, self.sessions.get_mut(&session_id)) {
            if session.expiry == 0 && expiry > 0 {
                return self.end_link(
                    link,
                    reason::PROTOCOL_ERROR,
                    "a session that was not to be kept cannot be kept later",
                );
            }
            let expiry = expiry.min(self.limits.session_expiry);
            if session.expiry != expiry {
                session.expiry = expiry;
                self.note_session(session_id, None);
            }
        }
        if let Some(link) = self.links.get(&link) {
            link.outgoing.end(None);
        }
        self.drop_link(link, code == reason::WITH_WILL);
    }

    /// The connection is gone, without a word.
    pub fn gone(&mut self, link: LinkId) {
        self.drop_link(link, true);
    }

    /// Ends a connection for what its client did.
    pub fn end_link(&mut self, id: LinkId, code: u8, why: &'static str) {
        let Some(client) = self.links.get(&id).map(|link| link.who.client.clone()) else { return };
        self.warn(why, || format!("the client {client} was disconnected: {why}"));
        self.close_link(id, code);
    }

    pub(super) fn close_link(&mut self, id: LinkId, code: u8) {
        if let Some(link) = self.links.get(&id) {
            // Version 3 has no such packet from a server.
            let last = Packet::Disconnect(code, None);
            link.outgoing.end((link.outgoing.version == Version::V5).then_some(&last));
        }
        self.drop_link(id, true);
    }

    fn drop_link(&mut self, id: LinkId, with_will: bool) {
        let Some(link) = self.links.remove(&id) else { return };
        let Some(session) = self.sessions.get_mut(&link.session) else { return };
        session.link = None;
        if !with_will {
            session.will = None;
        }
        if session.expiry == 0 {
            return self.end_session(link.session);
        }
        session.ends_at = Some(self.now + u64::from(session.expiry) * 1000);
        session.will_at = session.will.as_ref().map(|will| self.now + u64::from(will.delay) * 1000);
        session.rest();
        if session.will_at == Some(self.now) {
            self.publish_will(link.session);
        }
    }

    fn publish_will(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.will_at = None;
        let Some(Will { publish, .. }) = session.will.take() else { return };
        let who = super::access::Who { user: session.user.clone(), client: session.client.to_string() };
        if publish.topic.starts_with("$SYS/") || !self.access.may_write(&who, &publish.topic) {
            return self.lost(1, "the will of a client is for a topic that it may not write");
        }
        let message = Message::of(publish, Some(id), self.now);
        if self.route(message, None).is_err() {
            self.lost(1, "the will of a client could not be stored");
        }
    }

    /// A session is over, and all that it had with it.
    pub(super) fn end_session(&mut self, id: SessionId) {
        self.publish_will(id);
        let Some(mut session) = self.sessions.remove(&id) else { return };
        self.by_client.remove(&session.client);
        for text in session.subscriptions.keys() {
            if let Some(filter) = super::filter::parse(text) {
                self.tree.remove(filter, id);
            }
        }
        self.forget_session(&session);
        self.hand_on(&mut session);
    }

    /// What it had not acknowledged of a group's messages goes to the others of the group.
    fn hand_on(&mut self, session: &mut Session) {
        let flight = std::mem::take(&mut session.flight).into_iter();
        // One that PUBREC has come for may have been taken.
        let flight = flight.filter(|flight| !flight.received).map(|flight| flight.queued);
        let waiting: Vec<Queued> = flight.chain(session.queue.drain(..)).collect();
        for one in waiting {
            let Some(name) = one.group.as_ref().filter(|_| one.qos != QoS::AtMostOnce) else { continue };
            let found = self.tree.find(&one.message.topic);
            let members = found.groups.iter().find(|(known, _)| known == name);
            let member = members.and_then(|(_, members)| self.member(members, one.message.qos)).copied();
            match member {
                Some(member) => {
                    let again = Queued { group: one.group.clone(), ..queued(&one.message, &member) };
                    self.deliver(member.session, again, None);
                }
                None => self.lost(1, "the last member of a shared subscription has gone"),
            }
        }
    }

    /// What time brings. Called about once a second.
    pub fn tick(&mut self) {
        let now = self.now;
        let due = |at: Option<u64>| at.is_some_and(|at| at <= now);
        let wills: Vec<SessionId> =
            self.sessions.iter().filter(|(_, one)| due(one.will_at)).map(|(id, _)| *id).collect();
        wills.into_iter().for_each(|id| self.publish_will(id));
        let ended: Vec<SessionId> = self
            .sessions
            .iter()
            .filter(|(_, one)| one.link.is_none() && due(one.ends_at))
            .map(|(id, _)| *id)
            .collect();
        ended.into_iter().for_each(|id| self.end_session(id));
        for message in self.retained.expire(now) {
            let gone = Message { payload: bytes::Bytes::new(), expires: None, ..(*message).clone() };
            self.store_retained(&gone, None);
        }
        self.note_positions();
        // A read that failed is tried again.
        let behind: Vec<SessionId> = self.sessions.keys().copied().collect();
        behind.into_iter().for_each(|id| self.fetch(id));
        if self.tickets.values().next().is_some_and(|oldest| now - oldest.since > STORE_SLOW) {
            self.warn("store", || {
                "messages wait for the disk, and their senders are not acknowledged: is it full, or damaged?"
                    .to_string()
            });
        }
        if now >= self.next_status {
            self.next_status = now + STATUS_EVERY;
            self.publish_status();
        }
    }

    /// Writes down how far clients have come in their logs: once a second, so that a crash repeats little.
    fn note_positions(&mut self) {
        for session in self.sessions.values_mut() {
            if let Some(stored) = &mut session.stored
                && std::mem::take(&mut stored.moved)
            {
                self.jobs.push(Job::Done { log: stored.log.clone(), sequence: stored.done });
            }
        }
    }

    fn publish_status(&mut self) {
        let kept = self.sessions.values().filter(|session| session.link.is_none()).count();
        let counters = self.counters;
        for (topic, text) in [
            ("version", format!("tidegate {}", env!("CARGO_PKG_VERSION"))),
            ("uptime", format!("{} seconds", self.now / 1000)),
            ("clients/connected", self.links.len().to_string()),
            ("clients/disconnected", kept.to_string()),
            ("messages/received", counters.received.to_string()),
            ("messages/sent", counters.sent.to_string()),
            ("publish/messages/dropped", counters.dropped.to_string()),
            ("retained messages/count", self.retained.len().to_string()),
        ] {
            let topic: Arc<str> = Arc::from(format!("$SYS/broker/{topic}"));
            if self.retained.get(&topic).is_some_and(|known| known.payload == text.as_bytes()) {
                continue;
            }
            let publish = Publish { topic, payload: text.into(), retain: true, ..Publish::default() };
            let message = Message::of(publish, None, self.now);
            // It is of QoS 0: nothing is refused.
            let _ = self.route(message, None);
        }
    }

    /// Whether nothing is left of any client.
    #[cfg(test)]
    pub fn is_forgotten(&self) -> bool {
        self.links.is_empty() && self.sessions.is_empty() && self.by_client.is_empty() && self.tree.is_empty()
    }

    /// The server stops: all clients are told, and sessions that are kept go on after the next start.
    pub fn shut_down(&mut self) {
        let links: Vec<LinkId> = self.links.keys().copied().collect();
        for id in links {
            let Some(link) = self.links.remove(&id) else { continue };
            let last = Packet::Disconnect(reason::SHUTTING_DOWN, None);
            link.outgoing.end((link.outgoing.version == Version::V5).then_some(&last));
        }
        self.note_positions();
    }
}

//! CONNECT: who comes, and which session it goes on with.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::access::Who;
use super::limits::ALIASES_OUT;
use super::outgoing::Outgoing;
use super::packet::{Ack, ConnAck, Connect, Packet, Version, reason};
use super::router::{Link, Router};
use super::session::{LinkId, Session};
use super::tree::SessionId;
use crate::mqtt::topic;

impl Router {
    /// Lets a client in, or tells it why not. `random` makes a client id where it has none.
    pub fn connect(&mut self, id: LinkId, connect: Connect, outgoing: Arc<Outgoing>, random: u64) {
        let v5 = connect.version == Version::V5;
        let refuse = |reason: u8| {
            let reason = if v5 { reason } else { reason_of_v3(reason) };
            outgoing.end(Some(&Packet::ConnAck(ConnAck { reason, ..ConnAck::default() })));
        };
        if let Err((reason, why)) = self.examine(&connect) {
            let user = connect.user.as_deref().unwrap_or("no user").to_string();
            self.warn(why, || format!("a client ({user}) was refused: {why}"));
            return refuse(reason);
        }
        let assigned = connect.client.is_empty().then(|| format!("auto-{random:016x}"));
        let client: Arc<str> = Arc::from(assigned.as_deref().unwrap_or(&connect.client));
        let wanted = match (v5, connect.clean) {
            (true, _) => connect.session_expiry.unwrap_or(0),
            (false, true) => 0,
            (false, false) => u32::MAX,
        };
        let expiry = wanted.min(self.limits.session_expiry);
        let known = self.by_client.get(&client).copied();
        let persistent = self.sessions.values().filter(|session| session.expiry > 0).count();
        if expiry > 0 && known.is_none() && persistent >= self.limits.sessions {
            let most = self.limits.sessions;
            self.warn("sessions", || {
                format!("a client was refused: there are {most} sessions that outlast their connections; raise maxSessions")
            });
            return refuse(reason::QUOTA);
        }
        if let Some(session) = known {
            self.take_over(session, connect.clean);
        }
        let session_id = match self.by_client.get(&client) {
            Some(session) => *session,
            None => self.new_session(client.clone(), connect.version),
        };
        let session_present = known == Some(session_id);
        outgoing.write(&Packet::ConnAck(ConnAck {
            session_present,
            reason: reason::SUCCESS,
            assigned_client: assigned,
            session_expiry: (expiry != wanted).then_some(expiry),
            receive_maximum: super::limits::UNACKNOWLEDGED as u16,
            maximum_packet: self.limits.packet as u32,
            topic_alias_maximum: self.limits.aliases,
            keep_alive: None,
        }));
        let user = connect.user.clone();
        let who = Who { user: connect.user, client: client.to_string() };
        let link = Link {
            outgoing,
            session: session_id,
            who,
            window: usize::from(connect.receive_maximum.min(self.limits.window)),
            largest: connect.maximum_packet.map_or(usize::MAX, |most| most as usize),
            aliases_in: HashMap::new(),
            aliases_out: HashMap::new(),
            aliases_most: if v5 { connect.topic_alias_maximum.min(ALIASES_OUT) } else { 0 },
            answers: VecDeque::new(),
        };
        self.links.insert(id, link);
        let Some(session) = self.sessions.get_mut(&session_id) else { return };
        session.link = Some(id);
        session.user = user;
        session.version = connect.version;
        session.will = connect.will;
        session.will_at = None;
        session.ends_at = None;
        let changed = session.expiry != expiry;
        session.expiry = expiry;
        if changed {
            self.note_session(session_id, None);
        }
        self.send_again(session_id);
        self.pump(session_id);
    }

    fn examine(&self, connect: &Connect) -> Result<(), (u8, &'static str)> {
        let client = &connect.client;
        if client.len() > self.limits.client_id || client.contains(char::is_control) {
            return Err((reason::BAD_CLIENT, "its client id is too long, or has control characters"));
        }
        if client.is_empty() && !connect.clean && connect.version == Version::V3 {
            return Err((reason::BAD_CLIENT, "it has no client id and wants its session kept"));
        }
        if connect.authentication {
            return Err((reason::BAD_METHOD, "it wants an authentication that is not known here"));
        }
        if !self.access.admits(connect.user.as_deref(), connect.password.as_deref()) {
            return Err((reason::BAD_PASSWORD, "the user or the password is wrong"));
        }
        if let Some(will) = &connect.will {
            let topic = &will.publish.topic;
            if topic::wrong_topic(topic).is_some() || !self.limits.topic.hold(topic) {
                return Err((reason::BAD_TOPIC, "its will has no good topic"));
            }
        }
        if self.links.len() >= self.limits.connections {
            return Err((reason::UNAVAILABLE, "there are too many connections"));
        }
        Ok(())
    }

    /// The client is here on another connection, or was.
    fn take_over(&mut self, id: SessionId, clean: bool) {
        if let Some(link) = self.sessions.get(&id).and_then(|session| session.link) {
            self.close_link(link, reason::TAKEN_OVER);
        }
        // Its session may have ended with that.
        if clean && self.sessions.contains_key(&id) {
            self.end_session(id);
        }
    }

    fn new_session(&mut self, client: Arc<str>, version: Version) -> SessionId {
        let id = loop {
            let id = self.next_number() as SessionId;
            if !self.sessions.contains_key(&id) {
                break id;
            }
        };
        self.by_client.insert(client.clone(), id);
        self.sessions.insert(id, Session::new(client, version));
        id
    }

    /// What was with the client when its last connection ended, in the same order under the same ids.
    fn send_again(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get(&id) else { return };
        let Some(link) = session.link.and_then(|link| self.links.get_mut(&link)) else { return };
        for flight in &session.flight {
            if flight.received {
                link.outgoing.write(&Packet::Ack(Ack::PubRel, flight.id, 0));
                continue;
            }
            let mut publish = link.publish_of(&flight.queued, self.now);
            publish.id = flight.id;
            publish.dup = true;
            link.outgoing.publish(publish);
        }
    }
}

/// What version 3 has for a reason.
fn reason_of_v3(reason: u8) -> u8 {
    match reason {
        reason::BAD_CLIENT => 2,
        reason::BAD_PASSWORD => 4,
        reason::NOT_AUTHORIZED | reason::BAD_METHOD => 5,
        _ => 3,
    }
}

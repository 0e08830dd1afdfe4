//! PUBLISH from a client, and the way of a message to the sessions that it is for.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::limits::{PENDING_BYTES, UNACKNOWLEDGED};
use super::message::{Message, Queued};
use super::packet::{Ack, Packet, Publish, QoS, reason};
use super::router::{Answer, Router};
use super::session::LinkId;
use super::tree::{SessionId, Subscription};
use crate::mqtt::topic;

/// An answer that waits for the disk, by its connection and number.
pub type Waiting = Option<(LinkId, u64)>;

impl Router {
    pub(super) fn published(&mut self, id: LinkId, mut publish: Publish) {
        self.counters.received += 1;
        let v5 = self.is_v5(id);
        let Some(link) = self.links.get_mut(&id) else { return };
        if let Some(alias) = publish.alias.take() {
            let known = link.aliases_in.get(&alias).cloned();
            match (publish.topic.is_empty(), known) {
                _ if alias == 0 || alias > self.limits.aliases => {
                    return self.end_link(id, reason::BAD_ALIAS, "a topic alias beyond what was offered");
                }
                (true, Some(topic)) => publish.topic = topic,
                (true, None) => {
                    return self.end_link(id, reason::PROTOCOL_ERROR, "a topic alias without a topic");
                }
                (false, _) => drop(link.aliases_in.insert(alias, publish.topic.clone())),
            }
        }
        if topic::wrong_topic(&publish.topic).is_some() || !publish.subscriptions.is_empty() {
            return self.end_link(id, reason::BAD_TOPIC, "a topic that nothing can be published to");
        }
        if !self.limits.topic.hold(&publish.topic) {
            return self.end_link(id, reason::BAD_TOPIC, "a topic that is too long, or has too many levels");
        }
        let (session_id, qos, packet_id) = (link.session, publish.qos, publish.id);
        let unacknowledged = link.answers.len();
        // What begins with $SYS is the server's own.
        let allowed = !publish.topic.starts_with("$SYS/") && self.access.may_write(&link.who, &publish.topic);
        let Some(session) = self.sessions.get_mut(&session_id) else { return };
        if v5 && qos != QoS::AtMostOnce && unacknowledged + session.received.len() >= UNACKNOWLEDGED {
            return self.end_link(
                id,
                reason::RECEIVE_MAXIMUM,
                "more unacknowledged messages than were offered",
            );
        }
        if qos == QoS::ExactlyOnce && !session.received.insert(packet_id) {
            // It came before. Where its PUBREC waits for the disk, that one is the answer.
            let answered = !self.links.get(&id).is_some_and(|link| link.waits_for(packet_id));
            if answered {
                self.write(id, &Packet::Ack(Ack::PubRec, packet_id, 0));
            }
            return;
        }
        let number = self.next_number();
        let result = if allowed {
            let message = Message::of(publish, Some(session_id), self.now);
            self.route(message, (qos != QoS::AtMostOnce).then_some((id, number)))
        } else {
            let user = self.links.get(&id).map(|link| link.who.clone()).unwrap_or_default();
            self.warn("not allowed", || {
                format!(
                    "{} ({}) publishes what it may not",
                    user.client,
                    user.user.as_deref().unwrap_or("no user")
                )
            });
            self.lost(1, "a client published to a topic that it may not write");
            Err(reason::NOT_AUTHORIZED)
        };
        let kind = match qos {
            QoS::AtMostOnce => return,
            QoS::AtLeastOnce => Ack::PubAck,
            QoS::ExactlyOnce => Ack::PubRec,
        };
        let (waits, code) = match result {
            Ok((waits, true)) => (waits, reason::SUCCESS),
            Ok((waits, false)) => (waits, reason::NO_SUBSCRIBERS),
            // Version 3 has no way to say it: it is as if it had been taken.
            Err(reason::NOT_AUTHORIZED) => (0, reason::NOT_AUTHORIZED),
            Err(code) => (0, code),
        };
        if code >= 0x80
            && let Some(session) = self.sessions.get_mut(&session_id)
        {
            session.received.remove(&packet_id);
        }
        if !v5 && code >= 0x80 && code != reason::NOT_AUTHORIZED {
            // Without an answer it is sent again; version 3 knows no other way to say that it was not taken.
            return self.close_link(id, code);
        }
        if let Some(link) = self.links.get_mut(&id) {
            link.answers.push_back(Answer { number, waits, packet: Packet::Ack(kind, packet_id, code) });
        }
        self.let_answers_go(id);
    }

    pub(super) fn released(&mut self, link: LinkId, id: u16) {
        let Some(session) = self.links.get(&link).map(|link| link.session) else { return };
        let Some(session) = self.sessions.get_mut(&session) else { return };
        let known = session.received.remove(&id);
        let code = if known { reason::SUCCESS } else { reason::NO_SUCH_ID };
        self.write(link, &Packet::Ack(Ack::PubComp, id, code));
    }

    /// Hands a message to all that it is for. Gives how many appends its answer waits for, and whether anybody wanted it;
    /// or why it was not taken, and then nobody has it.
    pub(super) fn route(&mut self, message: Message, waiting: Waiting) -> Result<(usize, bool), u8> {
        let mut message = Arc::new(message);
        let found = self.tree.find(&message.topic);
        let mut targets: BTreeMap<SessionId, Queued> = BTreeMap::new();
        for subscription in &found.own {
            if subscription.wish.no_local && message.from == Some(subscription.session) {
                continue;
            }
            let queued = queued(&message, subscription);
            match targets.get_mut(&subscription.session) {
                // Several of one client's subscriptions match: it gets the message once, at the best of them.
                Some(known) => {
                    known.qos = known.qos.max(queued.qos);
                    known.retain |= queued.retain;
                    known.identifiers.extend(queued.identifiers);
                }
                None => drop(targets.insert(subscription.session, queued)),
            }
        }
        let mut all: Vec<(SessionId, Queued)> = targets.into_iter().collect();
        for (name, members) in &found.groups {
            if let Some(member) = self.member(members, message.qos) {
                all.push((member.session, Queued { group: Some(name.clone()), ..queued(&message, member) }));
            }
        }
        let is_stored =
            self.store.is_some() && (message.retain || all.iter().any(|(id, one)| self.is_stored(*id, one)));
        if message.qos != QoS::AtMostOnce {
            if is_stored && self.pending_bytes > PENDING_BYTES {
                self.warn("store", || {
                    "messages are not taken: what is to be written waits for the disk".to_string()
                });
                return Err(reason::QUOTA);
            }
            if let Some(full) = all.iter().find_map(|(id, one)| self.is_full(*id, one)) {
                self.warn("full", || {
                    format!("messages are not taken: too much waits for the client {full}; it does not come, or is too slow")
                });
                return Err(reason::QUOTA);
            }
        }
        let mut waits = 0;
        if message.retain {
            // Delivered at once it is not a retained one.
            waits += usize::from(self.retain(&mut message, waiting));
        }
        let wanted = !all.is_empty();
        for (id, queued) in all {
            waits += usize::from(self.deliver(id, queued, waiting));
        }
        Ok((waits, wanted))
    }

    /// Keeps a retained message; `true` where an answer waits for that.
    fn retain(&mut self, message: &mut Arc<Message>, waiting: Waiting) -> bool {
        let is_ours = message.topic.starts_with("$SYS/");
        let empty = message.payload.is_empty();
        if empty && self.retained.get(&message.topic).is_none() {
            return false;
        }
        if !empty
            && !is_ours
            && !self.retained.has_room(message, self.limits.retained, self.limits.retained_bytes)
        {
            self.warn("retained", || {
                "a message is delivered but not retained: there are too many of them, or too many bytes"
                    .to_string()
            });
            return false;
        }
        self.retained.set(message);
        !is_ours && self.store_retained(message, waiting)
    }

    /// The member of a group that gets a message: the first in turn that is here, else one for whom it is kept.
    pub(super) fn member<'s>(&self, members: &'s [Subscription], qos: QoS) -> Option<&'s Subscription> {
        let is_here = |one: &&Subscription| {
            self.sessions
                .get(&one.session)
                .is_some_and(|session| session.link.is_some() && session.queue.len() < self.limits.queue / 2)
        };
        let is_kept = |one: &&Subscription| {
            qos.min(one.wish.qos) != QoS::AtMostOnce
                && self.sessions.get(&one.session).is_some_and(|session| session.expiry > 0)
        };
        let here = members.iter().find(is_here);
        here.or_else(|| members.iter().find(is_kept)).or_else(|| members.first())
    }
}

pub(super) fn queued(message: &Arc<Message>, subscription: &Subscription) -> Queued {
    Queued {
        message: message.clone(),
        qos: message.qos.min(subscription.wish.qos),
        retain: message.retain && subscription.wish.retain_as_published,
        identifiers: subscription.identifier.into_iter().collect(),
        sequence: 0,
        group: None,
    }
}

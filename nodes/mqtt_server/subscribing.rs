//! SUBSCRIBE and UNSUBSCRIBE.

use super::filter;
use super::packet::{Packet, QoS, Subscribe, Wish, reason};
use super::router::Router;
use super::session::{LinkId, Replay};
use super::tree::{SessionId, Subscription};

impl Router {
    pub(super) fn subscribe(&mut self, link: LinkId, subscribe: Subscribe) {
        let v5 = self.is_v5(link);
        let Some(session) = self.links.get(&link).map(|link| link.session) else { return };
        let mut reasons = Vec::new();
        for (text, wish) in subscribe.filters {
            let answer = self.subscribe_one(link, session, text, wish, subscribe.identifier);
            reasons.push(match answer {
                Ok(qos) => qos as u8,
                Err(reason) if v5 => reason,
                Err(_) => reason::FAILURE_V3,
            });
        }
        // A subscription of a session that is kept is on the disk before it is granted.
        let number = self.answer(link, Packet::SubAck(subscribe.id, reasons));
        self.note_session(session, Some((link, number)));
        self.let_answers_go(link);
        self.pump(session);
    }

    fn subscribe_one(
        &mut self,
        link: LinkId,
        id: SessionId,
        text: String,
        wish: Wish,
        identifier: Option<u32>,
    ) -> Result<QoS, u8> {
        let filter = filter::parse(&text).ok_or(reason::BAD_FILTER)?;
        if !self.limits.topic.hold(&text) {
            return Err(reason::BAD_FILTER);
        }
        if filter.group.is_some() && wish.no_local {
            return Err(reason::PROTOCOL_ERROR);
        }
        let who = self.links.get(&link).map(|link| &link.who).ok_or(reason::NOT_AUTHORIZED)?;
        if !self.access.may_read(who, filter.levels) {
            return Err(reason::NOT_AUTHORIZED);
        }
        let Some(session) = self.sessions.get_mut(&id) else { return Err(reason::QUOTA) };
        if !session.subscriptions.contains_key(&text)
            && session.subscriptions.len() >= self.limits.subscriptions
        {
            return Err(reason::QUOTA);
        }
        let was_there = self.tree.insert(filter, Subscription { session: id, wish, identifier });
        let replays = filter.group.is_none()
            && match wish.retain_handling {
                0 => true,
                1 => !was_there,
                _ => false,
            };
        session.replays.retain(|replay| replay.filter != filter.levels);
        if replays {
            let (qos, filter) = (wish.qos, filter.levels.to_string());
            session.replays.push_back(Replay { filter, after: None, qos, identifier });
        }
        session.subscriptions.insert(text, (wish, identifier));
        Ok(wish.qos)
    }

    pub(super) fn unsubscribe(&mut self, link: LinkId, id: u16, filters: Vec<String>) {
        let Some(session_id) = self.links.get(&link).map(|link| link.session) else { return };
        let Some(session) = self.sessions.get_mut(&session_id) else { return };
        let mut reasons = Vec::new();
        for text in filters {
            let known = session.subscriptions.remove(&text).is_some();
            reasons.push(if known { reason::SUCCESS } else { reason::NO_SUBSCRIPTION });
            if let Some(filter) = filter::parse(&text) {
                self.tree.remove(filter, session_id);
                session.replays.retain(|replay| replay.filter != filter.levels);
            }
        }
        let number = self.answer(link, Packet::UnsubAck(id, reasons));
        self.note_session(session_id, Some((link, number)));
        self.let_answers_go(link);
    }
}

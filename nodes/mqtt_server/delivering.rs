//! From a session's queue to its client, and what the client acknowledges.

use std::sync::Arc;

use super::message::{Message, Queued};
use super::packet::{Ack, Packet, Publish, QoS, Version, reason};
use super::publishing::Waiting;
use super::router::{Job, Link, Router};
use super::session::{Flight, LinkId, Session, Stored};
use super::tree::SessionId;
use super::write;
use crate::host::LogRecord;

/// So many of a log's messages are in memory; fewer than that, and more are read.
const LOADED: usize = 256;
const LOADED_BYTES: usize = 1024 * 1024;

impl Router {
    /// Whether this message goes to the session's log first.
    pub(super) fn is_stored(&self, id: SessionId, queued: &Queued) -> bool {
        queued.qos != QoS::AtMostOnce
            && self.sessions.get(&id).is_some_and(|session| session.stored.is_some())
    }

    /// The client, where its session is kept and can take no more.
    pub(super) fn is_full(&self, id: SessionId, queued: &Queued) -> Option<Arc<str>> {
        let session = self.sessions.get(&id)?;
        if queued.qos == QoS::AtMostOnce || (session.expiry == 0 && session.stored.is_none()) {
            return None;
        }
        let limits = &self.limits;
        let full = match &session.stored {
            Some(stored) => stored.waiting() >= limits.stored || stored.bytes >= limits.stored_bytes,
            None => session.queue.len() >= limits.queue || session.queue_bytes >= limits.queue_bytes,
        };
        full.then(|| session.client.clone())
    }

    /// Puts a message into a session; `true` where an answer waits for its append.
    pub(super) fn deliver(&mut self, id: SessionId, queued: Queued, waiting: Waiting) -> bool {
        if self.is_stored(id, &queued) {
            self.store_message(id, queued, waiting);
            return waiting.is_some();
        }
        let Some(session) = self.sessions.get_mut(&id) else { return false };
        let full = session.queue.len() >= self.limits.queue || session.queue_bytes >= self.limits.queue_bytes;
        match (queued.qos, session.link) {
            (QoS::AtMostOnce, None) => return false,
            (QoS::AtMostOnce, Some(_)) if full => {
                self.lost(1, "a client takes its messages too slowly");
                return false;
            }
            // Its session ends in a moment.
            (_, None) if session.expiry == 0 => return false,
            (_, Some(link)) if full && session.expiry == 0 => {
                self.end_link(link, reason::QUOTA, "it takes its messages too slowly");
                return false;
            }
            _ => session.push(queued),
        }
        self.pump(id);
        false
    }

    /// Sends what waits for a client, as far as it takes it.
    pub(super) fn pump(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some(link) = session.link.and_then(|link| self.links.get_mut(&link)) else { return };
        let (mut expired, mut too_large) = (0, 0);
        let moved = !session.queue.is_empty();
        while link.outgoing.has_room() {
            let replayed = session.replays.front().and_then(|replay| {
                self.retained.next(&replay.filter, replay.after.as_deref()).map(|message| Queued {
                    qos: message.qos.min(replay.qos),
                    message: message.clone(),
                    retain: true,
                    identifiers: replay.identifier.into_iter().collect(),
                    sequence: 0,
                    group: None,
                })
            });
            let qos = match (&replayed, session.queue.front()) {
                (Some(replayed), _) => replayed.qos,
                (None, _) if session.replays.pop_front().is_some() => continue,
                (None, Some(queued)) => queued.qos,
                (None, None) => break,
            };
            if qos != QoS::AtMostOnce && session.flight.len() >= link.window {
                break;
            }
            let queued = match replayed {
                Some(queued) => {
                    if let Some(replay) = session.replays.front_mut() {
                        replay.after = Some(queued.message.topic.clone());
                    }
                    queued
                }
                None => match session.pop() {
                    Some(queued) => queued,
                    None => break,
                },
            };
            if queued.message.has_expired(self.now) {
                expired += 1;
            } else if send(session, link, queued, self.now) {
                self.counters.sent += 1;
            } else {
                too_large += 1;
            }
        }
        if moved {
            session.progress();
        }
        self.fetch(id);
        if expired > 0 {
            self.lost(expired, "a message expired before its client took it");
        }
        if too_large > 0 {
            self.lost(too_large, "a message is larger than its client takes");
        }
    }

    /// Reads on in a session's log when little of it is in memory.
    pub(super) fn fetch(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let little = session.queue.len() < LOADED / 2 && session.queue_bytes < LOADED_BYTES / 2;
        let Some(stored) = session.stored.as_mut().filter(|stored| {
            little && session.link.is_some() && !stored.fetching && stored.loaded < stored.end
        }) else {
            return;
        };
        stored.fetching = true;
        self.jobs.push(Job::Fetch { session: id, log: stored.log.clone(), from: stored.loaded });
    }

    /// A message of a session's log is on the disk. It is taken from memory where nothing before it waits on the disk.
    pub(super) fn stored_message(&mut self, id: SessionId, mut queued: Queued, sequence: u64) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let has_room = session.queue.len() < LOADED && session.queue_bytes < LOADED_BYTES;
        let Some(stored) = &mut session.stored else { return };
        stored.end = stored.end.max(sequence + 1);
        if session.link.is_some() && !stored.fetching && stored.loaded == sequence && has_room {
            stored.loaded = sequence + 1;
            queued.sequence = sequence;
            session.push(queued);
        }
        self.pump(id);
    }

    /// What was read of a session's log, from a sequence on. Its client may have gone and come again meanwhile, and reads
    /// from another place now: then this is not what it waits for.
    pub fn fetched(&mut self, id: SessionId, log: &str, from: u64, records: Result<Vec<LogRecord>, String>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let is_waited_for =
            |stored: &&mut Stored| &*stored.log == log && stored.fetching && stored.loaded == from;
        let Some(stored) = session.stored.as_mut().filter(is_waited_for) else { return };
        stored.fetching = false;
        let records = match records {
            Ok(records) => records,
            Err(error) => {
                return self.warn("reading", || format!("what waits for a client cannot be read: {error}"));
            }
        };
        stored.loaded = records.last().map_or(from, |last| last.sequence + 1).max(from);
        let mut damaged = 0;
        for record in records.iter().filter(|record| record.sequence >= from) {
            match Queued::of_object(&record.value, record.sequence, &self.run, self.now) {
                Some(queued) => session.push(queued),
                None => damaged += 1,
            }
        }
        session.progress();
        if damaged > 0 {
            self.lost(damaged, "a stored message could not be read");
        }
        self.pump(id);
    }

    pub(super) fn acknowledged(&mut self, link: LinkId, kind: Ack, id: u16, code: u8) {
        let Some(session_id) = self.links.get(&link).map(|link| link.session) else { return };
        let Some(session) = self.sessions.get_mut(&session_id) else { return };
        let at = session.flight.iter().position(|flight| flight.id == id);
        let qos = at.map(|at| session.flight[at].queued.qos);
        match (kind, at, qos) {
            (Ack::PubRec, Some(at), Some(QoS::ExactlyOnce)) if code < 0x80 => {
                session.flight[at].received = true;
                return self.write(link, &Packet::Ack(Ack::PubRel, id, 0));
            }
            // Forgotten here, but the client is to have an end of it.
            (Ack::PubRec, None, _) if code < 0x80 => {
                return self.write(link, &Packet::Ack(Ack::PubRel, id, reason::NO_SUCH_ID));
            }
            (Ack::PubAck, Some(at), Some(QoS::AtLeastOnce))
            | (Ack::PubRec | Ack::PubComp, Some(at), Some(QoS::ExactlyOnce)) => {
                session.flight.remove(at);
            }
            // Of a connection before, or for nothing: there is nothing to be done about it.
            _ => return,
        }
        session.progress();
        self.pump(session_id);
    }
}

/// Writes one message to its client; `false` where it takes none that are so large.
fn send(session: &mut Session, link: &mut Link, queued: Queued, now: u64) -> bool {
    let mut publish = link.publish_of(&queued, now);
    let length = write::publish_length(&publish, link.outgoing.version);
    if length > link.largest {
        return false;
    }
    if queued.qos != QoS::AtMostOnce {
        publish.id = session.take_id();
        session.flight.push_back(Flight { id: publish.id, queued, received: false });
    }
    // An alias takes three bytes before it saves any.
    if length + 3 <= link.largest {
        link.shorten(&mut publish);
    }
    link.outgoing.publish(publish);
    true
}

impl Link {
    /// A message as this client gets it, still without an id.
    pub(super) fn publish_of(&self, queued: &Queued, now: u64) -> Publish {
        let message: &Message = &queued.message;
        let v5 = self.outgoing.version == Version::V5;
        Publish {
            dup: false,
            qos: queued.qos,
            retain: queued.retain,
            topic: message.topic.clone(),
            id: 0,
            payload: message.payload.clone(),
            alias: None,
            expiry: if v5 { message.seconds_left(now) } else { None },
            subscriptions: if v5 { queued.identifiers.clone() } else { Vec::new() },
            carried: message.carried.clone(),
        }
    }

    /// Puts an alias in the place of a topic that the client knows one for, or gives it one.
    fn shorten(&mut self, publish: &mut Publish) {
        if let Some(alias) = self.aliases_out.get(&publish.topic) {
            publish.alias = Some(*alias);
            publish.topic = Arc::from("");
        } else if self.aliases_out.len() < usize::from(self.aliases_most) {
            let alias = self.aliases_out.len() as u16 + 1;
            self.aliases_out.insert(publish.topic.clone(), alias);
            publish.alias = Some(alias);
        }
    }

    /// Whether the answer to this id of QoS 2 waits for the disk.
    pub(super) fn waits_for(&self, id: u16) -> bool {
        self.answers
            .iter()
            .any(|answer| matches!(answer.packet, Packet::Ack(Ack::PubRec, known, _) if known == id))
    }
}

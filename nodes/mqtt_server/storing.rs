//! What goes to the store, and the answers that wait for it.

use std::sync::Arc;

use super::filter;
use super::message::{self, Message, Queued};
use super::packet::{Packet, QoS, Version, Wish, reason};
use super::publishing::Waiting;
use super::router::{Answer, Job, Router, Ticket};
use super::session::{LinkId, Session, Stored};
use super::tree::{SessionId, Subscription};
use crate::host::LogRecord;
use crate::value::{Object, Str, Value};

/// The names of the two logs that are kept compact, behind the server's own.
pub const SESSIONS: &str = "sessions";
pub const RETAINED: &str = "retained";

impl Router {
    /// Keeps what must survive under this name from now on.
    pub fn use_store(&mut self, name: &str) {
        self.store = Some(name.to_string());
    }

    /// Appends to the log of a session; `waiting` is answered when it is on the disk.
    pub(super) fn store_message(&mut self, id: SessionId, queued: Queued, answer: Waiting) {
        let value = queued.to_object(&self.run, self.now);
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some(stored) = &mut session.stored else { return };
        stored.pending += 1;
        stored.bytes += queued.message.weight() as u64;
        let (log, bytes) = (stored.log.clone(), queued.message.weight());
        let record = LogRecord { value, ..LogRecord::default() };
        self.append(
            log.to_string(),
            record,
            Ticket {
                answers: answer.into_iter().collect(),
                note: None,
                session: Some((id, queued, log)),
                bytes,
                since: self.now,
            },
        );
    }

    /// `true` where the answer waits for it.
    pub(super) fn store_retained(&mut self, message: &Message, answer: Waiting) -> bool {
        let Some(store) = &self.store else { return false };
        let log = format!("{store}/{RETAINED}");
        let mut value = message::record(message, &self.run, self.now);
        if message.payload.is_empty() {
            value.insert("deleted", true);
        }
        let record = LogRecord { value, key: Some(Str::new(&message.topic)), ..LogRecord::default() };
        let ticket = Ticket {
            answers: answer.into_iter().collect(),
            note: None,
            session: None,
            bytes: message.weight(),
            since: self.now,
        };
        self.append(log, record, ticket);
        answer.is_some()
    }

    /// A session is to be written down, as it is when the jobs are taken; an answer may wait for that.
    pub(super) fn note_session(&mut self, id: SessionId, waiting: Waiting) {
        let Some(store) = &self.store else { return };
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if session.expiry == 0 && session.stored.is_none() {
            return;
        }
        if session.stored.is_none() {
            self.number += 1;
            // The name of a log is never used again: what is left of one before must not be taken for this one's.
            let log = Arc::from(format!("{store}/queue/{}/{}-{}", session.client, self.run, self.number));
            session.stored = Some(Stored::new(log));
        }
        let answers = self.changed.entry(id).or_default();
        if let Some((link, number)) = waiting
            && let Some(answer) = self.links.get_mut(&link).and_then(|link| link.find(number))
        {
            answer.waits += 1;
            answers.push((link, number));
        }
    }

    /// Writes down the sessions that changed: that they are there, and what they subscribe to. Of each one record is under
    /// way at most, so that a client that changes its mind all the time fills no memory.
    pub(super) fn write_sessions(&mut self) {
        let Some(store) = self.store.clone() else { return };
        for (id, answers) in std::mem::take(&mut self.changed) {
            // One that is gone needs no more, and its connection is gone too.
            let Some(session) = self.sessions.get_mut(&id) else { continue };
            let Some(stored) = &mut session.stored else { continue };
            if std::mem::replace(&mut stored.noting, true) {
                self.changed.insert(id, answers);
                continue;
            }
            let value = record_of(session);
            let record = LogRecord { value, key: Some(Str::new(&session.client)), ..LogRecord::default() };
            let ticket = Ticket { answers, note: Some(id), session: None, bytes: 0, since: self.now };
            self.append(format!("{store}/{SESSIONS}"), record, ticket);
        }
    }

    /// Writes down that a session is gone, and takes its log away once nothing is on its way there.
    pub(super) fn forget_session(&mut self, session: &Session) {
        let (Some(store), Some(stored)) = (self.store.clone(), &session.stored) else { return };
        let mut value = Object::new();
        value.insert("client", &*session.client);
        value.insert("deleted", true);
        let record = LogRecord { value, key: Some(Str::new(&session.client)), ..LogRecord::default() };
        let ticket = Ticket { answers: Vec::new(), note: None, session: None, bytes: 0, since: self.now };
        self.append(format!("{store}/{SESSIONS}"), record, ticket);
        if stored.pending == 0 {
            self.jobs.push(Job::Remove { log: stored.log.clone() });
        } else {
            self.graves.insert(stored.log.clone(), stored.pending);
        }
    }

    fn append(&mut self, log: String, record: LogRecord, ticket: Ticket) {
        let number = self.next_number();
        let compact = ticket.session.is_none();
        self.pending_bytes += ticket.bytes;
        self.tickets.insert(number, ticket);
        self.jobs.push(Job::Append { ticket: number, log, compact, record });
    }

    /// An append is on the disk, under this sequence; or it never will be, and then its answer never leaves.
    pub fn appended(&mut self, ticket: u64, result: Result<u64, String>) {
        let Some(Ticket { answers, note, session, bytes, .. }) = self.tickets.remove(&ticket) else { return };
        self.pending_bytes -= bytes;
        if let Some(stored) =
            note.and_then(|id| self.sessions.get_mut(&id)).and_then(|session| session.stored.as_mut())
        {
            stored.noting = false;
        }
        if let Some((id, queued, log)) = session {
            self.appended_to(id, queued, &log, result.as_ref().ok().copied());
        }
        if let Err(error) = &result {
            self.warn("store", || format!("the store does not take messages: {error}"));
        }
        for (link, number) in answers {
            if result.is_err() {
                self.end_link(link, reason::QUOTA, "what it sent cannot be stored");
                continue;
            }
            if let Some(answer) = self.links.get_mut(&link).and_then(|link| link.find(number)) {
                answer.waits = answer.waits.saturating_sub(1);
            }
            self.let_answers_go(link);
        }
    }

    fn appended_to(&mut self, id: SessionId, queued: Queued, log: &Arc<str>, sequence: Option<u64>) {
        if let Some(left) = self.graves.get_mut(log) {
            *left -= 1;
            if *left == 0 {
                self.graves.remove(log);
                self.jobs.push(Job::Remove { log: log.clone() });
            }
            return;
        }
        let Some(stored) = self.sessions.get_mut(&id).and_then(|session| session.stored.as_mut()) else {
            return;
        };
        if stored.log != *log {
            return;
        }
        stored.pending -= 1;
        match sequence {
            Some(sequence) => self.stored_message(id, queued, sequence),
            None => stored.bytes = stored.bytes.saturating_sub(queued.message.weight() as u64),
        }
    }

    /// An answer that leaves when what it waits for is on the disk, and those before it have left. Gives its number.
    pub(super) fn answer(&mut self, link: LinkId, packet: Packet) -> u64 {
        let number = self.next_number();
        if let Some(link) = self.links.get_mut(&link) {
            link.answers.push_back(Answer { number, waits: 0, packet });
        }
        number
    }

    pub(super) fn let_answers_go(&mut self, link: LinkId) {
        let Some(link) = self.links.get_mut(&link) else { return };
        while link.answers.front().is_some_and(|answer| answer.waits == 0) {
            if let Some(answer) = link.answers.pop_front() {
                link.outgoing.write(&answer.packet);
            }
        }
        link.outgoing.pause(link.answers.len() >= super::limits::UNACKNOWLEDGED);
    }

    /// A record of the log of retained messages, the oldest first.
    pub fn restore_retained(&mut self, record: &Object) {
        let Some(mut message) = message::of_record(record, &self.run, self.now) else {
            return self.lost(1, "a retained message could not be read");
        };
        if record.get("deleted").is_some() {
            message.payload.clear();
        }
        self.retained.set(&Arc::new(message));
    }

    /// A session as it was written down last, with how its log stands.
    pub fn restore_session(&mut self, record: &SessionRecord, done: u64, end: u64, bytes: u64) {
        let client: Arc<str> = Arc::from(&*record.client);
        let id = self.next_number() as SessionId;
        let mut session = Session::new(client.clone(), record.version);
        session.expiry = record.expiry.min(self.limits.session_expiry);
        session.ends_at = Some(self.now + u64::from(session.expiry) * 1000);
        let log = Arc::from(&*record.log);
        session.stored = Some(Stored { loaded: done + 1, end, done, bytes, ..Stored::new(log) });
        for (text, wish, identifier) in &record.subscriptions {
            let Some(filter) = filter::parse(text) else { continue };
            self.tree.insert(filter, Subscription { session: id, wish: *wish, identifier: *identifier });
            session.subscriptions.insert(text.clone(), (*wish, *identifier));
        }
        self.by_client.insert(client, id);
        self.sessions.insert(id, session);
    }
}

fn record_of(session: &Session) -> Object {
    let mut value = Object::new();
    value.insert("client", &*session.client);
    value.insert("version", if session.version == Version::V5 { 5 } else { 4 });
    value.insert("expiry", i64::from(session.expiry));
    if let Some(stored) = &session.stored {
        value.insert("log", &*stored.log);
    }
    let subscriptions = session.subscriptions.iter().map(|(filter, (wish, identifier))| {
        let mut one = Object::new();
        one.insert("filter", filter.as_str());
        one.insert("qos", wish.qos as i64);
        one.insert("noLocal", wish.no_local);
        one.insert("asPublished", wish.retain_as_published);
        if let Some(identifier) = identifier {
            one.insert("identifier", i64::from(*identifier));
        }
        Value::Object(one)
    });
    value.insert("subscriptions", Value::array(subscriptions.collect()));
    value
}

/// A session as it stands in the log of sessions.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionRecord {
    pub client: String,
    pub version: Version,
    pub expiry: u32,
    pub log: String,
    pub subscriptions: Vec<(String, Wish, Option<u32>)>,
}

impl SessionRecord {
    /// Nothing where it says that the session is gone.
    pub fn of(record: &Object) -> Option<SessionRecord> {
        let text = |object: &Object, name: &str| match object.get(name) {
            Some(Value::Str(text)) => Some(text.to_string()),
            _ => None,
        };
        let number = |object: &Object, name: &str| match object.get(name) {
            Some(Value::Int(number)) => u32::try_from(*number).ok(),
            _ => None,
        };
        let mut subscriptions = Vec::new();
        if let Some(Value::Array(all)) = record.get("subscriptions") {
            for one in all.iter() {
                let Value::Object(one) = one else { continue };
                let is_set = |name: &str| one.get(name) == Some(&Value::Bool(true));
                let wish = Wish {
                    qos: QoS::of(number(one, "qos")? as u8)?,
                    no_local: is_set("noLocal"),
                    retain_as_published: is_set("asPublished"),
                    retain_handling: 0,
                };
                subscriptions.push((text(one, "filter")?, wish, number(one, "identifier")));
            }
        }
        Some(SessionRecord {
            client: text(record, "client")?,
            version: if number(record, "version") == Some(5) { Version::V5 } else { Version::V3 },
            expiry: number(record, "expiry")?,
            log: text(record, "log")?,
            subscriptions,
        })
    }
}

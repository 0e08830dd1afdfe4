//! The server without I/O: packets come in and go out, jobs for the store go out and their results come in.
//!
//! ```text
//! connecting -> subscribing, publishing -> delivering -> ending
//!                                   |-> storing (jobs)
//! ```

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use super::access::{Access, Who};
use super::limits::Limits;
use super::message::Queued;
use super::outgoing::Outgoing;
use super::packet::{Ack, Packet, Version, reason};
use super::retained::Retained;
use super::session::{LinkId, Session};
use super::tree::{SessionId, Tree};
use crate::host::LogRecord;

pub struct Router {
    pub limits: Limits,
    pub access: Access,
    pub counters: Counters,
    /// What is to be done with the store, and lines for a person; see [`Router::take_jobs`].
    pub(super) jobs: Vec<Job>,
    /// Names of logs begin with it. Nothing: everything is in memory.
    pub(super) store: Option<String>,
    /// This run, by a name that no other has.
    pub(super) run: String,
    /// Milliseconds of this run.
    pub(super) now: u64,
    pub(super) links: HashMap<LinkId, Link>,
    pub(super) sessions: HashMap<SessionId, Session>,
    pub(super) by_client: HashMap<Arc<str>, SessionId>,
    pub(super) tree: Tree,
    pub(super) retained: Retained,
    pub(super) tickets: BTreeMap<u64, Ticket>,
    pub(super) pending_bytes: usize,
    /// Logs of sessions that are gone, and how much of them is on its way to the disk.
    pub(super) graves: HashMap<Arc<str>, usize>,
    /// Sessions that changed, and the answers that wait until that is on the disk.
    pub(super) changed: BTreeMap<SessionId, Vec<(LinkId, u64)>>,
    pub(super) number: u64,
    pub(super) last_told: HashMap<&'static str, u64>,
    pub(super) next_status: u64,
}

/// A connection that was let in.
pub struct Link {
    pub(super) outgoing: Arc<Outgoing>,
    pub(super) session: SessionId,
    pub(super) who: Who,
    /// How many of QoS 1 and 2 the client takes at a time, and how large they may be.
    pub(super) window: usize,
    pub(super) largest: usize,
    pub(super) aliases_in: HashMap<u16, Arc<str>>,
    pub(super) aliases_out: HashMap<Arc<str>, u16>,
    pub(super) aliases_most: u16,
    /// Answers that wait for the disk, in the order in which they leave.
    pub(super) answers: VecDeque<Answer>,
}

pub(super) struct Answer {
    pub number: u64,
    /// Appends that it waits for.
    pub waits: usize,
    pub packet: Packet,
}

/// An append that is not on the disk yet.
pub(super) struct Ticket {
    /// The answers that wait for it.
    pub answers: Vec<(LinkId, u64)>,
    /// The session that it writes down.
    pub note: Option<SessionId>,
    /// The session it is for, with the message and its log.
    pub session: Option<(SessionId, Queued, Arc<str>)>,
    pub bytes: usize,
    pub since: u64,
}

/// What the router wants done.
#[derive(Debug, PartialEq)]
pub enum Job {
    /// Tell `appended` when it is on the disk.
    Append {
        ticket: u64,
        log: String,
        compact: bool,
        record: LogRecord,
    },
    /// Read a session's log from a sequence on, and tell `fetched`.
    Fetch {
        session: SessionId,
        log: Arc<str>,
        from: u64,
    },
    /// All up to this sequence is done with.
    Done {
        log: Arc<str>,
        sequence: u64,
    },
    Remove {
        log: Arc<str>,
    },
    /// For the log of the gateway.
    Warn(String),
    /// Messages that were given up.
    Lost {
        count: u64,
        reason: &'static str,
    },
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    pub received: u64,
    pub sent: u64,
    pub dropped: u64,
}

/// A warning about the same thing is repeated after so long.
const TELL_AGAIN: u64 = 60_000;

impl Router {
    pub fn new(limits: Limits, access: Access, run: &str) -> Router {
        Router {
            limits,
            access,
            counters: Counters::default(),
            jobs: Vec::new(),
            store: None,
            run: run.to_string(),
            now: 0,
            links: HashMap::new(),
            sessions: HashMap::new(),
            by_client: HashMap::new(),
            tree: Tree::default(),
            retained: Retained::default(),
            tickets: BTreeMap::new(),
            pending_bytes: 0,
            graves: HashMap::new(),
            changed: BTreeMap::new(),
            number: 0,
            last_told: HashMap::new(),
            next_status: 0,
        }
    }

    /// The time, in milliseconds of this run: said before each call, and never less than before.
    pub fn set_now(&mut self, now: u64) {
        self.now = self.now.max(now);
    }

    /// What a client sent after CONNECT.
    pub fn packet(&mut self, link: LinkId, packet: Packet) {
        // One that was ended a moment ago may have said more.
        if !self.links.contains_key(&link) {
            return;
        }
        match packet {
            Packet::Publish(publish) => self.published(link, publish),
            Packet::Ack(Ack::PubRel, id, _) => self.released(link, id),
            Packet::Ack(kind, id, code) => self.acknowledged(link, kind, id, code),
            Packet::Subscribe(subscribe) => self.subscribe(link, subscribe),
            Packet::Unsubscribe(id, filters) => self.unsubscribe(link, id, filters),
            Packet::PingReq => self.write(link, &Packet::PingResp),
            Packet::Disconnect(code, expiry) => self.disconnected(link, code, expiry),
            Packet::Connect(_)
            | Packet::ConnAck(_)
            | Packet::SubAck(..)
            | Packet::UnsubAck(..)
            | Packet::PingResp => {
                self.end_link(link, reason::PROTOCOL_ERROR, "a packet that a client does not send")
            }
        }
    }

    /// What is to be done now. A session that changed many times since the last call is written down once.
    pub fn take_jobs(&mut self) -> Vec<Job> {
        self.write_sessions();
        std::mem::take(&mut self.jobs)
    }

    /// The network takes more of a client's messages.
    pub fn room(&mut self, link: LinkId) {
        if let Some(session) = self.links.get(&link).map(|link| link.session) {
            self.pump(session);
        }
    }

    pub(super) fn write(&self, link: LinkId, packet: &Packet) {
        if let Some(link) = self.links.get(&link) {
            link.outgoing.write(packet);
        }
    }

    pub(super) fn is_v5(&self, link: LinkId) -> bool {
        self.links.get(&link).is_some_and(|link| link.outgoing.version == Version::V5)
    }

    pub(super) fn next_number(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    /// Tells a person, not more often than once a minute about the same.
    pub(super) fn warn(&mut self, about: &'static str, text: impl FnOnce() -> String) {
        let due = self.last_told.get(about).is_none_or(|last| self.now - last >= TELL_AGAIN);
        if due {
            self.last_told.insert(about, self.now);
            self.jobs.push(Job::Warn(text()));
        }
    }

    /// Messages that go nowhere are counted, and told.
    pub(super) fn lost(&mut self, count: u64, reason: &'static str) {
        self.counters.dropped += count;
        match self.jobs.last_mut() {
            Some(Job::Lost { count: known, reason: same }) if *same == reason => *known += count,
            _ => self.jobs.push(Job::Lost { count, reason }),
        }
    }
}

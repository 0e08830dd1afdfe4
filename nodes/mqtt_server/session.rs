//! One client's session: what it subscribes to, what waits for it, what is with it and not acknowledged.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;

use super::message::Queued;
use super::packet::{QoS, Version, Will, Wish};

pub type LinkId = u64;

#[derive(Debug)]
pub struct Session {
    pub client: Arc<str>,
    pub version: Version,
    pub user: Option<String>,
    /// Its connection, while it has one.
    pub link: Option<LinkId>,
    /// Seconds that it is kept without a connection.
    pub expiry: u32,
    pub subscriptions: BTreeMap<String, (Wish, Option<u32>)>,
    pub queue: VecDeque<Queued>,
    pub queue_bytes: usize,
    /// In the order in which they were sent.
    pub flight: VecDeque<Flight>,
    next_id: u16,
    /// Ids of QoS 2 that came in and are not released.
    pub received: HashSet<u16>,
    pub replays: VecDeque<Replay>,
    pub stored: Option<Stored>,
    pub will: Option<Will>,
    /// When its will is published, and when it ends, in milliseconds of this run; only without a connection.
    pub will_at: Option<u64>,
    pub ends_at: Option<u64>,
}

/// With the client, and not acknowledged.
#[derive(Debug)]
pub struct Flight {
    pub id: u16,
    pub queued: Queued,
    /// Of QoS 2: PUBREC has come.
    pub received: bool,
}

/// Retained messages that a subscription is still to get.
#[derive(Debug)]
pub struct Replay {
    pub filter: String,
    /// The topic of the last that was sent.
    pub after: Option<Arc<str>>,
    pub qos: QoS,
    pub identifier: Option<u32>,
}

/// How its log stands. Sequences begin at 1.
#[derive(Debug, Clone)]
pub struct Stored {
    pub log: Arc<str>,
    /// The next one to take from the log.
    pub loaded: u64,
    /// Behind the last one that is on the disk.
    pub end: u64,
    /// All up to this one the client has.
    pub done: u64,
    /// Whether `done` is to be written down.
    pub moved: bool,
    pub fetching: bool,
    /// A record of the session itself is on its way to the disk.
    pub noting: bool,
    /// On their way to the disk.
    pub pending: usize,
    /// What waits in the log, about.
    pub bytes: u64,
}

impl Stored {
    /// Of a log with nothing in it.
    pub fn new(log: Arc<str>) -> Stored {
        Stored {
            log,
            loaded: 1,
            end: 1,
            done: 0,
            moved: false,
            fetching: false,
            noting: false,
            pending: 0,
            bytes: 0,
        }
    }

    pub fn waiting(&self) -> u64 {
        self.end - 1 - self.done + self.pending as u64
    }
}

impl Session {
    pub fn new(client: Arc<str>, version: Version) -> Session {
        Session {
            client,
            version,
            user: None,
            link: None,
            expiry: 0,
            subscriptions: BTreeMap::new(),
            queue: VecDeque::new(),
            queue_bytes: 0,
            flight: VecDeque::new(),
            next_id: 0,
            received: HashSet::new(),
            replays: VecDeque::new(),
            stored: None,
            will: None,
            will_at: None,
            ends_at: None,
        }
    }

    pub fn push(&mut self, queued: Queued) {
        self.queue_bytes += queued.message.weight();
        self.queue.push_back(queued);
    }

    pub fn pop(&mut self) -> Option<Queued> {
        let queued = self.queue.pop_front()?;
        self.queue_bytes -= queued.message.weight();
        Some(queued)
    }

    /// An id that is not in flight. There are fewer in flight than ids.
    pub fn take_id(&mut self) -> u16 {
        loop {
            self.next_id = self.next_id.checked_add(1).unwrap_or(1);
            if self.flight.iter().all(|flight| flight.id != self.next_id) {
                return self.next_id;
            }
        }
    }

    /// Looks how far its log is done with: up to the first that is in flight or waits.
    pub fn progress(&mut self) {
        let Some(stored) = &mut self.stored else { return };
        let sequences = self.flight.iter().map(|flight| &flight.queued).chain(&self.queue);
        let first = sequences.map(|queued| queued.sequence).filter(|sequence| *sequence > 0).min();
        let done = first.unwrap_or(stored.loaded) - 1;
        if done > stored.done {
            let left = stored.end - 1 - stored.done;
            stored.bytes -=
                (u128::from(stored.bytes) * u128::from(done - stored.done) / u128::from(left.max(1))) as u64;
            stored.done = done;
            stored.moved = true;
        }
    }

    /// Without a connection: what the log has need not be in memory, and what may be lost goes.
    pub fn rest(&mut self) {
        if let Some(stored) = &mut self.stored {
            if let Some(first) =
                self.queue.iter().map(|queued| queued.sequence).find(|sequence| *sequence > 0)
            {
                stored.loaded = first;
            }
            self.queue.retain(|queued| queued.sequence == 0);
            stored.fetching = false;
        }
        self.queue.retain(|queued| queued.qos != QoS::AtMostOnce);
        self.queue_bytes = self.queue.iter().map(|queued| queued.message.weight()).sum();
    }
}

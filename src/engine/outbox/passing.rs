//! Messages that pass through memory: their sources wait until the other side has them. The originals stand here, and
//! the connector has copies without a token, so that one that is written to the disk meanwhile is done with at once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tidegate_nodes::error::NodeError;
use tidegate_nodes::message::{Message, Token, Unconfirmed};
use tidegate_nodes::outbox::Priority;

use super::{Handed, Ticket};

#[derive(Default)]
pub struct Passing {
    next_id: u64,
    /// By id, in the order in which they came.
    here: BTreeMap<u64, One>,
    /// The next that was not handed out, or the first that was given back.
    front: u64,
    handed: usize,
    /// Ids that the connector still has, and where they were stored.
    stored: BTreeMap<u64, (Priority, u64)>,
    /// Being written to the disk.
    on_the_way: BTreeMap<u64, OnTheWay>,
}

struct One {
    original: Unconfirmed,
    handed_at: Option<Instant>,
    /// Whether it may have gone out, under its name of then.
    went_out: bool,
}

/// What happened to one while it was being written.
#[derive(Debug)]
pub enum Fate {
    /// The connector does not have it.
    Waiting,
    InHand,
    Confirmed,
    Refused(NodeError),
}

pub struct OnTheWay {
    pub original: Unconfirmed,
    pub went_out: bool,
    pub fate: Fate,
}

pub enum Confirmed {
    Now(Unconfirmed),
    /// It is being written, or gone.
    Later,
    /// It was written meanwhile.
    Stored(Priority, u64),
}

impl Passing {
    /// The name of a message holds its id: an outbox that is closed and opened again while the gateway runs gives none twice.
    pub fn new() -> Passing {
        static OPENED: AtomicU64 = AtomicU64::new(0);
        Passing { next_id: OPENED.fetch_add(1, Ordering::Relaxed) << 40, ..Passing::default() }
    }

    pub fn push(&mut self, original: Unconfirmed) {
        self.next_id += 1;
        self.here.insert(self.next_id, One { original, handed_at: None, went_out: false });
        self.front = self.front.clamp(1, self.next_id);
    }

    /// Hands out what is not handed out yet, so that not more than `limit` are.
    pub fn take(&mut self, most: usize, limit: usize, batch: &mut Vec<Handed>) {
        let now = Instant::now();
        for (&id, one) in self.here.range_mut(self.front..) {
            if batch.len() >= most || self.handed >= limit {
                break;
            }
            self.front = id + 1;
            if one.handed_at.is_some() {
                continue;
            }
            one.handed_at = Some(now);
            one.went_out = true;
            self.handed += 1;
            let message = Message { token: Token::none(), ..one.original.message().clone() };
            batch.push(Handed { ticket: Ticket::Passing(id).number(), sent_as: None, message });
        }
    }

    /// Whether one waits to be handed out.
    pub fn is_waiting(&self) -> bool {
        self.here.len() > self.handed
    }

    /// Whether some are on their way to the disk.
    pub fn is_being_stored(&self) -> bool {
        !self.on_the_way.is_empty()
    }

    pub fn len(&self) -> usize {
        self.here.len()
    }

    pub fn is_empty(&self) -> bool {
        self.here.is_empty() && self.on_the_way.is_empty()
    }

    /// Whether the oldest that was handed out waits for its confirmation so long.
    pub fn is_older(&self, than: Duration) -> bool {
        self.here.values().next().and_then(|one| one.handed_at).is_some_and(|at| at.elapsed() > than)
    }

    pub fn confirm(&mut self, id: u64) -> Confirmed {
        if let Some(one) = self.remove(id) {
            return Confirmed::Now(one);
        }
        if let Some(one) = self.on_the_way.get_mut(&id) {
            one.fate = Fate::Confirmed;
            return Confirmed::Later;
        }
        match self.stored.remove(&id) {
            Some((priority, sequence)) => Confirmed::Stored(priority, sequence),
            None => Confirmed::Later,
        }
    }

    /// Takes one out that the connector has.
    pub fn remove(&mut self, id: u64) -> Option<Unconfirmed> {
        let one = self.here.remove(&id)?;
        self.handed -= usize::from(one.handed_at.is_some());
        Some(one.original)
    }

    pub fn refuse_on_the_way(&mut self, id: u64, error: &NodeError) {
        if let Some(one) = self.on_the_way.get_mut(&id) {
            one.fate = Fate::Refused(error.clone());
        }
    }

    pub fn take_stored(&mut self, id: u64) -> Option<(Priority, u64)> {
        self.stored.remove(&id)
    }

    /// The connector does not have it any more. Gives where it stands on the disk, if it does.
    pub fn give_back(&mut self, id: u64) -> Option<(Priority, u64)> {
        if let Some(one) = self.here.get_mut(&id) {
            self.handed -= usize::from(one.handed_at.take().is_some());
            self.front = self.front.min(id);
            return None;
        }
        if let Some(one) = self.on_the_way.get_mut(&id) {
            if matches!(one.fate, Fate::InHand) {
                one.fate = Fate::Waiting;
            }
            return None;
        }
        self.stored.remove(&id)
    }

    pub fn take_all_back(&mut self) {
        for one in self.here.values_mut() {
            one.handed_at = None;
        }
        if let Some((&first, _)) = self.here.first_key_value() {
            self.front = first;
        }
        self.handed = 0;
        for one in self.on_the_way.values_mut() {
            if matches!(one.fate, Fate::InHand) {
                one.fate = Fate::Waiting;
            }
        }
        self.stored.clear();
    }

    /// Takes all as being written to the disk, in order: each one's id, message, and whether it may have gone out.
    pub fn move_to_disk(&mut self, mut write: impl FnMut(u64, &Message, bool)) {
        self.handed = 0;
        for (id, One { original, handed_at, went_out }) in std::mem::take(&mut self.here) {
            write(id, original.message(), went_out);
            let fate = if handed_at.is_some() { Fate::InHand } else { Fate::Waiting };
            self.on_the_way.insert(id, OnTheWay { original, went_out, fate });
        }
    }

    /// It is on the disk.
    pub fn is_stored(&mut self, id: u64, priority: Priority, sequence: u64) -> Option<OnTheWay> {
        let one = self.on_the_way.remove(&id)?;
        if matches!(one.fate, Fate::InHand) {
            self.stored.insert(id, (priority, sequence));
        }
        Some(one)
    }

    /// It could not be written: as if nothing had been tried.
    pub fn not_stored(&mut self, id: u64) {
        let Some(one) = self.on_the_way.remove(&id) else { return };
        match one.fate {
            Fate::Confirmed => one.original.confirm(),
            Fate::InHand => {
                self.handed += 1;
                let handed_at = Some(Instant::now());
                self.here.insert(id, One { original: one.original, handed_at, went_out: true });
            }
            Fate::Waiting | Fate::Refused(_) => {
                self.front = self.front.min(id);
                let OnTheWay { original, went_out, .. } = one;
                self.here.insert(id, One { original, handed_at: None, went_out });
            }
        }
    }

    pub fn forget_stored(&mut self) {
        self.stored.clear();
    }
}

//! What of one queue is in memory, ready for the connector: the newest part while it keeps up, pages from the disk
//! while it does not.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use tidegate_nodes::message::{Message, Meta, Token};
use tidegate_nodes::outbox::Priority;
use tidegate_nodes::value::{Str, Value};

use super::super::pending::Pending;
use super::{Outbox, Settings, State};
use crate::store::{Reason, Record};

/// A stored message.
#[derive(Debug, Clone)]
pub struct Item {
    pub sequence: u64,
    pub ran_ms: u64,
    pub sent_as: Option<Str>,
    pub message: Message,
}

/// What is kept in memory of what is on the disk already.
const HOT_MESSAGES: usize = 1_024;
const HOT_BYTES: usize = 1024 * 1024;
/// How much is read at once.
const PAGE_RECORDS: usize = 512;
const PAGE_BYTES: usize = 512 * 1024;

#[derive(Default)]
pub struct Feed {
    /// Given back by the connector, in order; older than `hot`.
    returned: VecDeque<Item>,
    /// In order, up to `end`.
    hot: VecDeque<Item>,
    hot_bytes: usize,
    /// All before it are in memory, handed out, or done with.
    end: u64,
    /// All before it are on the disk, as far as the outbox was told; never before `end`.
    stored: u64,
    /// What the connector has, and since when it is on the disk.
    handed: BTreeMap<u64, u64>,
}

impl Feed {
    /// `next` is the first that is not done with, and all before `stored` are on the disk.
    pub fn from(next: u64, stored: u64) -> Feed {
        Feed { end: next, stored: stored.max(next), ..Feed::default() }
    }

    /// How many it holds, in memory and on the disk, those in the connector's hands included.
    pub fn len(&self) -> u64 {
        let memory = self.returned.len() + self.hot.len() + self.handed.len();
        (self.stored - self.end) + memory as u64
    }

    pub fn end(&self) -> u64 {
        self.end
    }

    /// One that was just stored: kept where it follows, and there is room; else it is read when it is its turn.
    pub fn append(&mut self, item: Item) {
        self.stored = self.stored.max(item.sequence + 1);
        if item.sequence == self.end && self.hot.len() < HOT_MESSAGES && self.hot_bytes < HOT_BYTES {
            self.push(item);
        }
    }

    fn push(&mut self, item: Item) {
        self.end = item.sequence + 1;
        self.stored = self.stored.max(self.end);
        self.hot_bytes += weight(&item);
        self.hot.push_back(item);
    }

    /// One that passed through memory and was just stored. It is handed out before what comes behind it.
    pub fn append_passed(&mut self, item: Item, in_hand: bool) {
        self.stored = self.stored.max(item.sequence + 1);
        // Beyond the end it stands behind what is not read yet: what others put in, such as a letter that was sent back.
        if item.sequence == self.end {
            self.end += 1;
        }
        if in_hand {
            self.handed.insert(item.sequence, item.ran_ms);
        } else {
            self.give_back(item);
        }
    }

    pub fn pop(&mut self) -> Option<Item> {
        self.returned.pop_front().or_else(|| {
            let item = self.hot.pop_front()?;
            self.hot_bytes -= weight(&item);
            Some(item)
        })
    }

    /// The connector gets it.
    pub fn hand(&mut self, item: Item) -> Item {
        self.handed.insert(item.sequence, item.ran_ms);
        item
    }

    /// The connector is done with it. Gives since when it was on the disk.
    pub fn settle(&mut self, sequence: u64) -> Option<u64> {
        self.handed.remove(&sequence)
    }

    /// The connector gives it back: to its place among those that were given back before. One beyond the end is read when
    /// it is its turn.
    pub fn give_back(&mut self, item: Item) {
        if item.sequence >= self.end {
            return;
        }
        let at = self.returned.partition_point(|known| known.sequence < item.sequence);
        self.returned.insert(at, item);
    }

    /// All that is not done with is read again.
    pub fn start_over(&mut self, next: u64) {
        *self = Feed::from(next, self.stored);
    }

    /// Up to so many of the oldest that are not handed out are given up: their ranges. What is not in memory is given
    /// up unread.
    pub fn give_up(&mut self, count: u64) -> Vec<(u64, u64)> {
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        let mut left = count;
        while left > 0 {
            let Some(item) = self.pop() else { break };
            left -= 1;
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == item.sequence => *last = item.sequence,
                _ => ranges.push((item.sequence, item.sequence)),
            }
        }
        let unread = left.min(self.stored - self.end);
        if unread > 0 {
            ranges.push((self.end, self.end + unread - 1));
            self.end += unread;
        }
        ranges
    }
}

fn weight(item: &Item) -> usize {
    tidegate_nodes::cx::weight(&item.message.value) as usize
}

impl Item {
    fn of(sequence: u64, record: Record) -> Item {
        let meta = Meta {
            source: record.source,
            sequence,
            wall_ms: record.wall_ms,
            event_ms: record.event_ms,
            ..Meta::default()
        };
        let sent_as = record.about.get("sent_as").and_then(Value::as_str).map(Str::new);
        let message = Message { value: record.value, meta: Arc::new(meta), token: Token::none() };
        Item { sequence, ran_ms: record.ran_ms, sent_as, message }
    }
}

impl Outbox {
    /// Reads the next page of a queue. `false` when nothing could be read. It waits for the disk.
    pub(super) fn read(self: &Arc<Outbox>, priority: Priority) -> bool {
        let queue = &self.queues[priority as usize];
        let from = self.lock().feeds[priority as usize].end;
        let page = match self.store.read(&queue.log, from, PAGE_RECORDS, PAGE_BYTES) {
            Ok(page) => page,
            Err(error) => {
                tracing::error!("outbox of {}: what is stored cannot be read: {error}", self.node);
                return false;
            }
        };
        let mut pending = Pending::default();
        for &(first, last) in &page.gaps {
            self.note_given_up(
                priority,
                (first, last),
                Reason::SalvageGap,
                "it cannot be read",
                &mut pending,
            );
        }
        let mut state = self.lock();
        let feed = &mut state.feeds[priority as usize];
        // Meanwhile the end may have moved: by what was stored, or was given up.
        let moved = page.next > feed.end;
        for (sequence, record) in page.records {
            let is_elsewhere = queue.cursor.is_done(sequence) || feed.handed.contains_key(&sequence);
            if sequence >= feed.end && !is_elsewhere {
                feed.push(Item::of(sequence, record));
            }
        }
        feed.end = feed.end.max(page.next);
        feed.stored = feed.stored.max(feed.end);
        drop(state);
        pending.submit(&self.store);
        moved
    }

    pub(super) fn is_expired(&self, settings: &Settings, item: &Item) -> bool {
        let max = settings.max_age;
        max.is_some_and(|max| item.ran_ms + (max.as_millis() as u64) < self.store.ran_ms())
    }

    pub(super) fn expire(&self, priority: Priority, item: &Item, pending: &mut Pending) {
        let range = (item.sequence, item.sequence);
        self.note_given_up(priority, range, Reason::Expired, "it waited longer than max_age", pending);
    }

    /// A range will not be delivered: with its entry in the ledger, both or neither.
    pub(super) fn note_given_up(
        &self,
        priority: Priority,
        range: (u64, u64),
        reason: Reason,
        detail: &str,
        pending: &mut Pending,
    ) {
        let queue = &self.queues[priority as usize];
        pending.commit.give_up(&queue.log, &queue.cursor, range, reason, detail);
    }

    /// Those whose time has come go out again, before the others.
    pub(super) fn retries_due(&self, state: &mut State) {
        if state.retries.is_empty() {
            return;
        }
        let now = Instant::now();
        let (due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut state.retries).into_iter().partition(|(at, _)| *at <= now);
        state.retries = later;
        due.into_iter().for_each(|(_, one)| self.give_one_back(state, one));
    }
}

/// Lets so many a second through, evenly.
#[derive(Debug, Default)]
pub struct Pace {
    a_second: Option<f64>,
    saved: f64,
    at: Option<Instant>,
}

impl Pace {
    pub fn new(a_second: Option<f64>) -> Pace {
        Pace { a_second, ..Pace::default() }
    }

    pub fn is_limited(&self) -> bool {
        self.a_second.is_some()
    }

    pub fn may(&mut self, now: Instant) -> bool {
        let Some(a_second) = self.a_second else { return true };
        let since = self.at.map_or(0.0, |at| now.saturating_duration_since(at).as_secs_f64());
        // What was not used for a fifth of a second is lost: no bursts after a pause.
        self.saved = (self.saved + since * a_second).min((a_second / 5.0).max(1.0));
        self.at = Some(now);
        self.saved >= 1.0
    }

    pub fn spend(&mut self) {
        if self.a_second.is_some() {
            self.saved -= 1.0;
        }
    }
}

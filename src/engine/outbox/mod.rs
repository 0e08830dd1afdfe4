//! The outbox in front of a sink, written once for all sinks: messages wait here, on the disk or in memory, until the
//! other side has confirmed them.
//!
//! ```text
//! lane -> accept -+- passing: in memory, the source waits ---------------------+-> hand out -> connector
//!                 +- storing: lane's commit -> disk, the source is done -> feed -+        confirm | refuse | give back
//! ```
//!
//! In the mode *offline* messages pass through memory while the other side confirms them. When it is away or slow, the
//! unconfirmed are written to the disk first, in order, and what comes goes behind them, until all is delivered.
//! An outbox belongs to the id of its sink and outlasts deploys.

mod feed;
mod full;
mod hand;
mod passing;
mod put_away;
mod refuse;
mod stats;
#[cfg(test)]
mod tests;
mod ticket;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tidegate_nodes::message::{Message, Token, Unconfirmed};
use tidegate_nodes::outbox::{Mode, Outbox as Settings, Priority};
use tidegate_nodes::value::{Str, Value};
use tokio::sync::{Notify, watch};

use super::pending::{Pending, Stored, record_of};
use super::waits::Waits;
use crate::store::{Record, Retention, Standing, Store};
use feed::{Feed, Item, Pace};
use full::Room;
use passing::Passing;
pub use refuse::Refusal;
pub use stats::Backlog;
use ticket::Returned;
pub use ticket::{Handed, Ticket};

/// The reader of an outbox's queues.
pub const READER: &str = "sink";

pub struct Outbox {
    /// The sink's id.
    pub node: Str,
    store: Arc<Store>,
    settings: RwLock<Arc<Settings>>,
    /// By priority.
    queues: [Arc<Standing>; 3],
    state: Mutex<State>,
    /// Wakes the connector's task.
    pub arrived: Arc<Notify>,
}

#[derive(Default)]
struct State {
    /// New messages go to the disk.
    storing: bool,
    /// Messages on their way to the disk, and their bytes.
    pending: usize,
    pending_bytes: u64,
    /// Of those, how many a lane still has in its hands: what is stored now would pass them.
    with_lane: usize,
    passing: Passing,
    feeds: [Feed; 3],
    /// For which there is no room: their sources wait.
    parked: VecDeque<(Priority, Unconfirmed)>,
    /// Refused ones that are sent again at a time. Until then they count as handed out.
    retries: Vec<(Instant, Returned)>,
    /// How often those that were refused have been sent.
    attempts: BTreeMap<Ticket, u32>,
    pace: Pace,
    room: Room,
    /// What was confirmed is being written down.
    saving: bool,
    delivered: stats::Rate,
    /// How long there was something for which there is no room.
    full: Waits,
    /// By the policy, since it was opened.
    dropped: u64,
}

/// The name of the log of an outbox's queue.
pub fn queue_name(node: &str, priority: Priority) -> String {
    format!("outbox/{node}/{}", priority.name())
}

impl Outbox {
    /// The outbox of a sink; what is stored for it is handed out first. `None` where there is nothing to keep.
    pub fn open(node: &Str, settings: Settings, store: &Arc<Store>) -> Option<Arc<Outbox>> {
        let stored = Priority::ALL.iter().any(|&priority| {
            let log = store.find_log(&queue_name(node, priority));
            log.is_some_and(|log| log.cursor(READER).left(log.next()) > 0)
        });
        if settings.mode == Mode::Off && !stored {
            return None;
        }
        let retention = Retention { queue: true, ..Retention::default() };
        let queues = Priority::ALL.map(|priority| {
            let log = store.log(&queue_name(node, priority), &retention);
            Arc::new(Standing { cursor: log.cursor(READER), log })
        });
        let feeds =
            [0, 1, 2].map(|at: usize| Feed::from(queues[at].cursor.position() + 1, queues[at].log.next()));
        let state = State {
            storing: stored || settings.mode == Mode::Always,
            feeds,
            passing: Passing::new(),
            pace: Pace::new(settings.pace),
            ..State::default()
        };
        Some(Arc::new(Outbox {
            node: node.clone(),
            store: store.clone(),
            settings: RwLock::new(Arc::new(settings)),
            queues,
            state: Mutex::new(state),
            arrived: Arc::new(Notify::new()),
        }))
    }

    /// The sink was deployed anew.
    pub fn set_settings(&self, settings: Settings) {
        let mut state = self.lock();
        state.pace = Pace::new(settings.pace);
        state.room = Room::default();
        state.storing |= settings.mode == Mode::Always;
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
        drop(state);
        self.arrived.notify_one();
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    fn settings(&self) -> Arc<Settings> {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a message. What goes to the disk goes with the lane's commit.
    pub fn accept(self: &Arc<Outbox>, message: Unconfirmed, pending: &mut Pending) {
        let settings = self.settings();
        let mut state = self.lock();
        if state.storing {
            self.store_one(&settings, &mut state, message, pending);
        } else {
            state.passing.push(message);
            drop(state);
            self.arrived.notify_one();
        }
    }

    /// Into the commit, as far as there is room.
    fn store_one(
        self: &Arc<Outbox>,
        settings: &Settings,
        state: &mut State,
        message: Unconfirmed,
        pending: &mut Pending,
    ) {
        let priority = priority_of(settings, message.message());
        // Behind those of the same priority that have no room either.
        let behind = state.parked.iter().any(|(parked, _)| *parked == priority);
        if behind || !self.make_room(settings, state, priority, pending) {
            return self.no_room(settings, state, priority, message, pending);
        }
        self.write_one(settings, state, priority, message, pending);
    }

    fn write_one(
        self: &Arc<Outbox>,
        settings: &Settings,
        state: &mut State,
        priority: Priority,
        message: Unconfirmed,
        pending: &mut Pending,
    ) {
        let record = self.record(settings, message.message());
        state.pending += 1;
        state.with_lane += 1;
        state.pending_bytes += record.weight() as u64;
        pending.keep(self, &self.queues[priority as usize].log, priority, record, message);
    }

    fn record(&self, settings: &Settings, message: &Message) -> Record {
        record_of(&self.store, message, key_of(settings, message))
    }

    /// A lane has handed over what it took in.
    pub fn handed_over(self: &Arc<Outbox>, count: usize) {
        let mut state = self.lock();
        state.with_lane -= count;
        if !state.parked.is_empty() {
            self.unpark(&mut state);
        }
    }

    /// These are on the disk now: their sources are done, and the connector gets them.
    pub fn stored(self: &Arc<Outbox>, stored: Vec<Stored>) {
        let ran_ms = self.store.ran_ms();
        let mut state = self.lock();
        let mut touched = [false; 3];
        for Stored { priority, sequence, message } in &stored {
            touched[*priority as usize] = true;
            state.pending -= 1;
            let content = message.message();
            let content = Message { token: Token::none(), ..content.clone() };
            let item = Item { sequence: *sequence, ran_ms, sent_as: None, message: content };
            state.feeds[*priority as usize].append(item);
        }
        if state.pending == 0 {
            state.pending_bytes = 0;
        }
        self.trim(&mut state, touched);
        drop(state);
        for one in stored {
            one.message.confirm();
        }
        self.arrived.notify_one();
    }

    /// One that was on its way to the disk will never be there.
    pub fn not_stored(&self) {
        let mut state = self.lock();
        state.pending -= 1;
        if state.pending == 0 {
            state.pending_bytes = 0;
        }
    }

    /// The queue in which this message would stand.
    pub fn queue_of(&self, message: &Message) -> Str {
        self.queues[priority_of(&self.settings(), message) as usize].log.name.clone()
    }

    /// Messages in memory whose sources wait for them.
    pub fn unconfirmed(&self) -> usize {
        let state = self.lock();
        state.passing.len() + state.parked.len()
    }

    /// How many messages wait on the disk, or are on their way to it.
    pub fn stored_messages(&self) -> u64 {
        self.messages(&self.lock())
    }

    /// How many it holds, those on their way to the disk included. What it has given up itself is gone from the feeds at
    /// once, and what a person has purged from the cursors: each knows the other's a moment later.
    fn messages(&self, state: &State) -> u64 {
        let held: u64 = state.feeds.iter().map(Feed::len).sum();
        held.min(self.left()) + state.pending as u64
    }

    /// Tells when its queues grow, also by what others put in: a person who sends dead letters back.
    pub fn growth(&self) -> [watch::Receiver<u64>; 3] {
        self.queues.each_ref().map(|queue| queue.log.watch())
    }

    /// Whether something is to be looked at again in a while.
    pub fn needs_tick(&self) -> bool {
        let state = self.lock();
        !state.passing.is_empty()
            || !state.retries.is_empty()
            || !state.parked.is_empty()
            || (state.pace.is_limited() && state.storing)
    }

    /// What happens by time: slow peers, retries, room.
    pub fn tick(self: &Arc<Outbox>) {
        self.look_whether_slow();
        let mut state = self.lock();
        self.settle_down(&mut state);
    }

    fn left(&self) -> u64 {
        self.queues.iter().map(|queue| queue.cursor.left(queue.log.next())).sum()
    }
}

/// What the message is about: order is kept for each.
fn key_of(settings: &Settings, message: &Message) -> Option<Str> {
    Some(settings.key.as_ref()?.find(&message.value, &message.value)?.to_text())
}

/// The message says it, or the sink.
fn priority_of(settings: &Settings, message: &Message) -> Priority {
    let said = message.get("priority").and_then(Value::as_str).and_then(Priority::parse);
    said.unwrap_or(settings.priority)
}

/// How often a sink with something to look at is looked at.
pub const TICK: Duration = Duration::from_millis(100);

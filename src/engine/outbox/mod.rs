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
mod passing;
mod refuse;
mod stats;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tidegate_nodes::message::{Message, Token, Unconfirmed};
use tidegate_nodes::outbox::{Mode, Outbox as Settings, Priority};
use tidegate_nodes::path::Path;
use tidegate_nodes::value::{Str, Value};
use tokio::sync::{Notify, watch};

use super::pending::{Pending, Stored, record_of};
use crate::store::{Cursor, Log, Record, Retention, Store};
use feed::{Feed, Item, Pace};
use full::Room;
use passing::Passing;
pub use refuse::Refusal;
pub use stats::Backlog;

/// The reader of an outbox's queues.
pub const READER: &str = "sink";

pub struct Outbox {
    /// The sink's id.
    pub node: Str,
    store: Arc<Store>,
    settings: RwLock<Arc<Setup>>,
    /// By priority.
    queues: [Queue; 3],
    state: Mutex<State>,
    /// Wakes the connector's task.
    pub arrived: Arc<Notify>,
}

struct Setup {
    settings: Settings,
    key: Option<Path>,
}

struct Queue {
    log: Arc<Log>,
    cursor: Arc<Cursor>,
}

#[derive(Default)]
struct State {
    /// New messages go to the disk.
    storing: bool,
    /// Messages on their way to the disk, and their bytes.
    pending: usize,
    pending_bytes: u64,
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
    delivered: stats::Rate,
}

/// What the connector is to be handed.
pub struct Handed {
    pub ticket: u64,
    /// The name under which it went out before.
    pub sent_as: Option<Str>,
    pub message: Message,
}

/// A message that the connector had: its ticket, the name under which it went out before, and what it says.
type Returned = (Ticket, Option<Str>, Message);

/// What the host keeps of a message while the connector has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ticket {
    Passing(u64),
    Stored(Priority, u64),
}

impl Ticket {
    /// 0 is no ticket.
    pub fn number(self) -> u64 {
        match self {
            Ticket::Passing(id) => id << 2 | 3,
            Ticket::Stored(priority, sequence) => sequence << 2 | priority as u64,
        }
    }

    pub fn of(number: u64) -> Option<Ticket> {
        match (number, number & 3) {
            (0, _) => None,
            (_, 3) => Some(Ticket::Passing(number >> 2)),
            (_, at) => Some(Ticket::Stored(Priority::ALL[at as usize], number >> 2)),
        }
    }
}

/// The name of the log of an outbox's queue.
pub fn queue_name(node: &str, priority: Priority) -> String {
    format!("outbox/{node}/{}", priority.name())
}

impl State {
    /// How many messages it holds, those on their way to the disk included and those given up not.
    fn messages(&self) -> u64 {
        let held: u64 = self.feeds.iter().map(Feed::len).sum();
        held + self.pending as u64
    }
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
            Queue { cursor: log.cursor(READER), log }
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
            settings: RwLock::new(Arc::new(Setup::new(settings))),
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
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Setup::new(settings));
        drop(state);
        self.arrived.notify_one();
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    fn setup(&self) -> Arc<Setup> {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // --- in ------------------------------------------------------------------------------------------------------

    /// Takes a message. What goes to the disk goes with the lane's commit.
    pub fn accept(self: &Arc<Outbox>, message: Unconfirmed, pending: &mut Pending) {
        let setup = self.setup();
        let mut state = self.lock();
        if state.storing {
            self.store_one(&setup, &mut state, message, pending);
        } else {
            state.passing.push(message);
            drop(state);
            self.arrived.notify_one();
        }
    }

    /// Into the commit, as far as there is room.
    fn store_one(
        self: &Arc<Outbox>,
        setup: &Setup,
        state: &mut State,
        message: Unconfirmed,
        pending: &mut Pending,
    ) {
        let priority = priority_of(setup, message.message());
        // Behind those of the same priority that have no room either.
        let behind = state.parked.iter().any(|(parked, _)| *parked == priority);
        if behind || !self.make_room(setup, state, priority, pending) {
            return self.no_room(setup, state, priority, message, pending);
        }
        self.write_one(setup, state, priority, message, pending);
    }

    fn write_one(
        self: &Arc<Outbox>,
        setup: &Setup,
        state: &mut State,
        priority: Priority,
        message: Unconfirmed,
        pending: &mut Pending,
    ) {
        let record = self.record(setup, message.message());
        state.pending += 1;
        state.pending_bytes += record.weight() as u64;
        pending.keep(self, &self.queues[priority as usize].log, priority, record, message);
    }

    fn record(&self, setup: &Setup, message: &Message) -> Record {
        record_of(&self.store, message, setup.key_of(message))
    }

    /// What the message is about: order is kept for each.
    fn key_of(&self, message: &Message) -> Option<Str> {
        self.setup().key_of(message)
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

    // --- out -----------------------------------------------------------------------------------------------------

    /// The next messages for the connector: those in memory, then alarms, events, telemetry. While the gateway drains
    /// nothing is taken from the disk.
    pub async fn next_batch(self: &Arc<Outbox>, most: usize, draining: bool) -> Vec<Handed> {
        loop {
            let (batch, read) = self.take(most, draining);
            let Some(priority) = read.filter(|_| batch.is_empty()) else { return batch };
            let outbox = self.clone();
            let read = tokio::task::spawn_blocking(move || outbox.read(priority));
            if !read.await.unwrap_or(false) {
                return Vec::new();
            }
        }
    }

    /// What can be handed out at once, and the priority of which more is on the disk.
    fn take(self: &Arc<Outbox>, most: usize, draining: bool) -> (Vec<Handed>, Option<Priority>) {
        let setup = self.setup();
        let mut pending = Pending::default();
        let mut state = self.lock();
        let state = &mut *state;
        let mut batch = Vec::new();
        self.retries_due(state);
        let limit = if setup.settings.mode == Mode::Offline { setup.settings.slow_messages } else { most };
        state.passing.take(most, limit, &mut batch);
        // What passes is older than all that is stored: it goes first.
        // While it is being written down nothing is read either: it would be handed out twice.
        if draining || state.passing.is_waiting() || state.passing.is_being_stored() {
            return (batch, None);
        }
        for priority in Priority::ALL {
            let queue = &self.queues[priority as usize];
            let paced = priority != Priority::Alarm;
            while batch.len() < most && (!paced || state.pace.may(Instant::now())) {
                let Some(item) = state.feeds[priority as usize].pop() else {
                    let more = state.feeds[priority as usize].end() < queue.log.next();
                    if more {
                        pending.submit(&self.store);
                        return (batch, Some(priority));
                    }
                    break;
                };
                if queue.cursor.is_done(item.sequence) {
                    continue;
                }
                if self.is_expired(&setup, &item) {
                    self.expire(priority, &item, &mut pending);
                    continue;
                }
                if paced {
                    state.pace.spend();
                }
                let ticket = Ticket::Stored(priority, item.sequence).number();
                let Item { sent_as, message, .. } = state.feeds[priority as usize].hand(item);
                batch.push(Handed { ticket, sent_as, message });
            }
        }
        pending.submit(&self.store);
        (batch, None)
    }

    /// The outside has it.
    pub fn confirm(self: &Arc<Outbox>, ticket: Ticket) {
        let mut state = self.lock();
        state.delivered.count();
        let original = match ticket {
            Ticket::Passing(id) => {
                state.attempts.remove(&ticket);
                match state.passing.confirm(id) {
                    passing::Confirmed::Now(original) => Some(original),
                    passing::Confirmed::Later => None,
                    passing::Confirmed::Stored(priority, sequence) => {
                        self.confirm_stored(&mut state, priority, sequence);
                        None
                    }
                }
            }
            Ticket::Stored(priority, sequence) => {
                self.confirm_stored(&mut state, priority, sequence);
                None
            }
        };
        self.settle_down(&mut state);
        drop(state);
        if let Some(original) = original {
            original.confirm();
        }
    }

    fn confirm_stored(&self, state: &mut State, priority: Priority, sequence: u64) {
        let queue = &self.queues[priority as usize];
        state.feeds[priority as usize].settle(sequence);
        state.attempts.remove(&Ticket::Stored(priority, sequence));
        queue.cursor.confirm(sequence, sequence);
        self.store.advance(&queue.log, &queue.cursor);
    }

    /// After something has gone: room for what is parked, and back to memory when all is delivered.
    fn settle_down(self: &Arc<Outbox>, state: &mut State) {
        if !state.parked.is_empty() {
            self.unpark(state);
        }
        let setup = self.setup();
        let done = state.storing
            && setup.settings.mode != Mode::Always
            && state.pending == 0
            && state.parked.is_empty()
            && state.retries.is_empty()
            && state.passing.is_empty()
            && self.left() == 0;
        if done {
            state.storing = false;
            state.passing.forget_stored();
        }
    }

    /// The connector gives these back, in order; they go out again, before the others.
    pub fn give_back(self: &Arc<Outbox>, returned: Vec<Returned>) {
        let mut state = self.lock();
        returned.into_iter().for_each(|one| self.give_one_back(&mut state, one));
    }

    fn give_one_back(&self, state: &mut State, (ticket, sent_as, message): Returned) {
        let stored = match ticket {
            Ticket::Passing(id) => state.passing.give_back(id),
            Ticket::Stored(priority, sequence) => Some((priority, sequence)),
        };
        if let Some((priority, sequence)) = stored {
            let sent_as = self.went_out_as(ticket, sent_as);
            let feed = &mut state.feeds[priority as usize];
            let ran_ms = feed.settle(sequence).unwrap_or_else(|| self.store.ran_ms());
            feed.give_back(Item { sequence, ran_ms, sent_as, message });
        }
    }

    /// The connector is gone with all it had.
    pub fn take_all_back(&self) {
        let mut state = self.lock();
        state.passing.take_all_back();
        state.retries.clear();
        state.attempts.retain(|ticket, _| matches!(ticket, Ticket::Stored(..)));
        for (feed, queue) in state.feeds.iter_mut().zip(&self.queues) {
            feed.start_over(queue.cursor.position() + 1);
        }
        drop(state);
        self.arrived.notify_one();
    }

    // --- to the disk ---------------------------------------------------------------------------------------------

    /// The connection is lost: what is unconfirmed is written down, in order, and what comes goes behind it.
    pub fn disconnected(self: &Arc<Outbox>) {
        if self.setup().settings.mode == Mode::Offline {
            self.put_away();
        }
    }

    /// The same where the other side does not keep up.
    pub fn look_whether_slow(self: &Arc<Outbox>) {
        let setup = self.setup();
        let settings = &setup.settings;
        if settings.mode != Mode::Offline {
            return;
        }
        let slow = {
            let state = self.lock();
            !state.storing
                && (state.passing.len() > settings.slow_messages
                    || state.passing.is_older(settings.slow_after))
        };
        if slow {
            tracing::info!("outbox of {}: the other side is slow, what comes is stored", self.node);
            self.put_away();
        }
    }

    /// Writes all that is in memory to the disk, before anything that comes later.
    pub fn put_away(self: &Arc<Outbox>) {
        let setup = self.setup();
        let mut pending = Pending::default();
        let mut state = self.lock();
        if std::mem::replace(&mut state.storing, true) {
            return;
        }
        let boot = self.store.boot();
        let mut places = Vec::new();
        state.passing.move_to_disk(|id, message, went_out| {
            let priority = priority_of(&setup, message);
            let mut record = self.record(&setup, message);
            if went_out {
                record.about.insert("sent_as", self.passing_name(boot, id));
            }
            places.push((pending.commit.records.len(), id, priority));
            pending.commit.urgent |= priority == Priority::Alarm;
            pending.commit.records.push((self.queues[priority as usize].log.clone(), record));
        });
        if places.is_empty() {
            return;
        }
        state.pending += places.len();
        let outbox = self.clone();
        pending.commit.done =
            Some(Box::new(move |result| outbox.put_away_done(&places, result.as_deref().ok())));
        // Under the lock: what lanes store from now on is handed over later.
        self.store.submit(pending.commit);
    }

    fn put_away_done(self: &Arc<Outbox>, places: &[(usize, u64, Priority)], sequences: Option<&[u64]>) {
        let mut originals = Vec::new();
        let mut refused = Vec::new();
        let mut state = self.lock();
        state.pending -= places.len();
        for &(at, id, priority) in places {
            let Some(sequences) = sequences else {
                // It cannot be written at all: back into memory.
                state.passing.not_stored(id);
                continue;
            };
            let sequence = sequences[at];
            let Some(now) = state.passing.is_stored(id, priority, sequence) else { continue };
            let content = Message { token: Token::none(), ..now.original.message().clone() };
            let sent_as = now.went_out.then(|| self.passing_name(self.store.boot(), id));
            let ran_ms = self.store.ran_ms();
            let item = Item { sequence, ran_ms, sent_as, message: content };
            let feed = &mut state.feeds[priority as usize];
            match now.fate {
                passing::Fate::Waiting => feed.append_passed(item, false),
                passing::Fate::InHand => feed.append_passed(item, true),
                passing::Fate::Confirmed => {
                    feed.append_passed(item, true);
                    self.confirm_stored(&mut state, priority, sequence);
                }
                passing::Fate::Refused(error) => {
                    feed.append_passed(item, true);
                    feed.settle(sequence);
                    refused.push((priority, sequence, id, error, now.original.message().clone()));
                }
            }
            originals.push(now.original);
        }
        if sequences.is_none() {
            state.storing = self.setup().settings.mode == Mode::Always || self.left() > 0;
        }
        self.settle_down(&mut state);
        drop(state);
        for original in originals {
            original.confirm();
        }
        for (priority, sequence, id, error, message) in refused {
            let message = Message { token: Token::none(), ..message };
            self.bury(priority, sequence, Some(self.name(Ticket::Passing(id))), &error, &message);
        }
        self.arrived.notify_one();
    }

    // --- looks ---------------------------------------------------------------------------------------------------

    /// Messages in memory whose sources wait for them.
    pub fn unconfirmed(&self) -> usize {
        let state = self.lock();
        state.passing.len() + state.parked.len()
    }

    /// How many messages wait on the disk, or are on their way to it.
    pub fn stored_messages(&self) -> u64 {
        self.lock().messages()
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

    /// The name of a message for its receiver, the same each time it is sent: device, outbox, number.
    pub fn name(&self, ticket: Ticket) -> Str {
        match ticket {
            Ticket::Passing(id) => self.passing_name(self.store.boot(), id),
            Ticket::Stored(priority, sequence) => {
                Str::from(format!("{}/{}/{}/{sequence}", self.store.device(), self.node, priority.name()))
            }
        }
    }

    /// What the name of a stored message stays, where it went out under another before it was stored.
    fn went_out_as(&self, ticket: Ticket, sent_as: Option<Str>) -> Option<Str> {
        sent_as.or_else(|| matches!(ticket, Ticket::Passing(_)).then(|| self.name(ticket)))
    }

    fn passing_name(&self, boot: u64, id: u64) -> Str {
        Str::from(format!("{}/{}/{boot}.{id}", self.store.device(), self.node))
    }
}

impl Setup {
    fn new(settings: Settings) -> Setup {
        let key = (!settings.key.is_empty()).then(|| Path::parse_msg(&settings.key).ok()).flatten();
        Setup { settings, key }
    }

    fn key_of(&self, message: &Message) -> Option<Str> {
        Some(self.key.as_ref()?.find(&message.value, &message.value)?.to_text())
    }
}

/// The message says it, or the sink.
fn priority_of(setup: &Setup, message: &Message) -> Priority {
    let said = message.get("priority").and_then(Value::as_str).and_then(Priority::parse);
    said.unwrap_or(setup.settings.priority)
}

/// How often a sink with something to look at is looked at.
pub const TICK: Duration = Duration::from_millis(100);

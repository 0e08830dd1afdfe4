//! What comes into a lane from outside: from sources, other lanes, people and connectors. The only lock on the way of a
//! message, held for a push or a take.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use tidegate_nodes::error::NodeError;
use tidegate_nodes::host::{Level, Mail, Status};
use tidegate_nodes::message::Message;
use tidegate_nodes::node::Action;
use tidegate_nodes::value::Str;

use super::lane::Lane;

/// A message on its way into a lane.
#[derive(Debug)]
pub enum Arrival {
    /// For a node's input, or the answer to its call.
    To { node: Str, mail: Mail, hops: u32 },
    /// Out of a connector's port.
    From { node: Str, port: u16, message: Message },
}

/// Anything else that happens to a lane; taken before messages, and never held back.
#[derive(Debug)]
pub enum Command {
    Act {
        node: Str,
        action: Action,
    },
    /// A credit that the node asked for in vain came back.
    Resume {
        node: Str,
    },
    Status {
        node: Str,
        status: Status,
    },
    Log {
        node: Str,
        level: Level,
        text: String,
    },
    /// A connector has delivered a message.
    Completed {
        node: Str,
        message: Message,
    },
    /// A connector could not deliver a message, or failed as a whole.
    Failed {
        node: Str,
        error: NodeError,
        message: Option<Message>,
    },
}

#[derive(Default)]
struct Queues {
    commands: VecDeque<Command>,
    /// One queue an origin, served in turn, so that a loud source does not silence the others.
    origins: Vec<(Str, VecDeque<Arrival>)>,
    turn: usize,
}

/// How many messages an origin may hand over before it is the next one's turn.
const BATCH: usize = 16;

#[derive(Default)]
pub struct Inbox(Mutex<Queues>);

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, Queues> {
        // Pushes and pops cannot panic half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn take_commands(&self) -> VecDeque<Command> {
        std::mem::take(&mut self.lock().commands)
    }

    /// Takes up to `room` messages, from the origins in turn.
    pub fn take(&self, room: usize, out: &mut Vec<Arrival>) {
        let mut queues = self.lock();
        let count = queues.origins.len();
        let mut empty = 0;
        while out.len() < room && empty < count {
            let turn = queues.turn % count;
            queues.turn = turn + 1;
            let queue = &mut queues.origins[turn].1;
            let take = BATCH.min(room - out.len()).min(queue.len());
            empty = if take == 0 { empty + 1 } else { 0 };
            out.extend(queue.drain(..take));
        }
    }

    /// How many wait for which node that other nodes send to; so many are looked at, so that nobody is kept from the lock
    /// for long.
    pub fn waiting(&self, most: usize) -> HashMap<Str, u64> {
        let queues = self.lock();
        let mut waiting = HashMap::new();
        for arrival in queues.origins.iter().flat_map(|(_, queue)| queue).take(most) {
            if let Arrival::To { node, .. } = arrival {
                *waiting.entry(node.clone()).or_default() += 1;
            }
        }
        waiting
    }

    pub fn is_empty(&self) -> bool {
        let queues = self.lock();
        queues.commands.is_empty() && queues.origins.iter().all(|(_, queue)| queue.is_empty())
    }
}

/// Who runs a lane when something has come in. Worker threads in a running gateway; nobody in a virtual run, where
/// the driver looks at all lanes anyway.
pub trait Waker: Send + Sync {
    fn ready(&self, lane: Arc<LaneHandle>);

    /// Runs the lane on this thread, where whoever runs it can.
    fn run_here(&self, lane: Arc<LaneHandle>) {
        self.ready(lane);
    }
}

/// A lane as others see it.
pub struct LaneHandle {
    pub id: Str,
    /// Its place in the order of tabs; also tells lanes apart in the timers of the workers.
    pub number: u64,
    pub inbox: Inbox,
    waker: Arc<dyn Waker>,
    state: AtomicU8,
    /// So many turns more are for threads of their own: one took long.
    slow: AtomicU8,
    lane: Mutex<Lane>,
}

/// A turn that takes longer is too long for a thread that others wait for.
const QUICK: Duration = Duration::from_millis(2);
/// After one, the lane stays away from such threads for so many turns.
const AFTER_SLOW: u8 = 200;

const IDLE: u8 = 0;
const READY: u8 = 1;
const RUNNING: u8 = 2;
/// Something came in while it was running.
const AGAIN: u8 = 3;

impl LaneHandle {
    pub fn new(id: Str, number: u64, waker: Arc<dyn Waker>, lane: Lane) -> Arc<LaneHandle> {
        Arc::new(LaneHandle {
            id,
            number,
            inbox: Inbox::default(),
            waker,
            state: AtomicU8::new(IDLE),
            slow: AtomicU8::new(0),
            lane: Mutex::new(lane),
        })
    }

    /// Appends messages of one origin.
    pub fn push(self: &Arc<LaneHandle>, origin: &str, arrivals: impl IntoIterator<Item = Arrival>) {
        self.put(origin, arrivals);
        self.wake();
    }

    /// The same from a thread that can do the work at once: to wake another one for a few messages costs more than they
    /// do. Where the lane is busy, or was slow lately, another thread runs it as ever.
    pub fn push_and_run(self: &Arc<LaneHandle>, origin: &str, arrivals: impl IntoIterator<Item = Arrival>) {
        self.put(origin, arrivals);
        match self.slow.load(Ordering::Relaxed) {
            0 if self.called() => self.waker.run_here(self.clone()),
            0 => {}
            _ => self.wake(),
        }
    }

    fn put(&self, origin: &str, arrivals: impl IntoIterator<Item = Arrival>) {
        let mut queues = self.inbox.lock();
        match queues.origins.iter_mut().find(|(name, _)| name == origin) {
            Some((_, queue)) => queue.extend(arrivals),
            None => queues.origins.push((Str::new(origin), arrivals.into_iter().collect())),
        }
    }

    /// How long a turn took.
    pub fn took(&self, time: Duration) {
        if time > QUICK {
            self.slow.store(AFTER_SLOW, Ordering::Relaxed);
        } else if self.slow.load(Ordering::Relaxed) > 0 {
            // Only whoever runs the lane is here.
            self.slow.fetch_sub(1, Ordering::Relaxed);
        }
    }

    pub fn command(self: &Arc<LaneHandle>, command: Command) {
        self.inbox.lock().commands.push_back(command);
        self.wake();
    }

    pub fn wake(self: &Arc<LaneHandle>) {
        if self.called() {
            self.waker.ready(self.clone());
        }
    }

    /// Marks it as one that has something to do: `true` for the one who has to see that it is run.
    fn called(&self) -> bool {
        let before = self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, |state| match state {
            IDLE => Some(READY),
            RUNNING => Some(AGAIN),
            _ => None,
        });
        before == Ok(IDLE)
    }

    /// For the worker that runs it: marks the lane as running.
    pub fn begin(&self) {
        self.state.store(RUNNING, Ordering::Release);
    }

    /// For the worker that ran it: `true` when it must run again, and is marked ready.
    pub fn end(&self, more: bool) -> bool {
        if more {
            self.state.store(READY, Ordering::Release);
            return true;
        }
        let idle = self.state.compare_exchange(RUNNING, IDLE, Ordering::AcqRel, Ordering::Acquire).is_ok();
        if !idle {
            self.state.store(READY, Ordering::Release);
        }
        !idle
    }

    pub fn is_idle(&self) -> bool {
        self.state.load(Ordering::Acquire) == IDLE && self.inbox.is_empty()
    }

    /// The lane, where nobody has it: a deploy may hold it for a while.
    pub fn try_lane(&self) -> Option<MutexGuard<'_, Lane>> {
        match self.lane.try_lock() {
            Ok(lane) => Some(lane),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    pub fn lane(&self) -> MutexGuard<'_, Lane> {
        // A panic inside a lane is caught around each node; one outside is a bug of the engine, and the lane is
        // still whole enough to be stopped.
        self.lane.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

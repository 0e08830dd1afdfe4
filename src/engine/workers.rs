//! The threads that run lanes. They are apart from those that drive I/O, so that a slow script stops no keep-alive.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::Shared;
use super::inbox::{LaneHandle, Waker};
use super::lane::Lane;

#[derive(Default)]
struct Work {
    ready: VecDeque<Arc<LaneHandle>>,
    /// Lanes by the time of their next timer.
    timers: BTreeMap<(Duration, u64), Weak<LaneHandle>>,
    /// That time, by lane.
    next: HashMap<u64, Duration>,
    stop: bool,
}

/// The run queue of the workers.
#[derive(Default)]
pub struct Workers {
    work: Mutex<Work>,
    something: Condvar,
    shared: OnceLock<Weak<Shared>>,
}

impl Waker for Workers {
    fn ready(&self, lane: Arc<LaneHandle>) {
        self.lock().ready.push_back(lane);
        self.something.notify_one();
    }

    fn run_here(&self, handle: Arc<LaneHandle>) {
        if let Some(shared) = self.shared.get().and_then(Weak::upgrade)
            && let Some(lane) = handle.try_lane()
        {
            return self.turn(&handle, lane, &shared);
        }
        self.ready(handle);
    }
}

impl Workers {
    /// Starts the threads. They end when [`Workers::stop`] is called.
    pub fn start(
        self: &Arc<Workers>,
        shared: &Arc<Shared>,
        count: usize,
    ) -> std::io::Result<Vec<JoinHandle<()>>> {
        self.shared.get_or_init(|| Arc::downgrade(shared));
        (0..count)
            .map(|n| {
                let (workers, shared) = (self.clone(), shared.clone());
                std::thread::Builder::new()
                    .name(format!("lane-{n}"))
                    // Scripts and deep values recurse; only pages that are touched cost memory.
                    .stack_size(16 * 1024 * 1024)
                    .spawn(move || workers.run(&shared))
            })
            .collect()
    }

    pub fn stop(&self) {
        self.lock().stop = true;
        self.something.notify_all();
    }

    /// Forgets a lane that is gone.
    pub fn forget(&self, lane: &LaneHandle) {
        let mut work = self.lock();
        if let Some(at) = work.next.remove(&lane.number) {
            work.timers.remove(&(at, lane.number));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, shared: &Shared) {
        while let Some(handle) = self.next(shared) {
            self.turn(&handle, handle.lane(), shared);
        }
    }

    fn turn(&self, handle: &Arc<LaneHandle>, mut lane: MutexGuard<'_, Lane>, shared: &Shared) {
        handle.begin();
        let since = Instant::now();
        let turn = lane.turn(shared);
        drop(lane);
        handle.took(since.elapsed());
        self.note_timer(handle, turn.next);
        if handle.end(turn.more) {
            self.ready(handle.clone());
        }
    }

    fn note_timer(&self, handle: &Arc<LaneHandle>, next: Option<Duration>) {
        let mut work = self.lock();
        let before = match next {
            Some(at) => work.next.insert(handle.number, at),
            None => work.next.remove(&handle.number),
        };
        if before == next {
            return;
        }
        if let Some(at) = before {
            work.timers.remove(&(at, handle.number));
        }
        if let Some(at) = next {
            let first = work.timers.first_key_value().is_none_or(|(key, _)| at < key.0);
            work.timers.insert((at, handle.number), Arc::downgrade(handle));
            drop(work);
            if first {
                // A thread that waits for a later timer must wait less.
                self.something.notify_one();
            }
        }
    }

    fn next(&self, shared: &Shared) -> Option<Arc<LaneHandle>> {
        let mut work = self.lock();
        loop {
            if work.stop {
                return None;
            }
            let now = shared.clock.elapsed();
            let mut due = Vec::new();
            while let Some(entry) = work.timers.first_entry().filter(|entry| entry.key().0 <= now) {
                let number = entry.key().1;
                due.extend(entry.remove().upgrade());
                work.next.remove(&number);
            }
            if !due.is_empty() {
                // `wake` takes the lock itself, and marks the lane ready only once.
                drop(work);
                for lane in due {
                    lane.wake();
                }
                work = self.lock();
                continue;
            }
            if let Some(lane) = work.ready.pop_front() {
                return Some(lane);
            }
            let wait = work.timers.first_key_value().map(|(key, _)| key.0.saturating_sub(now));
            work = match wait {
                Some(wait) => {
                    self.something.wait_timeout(work, wait).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.something.wait(work).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

//! Where clients hear of what the engine tells. It listens to the engine, and hands everything on.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::feed::Feed;
use super::presence::Presence;
use super::recent::Recent;
use super::wants::{Kinds, Wants};
use crate::engine::{Backlog, Engine, Event, NodeRef, Observer, QueueCount, TimingLook};

/// Clients at once: each costs a task, and a queue of a few MiB at worst.
const CLIENTS: usize = 32;
/// Clients that have not said yet who they are.
const STRANGERS: usize = 8;
/// Backlogs are read from the disk: once for all who watch.
const BACKLOGS_FOR: Duration = Duration::from_millis(900);
/// A little less than from one look of a client to its next.
const COUNTS_FOR: Duration = Duration::from_millis(450);
/// Once a second: nobody reads them faster, and a longer span has more samples to choose from.
const TIMINGS_FOR: Duration = Duration::from_millis(900);

pub struct Hub {
    next: Arc<dyn Observer>,
    /// Kinds of events that any feed wants: all that is looked at when nobody watches.
    wanted: AtomicU8,
    feeds: RwLock<Vec<Arc<Feed>>>,
    clients: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
    pub presence: Arc<Presence>,
    backlogs: Recent<Vec<Backlog>>,
    queues: Recent<Vec<QueueCount>>,
    timings: Recent<TimingLook>,
    stopping: watch::Sender<bool>,
}

impl Hub {
    pub fn new(next: Arc<dyn Observer>) -> Hub {
        Hub {
            next,
            wanted: AtomicU8::new(0),
            feeds: RwLock::default(),
            clients: Arc::new(Semaphore::new(CLIENTS)),
            strangers: Arc::new(Semaphore::new(STRANGERS)),
            presence: Arc::default(),
            backlogs: Recent::lasting(BACKLOGS_FOR),
            queues: Recent::lasting(COUNTS_FOR),
            timings: Recent::lasting(TIMINGS_FOR),
            stopping: watch::Sender::new(false),
        }
    }

    /// A place for a client. `None` when there are too many.
    pub fn place(&self) -> Option<OwnedSemaphorePermit> {
        self.clients.clone().try_acquire_owned().ok()
    }

    /// A place for a client until it has said who it is.
    pub fn place_of_stranger(&self) -> Option<OwnedSemaphorePermit> {
        self.strangers.clone().try_acquire_owned().ok()
    }

    /// Feeds a client until what is given is dropped.
    pub fn listen(self: &Arc<Hub>, feed: Feed) -> Listening {
        let feed = Arc::new(feed);
        let mut feeds = self.feeds.write().unwrap_or_else(PoisonError::into_inner);
        feeds.push(feed.clone());
        Listening { hub: self.clone(), feed }
    }

    fn put_together(&self, feeds: &[Arc<Feed>]) {
        let wanted = feeds.iter().fold(0, |all, feed| all | feed.kinds().0);
        self.wanted.store(wanted, Ordering::Relaxed);
    }

    /// How the outboxes fare. It may read from the disk.
    pub fn backlogs(&self, engine: &Engine) -> Arc<Vec<Backlog>> {
        self.backlogs.get(|| Some(engine.backlogs())).map(|(_, backlogs)| backlogs).unwrap_or_default()
    }

    /// Where messages wait. `None` in the middle of the first deploy.
    pub fn queues(&self, engine: &Engine) -> Option<Arc<Vec<QueueCount>>> {
        self.queues.get(|| engine.queues()).map(|(_, queues)| queues)
    }

    /// What nodes took for their messages lately, and the number of the look: each sample is in one of them.
    pub fn timings(&self, engine: &Engine) -> (u64, Arc<TimingLook>) {
        self.timings.get(|| Some(engine.counters().take_timings())).unwrap_or_default()
    }

    /// The gateway stops: clients are told goodbye.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }
}

impl Observer for Hub {
    fn event(&self, at: Duration, node: &NodeRef, event: Event) {
        // A client that comes at this very moment is shown what stands, so that it misses nothing that lasts.
        if Kinds(self.wanted.load(Ordering::Relaxed)).meets(Kinds::of(&event)) {
            let feeds = self.feeds.read().unwrap_or_else(PoisonError::into_inner);
            feeds.iter().for_each(|feed| feed.take(node, &event));
        }
        self.next.event(at, node, event);
    }
}

/// A client that is fed.
pub struct Listening {
    hub: Arc<Hub>,
    pub feed: Arc<Feed>,
}

impl Listening {
    /// From now on exactly this is wanted.
    pub fn want(&self, wants: Wants) {
        // Under one lock: of two who say at once what they want, neither is forgotten.
        let feeds = self.hub.feeds.write().unwrap_or_else(PoisonError::into_inner);
        self.feed.want(wants);
        self.hub.put_together(&feeds);
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut feeds = self.hub.feeds.write().unwrap_or_else(PoisonError::into_inner);
        feeds.retain(|feed| !Arc::ptr_eq(feed, &self.feed));
        self.hub.put_together(&feeds);
    }
}

//! The engine: runs a plan. Lanes run transforms, tasks host connectors, and what is in flight is bounded where it
//! comes in.
//!
//! ```text
//! connector -> credit, tracker -> lane's inbox -> queue -> transforms -> connector's inbox -> the outside
//!     ^                                                                        | confirm
//!     +---- acknowledge, in order of arrival <---- token: the last copy is gone +
//! ```

mod admission;
mod arrivals;
mod backoff;
mod build;
mod clock;
mod connectors;
mod context;
mod counters;
mod deploy;
mod directory;
mod drain;
mod events;
mod handle;
mod inbox;
mod kept;
mod lane;
mod lend;
mod logs;
mod observer;
mod outbox;
mod panics;
mod pending;
mod place;
mod port;
mod queues;
mod resources;
mod revive;
mod scopes;
mod screens;
mod simulation;
mod slot;
mod surroundings;
mod swap;
mod timers;
mod timings;
mod waiting;
mod waits;
mod workers;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

pub use admission::{Limits, SourceBalance};
pub use backoff::Backoff;
pub use clock::Clock;
pub use context::{Contexts, DISK, GLOBAL};
pub use counters::{
    CounterTable, Handles, NodeCount, NodeCounter, Tap, TimingLook, Watching, WireCount, WireCounter,
};
pub use deploy::{Deployed, Refused};
pub use drain::Drained;
pub use observer::{Event, LogObserver, NodeRef, Observer};
pub use outbox::{Backlog, queue_name};
pub use queues::{QueueCount, QueueKind};
pub use screens::{Screen, Screens, Seen};
pub use simulation::Simulation;
pub use timings::Timing;

use tidegate_nodes::error::NodeError;
use tidegate_nodes::host::Settings;
use tidegate_nodes::node::Action;
use tidegate_nodes::value::{Object, Str};
use tidegate_nodes::web::Http;

use crate::store::{Reason, Store};
use deploy::Layout;
use directory::Directory;
use inbox::{Command, Waker};
use outbox::Outbox;
use pending::Pending;
use queues::Gauges;
use resources::Lent;
use workers::Workers;

/// How an engine is set up.
pub struct Options {
    pub settings: Settings,
    /// What one source may have in flight.
    pub credits: Limits,
    /// A lane with more messages in its queue takes nothing new.
    pub queue_mark: usize,
    /// A lane with more messages in its queue drops: only a loop that multiplies messages gets there.
    pub queue_limit: usize,
    /// Nodes a message may go through since the last timer or connector.
    pub hop_limit: u32,
    /// Nodes, by their id in the flow file, whose messages are told to the observer.
    pub watch: HashSet<String>,
    /// Connectors do not connect but confirm and answer from here: for flow tests.
    pub stubs: Option<HashMap<String, Vec<Reply>>>,
    pub context_stores: Vec<String>,
    /// Threads that run lanes.
    pub threads: usize,
    /// What random numbers and ids start from.
    pub seed: u64,
    /// Where what must survive is kept. Without one everything is in memory.
    pub store: Option<Arc<Store>>,
    /// The HTTP listener that nodes share.
    pub http: Option<Arc<dyn Http>>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            settings: Settings::default(),
            credits: Limits { messages: 1_000, bytes: 8 * 1024 * 1024 },
            queue_mark: 1_024,
            queue_limit: 1_000_000,
            hop_limit: 100_000,
            watch: HashSet::new(),
            stubs: None,
            context_stores: vec!["memory".to_string()],
            threads: std::thread::available_parallelism().map_or(2, usize::from),
            seed: 1,
            store: None,
            http: None,
        }
    }
}

/// What a connector in a flow test does with a message.
#[derive(Debug, Clone)]
pub enum Reply {
    /// Answers with the message, these properties set.
    Answer(Object),
    Fail(NodeError),
}

/// What all lanes share.
pub struct Shared {
    pub clock: Clock,
    pub settings: Arc<Settings>,
    pub contexts: Arc<Contexts>,
    observer: Arc<dyn Observer>,
    directory: Directory,
    counters: CounterTable,
    gauges: Gauges,
    screens: Screens,
    options: Options,
    resources: RwLock<HashMap<Str, Arc<Lent>>>,
    /// By the id of their sink; they outlast deploys.
    outboxes: Mutex<HashMap<Str, Arc<Outbox>>>,
    random: Mutex<u64>,
    sequence: AtomicU64,
}

impl Shared {
    fn tell(&self, node: &NodeRef, event: Event) {
        if let (Event::Lost { count, reason }, Some(store)) = (&event, &self.options.store) {
            let mut pending = Pending::default();
            pending.ledger(&node.id, Reason::Lost, *count, *reason);
            pending.submit(store);
        }
        self.observer.event(self.clock.elapsed(), node, event);
    }

    fn lent(&self, id: &str) -> Option<Arc<Lent>> {
        self.resources.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    fn random(&self) -> u64 {
        tidegate_nodes::testing::splitmix(&mut self.random.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The outbox of a sink, where it has one. Settings of one that is there already are replaced.
    fn outbox(&self, node: &Str, settings: tidegate_nodes::outbox::Outbox) -> Option<Arc<Outbox>> {
        let store = self.options.store.as_ref()?;
        let mut outboxes = self.outboxes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = outboxes.get(node) {
            known.set_settings(settings);
            return Some(known.clone());
        }
        let outbox = Outbox::open(node, settings, store)?;
        outboxes.insert(node.clone(), outbox.clone());
        Some(outbox)
    }

    fn outbox_of(&self, node: &str) -> Option<Arc<Outbox>> {
        self.outboxes.lock().unwrap_or_else(PoisonError::into_inner).get(node).cloned()
    }

    /// Sinks that are gone: what they had in memory is written down, and is there when one of this id comes back.
    fn close_outboxes(&self, runs: impl Fn(&str) -> bool) {
        let mut outboxes = self.outboxes.lock().unwrap_or_else(PoisonError::into_inner);
        outboxes.retain(|id, outbox| {
            let runs = runs(id);
            if !runs {
                outbox.put_away();
            }
            runs
        });
    }

    fn next_sequence(&self) -> u64 {
        self.sequence.fetch_add(1, Ordering::Relaxed)
    }
}

/// A running gateway, or one that is being tested under a virtual clock (see [`Simulation`]).
pub struct Engine {
    shared: Arc<Shared>,
    waker: Arc<dyn Waker>,
    layout: Mutex<Layout>,
    workers: Option<Running>,
    runtime: Option<tokio::runtime::Handle>,
}

struct Running {
    workers: Arc<Workers>,
    threads: Mutex<Vec<std::thread::JoinHandle<()>>>,
}

impl Engine {
    /// An engine with nothing in it, in real time. Connectors run on `runtime`.
    pub fn start(
        options: Options,
        observer: Arc<dyn Observer>,
        runtime: tokio::runtime::Handle,
    ) -> std::io::Result<Engine> {
        let workers = Arc::new(Workers::default());
        let threads = options.threads.max(1);
        let shared = Shared::new(options, Clock::real(), observer);
        let threads = workers.start(&shared, threads)?;
        Ok(Engine {
            shared,
            waker: workers.clone(),
            layout: Mutex::default(),
            workers: Some(Running { workers, threads: Mutex::new(threads) }),
            runtime: Some(runtime),
        })
    }

    pub fn contexts(&self) -> &Contexts {
        &self.shared.contexts
    }

    /// The owner of a node's own context.
    pub fn node_context(&self, node: &str) -> Option<String> {
        let lane = self.shared.directory.lane_of(node)?;
        let lane = lane.lane();
        let at = *lane.by_id.get(node)?;
        Some(lane.slots[at as usize].around.contexts.node.to_string())
    }

    pub fn counters(&self) -> &CounterTable {
        &self.shared.counters
    }

    /// What nodes show on the dashboard.
    pub fn screens(&self) -> &Screens {
        &self.shared.screens
    }

    /// The balance of each source that waits for acknowledgements, since it was started.
    pub fn sources(&self) -> Vec<SourceBalance> {
        let layout = self.lock();
        let mut sources: Vec<SourceBalance> =
            layout.tasks.iter().filter_map(|(id, task)| task.port.balance(id)).collect();
        sources.sort_by(|a, b| a.node.cmp(&b.node));
        sources
    }

    /// How the outboxes fare. It reads from the disk.
    pub fn backlogs(&self) -> Vec<Backlog> {
        let outboxes = self.shared.outboxes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut outboxes: Vec<Arc<Outbox>> = outboxes.values().cloned().collect();
        outboxes.sort_by(|a, b| a.node.cmp(&b.node));
        outboxes.iter().map(Outbox::backlog).collect()
    }

    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// Presses a node's button or switch. `false` when no such node runs.
    pub fn act(&self, node: &str, action: Action) -> bool {
        let lane = self.shared.directory.lane_of(node);
        lane.inspect(|lane| lane.command(Command::Act { node: Str::new(node), action })).is_some()
    }

    /// Hands a message to a node's input, as if it had come by a wire. `false` when no such node runs.
    pub fn send(&self, node: &str, value: Object) -> bool {
        let Some(lane) = self.shared.directory.lane_of(node) else { return false };
        let message = tidegate_nodes::message::Message::new(value);
        let mail = tidegate_nodes::host::Mail::Message(message);
        lane.push("", [inbox::Arrival::To { node: Str::new(node), mail, hops: 0 }]);
        true
    }

    /// Stops: sources first, then what is under way, then sinks. What is not done by the deadline is named and left
    /// unacknowledged.
    pub fn stop(&self, deadline: Duration) -> Drained {
        let drained = self.drain(deadline);
        if let Some(running) = &self.workers {
            running.workers.stop();
            let threads =
                std::mem::take(&mut *running.threads.lock().unwrap_or_else(PoisonError::into_inner));
            for thread in threads {
                // A lane's panics are caught inside; one that got out was printed when it happened.
                let _ = thread.join();
            }
        }
        drained
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Layout> {
        self.layout.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn new(options: Options, clock: Clock, observer: Arc<dyn Observer>) -> Arc<Shared> {
        panics::install_hook();
        let mut contexts = Contexts::new(&options.context_stores);
        if let Some(store) = &options.store {
            let kept = store.context_of(DISK).unwrap_or_else(|error| {
                tracing::error!("the contexts on the disk cannot be read and are empty: {error}");
                Vec::new()
            });
            contexts.keep(kept);
        }
        Arc::new(Shared {
            clock,
            settings: Arc::new(options.settings.clone()),
            contexts: Arc::new(contexts),
            observer,
            directory: Directory::default(),
            counters: CounterTable::default(),
            gauges: Gauges::default(),
            screens: Screens::default(),
            resources: RwLock::default(),
            outboxes: Mutex::default(),
            random: Mutex::new(options.seed),
            sequence: AtomicU64::new(0),
            options,
        })
    }
}

//! The outside world of a test: what a source gives, what a sink takes, and when the connection breaks.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::Value as Json;
use tidegate_nodes::connector::{Connector, ConnectorHost, Delivery, Incoming};
use tidegate_nodes::descriptor::{Descriptor, Role};
use tidegate_nodes::error::NodeError;
use tidegate_nodes::message::Outcome;
use tidegate_nodes::node::{Built, NodeConfig, NodeType};
use tidegate_nodes::value::Object;
use tokio::sync::Notify;

use super::descriptor;

#[derive(Default)]
pub struct World {
    state: Mutex<State>,
    changed: Condvar,
    /// For the connectors, which wait in tasks.
    stir: Notify,
}

#[derive(Default)]
pub struct State {
    /// What the source gives, and then nothing more; `endless` gives without end.
    pub to_give: VecDeque<i64>,
    pub endless: bool,
    pub given: i64,
    pub acknowledged: Vec<(u64, Outcome)>,
    /// What reached the sink, in order, repeats included.
    pub taken: Vec<i64>,
    pub in_hand: usize,
    /// How many more messages the sink confirms before it waits.
    pub confirms: usize,
    /// The sink's connection breaks when it has taken so many messages, repeats included.
    pub breaks_at: Vec<usize>,
    pub opened: usize,
    /// This try to open is refused.
    pub refuse_open: Option<usize>,
    pub panic_on: Option<i64>,
    /// Nobody can be reached.
    pub down: bool,
    /// The sink refuses these.
    pub poison: Vec<i64>,
    /// What it has refused, each time.
    pub refused: Vec<i64>,
    /// Names under which messages came to the sink.
    pub names: Vec<(i64, String)>,
    /// The source has no acknowledgements to wait for.
    pub careless: bool,
    /// What was given and is not acknowledged as done is given again, as a broker does.
    pub redelivers: bool,
    pub given_out: std::collections::BTreeSet<i64>,
    /// What the messages of the source say beside their number.
    pub dress: Option<fn(i64, &mut Object)>,
}

static WORLDS: LazyLock<Mutex<HashMap<String, Arc<World>>>> = LazyLock::new(Mutex::default);

impl World {
    /// A world of this name, which nodes name in their property `world`.
    pub fn named(name: &str) -> Arc<World> {
        WORLDS.lock().unwrap().entry(name.to_string()).or_default().clone()
    }

    pub fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
        self.stir.notify_waiters();
    }

    /// Waits until something is so. Fails the test after a time that only a bug reaches.
    pub fn wait(&self, what: &str, so: impl Fn(&State) -> bool) {
        let state = self.lock();
        let (_state, late) =
            self.changed.wait_timeout_while(state, Duration::from_secs(60), |state| !so(state)).unwrap();
        assert!(!late.timed_out(), "waited in vain until {what}");
    }

    pub fn look<R>(&self, look: impl FnOnce(&State) -> R) -> R {
        look(&self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn world(config: &NodeConfig) -> Arc<World> {
    World::named(config.property("world").and_then(Json::as_str).expect("a world"))
}

pub static SOURCE: NodeType = NodeType {
    descriptor: &const { descriptor("source", 0, Role::Connector) } as &Descriptor,
    build: |config| Ok(Built::connector(Source(world(config)))),
};

pub static SINK: NodeType = NodeType {
    descriptor: &const { descriptor("sink", 1, Role::Connector) } as &Descriptor,
    build: |config| Ok(Built::connector(Sink { world: world(config), kept: VecDeque::new() })),
};

/// A sink with an outbox.
pub static KEEPER: NodeType = NodeType {
    descriptor: &const {
        Descriptor { fields: &[tidegate_nodes::outbox::NETWORK], ..descriptor("keeper", 1, Role::Connector) }
    } as &Descriptor,
    build: |config| Ok(Built::connector(Sink { world: world(config), kept: VecDeque::new() })),
};

struct Source(Arc<World>);

impl Connector for Source {
    async fn open(&mut self, _host: Arc<dyn ConnectorHost>) -> Result<(), NodeError> {
        self.0.change_quietly(|state| {
            if state.redelivers {
                let again = std::mem::take(&mut state.given_out);
                again.into_iter().rev().for_each(|n| state.to_give.push_front(n));
            }
        });
        Ok(())
    }

    async fn next(&mut self) -> Result<Vec<Incoming>, NodeError> {
        loop {
            let stir = self.0.stir.notified();
            let mut batch = Vec::new();
            self.0.change_quietly(|state| {
                while batch.len() < 64 && (state.endless || !state.to_give.is_empty()) {
                    let n = state.to_give.pop_front().unwrap_or(state.given);
                    state.given += 1;
                    state.given_out.insert(n);
                    let mut value = [("payload", n)].into_iter().collect();
                    if let Some(dress) = state.dress {
                        dress(n, &mut value);
                    }
                    let acknowledge = (!state.careless).then_some(n as u64);
                    batch.push(Incoming { value, acknowledge, ..Incoming::default() });
                }
            });
            if !batch.is_empty() {
                return Ok(batch);
            }
            stir.await;
        }
    }

    async fn acknowledge(&mut self, outcomes: &[(u64, Outcome)]) -> Result<(), NodeError> {
        self.0.change(|state| {
            for (n, outcome) in outcomes {
                match outcome {
                    Outcome::Done => drop(state.given_out.remove(&(*n as i64))),
                    Outcome::Undelivered if state.redelivers => state.to_give.push_back(*n as i64),
                    Outcome::Undelivered => {}
                }
            }
            state.acknowledged.extend_from_slice(outcomes);
        });
        Ok(())
    }
}

impl World {
    /// Changes without waking the connectors, for a connector's own changes.
    fn change_quietly(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }
}

struct Sink {
    world: Arc<World>,
    kept: VecDeque<Delivery>,
}

impl Sink {
    /// Confirms what may be confirmed, the newest first: the engine puts acknowledgements in order.
    fn confirm(&mut self) {
        let mut confirmed = Vec::new();
        self.world.change_quietly(|state| {
            while state.confirms > 0
                && let Some(delivery) = self.kept.pop_back()
            {
                state.confirms -= 1;
                confirmed.push(delivery);
            }
            state.in_hand = self.kept.len();
        });
        confirmed.into_iter().for_each(Delivery::confirm);
    }
}

impl Connector for Sink {
    async fn open(&mut self, _host: Arc<dyn ConnectorHost>) -> Result<(), NodeError> {
        let mut refused = false;
        self.world.change_quietly(|state| {
            state.opened += 1;
            refused = state.refuse_open == Some(state.opened) || state.down;
        });
        if refused { Err(NodeError::disconnected("nobody is there")) } else { Ok(()) }
    }

    async fn next(&mut self) -> Result<Vec<Incoming>, NodeError> {
        let world = self.world.clone();
        let stir = world.stir.notified();
        self.confirm();
        // What was said before there was anything to stir is seen here.
        if !world.look(|state| state.down) {
            stir.await;
        }
        self.confirm();
        if world.look(|state| state.down) {
            return Err(NodeError::disconnected("it went away"));
        }
        Ok(Vec::new())
    }

    async fn handle(&mut self, batch: &mut Vec<Delivery>) -> Result<(), NodeError> {
        let mut broken = false;
        let mut panics = false;
        for delivery in batch.drain(..) {
            let n = delivery.message().payload().as_i64().unwrap_or(-1);
            if self.world.look(|state| state.poison.contains(&n)) {
                self.world.change_quietly(|state| state.refused.push(n));
                delivery.fail(NodeError::rejected("the other side refuses it"));
                continue;
            }
            if let Some(name) = delivery.name() {
                self.world.change_quietly(|state| state.names.push((n, name.to_string())));
            }
            self.kept.push_back(delivery);
            self.world.change_quietly(|state| {
                state.taken.push(n);
                panics |= state.panic_on.take_if(|on| *on == n).is_some();
                broken |= state.breaks_at.contains(&state.taken.len());
            });
        }
        assert!(!panics, "the sink panics");
        if broken {
            return Err(NodeError::disconnected("the connection broke"));
        }
        self.confirm();
        Ok(())
    }

    fn take_unconfirmed(&mut self) -> Vec<Delivery> {
        self.kept.drain(..).collect()
    }
}

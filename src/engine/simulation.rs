//! A run under the virtual clock: one thread, lanes in document order, time that jumps from event to event. The same
//! flow and the same input give the same output, to the byte.

use std::sync::Arc;
use std::time::Duration;

use super::deploy::Layout;
use super::inbox::{LaneHandle, Waker};
use super::{Clock, Engine, Observer, Options, Shared};

pub struct Simulation {
    pub engine: Engine,
}

/// A lane holds its own handle while it runs; without this the two would keep each other alive.
impl Drop for Simulation {
    fn drop(&mut self) {
        for handle in self.engine.lock().lanes.drain(..) {
            *handle.lane() = super::lane::Lane::default();
        }
    }
}

/// Nobody needs to be told: the driver looks at all lanes.
struct Driver;

impl Waker for Driver {
    fn ready(&self, _lane: Arc<LaneHandle>) {}
}

impl Simulation {
    /// An engine with nothing in it whose clock stands at `epoch_ms`.
    pub fn new(options: Options, observer: Arc<dyn Observer>, epoch_ms: i64) -> Simulation {
        let shared = Shared::new(options, Clock::frozen(epoch_ms), observer);
        let layout = std::sync::Mutex::new(Layout::default());
        Simulation {
            engine: Engine { shared, waker: Arc::new(Driver), layout, workers: None, runtime: None },
        }
    }

    /// Runs until nothing more happens at this instant.
    pub fn settle(&self) {
        let lanes = self.engine.lock().lanes.clone();
        loop {
            let mut did = false;
            for handle in &lanes {
                handle.begin();
                let turn = handle.lane().turn(&self.engine.shared);
                handle.end(false);
                did |= turn.did;
            }
            if !did {
                return;
            }
        }
    }

    /// Runs until the clock stands at `until`, since the start; `false` when nothing is scheduled any more.
    pub fn run_until(&self, until: Duration) -> bool {
        self.settle();
        while let Some(next) = self.next() {
            if next > until {
                self.engine.shared.clock.advance_to(until);
                return true;
            }
            self.engine.shared.clock.advance_to(next);
            self.settle();
        }
        self.engine.shared.clock.advance_to(until);
        false
    }

    /// When the next timer comes due.
    pub fn next(&self) -> Option<Duration> {
        let lanes = self.engine.lock().lanes.clone();
        lanes.iter().filter_map(|handle| handle.lane().core.timers.next()).min()
    }

    /// Stops all nodes, as a stop of the gateway does.
    pub fn close(&self) {
        drop(self.engine.drain(Duration::ZERO));
    }
}

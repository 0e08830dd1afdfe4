//! What happens to a node that fails: stopped, or started again after a panic from what it saved last.

use std::any::Any;
use std::collections::VecDeque;
use std::time::Duration;

use tidegate_nodes::error::NodeError;
use tidegate_nodes::host::Host;
use tidegate_nodes::message::{Message, Token};
use tidegate_nodes::value::Value;

use super::Shared;
use super::lane::Lane;
use super::observer::Event;
use super::panics;
use super::slot::Running;

/// How often a node's small state is saved against a panic.
const SAVE_EVERY: Duration = Duration::from_secs(1);
/// So many panics within this time stop a node.
const MAX_PANICS: usize = 3;
const PANIC_WINDOW: Duration = Duration::from_secs(60);

impl Lane {
    /// A handler returned an error: to Catch, and a node that says it cannot go on is stopped.
    pub(super) fn failed(&mut self, at: u32, error: NodeError, message: Option<Message>, shared: &Shared) {
        if let NodeError::Fatal(why) | NodeError::Config { message: why, .. } = &error {
            self.slots[at as usize].node = Running::Stopped(why.clone());
            self.core.timers.forget(at);
            self.core.pulls.retain(|pull| pull.node != at);
        }
        self.lend(at, shared).raise(error, message);
    }

    pub(super) fn panicked(&mut self, at: u32, panic: Box<dyn Any + Send>, token: &Token, shared: &Shared) {
        token.fail();
        let text = panics::text(&*panic);
        let now = shared.clock.elapsed();
        let slot = &mut self.slots[at as usize];
        let panics = &mut slot.around.panics;
        panics.retain(|when| now.saturating_sub(*when) < PANIC_WINDOW);
        panics.push(now);
        // What the node held is dropped with it, which tells the sources.
        let again_in = if panics.len() < MAX_PANICS {
            let wait = Duration::from_millis(250 << (2 * panics.len()));
            slot.node = Running::Resting(VecDeque::new());
            self.core.timers.forget(at);
            self.core.timers.restart(now + wait, at);
            Some(wait)
        } else {
            slot.node = Running::Stopped(format!("it panicked 3 times within a minute, last: {text}"));
            self.core.timers.forget(at);
            None
        };
        self.core.pulls.retain(|pull| pull.node != at);
        let around = &self.slots[at as usize].around;
        around.counters.errors.add(1);
        shared.tell(&around.id, Event::Panicked { text, again_in });
    }

    pub(super) fn restart(&mut self, at: u32, shared: &Shared) {
        let slot = &mut self.slots[at as usize];
        let backlog = match &mut slot.node {
            Running::Resting(backlog) => std::mem::take(backlog),
            _ => return,
        };
        slot.node = super::build::running(&slot.around.plan, shared, slot.around.saved.clone());
        self.core.queue.extend(backlog);
        self.run(at, Token::none(), shared, |node, cx| node.start(cx));
    }

    /// Saves the small state of nodes that have run, each at most once a second.
    pub(super) fn save_states(&mut self, shared: &Shared) {
        if self.core.touched.is_empty() {
            return;
        }
        let now = shared.clock.elapsed();
        let Lane { slots, core, .. } = self;
        let mut touched = std::mem::take(&mut core.touched);
        touched.retain(|&at| {
            let slot = &mut slots[at as usize];
            if slot.around.saved_at.is_some_and(|last| now < last + SAVE_EVERY) {
                return true;
            }
            slot.around.touched = false;
            slot.around.saved_at = Some(now);
            let saved = saved(&slot.node);
            Lane::note_saved(core, &mut slot.around, saved, shared);
            false
        });
        self.core.touched = touched;
    }
}

/// What `save` gives; a panic in it is as good as nothing saved.
pub fn saved(node: &Running) -> Option<Value> {
    match node {
        Running::Transform(node) => panics::guarded(|| node.save()).ok().flatten(),
        _ => None,
    }
}

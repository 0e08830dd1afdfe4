//! What goes wrong with the files of a recording: errors from some point on, until they are repaired, and syncs that wait.

use std::ffi::c_int;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    Read,
    Write,
    Sync,
}

/// So many of these go well yet; those that follow give this code of SQLite's.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    pub op: Op,
    pub after: usize,
    pub code: c_int,
}

#[derive(Default)]
pub struct Faults {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    faults: Vec<Fault>,
    /// How often something went wrong.
    met: usize,
    syncs_wait: bool,
    /// Syncs that wait right now.
    waiting: usize,
}

impl Faults {
    pub fn begin(&self, faults: &[Fault]) {
        *self.lock() = State { faults: faults.to_vec(), ..State::default() };
    }

    /// All goes well again. Gives how often something went wrong.
    pub fn repair(&self) -> usize {
        let state = std::mem::take(&mut *self.lock());
        self.changed.notify_all();
        state.met
    }

    /// From now on a sync takes until the repair.
    pub fn hold_syncs(&self) {
        self.lock().syncs_wait = true;
    }

    /// Waits until a sync waits.
    pub fn wait_for_sync(&self) {
        drop(self.changed.wait_while(self.lock(), |state| state.waiting == 0).expect("no panic in between"));
    }

    /// What comes of it; nothing where it goes well.
    pub fn meet(&self, op: Op) -> Option<c_int> {
        let mut state = self.lock();
        if op == Op::Sync && state.syncs_wait {
            state.waiting += 1;
            self.changed.notify_all();
            state = self.changed.wait_while(state, |state| state.syncs_wait).expect("no panic in between");
        }
        let State { faults, met, .. } = &mut *state;
        let fault = faults.iter_mut().find(|fault| fault.op == op)?;
        match fault.after.checked_sub(1) {
            Some(after) => {
                fault.after = after;
                None
            }
            None => {
                *met += 1;
                Some(fault.code)
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

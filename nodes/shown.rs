//! What a node shows to people beside its badge: a widget of the dashboard. It is read from outside, whenever somebody
//! looks, so that a node which nobody looks at tells nobody anything.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::value::{Object, Value};

/// A widget, read from any thread beside the lane of its node. It never waits for the node: a script that keeps the lane
/// busy does not keep those who look from what was there before.
pub trait Shown: Send + Sync {
    /// What is to be seen now. With the mark of an earlier view only what has changed since; `None` when nothing has.
    fn view(&self, since: Option<u64>) -> Option<View>;

    /// What somebody may set it to, as the node is then given it by `Action::Operate`; else why not.
    fn accepts(&self, _value: &Value) -> Result<Value, String> {
        Err("it shows something, and cannot be operated".to_string())
    }
}

/// Properties to be laid over those of earlier views. What stands under `more` is appended to what is there.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// Of this state of the widget; it counts the changes.
    pub mark: u64,
    pub value: Object,
}

/// The state behind a widget. Whoever keeps it bounds it: it is copied for each new look.
pub trait Draw: Send {
    /// All of it, or what has changed since that mark.
    fn draw(&self, since: Option<u64>) -> Object;

    fn accepts(&self, _value: &Value) -> Result<Value, String> {
        Err("it shows something, and cannot be operated".to_string())
    }
}

/// Shares the state of a widget between its node, which changes it, and those who look. The lock is held to copy what is
/// looked at, and so by the node for a moment only.
pub struct Screen<D>(Mutex<(u64, D)>);

impl<D: Draw> Screen<D> {
    pub fn new(state: D) -> Screen<D> {
        Screen(Mutex::new((0, state)))
    }

    /// Changes the state. What is given is told the mark that the state has from now on.
    pub fn change<R>(&self, change: impl FnOnce(&mut D, u64) -> R) -> R {
        let mut inner = self.lock();
        inner.0 += 1;
        let (mark, state) = &mut *inner;
        change(state, *mark)
    }

    pub fn look<R>(&self, look: impl FnOnce(&D) -> R) -> R {
        look(&self.lock().1)
    }

    fn lock(&self) -> MutexGuard<'_, (u64, D)> {
        // After a panic in a change the node is built anew, and with it what it shows.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<D: Draw> Shown for Screen<D> {
    fn view(&self, since: Option<u64>) -> Option<View> {
        let inner = self.lock();
        let (mark, state) = &*inner;
        (since != Some(*mark)).then(|| View { mark: *mark, value: state.draw(since) })
    }

    fn accepts(&self, value: &Value) -> Result<Value, String> {
        self.lock().1.accepts(value)
    }
}

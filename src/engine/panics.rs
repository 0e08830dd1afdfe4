//! Panics in nodes are caught and told with the node's name; the console stays quiet about them.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
    /// Whether a node's own code runs on this thread.
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs a node's own code. The engine's state is whole whatever happens in it: a node reaches it by `Host` alone.
#[inline]
pub fn guarded<R>(code: impl FnOnce() -> R) -> Result<R, Box<dyn Any + Send>> {
    GUARDED.set(true);
    let result = catch_unwind(AssertUnwindSafe(code));
    GUARDED.set(false);
    result
}

/// From now on the panics of guarded code are remembered instead of printed.
pub fn install_hook() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if GUARDED.get() {
                LAST.set(Some(info.to_string().replace('\n', " ")));
            } else {
                before(info);
            }
        }));
    });
}

/// What a caught panic said, and where.
pub fn text(payload: &(dyn Any + Send)) -> String {
    let said = payload.downcast_ref::<&str>().map(|s| (*s).to_string());
    let said = said.or_else(|| payload.downcast_ref::<String>().cloned());
    let said = said.unwrap_or_else(|| "no message".to_string());
    match LAST.take() {
        Some(full) => full.strip_prefix("panicked at ").unwrap_or(&full).to_string(),
        None => said,
    }
}

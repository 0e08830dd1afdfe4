//! Panics in nodes are caught and told; this makes them quiet on the console and keeps where they happened.

use std::any::Any;
use std::cell::RefCell;
use std::panic;
use std::sync::Once;

thread_local! {
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
    static QUIET: RefCell<bool> = const { RefCell::new(false) };
}

/// From now on a panic on this thread is remembered instead of printed: the engine reports it with the node's name.
pub fn quiet_on_this_thread() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if QUIET.with_borrow(|quiet| *quiet) {
                LAST.set(Some(info.to_string().replace('\n', " ")));
            } else {
                before(info);
            }
        }));
    });
    QUIET.set(true);
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

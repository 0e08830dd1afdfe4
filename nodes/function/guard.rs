//! What keeps a script from taking the gateway with it: operations, time, and how deep its values nest.
//!
//! The interpreter counts operations itself, but forgets those in closures that its array functions call; so they are
//! counted here. It has no limit on nesting, and cloning or dropping a value recurses: a loop that wraps an array into
//! an array would end in a stack overflow, which nothing can catch. A value can only get deeper by a step that reads
//! a variable (`this` is refused), so variables are looked through every so many reads.

use std::cell::Cell;
use std::time::{Duration, Instant};

use rhai::{Dynamic, EvalAltResult, EvalContext, FnPtr, Position};

use super::call::Outcome;
use super::value::MAX_DEPTH;

/// The clock is looked at every so many operations.
const CLOCK_EVERY: u64 = 256;

/// By so many levels values may get deeper between two looks: with `MAX_DEPTH` on top, and some hundred bytes a level,
/// this recursion fits any thread's stack.
const LEVELS_BETWEEN: u32 = 1_000;

/// A look costs about as much as this many values in the variables seen cost one read.
const VALUES_PER_READ: u32 = 16;

/// Why a script was stopped, as the interpreter hands it through.
pub const OUT_OF_OPERATIONS: i64 = 1;
pub const OUT_OF_TIME: i64 = 2;

/// How much one call of a script may take.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    pub operations: u64,
    pub time: Duration,
    /// Variable reads between two looks at the depth.
    pub reads: u32,
}

impl Budget {
    /// Reads between two looks for a script in which one step wraps a value at most `levels` times.
    pub fn reads(levels: usize) -> u32 {
        (LEVELS_BETWEEN / u32::try_from(levels.max(1)).unwrap_or(LEVELS_BETWEEN)).max(1)
    }
}

struct Left {
    operations: Cell<u64>,
    time: Cell<Duration>,
    until: Cell<Option<Instant>>,
    reads: Cell<u32>,
    most_reads: Cell<u32>,
}

thread_local! {
    static LEFT: Left = const {
        Left {
            operations: Cell::new(0),
            time: Cell::new(Duration::ZERO),
            until: Cell::new(None),
            reads: Cell::new(0),
            most_reads: Cell::new(0),
        }
    };
}

/// Starts a call of a script.
pub fn start(budget: &Budget) {
    LEFT.with(|left| {
        left.operations.set(budget.operations);
        left.time.set(budget.time);
        left.until.set(None);
        left.reads.set(budget.reads);
        left.most_reads.set(budget.reads);
    });
}

/// Called by the interpreter for each operation; some reason stops the script.
pub fn operation(_: u64) -> Option<Dynamic> {
    LEFT.with(|left| {
        let operations = left.operations.get();
        if operations == 0 {
            return Some(Dynamic::from(OUT_OF_OPERATIONS));
        }
        left.operations.set(operations - 1);
        if operations.is_multiple_of(CLOCK_EVERY) { look_at_clock(left) } else { None }
    })
}

/// A script that is over before the first look never asks the clock.
fn look_at_clock(left: &Left) -> Option<Dynamic> {
    let now = Instant::now();
    match left.until.get() {
        Some(until) if now >= until => Some(Dynamic::from(OUT_OF_TIME)),
        Some(_) => None,
        None => {
            left.until.set(now.checked_add(left.time.get()));
            None
        }
    }
}

/// Called by the interpreter before each read of a variable.
pub fn variable(
    _name: &str,
    _index: usize,
    context: EvalContext<'_, '_, '_, '_, '_, '_>,
) -> Outcome<Option<Dynamic>> {
    let due = LEFT.with(|left| {
        let reads = left.reads.get();
        left.reads.set(reads.saturating_sub(1));
        reads == 0
    });
    if due {
        look_at_depth(&context)?;
    }
    Ok(None)
}

fn look_at_depth(context: &EvalContext<'_, '_, '_, '_, '_, '_>) -> Outcome<()> {
    let mut seen = 0;
    for (_, _, value) in context.scope().iter_raw() {
        check(value, 0, &mut seen)?;
    }
    LEFT.with(|left| {
        let most = left.most_reads.get();
        left.reads.set((seen / VALUES_PER_READ).clamp(VALUES_PER_READ.min(most), most));
    });
    Ok(())
}

fn check(value: &Dynamic, depth: usize, seen: &mut u32) -> Outcome<()> {
    *seen = seen.saturating_add(1);
    if depth > MAX_DEPTH {
        let what = format!("a value nested deeper than {MAX_DEPTH} levels is");
        return Err(EvalAltResult::ErrorDataTooLarge(what, Position::NONE).into());
    }
    if value.is_shared() {
        // A value that is being written to right now is looked at next time.
        return match value.is_locked() {
            true => Ok(()),
            false => value.read_lock::<Dynamic>().map_or(Ok(()), |inner| check(&inner, depth + 1, seen)),
        };
    }
    if let Ok(items) = value.as_array_ref() {
        items.iter().try_for_each(|item| check(item, depth + 1, seen))
    } else if let Ok(map) = value.as_map_ref() {
        map.values().try_for_each(|item| check(item, depth + 1, seen))
    } else if let Some(function) = value.read_lock::<FnPtr>() {
        function.curry().iter().try_for_each(|item| check(item, depth + 1, seen))
    } else {
        Ok(())
    }
}

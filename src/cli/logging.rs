//! What the gateway says while it works goes to standard error, as much as `RUST_LOG` says.

use std::env;
use std::io::{IsTerminal as _, stderr};

use tracing_subscriber::EnvFilter;

/// lapin prints whole messages, and traces what it logs in with; its nodes tell what there is to tell.
const SILENT: &str = "lapin=off";

/// With the level where `RUST_LOG` says none, and the time of each line for what runs long.
pub fn start(level: &str, timed: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let silent = SILENT.parse().expect("it is written as such a filter is");
    // Where a file, a pipe or the journal takes it, the codes of colours would stand between the words.
    let colours = stderr().is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter.add_directive(silent))
        .with_target(false)
        .with_ansi(colours)
        .with_writer(stderr);
    // A second start in one process (a test) keeps the first log.
    let _ = if timed { subscriber.try_init() } else { subscriber.without_time().try_init() };
}

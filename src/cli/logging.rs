//! What the gateway says while it works goes to standard error, as much as `RUST_LOG` says.

use tracing_subscriber::EnvFilter;

/// lapin prints whole messages, and traces what it logs in with; its nodes tell what there is to tell.
const SILENT: &str = "lapin=off";

/// With the level where `RUST_LOG` says none, and the time of each line for what runs long.
pub fn start(level: &str, timed: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let silent = SILENT.parse().expect("it is written as such a filter is");
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter.add_directive(silent))
        .with_target(false)
        .with_writer(std::io::stderr);
    // A second start in one process (a test) keeps the first log.
    let _ = if timed { subscriber.try_init() } else { subscriber.without_time().try_init() };
}

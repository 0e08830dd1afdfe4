//! `tidegate`: arguments in, exit code out. What each command does is in `cli/`, one file a command.

use std::process::ExitCode;

/// The allocator of the whole program; see Cargo.toml for why.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    tidegate::cli::run(std::env::args_os())
}

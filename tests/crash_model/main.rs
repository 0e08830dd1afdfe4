//! Power failures, computed: a workload is recorded write by write, and what the disk may hold after a crash at any point
//! of it is opened and checked. `CRASH_IMAGES=20000 cargo test --test crash_model` looks at more of them.
// Clippy lets tests unwrap and print, but does not know the functions that they call as tests.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod check;
mod model;
mod sqlite;
mod store;
#[path = "../support/mod.rs"]
mod support;

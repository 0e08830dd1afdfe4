//! Flow tests: a flow, what is sent in, what must come out (docs/flow-tests.md). Under the virtual clock, with no
//! network and no real time.

mod case;
mod compare;
mod play;
mod record;

pub use case::{Case, parse, read};
pub use play::{Verdict, play};

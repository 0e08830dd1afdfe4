//! Flow tests: a flow, what is sent in, what must come out (docs/flow-tests.md). Under the virtual clock, with no
//! network and no real time.

mod case;
mod compare;
mod mistakes;
mod play;
mod preview;
mod record;

pub use case::{Case, parse, read};
pub use mistakes::{Lang, mistakes};
pub use play::{Verdict, play};
pub use preview::{MOST_MESSAGES, Mistake, Preview, preview};

//! Where a message came from in the gateway's own store. Such a source has no acknowledgement to lose: what it has given
//! is done with by the very commit that holds all that was made of it, so that a crash repeats nothing.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// The records of a log that are done with when all that was made of a message is.
#[derive(Clone)]
pub struct Origin {
    /// The reader, as the store knows it.
    pub reader: Arc<dyn Any + Send + Sync>,
    pub first: u64,
    pub last: u64,
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "records {} to {}", self.first, self.last)
    }
}

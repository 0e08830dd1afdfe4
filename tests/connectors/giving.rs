//! Messages that are put in while a case does something else.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};

use super::brokers::wait_until;
use super::subject::Peer;

/// Messages that another thread gives, one range after the other.
pub struct Giving {
    pub numbers: Range<u64>,
    /// All below this are given.
    given: Arc<AtomicU64>,
}

impl Giving {
    pub fn of(numbers: Range<u64>, given: Arc<AtomicU64>) -> Giving {
        Giving { numbers, given }
    }

    pub fn wait(self) -> Range<u64> {
        wait_until("all are given", || self.is_over());
        self.numbers
    }

    pub fn is_over(&self) -> bool {
        self.given.load(Ordering::SeqCst) >= self.numbers.end
    }
}

/// The thread that gives what the peer has; in order, also when the peer makes it wait.
pub fn giver(peer: Arc<dyn Peer>, given: Arc<AtomicU64>) -> Sender<Range<u64>> {
    let (sender, ranges) = channel::<Range<u64>>();
    std::thread::spawn(move || {
        for range in ranges {
            let end = range.end;
            peer.put(range);
            given.store(end, Ordering::SeqCst);
        }
    });
    sender
}

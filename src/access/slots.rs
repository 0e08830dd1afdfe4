//! Hashing a password takes 19 MiB and a core for a while. Two at once are enough for people, and all that a small board
//! can give to strangers.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const AT_ONCE: usize = 2;
/// Others wait, each on a thread; more than so many are turned away.
const WAITING: usize = 8;

#[derive(Debug, Default)]
pub struct Slots {
    taken: Mutex<Taken>,
    freed: Condvar,
}

#[derive(Debug, Default)]
struct Taken {
    running: usize,
    waiting: usize,
}

/// Free again when it is dropped.
#[derive(Debug)]
pub struct Slot<'s>(&'s Slots);

impl Slots {
    /// `None` where too many wait, or it took too long.
    pub fn take(&self, patience: Duration) -> Option<Slot<'_>> {
        let end = Instant::now() + patience;
        let mut taken = self.lock();
        if taken.running >= AT_ONCE && taken.waiting >= WAITING {
            return None;
        }
        taken.waiting += 1;
        while taken.running >= AT_ONCE {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                taken.waiting -= 1;
                return None;
            }
            taken = self.freed.wait_timeout(taken, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        taken.waiting -= 1;
        taken.running += 1;
        Some(Slot(self))
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.0.lock().running -= 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn two_run_a_few_wait_and_the_rest_is_turned_away() {
        let slots = Slots::default();
        let (one, two) = (slots.take(Duration::ZERO).unwrap(), slots.take(Duration::ZERO).unwrap());
        assert!(slots.take(Duration::from_millis(1)).is_none(), "patience is bounded");
        std::thread::scope(|scope| {
            let done: Vec<_> =
                (0..WAITING).map(|_| scope.spawn(|| slots.take(Duration::from_secs(60)).is_some())).collect();
            while slots.lock().waiting < WAITING {
                std::thread::yield_now();
            }
            assert!(slots.take(Duration::from_secs(60)).is_none(), "too many wait");
            drop((one, two));
            assert!(done.into_iter().all(|thread| thread.join().unwrap()));
        });
        let left = slots.lock();
        assert_eq!((left.running, left.waiting), (0, 0));
    }

    #[test]
    fn never_more_than_two_at_once() {
        let (slots, now, most) = (Slots::default(), AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let slot = slots.take(Duration::from_secs(60)).unwrap();
                        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        std::thread::yield_now();
                        now.fetch_sub(1, Ordering::SeqCst);
                        drop(slot);
                    }
                });
            }
        });
        assert!(most.into_inner() <= AT_ONCE);
    }
}

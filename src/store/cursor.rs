//! How far a reader of a log has come, where records may be done with in any order.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tidegate_nodes::value::Str;

/// The position of one reader. All up to it is done with, and some ranges beyond it.
pub struct Cursor {
    pub reader: Str,
    state: Mutex<Done>,
    /// Whether a commit of it is on its way to the writer: one is enough, it takes the newest position.
    queued: AtomicBool,
}

/// What is done with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Done {
    /// All up to here.
    pub position: u64,
    /// So many of those were confirmed by the outside; the others are in the ledger.
    pub confirmed: u64,
    /// Beyond the position: the first of a range, its last, and whether it was confirmed.
    pub(super) beyond: BTreeMap<u64, (u64, bool)>,
}

impl Done {
    /// Takes a range as done with. What is done with already is not counted twice.
    pub fn add(&mut self, first: u64, last: u64, confirmed: bool) {
        let mut first = first.max(self.position + 1);
        while first <= last {
            // The part of the range up to the next one that is known.
            let before = self.beyond.range(..=first).next_back().map(|(_, &(end, _))| end);
            if let Some(end) = before.filter(|&end| end >= first) {
                first = end + 1;
                continue;
            }
            let until = self.beyond.range(first..).next().map_or(last, |(&start, _)| last.min(start - 1));
            self.insert(first, until, confirmed);
            first = until + 1;
        }
        while let Some((&start, &(end, confirmed))) = self.beyond.first_key_value() {
            if start != self.position + 1 {
                break;
            }
            self.beyond.remove(&start);
            self.position = end;
            self.confirmed += if confirmed { end + 1 - start } else { 0 };
        }
    }

    /// Ranges of one kind that touch become one, so that a long run out of order stays small.
    fn insert(&mut self, first: u64, last: u64, confirmed: bool) {
        if let Some((_, (end, kind))) = self.beyond.range_mut(..first).next_back()
            && *end + 1 == first
            && *kind == confirmed
        {
            *end = last;
            return;
        }
        self.beyond.insert(first, (last, confirmed));
    }

    pub fn is_done(&self, sequence: u64) -> bool {
        sequence <= self.position
            || self.beyond.range(..=sequence).next_back().is_some_and(|(_, &(end, _))| end >= sequence)
    }

    /// How many beyond the position are done with.
    pub fn count_beyond(&self) -> u64 {
        self.beyond.iter().map(|(first, (last, _))| last + 1 - first).sum()
    }

    /// Ranges beyond the position that were not confirmed but given up: they must not come back after a restart.
    pub fn given_up(&self) -> impl Iterator<Item = (u64, u64)> {
        self.beyond.iter().filter(|(_, (_, confirmed))| !confirmed).map(|(first, (last, _))| (*first, *last))
    }
}

impl Cursor {
    pub fn new(reader: &str, position: u64, confirmed: u64) -> Cursor {
        let done = Done { position, confirmed, ..Done::default() };
        Cursor { reader: Str::new(reader), state: Mutex::new(done), queued: AtomicBool::new(false) }
    }

    pub fn position(&self) -> u64 {
        self.lock().position
    }

    pub fn done(&self) -> Done {
        self.lock().clone()
    }

    pub fn is_done(&self, sequence: u64) -> bool {
        self.lock().is_done(sequence)
    }

    /// The outside has these. It is not on the disk before a commit with this cursor.
    pub fn confirm(&self, first: u64, last: u64) {
        self.lock().add(first, last, true);
    }

    /// These will not be delivered; the ledger has them, by a commit that has happened.
    pub(super) fn give_up(&self, first: u64, last: u64) {
        self.lock().add(first, last, false);
    }

    /// Puts the reader somewhere else.
    pub(super) fn reset(&self, done: Done) {
        *self.lock() = done;
    }

    /// How many of a log are not done with.
    pub fn left(&self, next: u64) -> u64 {
        let done = self.lock();
        next.saturating_sub(done.position + 1).saturating_sub(done.count_beyond())
    }

    /// Marks a commit as on its way; `false` when one is already.
    pub fn queue(&self) -> bool {
        !self.queued.swap(true, Ordering::AcqRel)
    }

    pub(super) fn taken(&self) {
        self.queued.store(false, Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, Done> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_position_moves_over_what_is_contiguous() {
        let mut done = Done::default();
        done.add(2, 2, true);
        done.add(5, 7, false);
        done.add(3, 4, true);
        assert_eq!((done.position, done.confirmed, done.count_beyond()), (0, 0, 6));
        assert_eq!(done.given_up().collect::<Vec<_>>(), [(5, 7)]);
        done.add(1, 1, true);
        assert_eq!((done.position, done.confirmed, done.count_beyond()), (7, 4, 0));
        done.add(1, 9, true);
        assert_eq!((done.position, done.confirmed), (9, 6), "what was done is not counted again");
    }

    proptest! {
        #[test]
        fn any_order_ends_the_same(ranges in proptest::collection::vec((1u64..60, 0u64..8, any::<bool>()), 0..40)) {
            let mut done = Done::default();
            let mut known = [None; 80];
            for (first, length, confirmed) in ranges {
                done.add(first, first + length, confirmed);
                for n in first..=first + length {
                    known[n as usize].get_or_insert(confirmed);
                }
                let position = (1..80).take_while(|&n| known[n].is_some()).count() as u64;
                prop_assert_eq!(done.position, position);
                let confirmed = (1..=position as usize).filter(|&n| known[n] == Some(true)).count() as u64;
                prop_assert_eq!(done.confirmed, confirmed);
                let beyond = (position as usize + 1..80).filter(|&n| known[n].is_some()).count() as u64;
                prop_assert_eq!(done.count_beyond(), beyond);
                for n in 1..80u64 {
                    prop_assert_eq!(done.is_done(n), known[n as usize].is_some());
                }
            }
        }
    }
}

//! How far a reader of a log has come, where records may be done with in any order.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidegate_nodes::value::Str;

/// The position of one reader. All up to it is done with, and some ranges beyond it.
pub struct Cursor {
    pub reader: Str,
    state: Mutex<Done>,
    /// Confirmed ranges beyond the position that are on the disk: the first and the last of each.
    ahead: Mutex<BTreeMap<u64, u64>>,
    /// How many are done with on the disk: those up to its position, and ranges beyond.
    saved: AtomicU64,
    reserved: Mutex<Reserved>,
    /// Whether a commit of it is on its way to the writer: one is enough, it takes the newest position.
    queued: AtomicBool,
    leased: AtomicBool,
}

/// Ranges that are on their way into the ledger. What the outside confirms of them meanwhile waits here, and counts only
/// if they do not get there: nothing is counted twice.
#[derive(Default)]
struct Reserved {
    ranges: Vec<(u64, u64)>,
    confirmed: Vec<(u64, u64)>,
}

/// So many may be confirmed beyond the position before that is written down: less than a sink has in its hands anyway.
const AHEAD: u64 = 100;

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
        // Nearly always the next ones, in order.
        if self.beyond.is_empty() && first == self.position + 1 && last >= first {
            self.position = last;
            self.confirmed += if confirmed { last + 1 - first } else { 0 };
            return;
        }
        let mut parts = Vec::new();
        self.left_of(first, last, &mut parts);
        for (first, last) in parts {
            self.insert(first, last, confirmed);
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

    /// Appends the parts of a range that are not done with.
    fn left_of(&self, mut first: u64, last: u64, parts: &mut Vec<(u64, u64)>) {
        first = first.max(self.position + 1);
        while first <= last {
            // The part of the range up to the next one that is known.
            let before = self.beyond.range(..=first).next_back().map(|(_, &(end, _))| end);
            if let Some(end) = before.filter(|&end| end >= first) {
                first = end + 1;
                continue;
            }
            let until = self.beyond.range(first..).next().map_or(last, |(&start, _)| last.min(start - 1));
            parts.push((first, until));
            first = until + 1;
        }
    }

    /// How many beyond the position are done with.
    pub fn count_beyond(&self) -> u64 {
        self.beyond.iter().map(|(first, (last, _))| last + 1 - first).sum()
    }

    /// How many beyond the position were confirmed.
    pub fn confirmed_beyond(&self) -> u64 {
        self.confirmed_ranges().map(|(first, last)| last + 1 - first).sum()
    }

    fn confirmed_ranges(&self) -> impl Iterator<Item = (u64, u64)> {
        self.beyond.iter().filter(|(_, (_, confirmed))| *confirmed).map(|(first, (last, _))| (*first, *last))
    }

    /// Ranges beyond the position that were not confirmed but given up: they must not come back after a restart.
    pub fn given_up(&self) -> impl Iterator<Item = (u64, u64)> {
        self.beyond.iter().filter(|(_, (_, confirmed))| !confirmed).map(|(first, (last, _))| (*first, *last))
    }
}

impl Cursor {
    pub fn new(reader: &str, position: u64, confirmed: u64) -> Cursor {
        let done = Done { position, confirmed, ..Done::default() };
        Cursor {
            reader: Str::new(reader),
            state: Mutex::new(done),
            ahead: Mutex::default(),
            saved: AtomicU64::new(position),
            reserved: Mutex::default(),
            queued: AtomicBool::new(false),
            leased: AtomicBool::new(false),
        }
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

    /// The right to read as this reader: two at a time would confirm each other's records. Nothing while another has it.
    pub fn lease(self: &Arc<Cursor>) -> Option<Lease> {
        (!self.leased.swap(true, Ordering::AcqRel)).then(|| Lease(self.clone()))
    }

    /// The outside has these. It is not on the disk before a commit with this cursor.
    pub fn confirm(&self, first: u64, last: u64) {
        self.confirm_unreserved(&mut self.reserved(), first, last);
    }

    fn confirm_unreserved(&self, reserved: &mut Reserved, first: u64, last: u64) {
        let parts = outside(first, last, &reserved.ranges);
        if parts != [(first, last)] {
            reserved.confirmed.push((first, last));
        }
        for (first, last) in parts {
            self.lock().add(first, last, true);
        }
    }

    /// Takes what is left of a range for a commit that gives it up, and gives the parts. Nobody else gets them, and they
    /// are free again when the reservation is dropped: the commit has happened then, or never will.
    pub fn reserve(self: &Arc<Cursor>, first: u64, last: u64) -> Reservation {
        let mut reserved = self.reserved();
        let mut parts = Vec::new();
        let done = self.lock();
        for (first, last) in outside(first, last, &reserved.ranges) {
            done.left_of(first, last, &mut parts);
        }
        drop(done);
        reserved.ranges.extend(&parts);
        reserved.ranges.sort_unstable();
        Reservation { cursor: self.clone(), parts }
    }

    /// These will not be delivered; the ledger has them, by a commit that has happened.
    pub(super) fn give_up(&self, first: u64, last: u64) {
        self.lock().add(first, last, false);
    }

    /// The confirmed ranges beyond the position that are to be written down. Unless all are wanted, none until there is
    /// much to lose, so that the few that are confirmed out of order cost no writes.
    pub(super) fn ahead_to_write(&self, done: &Done, all: bool) -> Vec<(u64, u64)> {
        let written = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        if !all && done.confirmed_beyond() < beyond(&written, done.position) + AHEAD {
            return Vec::new();
        }
        done.confirmed_ranges().filter(|(first, last)| written.get(first) != Some(last)).collect()
    }

    /// So far it is on the disk now, these ranges beyond the position included.
    pub(super) fn written(&self, done: &Done, ahead: &[(u64, u64)]) {
        let mut written = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        for &(first, last) in ahead {
            // It has grown over those that stand for a part of it; their rows do no harm.
            let parts: Vec<u64> = written.range(first..=last).map(|(&first, _)| first).collect();
            for part in parts {
                written.remove(&part);
            }
            written.insert(first, last);
        }
        written.retain(|_, last| *last > done.position);
        let given_up = done.count_beyond() - done.confirmed_beyond();
        self.saved.store(done.position + given_up + beyond(&written, done.position), Ordering::Release);
    }

    /// How many are done with and would come again after a crash.
    pub fn unsaved(&self) -> u64 {
        let saved = self.saved.load(Ordering::Acquire);
        let done = self.lock();
        (done.position + done.count_beyond()).saturating_sub(saved)
    }

    /// Puts the reader somewhere else.
    pub(super) fn reset(&self, done: Done) {
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.saved.store(done.position + done.count_beyond(), Ordering::Release);
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

    /// Always taken before `state`.
    fn reserved(&self) -> MutexGuard<'_, Reserved> {
        self.reserved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See [`Cursor::lease`].
pub struct Lease(Arc<Cursor>);

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.leased.store(false, Ordering::Release);
    }
}

/// See [`Cursor::reserve`].
pub struct Reservation {
    cursor: Arc<Cursor>,
    /// First and last of each part, in order.
    pub parts: Vec<(u64, u64)>,
}

impl Reservation {
    /// A commit that is on the disk says that the reader is done with them.
    pub(super) fn confirm(self) {
        let mut done = self.cursor.lock();
        for &(first, last) in &self.parts {
            done.add(first, last, true);
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut reserved = self.cursor.reserved();
        reserved.ranges.retain(|part| !self.parts.contains(part));
        for (first, last) in std::mem::take(&mut reserved.confirmed) {
            self.cursor.confirm_unreserved(&mut reserved, first, last);
        }
    }
}

/// How many of these ranges are beyond the position.
fn beyond(ranges: &BTreeMap<u64, u64>, position: u64) -> u64 {
    let beyond = ranges.iter().filter(|(_, last)| **last > position);
    beyond.map(|(first, last)| last - (*first - 1).max(position)).sum()
}

/// The parts of a range that are in none of these, which are in order.
fn outside(mut first: u64, last: u64, ranges: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let mut parts = Vec::new();
    for &(from, to) in ranges {
        if to < first {
            continue;
        }
        if from > last {
            break;
        }
        if first < from {
            parts.push((first, from - 1));
        }
        first = to + 1;
    }
    if first <= last {
        parts.push((first, last));
    }
    parts
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

    #[test]
    fn what_is_reserved_is_not_confirmed_and_is_free_again_afterwards() {
        let cursor = Arc::new(Cursor::new("sink", 0, 0));
        cursor.confirm(3, 4);
        let first = cursor.reserve(1, 8);
        assert_eq!(first.parts, [(1, 2), (5, 8)]);
        let second = cursor.reserve(1, 10);
        assert_eq!(second.parts, [(9, 10)]);
        cursor.confirm(1, 12);
        assert_eq!(cursor.done().count_beyond(), 4, "3, 4, 11 and 12");
        cursor.give_up(1, 2);
        cursor.give_up(5, 8);
        // The first commit has happened, the second never will.
        drop((first, second));
        let done = cursor.done();
        assert_eq!((done.position, done.confirmed), (12, 6));
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

//! What is in flight is bounded where it comes in: credits, and acknowledgements in the order of arrival.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tidegate_nodes::message::{Admitted, Credit, CreditPool, Outcome, Settle};
use tidegate_nodes::origin::Origin;
use tokio::sync::Notify;

use super::counters::Watched;
use super::waits::Waits;

/// How much one source may have in flight.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub messages: usize,
    pub bytes: usize,
}

/// The credits of one source. A transform that asked in vain is called back, a connector waits for `freed`.
pub struct Pool {
    limits: Limits,
    messages: AtomicUsize,
    bytes: AtomicUsize,
    asked: AtomicBool,
    call_back: Box<dyn Fn() + Send + Sync>,
    freed: Notify,
    /// How long it was asked in vain, while somebody watches that.
    waits: Waits,
    watched: Arc<Watched>,
}

impl Pool {
    pub fn new(
        limits: Limits,
        watched: Arc<Watched>,
        call_back: impl Fn() + Send + Sync + 'static,
    ) -> Arc<Pool> {
        Arc::new(Pool {
            limits,
            messages: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            asked: AtomicBool::new(false),
            call_back: Box::new(call_back),
            freed: Notify::new(),
            waits: Waits::default(),
            watched,
        })
    }

    /// One credit. A message larger than the whole byte limit gets one when nothing else is in flight.
    /// Only the source itself takes, so that looking first and taking then is safe.
    pub fn take(self: &Arc<Pool>, bytes: u32) -> Option<Arc<Credit>> {
        if !self.has_room(bytes) {
            // Asked before the second look: a credit that comes back in between is seen by one or the other.
            self.asked.store(true, Ordering::SeqCst);
            if !self.has_room(bytes) {
                if self.watched.has_waits() {
                    self.waits.begin();
                }
                return None;
            }
            self.asked.store(false, Ordering::SeqCst);
        }
        self.messages.fetch_add(1, Ordering::SeqCst);
        self.bytes.fetch_add(bytes as usize, Ordering::SeqCst);
        Some(Credit::new(bytes, self.clone()))
    }

    /// Waits for a credit.
    pub async fn acquire(self: &Arc<Pool>, bytes: u32) -> Arc<Credit> {
        loop {
            let freed = self.freed.notified();
            if let Some(credit) = self.take(bytes) {
                return credit;
            }
            freed.await;
        }
    }

    fn has_room(&self, bytes: u32) -> bool {
        let messages = self.messages.load(Ordering::SeqCst);
        let in_flight = self.bytes.load(Ordering::SeqCst);
        messages < self.limits.messages && (messages == 0 || in_flight + bytes as usize <= self.limits.bytes)
    }

    pub fn in_flight(&self) -> usize {
        self.messages.load(Ordering::Relaxed)
    }

    /// How many messages it may have in flight.
    pub fn most(&self) -> usize {
        self.limits.messages
    }

    /// How long its source has waited for a credit, of the time that somebody watched.
    pub fn waited(&self) -> Duration {
        match self.asked.load(Ordering::Relaxed) {
            // It may have begun before anybody watched.
            true if self.watched.has_waits() => self.waits.begin(),
            true => {}
            false => self.waits.end(),
        }
        self.waits.total()
    }
}

impl CreditPool for Pool {
    fn give_back(&self, bytes: u32) {
        self.messages.fetch_sub(1, Ordering::SeqCst);
        self.bytes.fetch_sub(bytes as usize, Ordering::SeqCst);
        if self.asked.swap(false, Ordering::SeqCst) {
            self.waits.end();
            (self.call_back)();
            self.freed.notify_one();
        }
    }
}

/// What became of the messages of one source since it was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct SourceBalance {
    pub node: String,
    pub admitted: u64,
    /// Confirmed, stored, in the ledger, or ended in the flow.
    pub done: u64,
    /// Lost on the way: the source was told, and sends them again.
    pub undelivered: u64,
    pub in_flight: u64,
}

/// Hands out acknowledgements in the order in which the messages came, whatever order they were settled in.
#[derive(Default)]
pub struct Tracker {
    state: Mutex<Tracked>,
    ready: Notify,
}

struct Waiting {
    number: u64,
    outcome: Option<Outcome>,
    /// Told by itself, whatever came before it.
    alone: bool,
}

#[derive(Default)]
struct Tracked {
    next: u64,
    first: u64,
    /// From `first` on: the source's number for it, and what became of it.
    waiting: VecDeque<Waiting>,
    settled: Vec<(u64, Outcome)>,
    done: u64,
    undelivered: u64,
    /// What came before it is of a connector that is gone: nobody is to hear of it.
    forgotten: u64,
}

impl Tracker {
    /// Admits a message that the source knows by `number`.
    pub fn admit(self: &Arc<Tracker>, number: u64, origin: Option<Origin>) -> Arc<Admitted> {
        Admitted::from(origin, self.enter(number, false), self.clone())
    }

    /// Admits a message for which somebody waits: told as soon as it is settled.
    pub fn admit_alone(self: &Arc<Tracker>, number: u64) -> Arc<Admitted> {
        Admitted::answered(self.enter(number, true), self.clone())
    }

    fn enter(&self, number: u64, alone: bool) -> u64 {
        let mut state = self.lock();
        let sequence = state.next;
        state.next += 1;
        state.waiting.push_back(Waiting { number, outcome: None, alone });
        sequence
    }

    /// Waits until something can be acknowledged, and takes it. Cancel-safe: it takes only when it returns.
    pub async fn settled(&self) -> Vec<(u64, Outcome)> {
        loop {
            let ready = self.ready.notified();
            let settled = self.take_settled();
            if !settled.is_empty() {
                return settled;
            }
            ready.await;
        }
    }

    /// What can be acknowledged now.
    pub fn take_settled(&self) -> Vec<(u64, Outcome)> {
        std::mem::take(&mut self.lock().settled)
    }

    /// Admitted = done + undelivered + in flight, held by nodes included.
    pub fn balance(&self, node: &str) -> Option<SourceBalance> {
        let state = self.lock();
        let in_flight = state.waiting.iter().filter(|waiting| waiting.outcome.is_none()).count() as u64;
        (state.next > 0).then(|| SourceBalance {
            node: node.to_string(),
            admitted: state.next,
            done: state.done,
            undelivered: state.undelivered,
            in_flight,
        })
    }

    /// The connector is gone; the one in its place may count from the same number on, and must not hear of what it never
    /// gave.
    pub fn forget(&self) {
        let mut state = self.lock();
        state.forgotten = state.next;
        state.settled.clear();
    }

    /// How many were admitted and are not settled.
    #[cfg(test)]
    pub fn unsettled(&self) -> usize {
        self.lock().waiting.len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Tracked> {
        // The code under the lock cannot panic half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Settle for Tracker {
    fn settled(&self, sequence: u64, outcome: Outcome) {
        let mut state = self.lock();
        let at = (sequence - state.first) as usize;
        let mut alone = None;
        if let Some(entry) = state.waiting.get_mut(at) {
            entry.outcome = Some(outcome);
            alone = entry.alone.then_some(entry.number);
        }
        if let Some(number) = alone.filter(|_| sequence >= state.forgotten) {
            state.settled.push((number, outcome));
        }
        match outcome {
            Outcome::Done => state.done += 1,
            Outcome::Undelivered => state.undelivered += 1,
        }
        while let Some(&Waiting { number, outcome: Some(outcome), alone }) = state.waiting.front() {
            state.waiting.pop_front();
            state.first += 1;
            if state.first > state.forgotten && !alone {
                state.settled.push((number, outcome));
            }
        }
        let any = !state.settled.is_empty();
        drop(state);
        if any {
            self.ready.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;

    #[tokio::test]
    async fn acknowledgements_leave_in_order_of_arrival() {
        let tracker = Arc::new(Tracker::default());
        let a = tracker.admit(10, None);
        let b = tracker.admit(11, None);
        let c = tracker.admit(12, None);
        drop(c);
        drop(b);
        assert_eq!(tracker.unsettled(), 3);
        drop(a);
        let settled = tracker.settled().await;
        assert_eq!(settled, [(10, Outcome::Done), (11, Outcome::Done), (12, Outcome::Done)]);
        assert_eq!(tracker.unsettled(), 0);
    }

    #[tokio::test]
    async fn a_new_connector_does_not_hear_of_what_the_one_before_it_gave() {
        let tracker = Arc::new(Tracker::default());
        let before = (tracker.admit(0, None), tracker.admit(1, None));
        drop(tracker.admit(2, None));
        tracker.forget();
        let after = tracker.admit(0, None);
        drop(before);
        drop(after);
        assert_eq!(tracker.settled().await, [(0, Outcome::Done)]);
    }

    #[tokio::test]
    async fn a_message_with_somebody_waiting_is_told_by_itself() {
        let tracker = Arc::new(Tracker::default());
        let held = tracker.admit_alone(1);
        let before = tracker.admit(2, None);
        drop(tracker.admit_alone(3));
        assert_eq!(tracker.settled().await, [(3, Outcome::Done)]);
        drop(before);
        let refused = tidegate_nodes::message::Token::new(Some(held), None);
        refused.refuse();
        drop(refused);
        assert_eq!(tracker.settled().await, [(1, Outcome::Undelivered), (2, Outcome::Done)]);
        assert_eq!(tracker.unsettled(), 0);
    }

    #[test]
    fn credits_are_bounded_and_call_back_once() {
        let calls = Arc::new(AtomicU32::new(0));
        let seen = calls.clone();
        let limits = Limits { messages: 2, bytes: 100 };
        let pool = Pool::new(limits, Arc::default(), move || {
            seen.fetch_add(1, Ordering::Relaxed);
        });
        let a = pool.take(1000).expect("alone, a large message passes");
        assert!(pool.take(1).is_none(), "the byte limit holds");
        drop(a);
        assert_eq!(calls.load(Ordering::Relaxed), 1);
        let (b, c) = (pool.take(10).unwrap(), pool.take(10).unwrap());
        assert!(pool.take(10).is_none(), "the message limit holds");
        assert!(pool.take(10).is_none());
        drop((b, c));
        assert_eq!(calls.load(Ordering::Relaxed), 2, "called back once for the two that came back");
        assert_eq!(pool.in_flight(), 0);
    }
}

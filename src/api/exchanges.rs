//! Requests that wait for their answers, by ids that cannot be guessed.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidegate_nodes::message::Outcome;
use tidegate_nodes::value::Str;
use tidegate_nodes::web::{Answer, Answered, Settled, When};
use tokio::sync::oneshot;

#[derive(Default)]
pub struct Exchanges {
    open: Mutex<HashMap<Str, Exchange>>,
    made: AtomicU64,
    /// Keyed hashes of a counter, with keys that only this process has: who sees ids cannot work out others.
    ids: [RandomState; 2],
}

struct Exchange {
    state: State,
    route: u64,
    /// The node that took it is gone and will not settle it.
    orphan: bool,
}

enum State {
    Waiting(oneshot::Sender<Answer>),
    /// For when the message is done.
    Prepared(oneshot::Sender<Answer>, Answer),
    Answered,
    Gone,
}

/// The place of a request that waits. Dropped before there is an answer, the client has gone.
pub struct Waiting {
    pub id: Str,
    pub answer: oneshot::Receiver<Answer>,
    exchanges: Arc<Exchanges>,
}

impl Exchanges {
    pub fn enter(self: &Arc<Exchanges>, route: u64) -> Waiting {
        let made = self.made.fetch_add(1, Ordering::Relaxed);
        let [a, b] = &self.ids;
        let id = Str::from(format!("{:016x}{:016x}", a.hash_one(made), b.hash_one(made)));
        let (sender, answer) = oneshot::channel();
        let exchange = Exchange { state: State::Waiting(sender), route, orphan: false };
        self.lock().insert(id.clone(), exchange);
        Waiting { id, answer, exchanges: self.clone() }
    }

    /// A request that no node has taken after all.
    pub fn forget(&self, id: &str) {
        self.lock().remove(id);
    }

    pub fn answer(&self, id: &str, answer: Answer, when: When) -> Answered {
        let mut open = self.lock();
        let Some(exchange) = open.get_mut(id) else { return Answered::Gone };
        let answered = match std::mem::replace(&mut exchange.state, State::Answered) {
            State::Waiting(sender) if when == When::Delivered => {
                exchange.state = State::Prepared(sender, answer);
                return Answered::Taken;
            }
            State::Waiting(sender) => match sender.send(answer) {
                Ok(()) => Answered::Taken,
                Err(_) => Answered::Gone,
            },
            before @ State::Prepared(..) => {
                exchange.state = before;
                return Answered::Before;
            }
            State::Answered => Answered::Before,
            State::Gone => {
                exchange.state = State::Gone;
                Answered::Gone
            }
        };
        if exchange.orphan {
            open.remove(id);
        }
        answered
    }

    pub fn settle(&self, id: &str, outcome: Outcome) -> Settled {
        let Some(exchange) = self.lock().remove(id) else { return Settled::Gone };
        let failed = || Answer::text(503, "not delivered, try again\n");
        let (sender, answer, settled) = match (exchange.state, outcome) {
            (State::Answered, _) => return Settled::Answered,
            (State::Gone, _) => return Settled::Gone,
            (State::Prepared(sender, answer), Outcome::Done) => (sender, answer, Settled::Answered),
            (State::Prepared(sender, _), Outcome::Undelivered) => (sender, failed(), Settled::Answered),
            (State::Waiting(sender), Outcome::Undelivered) => (sender, failed(), Settled::Unanswered),
            (State::Waiting(sender), Outcome::Done) => {
                (sender, Answer::text(504, "the flow has ended without an answer\n"), Settled::Unanswered)
            }
        };
        match sender.send(answer) {
            Ok(()) => settled,
            Err(_) => Settled::Gone,
        }
    }

    /// The node of this route is gone. What waits can still be answered by the rest of its flow.
    pub fn orphan(&self, route: u64) {
        self.lock().retain(|_, exchange| {
            if exchange.route == route {
                exchange.orphan = true;
            }
            !exchange.orphan || matches!(exchange.state, State::Waiting(_) | State::Prepared(..))
        });
    }

    /// The gateway stops: what waits is told.
    pub fn give_up(&self) {
        for (_, exchange) in self.lock().drain() {
            if let State::Waiting(sender) | State::Prepared(sender, _) = exchange.state {
                // Who has gone need not be told.
                let _ = sender.send(Answer::text(503, "the gateway stops\n"));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Str, Exchange>> {
        // The code under the lock cannot panic half-way through a change.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut open = self.exchanges.lock();
        let Some(exchange) = open.get_mut(&self.id) else { return };
        if matches!(exchange.state, State::Waiting(_) | State::Prepared(..)) {
            exchange.state = State::Gone;
        }
        if exchange.orphan {
            open.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entered() -> (Arc<Exchanges>, Waiting) {
        let exchanges = Arc::new(Exchanges::default());
        let waiting = exchanges.enter(1);
        (exchanges, waiting)
    }

    fn status(waiting: &mut Waiting) -> Option<u16> {
        waiting.answer.try_recv().ok().map(|answer| answer.status)
    }

    #[test]
    fn the_first_answer_counts() {
        let (exchanges, mut waiting) = entered();
        let id = waiting.id.clone();
        assert_eq!(exchanges.answer(&id, Answer::text(200, ""), When::Now), Answered::Taken);
        assert_eq!(exchanges.answer(&id, Answer::text(500, ""), When::Now), Answered::Before);
        assert_eq!(status(&mut waiting), Some(200));
        assert_eq!(exchanges.settle(&id, Outcome::Done), Settled::Answered);
        assert_eq!(exchanges.answer(&id, Answer::text(500, ""), When::Now), Answered::Gone);
        assert!(exchanges.lock().is_empty());
    }

    #[test]
    fn a_prepared_answer_leaves_when_all_is_delivered_and_not_when_something_is_lost() {
        for (outcome, expected) in [(Outcome::Done, 201), (Outcome::Undelivered, 503)] {
            let (exchanges, mut waiting) = entered();
            let id = waiting.id.clone();
            assert_eq!(exchanges.answer(&id, Answer::text(201, ""), When::Delivered), Answered::Taken);
            assert_eq!(exchanges.answer(&id, Answer::text(202, ""), When::Now), Answered::Before);
            assert_eq!(status(&mut waiting), None);
            assert_eq!(exchanges.settle(&id, outcome), Settled::Answered);
            assert_eq!(status(&mut waiting), Some(expected));
        }
    }

    #[test]
    fn a_request_that_nobody_answers_is_told_and_one_that_has_gone_is_not_missed() {
        let (exchanges, mut waiting) = entered();
        assert_eq!(exchanges.settle(&waiting.id.clone(), Outcome::Done), Settled::Unanswered);
        assert_eq!(status(&mut waiting), Some(504));
        let waiting = exchanges.enter(1);
        let id = waiting.id.clone();
        drop(waiting);
        assert_eq!(exchanges.answer(&id, Answer::text(200, ""), When::Now), Answered::Gone);
        assert_eq!(exchanges.settle(&id, Outcome::Done), Settled::Gone);
        assert!(exchanges.lock().is_empty());
    }

    #[test]
    fn nothing_stays_behind_when_its_node_has_gone() {
        let (exchanges, mut waiting) = entered();
        let other = exchanges.enter(1);
        exchanges.orphan(1);
        assert_eq!(exchanges.answer(&waiting.id.clone(), Answer::text(200, ""), When::Now), Answered::Taken);
        assert_eq!(status(&mut waiting), Some(200));
        drop(other);
        assert!(exchanges.lock().is_empty());
        let mut last = exchanges.enter(2);
        exchanges.give_up();
        assert_eq!(status(&mut last), Some(503));
    }

    #[test]
    fn ids_are_long_and_no_two_alike() {
        let (exchanges, one) = entered();
        let two = exchanges.enter(1);
        assert_eq!((one.id.len(), two.id.len()), (32, 32));
        assert_ne!(one.id, two.id);
    }
}

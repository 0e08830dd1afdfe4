//! A message on its way through a flow, and the token that tells its source what became of it.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::origin::Origin;
use crate::value::{Object, Str, Value};

/// One copy of a message. Cloning it counts a few references; nothing is copied.
#[derive(Clone)]
pub struct Message {
    /// Node-RED's `msg`.
    pub value: Object,
    pub meta: Arc<Meta>,
    pub token: Token,
}

/// Where and when a message came in. Order is by `sequence`; `wall_ms` may jump and decides nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Meta {
    /// The node it came from.
    pub source: Str,
    pub sequence: u64,
    /// Milliseconds since 1970 by the wall clock.
    pub wall_ms: i64,
    /// Since the gateway started, by a clock that never jumps.
    pub monotonic: Duration,
    /// Milliseconds since 1970 at which it happened, where the message itself says so.
    pub event_ms: Option<i64>,
}

impl Message {
    /// A message that nobody waits for.
    pub fn new(value: Object) -> Message {
        Message { value, meta: Arc::default(), token: Token::none() }
    }

    /// The same origin and token with another content: what a transform sends when it builds a new object.
    pub fn with(&self, value: Object) -> Message {
        Message { value, meta: self.meta.clone(), token: self.token.clone() }
    }

    pub fn get(&self, key: &str) -> Option<&Value> {
        self.value.get(key)
    }

    pub fn payload(&self) -> &Value {
        self.value.get("payload").unwrap_or(&Value::Null)
    }

    pub fn topic(&self) -> Option<&str> {
        self.value.get("topic").and_then(Value::as_str)
    }

    pub fn set(&mut self, key: impl Into<Str>, value: impl Into<Value>) {
        self.value.insert(key, value);
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.value, f)
    }
}

/// What became of a message, all its copies taken together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Every copy was confirmed by its sink, or ended in the flow.
    Done,
    /// At least one copy was lost on the way (a panic, a stop, a deploy): the source must not be acknowledged.
    Undelivered,
}

/// Who is told when the last copy has gone. The engine's tracker implements it, one a source.
pub trait Settle: Send + Sync {
    fn settled(&self, sequence: u64, outcome: Outcome);
}

/// A place among the messages in flight; it goes back to its pool when the last copy has gone or is held.
pub trait CreditPool: Send + Sync {
    fn give_back(&self, bytes: u32);
}

/// What a source has admitted: settled when the last reference goes.
pub struct Admitted {
    sequence: u64,
    pub(crate) undelivered: AtomicBool,
    settle: Arc<dyn Settle>,
    pub(crate) origin: Option<Origin>,
    /// Somebody waits for an answer to it.
    answered: bool,
}

impl Admitted {
    pub fn new(sequence: u64, settle: Arc<dyn Settle>) -> Arc<Admitted> {
        Admitted::from(None, sequence, settle)
    }

    /// One whose source is a log of the gateway's own.
    pub fn from(origin: Option<Origin>, sequence: u64, settle: Arc<dyn Settle>) -> Arc<Admitted> {
        Arc::new(Admitted { sequence, undelivered: AtomicBool::new(false), settle, origin, answered: false })
    }

    /// One for which somebody waits: an error that nobody takes is told.
    pub fn answered(sequence: u64, settle: Arc<dyn Settle>) -> Arc<Admitted> {
        let undelivered = AtomicBool::new(false);
        Arc::new(Admitted { sequence, undelivered, settle, origin: None, answered: true })
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        // Arc's own ordering makes every `fail` before the last drop visible here.
        let outcome = if *self.undelivered.get_mut() { Outcome::Undelivered } else { Outcome::Done };
        self.settle.settled(self.sequence, outcome);
    }
}

/// One credit of a pool.
pub struct Credit {
    bytes: u32,
    pool: Arc<dyn CreditPool>,
}

impl Credit {
    pub fn new(bytes: u32, pool: Arc<dyn CreditPool>) -> Arc<Credit> {
        Arc::new(Credit { bytes, pool })
    }
}

impl Drop for Credit {
    fn drop(&mut self) {
        self.pool.give_back(self.bytes);
    }
}

/// Travels with every copy of a message. While one exists, the source waits for its acknowledgement and the credit
/// is taken. Dropping a copy means *done*; where a drop would be a loss, the copy stands in an [`Unconfirmed`].
#[derive(Clone, Default)]
pub struct Token {
    pub(crate) admitted: Tracked,
    credit: Option<Arc<Credit>>,
}

#[derive(Clone, Default)]
pub(crate) enum Tracked {
    /// The source needs no acknowledgement.
    #[default]
    Nobody,
    One(Arc<Admitted>),
    /// Made from several messages: a joined group. Flat, so that a loop through a join does not grow a chain.
    Many(Arc<Vec<Arc<Admitted>>>),
}

impl Token {
    pub fn none() -> Token {
        Token::default()
    }

    pub fn new(admitted: Option<Arc<Admitted>>, credit: Option<Arc<Credit>>) -> Token {
        Token { admitted: admitted.map_or(Tracked::Nobody, Tracked::One), credit }
    }

    /// Whether a source waits for what becomes of this message.
    pub fn is_tracked(&self) -> bool {
        !matches!(self.admitted, Tracked::Nobody)
    }

    pub fn has_credit(&self) -> bool {
        self.credit.is_some()
    }

    /// The sources will hear *undelivered*, whatever becomes of the other copies.
    pub fn fail(&self) {
        for admitted in self.admitted() {
            admitted.undelivered.store(true, Ordering::Relaxed);
        }
    }

    /// An error over this message was taken by nobody. Most sources need not hear of it, for giving it again would fail
    /// again; who waits for an answer does.
    pub fn refuse(&self) {
        for admitted in self.admitted().iter().filter(|admitted| admitted.answered) {
            admitted.undelivered.store(true, Ordering::Relaxed);
        }
    }

    /// Gives the credit back to the source, as holding nodes do.
    pub fn return_credit(&mut self) {
        self.credit = None;
    }

    pub fn set_credit(&mut self, credit: Arc<Credit>) {
        self.credit = Some(credit);
    }

    /// One token for a message made from several: done when it is done.
    pub fn merge<'a>(tokens: impl IntoIterator<Item = &'a Token>) -> Token {
        /// From here on a hash is faster than a scan: joined groups can be large.
        const SCAN_LIMIT: usize = 32;
        let mut all: Vec<Arc<Admitted>> = Vec::new();
        let mut seen: HashSet<*const Admitted> = HashSet::new();
        let mut credit = None;
        for token in tokens {
            credit = credit.or_else(|| token.credit.clone());
            for admitted in token.admitted() {
                if all.len() == SCAN_LIMIT && seen.is_empty() {
                    seen.extend(all.iter().map(Arc::as_ptr));
                }
                let known = if seen.is_empty() {
                    all.iter().any(|known| Arc::ptr_eq(known, admitted))
                } else {
                    !seen.insert(Arc::as_ptr(admitted))
                };
                if !known {
                    all.push(admitted.clone());
                }
            }
        }
        let admitted = match all.len() {
            0 => Tracked::Nobody,
            1 => Tracked::One(all.remove(0)),
            _ => Tracked::Many(Arc::new(all)),
        };
        Token { admitted, credit }
    }

    pub(crate) fn admitted(&self) -> &[Arc<Admitted>] {
        match &self.admitted {
            Tracked::Nobody => &[],
            Tracked::One(one) => std::slice::from_ref(one),
            Tracked::Many(many) => many,
        }
    }
}

/// A copy whose loss must be told: in a sink's inbox, held by a node, in a queue. Dropping it without
/// [`confirm`](Unconfirmed::confirm) or [`into_message`](Unconfirmed::into_message) is *undelivered*.
#[derive(Debug)]
#[must_use = "dropping it tells the source that its message was lost"]
pub struct Unconfirmed(Option<Message>);

impl Unconfirmed {
    pub fn new(message: Message) -> Unconfirmed {
        Unconfirmed(Some(message))
    }

    pub fn message(&self) -> &Message {
        self.0.as_ref().expect("only confirm and into_message take it, and they take self")
    }

    pub fn message_mut(&mut self) -> &mut Message {
        self.0.as_mut().expect("only confirm and into_message take it, and they take self")
    }

    /// The outside has it: this copy is done.
    pub fn confirm(mut self) {
        self.0 = None;
    }

    /// Back into the flow, as an ordinary copy.
    pub fn into_message(mut self) -> Message {
        self.0.take().expect("only confirm and into_message take it, and they take self")
    }
}

impl Drop for Unconfirmed {
    fn drop(&mut self) {
        if let Some(message) = &self.0 {
            message.token.fail();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Default)]
    struct Seen(Mutex<Vec<(u64, Outcome)>>);

    impl Settle for Seen {
        fn settled(&self, sequence: u64, outcome: Outcome) {
            self.0.lock().unwrap().push((sequence, outcome));
        }
    }

    fn tracked(seen: &Arc<Seen>, sequence: u64) -> Message {
        let mut message = Message::new(Object::new());
        message.token = Token::new(Some(Admitted::new(sequence, seen.clone())), None);
        message
    }

    #[test]
    fn settled_once_when_the_last_copy_goes() {
        let seen = Arc::new(Seen::default());
        let message = tracked(&seen, 1);
        let copies = vec![message.clone(), message.with(Object::new())];
        drop(message);
        assert!(seen.0.lock().unwrap().is_empty());
        drop(copies);
        assert_eq!(*seen.0.lock().unwrap(), [(1, Outcome::Done)]);
    }

    #[test]
    fn one_lost_copy_makes_it_undelivered() {
        let seen = Arc::new(Seen::default());
        let message = tracked(&seen, 1);
        let (a, b) = (Unconfirmed::new(message.clone()), Unconfirmed::new(message));
        a.confirm();
        drop(b);
        assert_eq!(*seen.0.lock().unwrap(), [(1, Outcome::Undelivered)]);
    }

    #[test]
    fn a_merged_token_settles_all_and_stays_flat() {
        let seen = Arc::new(Seen::default());
        let (a, b) = (tracked(&seen, 1), tracked(&seen, 2));
        let mut merged = Token::merge([&a.token, &b.token]);
        for _ in 0..1000 {
            merged = Token::merge([&merged, &a.token, &merged]);
        }
        assert_eq!(merged.admitted().len(), 2);
        let many: Vec<Message> = (3..103).map(|sequence| tracked(&Arc::default(), sequence)).collect();
        let tokens = || many.iter().map(|m| &m.token);
        assert_eq!(Token::merge(tokens().chain([&merged]).chain(tokens())).admitted().len(), 102);
        merged.fail();
        drop((a, b));
        assert!(seen.0.lock().unwrap().is_empty());
        drop(merged);
        let mut settled = seen.0.lock().unwrap().clone();
        settled.sort_by_key(|(sequence, _)| *sequence);
        assert_eq!(settled, [(1, Outcome::Undelivered), (2, Outcome::Undelivered)]);
    }
}

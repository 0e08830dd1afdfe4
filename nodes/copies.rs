//! Of which messages all copies are in one place: nothing else will be made of them.

use std::collections::HashMap;
use std::sync::atomic::{Ordering, fence};
use std::sync::{Arc, Weak};

use crate::message::{Admitted, Token, Tracked};
use crate::origin::Origin;

/// One copy of a message that is kept until a commit has ended. It does not count as a copy itself.
pub struct Copy(Kept);

enum Kept {
    One(Weak<Admitted>),
    Many(Weak<Vec<Arc<Admitted>>>),
}

impl Copy {
    /// Nothing where no source of the message has an origin.
    pub fn of(token: &Token) -> Option<Copy> {
        let any = token.admitted().iter().any(|admitted| admitted.origin.is_some());
        match &token.admitted {
            _ if !any => None,
            Tracked::Nobody => None,
            Tracked::One(one) => Some(Copy(Kept::One(Arc::downgrade(one)))),
            Tracked::Many(many) => Some(Copy(Kept::Many(Arc::downgrade(many)))),
        }
    }
}

/// The origins of which these are the last copies: nobody else can make another.
pub fn complete<'a>(copies: impl IntoIterator<Item = &'a Copy>) -> Vec<Origin> {
    let mut one = HashMap::<*const Admitted, (Arc<Admitted>, usize)>::new();
    let mut many = HashMap::<*const Vec<Arc<Admitted>>, (Arc<Vec<Arc<Admitted>>>, usize)>::new();
    for Copy(kept) in copies {
        match kept {
            Kept::One(weak) => count(&mut one, weak.upgrade(), 1),
            Kept::Many(weak) => count(&mut many, weak.upgrade(), 1),
        }
    }
    // A group of which all copies are here holds each of its sources once.
    for (group, copies) in many.values() {
        // One more is this one.
        if Arc::strong_count(group) == copies + 1 {
            group.iter().for_each(|admitted| count(&mut one, Some(admitted.clone()), 1));
        }
    }
    let last = |(admitted, copies): (Arc<Admitted>, usize)| {
        let is_last = Arc::strong_count(&admitted) == copies + 1;
        // What the other copies did before they went is seen from here on.
        fence(Ordering::Acquire);
        (is_last && !admitted.undelivered.load(Ordering::Relaxed)).then(|| admitted.origin.clone()).flatten()
    };
    one.into_values().filter_map(last).collect()
}

fn count<T>(all: &mut HashMap<*const T, (Arc<T>, usize)>, one: Option<Arc<T>>, copies: usize) {
    if let Some(one) = one {
        all.entry(Arc::as_ptr(&one)).or_insert((one, 0)).1 += copies;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Message, Outcome, Settle};
    use crate::value::Object;

    struct Nobody;

    impl Settle for Nobody {
        fn settled(&self, _: u64, _: Outcome) {}
    }

    fn message(sequence: u64) -> Message {
        let origin = Origin { reader: Arc::new(()), first: sequence, last: sequence };
        let admitted = Admitted::from(Some(origin), sequence, Arc::new(Nobody));
        Message { token: Token::new(Some(admitted), None), ..Message::new(Object::new()) }
    }

    fn found(of: &[&Message]) -> Vec<u64> {
        let copies: Vec<Copy> = of.iter().filter_map(|message| Copy::of(&message.token)).collect();
        let mut found: Vec<u64> = complete(&copies).iter().map(|origin| origin.first).collect();
        found.sort_unstable();
        found
    }

    #[test]
    fn all_copies_must_be_there() {
        let (a, b) = (message(1), message(2));
        let other = a.clone();
        assert_eq!(found(&[&a, &b]), [2]);
        assert_eq!(found(&[&a, &b, &other]), [1, 2]);
        drop(other);
        assert_eq!(found(&[&a]), [1]);
    }

    #[test]
    fn a_copy_that_was_lost_is_not_forgotten() {
        let a = message(1);
        a.clone().token.fail();
        assert!(found(&[&a]).is_empty());
    }

    #[test]
    fn of_a_group_all_copies_and_all_that_went_on_alone() {
        let (a, b) = (message(1), message(2));
        let group = Message { token: Token::merge([&a.token, &b.token]), ..Message::new(Object::new()) };
        drop(b);
        let again = group.clone();
        assert!(found(&[&group, &a]).is_empty(), "one copy of the group is elsewhere");
        assert_eq!(found(&[&group, &again]), [2], "1 is also on its way alone");
        assert_eq!(found(&[&group, &again, &a]), [1, 2]);
        let larger = Message { token: Token::merge([&group.token, &message(3).token]), ..group.clone() };
        assert_eq!(found(&[&group, &again, &a, &larger]), [1, 2, 3]);
    }

    #[test]
    fn sources_outside_have_none() {
        let token = Token::new(Some(Admitted::new(1, Arc::new(Nobody))), None);
        assert!(Copy::of(&token).is_none());
        assert!(Copy::of(&Token::none()).is_none());
        let mixed = Token::merge([&token, &message(7).token]);
        let copies = [Copy::of(&mixed).unwrap()];
        let found: Vec<u64> = complete(&copies).iter().map(|origin| origin.last).collect();
        assert_eq!(found, [7], "the other source waits for its acknowledgement, as ever");
    }
}

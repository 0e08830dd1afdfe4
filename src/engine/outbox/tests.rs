use std::sync::Mutex;
use std::time::Duration;

use tidegate_nodes::message::{Admitted, Outcome, Settle};
use tidegate_nodes::outbox::{Delivery, WhenFull};
use tidegate_nodes::value::Object;

use super::*;
use crate::store::{self, StoreError};

#[derive(Default)]
struct Told(Mutex<Vec<(u64, Outcome)>>);

impl Settle for Told {
    fn settled(&self, sequence: u64, outcome: Outcome) {
        self.0.lock().unwrap().push((sequence, outcome));
    }
}

fn settings() -> Settings {
    Settings {
        mode: Mode::Always,
        priority: Priority::Event,
        delivery: None::<Delivery>,
        max_bytes: 1 << 20,
        max_messages: None,
        max_age: None,
        when_full: WhenFull::Block,
        attempts: 1,
        retry_wait: Duration::from_secs(1),
        dead_letter: "dead-letters".to_string(),
        pace: None,
        key: None,
        slow_messages: 256,
        slow_after: Duration::from_secs(5),
    }
}

#[test]
fn what_the_store_refuses_for_good_is_not_on_its_way_any_more_and_its_source_hears_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(dir.path(), store::Options::default()).unwrap());
    let outbox = Outbox::open(&Str::new("sink"), settings(), &store).unwrap();
    let told = Arc::new(Told::default());
    let mut pending = Pending::default();
    for n in 0..3 {
        let mut message = Message::new(Object::new());
        message.token = Token::new(Some(Admitted::new(n, told.clone())), None);
        outbox.accept(Unconfirmed::new(message), &mut pending);
    }
    assert_eq!(outbox.stored_messages(), 3);
    pending.commit.act = Some(Box::new(|_| Err(StoreError::Refused("no".to_string()))));
    pending.submit(&store);
    // The next commit is behind it.
    store.submit_and_wait(store::Commit::default(), Duration::from_secs(20)).unwrap();
    assert_eq!(outbox.stored_messages(), 0);
    let mut seen = told.0.lock().unwrap().clone();
    seen.sort_by_key(|(sequence, _)| *sequence);
    assert_eq!(seen, [0, 1, 2].map(|n| (n, Outcome::Undelivered)));
}

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

fn outbox(dir: &std::path::Path, settings: Settings) -> (Arc<Store>, Arc<Outbox>) {
    let store = Arc::new(Store::open(dir, store::Options::default()).unwrap());
    let outbox = Outbox::open(&Str::new("sink"), settings, &store).unwrap();
    (store, outbox)
}

fn message(n: u64) -> Unconfirmed {
    let payload = [("payload", Value::from(n as i64))];
    Unconfirmed::new(Message::new(payload.into_iter().collect()))
}

fn numbers(handed: &[Handed]) -> Vec<i64> {
    handed.iter().map(|one| one.message.payload().as_i64().unwrap()).collect()
}

/// What the outbox has handed over is on the disk, and known to be.
fn settle(store: &Store, outbox: &Outbox) {
    store.submit_and_wait(store::Commit::default(), Duration::from_secs(20)).unwrap();
    let end = Instant::now() + Duration::from_secs(20);
    let on_its_way = || {
        let state = outbox.lock();
        state.pending > state.with_lane
    };
    while on_its_way() {
        assert!(Instant::now() < end);
        std::thread::yield_now();
    }
}

#[tokio::test]
async fn what_waited_for_room_does_not_pass_what_a_lane_has_in_its_hands() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Settings { max_messages: Some(10), ..settings() };
    let (store, outbox) = outbox(dir.path(), limits);
    let mut lane = Pending::default();
    // An event may use four fifths.
    (0..8).for_each(|n| outbox.accept(message(n), &mut lane));
    lane.submit(&store);
    settle(&store, &outbox);
    let confirm = |handed: &Handed| outbox.confirm(Ticket::of(handed.ticket).unwrap());
    let handed = outbox.next_batch(8, false).await;
    assert_eq!(numbers(&handed), [0, 1, 2, 3, 4, 5, 6, 7]);
    confirm(&handed[0]);
    // There is room for one, which the lane keeps until the end of its turn, and none for the next.
    outbox.accept(message(8), &mut lane);
    outbox.accept(message(9), &mut lane);
    assert_eq!(outbox.lock().parked.len(), 1);
    // Now there is, but the one before it is not handed over yet.
    handed[1..].iter().for_each(confirm);
    settle(&store, &outbox);
    assert_eq!(outbox.lock().parked.len(), 1);
    lane.submit(&store);
    settle(&store, &outbox);
    assert_eq!(numbers(&outbox.next_batch(8, false).await), [8, 9]);
}

/// A person has given up what filled it: there is room again.
#[tokio::test]
async fn what_is_purged_makes_room() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Settings { max_messages: Some(10), ..settings() };
    let (store, outbox) = outbox(dir.path(), limits);
    let mut lane = Pending::default();
    (0..9).for_each(|n| outbox.accept(message(n), &mut lane));
    lane.submit(&store);
    settle(&store, &outbox);
    assert_eq!(outbox.stored_messages(), 8);
    assert_eq!(outbox.lock().parked.len(), 1);
    let purged = store::admin::purge(&store, &queue_name("sink", Priority::Event), None, &mut |_| {
        std::ops::ControlFlow::Continue(())
    });
    assert_eq!(purged.unwrap().messages, 8);
    outbox.tick();
    settle(&store, &outbox);
    assert_eq!(outbox.stored_messages(), 1);
    assert_eq!(outbox.lock().parked.len(), 0);
    assert_eq!(numbers(&outbox.next_batch(8, false).await), [8]);
}

#[test]
fn what_the_store_refuses_for_good_is_not_on_its_way_any_more_and_its_source_hears_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let (store, outbox) = outbox(dir.path(), settings());
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

//! What is dropped, expired and counted, and what a clock that jumps does not do.

use serde_json::json;

use super::super::world::World;
use super::Rig;
use super::acknowledged;
use super::all_done;
use super::firsts;
use crate::store;
use crate::store::Store;

#[test]
fn a_full_outbox_drops_what_its_policy_says_and_counts_it() {
    for (policy, kept) in [("drop_newest", 0..80), ("drop_oldest", 120..200)] {
        let dir = tempfile::tempdir().unwrap();
        let outbox = json!({"mode": "always", "max_messages": 100, "when_full": policy});
        let name = format!("full {policy}");
        World::named(&name).change(|state| state.down = true);
        let rig = Rig::start(dir.path(), &name, &[], &outbox);
        rig.give(0..200);
        rig.wait("all are acknowledged", acknowledged(200));
        assert!(rig.world.look(all_done));
        rig.world.change(|state| {
            state.down = false;
            state.confirms = usize::MAX;
        });
        let last = kept.end - 1;
        rig.wait("the last is delivered", |state| state.taken.contains(&last));
        rig.wait_until("all are confirmed", || rig.backlog().messages == [0, 0, 0]);
        let taken = rig.world.look(|state| state.taken.clone());
        // An event may use four fifths; what is on its way to the disk counts before it is there.
        assert_eq!(taken, kept.collect::<Vec<_>>(), "{policy}");
        let balances = rig.stop();
        let dropped = if policy == "drop_oldest" { 120 } else { 0 };
        assert_eq!(balances[0].ledgered, dropped);
        let store = Store::open(dir.path(), store::Options::default()).unwrap();
        let totals = store.view(|view| view.ledger_totals()).unwrap();
        let (scope, _, count) = &totals[0];
        assert_eq!((scope.as_str(), *count), ("outbox/sink/event", 120), "{totals:?}");
    }
}

#[test]
fn a_full_outbox_that_blocks_lets_the_source_wait_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    World::named("blocks").change(|state| state.down = true);
    let rig = Rig::start(dir.path(), "blocks", &[], &json!({"mode": "always", "max_messages": 100}));
    rig.give(0..1_000);
    rig.wait_until("its part is full", || rig.backlog().messages[1] == 80 && rig.backlog().parked == 100);
    rig.wait("what is on the disk is acknowledged", acknowledged(80));
    rig.world.change(|state| {
        state.down = false;
        state.confirms = usize::MAX;
    });
    rig.wait("all are delivered", |state| state.acknowledged.len() == 1_000 && state.taken.len() == 1_000);
    rig.world.look(|state| assert!(state.taken.iter().copied().eq(0..1_000)));
    rig.stop();
}

#[test]
fn what_waited_too_long_is_expired_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    World::named("expired").change(|state| state.down = true);
    let rig = Rig::start(dir.path(), "expired", &[], &json!({"mode": "always", "max_age": 0.2}));
    rig.give(0..50);
    rig.wait("all are acknowledged", acknowledged(50));
    // The wall clock jumps a year on: that expires nothing.
    rig.store.jump_wall(365 * 86_400_000);
    rig.wait_until("they are too old", || rig.backlog().oldest_age_ms.is_some_and(|age| age > 300));
    rig.world.change(|state| {
        state.down = false;
        state.confirms = usize::MAX;
    });
    rig.wait_until("nothing is left", || rig.backlog().messages == [0, 0, 0]);
    rig.give([99]);
    rig.wait("a fresh one is delivered", |state| state.taken == [99]);
    let balances = rig.stop();
    assert_eq!((balances[0].ledgered, balances[0].confirmed), (50, 1));
}

#[test]
fn a_clock_that_jumps_expires_nothing_and_changes_no_order() {
    const HOUR: i64 = 3_600_000;
    let to_1970 = -std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_millis()).unwrap());
    for (n, jump) in [-HOUR, -14 * 24 * HOUR, to_1970, 365 * 24 * HOUR].into_iter().enumerate() {
        let dir = tempfile::tempdir().unwrap();
        let outbox = json!({"mode": "always", "max_age": 3_600});
        let name = format!("clock {n}");
        let rig = Rig::start(dir.path(), &name, &[], &outbox);
        // Without a backlog.
        rig.world.change(|state| state.confirms = usize::MAX);
        rig.give(0..50);
        rig.wait("all are delivered", |state| state.taken.len() == 50);
        rig.store.jump_wall(jump);
        // With one.
        rig.world.change(|state| state.down = true);
        rig.give(50..100);
        rig.wait("all are acknowledged", acknowledged(100));
        rig.store.jump_wall(-2 * jump);
        rig.give(100..150);
        rig.wait("all are acknowledged", acknowledged(150));
        rig.world.change(|state| state.down = false);
        rig.wait("all are delivered", |state| firsts(&state.taken).len() == 150);
        rig.world.look(|state| assert_eq!(firsts(&state.taken), (0..150).collect::<Vec<_>>(), "jump {jump}"));
        rig.wait_until("all are confirmed", || rig.backlog().messages == [0, 0, 0]);
        let balances = rig.stop();
        assert_eq!((balances[0].confirmed, balances[0].ledgered), (150, 0), "jump {jump}");
    }
}

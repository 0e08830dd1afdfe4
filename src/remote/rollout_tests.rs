use std::time::{Duration, Instant};

use super::report::{Report, State};
use super::rollout::{Away, Next, Phase, Rollout};

const ID: &str = "0123456789abcdef";
const WAIT: Duration = Duration::from_secs(60);

fn names(count: usize) -> Vec<String> {
    (1..=count).map(|n| format!("g{n}")).collect()
}

fn says(state: State) -> Report {
    Report { id: ID.to_string(), revision: Some(7), reason: "because".to_string(), ..Report::of(state) }
}

fn phases(rollout: &Rollout) -> Vec<Phase> {
    rollout.gateways.iter().map(|gateway| gateway.phase).collect()
}

/// All of these are there.
fn here(rollout: &mut Rollout, names: &[&str], now: Instant) {
    for name in names {
        rollout.heard(name, &Report::of(State::Online), now);
    }
}

fn offer(names: &[&str]) -> Next {
    Next::Offer(names.iter().map(|name| name.to_string()).collect())
}

#[test]
fn waves_follow_each_other_when_all_are_good() {
    let now = Instant::now();
    let mut rollout = Rollout::new(ID, names(5), 2, WAIT, Away::Wait);
    here(&mut rollout, &["g1", "g2", "g3", "g4", "g5"], now);
    assert_eq!(rollout.next(now), offer(&["g1", "g2"]));
    assert_eq!(rollout.next(now), Next::Wait(now + WAIT));
    // A word about another bundle is no verdict on this one.
    let other = Report { id: "ffffffffffffffff".to_string(), ..says(State::Failed) };
    assert!(rollout.heard("g1", &other, now).is_none());
    rollout.heard("g1", &says(State::Probation), now);
    rollout.heard("g1", &says(State::Good), now + Duration::from_secs(5));
    assert_eq!(rollout.next(now), Next::Wait(now + WAIT));
    rollout.heard("g2", &says(State::Good), now);
    assert_eq!(rollout.next(now), offer(&["g3", "g4"]));
    rollout.heard("g3", &says(State::Good), now);
    rollout.heard("g4", &says(State::Good), now);
    assert_eq!(rollout.next(now), offer(&["g5"]));
    rollout.heard("g5", &says(State::Good), now);
    assert_eq!(rollout.next(now), Next::Done);
    assert!(rollout.is_well());
    assert_eq!(rollout.gateways[0].took, Some(Duration::from_secs(5)));
    assert_eq!(rollout.gateways[0].revision, Some(7));
}

#[test]
fn an_unhealthy_one_stops_it_and_takes_back_what_waits() {
    let now = Instant::now();
    let mut rollout = Rollout::new(ID, names(6), 3, WAIT, Away::Wait);
    here(&mut rollout, &["g1", "g2", "g4", "g5", "g6"], now);
    assert_eq!(rollout.next(now), offer(&["g1", "g2", "g3"]));
    rollout.heard("g1", &says(State::Failed), now);
    // The other one is heard out, the third is away.
    assert_eq!(rollout.next(now), Next::Wait(now + WAIT));
    rollout.heard("g2", &says(State::Good), now);
    assert_eq!(rollout.next(now), Next::Stop(vec!["g3".to_string()]));
    use Phase::*;
    assert_eq!(phases(&rollout), [Unhealthy, Good, TakenBack, Untouched, Untouched, Untouched]);
    assert!(!rollout.is_well());
}

#[test]
fn one_that_is_there_and_gives_no_verdict_is_unhealthy() {
    let now = Instant::now();
    let mut rollout = Rollout::new(ID, names(2), 1, WAIT, Away::Wait);
    here(&mut rollout, &["g1", "g2"], now);
    assert_eq!(rollout.next(now), offer(&["g1"]));
    rollout.heard("g1", &says(State::Receiving), now);
    rollout.heard("g1", &Report::of(State::Offline), now);
    let late = now + WAIT;
    assert_eq!(rollout.next(late), Next::Stop(Vec::new()));
    assert_eq!(phases(&rollout), [Phase::Unhealthy, Phase::Untouched]);
    let reason = &rollout.gateways[0].reason;
    assert_eq!(reason, "no verdict within 60 s; it is away since it was offered the bundle: because");
}

#[test]
fn those_that_are_away_hold_up_nobody_and_count_when_they_come() {
    let now = Instant::now();
    let mut rollout = Rollout::new(ID, names(3), 2, WAIT, Away::Wait);
    here(&mut rollout, &["g1", "g3"], now);
    rollout.heard("g2", &Report::of(State::Offline), now);
    assert_eq!(rollout.next(now), offer(&["g1", "g2"]));
    rollout.heard("g1", &says(State::Good), now);
    assert_eq!(rollout.next(now), offer(&["g3"]));
    // It comes while the next wave is under way: it has its time from now on.
    let later = now + WAIT / 2;
    rollout.heard("g2", &Report::of(State::Online), later);
    rollout.heard("g3", &says(State::Good), later);
    assert_eq!(rollout.next(now + WAIT), Next::Wait(later + WAIT));
    rollout.heard("g2", &says(State::Refused), later + Duration::from_secs(1));
    assert_eq!(rollout.next(now + WAIT), Next::Stop(Vec::new()));
    assert_eq!(rollout.gateways[1].took, Some(Duration::from_secs(1)));
    // Skipped, they are not offered anything.
    let mut rollout = Rollout::new(ID, names(2), 2, WAIT, Away::Skip);
    here(&mut rollout, &["g1"], now);
    assert_eq!(rollout.next(now), offer(&["g1"]));
    rollout.heard("g1", &says(State::Good), now);
    assert_eq!(rollout.next(now), Next::Done);
    assert_eq!(phases(&rollout), [Phase::Good, Phase::Skipped]);
    assert!(rollout.is_well());
}

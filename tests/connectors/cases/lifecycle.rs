//! A connector opens, carries messages in order, calls a peer that drops it no faster than it should, and closes.

use std::time::Duration;

use crate::brokers::wait_until;
use crate::count;
use crate::proxy::End;
use crate::stage::Stage;
use crate::subject::{Caller, Case, Subject};

/// No deadline ends it, and the peer sees that the connection was closed and not lost.
pub fn open_and_close(subject: &Subject) -> String {
    let mut stage = Stage::standing(subject, Case::OpenAndClose);
    let given = stage.give(10);
    stage.wait_came(&given);
    if subject.caller == Caller::Nobody {
        stage.stop();
        return String::new();
    }
    let (stand, before) = (stage.proxy().standing(), stage.ended().len());
    assert!(stand > 0, "there is a connection to close");
    stage.stop();
    wait_until("the gateway has closed its connections", || stage.ended().len() >= before + stand);
    let ended = stage.ended();
    for one in &ended {
        assert_eq!(one.end, End::Fin, "{one:?}");
    }
    let polite = ended.iter().any(|one| (subject.says_goodbye)(&one.last_words));
    assert!(polite, "it says goodbye: {ended:?}");
    String::new()
}

pub fn order(subject: &Subject) -> String {
    let stage = Stage::standing(subject, Case::Order);
    let given = stage.give(count("CONNECTOR_MESSAGES", 1_000));
    stage.wait_came(&given);
    let mut came: Vec<u64> = stage.came().into_iter().filter(|number| given.contains(number)).collect();
    if (subject.unordered)(Case::Order).is_some() {
        came.sort_unstable();
    }
    assert!(came.iter().copied().eq(given), "each once and in order: {came:?}");
    (subject.unordered)(Case::Order).unwrap_or_default().to_string()
}

/// How long the peer drops each connection.
const DROPPING: Duration = Duration::from_secs(3);
/// Full jitter lets some calls follow soon, but eight doublings of half a second are more than a minute.
const CALLS: usize = 30;

pub fn back_off(subject: &Subject) -> String {
    let mut stage = Stage::new(subject, Case::BackOff);
    let proxy = stage.proxy().clone();
    proxy.drop_all();
    stage.start();
    // Long enough to see that it does not call at full speed, which would be thousands of times.
    std::thread::sleep(DROPPING);
    let calls = proxy.connects();
    assert!((1..=CALLS).contains(&calls), "{calls} calls in {DROPPING:?}");
    proxy.go_away();
    stage.until_away();
    std::thread::sleep(DROPPING);
    proxy.come_back();
    // It waits no longer than it has waited so far; at the cap it would be a minute.
    stage.until_back_within(6 * DROPPING);
    format!("{calls} calls in {DROPPING:?}")
}

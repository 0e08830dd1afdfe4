//! What is acknowledged is there after a kill.

use super::program::Program;

const MANY: usize = 5_000;

#[test]
fn five_thousand_for_a_client_that_is_away_survive_kills() {
    let mut program = Program::start();
    let who = ["-i", "away", "-q", "1", "-t", "a/#"];
    program.leave_a_session(&who);
    let lines: String = (0..MANY).map(|number| format!("{number}\n")).collect();
    // It ends when all of them are acknowledged.
    program.publish_lines(&["-q", "1", "-t", "a/x"], &lines);
    program.publish(&["-r", "-q", "2", "-t", "r/x", "-m", "kept"]);
    program.kill();
    program.run();
    program.wait_open();
    // Some of it is taken; then it is killed again.
    let first = program.subscribe(&[&who[..], &["-c"]].concat());
    first.wait_for(1_000);
    program.kill();
    drop(first);
    program.run();
    program.wait_open();
    let second = program.subscribe(&[&who[..], &["-c"]].concat());
    program.wait("the last has come", || {
        second.received().last().is_some_and(|last| *last == (MANY - 1).to_string())
    });
    let came: Vec<usize> = second.received().iter().map(|line| line.parse().unwrap()).collect();
    // From some place on, not later than where the first was killed, nothing is missing and everything in order.
    assert!(came[0] <= 1_500, "{}", came[0]);
    assert!(came.windows(2).all(|pair| pair[1] == pair[0] + 1));
    let retained = program.subscribe(&["-t", "r/#"]);
    assert_eq!(retained.wait_for(1), ["kept"]);
}

#[test]
fn a_stop_in_order_loses_nothing_and_repeats_nothing() {
    let mut program = Program::start();
    let who = ["-i", "s", "-V", "mqttv5", "-x", "1000", "-q", "2", "-t", "a"];
    let subscriber = program.subscribe(&[&who[..], &["-c"]].concat());
    program.publish(&["-q", "2", "-t", "a", "-m", "1"]);
    subscriber.wait_for(1);
    drop(subscriber);
    program.publish(&["-q", "2", "-t", "a", "-m", "2"]);
    assert_eq!(program.stop(), Some(0));
    program.run();
    program.wait_open();
    let subscriber = program.subscribe(&[&who[..], &["-c"]].concat());
    program.publish(&["-q", "2", "-t", "a", "-m", "3"]);
    let came = subscriber.wait_for(2);
    // PUBCOMP of the first may not have been on its way when its client was killed; the others come once.
    assert!(came.ends_with(&["2".to_string(), "3".to_string()]), "{came:?}");
}

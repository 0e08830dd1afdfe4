//! The peer is not there, at every stage.

use std::time::Duration;

use crate::count;
use crate::proxy::End;
use crate::stage::Stage;
use crate::subject::{Caller, Case, Promise, Subject, Way};

const MESSAGES: u64 = 200;

/// Messages for a peer that comes later.
pub fn peer_comes_late(subject: &Subject) -> String {
    let mut stage = Stage::new(subject, Case::PeerComesLate);
    if subject.caller == Caller::Nobody {
        return datagrams_before_somebody_listens(stage);
    }
    stage.proxy().go_away();
    stage.start();
    stage.until_away();
    let giving = stage.give_meanwhile(MESSAGES);
    std::thread::sleep(Duration::from_millis(100));
    stage.proxy().come_back();
    let given = giving.wait();
    arrives_if_kept(&stage, &given);
    stage.settle(&given, 0)
}

fn datagrams_before_somebody_listens(mut stage: Stage<'_>) -> String {
    assert_eq!(stage.subject.way, Way::In, "a gateway that listens late");
    let given = stage.give_meanwhile(MESSAGES).wait();
    stage.start();
    stage.settle(&given, 0)
}

/// What was given while the peer was away, in the promises that keep it.
fn arrives_if_kept(stage: &Stage<'_>, given: &std::ops::Range<u64>) {
    if stage.subject.promise != Promise::BestEffort {
        stage.wait_came(given);
    }
}

/// The peer takes connections, and hangs up before it has said a word.
pub fn handshake(subject: &Subject) -> String {
    let mut stage = Stage::new(subject, Case::Handshake);
    stage.proxy().drop_all();
    stage.start();
    let giving = stage.give_meanwhile(MESSAGES);
    let proxy = stage.proxy().clone();
    stage.wait("it was hung up on twice", || proxy.connects() >= 2);
    stage.until_away();
    proxy.come_back();
    let given = giving.wait();
    arrives_if_kept(&stage, &given);
    stage.settle(&given, 0)
}

/// In the middle of traffic, once for a moment and once for longer.
pub fn reset(subject: &Subject) -> String {
    let stage = Stage::standing(subject, Case::Reset);
    let proxy = stage.proxy().clone();
    let giving = stage.give_meanwhile(2 * MESSAGES);
    stage.wait_some(&giving.numbers, MESSAGES / 4);
    proxy.cut(End::Reset);
    stage.wait("there is a connection again", || proxy.standing() > 0 || giving_is_told(subject));
    proxy.go_away();
    proxy.cut(End::Reset);
    stage.until_away();
    let while_away = stage.give_meanwhile(MESSAGES);
    std::thread::sleep(Duration::from_millis(100));
    proxy.come_back();
    let given = giving.wait();
    let kept = while_away.wait();
    arrives_if_kept(&stage, &kept);
    stage.settle(&(given.start..kept.end), 2)
}

/// One without a connection of its own makes one only when there is something to ask.
fn giving_is_told(subject: &Subject) -> bool {
    subject.promise == Promise::Told || subject.way == Way::In && subject.caller == Caller::Peer
}

/// The connection is dead, and nobody says so: no FIN, no RST.
pub fn silence(subject: &Subject) -> String {
    let stage = Stage::standing(subject, Case::Silence);
    let proxy = stage.proxy().clone();
    let giving = stage.give_meanwhile(MESSAGES);
    stage.wait_some(&giving.numbers, MESSAGES / 4);
    let before = proxy.connects();
    proxy.silence();
    if subject.caller == Caller::Peer {
        // Who connects is who has to notice; the gateway has the old connection beside the new one.
        stage.peer.renew();
    }
    let more = stage.give_meanwhile(MESSAGES);
    let given = giving.wait().start..more.wait().end;
    let note = stage.settle(&given, 1);
    assert!(proxy.connects() > before, "there is a new connection");
    note
}

/// The peer goes, and then the gateway is stopped.
pub fn gone_before_close(subject: &Subject) -> String {
    let mut stage = Stage::standing(subject, Case::GoneBeforeClose);
    let proxy = stage.proxy().clone();
    let giving = stage.give_meanwhile(MESSAGES);
    stage.wait_some(&giving.numbers, MESSAGES / 10);
    proxy.go_away();
    proxy.cut(End::Reset);
    stage.stop();
    proxy.come_back();
    stage.start();
    let given = giving.wait();
    if subject.promise == Promise::Told {
        // It keeps nothing: what was under way is for its source to send again.
        stage.until_back();
        return "what was under way at the stop is its source's".to_string();
    }
    stage.settle(&given, 1)
}

/// The peer comes and goes at short, random intervals while messages go through.
pub fn flapping(subject: &Subject) -> String {
    let flaps = count("CONNECTOR_FLAPS", 20);
    let messages = count("CONNECTOR_FLAP_MESSAGES", 2_000);
    let mut random = Random::new();
    let seed = random.0;
    println!("{}::flapping begins from {seed}", subject.name);
    let stage = Stage::standing(subject, Case::Flapping);
    let proxy = stage.proxy().clone();
    let mut giving = vec![stage.give_meanwhile(0)];
    for flap in 0..flaps {
        giving.push(stage.give_meanwhile(messages / flaps));
        if !giving_is_told(subject) {
            stage.wait("there is a connection", || proxy.standing() > 0);
        }
        if flap % 2 == 0 {
            // For so long that a node with connections that are dropped at once does not wait for minutes in the end.
            stage.until_not_away();
            std::thread::sleep(Duration::from_millis(200) + random.up_to_ms(300));
        } else {
            // Mostly in its handshake.
            std::thread::sleep(random.up_to_ms(100));
        }
        match random.next() % 3 {
            0 => proxy.cut(End::Fin),
            1 => proxy.cut(End::Reset),
            _ => {
                proxy.go_away();
                proxy.cut(End::Reset);
                std::thread::sleep(random.up_to_ms(100));
                proxy.come_back();
            }
        }
    }
    let given = giving.into_iter().map(|giving| giving.wait().end).max().unwrap_or_default();
    stage.settle(&(0..given), flaps as usize)
}

struct Random(u64);

impl Random {
    fn new() -> Random {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        Random(count("CONNECTOR_SEED", now.as_nanos() as u64))
    }

    fn next(&mut self) -> u64 {
        tidegate_nodes::testing::splitmix(&mut self.0)
    }

    fn up_to_ms(&mut self, most: u64) -> Duration {
        Duration::from_millis(self.next() % most)
    }
}

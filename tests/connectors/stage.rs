//! A connector in a running gateway, its peer, and the proxy between them.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use super::brokers::{PATIENCE, free_port};
use super::gateway::Gateway;
use super::giving::{Giving, giver};
use super::proxy::{Ended, Proxy};
use super::subject::{Caller, Case, Peer, Place, Promise, Subject, Way, message};

/// How long a stop may take.
const DRAIN: Duration = Duration::from_secs(10);
/// After so long a message to a peer that may not be there yet is taken for lost.
const LOST: Duration = Duration::from_millis(500);
/// Datagrams on their way at a time: more than fit into the buffer of a socket are dropped.
const DATAGRAMS: u64 = 50;

pub struct Stage<'a> {
    pub subject: &'a Subject,
    case: Case,
    pub place: Place,
    pub peer: Arc<dyn Peer>,
    /// Where there are connections.
    proxy: Option<Proxy>,
    gateway: Option<Gateway>,
    /// What came out before the gateway was started again.
    before: Vec<u64>,
    next: AtomicU64,
    giver: Sender<Range<u64>>,
    given: Arc<AtomicU64>,
    dir: tempfile::TempDir,
}

impl Stage<'_> {
    /// All but the gateway.
    pub fn new(subject: &Subject, case: Case) -> Stage<'_> {
        let name = format!("{}-{}-{}", subject.name, case.name(), std::process::id());
        let mut place = Place { name, port: 0, direct: free_port() };
        let proxy;
        let peer;
        match subject.caller {
            Caller::Gateway => {
                peer = (subject.peer)(&place);
                proxy = Some(Proxy::to(peer.port()));
                place.port = proxy.as_ref().unwrap().port;
            }
            Caller::Peer => {
                proxy = Some(Proxy::to(place.direct));
                place.port = proxy.as_ref().unwrap().port;
                peer = (subject.peer)(&place);
            }
            Caller::Nobody => {
                proxy = None;
                peer = (subject.peer)(&place);
                place.port = peer.port();
            }
        }
        let given = Arc::new(AtomicU64::new(0));
        Stage {
            subject,
            case,
            place,
            proxy,
            gateway: None,
            before: Vec::new(),
            next: AtomicU64::new(0),
            giver: giver(peer.clone(), given.clone()),
            given,
            peer,
            dir: tempfile::tempdir().unwrap(),
        }
    }

    /// With a gateway that has said or heard something.
    pub fn standing(subject: &Subject, case: Case) -> Stage<'_> {
        let mut stage = Stage::new(subject, case);
        stage.start();
        stage.until_back();
        stage
    }

    pub fn nodes(&self) -> Vec<Json> {
        (self.subject.nodes)(&self.place)
    }

    pub fn start(&mut self) {
        self.start_with(&self.nodes());
    }

    pub fn start_with(&mut self, nodes: &[Json]) {
        self.gateway = Some(Gateway::start(self.dir.path(), self.place.direct, nodes));
    }

    pub fn gateway(&self) -> &Gateway {
        self.gateway.as_ref().unwrap()
    }

    pub fn proxy(&self) -> &Proxy {
        self.proxy.as_ref().expect("the case needs connections")
    }

    /// How the gateway has ended its connections.
    pub fn ended(&self) -> Vec<Ended> {
        self.proxy.as_ref().map(|proxy| proxy.ended(self.subject.side())).unwrap_or_default()
    }

    /// Stops the gateway in order.
    pub fn stop(&mut self) {
        let gateway = self.gateway.take().unwrap();
        let ended = self.came_to(&gateway);
        let stuck = gateway.stop(DRAIN);
        assert!(stuck.is_empty(), "not done at the stop: {stuck:?}");
        self.before.extend(ended);
    }

    fn came_to(&self, gateway: &Gateway) -> Vec<u64> {
        match (self.subject.promise, self.subject.way) {
            // Answered, or told to Catch.
            (Promise::Told, _) => [gateway.came("p"), gateway.came("q")].concat(),
            (_, Way::In) => gateway.came("p"),
            _ => Vec::new(),
        }
    }

    /// All numbers that came out at the other end, in order.
    pub fn came(&self) -> Vec<u64> {
        if self.subject.way != Way::In && self.subject.promise != Promise::Told {
            return self.peer.came();
        }
        let now = self.gateway.as_ref().map(|gateway| self.came_to(gateway)).unwrap_or_default();
        [&self.before[..], &now].concat()
    }

    /// The next numbers, for who puts them in in another way.
    pub fn numbers(&self, count: u64) -> Range<u64> {
        let first = self.next.fetch_add(count, Ordering::SeqCst);
        first..first + count
    }

    /// Puts in so many messages, with the next numbers.
    pub fn give(&self, count: u64) -> Range<u64> {
        if self.subject.caller != Caller::Nobody {
            return self.give_meanwhile(count).wait();
        }
        let numbers = self.numbers(count);
        let mut next = numbers.start;
        while next < numbers.end {
            let some = next..(next + DATAGRAMS).min(numbers.end);
            next = some.end;
            let wanted = self.came().len() as u64 + (some.end - some.start);
            self.put(some);
            let end = Instant::now() + LOST;
            while (self.came().len() as u64) < wanted && Instant::now() < end {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        numbers
    }

    fn put(&self, numbers: Range<u64>) {
        match self.subject.way {
            Way::In | Way::Through => self.peer.put(numbers),
            Way::Out => {
                numbers.for_each(|number| self.gateway().send("out", json!({"payload": message(number)})));
            }
        }
    }

    /// Puts them in while the test does something else: a peer may have to wait.
    pub fn give_meanwhile(&self, count: u64) -> Giving {
        let numbers = self.numbers(count);
        if self.subject.way == Way::Out {
            self.put(numbers.clone());
            self.given.store(numbers.end, Ordering::SeqCst);
        } else {
            self.giver.send(numbers.clone()).unwrap();
        }
        Giving::of(numbers, self.given.clone())
    }

    pub fn wait(&self, what: &str, so: impl Fn() -> bool) {
        self.gateway().wait(what, so);
    }

    /// Waits until all of these have come.
    pub fn wait_came(&self, numbers: &Range<u64>) {
        let missing = || {
            let came: BTreeSet<u64> = self.came().into_iter().collect();
            numbers.clone().filter(|number| !came.contains(number)).collect::<Vec<u64>>()
        };
        let end = Instant::now() + PATIENCE;
        while !missing().is_empty() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(10));
        }
        let missing = missing();
        self.gateway()
            .wait_within(Duration::ZERO, &format!("these come: {missing:?}"), || missing.is_empty());
    }

    /// Waits until some of these have come.
    pub fn wait_some(&self, numbers: &Range<u64>, count: u64) {
        let came = || self.came().iter().filter(|number| numbers.contains(number)).count() as u64;
        self.wait(&format!("{count} have come"), || came() >= count);
    }

    /// Waits until messages get through, by sending some.
    pub fn until_back(&self) {
        self.until_back_within(PATIENCE);
    }

    pub fn until_back_within(&self, time: Duration) {
        let end = Instant::now() + time;
        let mut giving = Vec::new();
        loop {
            let one = self.give_meanwhile(1);
            let number = one.numbers.start;
            giving.push(one);
            let lost = Instant::now() + LOST;
            loop {
                // A later one may come where an earlier one still waits.
                let all_given = giving.iter().all(Giving::is_over);
                if self.came().contains(&number) && all_given {
                    return;
                }
                if Instant::now() > lost && all_given {
                    break;
                }
                self.gateway().wait_within(Duration::ZERO, "a message gets through", || Instant::now() < end);
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }

    /// Waits until the gateway has noticed that its peer is not there.
    pub fn until_away(&self) {
        match self.subject.caller {
            Caller::Gateway if self.subject.promise != Promise::Told => {
                self.wait("the node shows that it is away", || self.gateway().is_away(self.subject.id()));
            }
            _ => {}
        }
    }

    /// Waits until a node that has a connection of its own shows that it stands.
    pub fn until_not_away(&self) {
        if self.subject.caller == Caller::Gateway && self.subject.promise != Promise::Told {
            self.wait("the node is connected", || self.gateway().is_connected(self.subject.id()));
        }
    }

    /// Checks that what was given has come as it is promised, when connections broke so often. Says how many came again.
    pub fn settle(&self, given: &Range<u64>, breaks: usize) -> String {
        let most = match self.subject.promise {
            Promise::AtLeastOnce { window } => {
                self.wait_came(given);
                window * breaks
            }
            Promise::Told => {
                self.wait_came(given);
                0
            }
            Promise::KeptWhileAway | Promise::BestEffort => {
                self.until_back();
                let after = self.give(50);
                self.wait_came(&after);
                breaks
            }
        };
        let came = self.came();
        let mut seen = BTreeSet::new();
        let firsts: Vec<u64> = came.iter().copied().filter(|number| seen.insert(*number)).collect();
        assert!(
            (self.subject.unordered)(self.case).is_some() || firsts.is_sorted(),
            "order is kept: {firsts:?}"
        );
        let given_at_all = self.next.load(Ordering::SeqCst);
        assert!(firsts.iter().all(|number| *number < given_at_all), "nothing comes that was not given");
        let repeats = came.len() - firsts.len();
        assert!(repeats <= most, "{repeats} came again, at most {most} may");
        let lost = given.clone().filter(|number| !seen.contains(number)).count();
        match (repeats, lost) {
            (0, 0) => String::new(),
            (repeats, 0) => format!("{repeats} came again"),
            (_, lost) => format!("{lost} of {} lost, as declared", given.end - given.start),
        }
    }
}

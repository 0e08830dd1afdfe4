//! Slows down whoever guesses. Counters are in memory and bounded; each try is charged before it is looked at, so that many
//! at the same moment are not free.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// So many tries cost nothing.
const FREE: u32 = 5;
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);
/// A counter is forgotten when its wait is over for so long.
const FORGOTTEN: Duration = Duration::from_secs(3_600);
const ENTRIES: usize = 4_096;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key {
    Address(IpAddr),
    Name(String),
}

impl Key {
    /// Whoever has one IPv6 address has all of its network.
    pub fn address(from: IpAddr) -> Key {
        Key::Address(match from.to_canonical() {
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                IpAddr::from([a, b, c, d, 0, 0, 0, 0])
            }
            v4 => v4,
        })
    }
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    tries: u32,
    last: Instant,
}

impl Entry {
    fn until(&self) -> Instant {
        self.last + wait(self.tries)
    }
}

/// What so many tries cost before the next one.
fn wait(tries: u32) -> Duration {
    match tries.checked_sub(FREE) {
        None => Duration::ZERO,
        Some(more) => Duration::from_secs(1 << more.min(10)).min(LONGEST_WAIT),
    }
}

#[derive(Debug, Default)]
pub struct Throttle {
    entries: HashMap<Key, Entry>,
}

impl Throttle {
    /// How long this one has to wait.
    pub fn wait(&self, key: &Key, now: Instant) -> Option<Duration> {
        let entry = self.entries.get(key).filter(|entry| entry.tries >= FREE)?;
        let left = entry.until().saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }

    /// Counts a try.
    pub fn charge(&mut self, key: Key, now: Instant) {
        match self.entries.get_mut(&key) {
            Some(entry) => {
                let forgotten = now.saturating_duration_since(entry.until()) > FORGOTTEN;
                entry.tries = if forgotten { 1 } else { entry.tries.saturating_add(1) };
                entry.last = now;
            }
            None => {
                self.make_room(now);
                self.entries.insert(key, Entry { tries: 1, last: now });
            }
        }
    }

    /// It was no try at all: nothing was looked at.
    pub fn take_back(&mut self, key: &Key) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.tries = entry.tries.saturating_sub(1);
        }
    }

    /// It was the right one.
    pub fn forgive(&mut self, key: &Key) {
        self.entries.remove(key);
    }

    /// The oldest goes, but not one that waits: who knows many addresses would wash out the counters that matter.
    fn make_room(&mut self, now: Instant) {
        if self.entries.len() < ENTRIES {
            return;
        }
        let oldest = self.entries.iter().min_by_key(|(_, entry)| (entry.until() > now, entry.last));
        if let Some(key) = oldest.map(|(key, _)| key.clone()) {
            self.entries.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(n: usize) -> Key {
        Key::Name(format!("n{n}"))
    }

    #[test]
    fn five_tries_are_free_and_then_the_wait_grows_to_a_quarter_of_an_hour() {
        let waits: Vec<u64> = (0..20).map(|tries| wait(tries).as_secs()).collect();
        assert_eq!(waits[..16], [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900]);
        assert_eq!((waits[19], wait(u32::MAX)), (900, LONGEST_WAIT));
    }

    #[test]
    fn counters_are_forgotten_forgiven_and_taken_back() {
        let (mut throttle, now, key) = (Throttle::default(), Instant::now(), name(1));
        (0..5).for_each(|_| throttle.charge(key.clone(), now));
        assert_eq!(throttle.wait(&key, now), Some(Duration::from_secs(1)));
        throttle.take_back(&key);
        assert_eq!(throttle.wait(&key, now), None);
        throttle.charge(key.clone(), now);
        throttle.charge(key.clone(), now + Duration::from_secs(3_700));
        assert_eq!(throttle.entries[&key].tries, 1);
        throttle.forgive(&key);
        assert!(throttle.entries.is_empty());
    }

    #[test]
    fn a_network_of_ipv6_is_one_and_ipv4_in_ipv6_is_ipv4() {
        let key = |text: &str| Key::address(text.parse().unwrap());
        assert_eq!(key("2001:db8:1:2:aaaa::1"), key("2001:db8:1:2::2"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
    }

    #[test]
    fn the_oldest_go_but_not_those_that_wait() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        (0..12).for_each(|_| throttle.charge(name(0), now));
        for n in 1..ENTRIES + 100 {
            throttle.charge(name(n), now + Duration::from_millis(n as u64));
        }
        assert_eq!(throttle.entries.len(), ENTRIES);
        assert!(throttle.entries.contains_key(&name(0)) && !throttle.entries.contains_key(&name(100)));
        assert!(throttle.entries.contains_key(&name(101)));
    }

    proptest! {
        /// Whatever the pace, nobody gets more tries than the free ones and those that they have waited for.
        #[test]
        fn tries_are_bounded_by_time(pauses in proptest::collection::vec(0_u64..400, 1..400)) {
            let (mut throttle, begin, key) = (Throttle::default(), Instant::now(), name(1));
            let (mut now, mut tries) = (begin, 0_u32);
            for pause in pauses {
                now += Duration::from_secs(pause);
                if throttle.wait(&key, now).is_none() {
                    throttle.charge(key.clone(), now);
                    tries += 1;
                }
            }
            let waited: Duration = (0..tries).map(wait).sum();
            prop_assert!(waited <= now - begin);
        }
    }
}

//! Who subscribes to what over one connection. Several nodes can share a filter; the broker hears of it once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::packet::{Publish, Qos, SubscribeOptions};
use super::topic;

#[derive(Default)]
pub struct Subscriptions {
    filters: BTreeMap<Arc<str>, Subscription>,
}

pub struct Subscription {
    /// By which MQTT 5 names it.
    number: u32,
    users: Vec<(u64, SubscribeOptions)>,
    /// What the broker was told, over this connection or one before it with the same session.
    told: Option<SubscribeOptions>,
    /// Since when nobody wants it.
    unused_since: Option<Instant>,
}

/// What the broker is to be told: a filter, how, and by which number.
pub type Tell = (Arc<str>, SubscribeOptions, u32);

impl Subscriptions {
    /// A node subscribes. `Some` where the broker is to be told.
    pub fn add(&mut self, user: u64, filter: &str, options: SubscribeOptions) -> Option<Tell> {
        let filter: Arc<str> = match self.filters.get_key_value(filter) {
            Some((known, _)) => known.clone(),
            None => Arc::from(filter),
        };
        let subscription = self.filters.entry(filter.clone()).or_insert_with(|| {
            let number = number_of(&filter);
            Subscription { number, users: Vec::new(), told: None, unused_since: None }
        });
        subscription.users.retain(|(of, _)| *of != user);
        subscription.users.push((user, options));
        subscription.unused_since = None;
        let wanted = subscription.wanted();
        // Another node on the same filter gets what is retained only if the broker is asked again.
        let again = subscription.told != Some(wanted) || subscription.users.len() > 1;
        again.then(|| {
            subscription.told = Some(wanted);
            (filter, wanted, subscription.number)
        })
    }

    /// A node subscribes no more. The filter is kept for a while, for the node may be on its way back.
    pub fn remove(&mut self, user: u64, filter: &str, now: Instant) {
        if let Some(subscription) = self.filters.get_mut(filter) {
            subscription.users.retain(|(of, _)| *of != user);
            if subscription.users.is_empty() {
                subscription.unused_since = Some(now);
            }
        }
    }

    pub fn remove_all(&mut self, user: u64, now: Instant) {
        let filters: Vec<Arc<str>> = self.filters.keys().cloned().collect();
        filters.iter().for_each(|filter| self.remove(user, filter, now));
    }

    /// Takes out what nobody has wanted for so long.
    pub fn take_unused(&mut self, longer_than: Duration, now: Instant) -> Vec<Arc<str>> {
        let unused = |subscription: &Subscription| {
            subscription.unused_since.is_some_and(|since| now.saturating_duration_since(since) >= longer_than)
        };
        let gone: Vec<Arc<str>> =
            self.filters.iter().filter(|(_, s)| unused(s)).map(|(filter, _)| filter.clone()).collect();
        gone.iter().for_each(|filter| drop(self.filters.remove(filter)));
        gone
    }

    /// The broker does not take this one; it is asked again when a node subscribes again.
    pub fn refused(&mut self, filter: &str) {
        if let Some(subscription) = self.filters.get_mut(filter) {
            subscription.told = None;
        }
    }

    pub fn users_of(&self, filter: &str) -> Vec<u64> {
        self.filters.get(filter).map(|s| s.users.iter().map(|(user, _)| *user).collect()).unwrap_or_default()
    }

    /// The broker knows of no subscription any more.
    pub fn forget_told(&mut self) {
        self.filters.retain(|_, subscription| {
            subscription.told = None;
            !subscription.users.is_empty()
        });
    }

    /// Whom a message is for, each with the filter it came by. A number that is not known may be of a node that comes yet:
    /// such a message is for nobody, unless it is for `any` that its topic matches.
    pub fn find(&self, publish: &Publish, any: bool, found: &mut Vec<(u64, Arc<str>)>) {
        let numbers = publish.properties.as_ref().map_or(&[][..], |properties| &properties.subscriptions);
        let all = || self.filters.iter().filter(|(filter, _)| topic::matches(filter, &publish.topic));
        let is_known = all().any(|(_, subscription)| numbers.contains(&subscription.number));
        let by_topic = numbers.is_empty() || (any && !is_known);
        for (filter, subscription) in all() {
            if by_topic || numbers.contains(&subscription.number) {
                found.extend(subscription.users.iter().map(|(user, _)| (*user, filter.clone())));
            }
        }
    }
}

/// The number of a filter is the same each time the gateway runs: what a broker has kept in a session comes with it.
fn number_of(filter: &str) -> u32 {
    /// MQTT has numbers up to this.
    const MOST: u32 = 268_435_455;
    // FNV-1a.
    let hash =
        filter.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash % MOST + 1
}

impl Subscription {
    /// One subscription that gives each of its nodes what it wants.
    fn wanted(&self) -> SubscribeOptions {
        let all = || self.users.iter().map(|(_, options)| options);
        SubscribeOptions {
            qos: all().map(|options| options.qos).max().unwrap_or(Qos::AtMostOnce),
            no_local: all().all(|options| options.no_local),
            retain_as_published: all().any(|options| options.retain_as_published),
            retain_handling: all().map(|options| options.retain_handling).min().unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::packet::Properties;
    use super::*;

    fn options(qos: Qos) -> SubscribeOptions {
        SubscribeOptions { qos, ..SubscribeOptions::default() }
    }

    #[test]
    fn a_filter_is_shared_and_given_up_after_a_while() {
        let mut all = Subscriptions::default();
        let now = Instant::now();
        assert!(all.add(1, "a/+", options(Qos::AtMostOnce)).is_some());
        let (_, wanted, _) = all.add(2, "a/+", options(Qos::ExactlyOnce)).unwrap();
        assert_eq!(wanted.qos, Qos::ExactlyOnce);
        let mut found = Vec::new();
        all.find(&Publish { topic: "a/b".into(), ..Publish::default() }, false, &mut found);
        assert_eq!(found.iter().map(|(user, _)| *user).collect::<Vec<_>>(), [1, 2]);
        all.remove_all(1, now);
        all.remove(2, "a/+", now);
        assert!(all.take_unused(Duration::from_secs(9), now + Duration::from_secs(8)).is_empty());
        // The node is back before its time is over: the broker need not be told.
        assert!(all.add(3, "a/+", options(Qos::ExactlyOnce)).is_none());
        all.remove(3, "a/+", now);
        assert_eq!(all.take_unused(Duration::from_secs(9), now + Duration::from_secs(9)).len(), 1);
        all.forget_told();
        assert!(all.add(1, "a/+", options(Qos::ExactlyOnce)).is_some());
    }

    #[test]
    fn numbers_say_which_of_the_filters_that_match_it_came_for() {
        let mut all = Subscriptions::default();
        for (user, filter) in [(1, "a/#"), (2, "a/+"), (3, "b")] {
            all.add(user, filter, options(Qos::AtLeastOnce));
        }
        let find = |subscriptions: Vec<u32>, any: bool| {
            let properties = Some(Box::new(Properties { subscriptions, ..Properties::default() }));
            let mut found = Vec::new();
            all.find(&Publish { topic: "a/b".into(), properties, ..Publish::default() }, any, &mut found);
            found.into_iter().map(|(user, _)| user).collect::<Vec<_>>()
        };
        assert_eq!(find(vec![number_of("a/+")], false), [2]);
        assert_eq!(find(vec![], false), [1, 2]);
        // Of a node that is not there yet, or of another program.
        assert_eq!(find(vec![7], false), [0; 0]);
        assert_eq!(find(vec![7], true), [1, 2]);
    }
}

//! Retained messages: the last one of each topic, for who subscribes later.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use super::message::Message;
use crate::mqtt::topic;

#[derive(Debug, Default)]
pub struct Retained {
    by_topic: BTreeMap<Arc<str>, Arc<Message>>,
    bytes: usize,
}

impl Retained {
    /// Whether one more of this topic and size is within these bounds.
    pub fn has_room(&self, message: &Message, most: usize, bytes: usize) -> bool {
        let before = self.by_topic.get(&message.topic);
        let is_new = usize::from(before.is_none());
        self.by_topic.len() + is_new <= most
            && self.bytes - before.map_or(0, |before| before.weight()) + message.weight() <= bytes
    }

    /// Keeps a message, or with an empty one forgets what there was.
    pub fn set(&mut self, message: &Arc<Message>) {
        let before = if message.payload.is_empty() {
            self.by_topic.remove(&message.topic)
        } else {
            self.bytes += message.weight();
            self.by_topic.insert(message.topic.clone(), message.clone())
        };
        self.bytes -= before.map_or(0, |before| before.weight());
    }

    pub fn get(&self, topic: &str) -> Option<&Arc<Message>> {
        self.by_topic.get(topic)
    }

    pub fn len(&self) -> usize {
        self.by_topic.len()
    }

    /// The next one behind this topic that a filter matches.
    pub fn next(&self, filter: &str, after: Option<&str>) -> Option<&Arc<Message>> {
        let prefix = &filter[..filter.find(['+', '#']).unwrap_or(filter.len())];
        // `a/#` means `a` too, which stands before `a/`.
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        let from = match after {
            Some(after) => Bound::Excluded(after),
            None => Bound::Included(prefix),
        };
        let range = self.by_topic.range::<str, _>((from, Bound::Unbounded));
        range
            .take_while(|(topic, _)| topic.starts_with(prefix))
            .find(|(topic, _)| topic::matches(filter, topic))
            .map(|(_, message)| message)
    }

    /// Forgets those that have expired, and gives them.
    pub fn expire(&mut self, now: u64) -> Vec<Arc<Message>> {
        let gone: Vec<_> = self.by_topic.values().filter(|one| one.has_expired(now)).cloned().collect();
        for message in &gone {
            self.by_topic.remove(&message.topic);
            self.bytes -= message.weight();
        }
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(topic: &str, payload: &'static [u8]) -> Arc<Message> {
        Arc::new(Message { topic: Arc::from(topic), payload: payload.into(), ..Message::default() })
    }

    #[test]
    fn all_that_match_are_found_one_after_the_other() {
        let mut retained = Retained::default();
        for topic in ["a", "a/b", "a/b/c", "a-b", "b", "$SYS/x"] {
            retained.set(&message(topic, b"1"));
        }
        for (filter, expected) in [
            ("#", &["a", "a-b", "a/b", "a/b/c", "b"][..]),
            ("a/#", &["a", "a/b", "a/b/c"]),
            ("+/b", &["a/b"]),
            ("a/+/c", &["a/b/c"]),
            ("a", &["a"]),
            ("$SYS/#", &["$SYS/x"]),
            ("c/#", &[]),
        ] {
            let mut found: Vec<String> = Vec::new();
            while let Some(next) = retained.next(filter, found.last().map(String::as_str)) {
                found.push(next.topic.to_string());
            }
            assert_eq!(found, expected, "{filter}");
        }
    }

    #[test]
    fn an_empty_one_deletes_and_bounds_hold() {
        let mut retained = Retained::default();
        retained.set(&message("a", b"12345"));
        retained.set(&message("a", b"1"));
        let weight = message("a", b"1").weight();
        assert_eq!(retained.bytes, weight);
        assert!(retained.has_room(&message("a", b"2"), 1, weight));
        assert!(!retained.has_room(&message("b", b"2"), 1, 1000));
        assert!(!retained.has_room(&message("a", b"22"), 1, weight));
        retained.set(&message("a", b""));
        retained.set(&message("a", b""));
        assert_eq!((retained.len(), retained.bytes), (0, 0));
    }
}

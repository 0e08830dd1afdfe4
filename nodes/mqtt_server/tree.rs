//! Who subscribes to what: a tree of topic levels, in which a topic finds its subscriptions without a look at the others.

use std::collections::HashMap;
use std::sync::Arc;

use super::filter::Filter;
use super::packet::Wish;

pub type SessionId = u32;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subscription {
    pub session: SessionId,
    pub wish: Wish,
    pub identifier: Option<u32>,
}

#[derive(Debug, Default)]
pub struct Tree {
    root: Level,
}

#[derive(Debug, Default)]
struct Level {
    children: HashMap<Box<str>, Level>,
    own: Vec<Subscription>,
    groups: Vec<Group>,
}

/// Members of a shared subscription, of which one gets each message.
#[derive(Debug)]
struct Group {
    name: Arc<str>,
    members: Vec<Subscription>,
    turn: usize,
}

/// What a topic matches.
#[derive(Debug, Default, PartialEq)]
pub struct Found {
    pub own: Vec<Subscription>,
    /// The members of each group by its name, the one whose turn it is first.
    pub groups: Vec<(Arc<str>, Vec<Subscription>)>,
}

impl Tree {
    /// `true` where the session had this subscription before.
    pub fn insert(&mut self, filter: Filter<'_>, subscription: Subscription) -> bool {
        let mut level = &mut self.root;
        for part in filter.levels.split('/') {
            level = level.children.entry(part.into()).or_default();
        }
        let list = match filter.group {
            None => &mut level.own,
            Some(name) => {
                let at = level.groups.iter().position(|group| &*group.name == name);
                let at = at.unwrap_or_else(|| {
                    level.groups.push(Group { name: name.into(), members: Vec::new(), turn: 0 });
                    level.groups.len() - 1
                });
                &mut level.groups[at].members
            }
        };
        match list.iter_mut().find(|known| known.session == subscription.session) {
            Some(known) => {
                *known = subscription;
                true
            }
            None => {
                list.push(subscription);
                false
            }
        }
    }

    pub fn remove(&mut self, filter: Filter<'_>, session: SessionId) {
        let parts: Vec<&str> = filter.levels.split('/').collect();
        self.root.remove(&parts, filter.group, session);
    }

    pub fn find(&mut self, topic: &str) -> Found {
        let parts: Vec<&str> = topic.split('/').collect();
        let mut found = Found::default();
        self.root.find(&parts, topic.starts_with('$'), &mut found);
        found
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.root.is_empty()
    }
}

impl Level {
    fn is_empty(&self) -> bool {
        self.children.is_empty() && self.own.is_empty() && self.groups.is_empty()
    }

    /// Levels that nobody needs any more go with the last subscription.
    fn remove(&mut self, parts: &[&str], group: Option<&str>, session: SessionId) {
        let Some((part, rest)) = parts.split_first() else {
            match group {
                None => self.own.retain(|known| known.session != session),
                Some(name) => {
                    for group in self.groups.iter_mut().filter(|group| &*group.name == name) {
                        group.members.retain(|known| known.session != session);
                    }
                    self.groups.retain(|group| !group.members.is_empty());
                }
            }
            return;
        };
        if let Some(child) = self.children.get_mut(*part) {
            child.remove(rest, group, session);
            if child.is_empty() {
                self.children.remove(*part);
            }
        }
    }

    /// It goes as deep as a topic has levels, which are bounded where topics come in.
    fn find(&mut self, parts: &[&str], is_first_of_dollar: bool, found: &mut Found) {
        if !is_first_of_dollar && let Some(all) = self.children.get_mut("#") {
            all.take(found);
        }
        let Some((part, rest)) = parts.split_first() else { return self.take(found) };
        if !is_first_of_dollar && let Some(any) = self.children.get_mut("+") {
            any.find(rest, false, found);
        }
        // A topic has no wildcards, so that these are not taken twice.
        if let Some(child) = self.children.get_mut(*part) {
            child.find(rest, false, found);
        }
    }

    fn take(&mut self, found: &mut Found) {
        found.own.extend_from_slice(&self.own);
        for group in &mut self.groups {
            let turn = group.turn % group.members.len().max(1);
            group.turn = turn + 1;
            let mut members = group.members.clone();
            members.rotate_left(turn);
            found.groups.push((group.name.clone(), members));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy, prop, prop_assert, prop_assert_eq, proptest};

    use super::*;
    use crate::mqtt::topic;
    use crate::mqtt_server::filter;

    fn of(session: SessionId) -> Subscription {
        Subscription { session, wish: Wish::default(), identifier: None }
    }

    fn level() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec!["a", "b", "", "$SYS", "c"])
    }

    fn filters() -> impl Strategy<Value = String> {
        let part = prop::sample::select(vec!["a", "b", "", "$SYS", "+", "c"]);
        (prop::collection::vec(part, 1..5), prop::bool::ANY, prop::bool::ANY).prop_map(
            |(parts, all, shared)| {
                let mut text = parts.join("/");
                if all {
                    text.push_str("/#");
                }
                if shared { format!("$share/g/{text}") } else { text }
            },
        )
    }

    proptest! {
        /// Against the plain matching that the client has.
        #[test]
        fn it_finds_what_matches_and_nothing_else(
            all in prop::collection::vec(filters(), 0..20),
            topic in prop::collection::vec(level(), 1..5),
            removed in prop::collection::vec(prop::bool::ANY, 20),
        ) {
            let topic = topic.join("/");
            let mut tree = Tree::default();
            let mut all: Vec<String> = all;
            all.sort();
            all.dedup();
            all.retain(|text| filter::parse(text).is_some());
            for (number, text) in all.iter().enumerate() {
                prop_assert!(!tree.insert(filter::parse(text).unwrap(), of(number as u32)));
                prop_assert!(tree.insert(filter::parse(text).unwrap(), of(number as u32)));
            }
            for (number, text) in all.iter().enumerate().filter(|(number, _)| removed[*number]) {
                tree.remove(filter::parse(text).unwrap(), number as u32);
            }
            let found = tree.find(&topic);
            let mut sessions: Vec<u32> =
                found.own.iter().chain(found.groups.iter().flat_map(|group| &group.1)).map(|one| one.session).collect();
            sessions.sort_unstable();
            let expected: Vec<u32> = all.iter().enumerate()
                .filter(|(number, text)| !removed[*number] && topic::matches(text, &topic))
                .map(|(number, _)| number as u32)
                .collect();
            prop_assert_eq!(sessions, expected);
            for (number, text) in all.iter().enumerate() {
                tree.remove(filter::parse(text).unwrap(), number as u32);
            }
            prop_assert!(tree.is_empty(), "nothing is left behind");
        }
    }

    #[test]
    fn members_of_a_group_take_turns() {
        let mut tree = Tree::default();
        for session in [1, 2, 3] {
            tree.insert(filter::parse("$share/g/a").unwrap(), of(session));
        }
        let first: Vec<u32> = (0..6).map(|_| tree.find("a").groups[0].1[0].session).collect();
        assert_eq!(first, [1, 2, 3, 1, 2, 3]);
    }
}

//! Refusals go to the audit as a sum a minute: who guesses must not wear the card, nor push out all other entries at once.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};

const EACH: Duration = Duration::from_secs(60);
/// So many addresses and names are told apart within a minute.
const TOLD: usize = 8;

/// Why somebody was turned away.
#[derive(Debug, Clone, Copy)]
pub enum Why {
    Wrong,
    /// They should have waited.
    TooSoon,
    /// A set-up link that is not valid.
    Link,
}

#[derive(Debug, Default)]
pub struct Refusals {
    since: Option<Instant>,
    wrong: u64,
    too_soon: u64,
    links: u64,
    addresses: BTreeSet<IpAddr>,
    /// Only of users that there are. What else was typed may be a password.
    names: BTreeSet<String>,
}

/// An entry of the audit.
#[derive(Debug, PartialEq, Eq)]
pub struct Sum {
    pub origin: String,
    pub about: String,
    pub detail: String,
}

impl Refusals {
    pub fn add(&mut self, why: Why, from: IpAddr, user: Option<&str>, now: Instant) {
        self.since.get_or_insert(now);
        let counter = match why {
            Why::Wrong => &mut self.wrong,
            Why::TooSoon => &mut self.too_soon,
            Why::Link => &mut self.links,
        };
        *counter = counter.saturating_add(1);
        // One more than is told shows that there were more.
        if self.addresses.len() <= TOLD {
            self.addresses.insert(from);
        }
        if let Some(user) = user.filter(|_| self.names.len() <= TOLD) {
            self.names.insert(user.to_string());
        }
    }

    /// The sum, when its minute is over.
    pub fn due(&mut self, now: Instant) -> Option<Sum> {
        let since = self.since?;
        if now.saturating_duration_since(since) < EACH {
            return None;
        }
        self.take()
    }

    /// What there is.
    pub fn take(&mut self) -> Option<Sum> {
        self.since?;
        let all = std::mem::take(self);
        let counts = [
            (all.wrong, "wrong name or password"),
            (all.too_soon, "tried again too soon"),
            (all.links, "set-up link that is not valid"),
        ];
        let counts: Vec<String> = counts
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} times: {what}"))
            .collect();
        Some(Sum {
            origin: listed(all.addresses.iter().map(ToString::to_string).collect()),
            about: listed(all.names.into_iter().collect()),
            detail: counts.join(", "),
        })
    }
}

fn listed(mut items: Vec<String>) -> String {
    let more = items.len() > TOLD;
    items.truncate(TOLD);
    format!("{}{}", items.join(" "), if more { " and more" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_one_short_entry_a_minute() {
        let (mut refusals, begin) = (Refusals::default(), Instant::now());
        assert_eq!(refusals.due(begin + EACH), None);
        for n in 0..100_000_u32 {
            let from = IpAddr::from(n.to_be_bytes());
            refusals.add(Why::Wrong, from, Some(&format!("user{n}")), begin);
            refusals.add(Why::TooSoon, from, None, begin);
        }
        assert_eq!(refusals.due(begin + EACH / 2), None);
        let sum = refusals.due(begin + EACH).unwrap();
        assert_eq!(sum.detail, "100000 times: wrong name or password, 100000 times: tried again too soon");
        assert!(sum.origin.ends_with("0.0.0.7 and more") && sum.origin.len() < 200, "{}", sum.origin);
        assert!(sum.about.ends_with("user7 and more"), "{}", sum.about);
        assert_eq!(refusals.due(begin + EACH * 2), None);
    }
}

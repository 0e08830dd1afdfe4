//! Refusals go to the audit in sums: the first at once, then after a minute, and ever later while it goes on. Who guesses
//! must not wear the card, nor push out all other entries, however long it takes.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_secs(60);
const LAST: Duration = Duration::from_secs(3_600);
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
    /// When the last sum was told, and how long the next one is put off after it.
    told: Option<(Instant, Duration)>,
    sum: Counts,
}

#[derive(Debug, Default)]
struct Counts {
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
    pub fn add(&mut self, why: Why, from: IpAddr, user: Option<&str>) {
        let sum = &mut self.sum;
        let counter = match why {
            Why::Wrong => &mut sum.wrong,
            Why::TooSoon => &mut sum.too_soon,
            Why::Link => &mut sum.links,
        };
        *counter = counter.saturating_add(1);
        // One more than is told shows that there were more.
        if sum.addresses.len() <= TOLD {
            sum.addresses.insert(from);
        }
        if let Some(user) = user.filter(|_| sum.names.len() <= TOLD) {
            sum.names.insert(user.to_string());
        }
    }

    /// The sum, when it is time for it.
    pub fn due(&mut self, now: Instant) -> Option<Sum> {
        let next = match self.told {
            None => FIRST,
            Some((told, wait)) => {
                let past = now.saturating_duration_since(told);
                if past < wait {
                    return None;
                }
                // After a time of peace it begins anew.
                if past < 2 * wait { (2 * wait).min(LAST) } else { FIRST }
            }
        };
        let sum = self.take()?;
        self.told = Some((now, next));
        Some(sum)
    }

    /// What there is.
    pub fn take(&mut self) -> Option<Sum> {
        let all = std::mem::take(&mut self.sum);
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
        (!counts.is_empty()).then(|| Sum {
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
    fn a_flood_is_few_short_entries() {
        let (mut refusals, begin) = (Refusals::default(), Instant::now());
        assert_eq!(refusals.due(begin), None);
        refusals.add(Why::Link, IpAddr::from([192, 0, 2, 1]), None);
        assert_eq!(refusals.due(begin).unwrap().detail, "1 times: set-up link that is not valid");
        for n in 0..100_000_u32 {
            let from = IpAddr::from(n.to_be_bytes());
            refusals.add(Why::Wrong, from, Some(&format!("user{n}")));
            refusals.add(Why::TooSoon, from, None);
        }
        assert_eq!(refusals.due(begin + FIRST / 2), None);
        let sum = refusals.due(begin + FIRST).unwrap();
        assert_eq!(sum.detail, "100000 times: wrong name or password, 100000 times: tried again too soon");
        assert!(sum.origin.ends_with("0.0.0.7 and more") && sum.origin.len() < 200, "{}", sum.origin);
        assert!(sum.about.ends_with("user7 and more"), "{}", sum.about);
        assert_eq!(refusals.due(begin + FIRST * 10), None, "nobody has come since");
    }

    #[test]
    fn who_goes_on_for_weeks_does_not_push_out_the_rest_and_who_comes_back_is_told_at_once() {
        let (mut refusals, begin) = (Refusals::default(), Instant::now());
        let mut told = Vec::new();
        let mut try_at = |seconds: u64| {
            refusals.add(Why::Wrong, IpAddr::from([192, 0, 2, 1]), None);
            let is_told = refusals.due(begin + Duration::from_secs(seconds)).is_some();
            told.extend(is_told.then_some(seconds));
            is_told
        };
        let week = 7 * 24 * 3_600;
        (0..week).step_by(10).for_each(|seconds| {
            let _ = try_at(seconds);
        });
        assert!(try_at(week + 3 * 3_600), "after a time of peace");
        assert_eq!(told[..4], [0, 60, 180, 420]);
        assert!(told.len() < 180, "{} in a week", told.len());
    }
}

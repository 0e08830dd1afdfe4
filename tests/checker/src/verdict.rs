//! Decides whether anything was lost, out of order or made up.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::content;
use crate::gateway;
use crate::receive::Received;

/// What is known beside what was received.
pub struct Known<'k> {
    pub acknowledged: &'k BTreeSet<u64>,
    /// The last id that was sent, acknowledged or not.
    pub sent: u64,
    /// How much was received at each kill.
    pub kills: &'k [usize],
    /// Those may come behind others of their key: they were refused at first.
    pub late: &'k BTreeSet<u64>,
}

#[derive(Debug, Default)]
pub struct Verdict {
    pub acknowledged: usize,
    pub delivered: usize,
    /// Delivered again under the name of before: by the gateway.
    pub repeated: usize,
    /// The most of those between two kills.
    pub repeated_at_most: usize,
    /// Delivered again under another name: the load had sent them again.
    pub sent_again: usize,
    pub lost: Vec<u64>,
    pub wrong: Vec<String>,
}

/// So many the gateway may have in the receiver's hands when it is killed.
///
/// Without an answer, and answered but not written down; and what was without an answer when the receiver went away
/// before that, which waits behind what is more urgent.
pub const IN_FLIGHT: usize = 2 * gateway::WINDOW + 500;

impl Verdict {
    pub fn of(received: &[Received], known: &Known<'_>) -> Verdict {
        let mut verdict = Verdict { acknowledged: known.acknowledged.len(), ..Verdict::default() };
        let mut seen: BTreeSet<u64> = BTreeSet::new();
        let mut last: BTreeMap<String, u64> = BTreeMap::new();
        let mut names: HashMap<&str, u64> = HashMap::new();
        let mut in_life: HashSet<&str> = HashSet::new();
        let mut kills = known.kills.iter().copied().peekable();
        let mut repeated_in_life = 0;
        for (at, one) in received.iter().enumerate() {
            while kills.next_if(|kill| *kill <= at).is_some() {
                repeated_in_life = 0;
                in_life.clear();
            }
            let id = one.id;
            if !one.intact {
                verdict.wrong.push(format!("the payload of {id} is damaged"));
            }
            if !content::passes(id) {
                verdict.wrong.push(format!("{id} was to end in the flow"));
            }
            if id > known.sent {
                verdict.wrong.push(format!("{id} was never sent"));
            }
            let name = one.name.as_deref();
            let before = name.and_then(|name| names.insert(name, id));
            if before.is_some_and(|before| before != id) {
                verdict.wrong.push(format!("{id} has the name of another: {}", name.unwrap_or_default()));
            }
            if !seen.insert(id) {
                let is_gateways = before == Some(id);
                verdict.repeated += usize::from(is_gateways);
                verdict.sent_again += usize::from(!is_gateways);
                // One that went out before the kill, and not once more in this life.
                repeated_in_life += usize::from(is_gateways && name.is_some_and(|name| in_life.insert(name)));
                verdict.repeated_at_most = verdict.repeated_at_most.max(repeated_in_life);
                continue;
            }
            in_life.extend(name);
            if known.late.contains(&id) {
                continue;
            }
            let before = last.insert(content::key(id), id);
            if before.is_some_and(|before| before > id) {
                verdict.wrong.push(format!("{id} came behind {} of the same key", before.unwrap_or(0)));
            }
        }
        verdict.delivered = seen.len();
        let missing = |id: &&u64| content::passes(**id) && !seen.contains(id);
        verdict.lost = known.acknowledged.iter().filter(missing).copied().collect();
        verdict
    }

    pub fn is_well(&self) -> bool {
        self.lost.is_empty() && self.wrong.is_empty()
    }

    pub fn say(&self, what: &str) {
        println!(
            "{what}: {} acknowledged, {} delivered, {} repeated by the gateway, {} by the load, {} lost, {} wrong",
            self.acknowledged,
            self.delivered,
            self.repeated,
            self.sent_again,
            self.lost.len(),
            self.wrong.len()
        );
        for id in self.lost.iter().take(5) {
            println!("  lost: {id}");
        }
        for wrong in self.wrong.iter().take(5) {
            println!("  wrong: {wrong}");
        }
    }
}

/// The checker must see what is wrong: what it lets pass, nobody sees.
#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn sound() -> Vec<Received> {
        let passing = (1..=200).filter(|id| content::passes(*id));
        passing
            .map(|id| Received { id, intact: true, name: Some(format!("d/out/{id}")), at: Instant::now() })
            .collect()
    }

    fn verdict(received: &[Received], kills: &[usize]) -> Verdict {
        let (acknowledged, late) = ((1..=200).collect(), BTreeSet::from([64]));
        Verdict::of(received, &Known { acknowledged: &acknowledged, sent: 220, kills, late: &late })
    }

    fn wrong(change: impl FnOnce(&mut Vec<Received>)) -> String {
        let mut received = sound();
        change(&mut received);
        verdict(&received, &[]).wrong.join("; ")
    }

    #[test]
    fn what_is_sound_is_well() {
        let verdict = verdict(&sound(), &[50]);
        assert!(verdict.is_well(), "{verdict:?}");
        assert_eq!((verdict.acknowledged, verdict.delivered, verdict.repeated), (200, 172, 0));
    }

    #[test]
    fn one_that_is_missing_is_lost() {
        let mut received = sound();
        let missing = received.remove(100).id;
        assert_eq!(verdict(&received, &[]).lost, [missing]);
    }

    #[test]
    fn what_is_wrong_is_told() {
        // Ids 1 and 17 are of one key; 2 is of another.
        let at = |id: u64| sound().iter().position(|one| one.id == id).unwrap();
        assert_eq!(wrong(|all| all.swap(at(1), at(17))), "1 came behind 17 of the same key");
        assert_eq!(wrong(|all| all.swap(at(1), at(2))), "");
        assert_eq!(wrong(|all| all.swap(at(64), at(80))), "", "it may be late");
        assert_eq!(wrong(|all| all[3].intact = false), "the payload of 4 is damaged");
        let made_up = |id| Received { id, intact: true, name: None, at: Instant::now() };
        assert_eq!(wrong(|all| all.push(made_up(221))), "221 was never sent");
        assert_eq!(wrong(|all| all.push(made_up(210))), "210 was to end in the flow");
        assert_eq!(wrong(|all| all[3].name = Some("d/out/3".into())), "4 has the name of another: d/out/3");
    }

    #[test]
    fn repeats_are_counted_by_who_repeats_and_from_kill_to_kill() {
        let again =
            |id: u64, name: &str| Received { id, intact: true, name: Some(name.into()), at: Instant::now() };
        let mut received = sound();
        received.insert(60, again(1, "d/out/1"));
        received.insert(61, again(2, "d/out/2"));
        received.insert(62, again(3, "another"));
        received.push(again(5, "d/out/5"));
        let verdict = verdict(&received, &[60, 100]);
        assert!(verdict.is_well());
        assert_eq!((verdict.repeated, verdict.sent_again, verdict.repeated_at_most), (3, 1, 2));
    }
}

//! Decides whether anything was lost, out of order or made up.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::content;
use crate::receive::Received;

#[derive(Debug, Default)]
pub struct Verdict {
    pub acknowledged: usize,
    pub delivered: usize,
    pub repeated: usize,
    pub lost: Vec<u64>,
    pub wrong: Vec<String>,
}

impl Verdict {
    /// `accounted`: ids that stand in the dead letters.
    /// `late`: those may come behind others of their key.
    pub fn of(
        acknowledged: &BTreeSet<u64>,
        received: &[Received],
        accounted: &BTreeSet<u64>,
        late: &BTreeSet<u64>,
    ) -> Verdict {
        let mut verdict = Verdict { acknowledged: acknowledged.len(), ..Verdict::default() };
        let mut seen: BTreeSet<u64> = BTreeSet::new();
        let mut last: BTreeMap<String, u64> = BTreeMap::new();
        let mut names: HashMap<&str, u64> = HashMap::new();
        for one in received {
            if !one.intact {
                verdict.wrong.push(format!("the payload of {} is damaged", one.id));
            }
            if !content::passes(one.id) {
                verdict.wrong.push(format!("{} was to end in the flow", one.id));
            }
            if let Some(name) = &one.name
                && *names.entry(name).or_insert(one.id) != one.id
            {
                verdict.wrong.push(format!("{} has the name of another: {name}", one.id));
            }
            if !seen.insert(one.id) {
                verdict.repeated += 1;
                continue;
            }
            if late.contains(&one.id) {
                continue;
            }
            let before = last.insert(content::key(one.id), one.id);
            if before.is_some_and(|before| before > one.id) {
                verdict.wrong.push(format!("{} came behind {} of the same key", one.id, before.unwrap_or(0)));
            }
        }
        verdict.delivered = seen.len();
        let missing = |id: &&u64| content::passes(**id) && !seen.contains(id) && !accounted.contains(id);
        verdict.lost = acknowledged.iter().filter(missing).copied().collect();
        verdict
    }

    pub fn is_well(&self) -> bool {
        self.lost.is_empty() && self.wrong.is_empty()
    }

    pub fn say(&self, what: &str) {
        println!(
            "{what}: {} acknowledged, {} delivered, {} repeated, {} lost, {} wrong",
            self.acknowledged,
            self.delivered,
            self.repeated,
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

//! What salvage found, and what it did not.

use std::collections::BTreeMap;
use std::fmt;

/// Ranges of a gap that are named one by one; the ledger has them all.
const NAMED: usize = 20;

/// What came of it, by log.
#[derive(Debug, Default, Clone)]
pub struct Report {
    /// By the id of the log.
    pub logs: BTreeMap<u32, LogReport>,
    /// Tables that could not be read to the end, and why.
    pub unreadable: BTreeMap<&'static str, String>,
    pub notes: Vec<String>,
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct LogReport {
    pub name: String,
    /// Its name was lost, and this is one that salvage gave it.
    pub named_anew: bool,
    pub records: u64,
    pub blocks: u64,
    /// Records that are missing, as far as anything durable says that they were there.
    pub missing: u64,
    pub gaps: u64,
    /// The first of the gaps, from and to.
    pub first_gaps: Vec<(u64, u64)>,
    /// The sequence that the next record gets.
    pub next: u64,
}

impl LogReport {
    pub fn gap(&mut self, first: u64, last: u64) {
        self.gaps += 1;
        self.missing = self.missing.saturating_add(last - first + 1);
        if self.first_gaps.len() < NAMED {
            self.first_gaps.push((first, last));
        }
    }
}

impl Report {
    pub fn records(&self) -> u64 {
        self.logs.values().map(|log| log.records).sum()
    }

    pub fn missing(&self) -> u64 {
        self.logs.values().fold(0, |sum, log| sum.saturating_add(log.missing))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "recovered {} records of {} logs", self.records(), self.logs.len())?;
        match self.missing() {
            0 => write!(f, "; no record is known to be missing")?,
            missing => write!(f, "; {missing} records are missing")?,
        }
        for log in self.logs.values() {
            if log.named_anew {
                write!(f, "\nlog {:?}: its name was lost, and it has this one now", log.name)?;
            }
            if log.gaps == 0 {
                continue;
            }
            write!(f, "\nlog {:?}: {} records recovered, {} missing:", log.name, log.records, log.missing)?;
            for (n, (first, last)) in log.first_gaps.iter().enumerate() {
                let comma = if n == 0 { "" } else { "," };
                match first == last {
                    true => write!(f, "{comma} {first}")?,
                    false => write!(f, "{comma} {first} to {last}")?,
                }
            }
            let more = log.gaps - log.first_gaps.len() as u64;
            if more > 0 {
                write!(f, ", and {more} more ranges (the ledger lists them)")?;
            }
        }
        for (table, why) in &self.unreadable {
            write!(f, "\ntable {table}: part of it could not be read and is left out: {why}")?;
        }
        for note in &self.notes {
            write!(f, "\n{note}")?;
        }
        Ok(())
    }
}

//! What the writer does when the disk does not take it: nothing is acknowledged, what waits keeps its order and is tried
//! again. On a full disk alarms pass the others, and what makes room passes too, into the reserve if it must be.

use std::collections::HashSet;
use std::sync::PoisonError;
use std::time::Instant;

use tidegate_nodes::value::Str;

use super::StoreError;
use super::commit::Commit;
use super::database::PAGE;
use super::directory::RESERVE;
use super::writer::{AGAIN, Health, Tools, Work};

impl Work {
    /// Writes what waits, as far as it can be written.
    pub(super) fn write(&mut self) {
        // While it fails, all of it is not tried with each commit that comes: that would wear a card for nothing.
        let due = self.stalled.is_none() || self.tried.is_none_or(|tried| tried.elapsed() >= AGAIN);
        if due && (!self.is_full() || self.has_room()) {
            self.tried = Some(Instant::now());
            match self.write_all() {
                Ok(()) => self.recovered(),
                Err(error) => self.stall(error),
            }
        }
        if self.is_full()
            && let Err(error) = self.write_what_passes()
        {
            self.stall(error);
        }
        self.tell_health();
    }

    fn write_all(&mut self) -> Result<(), StoreError> {
        if self.waiting.is_empty() && self.stalled.is_some() {
            // Whether it is over: by something that is written anyway.
            let Tools { odometer, connection, directory, .. } = &self.tools;
            return odometer.save_now(connection).map_err(|error| directory.explain(error));
        }
        while !self.waiting.is_empty() {
            let batch = self.next_batch();
            self.attempt(batch)?;
        }
        Ok(())
    }

    /// The disk is full: alarms, positions and the ledger first without the reserve, and then with it.
    fn write_what_passes(&mut self) -> Result<(), StoreError> {
        let passing = take_passing(&mut self.waiting);
        if passing.is_empty() {
            return Ok(());
        }
        match self.attempt(passing) {
            Err(StoreError::Full(_)) if self.tools.directory.release_reserve() => {
                tracing::warn!("the reserve is given up for alarms and the ledger");
                let passing = take_passing(&mut self.waiting);
                self.attempt(passing)
            }
            other => other,
        }
    }

    fn is_full(&self) -> bool {
        matches!(self.stalled, Some((_, StoreError::Full(_))))
    }

    /// Whether others than alarms may be tried. What the reserve was given up for must not be taken by them: they wait
    /// until it is there again, or until so much has become free in the database itself.
    fn has_room(&self) -> bool {
        let Tools { directory, connection, .. } = &self.tools;
        let free = || connection.query_row("PRAGMA freelist_count", [], |row| row.get::<_, i64>(0));
        directory.keep_reserve()
            || !directory.gave_reserve_up()
            || free().is_ok_and(|pages| (pages * PAGE) as u64 >= RESERVE)
    }

    fn recovered(&mut self) {
        if let Some((since, error)) = self.stalled.take() {
            let seconds = since.elapsed().as_secs();
            tracing::info!("the store writes again after {seconds} s ({error})");
        }
    }

    fn stall(&mut self, error: StoreError) {
        match &mut self.stalled {
            Some((_, known)) => *known = error,
            None => {
                tracing::error!("the store cannot write: {error}; sources wait, nothing is acknowledged");
                self.stalled = Some((Instant::now(), error));
            }
        }
    }

    pub(super) fn tell_health(&self) {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        *health = Health {
            trouble: self.stalled.as_ref().map(|(_, error)| self.in_words(error)),
            damaged: matches!(self.stalled, Some((_, StoreError::Damaged(_)))),
            warning: self.warning.clone(),
            in_reserve: self.is_full(),
            waiting: self.waiting.len(),
        };
    }
}

impl Work {
    /// With how much space it takes to go on.
    fn in_words(&self, error: &StoreError) -> String {
        match (error, self.tools.directory.free()) {
            (StoreError::Full(_), Some(free)) => {
                let (free, needed) = (free as f64 / MIB, (2 * RESERVE) as f64 / MIB);
                format!("{error} ({free:.1} MiB are free, it takes {needed:.0} MiB)")
            }
            _ => error.to_string(),
        }
    }
}

const MIB: f64 = 1024.0 * 1024.0;

/// What one commit changes, as far as the order of changes matters.
#[derive(PartialEq, Eq, Hash)]
enum Place {
    Log(u32),
    State(Str),
    Context(Str),
}

fn places(commit: &Commit) -> impl Iterator<Item = Place> {
    let logs = commit.records.iter().map(|(log, _)| Place::Log(log.id));
    let state = commit.state.iter().map(|change| Place::State(change.owner.clone()));
    logs.chain(state).chain(commit.context.iter().map(|change| Place::Context(change.owner.clone())))
}

/// Takes out what may go before the others: alarms, and what only says what is done with. But nothing passes what it
/// must come after: in a log, or in the state of a node.
fn take_passing(waiting: &mut std::collections::VecDeque<Commit>) -> Vec<Commit> {
    let mut held = HashSet::new();
    let mut passing = Vec::new();
    for commit in std::mem::take(waiting) {
        let small = commit.act.is_none() && commit.messages() == 0;
        if (commit.urgent || small) && !places(&commit).any(|place| held.contains(&place)) {
            passing.push(commit);
        } else {
            held.extend(places(&commit));
            waiting.push_back(commit);
        }
    }
    passing
}

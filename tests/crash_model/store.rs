//! The store itself, under power failures: what it acknowledged is there, and what belongs together is there together.

use std::path::Path;

use tidegate::store::Durability;

use crate::check::{Checker, Recorded, crash, images, recorded};
use crate::support::expected::{Kind, Violation, damaged, ensure, found, intact};
use crate::support::images::Random;
use crate::support::recording::{Recording, Syncs};
use crate::support::workload::{LOGS, Told, Workload, acknowledged, open};

/// For the tests of every day: an image of the store costs more than one of a single table.
const IMAGES: usize = 300;
const STEPS: usize = 80;
/// That go on after a crash.
const MORE: usize = 4;

fn record_store(seed: u64, durability: Durability, syncs: Syncs) -> Recorded<Workload> {
    let mut random = Random(seed);
    let workload = Workload::new(STEPS + 10 * MORE, &mut random);
    let folder = tempfile::tempdir().unwrap();
    let recording = Recording::start(folder.path(), syncs);
    let told = Told::from(0);
    let mut store = open(folder.path(), durability).unwrap();
    for number in 1..=STEPS {
        workload.run(number, &store, Some(&recording.marker()), &told);
        if random.percent(3) {
            if random.percent(50) {
                store.close();
            }
            drop(store);
            store = open(folder.path(), durability).unwrap();
            workload.confirm_again(number, &store);
        }
    }
    assert_eq!(told.all(STEPS), Ok(()));
    assert!(LOGS.iter().any(|name| store.find_log(name).is_some_and(|log| log.first() > 1)), "nothing rolls");
    store.close();
    drop(store);
    Recorded { tape: recorded(recording, folder.path(), &["lock", "reserve"]), checker: workload }
}

impl Checker for Workload {
    fn check(&self, directory: &Path, marks: &[u64], recording: &Recording) -> Result<(), Violation> {
        let of =
            |odd| marks.iter().filter(|mark| *mark % 2 == odd).max().map_or(0, |mark| *mark as usize / 2);
        let (submitted, known) = (of(0), of(1));
        // The last gateway did not stop in order.
        std::fs::write(directory.join("lock"), "1 running\n").map_err(damaged)?;
        let store = open(directory, Durability::Full).map_err(damaged)?;
        // Cut off while it was made, the very first page may be torn: nothing was acknowledged then.
        let aside = submitted > 0 && directory.join("damaged-1").exists();
        ensure!(!aside, Rebuilt, "a database was found damaged and set aside");
        intact(directory)?;
        let steps = found(&store)?;
        ensure!(steps >= known, Lost, "{known} steps are acknowledged, {steps} are there");
        ensure!(steps <= submitted, Wrong, "{submitted} steps were submitted, {steps} are there");
        self.holds(&store, steps, submitted)?;
        recording.mark(acknowledged(steps));
        self.confirm_again(steps, &store);
        // Behind what was recovered there may be leftovers of what was not: it goes on over them.
        let told = Told::from(steps);
        let until = self.steps.len().min(steps + MORE);
        for number in steps + 1..=until {
            self.run(number, &store, Some(&recording.marker()), &told);
        }
        told.all(until).map_err(|what| (Kind::Wrong, what))?;
        if steps % 2 == 0 {
            store.close();
        }
        drop(store);
        Ok(())
    }
}

#[test]
fn the_store_keeps_what_it_acknowledged_and_what_belongs_together() {
    let tally = crash(images(IMAGES), |seed| record_store(seed, Durability::Full, Syncs::Honest));
    println!("{}", tally.told("full"));
    let rebuilt = tally.count(Kind::Rebuilt);
    let broken = tally.violations.values().sum::<usize>() - rebuilt;
    assert_eq!(broken, 0, "{}", tally.told("full"));
    // A write that is torn so that it looks like a damaged one is rare.
    assert!(rebuilt * 200 <= tally.images.max(400), "{}", tally.told("full"));
}

/// What the workload cannot see break, it does not test.
#[test]
fn of_a_store_without_syncs_the_checker_finds_loss_and_damage() {
    let swallowed = crash(60, |seed| record_store(seed, Durability::Full, Syncs::Swallowed));
    let off = crash(60, |seed| record_store(seed, Durability::Off, Syncs::Honest));
    swallowed.assert_loss_and_damage("syncs swallowed");
    off.assert_loss_and_damage("off");
}

/// As its promise says to people.
#[test]
fn a_store_with_normal_syncs_loses_the_last_commits_and_nothing_else() {
    let tally = crash(60, |seed| record_store(seed, Durability::Normal, Syncs::Honest));
    tally.assert_only_loss("normal");
}

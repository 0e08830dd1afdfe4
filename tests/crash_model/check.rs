//! Many crashes of one recording, and what a checker finds in the images.

use std::collections::BTreeMap;
use std::path::Path;

use crate::support::images::{Model, Random};
use crate::support::recording::{Files, Recording, Syncs, Tape, write_files};

/// For the tests of every day; `CRASH_IMAGES` in the environment is for longer ones.
const IMAGES: usize = 600;
const IMAGES_A_RECORDING: usize = 50;

/// What must not be found in an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Acknowledged, and not there.
    Lost,
    /// There, and never submitted; or in the wrong order; or half of what belongs together.
    Wrong,
    /// It does not open, or is not intact.
    Damaged,
}

pub type Violation = (Kind, String);

/// What was recorded, with the checker that knows what was written.
pub struct Recorded<C> {
    pub tape: Tape,
    pub checker: C,
}

pub trait Checker {
    /// Opens what is in the directory, and compares it with the marks that were set before the crash. Gives marks that
    /// stand for what it has found: that must be there after the next crash too.
    fn check(&self, directory: &Path, marks: &[u64]) -> Result<Vec<u64>, Violation>;
}

#[derive(Debug, Default)]
pub struct Tally {
    pub images: usize,
    pub violations: BTreeMap<Kind, usize>,
    /// The first one, with all that it takes to see it again.
    pub first: Option<String>,
}

impl Tally {
    pub fn count(&self, kind: Kind) -> usize {
        self.violations.get(&kind).copied().unwrap_or_default()
    }
}

pub fn images() -> usize {
    match std::env::var("CRASH_IMAGES") {
        Ok(number) => number.parse().expect("CRASH_IMAGES is a number"),
        Err(_) => IMAGES,
    }
}

/// Records as often as it takes, and looks at so many images. Every other crash is followed by a second one, in the middle
/// of the recovery from the first. With `CRASH_KEEP` in the environment, an image with a violation is kept.
pub fn crash<C: Checker>(images: usize, record: impl Fn(u64) -> Recorded<C>) -> Tally {
    let mut tally = Tally::default();
    for seed in 0..images.div_ceil(IMAGES_A_RECORDING) as u64 {
        let recorded = record(seed);
        let mut random = Random(seed);
        for number in 0..IMAGES_A_RECORDING.min(images - tally.images) {
            tally.images += 1;
            if let Err((kind, what)) = one_crash(&recorded, number, &mut random) {
                *tally.violations.entry(kind).or_default() += 1;
                tally.first.get_or_insert_with(|| format!("seed {seed}, image {number}: {kind:?}: {what}"));
            }
        }
    }
    tally
}

fn one_crash<C: Checker>(
    recorded: &Recorded<C>,
    number: usize,
    random: &mut Random,
) -> Result<(), Violation> {
    let model = *random.of(&[Model::Prefix, Model::Subset]);
    let point = crash_point(&recorded.tape, random);
    let image = recorded.tape.image(point, model, random);
    let marks: Vec<u64> = recorded.tape.marks(point).collect();
    let place = |what| format!("{model:?}, before event {point} of {}: {what}", recorded.tape.events.len());
    let (recovery, there) =
        look(&image, &recorded.checker, &marks).map_err(|(kind, what)| (kind, place(what)))?;
    if number.is_multiple_of(2) {
        return Ok(());
    }
    let again = random.below(recovery.events.len() + 1);
    let image = recovery.image(again, model, random);
    let place = |what| place(format!("then before event {again} of {}: {what}", recovery.events.len()));
    look(&image, &recorded.checker, &there).map(|_| ()).map_err(|(kind, what)| (kind, place(what)))
}

/// Anywhere, and in a third of the cases right after an acknowledgement: there it is most easily broken.
fn crash_point(tape: &Tape, random: &mut Random) -> usize {
    let acknowledged: Vec<usize> = tape.mark_places().collect();
    match acknowledged.is_empty() {
        false if random.below(3) == 0 => random.of(&acknowledged) + 1,
        _ => random.below(tape.events.len() + 1),
    }
}

/// Opens an image, and records what is done to it meanwhile.
fn look(image: &Files, checker: &impl Checker, marks: &[u64]) -> Result<(Tape, Vec<u64>), Violation> {
    let folder = tempfile::tempdir().unwrap();
    write_files(image, folder.path());
    let recording = Recording::start(folder.path(), Syncs::Honest);
    let there = checker.check(folder.path(), marks);
    let tape = recording.stop();
    if there.is_err() && std::env::var_os("CRASH_KEEP").is_some() {
        // As it was found, for a look at it by hand.
        let kept = folder.keep();
        write_files(image, &kept);
        return there
            .map(|there| (tape, there))
            .map_err(|(kind, what)| (kind, format!("{what} (in {kept:?})")));
    }
    Ok((tape, there?))
}

//! Many crashes of one recording, and what a checker finds in the images.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use crate::support::expected::{Kind, Violation};
use crate::support::images::{Model, Random};
use crate::support::recording::{Files, Recording, Syncs, Tape, read_files, write_files};

const IMAGES_A_RECORDING: usize = 50;

/// What was recorded, with the checker that knows what was written.
pub struct Recorded<C> {
    pub tape: Tape,
    pub checker: C,
}

pub trait Checker {
    /// Opens what is in the directory, and compares it with the marks that were set before the crash. Then it goes on with
    /// the work. It marks in the recording what it has found, which from now on is known to be there, and what it has done:
    /// the next crash comes in the middle of all that.
    fn check(&self, directory: &Path, marks: &[u64], recording: &Recording) -> Result<(), Violation>;
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

    /// The checker sees what breaks where nothing is synced, or it proves nothing.
    pub fn assert_loss_and_damage(&self, what: &str) {
        let told = self.told(what);
        println!("{told}");
        let damaged = self.count(Kind::Damaged) + self.count(Kind::Rebuilt);
        assert!(self.count(Kind::Lost) > 0 && damaged > 0, "{told}");
    }

    /// What is acknowledged before it is synced may be taken back, and nothing else.
    pub fn assert_only_loss(&self, what: &str) {
        let told = self.told(what);
        println!("{told}");
        assert!(self.count(Kind::Lost) > 0, "{told}");
        assert_eq!(self.count(Kind::Damaged) + self.count(Kind::Wrong), 0, "{told}");
    }

    pub fn told(&self, what: &str) -> String {
        format!(
            "{what}: {} images, violations: {:?}; the first: {:?}",
            self.images, self.violations, self.first
        )
    }
}

/// So many as `CRASH_IMAGES` in the environment says: for tests that are longer than those of every day.
pub fn images(of_every_day: usize) -> usize {
    match std::env::var("CRASH_IMAGES") {
        Ok(number) => number.parse().expect("CRASH_IMAGES is a number"),
        Err(_) => of_every_day,
    }
}

/// Ends a recording of a directory in which nothing is open any more.
pub fn recorded(recording: Recording, directory: &Path, not_of_sqlite: &[&str]) -> Tape {
    let tape = recording.stop();
    let mut there = read_files(directory);
    there.retain(|name, _| !not_of_sqlite.iter().any(|other| name == Path::new(other)));
    assert!(tape.end() == there, "the recorder has missed something");
    tape
}

/// Records as often as it takes, and looks at so many images. Some crashes are followed by others, in the middle of the
/// recovery. With `CRASH_KEEP` in the environment, an image with a violation is kept.
pub fn crash<C: Checker>(images: usize, record: impl Fn(u64) -> Recorded<C>) -> Tally {
    let mut tally = Tally::default();
    let mut seed = 0;
    while tally.images < images {
        let recorded = record(seed);
        let mut random = Random(seed);
        let end = images.min(tally.images + IMAGES_A_RECORDING);
        while tally.images < end {
            let number = tally.images;
            if let Err((kind, what)) = crashes(&recorded, &mut tally.images, &mut random) {
                *tally.violations.entry(kind).or_default() += 1;
                tally.first.get_or_insert_with(|| format!("seed {seed}, image {number}: {kind:?}: {what}"));
            }
        }
        seed += 1;
    }
    tally
}

/// A crash, and in half of the cases another one while what is left is looked at, and so on.
fn crashes<C: Checker>(
    recorded: &Recorded<C>,
    images: &mut usize,
    random: &mut Random,
) -> Result<(), Violation> {
    let mut marks = Vec::new();
    let mut place = String::new();
    let mut recovery;
    let mut tape = &recorded.tape;
    loop {
        let model = *random.of(&[Model::Prefix, Model::Subset]);
        let point = crash_point(tape, random);
        write!(place, "{model:?}, before event {point} of {}: ", tape.events.len())
            .expect("a String takes it");
        marks.extend(tape.marks(point));
        *images += 1;
        recovery = look(&tape.image(point, model, random), &recorded.checker, &marks)
            .map_err(|(kind, what)| (kind, format!("{place}{what}")))?;
        if random.percent(50) {
            return Ok(());
        }
        place.push_str("then ");
        tape = &recovery;
    }
}

/// Anywhere, and in a third of the cases right after an acknowledgement: there it is most easily broken.
fn crash_point(tape: &Tape, random: &mut Random) -> usize {
    let marks: Vec<usize> = tape.mark_places().collect();
    match marks.is_empty() {
        false if random.below(3) == 0 => random.of(&marks) + 1,
        _ => random.below(tape.events.len() + 1),
    }
}

/// Opens an image, and records what is done to it meanwhile.
fn look(image: &Files, checker: &impl Checker, marks: &[u64]) -> Result<Tape, Violation> {
    let folder = tempfile::tempdir().unwrap();
    write_files(image, folder.path());
    let recording = Recording::start(folder.path(), Syncs::Honest);
    let outcome = checker.check(folder.path(), marks, &recording);
    let tape = recording.stop();
    match outcome {
        Ok(()) => Ok(tape),
        Err((kind, what)) if std::env::var_os("CRASH_KEEP").is_some() => {
            // As it was found, for a look at it by hand.
            let kept = folder.keep();
            std::fs::remove_dir_all(&kept).unwrap();
            std::fs::create_dir(&kept).unwrap();
            write_files(image, &kept);
            Err((kind, format!("{what} (the image is in {})", kept.display())))
        }
        Err(violation) => Err(violation),
    }
}

//! What may be on the disk after a crash, made from a recording. A sync is a promise: what was written to the file before
//! it is there. Of what was not synced, each model takes a choice of its own.

use std::collections::BTreeMap;
use std::path::Path;

use tidegate_nodes::testing::splitmix;

use super::recording::{Event, File, Files, Tape};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Model {
    /// What was not synced arrives in order, over all files, up to some point. The write at that point may be torn.
    Prefix,
    /// The disk's cache takes its own order: any of it is there, each write whole, torn, or as a hole of zeros in a file
    /// that has grown.
    Subset,
}

/// What a disk writes at once, by the place in the file.
const SECTORS: [u64; 2] = [512, 4096];

/// What became of an event.
#[derive(Debug, Clone)]
enum Kept {
    Whole,
    Nothing,
    /// The file has the size that the write gave it, and zeros there.
    Hole,
    /// These of the write's pieces, each as long as the sector that it lies in.
    Pieces(u64, Vec<bool>),
}

impl Tape {
    /// What the test had marked before the crash.
    pub fn marks(&self, crash: usize) -> impl Iterator<Item = u64> {
        self.events[..crash].iter().filter_map(|event| match event {
            Event::Mark(what) => Some(*what),
            _ => None,
        })
    }

    /// Where in the events the marks are.
    pub fn mark_places(&self) -> impl Iterator<Item = usize> {
        self.events.iter().enumerate().filter_map(|(at, event)| matches!(event, Event::Mark(_)).then_some(at))
    }

    /// What a power failure just before the event `crash` leaves behind, by one choice among many.
    pub fn image(&self, crash: usize, model: Model, random: &mut Random) -> Files {
        let mut kept: Vec<Kept> =
            self.safe(crash).into_iter().map(|safe| if safe { Kept::Whole } else { Kept::Nothing }).collect();
        let unsafe_ones: Vec<usize> = (0..crash)
            .filter(|at| matches!(kept[*at], Kept::Nothing) && !matches!(self.events[*at], Event::Mark(_)))
            .collect();
        match model {
            Model::Prefix => {
                let length = random.below(unsafe_ones.len() + 1);
                for at in &unsafe_ones[..length] {
                    kept[*at] = Kept::Whole;
                }
                if let Some(at) = unsafe_ones.get(length) {
                    kept[*at] = torn(&self.events[*at], random, |pieces, random| {
                        let there = random.below(pieces);
                        (0..pieces).map(|piece| piece < there).collect()
                    });
                }
            }
            Model::Subset => {
                // From nearly nothing to nearly all, so that a single missing write is as likely as a single one there.
                let share = *random.of(&[2, 25, 50, 75, 98]);
                for at in unsafe_ones {
                    let there = random.percent(share);
                    kept[at] = match random.below(8) {
                        0 | 1 => torn(&self.events[at], random, |pieces, random| {
                            (0..pieces).map(|_| random.percent(share)).collect()
                        }),
                        2 if !there => Kept::Hole,
                        _ if there => Kept::Whole,
                        _ => Kept::Nothing,
                    };
                }
            }
        }
        self.replay(&kept)
    }

    /// All that happened: what the directory must look like without a crash, if the recorder has missed nothing.
    pub fn end(&self) -> Files {
        self.replay(&vec![Kept::Whole; self.events.len()])
    }

    /// Which events before the crash have been made safe by a sync.
    fn safe(&self, crash: usize) -> Vec<bool> {
        let mut safe = vec![false; crash];
        let mut contents: BTreeMap<File, Vec<usize>> = BTreeMap::new();
        // Names made and deleted, and not yet safe.
        let mut names: Vec<(usize, &Path)> = Vec::new();
        let mut created: BTreeMap<File, &Path> =
            self.base.keys().map(|name| name.as_path()).enumerate().collect();
        for (at, event) in self.events[..crash].iter().enumerate() {
            let (name, whole_directory) = match event {
                Event::Write { file, .. } | Event::Resize { file, .. } => {
                    contents.entry(*file).or_default().push(at);
                    continue;
                }
                Event::Mark(_) => continue,
                Event::Create { name, file } => {
                    created.insert(*file, name);
                    names.push((at, name));
                    continue;
                }
                Event::Delete { name, synced } => {
                    names.push((at, name));
                    if !synced {
                        continue;
                    }
                    (name.as_path(), true)
                }
                Event::Sync { file, directory } => {
                    for at in contents.remove(file).unwrap_or_default() {
                        safe[at] = true;
                    }
                    // A file that is deleted while it is open has no name to make safe; its last one does no harm.
                    (created[file], *directory)
                }
            };
            // A file's own sync makes its name safe, and with it what the name stood for before.
            let covered =
                |other: &Path| if whole_directory { other.parent() == name.parent() } else { other == name };
            names.retain(|(at, other)| {
                safe[*at] |= covered(other);
                !covered(other)
            });
        }
        safe
    }

    fn replay(&self, kept: &[Kept]) -> Files {
        let mut contents: BTreeMap<File, Vec<u8>> = self.base.values().cloned().enumerate().collect();
        let mut names: BTreeMap<&Path, File> =
            self.base.keys().enumerate().map(|(file, name)| (name.as_path(), file)).collect();
        for (event, kept) in self.events.iter().zip(kept) {
            if matches!(kept, Kept::Nothing) {
                continue;
            }
            match event {
                Event::Create { name, file } => {
                    names.insert(name, *file);
                }
                Event::Delete { name, .. } => {
                    names.remove(name.as_path());
                }
                Event::Resize { file, size } => {
                    contents.entry(*file).or_default().resize(place(*size), 0);
                }
                Event::Write { file, offset, bytes } => {
                    write(contents.entry(*file).or_default(), *offset, bytes, kept);
                }
                Event::Sync { .. } | Event::Mark(_) => (),
            }
        }
        names
            .into_iter()
            .map(|(name, file)| (name.to_owned(), contents.remove(&file).unwrap_or_default()))
            .collect()
    }
}

fn write(content: &mut Vec<u8>, offset: u64, bytes: &[u8], kept: &Kept) {
    let mut put = |from: usize, to: usize| {
        let start = place(offset) + from;
        let end = place(offset) + to;
        if content.len() < end {
            content.resize(end, 0);
        }
        content[start..end].copy_from_slice(&bytes[from..to]);
    };
    match kept {
        Kept::Nothing => (),
        Kept::Whole => put(0, bytes.len()),
        Kept::Hole => {
            let end = place(offset) + bytes.len();
            if content.len() < end {
                content.resize(end, 0);
            }
        }
        Kept::Pieces(sector, there) => {
            let cuts = cuts(offset, bytes.len(), *sector);
            for (ends, _) in cuts.windows(2).zip(there).filter(|(_, there)| **there) {
                put(ends[0], ends[1]);
            }
        }
    }
}

/// A part of a write, as the choice says. What lies within one sector is written at once: nothing of it is there.
fn torn(event: &Event, random: &mut Random, choice: impl FnOnce(usize, &mut Random) -> Vec<bool>) -> Kept {
    let Event::Write { offset, bytes, .. } = event else { return Kept::Nothing };
    let sector = *random.of(&SECTORS);
    let pieces = cuts(*offset, bytes.len(), sector).len() - 1;
    Kept::Pieces(sector, choice(pieces, random))
}

/// The borders of sectors within a write, its begin and its end among them.
fn cuts(offset: u64, length: usize, sector: u64) -> Vec<usize> {
    let first = place(sector - offset % sector);
    let mut cuts = vec![0];
    cuts.extend((first..length).step_by(place(sector)));
    cuts.push(length);
    cuts
}

fn place(offset: u64) -> usize {
    usize::try_from(offset).expect("files of tests fit into memory")
}

/// The same choices from the same seed, on every machine.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        splitmix(&mut self.0)
    }

    /// From 0 up to, not including, the limit.
    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).expect("below a usize")
    }

    pub fn percent(&mut self, share: usize) -> bool {
        self.below(100) < share
    }

    pub fn of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..length.div_ceil(8)).flat_map(|_| self.next().to_le_bytes()).collect();
        bytes.truncate(length);
        bytes
    }
}

//! One byte is overwritten somewhere in the database or its WAL, again and again.

use super::fixture::{self, Content, Files, Map, Random, Writer, content, fresh, open_plainly, scratch};
use super::report::Report;
use super::wal::{self, Wal};
use super::{damaged, rebuild};
use crate::store::schema::segment_table;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

struct World {
    directory: tempfile::TempDir,
    files: Files,
    page_size: usize,
    wal: Wal,
    map: Map,
    whole: Content,
    floors: BTreeMap<u32, u64>,
    segments: BTreeMap<u32, Vec<(i64, u64)>>,
}

/// Where a byte was overwritten.
#[derive(Debug, Clone, Copy)]
struct Flip {
    in_wal: bool,
    at: usize,
}

impl World {
    /// `checkpointed`: all stands in the database, and its WAL is left over.
    fn new(seed: u64, page_size: u32, checkpointed: bool) -> World {
        let directory = scratch();
        let path = directory.path().join("made.db");
        let mut writer: Writer = fixture::busy(&path, seed, page_size);
        if checkpointed {
            writer.checkpoint();
            writer.append(1, 10);
            writer.append(2, 10);
        }
        let files = Files::read(&path);
        let wal = wal::look(&path).unwrap();
        assert_eq!(wal.damage(true), None);
        assert!(wal.good < wal.frames.len(), "frames from before the checkpoint stand behind");
        let map = fixture::map(&writer.connection);
        let whole = content(&writer.connection).unwrap();
        let floors = fixture::LOGS.iter().map(|(log, _)| (*log, writer.floor(*log))).collect();
        World {
            directory,
            files,
            page_size: page_size as usize,
            wal,
            map,
            whole,
            floors,
            segments: writer.firsts,
        }
    }

    /// The page whose newest version is hit, if one is.
    fn page_hit(&self, flip: Flip) -> Option<u32> {
        let frames = &self.wal.frames[..self.wal.committed];
        if flip.in_wal {
            let frame = flip.at.checked_sub(wal::HEADER)? / (self.page_size + wal::FRAME);
            let page = frames.get(frame)?.page;
            return frames[frame + 1..].iter().all(|later| later.page != page).then_some(page);
        }
        let page = (flip.at / self.page_size) as u32 + 1;
        frames.iter().all(|frame| frame.page != page).then_some(page)
    }

    /// Whether what came out is what must. The checker knows nothing of how it was recovered.
    fn check(&self, flip: Flip, out: &Content, report: Option<&Report>) -> Result<(), String> {
        let hit = self.page_hit(flip);
        let lost: BTreeSet<(u32, u64)> =
            hit.and_then(|page| self.map.records.get(&page)).into_iter().flatten().copied().collect();
        let table = hit.map(|page| self.map.tables.get(&page).map_or("free", |name| name.as_str()));
        let in_segment = table.is_some_and(|name| name.starts_with("segment_"));
        let tables_are_whole = hit.is_none() || in_segment;
        for (log, whole) in &self.whole.records {
            let empty = BTreeSet::new();
            let got = out.records.get(log).unwrap_or(&empty);
            if let Some(gone) = whole.iter().find(|n| !got.contains(n) && !lost.contains(&(*log, **n))) {
                return Err(format!(
                    "record {gone} of log {log} is gone, and it is not on the page that was hit"
                ));
            }
            if !tables_are_whole {
                continue;
            }
            if let Some(back) = got.iter().find(|n| !whole.contains(n)) {
                return Err(format!("record {back} of log {log} was dropped, and is back"));
            }
            let Some(report) = report else { continue };
            let its = &report.logs[log];
            let mut missing = Vec::new();
            let last = *whole.last().unwrap();
            for n in (self.floors[log]..=last).filter(|n| !got.contains(n)) {
                match missing.last_mut() {
                    Some((_, last)) if *last + 1 == n => *last = n,
                    _ => missing.push((n, n)),
                }
            }
            // The end of the newest segment is known by its last block alone.
            let known_to = got.last().copied().unwrap_or(0).max(its.next - 1);
            missing.retain(|(first, _)| *first <= known_to);
            if known_to < last && !lost.contains(&(*log, last)) {
                return Err(format!("log {log} goes to {last}, and salvage says {known_to}"));
            }
            if its.first_gaps != missing || out.gaps.get(&its.name).cloned().unwrap_or_default() != missing {
                return Err(format!("log {log} lacks {missing:?}, and salvage says {:?}", its.first_gaps));
            }
            if its.records != got.len() as u64 {
                return Err(format!(
                    "{} records of log {log} are reported, {} are there",
                    its.records,
                    got.len()
                ));
            }
        }
        if let Some(strange) = out.records.keys().find(|log| !self.whole.records.contains_key(log)) {
            return Err(format!("log {strange} was invented"));
        }
        if tables_are_whole && out.rows != self.whole.rows {
            return Err(format!("tables: {:?}, and were {:?}", out.rows, self.whole.rows));
        }
        Ok(())
    }

    /// What is called whole has all its newest segments, as SQLite reads them.
    fn check_newest(&self, flip: Flip, path: &Path) {
        let Some(page) = self.page_hit(flip) else { return };
        let newest = |(id, _): &(i64, u64)| self.map.tables.get(&page) == Some(&segment_table(*id));
        if !self.segments.values().filter_map(|its| its.last()).any(newest) {
            return;
        }
        let out = open_plainly(path).map_err(|error| error.to_string()).and_then(|plain| content(&plain));
        let all = out.map(|out| out.records == self.whole.records);
        assert_eq!(
            all,
            Ok(true),
            "{flip:?}: page {page} of a newest segment is damaged, and it is called whole"
        );
    }

    fn flip(&self, random: &mut Random) -> (Flip, Files) {
        let mut files = self.files.clone();
        // Frames from before the checkpoint are hit too, but not for the most part.
        let in_wal = random.below(2) == 0;
        let bytes = if in_wal { &mut files.wal } else { &mut files.main };
        let at = random.below(bytes.len() as u64) as usize;
        bytes[at] ^= 1 + random.below(255) as u8;
        (Flip { in_wal, at }, files)
    }

    fn salvage(&self, files: &Files, path: &Path) -> (Option<String>, Report, Content) {
        files.write(path);
        let why = damaged(path, true).unwrap();
        let mut into = fresh(None);
        let report = rebuild(path, &mut into).unwrap();
        assert!(files.are_at(path), "the damaged files are as they were");
        let left = std::fs::read_dir(path.parent().unwrap()).unwrap().count();
        assert_eq!(left, 2, "and nothing is left beside them");
        let out = content(&into).unwrap();
        (why, report, out)
    }
}

#[derive(Default, Debug)]
struct Tally {
    trials: usize,
    called_damaged: usize,
    in_wal: usize,
    behind_a_bad_frame: usize,
    with_gaps: usize,
    tables_cut: usize,
}

fn trials(seed: u64, count: usize, page_size: u32, checkpointed: bool) -> Tally {
    let world = World::new(seed, page_size, checkpointed);
    let mut random = Random(seed << 32);
    let mut tally = Tally::default();
    let directory = world.directory.path().join("trial");
    std::fs::create_dir(&directory).unwrap();
    let path = directory.join("data.db");
    for _ in 0..count {
        let (flip, files) = world.flip(&mut random);
        let (why, report, out) = world.salvage(&files, &path);
        if let Err(wrong) = world.check(flip, &out, Some(&report)) {
            panic!(
                "seed {seed}, {flip:?}, page {:?} of {:?}: {wrong}\n{report}",
                world.page_hit(flip),
                world.page_hit(flip).and_then(|page| world.map.tables.get(&page))
            );
        }
        tally.trials += 1;
        tally.in_wal += usize::from(flip.in_wal);
        tally.called_damaged += usize::from(why.is_some());
        tally.with_gaps += usize::from(report.missing() > 0);
        tally.tables_cut += usize::from(!report.unreadable.is_empty());
        let bad = wal::look(&path).unwrap();
        tally.behind_a_bad_frame += usize::from(bad.commits_behind > 0);
        if why.is_none() {
            assert_eq!(
                bad.committed, world.wal.committed,
                "seed {seed}, {flip:?}: SQLite would forget commits"
            );
            world.check_newest(flip, &path);
        }
    }
    tally
}

/// `DAMAGE_TRIALS` says how many in all.
#[test]
fn one_byte_overwritten_costs_the_page_that_it_is_in_and_no_more() {
    let count: usize = std::env::var("DAMAGE_TRIALS").map_or(1_000, |count| count.parse().unwrap());
    let began = std::time::Instant::now();
    let workers: Vec<_> = [(1, 4096, false), (2, 4096, true), (3, 1024, false), (4, 4096, true)]
        .map(|(seed, page_size, checkpointed)| {
            std::thread::spawn(move || trials(seed, count.div_ceil(4), page_size, checkpointed))
        })
        .into_iter()
        .collect();
    for worker in workers {
        println!("{:?}", worker.join().unwrap());
    }
    println!("{:?}", began.elapsed());
}

/// What SQLite itself makes of it is not enough, and the checker sees that.
#[test]
fn the_checker_sees_what_plain_recovery_loses() {
    let world = World::new(5, 4096, false);
    let path = world.directory.path().join("plain.db");
    let at = wal::HEADER + 2 * (4096 + wal::FRAME) + 500;
    let mut files = world.files.clone();
    files.wal[at] ^= 1;
    files.write(&path);
    let plain = content(&open_plainly(&path).unwrap()).unwrap();
    let flip = Flip { in_wal: true, at };
    let wrong = world.check(flip, &plain, None).unwrap_err();
    assert!(wrong.contains("is gone"), "{wrong}");
}

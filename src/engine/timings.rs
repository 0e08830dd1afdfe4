//! How long a node takes for a message: a sample of its calls, each as the number of a box; boxes grow by a quarter of an
//! octave. The lane puts in, and whoever looks takes out.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::time::Duration;

/// Four an octave, from below a microsecond to more than a minute.
const BOXES: usize = 4 * 28;
/// The first box ends here.
const LEAST_NS: f64 = 250.0;
/// The newest samples between two looks. With the two numbers beside them they fill one line of the cache.
const KEPT: usize = 56;
/// Between two looks so many calls are timed, and less than twice as many; all of them, where there are fewer.
const AIM: u64 = 8;
const RAREST: u32 = 16;

/// Nothing is taken up before the first call is timed.
#[derive(Debug, Default)]
pub struct Timings(OnceLock<Box<Sample>>);

#[derive(Debug)]
#[repr(align(64))]
struct Sample {
    /// One call of `1 << rare` is timed.
    rare: AtomicU32,
    /// Since the last look.
    count: AtomicU32,
    boxes: [AtomicU8; KEPT],
}

/// What a node took for a message, in tenths of a microsecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    pub p50: u64,
    pub p95: u64,
    pub samples: u32,
}

impl Timings {
    /// Whether this call is one to be timed. `calls`: how many there were.
    pub fn wants(&self, calls: u64) -> bool {
        self.0.get().is_none_or(|sample| calls.is_multiple_of(1 << sample.rare.load(Ordering::Relaxed)))
    }

    pub fn add(&self, took: Duration) {
        let sample = self.0.get_or_init(|| {
            Box::new(Sample {
                rare: AtomicU32::new(0),
                count: AtomicU32::new(0),
                boxes: std::array::from_fn(|_| AtomicU8::new(0)),
            })
        });
        // Put in before it is counted. Whoever looks at this very moment may take an old one in its place: it is a sample.
        let place = sample.count.load(Ordering::Relaxed) as usize % KEPT;
        sample.boxes[place].store(box_of(took), Ordering::Relaxed);
        let count = sample.count.fetch_add(1, Ordering::Relaxed) + 1;
        // More than was expected at the last look: more and more are left out until the next.
        if count.is_multiple_of(KEPT as u32) {
            let rare = sample.rare.load(Ordering::Relaxed);
            sample.rare.store((rare + 1).min(RAREST), Ordering::Relaxed);
        }
    }

    /// What was put in since the last look.
    pub fn take(&self) -> Option<Timing> {
        let sample = self.0.get()?;
        let count = sample.count.swap(0, Ordering::Relaxed);
        let rare = sample.rare.load(Ordering::Relaxed);
        // Where none was timed, there may have been half as many as it takes for one.
        let calls = (u64::from(count) * 2).max(1) << rare >> 1;
        sample.rare.store((calls / AIM).max(1).ilog2().min(RAREST), Ordering::Relaxed);
        let mut boxes: [u8; KEPT] = std::array::from_fn(|n| sample.boxes[n].load(Ordering::Relaxed));
        let kept = &mut boxes[..KEPT.min(count as usize)];
        kept.sort_unstable();
        let at = |percent: usize| kept.get((kept.len() * percent).div_ceil(100).checked_sub(1)?).copied();
        Some(Timing { p50: middle(at(50)?), p95: middle(at(95)?), samples: kept.len() as u32 })
    }
}

fn box_of(took: Duration) -> u8 {
    let octaves = (took.as_nanos() as f64 / LEAST_NS).max(1.0).log2();
    // There are fewer than 256.
    ((octaves * 4.0).ceil() as usize).min(BOXES - 1) as u8
}

/// The middle of a box in tenths of a microsecond.
fn middle(number: u8) -> u64 {
    (LEAST_NS / 100.0 * ((f64::from(number) - 0.5) / 4.0).exp2()).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_and_the_slow_end_are_told_within_a_tenth() {
        let timings = Timings::default();
        assert_eq!(timings.take(), None);
        for n in 1..=40 {
            timings.add(Duration::from_micros(n * 10));
        }
        let timing = timings.take().unwrap();
        assert_eq!(timing.samples, 40);
        assert!((timing.p50 as f64 / 2_000.0 - 1.0).abs() < 0.1, "{timing:?}");
        assert!((timing.p95 as f64 / 3_800.0 - 1.0).abs() < 0.1, "{timing:?}");
        assert_eq!(timings.take(), None, "each is told once");
        for (extreme, least, most) in [(0, 1, 3), (3_600, 300_000_000, u64::MAX)] {
            timings.add(Duration::from_secs(extreme));
            let timing = timings.take().unwrap();
            assert!((least..=most).contains(&timing.p50), "{timing:?}");
            assert_eq!((timing.p95, timing.samples), (timing.p50, 1));
        }
    }

    /// How many of so many calls are timed.
    fn timed(timings: &Timings, calls: u64) -> usize {
        let wanted = (1..=calls).filter(|call| timings.wants(*call));
        wanted.inspect(|_| timings.add(Duration::from_micros(1))).count()
    }

    #[test]
    fn a_few_calls_are_all_timed_and_of_many_a_few() {
        let timings = Timings::default();
        assert_eq!(timed(&timings, 15), 15);
        timings.take();
        // Suddenly many: it gives way before anybody looks.
        assert!(timed(&timings, 100_000) < 12 * KEPT);
        assert_eq!(timings.take().unwrap().samples, KEPT as u32);
        // And after a look it knows how many there are.
        timed(&timings, 100_000);
        timings.take();
        let steady = timed(&timings, 100_000) as u64;
        assert!((AIM..2 * AIM).contains(&steady), "{steady}");
        timings.take();
        // When it has become quiet, all are timed again after some looks.
        for _ in 0..20 {
            timed(&timings, 3);
            timings.take();
        }
        assert_eq!(timed(&timings, 3), 3);
    }
}

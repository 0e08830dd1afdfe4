//! How long a node takes for a message: a sample of its calls, in boxes that grow by a quarter of an octave. The lane puts
//! in, and whoever looks takes out.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde::Serialize;
use tidegate_nodes::value::Str;

/// Four an octave, from below a microsecond to more than a minute.
const BOXES: usize = 4 * 28;
/// The first box ends here.
const LEAST_NS: f64 = 250.0;
/// Between two looks so many calls are timed at least, and then one of `EVERY`.
const FIRST: u32 = 16;
const EVERY: u64 = 16;

/// Nothing is taken up before the first call is timed.
#[derive(Debug, Default)]
pub struct Timings(OnceLock<Box<Sample>>);

#[derive(Debug)]
struct Sample {
    boxes: [AtomicU32; BOXES],
    count: AtomicU32,
}

/// What a node took for a message.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Timing {
    pub node: Str,
    pub p50_us: f64,
    pub p95_us: f64,
    pub samples: u32,
}

impl Timings {
    /// Whether this call is one to be timed. `calls`: how many there were.
    pub fn wants(&self, calls: u64) -> bool {
        calls.is_multiple_of(EVERY)
            || self.0.get().is_none_or(|sample| sample.count.load(Ordering::Relaxed) < FIRST)
    }

    pub fn add(&self, took: Duration) {
        let sample = self.0.get_or_init(|| {
            Box::new(Sample { boxes: std::array::from_fn(|_| AtomicU32::new(0)), count: AtomicU32::new(0) })
        });
        sample.boxes[place(took)].fetch_add(1, Ordering::Relaxed);
        sample.count.fetch_add(1, Ordering::Relaxed);
    }

    /// What was put in since the last look.
    pub fn take(&self, node: &Str) -> Option<Timing> {
        let sample = self.0.get().filter(|sample| sample.count.load(Ordering::Relaxed) > 0)?;
        sample.count.store(0, Ordering::Relaxed);
        let boxes: Vec<u32> = sample.boxes.iter().map(|count| count.swap(0, Ordering::Relaxed)).collect();
        let samples: u32 = boxes.iter().sum();
        let at = |share: f64| {
            let wanted = (f64::from(samples) * share).ceil().max(1.0);
            let mut seen = 0.0;
            let found = boxes.iter().position(|count| {
                seen += f64::from(*count);
                seen >= wanted
            });
            middle_us(found.unwrap_or_default())
        };
        (samples > 0).then(|| Timing { node: node.clone(), p50_us: at(0.5), p95_us: at(0.95), samples })
    }
}

fn place(took: Duration) -> usize {
    let octaves = (took.as_nanos() as f64 / LEAST_NS).max(1.0).log2();
    ((octaves * 4.0).ceil() as usize).min(BOXES - 1)
}

/// The middle of a box in microseconds, to a tenth.
fn middle_us(place: usize) -> f64 {
    let us = LEAST_NS / 1e3 * ((place as f64 - 0.5) / 4.0).exp2();
    (us * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_and_the_slow_end_are_told_within_a_tenth() {
        let timings = Timings::default();
        let node = Str::new("a");
        assert_eq!(timings.take(&node), None);
        for n in 1..=100 {
            timings.add(Duration::from_micros(n * 10));
        }
        let timing = timings.take(&node).unwrap();
        assert_eq!(timing.samples, 100);
        assert!((timing.p50_us / 500.0 - 1.0).abs() < 0.1, "{timing:?}");
        assert!((timing.p95_us / 950.0 - 1.0).abs() < 0.1, "{timing:?}");
        assert_eq!(timings.take(&node), None, "each is told once");
        for extreme in [Duration::ZERO, Duration::from_secs(3_600)] {
            timings.add(extreme);
            assert!(timings.take(&node).unwrap().p50_us.is_finite());
        }
    }

    #[test]
    fn a_few_calls_are_all_timed_and_of_many_one_of_sixteen() {
        let timings = Timings::default();
        let mut timed = 0;
        for calls in 1..=1_616 {
            if timings.wants(calls) {
                timings.add(Duration::from_micros(1));
                timed += 1;
            }
        }
        assert!((110..=116).contains(&timed), "{timed}");
    }
}

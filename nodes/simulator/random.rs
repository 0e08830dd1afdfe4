//! Numbers by chance that are the same on every run and every machine: no library function of the platform is in them.

use serde::{Deserialize, Serialize};

use crate::testing::splitmix;

/// A station's own generator. Kept as a signed number, which is what a message value can hold without loss.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Random(i64);

impl Random {
    /// The generator of one of many: another station more or less does not change it.
    pub fn of(seed: u64, station: usize) -> Random {
        let mut state = seed ^ (station as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        splitmix(&mut state);
        Random(state as i64)
    }

    /// From 0 to 1.
    pub fn unit(&mut self) -> f64 {
        let mut state = self.0 as u64;
        let bits = splitmix(&mut state);
        self.0 = state as i64;
        (bits >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Around 0, with a standard deviation of 1: four dice are bell-shaped enough for a sensor.
    pub fn noise(&mut self) -> f64 {
        let sum: f64 = (0..4).map(|_| self.unit()).sum();
        (sum - 2.0) * 3f64.sqrt()
    }

    /// Whether something with this many chances an hour happens in a time.
    pub fn happens(&mut self, per_hour: f64, seconds: f64) -> bool {
        self.unit() < per_hour * seconds / 3600.0
    }
}

/// A value that wanders and is drawn back to 0: weather, a mains voltage, a radio path.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Drift(f64);

impl Drift {
    pub fn step(&mut self, deviation: f64, seconds_to_forget: f64, seconds: f64, random: &mut Random) -> f64 {
        let share = (seconds / seconds_to_forget).min(1.0);
        self.0 += -self.0 * share + deviation * (2.0 * share).sqrt() * random.noise();
        self.0 = self.0.clamp(-4.0 * deviation, 4.0 * deviation);
        self.0
    }
}

/// Moves a value towards a goal, as a room warms or a battery charges.
pub fn approach(value: &mut f64, goal: f64, seconds_to_get_there: f64, seconds: f64) {
    *value += (goal - *value) * (seconds / seconds_to_get_there).min(1.0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stations_differ_and_repeat() {
        let numbers = |station| {
            let mut random = Random::of(7, station);
            (0..3).map(|_| random.unit()).collect::<Vec<_>>()
        };
        assert_eq!(numbers(1), numbers(1));
        assert_ne!(numbers(1), numbers(2));
        assert!(numbers(1).iter().all(|n| (0.0..1.0).contains(n)));
    }

    #[test]
    fn noise_is_centred_and_drift_stays_near() {
        let mut random = Random::of(1, 0);
        let mean = (0..10_000).map(|_| random.noise()).sum::<f64>() / 10_000.0;
        assert!(mean.abs() < 0.05, "{mean}");
        let mut drift = Drift::default();
        let far = (0..10_000).map(|_| drift.step(2.0, 600.0, 5.0, &mut random).abs()).fold(0.0, f64::max);
        assert!((2.0..=8.0).contains(&far), "{far}");
    }
}

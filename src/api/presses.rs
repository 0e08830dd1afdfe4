//! What people do on the dashboard: so much at once and no more, and all of it in the audit, the first press of a button at
//! once and what follows it as a sum a minute. A child at a screen must not wear the card, nor push out all other entries.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::config::Config;

/// So many presses can follow each other at once, and so many a second after that. A slider that is held sends four.
const AT_ONCE: f64 = 20.0;
const A_SECOND: f64 = 10.0;
const SUMMED_FOR: Duration = Duration::from_secs(60);
/// Values that are listed in a sum; beyond them only how many there were.
const LISTED: usize = 10;
const LONGEST_VALUE: usize = 40;
/// So many clients and sums are in memory.
const MOST: usize = 1_000;

pub struct Presses {
    config: Arc<Config>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    clients: HashMap<String, Budget>,
    sums: HashMap<Pressed, Sum>,
}

struct Budget {
    left: f64,
    at: Instant,
}

/// Who has pressed what.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pressed {
    pub who: String,
    pub origin: String,
    pub widget: String,
}

struct Sum {
    since: Instant,
    count: u64,
    values: Vec<String>,
}

impl Presses {
    pub fn new(config: Arc<Config>) -> Presses {
        Presses { config, state: Mutex::default() }
    }

    /// Takes one press of a client, or says how many seconds it has to wait.
    pub fn admit(&self, client: &str, now: Instant) -> Result<(), u64> {
        let mut state = self.lock();
        if state.clients.len() >= MOST && !state.clients.contains_key(client) {
            state.clients.retain(|_, budget| budget.at(now) < AT_ONCE);
            // All of them are busy; the one that has waited for longest begins anew.
            if state.clients.len() >= MOST
                && let Some(oldest) = state.clients.iter().min_by_key(|(_, budget)| budget.at)
            {
                let oldest = oldest.0.clone();
                state.clients.remove(&oldest);
            }
        }
        let budget = state.clients.entry(client.to_string()).or_insert(Budget { left: AT_ONCE, at: now });
        let left = budget.at(now);
        if left < 1.0 {
            return Err(((1.0 - left) / A_SECOND).ceil().max(1.0) as u64);
        }
        *budget = Budget { left: left - 1.0, at: now };
        Ok(())
    }

    /// Writes a press down, now or with others. It may block on the disk.
    pub fn note(&self, pressed: Pressed, value: &str, now: Instant) {
        let mut lines = self.due(now);
        {
            let mut state = self.lock();
            match state.sums.get_mut(&pressed) {
                Some(sum) => sum.add(value),
                None => {
                    if state.sums.len() >= MOST
                        && let Some(oldest) = state.sums.iter().min_by_key(|(_, sum)| sum.since)
                    {
                        let oldest = oldest.0.clone();
                        let sum = state.sums.remove(&oldest);
                        lines.extend(sum.and_then(|sum| sum.told()).map(|detail| (oldest, detail)));
                    }
                    state.sums.insert(pressed.clone(), Sum { since: now, count: 0, values: Vec::new() });
                    lines.push((pressed, value.to_string()));
                }
            }
        }
        self.write(lines);
    }

    /// Writes the sums whose minute is over. To be called every minute or so.
    pub fn tend(&self, now: Instant) {
        let lines = self.due(now);
        self.write(lines);
    }

    /// Writes all there is: the gateway stops.
    pub fn flush(&self) {
        let sums = std::mem::take(&mut self.lock().sums);
        let lines = sums.into_iter().filter_map(|(pressed, sum)| Some((pressed, sum.told()?)));
        self.write(lines.collect());
    }

    fn due(&self, now: Instant) -> Vec<(Pressed, String)> {
        let is_due = |sum: &Sum| now.saturating_duration_since(sum.since) >= SUMMED_FOR;
        let due = self.lock().sums.extract_if(|_, sum| is_due(sum)).collect::<Vec<_>>();
        due.into_iter().filter_map(|(pressed, sum)| Some((pressed, sum.told()?))).collect()
    }

    fn write(&self, lines: Vec<(Pressed, String)>) {
        for (Pressed { who, origin, widget }, detail) in lines {
            if let Err(error) = self.config.note(&who, &origin, "operate", &widget, &detail) {
                tracing::warn!(
                    "what {who} did with {widget} ({detail}) cannot be written to the audit: {error}"
                );
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Presses {
    fn drop(&mut self) {
        self.flush();
    }
}

impl Budget {
    fn at(&self, now: Instant) -> f64 {
        (self.left + now.saturating_duration_since(self.at).as_secs_f64() * A_SECOND).min(AT_ONCE)
    }
}

impl Sum {
    fn add(&mut self, value: &str) {
        self.count += 1;
        if self.values.len() < LISTED && !value.is_empty() {
            self.values.push(value.chars().take(LONGEST_VALUE).collect());
        }
    }

    /// Nothing where nothing has followed the first press, which is told already.
    fn told(self) -> Option<String> {
        let times =
            if self.count == 1 { "once more".to_string() } else { format!("{} times more", self.count) };
        let beyond = self.count > self.values.len() as u64 && !self.values.is_empty();
        let values =
            if self.values.is_empty() { String::new() } else { format!(": {}", self.values.join(", ")) };
        (self.count > 0)
            .then(|| format!("{times} within a minute{values}{}", if beyond { ", ..." } else { "" }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presses() -> (tempfile::TempDir, Arc<Config>, Presses) {
        let dir = tempfile::tempdir().unwrap();
        let config = Arc::new(Config::open(dir.path()).unwrap());
        (dir, config.clone(), Presses::new(config))
    }

    fn by(who: &str, widget: &str) -> Pressed {
        Pressed { who: who.to_string(), origin: "192.0.2.1".to_string(), widget: widget.to_string() }
    }

    fn audit(config: &Config) -> Vec<String> {
        let entries = config.audit(i64::MAX, 10_000).unwrap().into_iter().rev();
        entries.map(|entry| format!("{} {} {}", entry.who, entry.about, entry.detail)).collect()
    }

    #[test]
    fn the_first_press_is_told_at_once_and_the_others_as_a_sum() {
        let (_dir, config, presses) = presses();
        let now = Instant::now();
        presses.note(by("dan", "b"), "", now);
        assert_eq!(audit(&config), ["dan b "]);
        (0..500).for_each(|_| presses.note(by("dan", "b"), "", now + Duration::from_secs(1)));
        presses.note(by("dan", "s"), "40", now);
        (0..12).for_each(|n| presses.note(by("dan", "s"), &n.to_string(), now));
        presses.note(by("eve", "b"), "", now);
        assert_eq!(audit(&config), ["dan b ", "dan s 40", "eve b "]);
        presses.tend(now + Duration::from_secs(59));
        assert_eq!(audit(&config).len(), 3);
        presses.tend(now + Duration::from_secs(60));
        let mut sums = audit(&config).split_off(3);
        sums.sort();
        assert_eq!(
            sums,
            [
                "dan b 500 times more within a minute",
                "dan s 12 times more within a minute: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ..."
            ]
        );
        // Then it begins anew.
        presses.note(by("dan", "b"), "", now + Duration::from_secs(61));
        assert_eq!(audit(&config).len(), 6);
        presses.note(by("dan", "b"), "", now + Duration::from_secs(62));
        drop(presses);
        assert_eq!(
            audit(&config).last().unwrap(),
            "dan b once more within a minute",
            "what stops forgets nothing"
        );
    }

    #[test]
    fn what_is_in_memory_is_bounded_and_nothing_is_lost_by_it() {
        let (_dir, config, presses) = presses();
        let now = Instant::now();
        for n in 0..MOST + 5 {
            let pressed = by("dan", &format!("w{n}"));
            (0..2).for_each(|_| presses.note(pressed.clone(), "", now + Duration::from_millis(n as u64)));
            presses.admit(&n.to_string(), now).unwrap();
        }
        let state = presses.lock();
        assert_eq!((state.sums.len(), state.clients.len() <= MOST), (MOST, true));
        drop(state);
        presses.flush();
        assert_eq!(audit(&config).len(), 2 * (MOST + 5));
    }

    #[test]
    fn a_client_presses_so_often_and_no_more() {
        let (_dir, _config, presses) = presses();
        let now = Instant::now();
        let taken =
            |client: &str, at: Instant| (0..100).filter(|_| presses.admit(client, at).is_ok()).count();
        assert_eq!(taken("a", now), AT_ONCE as usize);
        assert_eq!(presses.admit("a", now), Err(1));
        assert_eq!(taken("b", now), AT_ONCE as usize, "another one is not held up");
        assert_eq!(taken("a", now + Duration::from_secs(1)), A_SECOND as usize);
        assert_eq!(taken("a", now + Duration::from_secs(60)), AT_ONCE as usize);
    }
}

//! What was looked up a moment ago: once for all who watch.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

pub struct Recent<T> {
    lasts: Duration,
    known: Mutex<Option<(Instant, u64, Arc<T>)>>,
}

impl<T> Recent<T> {
    pub fn lasting(lasts: Duration) -> Recent<T> {
        Recent { lasts, known: Mutex::new(None) }
    }

    /// What is known, and the number of the look. `look` may find that it cannot be known just now: what was known before
    /// is given then.
    pub fn get(&self, look: impl FnOnce() -> Option<T>) -> Option<(u64, Arc<T>)> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.as_ref().is_none_or(|(at, ..)| at.elapsed() >= self.lasts)
            && let Some(found) = look()
        {
            let number = known.as_ref().map_or(1, |(_, number, _)| number + 1);
            *known = Some((Instant::now(), number, Arc::new(found)));
        }
        known.as_ref().map(|(_, number, found)| (*number, found.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_looked_up_once_in_a_while() {
        let recent = Recent::lasting(Duration::from_secs(3_600));
        assert_eq!(recent.get(|| None::<u8>), None);
        assert_eq!(recent.get(|| Some(1)), Some((1, Arc::new(1))));
        assert_eq!(recent.get(|| Some(2)), Some((1, Arc::new(1))));
        let recent = Recent::lasting(Duration::ZERO);
        assert_eq!(recent.get(|| Some(1)), Some((1, Arc::new(1))));
        assert_eq!(recent.get(|| None), Some((1, Arc::new(1))));
        assert_eq!(recent.get(|| Some(2)), Some((2, Arc::new(2))));
    }
}

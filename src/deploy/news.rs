//! What is told to whoever follows: something about the current revision has changed.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::Deployer;
use crate::config::Standing;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct News {
    pub number: i64,
    pub rev: String,
    pub standing: Option<Standing>,
    pub reason: String,
    pub name: String,
    /// While it is watched.
    pub probation: Option<OnProbation>,
}

/// How far a probation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnProbation {
    /// By the clock that nobody sets.
    pub end: Instant,
    /// Somebody has to confirm it before its end.
    pub needs_word: bool,
    /// Somebody has.
    pub has_word: bool,
}

impl OnProbation {
    pub fn left(&self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }
}

impl Deployer {
    pub fn news(&self) -> watch::Receiver<News> {
        self.news.subscribe()
    }

    pub(super) fn tell(&self) {
        // Looked up where nobody else tells: so the last that is told is how it is.
        self.news.send_modify(|news| {
            let current = self.current();
            let revision = &current.revision;
            let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
            let probation = watched.as_ref().filter(|watched| watched.number == revision.number);
            *news = News {
                number: revision.number,
                rev: revision.rev.clone(),
                standing: Some(revision.standing),
                reason: revision.reason.clone(),
                name: revision.name.clone(),
                probation: probation.map(|watched| watched.progress),
            };
        });
    }
}

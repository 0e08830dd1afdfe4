//! How the nodes fare: what a deploy on probation is judged by. It listens to what the engine tells, and hands it on.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tidegate_nodes::error::NodeError;
use tidegate_nodes::host::Status;
use tidegate_nodes::value::Str;

use crate::engine::{Event, NodeRef, Observer};

pub struct Vitals {
    next: Arc<dyn Observer>,
    nodes: Mutex<HashMap<Str, Vital>>,
    since: Instant,
}

/// What one node has shown since it was started.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Vital {
    /// As a person knows it.
    pub node: String,
    /// It is away from its other side, and why: a red badge.
    pub away: Option<String>,
    /// Since when; it is away too while it tries again.
    pub away_since: Option<Instant>,
    /// It has been stopped for good, and why.
    pub stopped: Option<String>,
    stopped_at: Option<Instant>,
    /// Errors that no Catch took.
    pub errors: u64,
    pub last_error: String,
    /// Its badge.
    pub badge: Status,
}

impl Vital {
    fn stop(&mut self, why: String) {
        (self.stopped, self.stopped_at) = (Some(why), Some(Instant::now()));
    }
}

impl Vitals {
    pub fn new(next: Arc<dyn Observer>) -> Vitals {
        Vitals { next, nodes: Mutex::default(), since: Instant::now() }
    }

    pub fn watched_for(&self) -> Duration {
        self.since.elapsed()
    }

    pub fn all(&self) -> HashMap<Str, Vital> {
        self.lock().clone()
    }

    /// The badges of nodes that have one.
    pub fn statuses(&self) -> HashMap<Str, Status> {
        let nodes = self.lock();
        let badges = nodes.iter().filter(|(_, vital)| vital.badge != Status::default());
        badges.map(|(node, vital)| (node.clone(), vital.badge.clone())).collect()
    }

    /// Forgets nodes that are gone, and that nodes which have begun anew since then had been stopped before. Whether those are
    /// away they have perhaps said again already, and one that could not even start has stopped again.
    pub fn restarted(&self, since: Instant, stopped: &[Str], started: &[Str]) {
        let mut known = self.lock();
        for node in started {
            let Some(vital) = known.get_mut(node) else { continue };
            if vital.stopped_at.is_some_and(|at| at < since) {
                (vital.stopped, vital.stopped_at) = (None, None);
            }
            // It may have another side now.
            vital.away_since = vital.away_since.filter(|at| *at >= since);
        }
        let started: HashSet<&Str> = started.iter().collect();
        stopped.iter().filter(|node| !started.contains(node)).for_each(|node| drop(known.remove(node)));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Str, Vital>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, node: &NodeRef, change: impl FnOnce(&mut Vital)) {
        let mut nodes = self.lock();
        let vital = nodes
            .entry(node.id.clone())
            .or_insert_with(|| Vital { node: node.to_string(), ..Vital::default() });
        change(vital);
    }
}

impl Observer for Vitals {
    fn event(&self, at: Duration, node: &NodeRef, event: Event) {
        match &event {
            Event::Status(status) => {
                let is_red = status.fill.as_ref().is_some_and(|fill| fill == "red");
                let text = || status.text.as_ref().map(|text| text.to_text().to_string()).unwrap_or_default();
                let why = || status.other.get("reason").map(|why| why.to_text().to_string());
                let away = is_red.then(|| why().unwrap_or_else(text));
                let is_trying = status.fill.as_ref().is_some_and(|fill| fill == "yellow");
                self.change(node, |vital| {
                    match (&away, vital.away_since) {
                        (Some(_), None) => vital.away_since = Some(Instant::now()),
                        (None, Some(_)) if !is_trying => vital.away_since = None,
                        _ => {}
                    }
                    vital.away = away;
                    vital.badge = status.clone();
                });
            }
            Event::Error { error, caught: false } => self.change(node, |vital| {
                vital.errors += 1;
                vital.last_error = error.to_string();
                if matches!(error, NodeError::Fatal(_) | NodeError::Config { .. }) {
                    vital.stop(error.to_string());
                }
            }),
            Event::Panicked { text, again_in: None } => {
                let text = format!("it panicked again and again: {text}");
                self.change(node, |vital| vital.stop(text));
            }
            _ => {}
        }
        self.next.event(at, node, event);
    }
}

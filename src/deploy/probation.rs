//! Probation: for a while a new revision is watched. When it does not get healthy, the last good one runs again, by itself
//! and with the reason: nobody drives to a roof because of a typing mistake.

use std::collections::HashSet;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use tidegate_nodes::descriptor::Role;
use tidegate_nodes::value::Str;

use super::{Current, Deployer, OnProbation, Tools};
use crate::config::Standing;
use crate::engine::Deployed;
use crate::flow::{self, Deployment, Plan, PlanKind};

/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(250);
/// So many errors that no Catch takes are no reason to go back.
const ERRORS: u64 = 10;
/// More than so many times the errors of before are one.
const MORE_ERRORS: f64 = 3.0;

/// How long a revision is watched, and what else it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probation {
    pub time: Duration,
    /// Whoever deployed it must say within that time that the gateway can still be reached ([`Deployer::confirm`]).
    pub needs_word: bool,
}

impl Probation {
    pub const OFF: Probation = Probation { time: Duration::ZERO, needs_word: false };

    pub fn of_seconds(seconds: u32) -> Probation {
        Probation { time: Duration::from_secs(seconds.into()), needs_word: false }
    }

    pub fn is_off(self) -> bool {
        self.time.is_zero()
    }
}

/// Says whether a plan fares well, against how things were before it.
pub struct Judge {
    /// The nodes of the plan that have another side, which they can be away from.
    connectors: HashSet<Str>,
    nodes: HashSet<Str>,
    away_before: HashSet<Str>,
    stopped_before: HashSet<Str>,
    full_before: HashSet<String>,
    errors_before: u64,
    /// Errors a second.
    rate_before: f64,
    refused: Option<String>,
    since: Instant,
}

impl Judge {
    /// Looks at how things are before a plan is run.
    pub fn before(tools: &Tools, plan: &Plan) -> Judge {
        let vitals = tools.vitals.all();
        let connects = |kind: PlanKind| match kind {
            PlanKind::Node(node) => node.descriptor.role == Role::Connector,
            PlanKind::Instance | PlanKind::Status => false,
        };
        let ids = |which: &dyn Fn(PlanKind) -> bool| -> HashSet<Str> {
            plan.all().filter(|node| which(node.kind)).map(|node| node.config.id.clone()).collect()
        };
        let known = |has: &dyn Fn(&super::Vital) -> bool| -> HashSet<Str> {
            vitals.iter().filter(|(_, vital)| has(vital)).map(|(id, _)| id.clone()).collect()
        };
        let errors_before = vitals.values().map(|vital| vital.errors).sum();
        Judge {
            connectors: ids(&connects),
            nodes: ids(&|_| true),
            away_before: known(&|vital| vital.away.is_some()),
            stopped_before: known(&|vital| vital.stopped.is_some()),
            full_before: full(tools).into_iter().collect(),
            errors_before,
            rate_before: errors_before as f64 / tools.vitals.watched_for().as_secs_f64().max(1.0),
            refused: None,
            since: Instant::now(),
        }
    }

    /// It runs now.
    pub fn after(mut self, deployed: &Deployed) -> Judge {
        self.refused = deployed
            .refused
            .first()
            .map(|refused| format!("{} does not run: {}", refused.node, refused.error));
        self.since = Instant::now();
        self
    }

    /// What can only get worse by waiting.
    fn has_failed(&self, tools: &Tools) -> Option<String> {
        let vitals = tools.vitals.all();
        let stopped = vitals.iter().find(|(id, vital)| {
            vital.stopped.is_some() && self.nodes.contains(*id) && !self.stopped_before.contains(*id)
        });
        let stopped = stopped.map(|(_, vital)| {
            format!("{} has stopped: {}", vital.node, vital.stopped.as_deref().unwrap_or_default())
        });
        self.refused.clone().or(stopped)
    }

    /// What is not right at the end.
    fn is_ill(&self, tools: &Tools) -> Option<String> {
        let vitals = tools.vitals.all();
        let away = vitals.iter().find(|(id, vital)| {
            vital.away.is_some() && self.connectors.contains(*id) && !self.away_before.contains(*id)
        });
        if let Some((_, vital)) = away {
            return Some(format!(
                "{} is not connected: {}",
                vital.node,
                vital.away.as_deref().unwrap_or_default()
            ));
        }
        let errors: u64 = vitals.values().map(|vital| vital.errors).sum();
        let new = errors.saturating_sub(self.errors_before);
        let usual = self.rate_before * self.since.elapsed().as_secs_f64() * MORE_ERRORS;
        if new > ERRORS && new as f64 > usual {
            let worst = vitals.values().max_by_key(|vital| vital.errors);
            let (node, last) =
                worst.map(|vital| (vital.node.as_str(), vital.last_error.as_str())).unwrap_or_default();
            return Some(format!(
                "{new} errors that no catch node takes in {:.0} s, the most of them in {node}: {last}",
                self.since.elapsed().as_secs_f64()
            ));
        }
        full(tools)
            .into_iter()
            .find(|node| !self.full_before.contains(node))
            .map(|node| format!("the outbox of {node} has become full"))
    }
}

/// The nodes whose outboxes take no more.
fn full(tools: &Tools) -> Vec<String> {
    tools
        .engine
        .backlogs()
        .into_iter()
        .filter(|backlog| backlog.parked > 0)
        .map(|backlog| backlog.node.to_string())
        .collect()
}

/// A revision that is watched.
pub struct Watched {
    pub(super) number: i64,
    pub(super) progress: OnProbation,
    /// Dropping it ends the watch.
    word: Sender<()>,
}

impl Deployer {
    /// Whoever deployed a revision says that they still reach the gateway. `false` when it is not on probation.
    pub fn confirm(&self, number: i64) -> bool {
        let is_taken = {
            let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
            let watched = watched.as_mut().filter(|watched| watched.number == number);
            watched.is_some_and(|watched| {
                watched.progress.has_word = true;
                watched.word.send(()).is_ok()
            })
        };
        if is_taken {
            self.tell();
        }
        is_taken
    }

    pub(super) fn end_probation(&self) {
        *self.watched.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(super) fn begin_probation(
        self: &Arc<Self>,
        judge: Judge,
        probation: Probation,
        before: Arc<Current>,
    ) {
        let number = self.current().revision.number;
        let (word, words) = channel();
        let Probation { time, needs_word } = probation;
        let progress = OnProbation { end: judge.since + time, needs_word, has_word: false };
        *self.watched.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Watched { number, progress, word });
        self.tell();
        let deployer = self.clone();
        let watch = move || {
            let Some(verdict) = watch(&deployer.tools, &judge, probation, &words) else { return };
            deployer.settle(number, verdict, &before);
        };
        // A thread, for to go back takes as long as closing connections does.
        if let Err(error) = std::thread::Builder::new().name("probation".to_string()).spawn(watch) {
            tracing::error!("revision {number} is not watched: {error}");
        }
    }

    fn settle(self: &Arc<Self>, number: i64, verdict: Result<(), String>, before: &Arc<Current>) {
        let _turn = self.turn();
        let current = self.current();
        // Another one came, or the gateway stops.
        let is_watched = {
            let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
            watched.as_ref().is_some_and(|watched| watched.number == number)
        };
        if current.revision.number != number || !is_watched {
            return;
        }
        self.end_probation();
        match verdict {
            Ok(()) => {
                if let Err(error) = self.tools.config.set_standing(number, Standing::Good, "") {
                    tracing::error!("revision {number} is healthy, which cannot be written down: {error}");
                }
                self.keep();
                let mut now = Current::clone(&current);
                now.revision.standing = Standing::Good;
                self.set_current(now);
                tracing::info!("revision {number} is healthy");
            }
            Err(reason) => self.go_back(&current, &reason, before),
        }
    }

    /// The last good one runs again.
    fn go_back(&self, failed: &Current, reason: &str, before: &Arc<Current>) {
        let number = failed.revision.number;
        tracing::error!("revision {number} does not get healthy: {reason}");
        if let Err(error) = self.tools.config.set_standing(number, Standing::Failed, reason) {
            tracing::error!("that revision {number} has failed cannot be written down: {error}");
        }
        let good = self.last_good().unwrap_or_else(|| Current::clone(before));
        let mut document = good.document.clone();
        flow::merge(&mut document, &good.credentials);
        let (plan, _) = self.check(&document);
        let to = good.revision.number;
        let mut good = good;
        good.revision.reason = format!("revision {number} did not get healthy: {reason}");
        self.run(plan, Deployment::Nodes, good);
        tracing::warn!("revision {to} runs again");
        let detail = format!("it did not get healthy: {reason}");
        if let Err(error) =
            self.tools.config.note("the gateway", "", "roll back", &number.to_string(), &detail)
        {
            tracing::error!("the roll back cannot be written down: {error}");
        }
    }

    fn last_good(&self) -> Option<Current> {
        let found = || {
            let Some(revision) = self.tools.config.last_good()? else { return Ok(None) };
            let Some((document, credentials)) = self.tools.config.document(revision.number)? else {
                return Ok(None);
            };
            Ok(Some(Current { revision, document, credentials, problems: Vec::new() }))
        };
        found().unwrap_or_else(|error: crate::store::StoreError| {
            tracing::error!("the last good revision cannot be read: {error}");
            None
        })
    }
}

/// Waits for the verdict. Nothing when the watch is ended.
fn watch(
    tools: &Tools,
    judge: &Judge,
    probation: Probation,
    words: &Receiver<()>,
) -> Option<Result<(), String>> {
    let end = judge.since + probation.time;
    let mut has_word = !probation.needs_word;
    loop {
        match words.recv_timeout(LOOK.min(end.saturating_duration_since(Instant::now()))) {
            Ok(()) => has_word = true,
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if let Some(reason) = judge.has_failed(tools) {
            return Some(Err(reason));
        }
        if Instant::now() < end {
            continue;
        }
        return Some(match judge.is_ill(tools) {
            Some(reason) => Err(reason),
            None if !has_word => {
                Err("whoever deployed it did not come back to say that the gateway can still be reached"
                    .to_string())
            }
            None => Ok(()),
        });
    }
}

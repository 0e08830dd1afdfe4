//! A gateway at the broker: an offer is seen, its chunks are gathered and deployed, and reports are published.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::gather::{Gathering, Step};
use super::intake::Intake;
use super::link::{Heard, Link};
use super::refused::Refused;
use super::report::{Report, State};
use super::topics::{Offer, Topic, Topics};
use crate::engine::Backoff;

/// How soon a bundle that was altered, or that the disk did not take, is fetched again: at first, and at last. A bundle
/// may be large and the uplink dear.
const AGAIN: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(3_600));
/// How often it is looked whether other keys are trusted now.
const LOOK: Duration = Duration::from_secs(5);

/// As it is published.
pub fn with_version(report: Report) -> Report {
    Report { version: env!("CARGO_PKG_VERSION").to_string(), ..report }
}

pub struct Receiver {
    intake: Arc<Intake>,
    link: Link,
    topics: Topics,
    reports: watch::Receiver<Report>,
    patience: Duration,
    /// The one that stands at the broker now.
    offer: Option<Offer>,
    gathering: Option<Gathering>,
    deploying: Option<JoinHandle<Result<Report, Refused>>>,
    /// The bundle with which nothing more is to be done.
    settled: Option<String>,
    /// The broker has a report that was made in the middle of the probation or later: whoever deploys can be reached.
    is_reached: Arc<AtomicBool>,
    /// Under which number that report was said.
    word: Option<u64>,
    /// When it is looked after what has not come, or begun anew.
    due: Option<Instant>,
    missing: Backoff,
    again: Backoff,
    /// Of the trusted keys.
    stamp: Option<(u64, i64, i64)>,
}

impl Receiver {
    pub fn new(intake: Arc<Intake>, link: Link, topics: Topics, patience: Duration) -> Receiver {
        let (reports, stamp) = (intake.reports(), intake.trust().stamp());
        Receiver {
            intake,
            link,
            topics,
            reports,
            patience,
            offer: None,
            gathering: None,
            deploying: None,
            settled: None,
            is_reached: Arc::default(),
            word: None,
            due: None,
            missing: Backoff::default(),
            again: Backoff::between(AGAIN.0, AGAIN.1),
            stamp,
        }
    }

    pub async fn run(mut self) {
        let offers = self.topics.offer(self.intake.name());
        self.link.subscribe(offers);
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while !self.intake.is_stopping() {
            tokio::select! {
                heard = self.link.hear() => self.heard(heard),
                changed = self.reports.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    self.publish();
                }
                ended = ended(&mut self.deploying) => self.ended(ended),
                () = at(self.due) => self.overdue(),
                _ = look.tick() => self.look(),
            }
        }
    }

    fn publish(&mut self) {
        let report = self.reports.borrow_and_update().clone();
        let is_word = report.state == State::Probation && !report.progress.is_empty();
        let topic = self.topics.status(self.intake.name());
        let number = self.link.say(topic, with_version(report).to_json());
        self.word = is_word.then_some(number);
    }

    fn heard(&mut self, heard: Heard) {
        match heard {
            Heard::Up => {
                // The broker may have said that this gateway is gone.
                self.publish();
                if self.gathering.is_some() {
                    self.due = Some(Instant::now() + self.patience);
                }
            }
            // What is gathered goes on when the connection is back.
            Heard::Down if self.gathering.is_some() => self.due = None,
            Heard::Down => {}
            Heard::Sent(number) if self.word == Some(number) => self.is_reached.store(true, Ordering::SeqCst),
            Heard::Sent(_) => {}
            Heard::Refused(why) => tracing::error!("deploys over MQTT: {why}"),
            Heard::Message { topic, payload } => match self.topics.read(&topic) {
                Some(Topic::Offer(name)) if name == self.intake.name() => self.offered(&payload),
                Some(Topic::Chunk(id, n)) => self.chunk(id, n, &payload),
                _ => {}
            },
        }
    }

    fn offered(&mut self, payload: &[u8]) {
        if payload.is_empty() {
            // Taken back, or cleared away.
            self.offer = None;
            self.leave();
            return;
        }
        let offer = match Offer::read(payload) {
            Ok(offer) => offer,
            Err(why) => {
                self.leave();
                self.offer = None;
                return self.intake.report(Report { reason: why, ..Report::of(State::Refused) });
            }
        };
        let is_same = self.gathering.as_ref().is_some_and(|gathering| gathering.offer == offer);
        self.offer = Some(offer);
        if !is_same {
            self.again = Backoff::between(AGAIN.0, AGAIN.1);
            self.begin();
        }
    }

    /// Begins to gather what is on offer, unless that has been seen to, or something else is being deployed.
    fn begin(&mut self) {
        let Some(offer) = self.offer.clone().filter(|_| self.deploying.is_none()) else { return };
        self.leave();
        if self.settled.as_deref() == Some(&offer.id) {
            // Whoever has offered it once more wants to hear.
            return self.publish();
        }
        if let Some(known) = self.intake.known(&offer.sha256) {
            self.settled = Some(offer.id);
            return self.intake.report(known);
        }
        let mut gathering = Gathering::new(offer);
        for n in gathering.ask() {
            self.link.subscribe(self.topics.chunk(&gathering.offer.id, n));
        }
        self.missing = Backoff::default();
        self.gathering = Some(gathering);
        self.due = Some(Instant::now() + self.patience);
        self.receiving(String::new());
    }

    /// Gathers no more.
    fn leave(&mut self) {
        self.due = None;
        let Some(gathering) = self.gathering.take() else { return };
        for n in gathering.missing() {
            self.link.unsubscribe(&self.topics.chunk(&gathering.offer.id, n));
        }
    }

    fn receiving(&self, reason: String) {
        let Some(gathering) = &self.gathering else { return };
        self.intake.report(Report {
            id: gathering.offer.id.clone(),
            sequence: Some(gathering.offer.sequence),
            progress: gathering.progress(),
            reason,
            ..Report::of(State::Receiving)
        });
    }

    fn chunk(&mut self, id: &str, n: usize, payload: &Bytes) {
        let Some(gathering) = &mut self.gathering else { return };
        // An empty one is one that was cleared away.
        if gathering.offer.id != id || payload.is_empty() {
            return;
        }
        let step = gathering.take(n, payload);
        self.link.unsubscribe(&self.topics.chunk(id, n));
        for n in gathering.ask() {
            self.link.subscribe(self.topics.chunk(id, n));
        }
        match step {
            Step::More => {
                self.due = Some(Instant::now() + self.patience);
                self.receiving(String::new());
            }
            Step::Whole(bytes) => {
                self.leave();
                self.deploy(bytes);
            }
            Step::Wrong(why) => {
                let offer = gathering.offer.clone();
                self.leave();
                let wait = AGAIN.0 + self.again.next(super::random());
                self.due = Some(Instant::now() + wait);
                let reason = format!("{why}; it is fetched again in {:.0} s", wait.as_secs_f64());
                tracing::warn!("bundle {}: {reason}", offer.id);
                let sequence = Some(offer.sequence);
                self.intake.report(Report { id: offer.id, sequence, reason, ..Report::of(State::Refused) });
            }
        }
    }

    fn deploy(&mut self, bytes: Vec<u8>) {
        self.is_reached.store(false, Ordering::SeqCst);
        let (intake, is_reached) = (self.intake.clone(), self.is_reached.clone());
        self.deploying = Some(tokio::task::spawn_blocking(move || {
            intake.take(&bytes, "mqtt", &mut || is_reached.load(Ordering::SeqCst))
        }));
    }

    fn ended(&mut self, ended: Result<Report, Refused>) {
        self.deploying = None;
        match ended {
            Ok(report) => self.settled = Some(report.id),
            Err(Refused::Stopping) => return,
            Err(refused) if refused.is_passing() => {
                self.due = Some(Instant::now() + AGAIN.0 + self.again.next(super::random()));
                return;
            }
            Err(refused @ Refused::Panicked) => {
                let report = self.reports.borrow().clone();
                self.settled = Some(report.id.clone());
                let reason = refused.to_string();
                self.intake.report(Report { state: State::Failed, reason, ..report });
            }
            // The report has its id.
            Err(_) => self.settled = Some(self.reports.borrow().id.clone()),
        }
        // Another one may have been offered meanwhile.
        if self.offer.as_ref().map(|offer| &offer.id) != self.settled.as_ref() {
            self.begin();
        }
    }

    /// A chunk has not come, or it is time to begin anew.
    fn overdue(&mut self) {
        let Some(gathering) = &self.gathering else {
            self.due = None;
            return self.begin();
        };
        // Whoever asks again is told again what is retained.
        let missing = gathering.missing();
        for n in &missing {
            let topic = self.topics.chunk(&gathering.offer.id, *n);
            self.link.unsubscribe(&topic);
            self.link.subscribe(topic);
        }
        self.due = Some(Instant::now() + self.patience + self.missing.next(super::random()));
        let (are, numbers) = match missing.as_slice() {
            [one] => ("chunk is", one.to_string()),
            many => ("chunks are", many.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")),
        };
        let of = gathering.offer.chunks;
        let reason = format!(
            "these {are} not at the broker: {numbers} (of 0 to {}); it is asked again, or publish the bundle again",
            of - 1
        );
        self.receiving(reason.replacen("these chunk is", "this chunk is", 1));
    }

    /// Whether a bundle that was refused may get in now.
    fn look(&mut self) {
        let stamp = self.intake.trust().stamp();
        if stamp != self.stamp {
            self.stamp = stamp;
            if self.reports.borrow().state == State::Refused {
                self.settled = None;
                self.begin();
            }
        }
    }
}

async fn ended(deploying: &mut Option<JoinHandle<Result<Report, Refused>>>) -> Result<Report, Refused> {
    match deploying {
        Some(task) => task.await.unwrap_or_else(|error| {
            tracing::error!("a deploy panicked: {error}");
            Err(Refused::Panicked)
        }),
        None => std::future::pending().await,
    }
}

async fn at(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

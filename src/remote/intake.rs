//! Where every bundle ends, however it came: it is checked, deployed on probation, and told what came of it.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::bundle::{self, Bundle, BundleError, Hash};
use super::refused::{Refused, told};
use super::report::{Report, State};
use super::trust::{Trust, Trusted};
use crate::config::{ATTEMPTS, Admission, Standing, TakenBundle, hex};
use crate::deploy::{Deployer, Order, Probation, Receipt, Refusal, WENT_DOWN};
use crate::flow::Problem;
use crate::store::StoreError;

/// How often a revision on probation is looked at.
const LOOK: Duration = Duration::from_millis(100);

pub struct Intake {
    deployer: Arc<Deployer>,
    name: String,
    trust: Trust,
    /// One bundle at a time.
    turn: Mutex<()>,
    reports: watch::Sender<Report>,
    stopping: AtomicBool,
}

/// Whether whoever deploys can be reached, asked while a revision is on probation, from its middle on: what a flow does to
/// a connection does not show at once.
pub type Reach<'r> = &'r mut dyn FnMut() -> bool;

/// A bundle and what is known about it before its deploy.
struct Checked {
    bundle: Bundle,
    hash: Hash,
    trusted: Trusted,
}

impl Intake {
    /// It tells what has come of the last bundle from its beginning.
    pub fn new(deployer: Arc<Deployer>, name: &str, data_dir: &Path) -> Result<Intake, StoreError> {
        let mut first = Report::of(State::Online);
        if let Some(last) = deployer.config().last_bundle()? {
            first = report_of(&last, first.state);
        }
        let trust = Trust::of(data_dir);
        let (turn, reports) = (Mutex::default(), watch::Sender::new(first));
        Ok(Intake {
            deployer,
            name: name.to_string(),
            trust,
            turn,
            reports,
            stopping: AtomicBool::new(false),
        })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn deployer(&self) -> &Arc<Deployer> {
        &self.deployer
    }

    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    pub fn reports(&self) -> watch::Receiver<Report> {
        self.reports.subscribe()
    }

    pub fn report(&self, report: Report) {
        self.reports.send_replace(report);
    }

    /// What waits for a verdict waits no more.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// Sees to a bundle, from its bytes to the verdict. It takes as long as the probation.
    pub fn take(&self, bytes: &[u8], via: &'static str, reach: Reach<'_>) -> Result<Report, Refused> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let hash = bundle::hash_of(bytes);
        let mut report = Report { id: bundle::id_of(&hash), ..Report::of(State::Refused) };
        let taken = self.check(bytes, hash).and_then(|checked| {
            report.sequence = Some(checked.bundle.contents.sequence);
            self.deploy(&checked, via, reach)
        });
        match taken {
            Ok(verdict) => {
                self.report(verdict.clone());
                Ok(verdict)
            }
            Err(Refused::Stopping) => Err(Refused::Stopping),
            Err(refused) => {
                tracing::warn!("bundle {} ({via}) is refused: {refused}", report.id);
                report.reason = refused.to_string();
                self.report(report);
                Err(refused)
            }
        }
    }

    /// What has come of a bundle with this SHA-256, where it was the last that was taken here and has a verdict.
    pub fn known(&self, sha256: &str) -> Option<Report> {
        let last = self.deployer.config().last_bundle().ok().flatten()?;
        (last.verdict.is_some() && hex(&last.hash) == sha256).then(|| report_of(&last, State::Online))
    }

    /// Nothing is unpacked before its key and its signature are known to be right.
    fn check(&self, bytes: &[u8], hash: Hash) -> Result<Checked, Refused> {
        let keys = self.trust.read()?;
        for wrong in &keys.wrong {
            tracing::warn!("{wrong}");
        }
        if keys.keys.is_empty() {
            return Err(Refused::NoKeys);
        }
        let key = bundle::key_of(bytes)?;
        let Some(trusted) = keys.keys.into_iter().find(|trusted| trusted.key == key) else {
            return Err(Refused::UnknownKey(key.text()));
        };
        let bundle = bundle::open(bytes)?;
        if !bundle.contents.is_for(&self.name) {
            let for_whom = bundle.contents.gateways.join(", ");
            return Err(Refused::NotForUs { for_whom, name: self.name.clone() });
        }
        Ok(Checked { bundle, hash, trusted })
    }

    fn deploy(&self, checked: &Checked, via: &'static str, reach: Reach<'_>) -> Result<Report, Refused> {
        let Checked { bundle: Bundle { key, contents }, hash, trusted } = checked;
        let config = self.deployer.config();
        let mut report = Report {
            id: bundle::id_of(hash),
            sequence: Some(contents.sequence),
            ..Report::of(State::Deploying)
        };
        // What is not fit to run takes no number, so that it may be fit after an update of this gateway.
        let document = contents.document().map_err(BundleError::from)?;
        let (_, problems) = self.deployer.look_at(document.clone());
        if problems.iter().any(Problem::is_error) {
            return Err(Refused::Flows(told(&problems)));
        }
        match config.admit_bundle(&key.0, contents.sequence, hash)? {
            Admission::New => {}
            Admission::Old { newest } => {
                let (sequence, key) = (contents.sequence, trusted.name.clone());
                return Err(Refused::Old { sequence, newest, key });
            }
            Admission::Again(known) => {
                if let Some(report) = self.go_on(checked, known, reach)? {
                    return Ok(report);
                }
                config.retry_bundle(&key.0, contents.sequence)?;
                tracing::warn!("bundle {} was cut off, and is taken up again", report.id);
            }
        }
        self.report(report.clone());
        let who = match contents.who.as_str() {
            "" => trusted.name.clone(),
            who => format!("{who} (key \"{}\")", trusted.name),
        };
        let order = Order {
            document,
            deployment: contents.deployment.into(),
            seen: None,
            who,
            via,
            why: contents.why.clone(),
            name: String::new(),
            probation: Probation { needs_word: true, ..Probation::of_seconds(contents.probation) },
        };
        let receipt = match self.deployer.deploy(order) {
            Ok(receipt) => receipt,
            Err(refusal) => {
                let refused = match refusal {
                    Refusal::Problems(problems) => Refused::Flows(told(&problems)),
                    Refusal::Store(error) => return Err(error.into()),
                    other => Refused::Flows(other.to_string()),
                };
                config.bundle_ended(&key.0, contents.sequence, "refused", &refused.to_string())?;
                return Err(refused);
            }
        };
        let Receipt { revision, .. } = receipt;
        config.bundle_runs(&key.0, contents.sequence, revision.number)?;
        let probation = Duration::from_secs(contents.probation.into());
        report.revision = Some(revision.number);
        let verdict = self.watch(report, probation, reach)?;
        self.end(checked, &verdict)?;
        Ok(verdict)
    }

    /// One that was here before: its verdict, or what has become of it meanwhile. Nothing: its deploy is to begin again.
    fn go_on(
        &self,
        checked: &Checked,
        known: TakenBundle,
        reach: Reach<'_>,
    ) -> Result<Option<Report>, Refused> {
        if known.verdict.is_some() {
            return Ok(Some(report_of(&known, State::Refused)));
        }
        let mut report = report_of(&known, State::Failed);
        let Some(number) = known.revision else {
            // It went down before it had become a revision, or just behind it.
            return self.once_more(checked, &known, report);
        };
        let Some(revision) = self.deployer.config().revision(number)? else { return Ok(None) };
        match revision.standing {
            Standing::Failed if revision.reason == WENT_DOWN => {
                return self.once_more(checked, &known, report);
            }
            // The gateway stopped in order, and watches it anew.
            Standing::Probation => report = self.watch(report, Duration::ZERO, reach)?,
            Standing::Good => report.state = State::Good,
            Standing::Failed => report.reason = revision.reason,
            Standing::Left => report.reason = left(&revision.reason),
        }
        self.end(checked, &report)?;
        Ok(Some(report))
    }

    fn once_more(
        &self,
        checked: &Checked,
        known: &TakenBundle,
        mut report: Report,
    ) -> Result<Option<Report>, Refused> {
        if known.attempts < ATTEMPTS {
            return Ok(None);
        }
        report.reason = format!("the gateway went down each time in {} tries to deploy it", known.attempts);
        self.end(checked, &report)?;
        Ok(Some(report))
    }

    fn end(&self, checked: &Checked, verdict: &Report) -> Result<(), StoreError> {
        let Bundle { key, contents } = &checked.bundle;
        let word = verdict.state.to_string();
        self.deployer.config().bundle_ended(&key.0, contents.sequence, &word, &verdict.reason)
    }

    /// Waits for the verdict on a revision, and says meanwhile that whoever deployed it can be reached.
    fn watch(&self, mut report: Report, probation: Duration, reach: Reach<'_>) -> Result<Report, Refused> {
        let number = report.revision.unwrap_or_default();
        let since = Instant::now();
        let mut is_asked = false;
        let mut has_word = false;
        (report.state, report.progress) = (State::Probation, String::new());
        self.report(report.clone());
        loop {
            let current = self.deployer.current();
            let (standing, reason) = if current.revision.number == number {
                (current.revision.standing, String::new())
            } else {
                // Another one runs: the one before, or one that somebody else has deployed.
                match self.deployer.config().revision(number)? {
                    Some(revision) => (revision.standing, revision.reason),
                    None => (Standing::Left, String::new()),
                }
            };
            report.progress = String::new();
            match standing {
                Standing::Probation => {}
                Standing::Good => {
                    report.state = State::Good;
                    return Ok(report);
                }
                Standing::Failed => {
                    (report.state, report.reason) = (State::Failed, reason);
                    return Ok(report);
                }
                Standing::Left => {
                    (report.state, report.reason) = (State::Failed, left(&reason));
                    return Ok(report);
                }
            }
            if self.is_stopping() {
                return Err(Refused::Stopping);
            }
            let time = since.elapsed();
            if !has_word && time >= probation / 2 {
                if !std::mem::replace(&mut is_asked, true) {
                    report.progress = format!("{} s of {} s", time.as_secs(), probation.as_secs());
                    self.report(report.clone());
                }
                has_word = reach() && self.deployer.confirm(number);
            }
            std::thread::sleep(LOOK);
        }
    }
}

fn left(reason: &str) -> String {
    match reason {
        "" => "another deploy came before it had shown that it is healthy".to_string(),
        reason => reason.to_string(),
    }
}

/// What is told of a bundle that was here before.
fn report_of(known: &TakenBundle, without_verdict: State) -> Report {
    let (state, reason) = match &known.verdict {
        Some((word, reason)) => (
            match word.as_str() {
                "good" => State::Good,
                "failed" => State::Failed,
                _ => State::Refused,
            },
            reason.clone(),
        ),
        None => (without_verdict, String::new()),
    };
    Report {
        id: bundle::id_of(&known.hash),
        sequence: Some(known.sequence),
        revision: known.revision,
        reason,
        ..Report::of(state)
    }
}

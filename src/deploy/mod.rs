//! Deploys: a document is checked, stored as a revision, run, watched for a while, and taken back when it does not get
//! healthy. What ran before stands until the new one is on the disk, so a power cut leaves the old one or the new one.
//!
//! ```text
//! Order -> check -> revision (on probation) -> engine -> probation -> good: the flow file is written
//!                                                                  -> failed: the last good one runs again
//! ```

mod file;
mod merging;
mod naming;
mod news;
mod probation;
mod start;
#[cfg(test)]
mod tests;
mod vitals;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde_json::json;
use tidegate_nodes::host::Settings;
use tokio::sync::watch;

use crate::config::{Config, NewRevision, Revision, Standing};
use crate::engine::{Deployed, Engine};
use crate::flow::{self, Clash, Credentials, Deployment, Diff, Document, Plan, Problem, ProcessEnv};
use crate::store::StoreError;

use file::FlowFile;
pub use news::{News, OnProbation};
use probation::Judge;
pub use probation::Probation;
pub use start::{Source, Started, WENT_DOWN};
pub use vitals::{Vital, Vitals};

/// How a revision came that stood in the flow file.
pub const FILE: &str = "file";

/// What a deployer works with.
pub struct Tools {
    pub engine: Arc<Engine>,
    pub config: Arc<Config>,
    pub vitals: Arc<Vitals>,
    /// What nodes are told about the gateway.
    pub settings: Settings,
    /// Where flows that have proved good are written for people and their git: the flow file that was named, or one in the
    /// data directory.
    pub file: PathBuf,
}

pub struct Deployer {
    tools: Tools,
    /// One deploy at a time: the lock is held from the check to the swap.
    turn: Mutex<()>,
    current: Mutex<Arc<Current>>,
    watched: Mutex<Option<probation::Watched>>,
    file: FlowFile,
    news: watch::Sender<News>,
}

/// What runs.
#[derive(Clone)]
pub struct Current {
    pub revision: Revision,
    /// Without secrets.
    pub document: Document,
    pub credentials: Credentials,
    /// What is not as it should be, though it runs.
    pub problems: Vec<Problem>,
}

/// A wish to deploy.
pub struct Order {
    /// It may bring secrets along. Those that it does not bring stay as they are.
    pub document: Document,
    pub deployment: Deployment,
    /// The revision that whoever wishes it has seen. Another one that came in between is not overwritten.
    pub seen: Option<String>,
    pub who: String,
    pub via: &'static str,
    pub why: String,
    /// What the revision is called; empty for most.
    pub name: String,
    pub probation: Probation,
}

/// What came of it.
#[derive(Debug)]
pub struct Receipt {
    pub revision: Revision,
    pub diff: Diff,
    pub deployed: Deployed,
    pub problems: Vec<Problem>,
    /// Nothing was different, and nothing was done.
    pub is_unchanged: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("the flows have been changed by {} since: revision {} is not the one that you have seen", .0.revision.who, .0.revision.number)]
    Conflict(Box<Conflict>),
    #[error("the flows have errors, and nothing was changed")]
    Problems(Vec<Problem>),
    #[error("there is no revision {0}: the newest are kept, `tidegate revisions` lists them")]
    Unknown(i64),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Somebody else was quicker.
#[derive(Debug)]
pub struct Conflict {
    pub revision: Revision,
    /// What the wish would change in what runs now.
    pub diff: Diff,
    /// What they have changed since, where what the wish began from is still kept.
    pub since: Option<Diff>,
    /// What was tried to be put together and cannot be.
    pub clashes: Vec<Clash>,
}

impl Deployer {
    pub fn current(&self) -> Arc<Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn config(&self) -> &Arc<Config> {
        &self.tools.config
    }

    pub fn engine(&self) -> &Arc<Engine> {
        &self.tools.engine
    }

    pub fn vitals(&self) -> &Arc<Vitals> {
        &self.tools.vitals
    }

    /// What nodes are told about the gateway.
    pub fn settings(&self) -> &Settings {
        &self.tools.settings
    }

    /// What a document would change, and what is wrong with it. Nothing is done.
    pub fn look_at(&self, mut document: Document) -> (Diff, Vec<Problem>) {
        let current = self.current();
        flow::merge(&mut document, &current.credentials);
        let (_, problems) = self.check(&document);
        (difference(&current, &document), problems)
    }

    /// Deploys. It may take seconds, while connections that go away are closed.
    pub fn deploy(self: &Arc<Self>, order: Order) -> Result<Receipt, Refusal> {
        let _turn = self.turn();
        let before = self.current();
        let Order { mut document, deployment, seen, who, via, why, name, probation } = order;
        flow::merge(&mut document, &before.credentials);
        flow::drop_empty(&mut document);
        if let Some(seen) = seen.filter(|seen| *seen != before.revision.rev) {
            let diff = difference(&before, &document);
            let since = self.since(&seen, &before)?;
            let revision = before.revision.clone();
            return Err(Refusal::Conflict(Box::new(Conflict { revision, diff, since, clashes: Vec::new() })));
        }
        let (plan, problems) = self.check(&document);
        if problems.iter().any(Problem::is_error) {
            return Err(Refusal::Problems(problems));
        }
        let diff = difference(&before, &document);
        let credentials = flow::split(&mut document);
        let is_same = document.nodes == before.document.nodes && credentials == before.credentials;
        if is_same && before.revision.number > 0 {
            let deployed = match deployment {
                Deployment::Full => self.tools.engine.deploy(plan, deployment),
                Deployment::Flows | Deployment::Nodes => Deployed {
                    kept: plan.nodes().count(),
                    nodes: plan.nodes().count(),
                    flows: plan.lanes.len(),
                    ..Deployed::default()
                },
            };
            let revision = before.revision.clone();
            return Ok(Receipt { revision, diff, deployed, problems, is_unchanged: true });
        }
        let standing = if probation.is_off() { Standing::Good } else { Standing::Probation };
        let revision = self.tools.config.add_revision(&NewRevision {
            document: &document,
            credentials: &credentials,
            who: &who,
            via,
            why: &why,
            name: &name,
            deployment,
            diff: json!(diff),
            standing,
        })?;
        if before.revision.standing == Standing::Probation {
            let text = format!("revision {} came before it had shown that it is healthy", revision.number);
            self.tools.config.set_standing(before.revision.number, Standing::Left, &text)?;
        }
        let current =
            Current { revision: revision.clone(), document, credentials, problems: problems.clone() };
        self.end_probation();
        let judge = Judge::before(&self.tools, &plan);
        let deployed = self.run(plan, deployment, current);
        if via == FILE {
            self.file.says(&self.current().document);
        }
        match probation.is_off() {
            true => self.keep(),
            false => self.begin_probation(judge.after(&deployed), probation, before),
        }
        Ok(Receipt { revision, diff, deployed, problems, is_unchanged: false })
    }

    /// Makes an earlier revision the newest one, with the secrets that it had.
    pub fn roll_back(
        self: &Arc<Self>,
        number: i64,
        who: String,
        via: &'static str,
        why: String,
        probation: Probation,
    ) -> Result<Receipt, Refusal> {
        let (mut document, credentials) =
            self.tools.config.document(number)?.ok_or(Refusal::Unknown(number))?;
        flow::merge(&mut document, &credentials);
        let deployment = Deployment::Nodes;
        let why = if why.is_empty() { format!("back to revision {number}") } else { why };
        let name = String::new();
        self.deploy(Order { document, deployment, seen: None, who, via, why, name, probation })
    }

    fn check(&self, document: &Document) -> (Plan, Vec<Problem>) {
        let (env, mut problems) = ProcessEnv::of_board(self.tools.config.directory());
        let (plan, found) = flow::check(document, &env, &Arc::new(self.tools.settings.clone()));
        problems.extend(found);
        (plan, problems)
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Swaps it in, and says that it runs.
    fn run(&self, plan: Plan, deployment: Deployment, current: Current) -> Deployed {
        let since = Instant::now();
        let deployed = self.tools.engine.deploy(plan, deployment);
        self.tools.vitals.restarted(since, &deployed.stopped, &deployed.started);
        self.set_current(current);
        deployed
    }

    fn set_current(&self, current: Current) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(current);
        self.tell();
    }

    /// What runs has proved good: it is written where people look for it.
    fn keep(&self) {
        let current = self.current();
        // What comes from the file stands in it, and it may be edited again already.
        if current.revision.via != FILE {
            self.file.keep(&current.document);
        }
    }

    /// The gateway stops in order: what is on probation begins it anew with the next start.
    pub fn stop(&self) {
        let _turn = self.turn();
        self.end_probation();
    }
}

/// Whole documents are compared, with their secrets, of which only that they differ is told.
fn difference(before: &Current, document: &Document) -> Diff {
    let mut old = before.document.clone();
    flow::merge(&mut old, &before.credentials);
    Diff::between(&old, document)
}

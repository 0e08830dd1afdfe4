//! What runs when the gateway starts: the flow file that was named, else the newest revision that can be trusted, else
//! what is there for a first look.

use std::sync::{Arc, Mutex};

use serde_json::json;
use tokio::sync::watch;

use super::file::FlowFile;
use super::probation::Judge;
use super::{Current, Deployer, FILE, Probation, Refusal, Tools, difference};
use crate::config::{Config, NewRevision, Revision, Standing};
use crate::engine::Deployed;
use crate::flow::{self, Credentials, Deployment, Document, Problem};

/// Where the flows of a start come from.
pub enum Source {
    /// A flow file, which goes before what is stored: people edit it.
    File(Document),
    /// What is stored; while nothing is, this.
    Stored { or: Document },
}

/// What was found at a start, besides what runs.
pub struct Started {
    pub deployer: Arc<Deployer>,
    pub deployed: Deployed,
}

/// Why a revision has failed with which the gateway went down.
pub const WENT_DOWN: &str = "the gateway went down while it was on probation";

/// How long a revision is watched that was on probation when the gateway stopped.
const AGAIN: u32 = 30;

impl Deployer {
    /// Runs what is to run. `was_clean` says that the last stop was in order: a revision that was on probation when the
    /// gateway went down is not tried again.
    pub fn start(tools: Tools, source: Source, was_clean: bool) -> Result<Started, Refusal> {
        let in_file = match &source {
            Source::File(document) => {
                let mut document = document.clone();
                flow::split(&mut document);
                Some(document)
            }
            Source::Stored { .. } => None,
        };
        let found = choose(&tools.config, source, was_clean)?;
        let (mut current, is_new) = match found {
            Found::Stored(current) => (*current, false),
            Found::New(document, credentials) => (Current::new(document, credentials), true),
            Found::First(document) => (Current::new(document, Credentials::default()), false),
        };
        let deployer = Deployer {
            file: FlowFile::new(tools.file.clone()),
            tools,
            turn: Mutex::default(),
            current: Mutex::new(Arc::new(Current::new(Document::default(), Credentials::default()))),
            watched: Mutex::default(),
            news: watch::Sender::default(),
        };
        if let Some(document) = &in_file {
            deployer.file.says(document);
        }
        let mut document = current.document.clone();
        flow::merge(&mut document, &current.credentials);
        let (plan, problems) = deployer.check(&document);
        // What has run before runs again, without the nodes that are wrong now: another version may be stricter.
        if current.revision.number == 0 && problems.iter().any(Problem::is_error) {
            return Err(Refusal::Problems(problems));
        }
        current.problems = problems;
        if is_new {
            current.revision = deployer.tools.config.add_revision(&NewRevision {
                document: &current.document,
                credentials: &current.credentials,
                who: "file",
                via: FILE,
                why: "it stood in the flow file at the start",
                name: "",
                deployment: Deployment::Full,
                diff: json!(before_file(&deployer.tools.config, &document)?),
                standing: Standing::Good,
            })?;
        }
        let judge = Judge::before(&deployer.tools, &plan);
        let before = deployer.current();
        let is_watched = current.revision.standing == Standing::Probation;
        let deployed = deployer.run(plan, Deployment::Full, current);
        let deployer = Arc::new(deployer);
        if is_watched {
            deployer.begin_probation(judge.after(&deployed), Probation::of_seconds(AGAIN), before);
        }
        Ok(Started { deployer, deployed })
    }
}

impl Current {
    /// One that is not stored.
    fn new(document: Document, credentials: Credentials) -> Current {
        let rev = crate::config::hex(
            ring::digest::digest(&ring::digest::SHA256, document.to_json().as_bytes()).as_ref(),
        );
        let revision = Revision {
            number: 0,
            rev,
            wall_ms: 0,
            who: String::new(),
            via: String::new(),
            why: String::new(),
            deployment: "full".to_string(),
            name: String::new(),
            nodes: document.nodes.len() as i64,
            standing: Standing::Good,
            reason: String::new(),
            diff: json!({"nodes": []}),
        };
        Current { revision, document, credentials, problems: Vec::new() }
    }
}

enum Found {
    Stored(Box<Current>),
    /// To be stored.
    New(Document, Credentials),
    /// Nothing is stored, and this need not be.
    First(Document),
}

fn choose(config: &Config, source: Source, was_clean: bool) -> Result<Found, Refusal> {
    let newest = config.revisions(i64::MAX, 1)?.pop();
    let good = config.last_good()?;
    // On probation when it stopped: in order, and it begins anew; in another way, and it may be why.
    let mut tried = newest.filter(|newest| newest.standing == Standing::Probation);
    if let Some(revision) = tried.take_if(|_| !was_clean) {
        tracing::error!("revision {} is not tried again: {WENT_DOWN}", revision.number);
        config.set_standing(revision.number, Standing::Failed, WENT_DOWN)?;
    }
    let good = match good {
        Some(revision) => read(config, revision)?,
        None => None,
    };
    let tried = match tried {
        Some(revision) => read(config, revision)?,
        None => None,
    };
    let mut document = match source {
        Source::File(document) => document,
        Source::Stored { or } => {
            return Ok(tried.or(good).map_or(Found::First(or), |current| Found::Stored(Box::new(current))));
        }
    };
    let known =
        good.as_ref().or(tried.as_ref()).map(|current| current.credentials.clone()).unwrap_or_default();
    flow::merge(&mut document, &known);
    let credentials = flow::split(&mut document);
    let is =
        |current: &Current| current.document.nodes == document.nodes && current.credentials == credentials;
    match (tried, good) {
        // The file is written when a revision has proved good, so nobody has changed it since.
        (Some(tried), Some(good)) if is(&good) => Ok(Found::Stored(Box::new(tried))),
        (Some(tried), None) if is(&tried) => Ok(Found::Stored(Box::new(tried))),
        (tried, good) => {
            if let Some(tried) = tried {
                let reason = "the flow file has been changed since";
                config.set_standing(tried.revision.number, Standing::Left, reason)?;
            }
            match good {
                Some(good) if is(&good) => Ok(Found::Stored(Box::new(good))),
                _ => Ok(Found::New(document, credentials)),
            }
        }
    }
}

fn read(config: &Config, revision: Revision) -> Result<Option<Current>, Refusal> {
    let Some((document, credentials)) = config.document(revision.number)? else { return Ok(None) };
    Ok(Some(Current { revision, document, credentials, problems: Vec::new() }))
}

/// What a new flow file changes against what was good last.
fn before_file(config: &Config, document: &Document) -> Result<flow::Diff, Refusal> {
    let last = match config.last_good()? {
        Some(revision) => read(config, revision)?,
        None => None,
    };
    let last = last.unwrap_or_else(|| Current::new(Document::default(), Credentials::default()));
    Ok(difference(&last, document))
}

//! Deploys that the gateway fetches by itself: a file on a web server is looked at from time to time. The bundle is signed, so
//! the server need not be trusted, and may be a plain one.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use super::bundle::LARGEST;
use super::intake::Intake;
use super::refused::Refused;
use super::report::State;
use crate::engine::Backoff;

#[derive(Debug, Clone)]
pub struct Options {
    pub url: String,
    /// How often it is looked, within a fifth more or less: a thousand gateways do not come at once.
    pub every: Duration,
    /// Certificates to trust in place of the usual ones.
    pub authority: Option<PathBuf>,
}

/// The longest wait for a server that is away, unless it is looked at more seldom anyway.
const LONGEST: Duration = Duration::from_secs(3_600);
/// For a whole answer: a large bundle over a thin uplink.
const PATIENCE: Duration = Duration::from_secs(600);
const CONNECT: Duration = Duration::from_secs(30);
/// While a revision is on probation, the server is asked so often whether it can be reached.
const WORD: Duration = Duration::from_secs(1);

pub const EXPECTED: &str = "an address such as https://host/site.bundle, without a user and a password";

/// Whether it can be pulled from.
pub fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let fine = |uri: ureq::http::Uri| uri.authority().is_some_and(|at| !at.as_str().contains('@'));
    rest.is_some() && text.parse().is_ok_and(fine)
}

/// Without the query, which may let somebody in.
pub fn shown(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

/// Ends with it; an answer that is under way is not waited for.
pub struct Pulling(#[expect(dead_code, reason = "that it is dropped is what it says")] Sender<()>);

/// Looks from time to time, in a thread of its own: a deploy takes as long as its probation.
pub fn start(intake: Arc<Intake>, options: Options) -> std::io::Result<Pulling> {
    let (stop, stopped) = channel::<()>();
    let mut puller = Puller::new(intake, options);
    std::thread::Builder::new().name("pull".to_string()).spawn(move || {
        let mut wait = Duration::ZERO;
        while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(wait) {
            wait = puller.look();
        }
    })?;
    Ok(Pulling(stop))
}

/// What was fetched last, and what the server calls it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Fetched {
    url: String,
    etag: String,
}

struct Puller {
    intake: Arc<Intake>,
    options: Options,
    /// What is not fetched again as long as the server has the same.
    fetched: Option<Fetched>,
    /// Of the trusted keys, when it was fetched.
    stamp: Option<(u64, i64, i64)>,
    backoff: Backoff,
    /// Told once, and again when it is another trouble.
    trouble: String,
}

enum Answer {
    Same,
    Bundle { bytes: Vec<u8>, etag: Option<String> },
}

impl Puller {
    fn new(intake: Arc<Intake>, options: Options) -> Puller {
        let noted = intake.deployer().config().pulled().unwrap_or_else(|error| {
            tracing::warn!("what was pulled last cannot be read: {error}");
            None
        });
        let fetched: Option<Fetched> = noted.and_then(|noted| serde_json::from_str(&noted).ok());
        let fetched = fetched.filter(|fetched| fetched.url == options.url);
        let stamp = intake.trust().stamp();
        let backoff = Backoff::between(options.every, LONGEST.max(options.every));
        Puller { intake, options, fetched, stamp, backoff, trouble: String::new() }
    }

    /// Looks once, and says how long to wait before the next time.
    fn look(&mut self) -> Duration {
        let every = self.options.every;
        let looked = self.pull();
        match looked {
            Ok(()) => {
                self.trouble.clear();
                self.backoff = Backoff::between(every, LONGEST.max(every));
                every.mul_f64(0.8 + 0.4 * (super::random() as f64 / u64::MAX as f64))
            }
            Err(why) => {
                let wait = every / 2 + self.backoff.next(super::random());
                let text = format!("cannot pull {}: {why}", shown(&self.options.url));
                if self.trouble != text {
                    tracing::warn!("{text}; next try in {:.0} s", wait.as_secs_f64());
                    self.trouble = text;
                }
                wait
            }
        }
    }

    fn pull(&mut self) -> Result<(), String> {
        let stamp = self.intake.trust().stamp();
        if self.stamp != stamp {
            // What was refused may be trusted now.
            (self.stamp, self.fetched) = (stamp, None);
        }
        let etag = self.fetched.as_ref().map(|fetched| fetched.etag.clone());
        let (bytes, etag) = match self.fetch(etag.as_deref(), true)? {
            Answer::Same => return Ok(()),
            Answer::Bundle { bytes, etag } => (bytes, etag),
        };
        let mut asked: Option<Instant> = None;
        let mut reach = || {
            if asked.is_some_and(|asked| asked.elapsed() < WORD) {
                return false;
            }
            asked = Some(Instant::now());
            self.fetch(etag.as_deref(), false).is_ok()
        };
        let taken = self.intake.take(&bytes, "pull", &mut reach);
        let fetched = etag.map(|etag| Fetched { url: self.options.url.clone(), etag });
        match taken {
            Ok(report) => {
                if report.state == State::Good {
                    tracing::info!(
                        "revision {} was pulled and is healthy",
                        report.revision.unwrap_or_default()
                    );
                }
                let text = serde_json::to_string(&fetched).expect("texts have a JSON form");
                if let Err(error) = self.intake.deployer().config().note_pulled(&text) {
                    // It is fetched once more after a start, and nothing else.
                    tracing::warn!("what was pulled cannot be noted: {error}");
                }
                self.fetched = fetched;
                Ok(())
            }
            // It was told. What is refused for good is not fetched again, until the server or the keys change.
            Err(refused) if !refused.is_passing() => {
                self.fetched = fetched;
                Ok(())
            }
            Err(Refused::Stopping) => Ok(()),
            Err(refused) => Err(refused.to_string()),
        }
    }

    /// Asks the server. `whole`: with all that it answers.
    fn fetch(&self, etag: Option<&str>, whole: bool) -> Result<Answer, String> {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .timeout_connect(Some(CONNECT))
            .http_status_as_error(false)
            .max_redirects(5)
            .user_agent(concat!("tidegate/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls(self.options.authority.as_deref())?)
            .build()
            .into();
        let mut request = agent.get(&self.options.url);
        if let Some(etag) = etag {
            request = request.header("if-none-match", etag);
        }
        let mut answer = request.call().map_err(|error| error.to_string())?;
        match answer.status().as_u16() {
            304 if etag.is_some() => Ok(Answer::Same),
            200 if !whole => Ok(Answer::Same),
            200 => {
                let etag =
                    answer.headers().get("etag").and_then(|etag| etag.to_str().ok()).map(str::to_string);
                let bytes = answer.body_mut().with_config().limit(LARGEST as u64).read_to_vec();
                let bytes = bytes.map_err(|error| match error {
                    ureq::Error::BodyExceedsLimit(_) => format!("the bundle is larger than {LARGEST} bytes"),
                    other => format!("the answer broke off: {other}"),
                })?;
                // One that nobody could send back, or that fills the database, is none.
                Ok(Answer::Bundle { bytes, etag: etag.filter(|etag| etag.len() <= 1_000) })
            }
            404 => Err("the server has no such file (404)".to_string()),
            status => Err(format!("the server answers {status}")),
        }
    }
}

/// Whom to trust: those that are named, or those that ureq brings along.
pub fn tls(authority: Option<&Path>) -> Result<TlsConfig, String> {
    let Some(path) = authority else { return Ok(TlsConfig::default()) };
    let name = path.display();
    let pem = std::fs::read(path).map_err(|error| format!("cannot read {name}: {error}"))?;
    let certificates: Vec<Certificate<'static>> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(Ok(certificate)),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        })
        .collect::<Result<_, _>>()
        .map_err(|error| format!("{name} is no certificate in PEM form: {error}"))?;
    if certificates.is_empty() {
        return Err(format!("{name} has no certificate in it: -----BEGIN CERTIFICATE-----"));
    }
    Ok(TlsConfig::builder().root_certs(RootCerts::from(certificates)).build())
}

//! `tidegate fleet`: many gateways through one broker.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use clap::{Args, Subcommand};
use serde_json::json;

use super::{Outcome, bundle as bundle_file, logging, output};
use crate::config::{hex, random};
use crate::engine::{Engine, LogObserver, Options};
use crate::remote::address::{self, Address};
use crate::remote::fleet::{Change, Fleet as Known};
use crate::remote::link::{Link, Peer};
use crate::remote::rollout::{Away, Gateway, Phase, Rollout};
use crate::remote::topics::{Offer, is_prefix};
use crate::remote::{NAMES, bundle, is_name};

/// Deploy bundles to many gateways through an MQTT broker, and see how they are
#[derive(Debug, Args)]
pub struct Fleet {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Deploy(Deploy),
    Status(Status),
    Clear(Clear),
}

#[derive(Debug, Args)]
struct Broker {
    /// The broker: mqtt://host:1883 or mqtts://user:password@host:8883; best in the environment, where a password is not seen
    #[arg(long, value_name = "URL", env = "TIDEGATE_REMOTE_MQTT", hide_env_values = true, value_parser = broker)]
    mqtt: Address,
    /// A certificate in PEM form to trust instead of those of the system
    #[arg(long, value_name = "FILE", env = "TIDEGATE_REMOTE_CA")]
    ca: Option<PathBuf>,
    /// What the topics begin with
    #[arg(long, value_name = "TEXT", env = "TIDEGATE_REMOTE_PREFIX", default_value = "tidegate", value_parser = prefix)]
    prefix: String,
    /// Print JSON: one object a line
    #[arg(long)]
    json: bool,
}

impl Fleet {
    pub fn run(self) -> anyhow::Result<Outcome> {
        logging::start("warn", true);
        match self.what {
            What::Deploy(deploy) => deploy.run(),
            What::Status(status) => status.run(),
            What::Clear(clear) => clear.run(),
        }
    }
}

impl Broker {
    /// Connects, does something, and disconnects.
    fn with<R>(&self, act: impl AsyncFnOnce(&mut Known) -> Result<R, String>) -> anyhow::Result<R> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut name = [0; 8];
        random(&mut name)?;
        let options = Options { threads: 1, seed: u64::from_ne_bytes(name), ..Options::default() };
        let engine = Engine::start(options, Arc::new(LogObserver::default()), runtime.handle().clone())?;
        let peer = Peer {
            address: &self.mqtt,
            authority: self.ca.as_deref(),
            client_id: format!("tidegate-fleet-{}", hex(&name)),
            last_will: None,
        };
        let link = Link::open(&engine, peer)?;
        let result = runtime.block_on(async {
            let mut known = Known::enter(link, &self.prefix).await?;
            act(&mut known).await
        });
        result.map_err(|why| anyhow!("{}: {why}", self.mqtt))
    }
}

/// Offer a bundle to gateways wave by wave, and stop where one does not get healthy
///
/// A gateway that is away finds the offer when it comes, also after weeks. When one of a wave is refused, is taken back, or gives no
/// verdict in time, the next wave is not touched, and offers that still wait are taken back.
#[derive(Debug, Args)]
struct Deploy {
    /// The bundle, as `tidegate bundle` makes it
    #[arg(value_name = "BUNDLE")]
    bundle: PathBuf,
    #[command(flatten)]
    broker: Broker,
    /// The gateways, in the order of the waves: names with commas, or a file with a name a line
    #[arg(long, value_name = "FILE|NAME,...")]
    gateways: String,
    /// How many at once: a number, or a share of all
    #[arg(long, value_name = "N|N%", default_value = "10%", value_parser = wave)]
    wave: Wave,
    /// Seconds until a gateway that is there must have its verdict; without it, a minute more than the probation
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    wait: Option<u32>,
    /// What to do with gateways that are away: let the offer wait for them, or skip them
    #[arg(long, value_name = "wait|skip", default_value = "wait", value_parser = ["wait", "skip"])]
    offline: String,
}

#[derive(Debug, Clone, Copy)]
enum Wave {
    Count(usize),
    Percent(usize),
}

impl Deploy {
    fn run(self) -> anyhow::Result<Outcome> {
        let bytes = bundle_file::read(&self.bundle)?;
        let contents = bundle::open(&bytes).with_context(|| self.bundle.display().to_string())?.contents;
        let names = gateways(&self.gateways)?;
        if let Some(other) = names.iter().find(|name| !contents.is_for(name)) {
            bail!("the bundle is for {}, and not for {other}", contents.gateways.join(", "));
        }
        let offer = Offer::of(&bytes, contents.sequence);
        let wave = match self.wave {
            Wave::Count(count) => count,
            Wave::Percent(share) => (names.len() * share).div_ceil(100),
        };
        let wait = self.wait.unwrap_or(contents.probation + 60);
        let away = if self.offline == "skip" { Away::Skip } else { Away::Wait };
        let mut rollout = Rollout::new(&offer.id, names, wave, Duration::from_secs(wait.into()), away);
        self.broker.with(async |known| {
            known.publish(&bytes.into(), &offer).await?;
            known.roll_out(&mut rollout, &offer, &mut tell).await
        })?;
        self.show(&rollout)?;
        Ok(if rollout.is_well() { Outcome::Done } else { Outcome::Failed })
    }

    fn show(&self, rollout: &Rollout) -> anyhow::Result<()> {
        if self.broker.json {
            return rollout.gateways.iter().try_for_each(|gateway| {
                output::json_line(&json!({
                    "gateway": gateway.name,
                    "state": gateway.phase.to_string(),
                    "revision": gateway.revision,
                    "seconds": gateway.took.map(|took| took.as_secs_f64()),
                    "reason": gateway.reason,
                }))
            });
        }
        let row = |gateway: &Gateway| {
            vec![
                gateway.name.clone(),
                gateway.phase.to_string(),
                gateway.revision.map(|number| number.to_string()).unwrap_or_default(),
                gateway.took.map(|took| format!("{:.1}", took.as_secs_f64())).unwrap_or_default(),
                gateway.reason.clone(),
            ]
        };
        let rows: Vec<Vec<String>> = rollout.gateways.iter().map(row).collect();
        output::table(&["GATEWAY", "STATE", "REVISION", "SECONDS", "REASON"], &rows);
        let count = |phase| rollout.gateways.iter().filter(|gateway| gateway.phase == phase).count();
        let phases = [
            Phase::Good,
            Phase::Waiting,
            Phase::Skipped,
            Phase::Unhealthy,
            Phase::TakenBack,
            Phase::Untouched,
        ];
        let counts = phases.map(|phase| (count(phase), phase)).into_iter().filter(|(count, _)| *count > 0);
        let counts: Vec<String> = counts.map(|(count, phase)| format!("{count} {phase}")).collect();
        eprintln!("{}", counts.join(", "));
        Ok(())
    }
}

fn tell(change: Change<'_>) {
    match change {
        Change::Wave(wave, of, names) => eprintln!("wave {wave} of {of}: {}", names.join(", ")),
        Change::Gateway(gateway) if gateway.reason.is_empty() => {
            eprintln!("{}: {}", gateway.name, gateway.phase);
        }
        Change::Gateway(gateway) => eprintln!("{}: {}: {}", gateway.name, gateway.phase, gateway.reason),
    }
}

/// Show all gateways that the broker knows
#[derive(Debug, Args)]
struct Status {
    #[command(flatten)]
    broker: Broker,
}

impl Status {
    fn run(self) -> anyhow::Result<Outcome> {
        let (reports, offers) =
            self.broker.with(async |known| Ok((known.reports.clone(), known.offers.clone())))?;
        // One that has never been there may have an offer.
        let names: std::collections::BTreeSet<&String> = reports.keys().chain(offers.keys()).collect();
        let mut rows = Vec::new();
        for name in names {
            let report = reports.get(name).cloned();
            let waiting = offers.get(name).map(|offer| offer.id.clone());
            if self.broker.json {
                output::json_line(&json!({ "gateway": name, "status": report, "offer": waiting }))?;
                continue;
            }
            let state = report.as_ref().map_or("never seen".to_string(), |report| report.state.to_string());
            let report = report.unwrap_or_default();
            rows.push(vec![
                name.clone(),
                state,
                report.id,
                report.revision.map(|number| number.to_string()).unwrap_or_default(),
                waiting.unwrap_or_default(),
                report.version,
                if report.reason.is_empty() { report.progress } else { report.reason },
            ]);
        }
        if !self.broker.json {
            let heads = ["GATEWAY", "STATE", "BUNDLE", "REVISION", "OFFER", "VERSION", "REASON"];
            output::table(&heads, &rows);
        }
        Ok(Outcome::Done)
    }
}

/// Take offers away from the broker that have their verdict, and bundles that nobody is offered any more
#[derive(Debug, Args)]
struct Clear {
    #[command(flatten)]
    broker: Broker,
    /// Those that wait for a gateway too
    #[arg(long)]
    all: bool,
}

impl Clear {
    fn run(self) -> anyhow::Result<Outcome> {
        let (offers, bundles) = self.broker.with(async |known| known.clear(self.all).await)?;
        if self.broker.json {
            output::json_line(&json!({ "offers": offers, "bundles": bundles }))?;
        } else {
            let (offers, bundles) = (output::plural(offers, "offer"), output::plural(bundles, "bundle"));
            output::line(format_args!("{offers} and {bundles} taken away"));
        }
        Ok(Outcome::Done)
    }
}

/// Names in the order in which they were given, each once.
fn gateways(given: &str) -> anyhow::Result<Vec<String>> {
    let text = match Path::new(given).is_file() {
        true => std::fs::read_to_string(given).with_context(|| format!("cannot read {given}"))?,
        false => given.replace(',', "\n"),
    };
    let mut names: Vec<String> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if !is_name(line) {
            bail!("{line:?} is no name of a gateway: expected {NAMES}");
        }
        if !names.iter().any(|known| known == line) {
            names.push(line.to_string());
        }
    }
    if names.is_empty() {
        bail!("--gateways names none");
    }
    Ok(names)
}

fn broker(text: &str) -> Result<Address, String> {
    Address::parse(text).ok_or_else(|| format!("expected {}", address::EXPECTED))
}

fn prefix(text: &str) -> Result<String, String> {
    if is_prefix(text) {
        Ok(text.to_string())
    } else {
        Err("expected the beginning of a topic, without + and #".to_string())
    }
}

fn wave(text: &str) -> Result<Wave, String> {
    let number = |text: &str| text.parse::<usize>().ok().filter(|number| *number > 0);
    let wave = match text.strip_suffix('%') {
        Some(share) => number(share).filter(|share| *share <= 100).map(Wave::Percent),
        None => number(text).map(Wave::Count),
    };
    wave.ok_or_else(|| "expected a number such as 5, or a share such as 10%".to_string())
}

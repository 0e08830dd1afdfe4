//! The side of those who deploy: publishes bundles, offers them, and reads what gateways say.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::link::{Heard, Link};
use super::report::Report;
use super::rollout::{Gateway, Next, Rollout};
use super::topics::{CHUNK, LARGEST_NOTE, Offer, Topic, Topics};

/// How long the connection may take.
const CONNECT: Duration = Duration::from_secs(30);
/// What is retained comes at once: after so much silence that was all.
const QUIET: Duration = Duration::from_millis(1_000);
/// How long the broker may take for what it is told.
const TOLD: Duration = Duration::from_secs(120);

/// What is known about gateways and bundles at a broker.
pub struct Fleet {
    link: Link,
    topics: Topics,
    pub reports: BTreeMap<String, Report>,
    pub offers: BTreeMap<String, Offer>,
    /// Bundles whose chunks are there.
    pub bundles: BTreeMap<String, Offer>,
}

impl Fleet {
    /// Connects, and hears what is there.
    pub async fn enter(mut link: Link, prefix: &str) -> Result<Fleet, String> {
        let topics = Topics::new(prefix);
        for filter in [topics.status("+"), topics.offer("+"), topics.about("+")] {
            link.subscribe(filter);
        }
        let mut fleet = Fleet {
            link,
            topics,
            reports: BTreeMap::new(),
            offers: BTreeMap::new(),
            bundles: BTreeMap::new(),
        };
        let end = Instant::now() + CONNECT;
        while !fleet.link.is_up() {
            if fleet.hear(end).await?.is_none() && !fleet.link.is_up() {
                return Err(format!("no connection to the broker within {} s", CONNECT.as_secs()));
            }
        }
        while fleet.hear(Instant::now() + QUIET).await?.is_some() {}
        Ok(fleet)
    }

    /// What comes until then: a gateway that has said something, or something else. Nothing: time is over.
    async fn hear(&mut self, until: Instant) -> Result<Option<Option<String>>, String> {
        let Ok(heard) = tokio::time::timeout_at(until.into(), self.link.hear()).await else {
            return Ok(None);
        };
        match heard {
            Heard::Up | Heard::Down | Heard::Sent(_) => Ok(Some(None)),
            Heard::Refused(why) => Err(why),
            Heard::Message { topic, payload } => Ok(Some(self.note(&topic, &payload))),
        }
    }

    /// What others say is not believed beyond its bounds, and passed over where it cannot be read.
    fn note(&mut self, topic: &str, payload: &[u8]) -> Option<String> {
        let topic = self.topics.read(topic)?;
        if payload.is_empty() {
            match topic {
                Topic::Offer(name) => drop(self.offers.remove(name)),
                Topic::Status(name) => drop(self.reports.remove(name)),
                Topic::About(id) => drop(self.bundles.remove(id)),
                Topic::Chunk(..) => {}
            }
            return None;
        }
        match topic {
            Topic::Status(name) if payload.len() <= LARGEST_NOTE && super::is_name(name) => {
                let report: Report = serde_json::from_slice(payload).ok()?;
                self.reports.insert(name.to_string(), report);
                return Some(name.to_string());
            }
            Topic::Offer(name) => drop(self.offers.insert(name.to_string(), Offer::read(payload).ok()?)),
            Topic::About(id) => drop(self.bundles.insert(id.to_string(), Offer::read(payload).ok()?)),
            _ => {}
        }
        None
    }

    /// Waits until the broker has everything that it was told.
    async fn settle(&mut self) -> Result<(), String> {
        let end = Instant::now() + TOLD;
        while !self.link.is_quiet() {
            if self.hear(end).await?.is_none() {
                return Err(format!("the broker does not take what it is told within {} s", TOLD.as_secs()));
            }
        }
        Ok(())
    }

    /// Publishes a bundle in chunks, for all gateways once.
    pub async fn publish(&mut self, bytes: &Bytes, offer: &Offer) -> Result<(), String> {
        for n in 0..offer.chunks {
            let chunk = bytes.slice(n * CHUNK..((n + 1) * CHUNK).min(bytes.len()));
            self.link.say(self.topics.chunk(&offer.id, n), chunk);
        }
        // Behind the chunks: what is known is whole.
        self.link.say(self.topics.about(&offer.id), offer.to_json());
        self.settle().await
    }

    /// Offers a bundle wave by wave, until all are through or one is unhealthy. `tell` hears of each wave and each gateway
    /// that is another way now.
    pub async fn roll_out(
        &mut self,
        rollout: &mut Rollout,
        offer: &Offer,
        tell: &mut dyn FnMut(Change<'_>),
    ) -> Result<(), String> {
        for (name, report) in &self.reports {
            // Where it stands. What it says about this bundle it says again when it is offered.
            rollout.heard(name, &Report::of(report.state), Instant::now());
        }
        loop {
            match rollout.next(Instant::now()) {
                Next::Done => return Ok(()),
                Next::Offer(names) => {
                    let (wave, of) = rollout.wave();
                    tell(Change::Wave(wave, of, &names));
                    for name in &names {
                        self.link.say(self.topics.offer(name), offer.to_json());
                    }
                    self.settle_while(rollout, tell).await?;
                }
                Next::Wait(until) => {
                    if let Some(Some(name)) = self.hear(until).await? {
                        self.heard(&name, rollout, tell);
                    }
                }
                Next::Stop(taken_back) => {
                    for name in &taken_back {
                        self.link.say(self.topics.offer(name), Bytes::new());
                    }
                    return self.settle().await;
                }
            }
        }
    }

    fn heard(&self, name: &str, rollout: &mut Rollout, tell: &mut dyn FnMut(Change<'_>)) {
        if let Some(report) = self.reports.get(name)
            && let Some(gateway) = rollout.heard(name, report, Instant::now())
        {
            tell(Change::Gateway(gateway));
        }
    }

    /// Verdicts come while offers still leave.
    async fn settle_while(
        &mut self,
        rollout: &mut Rollout,
        tell: &mut dyn FnMut(Change<'_>),
    ) -> Result<(), String> {
        let end = Instant::now() + TOLD;
        while !self.link.is_quiet() {
            match self.hear(end).await? {
                None => return Err("the broker does not take the offers".to_string()),
                Some(Some(name)) => self.heard(&name, rollout, tell),
                Some(None) => {}
            }
        }
        Ok(())
    }

    /// Takes away offers that have a verdict, or all, and then bundles that nobody is offered. Gives how many of each.
    pub async fn clear(&mut self, all: bool) -> Result<(usize, usize), String> {
        let is_done = |name: &String, offer: &Offer| {
            let report = self.reports.get(name);
            report.is_some_and(|report| report.id == offer.id && report.state.is_verdict())
        };
        let done = self.offers.iter().filter(|(name, offer)| all || is_done(name, offer));
        let done: Vec<String> = done.map(|(name, _)| name.clone()).collect();
        for name in &done {
            self.link.say(self.topics.offer(name), Bytes::new());
            self.offers.remove(name);
        }
        let wanted = |id: &String| self.offers.values().any(|offer| offer.id == *id);
        let unused: Vec<Offer> =
            self.bundles.iter().filter(|(id, _)| !wanted(id)).map(|(_, about)| about.clone()).collect();
        for about in &unused {
            for n in 0..about.chunks {
                self.link.say(self.topics.chunk(&about.id, n), Bytes::new());
            }
            // Last: what was broken off in between is found again.
            self.link.say(self.topics.about(&about.id), Bytes::new());
        }
        self.settle().await?;
        Ok((done.len(), unused.len()))
    }
}

/// What happens while a bundle is rolled out.
pub enum Change<'c> {
    /// Which wave of how many begins, and who is in it.
    Wave(usize, usize, &'c [String]),
    Gateway(&'c Gateway),
}

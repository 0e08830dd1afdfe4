//! A bundle for many gateways, wave by wave: who is next, who is well, and when to stop. No I/O.

use std::ops::Range;
use std::time::{Duration, Instant};

use super::report::{Report, State};

/// What is done about gateways that are away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Away {
    /// The offer waits for them at the broker. They hold up no wave.
    Wait,
    /// They are passed over.
    Skip,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Nothing was done about it.
    Untouched,
    /// It was away when it was its turn.
    Skipped,
    Offered,
    /// It was offered, and it is away.
    Waiting,
    Good,
    Unhealthy,
    /// The offer that waited for it was taken back, for the bundle has made another one ill.
    TakenBack,
}

pub struct Gateway {
    pub name: String,
    pub phase: Phase,
    pub revision: Option<i64>,
    pub reason: String,
    /// From its offer, or from when it came, to its verdict.
    pub took: Option<Duration>,
    /// As it says itself.
    pub state: Option<State>,
    since: Option<Instant>,
}

pub struct Rollout {
    /// The bundle.
    id: String,
    pub gateways: Vec<Gateway>,
    waves: Vec<Range<usize>>,
    /// Waves that have begun.
    begun: usize,
    wait: Duration,
    away: Away,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// These are offered the bundle now.
    Offer(Vec<String>),
    /// Something is to happen until then.
    Wait(Instant),
    /// These offers are taken back; it is over.
    Stop(Vec<String>),
    Done,
}

impl Rollout {
    pub fn new(id: &str, names: Vec<String>, wave: usize, wait: Duration, away: Away) -> Rollout {
        let count = names.len();
        let wave = wave.max(1);
        let waves = (0..count).step_by(wave).map(|at| at..(at + wave).min(count)).collect();
        let gateways = names
            .into_iter()
            .map(|name| Gateway {
                name,
                phase: Phase::Untouched,
                revision: None,
                reason: String::new(),
                took: None,
                state: None,
                since: None,
            })
            .collect();
        Rollout { id: id.to_string(), gateways, waves, begun: 0, wait, away }
    }

    /// The number of the wave that is under way, from 1, and how many there are.
    pub fn wave(&self) -> (usize, usize) {
        (self.begun, self.waves.len())
    }

    /// A gateway has said something. Gives its phase when that is another one now.
    pub fn heard(&mut self, name: &str, report: &Report, now: Instant) -> Option<&Gateway> {
        let gateway = self.gateways.iter_mut().find(|gateway| gateway.name == name)?;
        let before = gateway.phase;
        gateway.state = Some(report.state);
        let is_open = matches!(gateway.phase, Phase::Offered | Phase::Waiting);
        if !is_open {
            return None;
        }
        let is_here = report.state != State::Offline;
        if gateway.phase == Phase::Waiting && is_here {
            (gateway.phase, gateway.since) = (Phase::Offered, Some(now));
        }
        if report.id == self.id {
            gateway.revision = report.revision;
            gateway.reason = report.reason.clone();
            if report.state.is_verdict() {
                gateway.phase = if report.state == State::Good { Phase::Good } else { Phase::Unhealthy };
                gateway.took = gateway.since.map(|since| now.saturating_duration_since(since));
            }
        }
        (gateway.phase != before).then_some(gateway)
    }

    /// What is to be done now.
    pub fn next(&mut self, now: Instant) -> Next {
        for gateway in self.gateways.iter_mut().filter(|gateway| gateway.phase == Phase::Offered) {
            let since = gateway.since.unwrap_or(now);
            if now.saturating_duration_since(since) < self.wait {
                continue;
            }
            gateway.phase = Phase::Unhealthy;
            gateway.took = Some(now.saturating_duration_since(since));
            let last = match gateway.state {
                Some(State::Offline) => "it is away since it was offered the bundle".to_string(),
                Some(state) => format!("it is {state}"),
                None => "it says nothing".to_string(),
            };
            let told = std::mem::take(&mut gateway.reason);
            let told = if told.is_empty() { told } else { format!(": {told}") };
            gateway.reason = format!("no verdict within {} s; {last}{told}", self.wait.as_secs());
        }
        if self.gateways.iter().any(|gateway| gateway.phase == Phase::Unhealthy) {
            let still = self.gateways.iter().filter(|gateway| gateway.phase == Phase::Offered);
            // The others of the wave are heard out: what they say tells how bad it is.
            if let Some(until) = still.filter_map(|gateway| gateway.since).max() {
                return Next::Wait(until + self.wait);
            }
            let waiting = self.gateways.iter_mut().filter(|gateway| gateway.phase == Phase::Waiting);
            return Next::Stop(
                waiting
                    .map(|gateway| {
                        gateway.phase = Phase::TakenBack;
                        gateway.name.clone()
                    })
                    .collect(),
            );
        }
        let open = self.gateways.iter().filter(|gateway| gateway.phase == Phase::Offered);
        if let Some(first) = open.filter_map(|gateway| gateway.since).min() {
            return Next::Wait(first + self.wait);
        }
        let Some(wave) = self.waves.get(self.begun).cloned() else { return Next::Done };
        self.begun += 1;
        let mut offered = Vec::new();
        for gateway in &mut self.gateways[wave] {
            let is_here = !matches!(gateway.state, None | Some(State::Offline));
            gateway.phase = match (is_here, self.away) {
                (false, Away::Skip) => Phase::Skipped,
                (false, Away::Wait) => Phase::Waiting,
                (true, _) => Phase::Offered,
            };
            gateway.since = is_here.then_some(now);
            if gateway.phase != Phase::Skipped {
                offered.push(gateway.name.clone());
            }
        }
        Next::Offer(offered)
    }

    pub fn is_well(&self) -> bool {
        let fine = |phase| matches!(phase, Phase::Good | Phase::Waiting | Phase::Skipped);
        self.gateways.iter().all(|gateway| fine(gateway.phase))
    }
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Phase::Untouched => "untouched",
            Phase::Skipped => "skipped",
            Phase::Offered => "offered",
            Phase::Waiting => "waiting",
            Phase::Good => "good",
            Phase::Unhealthy => "unhealthy",
            Phase::TakenBack => "taken back",
        })
    }
}

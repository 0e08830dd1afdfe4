//! What is said over the live socket, both ways. docs/api.md tells it in words.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use tidegate_nodes::value::{Object, Str};
use utoipa::ToSchema;

use super::super::fault::Fault;
use super::super::probation::ProbationShown;
use super::super::v1::NodeTrouble;
use super::presence::Person;
use super::queues::Queue;
use super::wants::{Selection, Wants};
use crate::config::Standing;
use crate::engine::Backlog;

/// The version of what is said.
pub const VERSION: u32 = 2;
const MOST_FLOWS: usize = 1_000;
const MOST_NODES: usize = 5_000;
const MOST_TAPS: usize = 20;
const LONGEST_ID: usize = 256;
const OFTENEST: Duration = Duration::from_millis(500);
const RAREST: Duration = Duration::from_secs(60);

/// From a client.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[schema(as = LiveSaid)]
pub enum Said {
    /// From now on exactly this is wanted.
    Watch(Watch),
    Ping,
}

#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = LiveWatch)]
pub struct Watch {
    /// Tabs and subflow instances whose badges, counters, times and queues are told; without it, and without nodes, all.
    /// What debug nodes show, and what goes wrong, is told of all there is.
    flows: Option<Vec<String>>,
    nodes: Option<Vec<String>>,
    /// Counters of nodes and wires, twice a second.
    pub metrics: bool,
    /// Badges, at most four times a second.
    pub statuses: bool,
    /// What debug nodes show. It needs the right to see message contents.
    debug: bool,
    /// What is wrong.
    pub problems: bool,
    /// Outboxes, once a second.
    pub backlogs: bool,
    /// Nodes whose messages are shown: those that come in, or that leave a node without an input.
    pub taps: Vec<String>,
    /// Wires whose messages are shown.
    pub wire_taps: Vec<WireTap>,
    /// Where messages wait, twice a second.
    pub queues: bool,
    /// With the metrics, how long nodes take for a message.
    pub timings: bool,
    /// The flow that the person looks at, for the others to see.
    pub at: Option<String>,
    /// What the dashboard shows: all of it first, then what has changed, at most four times a second.
    pub dashboard: bool,
    /// How often metrics and queues are told: every 500 milliseconds without it, and every 60,000 at the most.
    every_ms: Option<u64>,
}

/// A wire: from a node's port to a node.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LiveWire)]
pub struct WireTap {
    pub from: String,
    #[serde(default)]
    pub port: u16,
    pub to: String,
}

impl Watch {
    /// As much of it as somebody may see who may look at the gateway, or at its dashboard only; and what is left out.
    pub fn within(self, looks: bool) -> (Watch, Vec<&'static str>) {
        if looks {
            return (self, Vec::new());
        }
        let wished = [
            ("metrics", self.metrics),
            ("statuses", self.statuses),
            ("debug", self.debug),
            ("problems", self.problems),
            ("backlogs", self.backlogs),
            ("taps", !self.taps.is_empty()),
            ("wire_taps", !self.wire_taps.is_empty()),
            ("queues", self.queues),
            ("timings", self.timings),
            ("at", self.at.is_some()),
        ];
        let beyond = wished.into_iter().filter(|(_, is)| *is).map(|(name, _)| name).collect();
        (Watch { dashboard: self.dashboard, ..Watch::default() }, beyond)
    }

    pub fn check(&self) -> Result<(), Fault> {
        let none = Vec::new();
        let (flows, nodes) = (self.flows.as_ref().unwrap_or(&none), self.nodes.as_ref().unwrap_or(&none));
        for (name, list, most) in
            [("flows", flows, MOST_FLOWS), ("nodes", nodes, MOST_NODES), ("taps", &self.taps, MOST_TAPS)]
        {
            if list.len() > most {
                let text = format!("at most {most} {name} can be watched at once");
                return Err(Fault::bad("too_many", text).pointer(format!("/{name}")));
            }
            if let Some(n) = list.iter().position(|id| id.len() > LONGEST_ID) {
                let text = format!("an id has at most {LONGEST_ID} bytes");
                return Err(Fault::bad("too_long", text).pointer(format!("/{name}/{n}")));
            }
        }
        if self.wire_taps.len() > MOST_TAPS {
            let text = format!("at most {MOST_TAPS} wires can be tapped at once");
            return Err(Fault::bad("too_many", text).pointer("/wire_taps"));
        }
        let is_long = |id: &String| id.len() > LONGEST_ID;
        let long_wire = self.wire_taps.iter().position(|wire| is_long(&wire.from) || is_long(&wire.to));
        let long_at = self.at.as_ref().is_some_and(is_long).then(|| "/at".to_string());
        match long_wire.map(|n| format!("/wire_taps/{n}")).or(long_at) {
            Some(pointer) => {
                let text = format!("an id has at most {LONGEST_ID} bytes");
                Err(Fault::bad("too_long", text).pointer(pointer))
            }
            None => Ok(()),
        }
    }

    /// After how many ticks metrics and queues are told again.
    pub fn every(&self, tick: Duration) -> u64 {
        let every = Duration::from_millis(self.every_ms.unwrap_or_default()).clamp(OFTENEST, RAREST);
        every.as_millis().div_ceil(tick.as_millis()) as u64
    }

    /// Of what is wished, what shows messages.
    pub fn showing(&self) -> Vec<&'static str> {
        let mut showing = Vec::new();
        if self.debug || !self.taps.is_empty() {
            showing.extend(["debug", "taps"]);
        }
        if !self.wire_taps.is_empty() {
            showing.push("wire_taps");
        }
        showing
    }

    pub fn wants(&self, sees_payloads: bool) -> Wants {
        let of = match (&self.flows, &self.nodes) {
            (None, None) => Selection::All,
            (flows, nodes) => Selection::Only { flows: set(flows), nodes: set(nodes) },
        };
        let (mut taps, mut wires) = (HashSet::new(), HashSet::new());
        if sees_payloads {
            taps.extend(self.taps.iter().map(Str::new));
            wires.extend(
                self.wire_taps.iter().map(|wire| (Str::new(&wire.from), wire.port, Str::new(&wire.to))),
            );
        }
        Wants {
            statuses: self.statuses,
            debug: self.debug && sees_payloads,
            troubles: self.problems,
            taps,
            wires,
            of,
        }
    }
}

fn set(ids: &Option<Vec<String>>) -> HashSet<Str> {
    ids.iter().flatten().map(Str::new).collect()
}

/// From the gateway.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[schema(as = LiveTold)]
pub enum Told {
    /// First of all.
    Hello {
        version: u32,
        gateway: &'static str,
        name: String,
        sees_payloads: bool,
        deploy: Deploy,
        /// The id of this connection among those that are here.
        you: String,
        /// The clock of the gateway: that of the browser may be wrong.
        now_ms: i64,
        /// Counts the starts of the gateway.
        boot: u64,
    },
    /// All who are here.
    Presence {
        people: Vec<Person>,
    },
    /// The answer to `watch`.
    Watching {
        /// Of what was wished, what this client may not see.
        not_allowed: Vec<&'static str>,
        /// Nodes that were to be tapped and do not run.
        unknown: Vec<String>,
        /// The same of wires.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        unknown_wires: Vec<WireTap>,
    },
    Pong,
    /// What the numbers in `metrics` stand for: before the first of them, and whenever it is something else.
    Legend(Legend),
    /// What has been counted since the last one; only what is not 0. Each list has its figures one after another.
    Metrics {
        span_ms: u64,
        /// Four each: number of the node, received, sent, errors.
        nodes: Vec<u64>,
        /// Two each: number of the wire, messages.
        wires: Vec<u64>,
        /// Four each: number of the node; half of the sampled messages took less than so many tenths of a microsecond, 95 of
        /// 100 less than so many; and how many were sampled.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        timings: Vec<u64>,
    },
    /// Where messages wait, by node: those that have changed.
    Queues {
        span_ms: u64,
        #[schema(value_type = BTreeMap<String, Queue>)]
        nodes: BTreeMap<Str, Queue>,
    },
    /// By node; one that is empty has gone.
    Status {
        #[schema(value_type = BTreeMap<String, Object>)]
        nodes: BTreeMap<Str, Json>,
    },
    /// As Node-RED's debug panel has it.
    Debug {
        #[schema(value_type = Object)]
        shown: Json,
    },
    Tap {
        #[schema(value_type = String)]
        node: Str,
        /// It came in, or has left a node that has no input.
        came_in: bool,
        /// It passed over this wire of the node.
        #[serde(skip_serializing_if = "Option::is_none")]
        wire: Option<WireTap>,
        #[schema(value_type = Object)]
        shown: Json,
    },
    /// Messages that were not shown, by node: they come faster than they are shown, or taken.
    Skipped {
        #[schema(value_type = BTreeMap<String, u64>)]
        nodes: BTreeMap<Str, u64>,
    },
    Backlogs {
        outboxes: Vec<Backlog>,
    },
    /// Properties of widgets, to be laid over those that are known. What stands under `more` is appended: points to the
    /// `series` of a chart, `rows` to a table.
    Dashboard {
        #[schema(value_type = BTreeMap<String, std::collections::HashMap<String, Json>>)]
        widgets: BTreeMap<Str, Object>,
    },
    /// What runs now, and whether it is healthy.
    Deploy(Deploy),
    /// All that is wrong now.
    Problems {
        nodes: Vec<NodeTrouble>,
    },
    /// Something has gone wrong just now.
    Trouble {
        #[schema(value_type = String)]
        node: Str,
        /// As a person knows it.
        name: String,
        /// `error`, `panicked`, `stopped` or `lost`.
        kind: &'static str,
        count: u64,
        /// Only for who may see message contents.
        #[serde(skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
    /// What the client said makes no sense. Nothing has changed.
    Wrong {
        #[schema(value_type = super::super::fault::Told)]
        error: Json,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = LiveDeploy)]
pub struct Deploy {
    pub number: i64,
    pub rev: String,
    pub standing: Standing,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// What a person calls it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// While it is watched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probation: Option<ProbationShown>,
}

/// The number of a node or wire is its place in these lists.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = LiveLegend)]
pub struct Legend {
    #[schema(value_type = Vec<String>)]
    pub nodes: Vec<Str>,
    /// Number of the node that it comes from, its port, number of the node that it leads to.
    pub wires: Vec<[u32; 3]>,
}

//! What is said over the live socket, both ways. docs/api.md tells it in words.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use tidegate_nodes::value::{Object, Str};
use utoipa::ToSchema;

use super::super::fault::Fault;
use super::super::v1::NodeTrouble;
use super::wants::{Selection, Wants};
use crate::config::Standing;
use crate::engine::Backlog;

/// The version of what is said.
pub const VERSION: u32 = 1;
const MOST_FLOWS: usize = 1_000;
const MOST_NODES: usize = 5_000;
const MOST_TAPS: usize = 20;
const LONGEST_ID: usize = 256;

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
    /// Tabs and subflow instances; without it, and without nodes, all there is.
    flows: Option<Vec<String>>,
    nodes: Option<Vec<String>>,
    /// Counters of nodes and wires, twice a second.
    pub metrics: bool,
    /// Badges, at most four times a second.
    statuses: bool,
    /// What debug nodes show. It needs the right to see message contents.
    debug: bool,
    /// What is wrong.
    pub problems: bool,
    /// Outboxes, once a second.
    pub backlogs: bool,
    /// Nodes whose messages are shown: those that come in, or that leave a node without an input.
    pub taps: Vec<String>,
    /// What the dashboard shows: all of it first, then what has changed, at most four times a second.
    pub dashboard: bool,
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
        Ok(())
    }

    pub fn needs_payloads(&self) -> bool {
        self.debug || !self.taps.is_empty()
    }

    pub fn wants(&self, sees_payloads: bool) -> Wants {
        let of = match (&self.flows, &self.nodes) {
            (None, None) => Selection::All,
            (flows, nodes) => Selection::Only { flows: set(flows), nodes: set(nodes) },
        };
        let taps = if sees_payloads { self.taps.iter().map(Str::new).collect() } else { HashSet::new() };
        Wants {
            statuses: self.statuses,
            debug: self.debug && sees_payloads,
            troubles: self.problems,
            taps,
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
    },
    /// The answer to `watch`.
    Watching {
        /// Of what was wished, what this client may not see.
        not_allowed: Vec<&'static str>,
        /// Nodes that were to be tapped and do not run.
        unknown: Vec<String>,
    },
    Pong,
    /// What has been counted since the last one; only what is not 0.
    Metrics {
        span_ms: u64,
        /// By node: received, sent, errors.
        #[schema(value_type = BTreeMap<String, [u64; 3]>)]
        nodes: BTreeMap<Str, [u64; 3]>,
        wires: Vec<WireDelta>,
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
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct WireDelta {
    #[schema(value_type = String)]
    pub from: Str,
    pub port: u16,
    #[schema(value_type = String)]
    pub to: Str,
    pub passed: u64,
}

//! What happened in a run, kept for the comparison.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value as Json;
use tidegate_nodes::host::Level;
use tidegate_nodes::value::Object;

use crate::engine::{Event, NodeRef, Observer};
use crate::flow::Problem;

/// Everything is kept by the id that a test knows the node by: its own, and the one in the flow file.
#[derive(Default)]
pub struct Record {
    pub messages: BTreeMap<String, Vec<(Duration, Object)>>,
    pub errors: BTreeMap<String, u64>,
    pub uncaught: Vec<String>,
    pub warns: BTreeMap<String, u64>,
    pub statuses: BTreeMap<String, Vec<Json>>,
    pub panics: Vec<String>,
    /// How many messages were kept; a flow that goes wild must not fill the memory.
    kept: usize,
}

const MAX_KEPT: usize = 1_000_000;

#[derive(Default)]
pub struct Recorder(Mutex<Record>);

impl Recorder {
    /// A node that does not run because its configuration is wrong: an error that no catch node takes.
    pub fn refused(&self, problem: &Problem) {
        let mut record = self.lock();
        record.uncaught.push(problem.to_string());
        if let Some(node) = &problem.node {
            *record.errors.entry(node.clone()).or_default() += 1;
        }
    }

    pub fn lock(&self) -> MutexGuard<'_, Record> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Recorder {
    fn event(&self, at: Duration, node: &NodeRef, event: Event) {
        let mut record = self.lock();
        let mut names = vec![node.id.to_string()];
        if node.document_id != node.id {
            names.push(node.document_id.to_string());
        }
        match event {
            Event::Received(value) | Event::Sent(value) => {
                record.kept += 1;
                if record.kept <= MAX_KEPT {
                    for name in names {
                        record.messages.entry(name).or_default().push((at, value.clone()));
                    }
                }
            }
            Event::Error { error, caught } => {
                if !caught {
                    record.uncaught.push(format!("{node}: {error}"));
                }
                for name in names {
                    *record.errors.entry(name).or_default() += 1;
                }
            }
            Event::Log(Level::Warn, _) => {
                for name in names {
                    *record.warns.entry(name).or_default() += 1;
                }
            }
            Event::Status(status) => {
                let status = serde_json::to_value(status.to_object()).unwrap_or(Json::Null);
                for name in names {
                    record.statuses.entry(name).or_default().push(status.clone());
                }
            }
            Event::Panicked { text, .. } => record.panics.push(format!("{node}: {text}")),
            Event::Log(..) | Event::Debug(_) | Event::Passed { .. } | Event::Lost { .. } => {}
        }
    }
}

//! A flow test as it stands in its file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use crate::flow;

/// One case. Fields that are not named here are ignored.
#[derive(Debug, Deserialize)]
pub struct Case {
    #[serde(default = "unnamed")]
    pub name: String,
    #[serde(default)]
    pub tags: Vec<String>,
    pub flow: Flow,
    #[serde(default)]
    pub env: BTreeMap<String, Json>,
    #[serde(default)]
    pub context: ContextBefore,
    /// Names of context stores, the first the default, with what each is in Node-RED.
    #[serde(default)]
    pub context_stores: Map<String, Json>,
    #[serde(default)]
    pub settings: Map<String, Json>,
    #[serde(default)]
    pub steps: Vec<Step>,
    pub run_ms: Option<u64>,
    #[serde(default)]
    pub expect: BTreeMap<String, Vec<Expected>>,
    #[serde(default = "tolerance")]
    pub at_tolerance_ms: u64,
    /// Paths whose presence is compared, not their value.
    #[serde(default)]
    pub loose: Vec<String>,
    /// Paths that are not compared.
    #[serde(default)]
    pub ignore: Vec<String>,
    pub errors: Option<BTreeMap<String, u64>>,
    #[serde(default)]
    pub warns: BTreeMap<String, u64>,
    #[serde(default)]
    pub status: BTreeMap<String, Vec<Json>>,
    #[serde(default)]
    pub context_after: Vec<ContextAfter>,
    #[serde(default)]
    pub stub: BTreeMap<String, Vec<Json>>,
    /// The file it stands in.
    #[serde(skip)]
    pub file: PathBuf,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Flow {
    /// Relative to the file of the case.
    File(String),
    Nodes(Vec<Json>),
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ContextBefore {
    pub global: Map<String, Json>,
    pub flow: BTreeMap<String, Map<String, Json>>,
    pub node: BTreeMap<String, Map<String, Json>>,
    pub stores: BTreeMap<String, ContextBefore>,
}

#[derive(Debug, Deserialize)]
pub struct Step {
    #[serde(default)]
    pub at_ms: u64,
    pub send: Send,
}

#[derive(Debug, Deserialize)]
pub struct Send {
    pub to: String,
    #[serde(default)]
    pub msg: Map<String, Json>,
}

#[derive(Debug, Deserialize)]
pub struct Expected {
    pub at_ms: Option<u64>,
    /// Every property named is equal.
    pub msg: Option<Map<String, Json>>,
    /// The same, and there are no others.
    pub exactly: Option<Map<String, Json>>,
}

#[derive(Debug, Deserialize)]
pub struct ContextAfter {
    pub scope: String,
    pub id: Option<String>,
    pub store: Option<String>,
    pub key: String,
    pub value: Option<Json>,
}

impl Case {
    /// Whether its flow has a node of a type that this gateway does not have. A flow in a file is not looked at.
    pub fn names_unknown_type(&self) -> bool {
        let Flow::Nodes(nodes) = &self.flow else { return false };
        nodes.iter().filter_map(|node| node["type"].as_str()).any(|name| !flow::is_known_type(name))
    }
}

fn unnamed() -> String {
    "unnamed".to_string()
}

fn tolerance() -> u64 {
    20
}

/// A test file may not be larger than this.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// Reads the cases of a file: one, or an array of them.
pub fn read(path: &Path) -> anyhow::Result<Vec<Case>> {
    let named = || path.display().to_string();
    let size = std::fs::metadata(path).with_context(named)?.len();
    if size > MAX_BYTES {
        bail!("{}: {} MB is too large for a test file (64 MB at most)", named(), size / 1_000_000);
    }
    let text = std::fs::read_to_string(path).with_context(named)?;
    parse(&text, path).with_context(named)
}

/// Parses the cases in a text. `path` is what flows in files are relative to.
pub fn parse(text: &str, path: &Path) -> anyhow::Result<Vec<Case>> {
    let json: Json = serde_json::from_str(text).context("not JSON")?;
    let items = match json {
        Json::Array(items) => items,
        one => vec![one],
    };
    let cases = items.into_iter().enumerate().map(|(n, item)| {
        let mut case: Case = serde_path_to_error::deserialize(item)
            .map_err(|error| anyhow::anyhow!("case {n}, at {}: {}", error.path(), error.inner()))?;
        case.file = path.to_path_buf();
        Ok(case)
    });
    cases.collect()
}

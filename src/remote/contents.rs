//! What is in a bundle: flows, and what goes with them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use crate::flow::{Deployment, Document, Limits};

#[derive(Debug, thiserror::Error)]
pub enum WrongContents {
    #[error("the bundle is signed, but its contents are not what this tidegate knows: {0}; update tidegate")]
    Unknown(String),
    #[error("the bundle has no flows that can be read: {0}")]
    Flows(String),
    #[error("{0}")]
    Value(String),
}

/// A field that is not known here may be why a bundle was made: it is refused, not passed over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contents {
    /// Of two bundles of a key the one with the higher number is newer. Milliseconds since 1970, unless somebody counts.
    pub sequence: i64,
    /// The gateways that it is for: names, or patterns with `*`. None: any.
    #[serde(default)]
    pub gateways: Vec<String>,
    /// Node-RED's flow document, without secrets.
    pub flows: Json,
    /// For `${NAME}` in the flows.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Script modules by name, for the functions that import them.
    #[serde(default)]
    pub modules: BTreeMap<String, String>,
    #[serde(default)]
    pub why: String,
    #[serde(default)]
    pub who: String,
    /// Seconds.
    #[serde(default = "usual_probation")]
    pub probation: u32,
    #[serde(default)]
    pub deployment: Kind,
}

pub const PROBATION: u32 = 30;
/// What is watched for longer is watched by nobody.
pub const LONGEST_PROBATION: u32 = 3_600;

fn usual_probation() -> u32 {
    PROBATION
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    #[default]
    Nodes,
    Flows,
    Full,
}

impl From<Kind> for Deployment {
    fn from(kind: Kind) -> Deployment {
        match kind {
            Kind::Nodes => Deployment::Nodes,
            Kind::Flows => Deployment::Flows,
            Kind::Full => Deployment::Full,
        }
    }
}

impl Contents {
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("maps of texts and JSON have a JSON form")
    }

    pub fn of_json(json: &[u8]) -> Result<Contents, WrongContents> {
        let contents: Contents =
            serde_json::from_slice(json).map_err(|error| WrongContents::Unknown(error.to_string()))?;
        contents.check()?;
        Ok(contents)
    }

    /// What the types do not say.
    pub fn check(&self) -> Result<(), WrongContents> {
        let wrong = |text: String| Err(WrongContents::Value(text));
        if self.sequence < 0 {
            return wrong(format!("the sequence is {}: it is a number from 0", self.sequence));
        }
        if !(1..=LONGEST_PROBATION).contains(&self.probation) {
            let text = format!(
                "the probation is {} seconds: it is 1 to {LONGEST_PROBATION}, for nobody is there to see it fail",
                self.probation
            );
            return wrong(text);
        }
        if self.who.len() > 200 || self.why.len() > 2_000 {
            return wrong("who is longer than 200 bytes, or why longer than 2000".to_string());
        }
        if let Some(name) = self.env.keys().find(|name| !is_env_name(name)) {
            return wrong(format!("{name:?} is no name of a variable: letters, digits and underscores"));
        }
        self.document().map(drop)
    }

    /// Whether it is for a gateway of this name.
    pub fn is_for(&self, gateway: &str) -> bool {
        self.gateways.is_empty() || self.gateways.iter().any(|pattern| fits(pattern, gateway))
    }

    /// The document that is run: the flows, with the variables in the global configuration, where they go before those of
    /// the process, and with the modules in the functions that import them. So all that runs stands in the revision.
    pub fn document(&self) -> Result<Document, WrongContents> {
        let mut flows = self.flows.clone();
        let nodes = match &mut flows {
            Json::Object(whole) => whole.get_mut("flows").and_then(Json::as_array_mut),
            nodes => nodes.as_array_mut(),
        };
        let Some(nodes) = nodes else {
            return Err(WrongContents::Flows("expected an array of nodes".to_string()));
        };
        set_env(nodes, &self.env);
        nodes.iter_mut().filter_map(Json::as_object_mut).for_each(|node| add_modules(node, &self.modules));
        Document::from_json(flows, &Limits::default()).map_err(|problems| {
            WrongContents::Flows(problems.first().map(ToString::to_string).unwrap_or_default())
        })
    }

    /// Modules that no function imports: a name that is mistyped, most likely.
    pub fn unused_modules(&self) -> Vec<&str> {
        let Ok(document) = self.document() else { return Vec::new() };
        let used: BTreeSet<&String> = document
            .nodes
            .iter()
            .filter_map(|node| node.property("modules")?.as_object())
            .flat_map(Map::keys)
            .collect();
        self.modules.keys().filter(|name| !used.contains(name)).map(String::as_str).collect()
    }
}

pub fn is_env_name(name: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=200).contains(&name.len()) && name.bytes().all(fine) && !name.as_bytes()[0].is_ascii_digit()
}

/// `*` stands for any text, also none.
fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// The id of a global configuration that had to be made.
const GLOBAL: &str = "bundle-env";

fn set_env(nodes: &mut Vec<Json>, env: &BTreeMap<String, String>) {
    if env.is_empty() {
        return;
    }
    let is_global = |node: &&mut Json| node["type"] == "global-config";
    let global = match nodes.iter_mut().find(is_global) {
        Some(global) => global,
        None => {
            nodes.push(json!({"id": GLOBAL, "type": "global-config", "env": []}));
            nodes.last_mut().expect("one was put there")
        }
    };
    let lines = global.as_object_mut().map(|global| global.entry("env").or_insert_with(|| json!([])));
    let Some(Json::Array(lines)) = lines else { return };
    lines.retain(|line| !line["name"].as_str().is_some_and(|name| env.contains_key(name)));
    lines.extend(env.iter().map(|(name, value)| json!({"name": name, "type": "str", "value": value})));
}

/// Gives a function the modules that it imports and does not bring along, and those that these import.
fn add_modules(node: &mut Map<String, Json>, modules: &BTreeMap<String, String>) {
    if modules.is_empty() || node.get("type").and_then(Json::as_str) != Some("function") {
        return;
    }
    let text = |name: &str| node.get(name).and_then(Json::as_str).unwrap_or_default();
    let mut wanted: Vec<String> =
        ["func", "initialize", "finalize"].iter().flat_map(|name| imports(text(name))).collect();
    let libs = node.get("libs").and_then(Json::as_array).into_iter().flatten();
    wanted.extend(libs.filter_map(|lib| lib["module"].as_str().map(str::to_string)));
    let own = node.get("modules").and_then(Json::as_object);
    wanted.extend(own.into_iter().flat_map(Map::values).filter_map(Json::as_str).flat_map(imports));
    let mut all = own.cloned().unwrap_or_default();
    while let Some(name) = wanted.pop() {
        if let (false, Some(source)) = (all.contains_key(&name), modules.get(&name)) {
            all.insert(name, source.clone().into());
            wanted.extend(imports(source));
        }
    }
    if !all.is_empty() {
        node.insert("modules".to_string(), Json::Object(all));
    }
}

/// The names behind `import` in a script. One in a comment is found too, which only brings a module along that is not used.
fn imports(source: &str) -> Vec<String> {
    let behind = source.split("import").skip(1).filter_map(|rest| {
        let rest = rest.trim_start();
        let quote = rest.chars().next().filter(|quote| matches!(quote, '"' | '`'))?;
        rest[1..].split_once(quote).map(|(name, _)| name.to_string())
    });
    behind.collect()
}

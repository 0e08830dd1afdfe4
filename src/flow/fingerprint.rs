//! What makes a node another node than before.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Map, Value as Json};

use super::env::EnvChain;

/// Properties that change nothing about what the node does. Wires are compared apart.
const NO_MATTER: &[&str] = &[
    "id",
    "z",
    "x",
    "y",
    "w",
    "h",
    "l",
    "g",
    "info",
    "icon",
    "wires",
    "inputLabels",
    "outputLabels",
    "_alias",
];

/// The same for two nodes of a type with the same properties and settings, whatever the order of the properties.
pub(super) fn fingerprint(type_name: &str, properties: &Map<String, Json>, env: &EnvChain) -> u64 {
    let mut hasher = DefaultHasher::new();
    (type_name, env.hash).hash(&mut hasher);
    let mut sum = 0_u64;
    for (key, value) in properties.iter().filter(|(key, _)| !NO_MATTER.contains(&key.as_str())) {
        sum = sum.wrapping_add(property(key, value));
    }
    sum.hash(&mut hasher);
    hasher.finish()
}

/// Takes in what a node depends on.
pub(super) fn fold(fingerprint: u64, others: &[u64]) -> u64 {
    if others.is_empty() {
        return fingerprint;
    }
    let mut hasher = DefaultHasher::new();
    (fingerprint, others).hash(&mut hasher);
    hasher.finish()
}

fn property(key: &str, value: &Json) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    json(value, &mut hasher);
    hasher.finish()
}

fn json(value: &Json, hasher: &mut DefaultHasher) {
    match value {
        Json::Null => 0_u8.hash(hasher),
        Json::Bool(b) => (1_u8, b).hash(hasher),
        Json::Number(n) => (2_u8, n.to_string()).hash(hasher),
        Json::String(s) => (3_u8, s).hash(hasher),
        Json::Array(items) => {
            (4_u8, items.len()).hash(hasher);
            items.iter().for_each(|item| json(item, hasher));
        }
        Json::Object(map) => {
            let sum = map.iter().fold(0_u64, |sum, (key, value)| sum.wrapping_add(property(key, value)));
            (5_u8, map.len(), sum).hash(hasher);
        }
    }
}

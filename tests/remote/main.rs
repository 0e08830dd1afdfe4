//! Deploys from elsewhere: over a real Mosquitto, from a web server, to one gateway and to fifty.
// Clippy lets tests unwrap, but does not know the functions that they call as tests.
#![allow(clippy::unwrap_used, dead_code)]

#[path = "../support/brokers/mod.rs"]
mod brokers;
mod commands;
mod fleet;
mod gateway;
mod offers;
mod pulled;
#[path = "../support/mod.rs"]
mod support;
mod survival;
mod web;

use std::path::Path;

use serde_json::{Value as Json, json};
use tidegate::remote::bundle;
use tidegate::remote::contents::{Contents, Kind};
use tidegate::remote::key::PrivateKey;
use tidegate::remote::trust::Trust;

/// A key that the gateways with these data directories trust.
fn trusted_by(data_dirs: &[&Path]) -> PrivateKey {
    let folder = tempfile::tempdir().unwrap();
    let key = PrivateKey::create(&folder.path().join("key")).unwrap();
    for data in data_dirs {
        std::fs::create_dir_all(data).unwrap();
        Trust::of(data).add(key.public(), "ci").unwrap();
    }
    key
}

/// A flow that is well, and can be told from others.
fn labelled(label: &str) -> Json {
    json!([{"id": "t", "type": "tab", "label": label}])
}

/// One that needs several chunks, for it cannot be packed.
fn large(label: &str) -> Json {
    let mut seed = 7_u64;
    let text: String = (0..200_000)
        .map(|_| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b'0' + ((seed >> 33) % 75) as u8)
        })
        .collect();
    json!([{"id": "t", "type": "tab", "label": label, "info": text}])
}

fn contents(sequence: i64, flows: Json) -> Contents {
    Contents {
        sequence,
        gateways: Vec::new(),
        flows,
        env: Default::default(),
        modules: Default::default(),
        why: String::new(),
        who: "ada".to_string(),
        probation: 1,
        deployment: Kind::Nodes,
    }
}

fn signed(sequence: i64, flows: Json, key: &PrivateKey) -> Vec<u8> {
    bundle::sign(&contents(sequence, flows), key).unwrap()
}

//! What a message is: everything in it can be computed from its id.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value as Json, json};

/// How long payloads are; one for the whole run.
static BYTES: AtomicUsize = AtomicUsize::new(256);

pub fn set_payload_bytes(bytes: usize) {
    BYTES.store(bytes, Ordering::Relaxed);
}

/// Messages with the same key keep their order.
pub fn key(id: u64) -> String {
    format!("k{}", id % 16)
}

/// One for all messages of a key: order is kept within a priority.
fn priority(id: u64) -> &'static str {
    match id % 16 {
        0 => "alarm",
        1..=4 => "telemetry",
        _ => "event",
    }
}

pub fn payload(id: u64) -> String {
    let bytes = BYTES.load(Ordering::Relaxed);
    let mut text = String::with_capacity(bytes + 16);
    let mut seed = id;
    while text.len() < bytes {
        text.push_str(&format!("{:016x}", mix(&mut seed)));
    }
    text
}

pub fn line(id: u64) -> String {
    let message = json!({"id": id, "topic": key(id), "priority": priority(id), "payload": payload(id)});
    let mut line = message.to_string();
    line.push('\n');
    line
}

/// Whether the flow lets it through: its rule, computed here and not asked for.
pub fn passes(id: u64) -> bool {
    !id.is_multiple_of(7)
}

pub fn id_of(message: &Json) -> Option<u64> {
    message["id"].as_u64()
}

pub fn is_intact(message: &Json, id: u64) -> bool {
    message["topic"] == key(id).as_str()
        && message["priority"] == priority(id)
        && message["payload"] == payload(id).as_str()
}

/// SplitMix64: small, and the same everywhere.
pub fn mix(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *seed;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

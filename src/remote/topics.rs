//! What goes over MQTT: under which topics, and in which words. All of it is retained.
//!
//! ```text
//! PREFIX/bundles/ID/about       what the bundle is, for whoever clears it away
//! PREFIX/bundles/ID/0, 1, ...   its chunks, one copy for all gateways
//! PREFIX/gateways/NAME/offer    the bundle that a gateway is to run
//! PREFIX/gateways/NAME/status   what has become of it: a report
//! ```

use serde::{Deserialize, Serialize};

use super::bundle::{self, Hash, LARGEST};
use crate::config::hex;

/// Brokers of clouds take 128 KiB.
pub const CHUNK: usize = 64 * 1024;
pub const MOST_CHUNKS: usize = LARGEST.div_ceil(CHUNK);
/// An offer or a report is not larger.
pub const LARGEST_NOTE: usize = 16 * 1024;
/// What the connection must take: a chunk, or a note, with its topic.
pub const LARGEST_PACKET: usize = 256 * 1024;

/// A bundle that is there to be fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    pub id: String,
    pub size: usize,
    pub chunks: usize,
    pub sequence: i64,
    pub sha256: String,
}

impl Offer {
    pub fn of(bytes: &[u8], sequence: i64) -> Offer {
        let hash = bundle::hash_of(bytes);
        Offer {
            id: bundle::id_of(&hash),
            size: bytes.len(),
            chunks: bytes.len().div_ceil(CHUNK),
            sequence,
            sha256: hex(&hash),
        }
    }

    /// Reads one. What it says is not signed, so it is not believed beyond these bounds.
    pub fn read(payload: &[u8]) -> Result<Offer, String> {
        if payload.len() > LARGEST_NOTE {
            return Err(format!(
                "the offer has {} bytes, and at most {LARGEST_NOTE} are read",
                payload.len()
            ));
        }
        let offer: Offer =
            serde_json::from_slice(payload).map_err(|error| format!("the offer cannot be read: {error}"))?;
        let is_hex = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if offer.sha256.len() != 64 || !is_hex(&offer.sha256) || offer.id != offer.sha256[..16] {
            return Err("the offer has no SHA-256 that its id begins with".to_string());
        }
        if offer.size > LARGEST {
            return Err(format!(
                "the bundle on offer is too large: {} bytes, and at most {LARGEST} are taken",
                offer.size
            ));
        }
        if offer.size == 0 || offer.chunks == 0 || offer.chunks > MOST_CHUNKS.min(offer.size) {
            return Err(format!("the offer is of {} bytes in {} chunks", offer.size, offer.chunks));
        }
        Ok(offer)
    }

    pub fn is(&self, hash: &Hash) -> bool {
        self.sha256 == hex(hash)
    }

    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("numbers and texts have a JSON form")
    }
}

#[derive(Debug, Clone)]
pub struct Topics(String);

impl Topics {
    pub fn new(prefix: &str) -> Topics {
        Topics(prefix.trim_end_matches('/').to_string())
    }

    pub fn about(&self, bundle: &str) -> String {
        format!("{}/bundles/{bundle}/about", self.0)
    }

    pub fn chunk(&self, bundle: &str, n: usize) -> String {
        format!("{}/bundles/{bundle}/{n}", self.0)
    }

    pub fn offer(&self, gateway: &str) -> String {
        format!("{}/gateways/{gateway}/offer", self.0)
    }

    pub fn status(&self, gateway: &str) -> String {
        format!("{}/gateways/{gateway}/status", self.0)
    }

    /// Which topic it is.
    pub fn read<'t>(&self, topic: &'t str) -> Option<Topic<'t>> {
        let rest = topic.strip_prefix(self.0.as_str())?.strip_prefix('/')?;
        let mut parts = rest.split('/');
        let found = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        match found {
            ("gateways", name, "offer") => Some(Topic::Offer(name)),
            ("gateways", name, "status") => Some(Topic::Status(name)),
            ("bundles", id, "about") => Some(Topic::About(id)),
            ("bundles", id, n) => Some(Topic::Chunk(id, n.parse().ok()?)),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic<'t> {
    Offer(&'t str),
    Status(&'t str),
    About(&'t str),
    Chunk(&'t str, usize),
}

/// Whether topics can begin with it.
pub fn is_prefix(prefix: &str) -> bool {
    let is_level = |level: &str| !level.is_empty() && !level.contains(['+', '#', '\0', '$']);
    prefix.len() <= 200 && prefix.split('/').all(is_level)
}

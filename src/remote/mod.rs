//! Deploys that come from elsewhere without anybody reaching in: a signed bundle over MQTT, or pulled over HTTPS. Both ways
//! end in the same checks and the same deploy on probation.
//!
//! ```text
//! offer, chunks (MQTT) -> gather --+
//! a file on a server   -> pull ----+-> intake: bundle (signature) -> trust -> sequence -> Deployer -> verdict -> report
//! fleet: publishes chunks, offers them wave by wave, and waits for the reports
//! ```

pub mod address;
pub mod bundle;
pub mod contents;
#[cfg(feature = "mqtt")]
pub mod fleet;
#[cfg(feature = "mqtt")]
mod gather;
pub mod intake;
pub mod key;
#[cfg(feature = "mqtt")]
pub mod link;
#[cfg(feature = "mqtt")]
pub mod mqtt;
pub mod pull;
#[cfg(feature = "mqtt")]
mod receiver;
pub mod refused;
pub mod report;
pub mod rollout;
pub mod topics;
pub mod trust;

#[cfg(test)]
mod bundle_tests;
#[cfg(test)]
mod contents_tests;
#[cfg(all(test, feature = "mqtt"))]
mod gather_tests;
#[cfg(test)]
mod intake_tests;
#[cfg(test)]
mod rollout_tests;
#[cfg(test)]
mod trust_tests;

/// Whether a name can be that of a gateway: it stands in topics, and patterns are compared with it.
pub fn is_name(name: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=64).contains(&name.len()) && name.bytes().all(fine)
}

/// What a person is told who has named one that cannot be.
pub const NAMES: &str = "a name of 1 to 64 letters, digits, dots, hyphens and underscores";

/// For waits.
fn random() -> u64 {
    let mut bytes = [0; 8];
    // Without random numbers all wait equally long.
    let _ = crate::config::random(&mut bytes);
    u64::from_ne_bytes(bytes)
}

//! Deploys over MQTT, on the side of the gateway: the connection, and what is said over it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tidegate_nodes::error::NodeError;

use super::address::Address;
use super::intake::Intake;
use super::link::{Link, Peer};
use super::receiver::{Receiver, with_version};
use super::report::{Report, State};
use super::topics::Topics;
use crate::engine::Engine;

#[derive(Debug, Clone)]
pub struct Options {
    pub address: Address,
    /// Certificates to trust in place of those of the system.
    pub authority: Option<PathBuf>,
    pub prefix: String,
    /// How long a chunk may take to come.
    pub patience: Duration,
}

pub const PATIENCE: Duration = Duration::from_secs(20);
/// Listens for offers until the gateway stops.
pub fn start(
    engine: &Engine,
    runtime: &tokio::runtime::Handle,
    intake: Arc<Intake>,
    options: Options,
) -> Result<(), NodeError> {
    let topics = Topics::new(&options.prefix);
    let status = topics.status(intake.name());
    let gone = with_version(Report::of(State::Offline)).to_json();
    let link = Link::open(
        engine,
        Peer {
            address: &options.address,
            authority: options.authority.as_deref(),
            // Always the same: a connection that is half open is replaced, and its last will does not come later.
            client_id: format!("tidegate-{}", intake.name()),
            last_will: Some((status, gone)),
        },
    )?;
    runtime.spawn(Receiver::new(intake, link, topics, options.patience).run());
    Ok(())
}

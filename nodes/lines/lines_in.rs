//! lines in: listens for programs that hand over JSON lines, and tells them for each line when it is safe.

use std::collections::{BTreeSet, HashMap};
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Deserialize;

use super::address::Address;
use super::connection::{EVENTS, Event, Limits, Listening};
use super::line::Answer;
use super::peer::Peer;
use super::socket::Listener;
use crate::connector::{Connector, ConnectorHost, Incoming};
use crate::descriptor::{Category, Descriptor, Field, Outputs, Role};
use crate::error::NodeError;
use crate::host::{Level, Status};
use crate::message::Outcome;
use crate::node::{Built, NodeConfig, NodeType};
use crate::read;

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "lines in",
    category: Category::Network,
    summary: "Takes JSON lines from programs on the board, and answers each when it is safe.",
    help: include_str!("lines_in.md"),
    examples: include_str!("lines_in.examples.json"),
    inputs: 0,
    outputs: Outputs::Fixed(1),
    role: Role::Connector,
    fields: &[
        Field::text(
            "address",
            "Address",
            "Where it listens: 127.0.0.1:port, or unix:/path for a socket that only the gateway's user may open.",
        )
        .default("\"127.0.0.1:4880\""),
        Field::integer("max", "Longest line (bytes)", "A longer line is skipped and answered with no.")
            .default("1048576")
            .range(MAX_LINE.0, MAX_LINE.1),
        Field::integer("connections", "Most connections", "More at once are refused.")
            .default("32")
            .range(1.0, MAX_CONNECTIONS),
    ],
};

const MAX_LINE: (f64, f64) = (64.0, 67_108_864.0);
const MAX_CONNECTIONS: f64 = 1000.0;

#[derive(Deserialize)]
struct Config {
    #[serde(default, deserialize_with = "read::text")]
    address: String,
    #[serde(default, deserialize_with = "read::maybe_number")]
    max: Option<f64>,
    #[serde(default, deserialize_with = "read::maybe_number")]
    connections: Option<f64>,
}

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    make(config.read()?).map(Built::connector)
}

fn make(config: Config) -> Result<LinesIn, NodeError> {
    let address = Address::parse(&config.address)?;
    address.local()?;
    let limits = Limits {
        line: read::within("/max", config.max.unwrap_or(1_048_576.0), MAX_LINE.0, MAX_LINE.1)? as usize,
        connections: read::within("/connections", config.connections.unwrap_or(32.0), 1.0, MAX_CONNECTIONS)?
            as usize,
    };
    // Outcomes may come for lines of a connector that was here before this one: no number is used twice.
    static MADE: AtomicU64 = AtomicU64::new(0);
    let next = MADE.fetch_add(1, Ordering::Relaxed) << 40;
    Ok(LinesIn { address, limits, open: None, peers: HashMap::new(), asked: HashMap::new(), next })
}

struct LinesIn {
    address: Address,
    limits: Limits,
    open: Option<Open>,
    /// By the number of the connection.
    peers: HashMap<u64, Peer>,
    /// The connection and line that an acknowledgement is for.
    asked: HashMap<u64, (u64, u64)>,
    next: u64,
}

struct Open {
    listening: Listening,
    host: Arc<dyn ConnectorHost>,
}

impl Connector for LinesIn {
    async fn open(&mut self, host: Arc<dyn ConnectorHost>) -> Result<(), NodeError> {
        let listener = Listener::bind(&self.address).await?;
        host.log(Level::Info, &format!("listens on {}", listener.place()));
        host.status(Status::new("green", "ring", "no connection"));
        let listening = Listening::start(listener, self.limits, host.clone());
        self.open = Some(Open { listening, host });
        Ok(())
    }

    async fn next(&mut self) -> Result<Vec<Incoming>, NodeError> {
        let mut events = Vec::new();
        loop {
            let Some(open) = &mut self.open else { return pending().await };
            // Takes nothing when it is dropped, and there is no other wait behind it.
            if open.listening.events.recv_many(&mut events, EVENTS).await == 0 {
                return Err(NodeError::disconnected("the listener has ended"));
            }
            let incoming = self.take(events.drain(..));
            if !incoming.is_empty() {
                return Ok(incoming);
            }
        }
    }

    async fn acknowledge(&mut self, outcomes: &[(u64, Outcome)]) -> Result<(), NodeError> {
        let mut answered = BTreeSet::new();
        for (number, outcome) in outcomes {
            // A line of a connection that is gone has nobody to tell.
            let Some((connection, line)) = self.asked.remove(number) else { continue };
            let Some(peer) = self.peers.get_mut(&connection) else { continue };
            let answer = match outcome {
                Outcome::Done => Answer::Ok,
                Outcome::Undelivered => Answer::Again,
            };
            peer.settle(line, answer);
            answered.insert(connection);
        }
        self.flush(answered);
        Ok(())
    }

    async fn close(&mut self) {
        for (_, peer) in self.peers.drain() {
            peer.finish();
        }
        self.asked.clear();
        let Some(Open { listening, host }) = self.open.take() else { return };
        if let Err(error) = listening.stop().await {
            host.log(Level::Warn, error.message());
        }
    }
}

impl LinesIn {
    fn take(&mut self, events: impl Iterator<Item = Event>) -> Vec<Incoming> {
        let mut incoming = Vec::new();
        let (mut touched, mut came_or_went) = (BTreeSet::new(), false);
        for event in events {
            match event {
                Event::Opened { connection, outbox, room } => {
                    self.peers.insert(connection, Peer::new(outbox, room));
                    came_or_went = true;
                }
                Event::Line { connection, line, .. } => {
                    // One that was closed because it did not read its answers sends its lines again.
                    let Some(peer) = self.peers.get_mut(&connection) else { continue };
                    match line {
                        Ok(value) => {
                            let line = peer.arrived(None);
                            self.asked.insert(self.next, (connection, line));
                            let acknowledge = Some(self.next);
                            incoming.push(Incoming { value, acknowledge, ..Incoming::default() });
                            self.next += 1;
                        }
                        Err(reason) => {
                            peer.arrived(Some(Answer::No(reason)));
                            touched.insert(connection);
                        }
                    }
                }
                Event::Ended { connection } => {
                    if let Some(peer) = self.peers.get_mut(&connection) {
                        peer.end();
                        touched.insert(connection);
                    }
                }
                Event::Gone { connection } => {
                    self.peers.remove(&connection);
                    came_or_went = true;
                }
            }
        }
        self.flush(touched);
        if came_or_went {
            self.show_connections();
        }
        incoming
    }

    fn flush(&mut self, connections: BTreeSet<u64>) {
        for connection in connections {
            let Some(peer) = self.peers.get_mut(&connection) else { continue };
            if peer.flush() {
                continue;
            }
            peer.kill();
            self.peers.remove(&connection);
            if let Some(open) = &self.open {
                let text = "a connection was closed: its program sends lines and does not read the answers";
                open.host.log(Level::Warn, text);
            }
        }
    }

    fn show_connections(&self) {
        let Some(open) = &self.open else { return };
        open.host.status(match self.peers.len() {
            0 => Status::new("green", "ring", "no connection"),
            1 => Status::new("green", "dot", "1 connection"),
            many => Status::new("green", "dot", format!("{many} connections")),
        });
    }
}

#[cfg(test)]
#[path = "lines_in_tests.rs"]
mod tests;

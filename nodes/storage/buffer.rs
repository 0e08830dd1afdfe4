//! Buffer: the outbox placed visibly. What comes in is on the disk before its source is acknowledged, and goes on when
//! what is behind it is ready.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Deserialize;
use tokio::sync::Notify;

use crate::connector::{Connector, ConnectorHost, Delivery, Incoming};
use crate::descriptor::{Category, Descriptor, Field, Outputs, Role};
use crate::error::NodeError;
use crate::host::Status;
use crate::message::Outcome;
use crate::node::{Built, NodeConfig, NodeType};
use crate::outbox;
use crate::read;

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "buffer",
    category: Category::Storage,
    summary: "Keeps messages on the disk until what is behind it has them.",
    help: include_str!("buffer.md"),
    examples: include_str!("buffer.examples.json"),
    inputs: 1,
    outputs: Outputs::Fixed(1),
    role: Role::Connector,
    fields: &[
        Field::integer("window", "Under way", "How many messages may be on their way behind it at once.")
            .default("100")
            .range(1.0, 10_000.0),
        outbox::ALWAYS,
    ],
};

#[derive(Deserialize)]
struct Config {
    #[serde(default = "hundred", deserialize_with = "read::count")]
    window: usize,
}

fn hundred() -> usize {
    100
}

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    let Config { window } = config.read()?;
    if !(1..=10_000).contains(&window) {
        return Err(NodeError::config("/window", format!("expected 1 to 10000 messages, found {window}")));
    }
    Ok(Built::connector(Buffer {
        window,
        next_number: 0,
        waiting: VecDeque::new(),
        under_way: BTreeMap::new(),
        again: VecDeque::new(),
        stir: Arc::default(),
        has_room_again: false,
    }))
}

struct Buffer {
    window: usize,
    next_number: u64,
    /// Not given out yet.
    waiting: VecDeque<Delivery>,
    /// Given out, by the number to acknowledge.
    under_way: BTreeMap<u64, Delivery>,
    /// Not delivered: given out again at that time.
    again: VecDeque<(Instant, Delivery)>,
    stir: Arc<Notify>,
    has_room_again: bool,
}

/// What was not delivered waits so long, so that what is broken behind it is not run in circles.
const AGAIN: Duration = Duration::from_secs(1);

impl Connector for Buffer {
    async fn open(&mut self, host: Arc<dyn ConnectorHost>) -> Result<(), NodeError> {
        host.status(Status::clear());
        Ok(())
    }

    async fn next(&mut self) -> Result<Vec<Incoming>, NodeError> {
        loop {
            let stir = self.stir.clone();
            let stirred = stir.notified();
            let now = Instant::now();
            while self.again.front().is_some_and(|(at, _)| *at <= now)
                && let Some((_, delivery)) = self.again.pop_front()
            {
                // Older than what waits.
                self.waiting.push_front(delivery);
            }
            let incoming = self.give();
            // Also with nothing to give: where there is room again the host offers more.
            if !incoming.is_empty() || std::mem::take(&mut self.has_room_again) {
                return Ok(incoming);
            }
            match self.again.front().map(|(at, _)| *at) {
                Some(at) => tokio::select! {
                    () = stirred => {}
                    () = tokio::time::sleep_until(at.into()) => {}
                },
                None => stirred.await,
            }
        }
    }

    async fn handle(&mut self, batch: &mut Vec<Delivery>) -> Result<(), NodeError> {
        let room = self.window.saturating_sub(self.waiting.len() + self.under_way.len() + self.again.len());
        let take = room.min(batch.len());
        self.waiting.extend(batch.drain(..take));
        self.stir.notify_one();
        Ok(())
    }

    async fn acknowledge(&mut self, outcomes: &[(u64, Outcome)]) -> Result<(), NodeError> {
        for (number, outcome) in outcomes {
            let Some(delivery) = self.under_way.remove(number) else { continue };
            match outcome {
                Outcome::Done => {
                    self.has_room_again = true;
                    delivery.confirm();
                }
                Outcome::Undelivered => self.again.push_back((Instant::now() + AGAIN, delivery)),
            }
        }
        self.stir.notify_one();
        Ok(())
    }

    fn take_unconfirmed(&mut self) -> Vec<Delivery> {
        let under_way = std::mem::take(&mut self.under_way).into_values();
        let again = std::mem::take(&mut self.again).into_iter().map(|(_, delivery)| delivery);
        under_way.chain(again).chain(std::mem::take(&mut self.waiting)).collect()
    }
}

impl Buffer {
    fn give(&mut self) -> Vec<Incoming> {
        let mut incoming = Vec::new();
        while let Some(delivery) = self.waiting.pop_front() {
            self.next_number += 1;
            let message = delivery.message();
            let (value, event_ms) = (message.value.clone(), message.meta.event_ms);
            incoming.push(Incoming { port: 0, value, event_ms, acknowledge: Some(self.next_number) });
            self.under_way.insert(self.next_number, delivery);
        }
        incoming
    }
}

//! What has come in at a connector and waits for credits, in order.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tidegate_nodes::connector::Incoming;
use tidegate_nodes::cx;
use tidegate_nodes::message::{Message, Meta, Token};

use super::inbox::Arrival;
use super::place::Place;

/// How many bytes may wait. A connector over it is not read, and its peer feels it.
const MOST_BYTES: usize = 1024 * 1024;

#[derive(Default)]
pub struct Arrivals {
    /// Each with its weight, which takes a walk through the message to find.
    waiting: VecDeque<(u32, Incoming)>,
    bytes: usize,
}

impl Arrivals {
    pub fn extend(&mut self, incoming: Vec<Incoming>) {
        for incoming in incoming {
            let weight = cx::weight(&incoming.value);
            self.bytes += weight as usize;
            self.waiting.push_back((weight, incoming));
        }
    }

    pub fn is_full(&self) -> bool {
        self.bytes >= MOST_BYTES
    }

    /// What the first of them needs.
    pub fn next_weight(&self) -> Option<u32> {
        self.waiting.front().map(|(weight, _)| *weight)
    }

    /// Gives them to the lane as far as credits go.
    pub fn admit(&mut self, place: &Arc<Place>) {
        let mut batch = Vec::new();
        while let Some(credit) = self.next_weight().and_then(|weight| place.pool.take(weight)) {
            let Some((weight, incoming)) = self.waiting.pop_front() else { break };
            self.bytes -= weight as usize;
            let tracker = &place.port.tracker;
            let admitted = match (incoming.acknowledge, incoming.answered) {
                (None, _) => None,
                (Some(number), true) => Some(tracker.admit_alone(number)),
                // At most once: the source is done with it now.
                (Some(number), false) => Some(tracker.admit(number, incoming.origin))
                    .filter(|_| !place.port.on_receipt.load(Ordering::Relaxed)),
            };
            let mut value = incoming.value;
            if !value.contains_key("_msgid") {
                value.insert("_msgid", format!("{:016x}", place.shared.random()));
            }
            let meta = Meta {
                source: place.node.clone(),
                sequence: place.shared.next_sequence(),
                wall_ms: place.shared.clock.wall_ms(),
                monotonic: place.shared.clock.elapsed(),
                event_ms: incoming.event_ms,
            };
            let message = Message { value, meta: Arc::new(meta), token: Token::new(admitted, Some(credit)) };
            batch.push(Arrival::From { node: place.node.clone(), port: incoming.port, message });
        }
        if !batch.is_empty() {
            place.lane.push_and_run(&place.node, batch);
        }
    }
}

//! What the connection has for one node: messages, and what became of what it sent. Bounded by what the session does
//! before it puts something in.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::packet::{Publish, Verdict};

#[derive(Debug)]
pub enum Event {
    /// A message for the subscription to this filter. With a number where it is to be settled.
    Message { filter: Arc<str>, publish: Publish, number: Option<u64> },
    /// The broker has the message of this number, or refuses it.
    Sent { number: u64, verdict: Verdict },
    /// The answer to a subscription.
    Subscribed { filter: Arc<str>, verdict: Verdict },
    /// More can be sent again.
    Room,
}

#[derive(Default)]
pub struct Mailbox {
    waiting: Mutex<Waiting>,
    arrived: Notify,
}

#[derive(Default)]
struct Waiting {
    events: VecDeque<Event>,
    bytes: usize,
}

impl Mailbox {
    pub fn push(&self, event: Event) {
        let mut waiting = self.lock();
        waiting.bytes += weight(&event);
        waiting.events.push_back(event);
        drop(waiting);
        self.arrived.notify_one();
    }

    /// Bytes of messages that wait.
    pub fn bytes(&self) -> usize {
        self.lock().bytes
    }

    /// Waits for something, and takes it all. Nothing is lost when the future is dropped.
    pub async fn take(&self) -> VecDeque<Event> {
        loop {
            let events = self.take_now();
            if !events.is_empty() {
                return events;
            }
            self.arrived.notified().await;
        }
    }

    /// Takes out messages whose number is one of these.
    pub fn forget(&self, is_gone: impl Fn(u64) -> bool) {
        let mut waiting = self.lock();
        waiting.events.retain(
            |event| !matches!(event, Event::Message { number: Some(number), .. } if is_gone(*number)),
        );
        waiting.bytes = waiting.events.iter().map(weight).sum();
    }

    pub fn take_now(&self) -> VecDeque<Event> {
        let mut waiting = self.lock();
        waiting.bytes = 0;
        std::mem::take(&mut waiting.events)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // The code under the lock cannot panic half-way through a change.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn weight(event: &Event) -> usize {
    /// What a message takes beside its payload.
    const FRAME: usize = 200;
    match event {
        Event::Message { publish, .. } => FRAME + publish.topic.len() + publish.payload.len(),
        _ => 0,
    }
}

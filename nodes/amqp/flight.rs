//! Messages that are with the broker and not confirmed, many at a time.
//!
//! lapin hands each message that the broker returns to the next confirmation that it hears of, whosever that is. So all
//! that is resolved together is looked at together, and a returned message is found by what it is.

use std::collections::VecDeque;
use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::FutureExt;
use lapin::message::BasicReturnMessage;
use lapin::options::BasicPublishOptions;
use lapin::{Channel, Confirmation, Error};
use tokio::time::Instant;

use super::output_form::Publish;
use crate::connector::Delivery;

type Confirming = Pin<Box<dyn Future<Output = lapin::Result<Confirmation>> + Send>>;

pub struct Sent {
    pub delivery: Delivery,
    pub exchange: String,
    pub routing_key: String,
    pub since: Instant,
    pub bytes: usize,
    message_id: Option<String>,
    body: u64,
    confirming: Option<Confirming>,
    confirmed: Option<Result<bool, Error>>,
    returned: Option<String>,
}

/// What the broker says about a message.
pub enum Verdict {
    Confirmed,
    /// No queue gets it, and why.
    Returned(String),
    Refused,
    /// The channel is gone: nobody knows.
    Unknown(Error),
}

#[derive(Default)]
pub struct Flight {
    sent: VecDeque<Sent>,
    bytes: usize,
}

impl Flight {
    pub fn len(&self) -> usize {
        self.sent.len()
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn oldest(&self) -> Option<Instant> {
        self.sent.front().map(|sent| sent.since)
    }

    /// Takes all that is left, in the order in which it was sent.
    pub fn take(&mut self) -> impl Iterator<Item = Sent> + use<> {
        self.bytes = 0;
        std::mem::take(&mut self.sent).into_iter()
    }

    /// Keeps what was taken, for the next channel to send again.
    pub fn keep(&mut self, unconfirmed: Vec<Sent>) {
        self.bytes = unconfirmed.iter().map(|sent| sent.bytes).sum();
        self.sent = unconfirmed.into();
    }

    /// Publishes. It is on its way when this returns, behind all that was published before.
    pub fn publish(&mut self, channel: &Channel, delivery: Delivery, publish: Publish, mandatory: bool) {
        let Publish { exchange, routing_key, properties, body } = publish;
        let (bytes, hash) = (body.len(), hash(&body));
        let (channel, exchange_name, key) = (channel.clone(), exchange.to_string(), routing_key.to_string());
        let message_id = properties.message_id().as_ref().map(ToString::to_string);
        let mut confirming: Confirming = Box::pin(async move {
            let options = BasicPublishOptions { mandatory, immediate: false };
            channel.basic_publish(exchange, routing_key, options, &body, properties).await?.await
        });
        let done = (&mut confirming).now_or_never();
        self.bytes += bytes;
        self.sent.push_back(Sent {
            delivery,
            exchange: exchange_name,
            routing_key: key,
            since: Instant::now(),
            bytes,
            message_id,
            body: hash,
            confirming: done.is_none().then_some(confirming),
            confirmed: None,
            returned: None,
        });
        if let Some(done) = done {
            let last = self.sent.len() - 1;
            self.resolve(last, done);
        }
    }

    /// Waits for verdicts. Nothing is lost when the future is dropped.
    pub async fn verdicts(&mut self, channel: &Channel) -> Vec<(Sent, Verdict)> {
        std::future::poll_fn(|cx| {
            self.poll_all(cx);
            if !self.sent.iter().any(|sent| sent.confirmed.is_some()) {
                return Poll::Pending;
            }
            // lapin holds a lock while it works through one confirmation for many messages; this takes the same lock.
            // Then all of them are resolved, and with them all messages that were returned before.
            let _ = channel.wait_for_confirms().now_or_never();
            self.poll_all(cx);
            Poll::Ready(self.take_resolved())
        })
        .await
    }

    fn poll_all(&mut self, cx: &mut Context<'_>) {
        for at in 0..self.sent.len() {
            let Some(confirming) = &mut self.sent[at].confirming else { continue };
            if let Poll::Ready(done) = confirming.as_mut().poll(cx) {
                self.sent[at].confirming = None;
                self.resolve(at, done);
            }
        }
    }

    fn resolve(&mut self, at: usize, done: lapin::Result<Confirmation>) {
        let (verdict, returned) = match done {
            Ok(Confirmation::Ack(returned)) => (Ok(true), returned),
            Ok(Confirmation::Nack(returned)) => (Ok(false), returned),
            // Confirms are switched on for the channel before anything is published on it.
            Ok(Confirmation::NotRequested) => (Ok(false), None),
            Err(error) => (Err(error), None),
        };
        self.sent[at].confirmed = Some(verdict);
        if let Some(message) = returned {
            // None that is like it can only be one that has gone already: better one error too many than one too few.
            let whose = self.sent.iter().position(|sent| sent.is(&message)).unwrap_or(at);
            self.sent[whose].returned = Some(message.reply_text.to_string());
        }
    }

    fn take_resolved(&mut self) -> Vec<(Sent, Verdict)> {
        let mut resolved = Vec::new();
        let mut waiting = VecDeque::with_capacity(self.sent.len());
        for mut sent in std::mem::take(&mut self.sent) {
            let verdict = match (sent.confirmed.take(), sent.returned.take()) {
                (None, returned) => {
                    sent.returned = returned;
                    waiting.push_back(sent);
                    continue;
                }
                (Some(Err(error)), _) => Verdict::Unknown(error),
                (Some(Ok(_)), Some(why)) => Verdict::Returned(why),
                (Some(Ok(true)), None) => Verdict::Confirmed,
                (Some(Ok(false)), None) => Verdict::Refused,
            };
            self.bytes -= sent.bytes;
            resolved.push((sent, verdict));
        }
        self.sent = waiting;
        resolved
    }
}

impl Sent {
    fn is(&self, returned: &BasicReturnMessage) -> bool {
        let delivery = &returned.delivery;
        self.returned.is_none()
            && self.exchange == delivery.exchange.as_str()
            && self.routing_key == delivery.routing_key.as_str()
            && self.message_id.as_deref() == delivery.properties.message_id().as_ref().map(|id| id.as_str())
            && self.bytes == delivery.data.len()
            && self.body == hash(&delivery.data)
    }
}

fn hash(body: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    hasher.finish()
}

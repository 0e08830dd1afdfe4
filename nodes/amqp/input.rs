//! amqp in: consumes a queue, and acknowledges each message when the flow is done with it.

use std::collections::HashMap;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use lapin::message::Delivery as Arrived;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Consumer};
use tokio::time::Instant;

use super::broker::{self, GOODBYE, answer};
use super::input_form::{DESCRIPTOR, Form};
use super::{message, reasons, topology};
use crate::connector::{Connector, ConnectorHost, Incoming};
use crate::error::NodeError;
use crate::host::{Level, Status};
use crate::message::Outcome;
use crate::node::{Built, NodeConfig, NodeType};
use crate::value::{Object, Value};

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

/// What was not delivered goes back to the queue after a second, then after twice as long, up to a minute: the broker
/// gives it again at once.
const AGAIN: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// How many messages are handed on at once.
const BATCH: usize = 256;

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    // Outcomes may come for messages of a connector that was here before this one: no number is used twice.
    static MADE: AtomicU64 = AtomicU64::new(0);
    let next = MADE.fetch_add(1, Ordering::Relaxed) << 40;
    let form = Form::read(config)?;
    Ok(Built::connector(AmqpIn {
        form,
        open: None,
        host: None,
        in_flow: HashMap::new(),
        going_back: Vec::new(),
        setbacks: 0,
        next,
    }))
}

struct AmqpIn {
    form: Form,
    open: Option<(Channel, Consumer)>,
    host: Option<Arc<dyn ConnectorHost>>,
    /// The broker's number of each message in the flow, by the number that the host knows.
    in_flow: HashMap<u64, u64>,
    /// The broker's numbers of messages that go back to the queue, and when.
    going_back: Vec<(Instant, u64)>,
    /// How many were not delivered since the last one that was.
    setbacks: u32,
    next: u64,
}

impl Connector for AmqpIn {
    async fn open(&mut self, host: Arc<dyn ConnectorHost>) -> Result<(), NodeError> {
        // The broker gives again what was under way on the channel before.
        (self.open, self.host) = (None, Some(host.clone()));
        self.in_flow.clear();
        self.going_back.clear();
        let lent = broker::find(&*host, &self.form.broker)?;
        let channel = broker::of(&lent)?.channel().await?;
        let Form { queue, exchange, bindings, prefetch, .. } = &self.form;
        if let Some(exchange) = exchange {
            exchange.prepare(&channel).await?;
        }
        let name = queue.prepare(&channel).await?;
        if let Some(exchange) = exchange {
            for binding in bindings {
                topology::bind(&channel, &name, &exchange.name, binding).await?;
            }
        }
        answer("prefetch", channel.basic_qos(*prefetch, BasicQosOptions::default())).await?;
        let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
        let consuming = channel.basic_consume(name.clone(), "".into(), options, none);
        let consumer = answer(&format!("queue {:?}", name.as_str()), consuming).await?;
        self.open = Some((channel, consumer));
        host.status(Status::new("green", "dot", "connected"));
        Ok(())
    }

    async fn next(&mut self) -> Result<Vec<Incoming>, NodeError> {
        loop {
            let due = self.going_back.iter().map(|(at, _)| *at).min();
            let Some((_, consumer)) = &mut self.open else { return pending().await };
            // Both can be dropped at any time: what the consumer gives is handed on without another wait.
            let first = tokio::select! {
                arrived = consumer.next() => arrived,
                () = at(due) => {
                    self.give_back()?;
                    continue;
                }
            };
            let mut arrived = vec![first];
            while arrived.len() < BATCH
                && let Some(more) = consumer.next().now_or_never()
            {
                arrived.push(more);
            }
            let mut incoming = Vec::with_capacity(arrived.len());
            for one in arrived {
                match one {
                    Some(Ok(one)) => self.take(one, &mut incoming)?,
                    // What came before it comes again over the next channel.
                    Some(Err(error)) => return Err(reasons::disconnected("the channel is closed", &error)),
                    None => {
                        let text = "the broker has ended the consumer: the queue is deleted, or moves";
                        return Err(NodeError::disconnected(text));
                    }
                }
            }
            if !incoming.is_empty() {
                return Ok(incoming);
            }
        }
    }

    async fn acknowledge(&mut self, outcomes: &[(u64, Outcome)]) -> Result<(), NodeError> {
        let mut done = Vec::with_capacity(outcomes.len());
        for (number, outcome) in outcomes {
            let Some(tag) = self.in_flow.remove(number) else { continue };
            if *outcome == Outcome::Done {
                self.setbacks = 0;
                done.push(tag);
                continue;
            }
            let wait = AGAIN.saturating_mul(1 << self.setbacks.min(6)).min(LONGEST_WAIT);
            if let (Some(host), 0) = (&self.host, self.setbacks) {
                let text = "a message was lost on its way through the flow, and goes back to the queue";
                host.log(Level::Warn, text);
            }
            self.setbacks += 1;
            self.going_back.push((Instant::now() + wait, tag));
        }
        let Some((channel, _)) = &self.open else { return Ok(()) };
        // One frame for all of them, unless one that came before is still to go back.
        let multiple = self.going_back.is_empty();
        if multiple && let Some(last) = done.last().copied() {
            done = vec![last];
        }
        for tag in done {
            // It is queued at once; to wait until it has left would stop the node while the broker takes nothing.
            if let Some(Err(error)) = channel.basic_ack(tag, BasicAckOptions { multiple }).now_or_never() {
                return Err(reasons::disconnected("the channel is closed", &error));
            }
        }
        Ok(())
    }

    async fn close(&mut self) {
        let Some((channel, consumer)) = self.open.take() else { return };
        drop(consumer);
        if channel.status().connected() {
            // Behind the last acknowledgements; the rest goes back to the queue.
            let _ = tokio::time::timeout(GOODBYE, channel.close(200, "goodbye".into())).await;
        }
    }
}

async fn at(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => pending().await,
    }
}

impl AmqpIn {
    fn take(&mut self, arrived: Arrived, incoming: &mut Vec<Incoming>) -> Result<(), NodeError> {
        let tag = arrived.delivery_tag;
        if arrived.data.len() > self.form.max_bytes {
            let text = format!(
                "a message of {} bytes is rejected: at most {} go (largest message)",
                arrived.data.len(),
                self.form.max_bytes
            );
            return self.reject(tag, NodeError::rejected(text), described(&arrived));
        }
        let content_type = arrived.properties.content_type().as_ref().map(|text| text.as_str());
        let payload = match self.form.kind.payload(&arrived.data, content_type) {
            Ok(payload) => payload,
            Err(error) => {
                let mut value = described(&arrived);
                value.insert("payload", Value::bytes(&arrived.data[..]));
                return self.reject(tag, error, value);
            }
        };
        let mut value = described(&arrived);
        value.insert("payload", payload);
        let seconds = arrived.properties.timestamp().and_then(|seconds| i64::try_from(seconds).ok());
        let event_ms = seconds.and_then(|seconds| seconds.checked_mul(1_000));
        let number = self.next;
        self.next += 1;
        self.in_flow.insert(number, tag);
        incoming.push(Incoming {
            port: 0,
            value,
            event_ms,
            acknowledge: Some(number),
            origin: None,
            answered: false,
        });
        Ok(())
    }

    /// It would be the same again: it goes to the queue's dead-letter exchange, where it has one, and to Catch.
    fn reject(&mut self, tag: u64, error: NodeError, value: Object) -> Result<(), NodeError> {
        if let Some(host) = &self.host {
            host.log(Level::Warn, error.message());
            host.raise(error, value);
        }
        self.nack(tag, false)
    }

    fn give_back(&mut self) -> Result<(), NodeError> {
        let now = Instant::now();
        let (due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.going_back).into_iter().partition(|(at, _)| *at <= now);
        self.going_back = later;
        due.into_iter().try_for_each(|(_, tag)| self.nack(tag, true))
    }

    fn nack(&mut self, tag: u64, requeue: bool) -> Result<(), NodeError> {
        let Some((channel, _)) = &self.open else { return Ok(()) };
        let options = BasicNackOptions { multiple: false, requeue };
        match channel.basic_nack(tag, options).now_or_never() {
            Some(Err(error)) => Err(reasons::disconnected("the channel is closed", &error)),
            _ => Ok(()),
        }
    }
}

/// All of a message but its payload.
fn described(arrived: &Arrived) -> Object {
    let mut value = Object::with_capacity(8);
    value.insert("topic", Value::str(arrived.routing_key.as_str()));
    value.insert("payload", Value::Null);
    value.insert("exchange", Value::str(arrived.exchange.as_str()));
    value.insert("routingKey", Value::str(arrived.routing_key.as_str()));
    value.insert("redelivered", arrived.redelivered);
    if let Some(headers) = arrived.properties.headers() {
        value.insert("headers", Value::Object(message::headers(headers)));
    }
    value.insert("properties", Value::Object(message::properties(&arrived.properties)));
    value
}

//! mqtt in: subscribes, and acknowledges each message when the flow is done with it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

use super::action::{self, Wanted};
use super::broker::Broker;
use super::input_fields::DESCRIPTOR;
use super::mailbox::{Event, Mailbox};
use super::message::{self, DataType};
use super::packet::{Publish, Qos, SubscribeOptions};
use super::topic;
use super::user::{User, broker_of, find_broker};
use crate::connector::{Connector, ConnectorHost, Delivery, Incoming};
use crate::error::NodeError;
use crate::host::{Level, Status};
use crate::message::Outcome;
use crate::node::{Built, NodeConfig, NodeType};
use crate::read;
use crate::value::{Object, Value};

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

/// How long the broker may take to answer a subscription.
const ANSWER: Duration = Duration::from_secs(30);
/// What was not delivered comes again after a second, then after twice as long, up to a minute.
const AGAIN: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
struct Config {
    #[serde(default, deserialize_with = "read::text")]
    broker: String,
    #[serde(default, deserialize_with = "read::count")]
    inputs: usize,
    #[serde(default, deserialize_with = "read::text")]
    topic: String,
    #[serde(default, deserialize_with = "read::maybe_number")]
    qos: Option<f64>,
    #[serde(default, deserialize_with = "read::text")]
    datatype: String,
    #[serde(default, deserialize_with = "read::boolean")]
    nl: bool,
    #[serde(default, deserialize_with = "read::boolean")]
    rap: bool,
    #[serde(default, deserialize_with = "read::maybe_number")]
    rh: Option<f64>,
}

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    make(config.read()?).map(|node| Built::connector(node).commanded_by(|_| true))
}

fn make(config: Config) -> Result<MqttIn, NodeError> {
    if config.broker.is_empty() {
        return Err(NodeError::config("/broker", "no broker is chosen"));
    }
    let kind = DataType::of(&config.datatype).ok_or_else(|| {
        let text = "use auto-detect, auto, buffer, base64, utf8 or json";
        NodeError::config("/datatype", format!("unknown choice {:?}: {text}", config.datatype))
    })?;
    let fixed = if config.inputs == 0 {
        if let Some(wrong) = topic::wrong_filter(&config.topic) {
            return Err(NodeError::config("/topic", wrong));
        }
        let options = SubscribeOptions {
            // As in Node-RED, what is no QoS is 2.
            qos: config.qos.and_then(|qos| Qos::of(qos as i64)).unwrap_or(Qos::ExactlyOnce),
            no_local: config.nl,
            retain_as_published: config.rap,
            retain_handling: config.rh.filter(|rh| (0.0..=2.0).contains(rh)).unwrap_or(0.0) as u8,
        };
        Some((config.topic, options))
    } else {
        None
    };
    // Outcomes may come for messages of a connector that was here before this one: no number is used twice.
    static MADE: AtomicU64 = AtomicU64::new(0);
    let next = MADE.fetch_add(1, Ordering::Relaxed) << 40;
    Ok(MqttIn {
        broker: config.broker,
        fixed,
        kind,
        dynamic: BTreeMap::new(),
        user: None,
        host: None,
        waiting: VecDeque::new(),
        asked: HashMap::new(),
        again: Vec::new(),
        next,
    })
}

struct MqttIn {
    broker: String,
    fixed: Option<(String, SubscribeOptions)>,
    kind: DataType,
    dynamic: BTreeMap<String, Wanted>,
    user: Option<User>,
    host: Option<Arc<dyn ConnectorHost>>,
    /// Came while it waited for the answer to a subscription.
    waiting: VecDeque<Event>,
    /// Messages that are in the flow, by the number that the host knows.
    asked: HashMap<u64, Asked>,
    /// Those that come again, and when.
    again: Vec<(Instant, Asked)>,
    next: u64,
}

struct Asked {
    filter: Arc<str>,
    publish: Publish,
    /// What the session knows it by.
    number: u64,
    tries: u32,
}

impl Connector for MqttIn {
    async fn open(&mut self, host: Arc<dyn ConnectorHost>) -> Result<(), NodeError> {
        let lent = find_broker(&*host, &self.broker)?;
        self.host = Some(host.clone());
        // After a lost connection it is still the same user, with what waits for it.
        if !self.user.as_ref().is_some_and(|user| user.is_of(&lent)) {
            self.user = Some(User::join(lent)?);
        }
        let Some(user) = &self.user else { return Ok(()) };
        let mut wanted: Vec<(String, SubscribeOptions)> = self.fixed.iter().cloned().collect();
        wanted.extend(self.dynamic.values().map(|wanted| (wanted.filter.clone(), wanted.options)));
        for (filter, options) in &wanted {
            user.broker().subscribe(user.number, filter, options_for(user.broker(), *options))?;
        }
        if let Some((filter, _)) = self.fixed.clone() {
            self.subscribed(&filter).await?;
        }
        host.status(Status::new("green", "dot", "connected"));
        Ok(())
    }

    async fn next(&mut self) -> Result<Vec<Incoming>, NodeError> {
        loop {
            let due = self.again.iter().map(|(at, _)| *at).min();
            let Some(user) = &self.user else { return pending().await };
            if self.waiting.is_empty() && due.is_none_or(|due| due > Instant::now()) {
                let mailbox: &Mailbox = &user.mailbox;
                // Both can be dropped at any time: what was taken stands in `waiting` at once.
                tokio::select! {
                    events = mailbox.take() => self.waiting = events,
                    () = at(due) => {}
                }
            }
            let mut incoming = Vec::new();
            self.take_due(&mut incoming);
            while let Some(event) = self.waiting.pop_front() {
                self.take(event, &mut incoming);
            }
            if !incoming.is_empty() {
                return Ok(incoming);
            }
        }
    }

    async fn command(&mut self, command: Delivery, host: Arc<dyn ConnectorHost>) -> Result<(), NodeError> {
        let msg = command.message().value.clone();
        match self.obey(&msg, &*host) {
            Ok(None) => command.confirm(),
            Ok(Some(answer)) => command.answer(0, answer),
            Err(error) => command.fail(error),
        }
        Ok(())
    }

    async fn acknowledge(&mut self, outcomes: &[(u64, Outcome)]) -> Result<(), NodeError> {
        let mut done = Vec::with_capacity(outcomes.len());
        for (number, outcome) in outcomes {
            let Some(mut asked) = self.asked.remove(number) else { continue };
            if *outcome == Outcome::Done {
                done.push(asked.number);
                continue;
            }
            // The broker would send it again only over another connection; here it is still.
            let wait = AGAIN.saturating_mul(1 << asked.tries.min(6)).min(LONGEST_WAIT);
            asked.tries += 1;
            if let (Some(host), 1) = (&self.host, asked.tries) {
                let text = format!(
                    "a message on {} was lost on its way through the flow, and comes again",
                    asked.publish.topic
                );
                host.log(Level::Warn, &text);
            }
            self.again.push((Instant::now() + wait, asked));
        }
        if let Some(user) = &self.user {
            user.broker().settle(done.into_iter());
        }
        Ok(())
    }

    async fn close(&mut self) {
        if self.user.as_ref().is_some_and(|user| user.broker().is_connected()) {
            self.leave();
        }
    }
}

/// 3.1.1 has but the QoS.
fn options_for(broker: &Broker, options: SubscribeOptions) -> SubscribeOptions {
    if broker.is_v5() {
        options
    } else {
        SubscribeOptions { qos: options.qos, ..SubscribeOptions::default() }
    }
}

async fn at(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => pending().await,
    }
}

impl MqttIn {
    /// Waits until the broker has answered a subscription.
    async fn subscribed(&mut self, wanted: &str) -> Result<(), NodeError> {
        let Some(user) = &self.user else { return Ok(()) };
        let mailbox = user.mailbox.clone();
        let answer = async {
            loop {
                let mut found = None;
                for event in mailbox.take().await {
                    match event {
                        Event::Subscribed { filter, verdict } if &*filter == wanted => found = Some(verdict),
                        event => self.waiting.push_back(event),
                    }
                }
                if let Some(verdict) = found {
                    return verdict;
                }
            }
        };
        match tokio::time::timeout(ANSWER, answer).await {
            Ok(verdict) if verdict.is_refusal() => {
                let text = format!("the broker refuses the subscription to {wanted}: {verdict}");
                Err(NodeError::disconnected(text))
            }
            Ok(_) => Ok(()),
            Err(_) => Err(NodeError::disconnected(format!(
                "the broker does not answer the subscription to {wanted}"
            ))),
        }
    }

    fn take(&mut self, event: Event, incoming: &mut Vec<Incoming>) {
        match event {
            Event::Message { filter, publish, number: None } => {
                if let Some(value) = self.object(&filter, &publish) {
                    incoming.push(Incoming { value, ..Incoming::default() });
                }
            }
            Event::Message { filter, publish, number: Some(number) } => {
                self.hand_out(Asked { filter, publish, number, tries: 0 }, incoming);
            }
            Event::Subscribed { filter, verdict } if verdict.is_refusal() => {
                let Some(host) = &self.host else { return };
                host.log(
                    Level::Error,
                    &format!("the broker refuses the subscription to {filter}: {verdict}"),
                );
                host.status(Status::new("red", "dot", format!("no subscription to {filter}")));
            }
            Event::Subscribed { .. } | Event::Sent { .. } | Event::Room => {}
        }
    }

    fn hand_out(&mut self, asked: Asked, incoming: &mut Vec<Incoming>) {
        match self.object(&asked.filter, &asked.publish) {
            Some(value) => {
                let number = self.next;
                self.next += 1;
                self.asked.insert(number, asked);
                incoming.push(Incoming { value, acknowledge: Some(number), ..Incoming::default() });
            }
            // Its error was told; it would be the same again.
            None => {
                if let Some(user) = &self.user {
                    user.broker().settle([asked.number].into_iter());
                }
            }
        }
    }

    fn take_due(&mut self, incoming: &mut Vec<Incoming>) {
        let now = Instant::now();
        let (due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.again).into_iter().partition(|(at, _)| *at <= now);
        self.again = later;
        for (_, asked) in due {
            self.hand_out(asked, incoming);
        }
    }

    fn object(&self, filter: &str, publish: &Publish) -> Option<Object> {
        let kind = self.dynamic.get(filter).and_then(|wanted| wanted.kind).unwrap_or(self.kind);
        let local = self.user.as_ref().is_some_and(|user| user.is_local);
        match message::object(publish, kind, local) {
            Ok(value) => Some(value),
            Err((error, value)) => {
                if let Some(host) = &self.host {
                    host.raise(error, value);
                }
                None
            }
        }
    }

    /// Does what a message says; the answer to it where it asks for one.
    fn obey(&mut self, msg: &Object, host: &dyn ConnectorHost) -> Result<Option<Object>, NodeError> {
        let action = msg.get("action").and_then(Value::as_str).unwrap_or_default();
        let lent = find_broker(host, &self.broker)?;
        let broker = broker_of(&lent)?;
        if let Some(done) = action::switch(broker, msg) {
            return done.map(|()| None);
        }
        match action {
            "subscribe" => {
                for wanted in action::subscriptions(msg.get("topic"), broker.is_v5())? {
                    if let Some(user) = self.user.as_ref().filter(|user| user.broker().is_connected()) {
                        user.broker().subscribe(user.number, &wanted.filter, wanted.options)?;
                    }
                    self.dynamic.insert(wanted.filter.clone(), wanted);
                }
                Ok(None)
            }
            "unsubscribe" => {
                let filters: Vec<String> = match msg.get("topic") {
                    Some(Value::Bool(true)) => self.dynamic.keys().cloned().collect(),
                    topic => {
                        action::subscriptions(topic, false)?.into_iter().map(|wanted| wanted.filter).collect()
                    }
                };
                for filter in filters {
                    self.dynamic.remove(&filter);
                    if let Some(user) = &self.user {
                        user.broker().unsubscribe(user.number, &filter);
                    }
                }
                Ok(None)
            }
            "getSubscriptions" => {
                let mut answer = msg.clone();
                answer.insert("topic", "subscriptions");
                let all = self.dynamic.values().map(|wanted| Value::Object(wanted.told.clone()));
                answer.insert("payload", Value::array(all.collect()));
                Ok(Some(answer))
            }
            other => Err(NodeError::rejected(format!(
                "unknown action {other:?}: use connect, disconnect, subscribe, unsubscribe or getSubscriptions"
            ))),
        }
    }

    /// What is not settled goes back to the connection, for the node that comes next.
    fn leave(&mut self) {
        let Some(user) = self.user.take() else { return };
        let in_flow = self.asked.drain().map(|(_, asked)| asked);
        let again = self.again.drain(..).map(|(_, asked)| asked);
        let mut unsettled: Vec<(u64, Publish)> =
            in_flow.chain(again).map(|asked| (asked.number, asked.publish)).collect();
        unsettled.extend(self.waiting.drain(..).filter_map(|event| match event {
            Event::Message { publish, number: Some(number), .. } => Some((number, publish)),
            _ => None,
        }));
        unsettled.sort_by_key(|(number, _)| *number);
        user.leave(unsettled);
    }
}

impl Drop for MqttIn {
    fn drop(&mut self) {
        self.leave();
    }
}

//! lines out: hands messages as JSON lines to a program or another gateway, and keeps each until it is answered.

use std::collections::VecDeque;
use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::Interest;
use tokio::time::Instant;

use super::address::Address;
use super::line::Answer;
use super::socket::Stream;
use crate::connector::{Connector, ConnectorHost, Delivery, Incoming};
use crate::descriptor::{Category, Descriptor, Field, Outputs, Role};
use crate::error::NodeError;
use crate::host::Status;
use crate::node::{Built, NodeConfig, NodeType};
use crate::outbox;
use crate::read;
use crate::value::Value;

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "lines out",
    category: Category::Network,
    summary: "Sends messages as JSON lines to a program or another gateway, and waits for the answers.",
    help: include_str!("lines_out.md"),
    examples: include_str!("lines_out.examples.json"),
    inputs: 1,
    outputs: Outputs::Fixed(0),
    role: Role::Connector,
    fields: &[
        Field::text(
            "address",
            "Address",
            "Where the receiver listens: host:port or unix:/path. The lines are not encrypted.",
        )
        .default("\"127.0.0.1:4880\""),
        Field::choice(
            "send",
            &[("msg", "The whole message"), ("payload", "msg.payload")],
            "Send",
            "A receiver makes the whole message of a line that is an object, and msg.payload of any other.",
        )
        .default("\"msg\""),
        Field::integer("window", "Window", "So many lines may be without an answer. More wait here.")
            .default("1000")
            .range(1.0, MAX_WINDOW),
        Field::number(
            "timeout",
            "Time-out (seconds)",
            "When no line is answered for so long, it connects again and sends the lines again.",
        )
        .default("30")
        .range(MIN_TIMEOUT, MAX_TIMEOUT),
        outbox::NETWORK,
    ],
};

/// The property of a line that is the same each time its message is sent.
const NAME: &str = "_name";
const MAX_WINDOW: f64 = 100_000.0;
const MIN_TIMEOUT: f64 = 0.01;
const MAX_TIMEOUT: f64 = 86_400.0;
/// Bytes that wait for the socket; behind that nothing more is taken.
const UNSENT_BYTES: usize = 1024 * 1024;
const LONGEST_ANSWER: usize = 4096;
/// A receiver that says `again` needs time: without a pause its trouble would be ours, at full speed.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

#[derive(Deserialize)]
struct Config {
    #[serde(default, deserialize_with = "read::text")]
    address: String,
    #[serde(default, deserialize_with = "read::text")]
    send: String,
    #[serde(default, deserialize_with = "read::maybe_number")]
    window: Option<f64>,
    #[serde(default, deserialize_with = "read::maybe_number")]
    timeout: Option<f64>,
}

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    make(config.read()?).map(Built::connector)
}

fn make(config: Config) -> Result<LinesOut, NodeError> {
    let address = Address::parse(&config.address)?;
    let whole = match config.send.as_str() {
        "" | "msg" => true,
        "payload" => false,
        other => {
            let text = format!("unknown choice \"{other}\": use msg or payload");
            return Err(NodeError::config("/send", text));
        }
    };
    let window = read::within("/window", config.window.unwrap_or(1000.0), 1.0, MAX_WINDOW)? as usize;
    let timeout = read::within("/timeout", config.timeout.unwrap_or(30.0), MIN_TIMEOUT, MAX_TIMEOUT)?;
    let timeout = Duration::from_secs_f64(timeout);
    let (sent, again) = (VecDeque::new(), Vec::new());
    Ok(LinesOut { address, whole, window, timeout, link: None, sent, again, next_order: 0 })
}

struct LinesOut {
    address: Address,
    whole: bool,
    window: usize,
    timeout: Duration,
    link: Option<Link>,
    /// Lines without an answer, in the order in which they stand in the connection.
    sent: VecDeque<Kept>,
    /// What the receiver wants again.
    again: Vec<Kept>,
    next_order: u64,
}

struct Kept {
    /// The line in this connection.
    number: u64,
    /// In which order the messages came to this node.
    order: u64,
    delivery: Delivery,
}

struct Link {
    stream: Stream,
    /// From `written` on it has not left.
    unsent: Vec<u8>,
    written: usize,
    received: Vec<u8>,
    lines: u64,
    /// Since when nothing was answered.
    quiet: Instant,
    again_at: Option<Instant>,
}

impl Connector for LinesOut {
    async fn open(&mut self, host: Arc<dyn ConnectorHost>) -> Result<(), NodeError> {
        let stream = Stream::connect(&self.address).await?;
        host.status(Status::new("green", "dot", "connected"));
        self.link = Some(Link {
            stream,
            unsent: Vec::new(),
            written: 0,
            received: Vec::new(),
            lines: 0,
            quiet: Instant::now(),
            again_at: None,
        });
        Ok(())
    }

    /// Writes what is left, hears the answers, and returns when there may be room for more.
    async fn next(&mut self) -> Result<Vec<Incoming>, NodeError> {
        loop {
            let Some(link) = &mut self.link else { return pending().await };
            let quiet_until = (!self.sent.is_empty()).then(|| link.quiet + self.timeout);
            let until = quiet_until.into_iter().chain(link.again_at).min();
            let unsent = link.written < link.unsent.len();
            let interest = if unsent { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
            // Both waits can be dropped at any time: what was read stands in `link`.
            let ready = tokio::select! {
                ready = link.stream.ready(interest) => Some(self.lost_on_error(ready)?),
                () = at(until) => None,
            };
            let Some(ready) = ready else {
                self.time_passed(quiet_until)?;
                continue;
            };
            let room = ready.is_writable() && self.write()?;
            let answered = ready.is_readable() && self.read()?;
            if room || answered {
                return Ok(Vec::new());
            }
        }
    }

    async fn handle(&mut self, batch: &mut Vec<Delivery>) -> Result<(), NodeError> {
        let mut offered = std::mem::take(batch).into_iter();
        while self.has_room() {
            let Some(delivery) = offered.next() else { break };
            let order = self.next_order;
            self.next_order += 1;
            self.append(delivery, order);
        }
        batch.extend(offered);
        self.write()?;
        Ok(())
    }

    fn take_unconfirmed(&mut self) -> Vec<Delivery> {
        let mut all: Vec<Kept> = self.sent.drain(..).chain(self.again.drain(..)).collect();
        all.sort_by_key(|kept| kept.order);
        all.into_iter().map(|kept| kept.delivery).collect()
    }

    async fn close(&mut self) {
        self.link = None;
    }
}

/// Waits until then; for ever where there is no such time.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => pending().await,
    }
}

impl LinesOut {
    fn has_room(&self) -> bool {
        let unsent = self.link.as_ref().is_some_and(|link| link.unsent.len() - link.written < UNSENT_BYTES);
        unsent && self.sent.len() + self.again.len() < self.window
    }

    /// Puts a message behind what is to be sent.
    fn append(&mut self, delivery: Delivery, order: u64) {
        let message = delivery.message();
        let text = if self.whole {
            let mut value = message.value.clone();
            if let Some(name) = delivery.name() {
                value.insert(NAME, name);
            }
            Value::Object(value).to_json()
        } else {
            match message.get("payload") {
                Some(payload) => payload.to_json(),
                None => return delivery.fail(NodeError::rejected("msg.payload is missing")),
            }
        };
        let Some(link) = &mut self.link else { return };
        link.unsent.extend_from_slice(text.as_bytes());
        link.unsent.push(b'\n');
        link.lines += 1;
        if self.sent.is_empty() {
            link.quiet = Instant::now();
        }
        self.sent.push_back(Kept { number: link.lines, order, delivery });
    }

    /// Writes what the socket takes. `true` when all has left.
    fn write(&mut self) -> Result<bool, NodeError> {
        let Some(link) = &mut self.link else { return Ok(false) };
        if link.written == link.unsent.len() {
            return Ok(false);
        }
        let failed = loop {
            match link.stream.try_write(&link.unsent[link.written..]) {
                Ok(bytes) => link.written += bytes,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break None,
                Err(error) => break Some(error),
            }
            if link.written == link.unsent.len() {
                link.unsent.clear();
                link.unsent.shrink_to(UNSENT_BYTES);
                link.written = 0;
                return Ok(true);
            }
        };
        if let Some(error) = failed {
            return self.lost_on_error(Err(error));
        }
        // What has left is cut off now and then, so that a slow receiver does not make it grow.
        if link.written > UNSENT_BYTES {
            link.unsent.drain(..link.written);
            link.written = 0;
        }
        Ok(false)
    }

    /// Reads what has come. `true` when a line was answered.
    fn read(&mut self) -> Result<bool, NodeError> {
        let Some(link) = &mut self.link else { return Ok(false) };
        let mut buffer = [0; 16 * 1024];
        match link.stream.try_read(&mut buffer) {
            Ok(0) => {
                let text = format!("{} has closed the connection", self.address);
                return Err(NodeError::disconnected(text));
            }
            Ok(bytes) => link.received.extend_from_slice(&buffer[..bytes]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return self.lost_on_error(Err(error)),
        }
        let received = std::mem::take(&mut link.received);
        let end = received.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let (answers, rest) = received.split_at(end);
        if rest.len() > LONGEST_ANSWER {
            return Err(self.confused("an answer without an end"));
        }
        link.received = rest.to_vec();
        for answer in answers.split_inclusive(|byte| *byte == b'\n') {
            self.answered(&String::from_utf8_lossy(answer))?;
        }
        Ok(end > 0)
    }

    fn answered(&mut self, line: &str) -> Result<(), NodeError> {
        let line = line.trim_end();
        let Some((number, answer)) = Answer::parse(line) else {
            return Err(self.confused(&format!("{:?}", shortened(line))));
        };
        if let (0, Answer::No(reason)) = (number, &answer) {
            let text = format!("{} does not take the connection: {}", self.address, shortened(reason));
            return Err(NodeError::disconnected(text));
        }
        match self.sent.pop_front() {
            Some(kept) if kept.number == number => self.settle(kept, answer),
            kept => {
                // It stays with those that are given back.
                let due = kept.map_or_else(
                    || "none is due".to_string(),
                    |kept| {
                        let due = format!("line {} is due", kept.number);
                        self.sent.push_front(kept);
                        due
                    },
                );
                return Err(self.confused(&format!("{:?} where {due}", shortened(line))));
            }
        }
        Ok(())
    }

    fn settle(&mut self, kept: Kept, answer: Answer) {
        let now = Instant::now();
        let Some(link) = &mut self.link else { return };
        link.quiet = now;
        match answer {
            Answer::Ok => kept.delivery.confirm(),
            Answer::No(reason) => {
                let text = format!("{} refused the line: {}", self.address, shortened(&reason));
                kept.delivery.fail(NodeError::rejected(text));
            }
            Answer::Again => {
                link.again_at.get_or_insert(now + AGAIN_AFTER);
                self.again.push(kept);
            }
        }
    }

    /// Sends again what the receiver wanted again, or gives up on a receiver that says nothing.
    fn time_passed(&mut self, quiet_until: Option<Instant>) -> Result<(), NodeError> {
        let now = Instant::now();
        if quiet_until.is_some_and(|until| until <= now) {
            return Err(NodeError::disconnected(format!(
                "{} has answered no line for {} s, {} wait",
                self.address,
                self.timeout.as_secs_f64(),
                self.sent.len()
            )));
        }
        let Some(link) = &mut self.link else { return Ok(()) };
        if link.again_at.is_some_and(|at| at <= now) {
            link.again_at = None;
            for kept in std::mem::take(&mut self.again) {
                self.append(kept.delivery, kept.order);
            }
            self.write()?;
        }
        Ok(())
    }

    fn lost_on_error<T>(&self, result: io::Result<T>) -> Result<T, NodeError> {
        result.map_err(|error| {
            NodeError::disconnected(format!("the connection to {} is lost: {error}", self.address))
        })
    }

    fn confused(&self, what: &str) -> NodeError {
        let text = format!("{} does not speak the protocol of lines in: it says {what}", self.address);
        NodeError::disconnected(text)
    }
}

/// The start of a text from outside, for an error.
fn shortened(text: &str) -> String {
    text.chars().take(200).collect()
}

#[cfg(test)]
#[path = "lines_out_tests.rs"]
mod tests;

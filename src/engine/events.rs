//! Errors to Catch, statuses to Status, completion to Complete, by Node-RED's scoping rules. Who listens to whom is
//! worked out when the flow is built (`scopes.rs`); here the messages are made and sent.

use std::collections::VecDeque;

use tidegate_nodes::error::NodeError;
use tidegate_nodes::host::{Host, Level, Mail, Status};
use tidegate_nodes::message::Message;
use tidegate_nodes::value::{Object, Value};

use super::lane::Envelope;
use super::lend::Lend;
use super::observer::{Event, NodeRef};
use super::slot::{Around, Slot, Target};

/// A flow whose Catch leads back to the node that fails is cut after so many rounds, as in Node-RED.
const MAX_ERROR_ROUNDS: i64 = 10;

impl Lend<'_> {
    /// Hands an event to the nodes at these places.
    fn tell_listeners(&mut self, listeners: &[u32], message: &Message) {
        let hops = self.core.hops + 1;
        for &to in listeners {
            self.core.queue.push_back(Envelope { to, hops, mail: Mail::Message(message.clone()) });
        }
    }
}

pub fn error(lend: &mut Lend<'_>, error: NodeError, message: Option<Message>) {
    lend.around.counters.errors.add(1);
    let id = lend.around.id.clone();
    let Some(mut message) = message else {
        lend.shared.tell(&id, Event::Error { error, caught: false });
        return;
    };
    let rounds = rounds(&message, &id);
    if rounds == MAX_ERROR_ROUNDS {
        lend.log(Level::Warn, "a catch node leads back to the node that fails: cut after 10 rounds");
    }
    let caught = !lend.around.listeners.catch.is_empty() && rounds < MAX_ERROR_ROUNDS && !lend.core.starting;
    lend.shared.tell(&id, Event::Error { error: error.clone(), caught });
    if !caught {
        message.token.refuse();
        // A source waits for this message, and sending it again would fail again. What nobody waits for is told only:
        // a node that fails at every tick must not wear the disk.
        if let (Some(store), NodeError::Rejected(_), true) =
            (&lend.shared.options.store, &error, message.token.is_tracked())
        {
            let queue = lend.shared.outbox_of(&id.id).map(|outbox| outbox.queue_of(&message));
            lend.core.pending.dead_letter(store, &id.id, queue, &error, &message);
        }
        return;
    }
    if let Some(older) = message.value.get("error").cloned() {
        message.set("_error", older);
    }
    let mut about = Object::with_capacity(2);
    about.insert("message", error.message());
    about.insert("source", source(lend.around, Some(rounds)));
    message.set("error", about);
    let listeners = std::mem::take(&mut lend.around.listeners.catch);
    lend.tell_listeners(&listeners, &message);
    lend.around.listeners.catch = listeners;
}

/// How often this message has failed at this node in a row.
fn rounds(message: &Message, id: &NodeRef) -> i64 {
    let source = message.get("error").and_then(|error| error.get("source"));
    match source {
        Some(source) if source.get("id").and_then(Value::as_str) == Some(&id.id) => {
            source.get("count").and_then(Value::as_i64).unwrap_or(0) + 1
        }
        _ => 1,
    }
}

/// Who an event is of, as Node-RED says it.
fn source(around: &Around, count: Option<i64>) -> Object {
    let id = &around.id;
    let mut source = Object::with_capacity(4);
    source.insert("id", id.id.clone());
    source.insert("type", id.type_name.clone());
    let empty_name = around.facts.tells_empty_name && around.plan.config.property("name").is_some();
    if !id.name.is_empty() || empty_name {
        source.insert("name", id.name.clone());
    }
    if let Some(count) = count {
        source.insert("count", count);
    }
    source
}

pub fn complete(lend: &mut Lend<'_>, mut message: Message) {
    if lend.around.listeners.complete.is_empty() {
        return;
    }
    let mut about = Object::with_capacity(1);
    about.insert("source", source(lend.around, None));
    message.set("complete", about);
    let listeners = std::mem::take(&mut lend.around.listeners.complete);
    lend.tell_listeners(&listeners, &message);
    lend.around.listeners.complete = listeners;
}

pub fn status(lend: &mut Lend<'_>, status: Status) {
    lend.shared.tell(&lend.around.id, Event::Status(status.clone()));
    if lend.around.listeners.status.is_empty() || lend.core.starting {
        return;
    }
    let mut about = status.to_object();
    // A status node hands on text only.
    if let Some(text) = &status.text {
        about.insert("text", text.to_text());
    }
    about.insert("source", source(lend.around, None));
    let mut value = Object::with_capacity(2);
    value.insert("status", about);
    let message = Message::new(value);
    let listeners = std::mem::take(&mut lend.around.listeners.status);
    lend.tell_listeners(&listeners, &message);
    lend.around.listeners.status = listeners;
}

/// What a message into a subflow's status output shows.
pub fn shown_as_status(message: &Message) -> Option<Status> {
    match message.get("payload") {
        Some(Value::Str(text)) => Some(Status::text(text.clone())),
        Some(Value::Object(object))
            if object.is_empty() || ["text", "fill", "shape"].iter().any(|key| object.contains_key(key)) =>
        {
            Some(Status::from_object(object))
        }
        Some(other) => {
            let text = match other {
                Value::Object(_) | Value::Array(_) | Value::Bytes(_) => other.to_json(),
                plain => plain.to_text().to_string(),
            };
            let short: String = text.chars().take(32).collect();
            Some(Status::text(if short.len() < text.len() { format!("{short}...") } else { short }))
        }
        None => message.get("status").and_then(Value::as_object).map(Status::from_object),
    }
}

/// The nodes on the shortest way from a node back to itself: `"a" -> "b" -> "a"`.
pub fn name_loop(slots: &[Slot], start: u32) -> String {
    let mut came_from: Vec<Option<u32>> = vec![None; slots.len()];
    let mut queue = VecDeque::from([start]);
    let mut closes = None;
    'search: while let Some(at) = queue.pop_front() {
        for wire in slots[at as usize].around.wires.iter().flatten() {
            let Target::Here(to) = wire.target else { continue };
            if to == start {
                closes = Some(at);
                break 'search;
            }
            if came_from[to as usize].is_none() {
                came_from[to as usize] = Some(at);
                queue.push_back(to);
            }
        }
    }
    let name = |at: u32| {
        let id = &slots[at as usize].around.id;
        if id.name.is_empty() { format!("{} ({})", id.type_name, id.id) } else { format!("\"{}\"", id.name) }
    };
    let mut way = vec![name(start)];
    let mut at = closes;
    while let Some(node) = at.filter(|&node| node != start) {
        way.push(name(node));
        at = came_from[node as usize];
    }
    way.push(name(start));
    way.reverse();
    way.join(" -> ")
}

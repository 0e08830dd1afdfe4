//! What a transform has in its hands while it handles a message: where it sends, holds, and asks the gateway.

use std::sync::Arc;
use std::time::Duration;

use crate::error::NodeError;
use crate::host::{
    DebugRecord, Host, Level, Mail, Place, Scope, Settings, State, Status, Surroundings, TimerId,
};
use crate::message::{Message, Meta, Token, Unconfirmed};
use crate::path::ContextKey;
use crate::value::{Object, Str, Value};

/// Lent to a handler for one call.
pub struct Cx<'a> {
    host: &'a mut dyn Host,
    token: Token,
    meta: Arc<Meta>,
    held: bool,
    /// Whether anybody wants to know what this handler is done with.
    listened: bool,
    done_with: Option<Message>,
}

impl<'a> Cx<'a> {
    /// For the engine and the test rig.
    pub fn new(host: &'a mut dyn Host, token: Token, meta: Arc<Meta>) -> Cx<'a> {
        Cx { host, token, meta, held: false, listened: true, done_with: None }
    }

    /// For the engine: nobody listens, so what the handler is done with need not be kept.
    pub fn unlistened(mut self) -> Cx<'a> {
        self.listened = false;
        self
    }

    /// The token at hand, for the engine: after a panic it tells the source that the message was lost.
    pub fn token(&self) -> &Token {
        &self.token
    }

    /// For the engine and the test rig: whether the handler took the message to settle it later, and the message that
    /// it named as the one it is done with.
    pub fn finish(self) -> (bool, Option<Message>) {
        (self.held, self.done_with)
    }

    /// For the engine: the same with the token, which what the handler left behind may have to wait for.
    pub fn end(self) -> (Token, bool, Option<Message>) {
        (self.token, self.held, self.done_with)
    }

    // --- sending -------------------------------------------------------------------------------------------------

    /// Sends a message on: the one that came in, changed or not, or a copy of it.
    pub fn send(&mut self, port: usize, message: Message) {
        self.host.send(port as u16, message);
    }

    /// Sends a new object made from the message at hand. It carries that message's token.
    pub fn emit(&mut self, port: usize, value: Object) {
        let message = Message { value, meta: self.meta.clone(), token: self.token.clone() };
        self.send(port, message);
    }

    /// Hands over many pieces, made from the message at hand; the engine pulls them when its queue has room.
    pub fn emit_pieces(&mut self, port: usize, pieces: impl Iterator<Item = Object> + Send + 'static) {
        let (meta, token) = (self.meta.clone(), self.token.clone());
        let pieces = pieces.map(move |value| Message { value, meta: meta.clone(), token: token.clone() });
        self.host.send_pieces(port as u16, Box::new(pieces));
    }

    /// The same for pieces in which earlier messages stand too, no longer held: those are done when the pieces are.
    pub fn emit_pieces_from(
        &mut self,
        port: usize,
        pieces: impl Iterator<Item = Object> + Send + 'static,
        earlier: &[Message],
    ) {
        let meta = self.meta.clone();
        let token = Token::merge(earlier.iter().map(|m| &m.token).chain([&self.token]));
        let pieces = pieces.map(move |value| Message { value, meta: meta.clone(), token: token.clone() });
        self.host.send_pieces(port as u16, Box::new(pieces));
    }

    /// Sends a message that this node makes from nothing (a tick, a resend). It takes a credit; `false` when there is
    /// none: then nothing was sent, and `Transform::resume` is called once when one comes back.
    pub fn originate(&mut self, port: usize, value: Object) -> bool {
        let Some(credit) = self.host.take_credit(weight(&value)) else { return false };
        let meta = Arc::new(Meta {
            wall_ms: self.host.wall_ms(),
            monotonic: self.host.elapsed(),
            ..Meta::default()
        });
        self.send(port, Message { value, meta, token: Token::new(None, Some(credit)) });
        true
    }

    /// A new object as a message under the token at hand, to be held or delivered.
    pub fn message(&self, value: Object) -> Message {
        Message { value, meta: self.meta.clone(), token: self.token.clone() }
    }

    // --- holding -------------------------------------------------------------------------------------------------

    /// Takes the message to settle it later by `release`, `done` or `fail`. It gives its credit back to the source.
    /// An error, and the message stays where it was, when the node holds as many as it may.
    pub fn hold(&mut self, msg: &mut Option<Message>) -> Result<Held, NodeError> {
        let Some(message) = msg.take() else {
            return Err(NodeError::fatal("hold was called without a message: a mistake in the node"));
        };
        match self.hold_message(message) {
            Ok(held) => {
                self.held = true;
                Ok(held)
            }
            Err((error, message)) => {
                *msg = Some(message);
                Err(error)
            }
        }
    }

    /// Holds a message beside the one being handled: a copy, or one made from it.
    pub fn hold_message(&mut self, mut message: Message) -> Result<Held, (NodeError, Message)> {
        let holding = self.host.holding();
        let Some(place) = holding.take(weight(&message.value)) else {
            let error = format!("the node is full: it may hold {}", holding.limits());
            return Err((NodeError::rejected(error), message));
        };
        message.token.return_credit();
        Ok(Held { message: Unconfirmed::new(message), _place: place })
    }

    /// Sends a held message on and is done with it. Without a credit it waits its turn; order stays.
    pub fn release(&mut self, port: usize, held: Held) {
        let message = held.into_message();
        self.complete(&message);
        self.send_released(port, message);
    }

    /// Sends a held message on when the node was done with it before: Complete nodes have heard of it already.
    pub fn send_held(&mut self, port: usize, held: Held) {
        let message = held.into_message();
        self.send_released(port, message);
    }

    /// Sends a held message on to several ports, a copy each, and is done with it.
    pub fn release_to(&mut self, ports: impl IntoIterator<Item = usize>, held: Held) {
        let message = held.into_message();
        self.complete(&message);
        for port in ports {
            self.send_released(port, message.clone());
        }
    }

    /// Sends objects made from a held message, each to its port, and is done with it.
    pub fn release_each(&mut self, held: Held, objects: impl IntoIterator<Item = (usize, Object)>) {
        let message = held.into_message();
        self.complete(&message);
        for (port, value) in objects {
            self.send_released(port, message.with(value));
        }
    }

    /// Sends a new object made from held messages: done when it is done.
    pub fn release_as(&mut self, port: usize, value: Object, held: Vec<Held>) {
        let messages: Vec<Message> = held.into_iter().map(Held::into_message).collect();
        let mut token = Token::merge(messages.iter().map(|m| &m.token).chain([&self.token]));
        token.return_credit();
        let meta = messages.last().map_or_else(|| self.meta.clone(), |m| m.meta.clone());
        for message in &messages {
            self.complete(message);
        }
        self.send_released(port, Message { value, meta, token });
    }

    /// Sends an object in the name of a held message that stays held: batches that overlap.
    pub fn release_copy(&mut self, port: usize, value: Object, held: &Held) {
        let message = held.message().with(value);
        self.send_released(port, message);
    }

    /// Done with a held message without sending it on.
    pub fn done(&mut self, held: Held) {
        let message = held.into_message();
        self.complete(&message);
    }

    /// A held message failed: to Catch, else to the dead letters.
    pub fn fail(&mut self, held: Held, error: NodeError) {
        let message = held.into_message();
        self.host.raise(error, Some(message));
    }

    fn send_released(&mut self, port: usize, mut message: Message) {
        match self.host.take_credit(weight(&message.value)) {
            Some(credit) => {
                message.token.set_credit(credit);
                self.send(port, message);
            }
            None => self.host.send_when_credit(port as u16, message),
        }
    }

    /// Tells the Complete nodes that this node is done with a message. Returning from `handle` does it by itself.
    pub fn complete(&mut self, message: &Message) {
        self.host.complete(message.clone());
    }

    /// Names the message that Complete nodes see when this handler returns, where it is not the one that came in:
    /// a node that changed its message in place names the changed one.
    pub fn done_with(&mut self, message: &Message) {
        if self.listened {
            self.done_with = Some(message.clone());
        }
    }

    /// This handler is not done when it returns, though it holds no message: no Complete.
    pub fn not_done(&mut self) {
        self.held = true;
    }

    // --- time ----------------------------------------------------------------------------------------------------

    /// Milliseconds since 1970. It may jump: measure durations with [`elapsed`](Cx::elapsed).
    pub fn wall_ms(&self) -> i64 {
        self.host.wall_ms()
    }

    pub fn elapsed(&self) -> Duration {
        self.host.elapsed()
    }

    /// Calls `Transform::timer` with this id after a while. Setting an id again replaces it.
    pub fn set_timer(&mut self, id: TimerId, after: Duration) {
        self.host.set_timer(id, after, Token::none());
    }

    /// The same, and what is sent when it comes due carries the token of the message at hand.
    pub fn set_timer_with_token(&mut self, id: TimerId, after: Duration) {
        let mut token = self.token.clone();
        token.return_credit();
        self.host.set_timer(id, after, token);
    }

    pub fn cancel_timer(&mut self, id: TimerId) -> bool {
        self.host.cancel_timer(id)
    }

    pub fn random(&mut self) -> u64 {
        self.host.random()
    }

    /// A number in [0, 1).
    pub fn random_unit(&mut self) -> f64 {
        (self.host.random() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// An id as Node-RED makes them: 16 hexadecimal digits.
    pub fn new_id(&mut self) -> Str {
        Str::from(format!("{:016x}", self.host.random()))
    }

    // --- telling -------------------------------------------------------------------------------------------------

    pub fn status(&mut self, status: Status) {
        self.host.status(status);
    }

    pub fn info(&mut self, text: impl AsRef<str>) {
        self.host.log(Level::Info, text.as_ref());
    }

    pub fn warn(&mut self, text: impl AsRef<str>) {
        self.host.log(Level::Warn, text.as_ref());
    }

    pub fn log(&mut self, level: Level, text: &str) {
        self.host.log(level, text);
    }

    /// An error beside the one that a handler returns: to Catch, with a message where there is one.
    pub fn error(&mut self, error: NodeError, message: Option<Message>) {
        self.host.raise(error, message);
    }

    pub fn debug(&mut self, record: DebugRecord) {
        self.host.debug(record);
    }

    // --- the flow around -----------------------------------------------------------------------------------------

    pub fn settings(&self) -> &Settings {
        self.host.settings()
    }

    pub fn env(&self, name: &str) -> Option<Value> {
        self.host.env(name)
    }

    pub fn context_get(
        &self,
        scope: Scope,
        key: &ContextKey,
        msg: &Object,
    ) -> Result<Option<Value>, NodeError> {
        self.host.context_get(scope, key, msg)
    }

    pub fn context_set(
        &self,
        scope: Scope,
        key: &ContextKey,
        msg: &Object,
        value: Option<Value>,
    ) -> Result<(), NodeError> {
        self.host.context_set(scope, key, msg, value)
    }

    pub fn context_keys(&self, scope: Scope, store: Option<&str>) -> Result<Vec<Str>, NodeError> {
        self.host.context_keys(scope, store)
    }

    pub fn context_update(
        &self,
        scope: Scope,
        key: &ContextKey,
        change: &mut dyn FnMut(Option<Value>) -> Option<Value>,
    ) -> Result<(), NodeError> {
        self.host.context_update(scope, key, change)
    }

    /// Settings and contexts as a handle to keep; nodes that run scripts take it in `start`.
    pub fn surroundings(&self) -> Arc<dyn Surroundings> {
        self.host.surroundings()
    }

    pub fn state(&mut self) -> &mut dyn State {
        self.host.state()
    }

    /// Sends a message to a node past the wires, as if it had come by one.
    pub fn call(&mut self, node: &str, message: Message) -> Result<(), NodeError> {
        self.host.deliver(node, Mail::Message(message))
    }

    /// Hands the answer to a node that made a call.
    pub fn answer(&mut self, node: &str, message: Message) -> Result<(), NodeError> {
        self.host.deliver(node, Mail::Return(message))
    }

    pub fn find_link(&self, target: &str, by_name: bool) -> Result<Str, NodeError> {
        self.host.find_link(target, by_name)
    }
}

/// What a message weighs against the byte limits of admission.
pub fn weight(value: &Object) -> u32 {
    value.iter().map(|(key, value)| key.len() + value.weight()).sum::<usize>().try_into().unwrap_or(u32::MAX)
}

/// A message that a node holds. Dropping it is a loss, and its source is told so.
#[derive(Debug)]
#[must_use = "dropping it tells the source that its message was lost"]
pub struct Held {
    message: Unconfirmed,
    _place: Place,
}

impl Held {
    pub fn message(&self) -> &Message {
        self.message.message()
    }

    pub fn message_mut(&mut self) -> &mut Message {
        self.message.message_mut()
    }

    /// Back into the handler's hands as an ordinary copy. It has no credit: prefer `Cx::release`.
    pub fn into_message(self) -> Message {
        self.message.into_message()
    }
}

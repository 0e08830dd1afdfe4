//! One message, one node: the call of a node by its lane, and what follows from how it ends.

use std::sync::Arc;
use std::time::Instant;

use tidegate_nodes::cx::Cx;
use tidegate_nodes::error::NodeError;
use tidegate_nodes::host::{Host, Mail};
use tidegate_nodes::message::{Message, Meta, Token};
use tidegate_nodes::node::Transform;

use super::Shared;
use super::lane::{Envelope, Lane, lost};
use super::lend::Lend;
use super::observer::Event;
use super::panics;
use super::slot::{Running, Slot};

impl Lane {
    pub(super) fn dispatch(&mut self, envelope: Envelope, shared: &Shared) {
        let Envelope { to, hops, mail } = envelope;
        let slot = &mut self.slots[to as usize];
        slot.around.counters.received.add(1);
        self.core.hops = hops;
        if hops > shared.options.hop_limit {
            let error = self.loop_error(to, shared);
            let message = match mail {
                Mail::Message(message) | Mail::Return(message) => message,
            };
            self.lend(to, shared).raise(error, Some(message));
            return;
        }
        if slot.around.is_watched()
            && let Mail::Message(message) = &mail
        {
            shared.tell(&slot.around.id, Event::Received(message.value.clone()));
        }
        match (&mut slot.node, mail) {
            (Running::Transform(_), Mail::Message(message)) => self.handle(to, message, shared),
            (Running::Transform(_), Mail::Return(message)) => {
                let token = message.token.clone();
                self.run(to, token, shared, |node, cx| node.returned(message, cx));
            }
            (Running::Connector(port), Mail::Message(message)) => port.push(message, &mut self.core.pending),
            (Running::Stub(replies), Mail::Message(message)) => {
                let reply = replies.pop_front();
                self.reply(to, reply, message, shared);
            }
            (Running::SubflowStatus, Mail::Message(message)) => {
                let instance = slot.around.listeners.status_shows_on;
                if let (Some(instance), Some(status)) = (instance, super::events::shown_as_status(&message)) {
                    self.lend(instance, shared).status(status);
                }
            }
            (Running::Resting(backlog), mail) => backlog.push_back(Envelope { to, hops, mail }),
            (Running::Stopped(why), Mail::Message(message)) => {
                let error = NodeError::rejected(format!("the node is stopped: {why}"));
                message.token.fail();
                self.lend(to, shared).raise(error, Some(message));
            }
            (_, mail @ Mail::Return(_)) => lost(mail),
        }
    }

    /// What a connector in a flow test does: confirm, answer or fail, as the test says.
    fn reply(&mut self, at: u32, reply: Option<super::Reply>, message: Message, shared: &Shared) {
        let mut lend = self.lend(at, shared);
        match reply {
            // A source emits what the test gives it.
            None if lend.around.plan.has_no_input() => lend.send(0, message),
            None => lend.complete(message),
            Some(super::Reply::Answer(changes)) => {
                let mut answer = message.clone();
                for (key, value) in changes.iter() {
                    answer.set(key.clone(), value.clone());
                }
                lend.send(0, answer);
                lend.complete(message);
            }
            Some(super::Reply::Fail(error)) => lend.raise(error, Some(message)),
        }
    }

    fn handle(&mut self, at: u32, message: Message, shared: &Shared) {
        let Slot { node: Running::Transform(node), around } = &mut self.slots[at as usize] else { return };
        if !std::mem::replace(&mut around.touched, true) {
            self.core.touched.push(at);
        }
        // Only where somebody may want to see the message that came in is a copy kept.
        let wanted = !around.listeners.complete.is_empty() || !around.listeners.catch.is_empty();
        let copy = wanted.then(|| message.clone());
        let (token, meta) = (message.token.clone(), message.meta.clone());
        let mut slot = Some(message);
        let version = shared.contexts.version();
        let timed = shared.counters.watched.has_timings()
            && around.counters.timings.wants(around.counters.received.get());
        let mut lend = Lend { core: &mut self.core, around, shared };
        let cx = Cx::new(&mut lend, token, meta);
        let mut cx = if wanted { cx } else { cx.unlistened() };
        let since = timed.then(Instant::now);
        let result = panics::guarded(|| node.handle(&mut slot, &mut cx));
        let took = since.map(|since| since.elapsed());
        let (token, held, done_with) = cx.end();
        if let Some(took) = took {
            around.counters.timings.add(took);
        }
        Lane::note_changes(&mut self.core, around, &token, version, shared);
        match result {
            Ok(Ok(())) => {
                if !held && let Some(copy) = copy {
                    self.lend(at, shared).complete(done_with.or(slot).unwrap_or(copy));
                }
            }
            Ok(Err(error)) => self.failed(at, error, slot.or(copy), shared),
            Err(panic) => {
                drop((slot, copy, done_with));
                self.panicked(at, panic, &token, shared);
            }
        }
    }

    /// Calls a transform for anything but a message at its input.
    pub fn run(
        &mut self,
        at: u32,
        token: Token,
        shared: &Shared,
        call: impl FnOnce(&mut dyn Transform, &mut Cx<'_>) -> Result<(), NodeError>,
    ) {
        let Slot { node: Running::Transform(node), around } = &mut self.slots[at as usize] else { return };
        if !std::mem::replace(&mut around.touched, true) {
            self.core.touched.push(at);
        }
        let version = shared.contexts.version();
        let mut lend = Lend { core: &mut self.core, around, shared };
        let mut cx = Cx::new(&mut lend, token, Arc::new(Meta::default()));
        let result = panics::guarded(|| call(&mut **node, &mut cx));
        let (token, ..) = cx.end();
        Lane::note_changes(&mut self.core, around, &token, version, shared);
        match result {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.failed(at, error, None, shared),
            Err(panic) => self.panicked(at, panic, &token, shared),
        }
    }
}

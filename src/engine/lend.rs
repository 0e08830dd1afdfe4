//! What the engine lends to a transform for one call: `Host`, filled in.

use std::sync::Arc;
use std::time::Duration;

use tidegate_nodes::error::NodeError;
use tidegate_nodes::host::{
    DebugRecord, Holding, Host, Level, Mail, Pieces, Scope, Settings, State, Status, Surroundings, TimerId,
};
use tidegate_nodes::message::{Credit, Message, Token, Unconfirmed};
use tidegate_nodes::path::ContextKey;
use tidegate_nodes::value::{Object, Str, Value};

use super::Shared;
use super::inbox::Arrival;
use super::lane::{Core, Envelope, Pull, route};
use super::observer::Event;
use super::slot::{Around, Target};
use super::surroundings::Lasting;

pub struct Lend<'l> {
    pub core: &'l mut Core,
    pub around: &'l mut Around,
    pub shared: &'l Shared,
}

impl Lend<'_> {
    /// Sends what waited for a credit, as far as credits go.
    pub fn send_waiting(&mut self) {
        while let Some((_, message, _)) = self.around.waiting.front() {
            let bytes = tidegate_nodes::cx::weight(&message.message().value);
            let Some(credit) = self.around.pool.take(bytes) else { return };
            let Some((port, message, _)) = self.around.waiting.pop_front() else { return };
            let mut message = message.into_message();
            message.token.set_credit(credit);
            route(self.core, self.around, port, message, self.shared);
        }
    }
}

impl Host for Lend<'_> {
    fn wall_ms(&self) -> i64 {
        self.shared.clock.wall_ms()
    }

    fn elapsed(&self) -> Duration {
        self.shared.clock.elapsed()
    }

    fn random(&mut self) -> u64 {
        tidegate_nodes::testing::splitmix(&mut self.core.seed)
    }

    fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    fn send(&mut self, port: u16, message: Message) {
        if self.around.is_watched() && self.around.plan.has_no_input() {
            self.shared.tell(&self.around.id, Event::Sent(message.value.clone()));
        }
        // What a node sends stays behind the pieces that it handed over before.
        let behind =
            !self.core.pulls.is_empty() && self.core.pulls.iter().any(|pull| pull.node == self.around.index);
        if behind {
            return self.send_pieces(port, Box::new(std::iter::once(message)));
        }
        route(self.core, self.around, port, message, self.shared);
    }

    fn set_timer(&mut self, id: TimerId, after: Duration, token: Token) {
        // No wait at all would let a loop through a delay node run within one instant, for ever; JavaScript's least is
        // a millisecond too. A wait beyond a century is a mistake that must not overflow the clock.
        let after = if after.is_zero() { Duration::from_millis(1) } else { after };
        let after = after.min(Duration::from_secs(100 * 366 * 86_400));
        let at = self.shared.clock.elapsed() + after;
        self.core.timers.set(at, self.around.index, id, token);
    }

    fn cancel_timer(&mut self, id: TimerId) -> bool {
        self.core.timers.cancel(self.around.index, id)
    }

    fn status(&mut self, status: Status) {
        super::events::status(self, status);
    }

    fn log(&mut self, level: Level, text: &str) {
        self.shared.tell(&self.around.id, Event::Log(level, text.to_string()));
    }

    fn debug(&mut self, record: DebugRecord) {
        self.shared.tell(&self.around.id, Event::Debug(record));
    }

    fn raise(&mut self, error: NodeError, message: Option<Message>) {
        super::events::error(self, error, message);
    }

    fn complete(&mut self, message: Message) {
        super::events::complete(self, message);
    }

    fn env(&self, name: &str) -> Option<Value> {
        self.around.plan.env.get(name)
    }

    fn context_get(&self, scope: Scope, key: &ContextKey, msg: &Object) -> Result<Option<Value>, NodeError> {
        self.around.contexts.with(scope, key, |owner, key| self.shared.contexts.get(owner, key, msg))
    }

    fn context_set(
        &self,
        scope: Scope,
        key: &ContextKey,
        msg: &Object,
        value: Option<Value>,
    ) -> Result<(), NodeError> {
        self.around.contexts.with(scope, key, |owner, key| self.shared.contexts.set(owner, key, msg, value))
    }

    fn context_keys(&self, scope: Scope, store: Option<&str>) -> Result<Vec<Str>, NodeError> {
        Ok(self.shared.contexts.keys(self.around.contexts.owner(scope), store))
    }

    fn context_update(
        &self,
        scope: Scope,
        key: &ContextKey,
        change: &mut dyn FnMut(Option<Value>) -> Option<Value>,
    ) -> Result<(), NodeError> {
        self.around.contexts.with(scope, key, |owner, key| self.shared.contexts.update(owner, key, change))
    }

    fn surroundings(&self) -> Arc<dyn Surroundings> {
        Arc::new(Lasting {
            owners: self.around.contexts.clone(),
            env: self.around.plan.env.clone(),
            contexts: self.shared.contexts.clone(),
        })
    }

    fn state(&mut self) -> &mut dyn State {
        &mut self.around.state
    }

    fn take_credit(&mut self, bytes: u32) -> Option<Arc<Credit>> {
        // A tab in which a node hoards makes nothing new: its sources are called when there is room again.
        if self.around.plan.is_source() && self.core.is_hoarding() {
            self.around.resume = true;
            if !self.core.starved.contains(&self.around.index) {
                self.core.starved.push(self.around.index);
            }
            return None;
        }
        // Who waits goes first.
        let credit = if self.around.waiting.is_empty() { self.around.pool.take(bytes) } else { None };
        self.around.resume |= credit.is_none();
        credit
    }

    fn send_when_credit(&mut self, port: u16, message: Message) {
        let place = self.around.holding.place(tidegate_nodes::cx::weight(&message.value));
        self.around.waiting.push_back((port, Unconfirmed::new(message), place));
    }

    fn send_pieces(&mut self, port: u16, pieces: Pieces) {
        self.core.pulls.push_back(Pull { node: self.around.index, port, pieces });
    }

    fn deliver(&mut self, node: &str, mail: Mail) -> Result<(), NodeError> {
        let hops = self.core.hops + 1;
        match self.shared.directory.target(node, &self.core.handle) {
            Some(Target::Here(to)) => self.core.queue.push_back(Envelope { to, hops, mail }),
            Some(Target::There { lane, node }) => {
                lane.push(&self.around.id.flow, [Arrival::To { node, mail, hops }]);
            }
            None => return Err(NodeError::rejected(format!("no node {node} runs"))),
        }
        Ok(())
    }

    fn find_link(&self, target: &str, by_name: bool) -> Result<Str, NodeError> {
        self.shared.directory.find_link(target, by_name, &self.around.contexts.flows[0])
    }

    fn holding(&mut self) -> &mut Holding {
        let at = self.around.index;
        if !self.core.holders.iter().any(|(holder, _)| *holder == at) {
            self.core.holders.push((at, self.around.holding.clone()));
            self.shared.gauges.holds(&self.around.id.id, &self.around.holding);
        }
        &mut self.around.holding
    }
}

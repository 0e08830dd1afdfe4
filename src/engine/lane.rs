//! A lane: one tab with its subflow instances. It runs messages through its nodes with no queue between two nodes but
//! one for all, first in, first out: what a handler sends is appended in port, wire and send order, as Node-RED
//! delivers. Nothing in here waits, so a loop in a flow cannot deadlock.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tidegate_nodes::error::NodeError;
use tidegate_nodes::host::{Holding, Host, Mail, Pieces};
use tidegate_nodes::message::{Message, Token, Unconfirmed};
use tidegate_nodes::value::Str;

use super::Shared;
use super::inbox::{Arrival, Command, LaneHandle};
use super::lend::Lend;
use super::observer::Event;
use super::panics;
use super::pending::Pending;
use super::slot::{Around, Running, Slot, Target, Wire};
use super::timers::{Due, Timers};

/// A message in the lane's queue.
#[derive(Debug)]
pub struct Envelope {
    pub to: u32,
    /// Nodes it went through since the last timer or connector.
    pub hops: u32,
    pub mail: Mail,
}

/// Pieces that a node handed over, to be pulled when the queue has room.
pub struct Pull {
    pub node: u32,
    pub port: u16,
    pub pieces: Pieces,
}

#[derive(Default)]
pub struct Lane {
    pub slots: Vec<Slot>,
    pub by_id: HashMap<Str, u32>,
    pub core: Core,
    arrivals: Vec<Arrival>,
}

/// The part of a lane that a running node's host reaches.
#[derive(Default)]
pub struct Core {
    pub queue: VecDeque<Envelope>,
    pub timers: Timers,
    pub pulls: VecDeque<Pull>,
    /// Of the message at hand.
    pub hops: u32,
    /// Nodes are being started: as in Node-RED nobody listens to them yet.
    pub starting: bool,
    /// Nodes that have ever held a message.
    pub holders: Vec<(u32, Holding)>,
    /// Sources that got no credit because a node hoards.
    pub starved: Vec<u32>,
    /// Nodes that have run since their state was saved.
    pub touched: Vec<u32>,
    pub seed: u64,
    /// What is to be written, with the end of the turn.
    pub pending: Pending,
    /// Set once the lane has a handle; only a lane that is being built has none.
    pub handle: Option<Arc<LaneHandle>>,
}

impl Core {
    /// A node that holds half of what it may stops the intake: its sources wait rather than lose.
    pub fn is_hoarding(&self) -> bool {
        self.holders.iter().any(|(_, holding)| holding.is_half_full())
    }
}

/// What a turn ended with.
pub struct Turn {
    /// There is more to do now.
    pub more: bool,
    /// Whether anything was done at all.
    pub did: bool,
    /// When the next timer comes due.
    pub next: Option<Duration>,
}

/// A lane gives up its thread after this many messages or this long, so that others have their turn.
const TURN_MESSAGES: u32 = 256;
const TURN_TIME: Duration = Duration::from_millis(1);
/// How often within a turn the clock is read.
const LOOK_EVERY: u32 = 16;
/// How many of the pieces of a split are put on the queue at once.
const PULL_BATCH: usize = 64;

impl Lane {
    /// Runs for a while.
    pub fn turn(&mut self, shared: &Shared) -> Turn {
        let started = Instant::now();
        let mut steps = 0;
        self.save_states(shared);
        let mut did = self.take_commands(shared);
        did |= self.serve_timers(shared);
        loop {
            while self.pull(shared) || !self.core.queue.is_empty() {
                if let Some(envelope) = self.core.queue.pop_front() {
                    self.dispatch(envelope, shared);
                }
                steps += 1;
                // A virtual turn runs to its end: what one instant causes is all done before the next.
                if steps % LOOK_EVERY == 0 && !shared.clock.is_virtual() {
                    if steps >= TURN_MESSAGES || started.elapsed() >= TURN_TIME {
                        self.write(shared);
                        return Turn { more: true, did: true, next: self.core.timers.next() };
                    }
                    self.serve_timers(shared);
                }
                if self.core.pending.is_large() {
                    self.write(shared);
                }
            }
            did |= self.take_commands(shared);
            did |= self.feed_starved(shared);
            if !self.take_in(shared) && self.core.queue.is_empty() && self.core.pulls.is_empty() {
                break;
            }
        }
        self.save_states(shared);
        self.write(shared);
        Turn { more: false, did: did || steps > 0, next: self.core.timers.next() }
    }

    /// Hands what is to be written to the store.
    pub(super) fn write(&mut self, shared: &Shared) {
        if let Some(store) = &shared.options.store {
            self.core.pending.put_context(shared.contexts.take_changes());
            self.core.pending.submit(store);
        }
    }

    /// Whether all that came in has gone through.
    pub fn is_quiet(&self) -> bool {
        self.core.queue.is_empty() && self.core.pulls.is_empty()
    }

    fn take_in(&mut self, shared: &Shared) -> bool {
        let room = shared.options.queue_mark.saturating_sub(self.core.queue.len()).min(PULL_BATCH);
        if room == 0 || self.core.is_hoarding() {
            return false;
        }
        let Some(handle) = self.core.handle.clone() else { return false };
        let mut arrivals = std::mem::take(&mut self.arrivals);
        handle.inbox.take(room, &mut arrivals);
        let any = !arrivals.is_empty();
        for arrival in arrivals.drain(..) {
            match arrival {
                Arrival::To { node, mail, hops } => match self.by_id.get(&node) {
                    Some(&to) => self.core.queue.push_back(Envelope { to, hops, mail }),
                    None => lost(mail),
                },
                Arrival::From { node, port, message } => match self.by_id.get(&node) {
                    Some(&at) => {
                        let around = &mut self.slots[at as usize].around;
                        self.core.hops = 0;
                        if around.is_watched() && around.plan.has_no_input() {
                            shared.tell(&around.id, Event::Sent(message.value.clone()));
                        }
                        route(&mut self.core, around, port, message, shared);
                    }
                    None => drop(Unconfirmed::new(message)),
                },
            }
        }
        self.arrivals = arrivals;
        any
    }

    /// Calls the sources that were told to wait, when there is room again.
    fn feed_starved(&mut self, shared: &Shared) -> bool {
        if self.core.starved.is_empty() || self.core.is_hoarding() {
            return false;
        }
        for at in std::mem::take(&mut self.core.starved) {
            self.resume(at, shared);
        }
        true
    }

    fn take_commands(&mut self, shared: &Shared) -> bool {
        let Some(handle) = &self.core.handle else { return false };
        let commands = handle.inbox.take_commands();
        let any = !commands.is_empty();
        for command in commands {
            self.obey(command, shared);
        }
        any
    }

    fn obey(&mut self, command: Command, shared: &Shared) {
        let at = |lane: &Lane, node: &Str| lane.by_id.get(node).copied();
        self.core.hops = 0;
        match command {
            Command::Act { node, action } => {
                if let Some(at) = at(self, &node) {
                    self.run(at, Token::none(), shared, |node, cx| node.action(action, cx));
                }
            }
            Command::Resume { node } => {
                if let Some(at) = at(self, &node) {
                    self.resume(at, shared);
                }
            }
            Command::Status { node, status } => {
                if let Some(at) = at(self, &node) {
                    self.lend(at, shared).status(status);
                }
            }
            Command::Log { node, level, text } => {
                if let Some(at) = at(self, &node) {
                    self.lend(at, shared).log(level, &text);
                }
            }
            Command::Completed { node, message } => {
                if let Some(at) = at(self, &node) {
                    self.lend(at, shared).complete(message);
                }
            }
            Command::Failed { node, error, message } => match at(self, &node) {
                Some(at) => {
                    if let NodeError::Fatal(text) | NodeError::Config { message: text, .. } = &error
                        && message.is_none()
                    {
                        self.slots[at as usize].node = Running::Stopped(text.clone());
                    }
                    self.lend(at, shared).raise(error, message);
                }
                None => drop(message.map(Unconfirmed::new)),
            },
        }
    }

    fn serve_timers(&mut self, shared: &Shared) -> bool {
        if self.core.timers.next().is_none() {
            return false;
        }
        let now = shared.clock.elapsed();
        let mut did = false;
        while let Some((at, due)) = self.core.timers.take(now) {
            self.core.hops = 0;
            did = true;
            match due {
                Due::Node(id, token) => self.run(at, token, shared, |node, cx| node.timer(id, cx)),
                Due::Restart => self.restart(at, shared),
            }
            if self.core.queue.len() >= shared.options.queue_mark {
                // Sent on first: a burst of timers must not grow the queue.
                break;
            }
        }
        did
    }

    /// Puts some of a split's pieces on the queue when there is room; `false` when there was none to pull.
    fn pull(&mut self, shared: &Shared) -> bool {
        if self.core.pulls.is_empty() || self.core.queue.len() >= shared.options.queue_mark {
            return false;
        }
        for _ in 0..PULL_BATCH {
            let Some(pull) = self.core.pulls.front_mut() else { break };
            let (at, port) = (pull.node, pull.port);
            // A node's own code makes the pieces, so it is watched like a handler.
            match panics::guarded(|| pull.pieces.next()) {
                Ok(Some(message)) => {
                    self.core.hops = 1;
                    route(&mut self.core, &mut self.slots[at as usize].around, port, message, shared);
                }
                Ok(None) => drop(self.core.pulls.pop_front()),
                Err(panic) => {
                    self.core.pulls.pop_front();
                    self.panicked(at, panic, &Token::none(), shared);
                }
            }
        }
        true
    }

    /// What the engine lends to the node at this place.
    pub fn lend<'l>(&'l mut self, at: u32, shared: &'l Shared) -> Lend<'l> {
        Lend { core: &mut self.core, around: &mut self.slots[at as usize].around, shared }
    }

    fn resume(&mut self, at: u32, shared: &Shared) {
        let mut lend = self.lend(at, shared);
        lend.send_waiting();
        if lend.around.waiting.is_empty() && std::mem::take(&mut lend.around.resume) {
            self.run(at, Token::none(), shared, |node, cx| node.resume(cx));
        }
    }

    /// Names the wires of the loop that a message runs in.
    pub(super) fn loop_error(&self, at: u32, shared: &Shared) -> NodeError {
        let names = super::events::name_loop(&self.slots, at);
        NodeError::rejected(format!(
            "the message went through {} nodes without a pause, round the loop {names}: put a delay into it, or a way out",
            shared.options.hop_limit
        ))
    }
}

/// A message that has nowhere to go tells its source.
pub fn lost(mail: Mail) {
    match mail {
        Mail::Message(message) | Mail::Return(message) => drop(Unconfirmed::new(message)),
    }
}

/// Sends a message down the wires of a port.
pub fn route(core: &mut Core, around: &mut Around, port: u16, message: Message, shared: &Shared) {
    around.counters.sent.add(1);
    let Some(wires) = around.wires.get(port as usize) else { return };
    let Some((last, others)) = wires.split_last() else { return };
    let hops = core.hops + 1;
    if core.queue.len() + wires.len() > shared.options.queue_limit {
        // Only a loop that multiplies messages gets here: sources stop at the mark, long before.
        message.token.fail();
        let text = format!(
            "more than {} messages wait in this flow: it makes more of them than it ends",
            shared.options.queue_limit
        );
        shared.tell(&around.id, Event::Error { error: NodeError::rejected(text), caught: false });
        return;
    }
    for wire in others {
        pass(around, port, wire, &message, shared);
        deliver(core, &around.id.flow, &wire.target, message.clone(), hops);
    }
    pass(around, port, last, &message, shared);
    deliver(core, &around.id.flow, &last.target, message, hops);
}

/// Counts a message on its wire, and shows it to whoever looks at this wire.
fn pass(around: &Around, port: u16, wire: &Wire, message: &Message, shared: &Shared) {
    wire.counters.passed.add(1);
    if wire.counters.taps.load(Ordering::Relaxed) > 0 {
        let event = Event::Passed { port, to: wire.to.clone(), value: message.value.clone() };
        shared.tell(&around.id, event);
    }
}

fn deliver(core: &mut Core, origin: &Str, target: &Target, message: Message, hops: u32) {
    match target {
        Target::Here(to) => core.queue.push_back(Envelope { to: *to, hops, mail: Mail::Message(message) }),
        Target::There { lane, node } => {
            let arrival = Arrival::To { node: node.clone(), mail: Mail::Message(message), hops };
            lane.push(origin, [arrival]);
        }
    }
}

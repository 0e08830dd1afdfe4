//! A connector as the rest of the engine sees it: what waits for it, how far its stop has come, and what is known of it
//! from outside. It outlasts the connector, which may be opened, broken and built again behind it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidegate_nodes::connector::{Delivery, Ticket};
use tidegate_nodes::message::{Message, Token, Unconfirmed};
use tidegate_nodes::value::Object;
use tokio::sync::{Notify, watch};

use super::admission::{SourceBalance, Tracker};
use super::outbox::{self, Outbox};
use super::pending::Pending;

/// How far a stop has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    Run,
    /// Nothing new comes in; what is there goes out.
    Drain,
    Close,
}

/// The inbox of a connector and what is known about it from outside. Messages that are left in it when it goes are
/// dropped unconfirmed: their sources are not acknowledged.
pub struct Port {
    inbox: Mutex<VecDeque<Unconfirmed>>,
    pub(super) arrived: Arc<Notify>,
    /// Where it has one, messages wait there and not in the inbox.
    pub outbox: Option<Arc<Outbox>>,
    /// Whether sources do not wait for what this sink does.
    at_most_once: bool,
    /// Which messages are commands, and those that wait for the connector.
    is_command: Option<fn(&Object) -> bool>,
    commands: Mutex<VecDeque<Unconfirmed>>,
    pub(super) commanded: Notify,
    /// Whether a Complete wants to hear of what is delivered, and a Catch takes its errors.
    pub(super) completes: AtomicBool,
    pub(super) catches: AtomicBool,
    /// Whether what comes in is acknowledged on receipt.
    pub(super) on_receipt: AtomicBool,
    /// Messages in the connector's hands that are not confirmed.
    pub(super) in_hand: AtomicUsize,
    pub(super) phase: watch::Sender<Phase>,
    pub(super) tracker: Arc<Tracker>,
}

impl Port {
    pub fn new(
        outbox: Option<Arc<Outbox>>,
        at_most_once: bool,
        is_command: Option<fn(&Object) -> bool>,
    ) -> Arc<Port> {
        Arc::new(Port {
            inbox: Mutex::default(),
            arrived: outbox.as_ref().map(|outbox| outbox.arrived.clone()).unwrap_or_default(),
            outbox,
            at_most_once,
            is_command,
            commands: Mutex::default(),
            commanded: Notify::new(),
            completes: AtomicBool::new(false),
            catches: AtomicBool::new(false),
            on_receipt: AtomicBool::new(false),
            in_hand: AtomicUsize::new(0),
            phase: watch::Sender::new(Phase::Run),
            tracker: Arc::default(),
        })
    }

    /// Takes a message from its lane. What is to be written goes with the lane's commit.
    pub fn push(&self, message: Message, pending: &mut Pending) {
        let message = match self.at_most_once {
            true => Message { token: Token::none(), ..message },
            false => message,
        };
        let is_command = self.is_command.is_some_and(|is_command| is_command(&message.value));
        let message = Unconfirmed::new(message);
        match &self.outbox {
            _ if is_command => {
                self.commands.lock().unwrap_or_else(PoisonError::into_inner).push_back(message);
                self.commanded.notify_one();
            }
            Some(outbox) => outbox.accept(message, pending),
            None => {
                self.lock().push_back(message);
                self.arrived.notify_one();
            }
        }
    }

    /// The next message that tells the connector what to do.
    pub(super) fn next_command(&self) -> Option<Unconfirmed> {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// What its flow promises of what comes in, after a deploy.
    pub fn set_receipt(&self, on_receipt: bool) {
        self.on_receipt.store(on_receipt, Ordering::Relaxed);
    }

    /// Who listens to the node, after a deploy.
    pub fn set_listeners(&self, completes: bool, catches: bool) {
        self.completes.store(completes, Ordering::Relaxed);
        self.catches.store(catches, Ordering::Relaxed);
    }

    /// Moves the stop on; it never goes back.
    pub fn enter(&self, phase: Phase) {
        self.phase.send_if_modified(|now| {
            let later = phase > *now;
            *now = phase.max(*now);
            later
        });
    }

    /// What a node that was deployed anew takes over from the one before it.
    pub fn inherit(&self, before: &Port) {
        let left = std::mem::take(&mut *before.lock());
        match &self.outbox {
            // The outbox is of the node, not of the port: only one that was switched on now finds something here.
            Some(outbox) => {
                let mut pending = Pending::default();
                left.into_iter().for_each(|message| outbox.accept(message, &mut pending));
                pending.submit(outbox.store());
            }
            None => self.lock().extend(left),
        }
        self.arrived.notify_one();
    }

    /// Messages whose sources wait for the outside.
    pub fn unconfirmed(&self) -> usize {
        match &self.outbox {
            Some(outbox) => outbox.unconfirmed(),
            None => self.lock().len() + self.in_hand.load(Ordering::Relaxed),
        }
    }

    /// What the badge of a sink says that cannot reach the other side.
    pub(super) fn away(&self) -> String {
        match self.outbox.as_ref().map(|outbox| outbox.stored_messages()) {
            None | Some(0) => "disconnected".to_string(),
            Some(stored) => format!("disconnected, {stored} stored"),
        }
    }

    /// What became of what came in here; nothing for one that takes in nothing.
    pub fn balance(&self, node: &str) -> Option<SourceBalance> {
        self.tracker.balance(node)
    }

    pub(super) fn outbox_of(&self, ticket: &Ticket) -> Option<(&Arc<Outbox>, outbox::Ticket)> {
        Some((self.outbox.as_ref()?, outbox::Ticket::of(ticket.number)?))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, VecDeque<Unconfirmed>> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the connector had and did not confirm goes back to the front, in order.
    pub(super) fn put_back(&self, batch: Vec<Delivery>) {
        self.in_hand.fetch_sub(batch.len(), Ordering::Relaxed);
        if let Some(outbox) = &self.outbox {
            let back = batch.into_iter().map(Delivery::into_unconfirmed).filter_map(|(ticket, message)| {
                Some((outbox::Ticket::of(ticket.number)?, ticket.sent_as, message.into_message()))
            });
            return outbox.give_back(back.collect());
        }
        let mut inbox = self.lock();
        for delivery in batch.into_iter().rev() {
            inbox.push_front(delivery.into_unconfirmed().1);
        }
    }
}

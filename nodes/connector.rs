//! The contract of a node that talks to the world. The engine hosts its loop: it opens it, opens it again with
//! back-off when it is disconnected, carries messages in and out in batches, and closes it. A connector never
//! writes its own reconnect loop, and no client library is ever the queue.

use std::any::Any;
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;

use crate::error::NodeError;
use crate::host::{Level, Logs, Status};
use crate::message::{Message, Outcome, Unconfirmed};
use crate::origin::Origin;
use crate::value::{Object, Str};
use crate::web::Http;

/// What a source has received.
#[derive(Debug, Default)]
pub struct Incoming {
    pub port: u16,
    pub value: Object,
    pub event_ms: Option<i64>,
    /// Whether the outside waits for an acknowledgement. The host calls `acknowledge` with this number, in the order
    /// of arrival, when all that was made from the message has been confirmed.
    pub acknowledge: Option<u64>,
    /// Somebody waits for an answer to just this message: `acknowledge` is called as soon as it is settled, whatever came
    /// before it, also in a flow that acknowledges on receipt, and an error that no Catch took is *undelivered*.
    pub answered: bool,
    /// Where it is from a log of the gateway's own: what that is done with goes with the commit of what is made of it.
    pub origin: Option<Origin>,
}

/// A message in a connector's hands, to be confirmed or failed. Dropped it counts as undelivered.
#[derive(Debug)]
pub struct Delivery {
    message: Unconfirmed,
    ticket: Ticket,
    results: Arc<dyn Results>,
}

/// By what the host knows a delivery; nothing for connectors to look at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ticket {
    pub number: u64,
    /// The name under which it went out before.
    pub sent_as: Option<Str>,
}

/// Where the host hears what became of a delivery.
pub trait Results: Send + Sync + std::fmt::Debug {
    fn confirmed(&self, ticket: &Ticket, message: Message);
    fn failed(&self, ticket: &Ticket, error: NodeError, message: Message);
    fn answered(&self, port: u16, message: Message);
    /// See [`Delivery::name`].
    fn name(&self, _ticket: &Ticket) -> Option<Str> {
        None
    }
    /// See [`Delivery::origin`].
    fn origin(&self, _ticket: &Ticket) -> Option<Origin> {
        None
    }
}

impl Delivery {
    pub fn new(message: Message, results: Arc<dyn Results>) -> Delivery {
        Delivery::with_ticket(message, Ticket::default(), results)
    }

    /// For the host: the ticket comes back with what became of it.
    pub fn with_ticket(message: Message, ticket: Ticket, results: Arc<dyn Results>) -> Delivery {
        Delivery { message: Unconfirmed::new(message), ticket, results }
    }

    pub fn message(&self) -> &Message {
        self.message.message()
    }

    /// A name for this message that is the same each time it is sent, where an outbox gives it one: sent along, it lets
    /// the receiver drop repeats.
    pub fn name(&self) -> Option<Str> {
        self.ticket.sent_as.clone().or_else(|| self.results.name(&self.ticket))
    }

    /// Where it stands on the disk, for a connector that gives it back to the flow: see [`Incoming::origin`].
    pub fn origin(&self) -> Option<Origin> {
        self.results.origin(&self.ticket)
    }

    /// The outside has it.
    pub fn confirm(self) {
        self.results.confirmed(&self.ticket, self.message.into_message());
    }

    /// The outside will never take it: to Catch, else to the dead letters. What is only *disconnected* is kept and sent
    /// again instead.
    pub fn fail(self, error: NodeError) {
        self.results.failed(&self.ticket, error, self.message.into_message());
    }

    /// Answers on the message that came in: what a connector in the middle of a flow does.
    pub fn answer(self, port: u16, value: Object) {
        let message = self.message.into_message();
        let answer = message.with(value);
        self.results.answered(port, answer);
        self.results.confirmed(&self.ticket, message);
    }

    /// Back to the message, still unconfirmed: what the host does when a connector is closed with some in hand.
    pub fn into_unconfirmed(self) -> (Ticket, Unconfirmed) {
        (self.ticket, self.message)
    }
}

/// What the host lends to a connector.
pub trait ConnectorHost: Send + Sync {
    fn status(&self, status: Status);
    fn log(&self, level: Level, text: &str);
    /// An error over something that came in and cannot be handed out: to Catch, with what there is of it.
    fn raise(&self, error: NodeError, value: Object);
    /// A resource that this node names, already there but not necessarily connected.
    fn resource(&self, id: &str) -> Option<Arc<dyn DynResource>>;
    fn wall_ms(&self) -> i64;
    /// The logs of this gateway; none where it has no data directory.
    fn logs(&self) -> Option<Arc<dyn Logs>> {
        None
    }
    /// The HTTP listener of this gateway; none where it has none.
    fn http(&self) -> Option<Arc<dyn Http>> {
        None
    }
    /// The place of this node in the order in which nodes were started: that of the document, and behind all others after a
    /// change. Nodes open at the same time, so that the order of `open` says nothing.
    fn order(&self) -> u64 {
        0
    }
}

/// A node that talks to the world. All its methods are called from one task, one at a time.
pub trait Connector: Send {
    /// Connects. Retried by the host with full-jitter back-off.
    fn open(&mut self, host: Arc<dyn ConnectorHost>) -> impl Future<Output = Result<(), NodeError>> + Send;

    /// Waits for what comes in. *Cancel-safe*: the host drops the future whenever there is something to hand out, and
    /// calls again; what was received and not yet returned must not be lost by that.
    fn next(&mut self) -> impl Future<Output = Result<Vec<Incoming>, NodeError>> + Send {
        pending()
    }

    /// Takes messages to hand out. Keep what is not confirmed yet; leave in `batch` what there is no room for, and the
    /// host offers it again after `next` has returned or `room` says so.
    fn handle(&mut self, batch: &mut Vec<Delivery>) -> impl Future<Output = Result<(), NodeError>> + Send {
        async {
            for delivery in batch.drain(..) {
                delivery.fail(NodeError::rejected("this node takes no messages"));
            }
            Ok(())
        }
    }

    /// Takes a message that tells the node what to do, where the node knows such (`Built::commanded_by`). Called also
    /// while the connection is away, and before the first `open`. Commands never wait, so this must not either.
    fn command(
        &mut self,
        command: Delivery,
        _host: Arc<dyn ConnectorHost>,
    ) -> impl Future<Output = Result<(), NodeError>> + Send {
        async {
            command.fail(NodeError::rejected("this node takes no commands"));
            Ok(())
        }
    }

    /// What became of messages that asked for it, in order of arrival.
    fn acknowledge(
        &mut self,
        _outcomes: &[(u64, Outcome)],
    ) -> impl Future<Output = Result<(), NodeError>> + Send {
        async { Ok(()) }
    }

    /// Gives back what is not confirmed, so that it is sent again after the next `open`.
    fn take_unconfirmed(&mut self) -> Vec<Delivery> {
        Vec::new()
    }

    /// Disconnects, as politely as time allows.
    fn close(&mut self) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// What the host lends to a resource.
pub trait ResourceHost: Send + Sync {
    fn log(&self, level: Level, text: &str);
    /// Messages that had to be given up, and why: counted in the ledger.
    fn lost(&self, count: u64, reason: &'static str);
    /// Another resource that this one names. It is lent as it is: the host opens it for connectors only.
    fn resource(&self, id: &str) -> Option<Arc<dyn DynResource>>;
    fn random(&self) -> u64;
    fn wall_ms(&self) -> i64;
    /// The logs of this gateway; none where it has no data directory.
    fn logs(&self) -> Option<Arc<dyn Logs>> {
        None
    }
    /// The HTTP listener of this gateway; none where it has none.
    fn http(&self) -> Option<Arc<dyn Http>> {
        None
    }
}

/// A connection that several nodes share, or settings that they share, which leave all this as it is. What a resource
/// can do is between it and its users: they ask for its type by `DynResource::as_any`.
///
/// The host opens it for its first user, opens it again with back-off when it is lost, shows on all its users how it
/// stands, and closes it after its last user. Users are opened when it stands, and closed when it is lost.
pub trait Resource: Any + Send + Sync {
    /// Waits until a connection is wanted: for ever, while a person has switched it off.
    fn wanted(&self) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// Connects.
    fn open(&self, _host: Arc<dyn ResourceHost>) -> impl Future<Output = Result<(), NodeError>> + Send {
        async { Ok(()) }
    }

    /// Works while the connection stands. An error means that it is lost, `Ok` that it is not wanted any more. The host
    /// drops the future when the last user is gone, and calls `close`.
    fn run(&self) -> impl Future<Output = Result<(), NodeError>> + Send {
        pending()
    }

    /// Disconnects, as politely as time allows. Called after each `open`.
    fn close(&self) -> impl Future<Output = ()> + Send {
        async {}
    }
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// `Connector` behind a pointer; filled in for every `Connector` below.
pub trait DynConnector: Send {
    fn open(&mut self, host: Arc<dyn ConnectorHost>) -> Boxed<'_, Result<(), NodeError>>;
    fn next(&mut self) -> Boxed<'_, Result<Vec<Incoming>, NodeError>>;
    fn handle<'a>(&'a mut self, batch: &'a mut Vec<Delivery>) -> Boxed<'a, Result<(), NodeError>>;
    fn acknowledge<'a>(&'a mut self, outcomes: &'a [(u64, Outcome)]) -> Boxed<'a, Result<(), NodeError>>;
    fn command(
        &mut self,
        command: Delivery,
        host: Arc<dyn ConnectorHost>,
    ) -> Boxed<'_, Result<(), NodeError>>;
    fn take_unconfirmed(&mut self) -> Vec<Delivery>;
    fn close(&mut self) -> Boxed<'_, ()>;
}

impl<C: Connector> DynConnector for C {
    fn open(&mut self, host: Arc<dyn ConnectorHost>) -> Boxed<'_, Result<(), NodeError>> {
        Box::pin(Connector::open(self, host))
    }

    fn next(&mut self) -> Boxed<'_, Result<Vec<Incoming>, NodeError>> {
        Box::pin(Connector::next(self))
    }

    fn handle<'a>(&'a mut self, batch: &'a mut Vec<Delivery>) -> Boxed<'a, Result<(), NodeError>> {
        Box::pin(Connector::handle(self, batch))
    }

    fn acknowledge<'a>(&'a mut self, outcomes: &'a [(u64, Outcome)]) -> Boxed<'a, Result<(), NodeError>> {
        Box::pin(Connector::acknowledge(self, outcomes))
    }

    fn command(
        &mut self,
        command: Delivery,
        host: Arc<dyn ConnectorHost>,
    ) -> Boxed<'_, Result<(), NodeError>> {
        Box::pin(Connector::command(self, command, host))
    }

    fn take_unconfirmed(&mut self) -> Vec<Delivery> {
        Connector::take_unconfirmed(self)
    }

    fn close(&mut self) -> Boxed<'_, ()> {
        Box::pin(Connector::close(self))
    }
}

/// `Resource` behind a pointer; filled in for every `Resource` below.
pub trait DynResource: Send + Sync {
    fn as_any(&self) -> &(dyn Any + Send + Sync);
    fn wanted(&self) -> Boxed<'_, ()>;
    fn open(&self, host: Arc<dyn ResourceHost>) -> Boxed<'_, Result<(), NodeError>>;
    fn run(&self) -> Boxed<'_, Result<(), NodeError>>;
    fn close(&self) -> Boxed<'_, ()>;
}

impl<R: Resource> DynResource for R {
    fn as_any(&self) -> &(dyn Any + Send + Sync) {
        self
    }

    fn wanted(&self) -> Boxed<'_, ()> {
        Box::pin(Resource::wanted(self))
    }

    fn open(&self, host: Arc<dyn ResourceHost>) -> Boxed<'_, Result<(), NodeError>> {
        Box::pin(Resource::open(self, host))
    }

    fn run(&self) -> Boxed<'_, Result<(), NodeError>> {
        Box::pin(Resource::run(self))
    }

    fn close(&self) -> Boxed<'_, ()> {
        Box::pin(Resource::close(self))
    }
}

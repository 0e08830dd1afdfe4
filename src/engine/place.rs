//! Where a connector's host loop finds itself: what it lends to the connector, and where results of deliveries go.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tidegate_nodes::connector::{ConnectorHost, DynResource, Results, Ticket};
use tidegate_nodes::error::NodeError;
use tidegate_nodes::host::{Level, Logs, Status};
use tidegate_nodes::message::Message;
use tidegate_nodes::origin::Origin;
use tidegate_nodes::value::{Object, Str};
use tidegate_nodes::web::Http;

use super::Shared;
use super::admission::Pool;
use super::inbox::{Arrival, Command, LaneHandle};
use super::logs::DeviceLogs;
use super::outbox::Refusal;
use super::port::Port;
use super::resources::{Lent, Standing};

/// Where a connector's host loop finds itself.
pub struct Place {
    pub node: Str,
    pub lane: Arc<LaneHandle>,
    pub port: Arc<Port>,
    pub pool: Arc<Pool>,
    pub shared: Arc<Shared>,
    /// The shared connections that it needs.
    pub uses: Vec<Arc<Lent>>,
    /// See [`ConnectorHost::order`].
    pub order: u64,
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "connector {}", self.node)
    }
}

impl ConnectorHost for Place {
    fn status(&self, status: Status) {
        self.lane.command(Command::Status { node: self.node.clone(), status });
    }

    fn log(&self, level: Level, text: &str) {
        self.lane.command(Command::Log { node: self.node.clone(), level, text: text.to_string() });
    }

    fn raise(&self, error: NodeError, value: Object) {
        let message = Some(Message::new(value));
        self.lane.command(Command::Failed { node: self.node.clone(), error, message });
    }

    fn resource(&self, id: &str) -> Option<Arc<dyn DynResource>> {
        // A deploy may have replaced it in the directory while this node still runs with the one before.
        let used = self.uses.iter().find(|lent| lent.id() == id).cloned();
        used.or_else(|| self.shared.lent(id)).map(|lent| lent.resource())
    }

    fn wall_ms(&self) -> i64 {
        self.shared.clock.wall_ms()
    }

    fn logs(&self) -> Option<Arc<dyn Logs>> {
        let store = self.shared.options.store.clone()?;
        Some(Arc::new(DeviceLogs::new(store)))
    }

    fn http(&self) -> Option<Arc<dyn Http>> {
        self.shared.options.http.clone()
    }

    fn order(&self) -> u64 {
        self.order
    }
}

impl Place {
    /// Shows how a shared connection stands, and lets the outbox know.
    pub fn show(&self, standing: &Standing) {
        let away = |reason: &str| {
            let mut status = Status::new("red", "ring", self.port.away());
            if !reason.is_empty() {
                status.other.insert("reason", reason);
            }
            status
        };
        let status = match standing {
            Standing::Closed | Standing::Up(_) => return,
            Standing::Opening => return self.status(Status::new("yellow", "ring", "connecting")),
            Standing::Off => away(""),
            Standing::Down(reason) | Standing::Stopped(reason) => away(reason),
        };
        if let Some(outbox) = &self.port.outbox {
            outbox.disconnected();
        }
        self.status(status);
    }
}

impl Results for Place {
    fn confirmed(&self, ticket: &Ticket, message: Message) {
        self.port.in_hand.fetch_sub(1, Ordering::Relaxed);
        if let Some((outbox, ticket)) = self.port.outbox_of(ticket) {
            outbox.confirm(ticket);
        }
        if self.port.completes.load(Ordering::Relaxed) {
            self.lane.command(Command::Completed { node: self.node.clone(), message });
        }
    }

    fn failed(&self, ticket: &Ticket, error: NodeError, message: Message) {
        self.port.in_hand.fetch_sub(1, Ordering::Relaxed);
        let message = match self.port.outbox_of(ticket) {
            None => message,
            Some((outbox, number)) => {
                let catches = self.port.catches.load(Ordering::Relaxed);
                match outbox.refuse(number, ticket.sent_as.clone(), &error, message, catches) {
                    Refusal::Again(wait) => {
                        let text = format!("{error}; sent again in {:.1} s", wait.as_secs_f64());
                        return self.log(Level::Warn, &text);
                    }
                    Refusal::Raise(message) | Refusal::Told(message) => message,
                }
            }
        };
        self.lane.command(Command::Failed { node: self.node.clone(), error, message: Some(message) });
    }

    fn name(&self, ticket: &Ticket) -> Option<Str> {
        let (outbox, ticket) = self.port.outbox_of(ticket)?;
        Some(outbox.name(ticket))
    }

    fn origin(&self, ticket: &Ticket) -> Option<Origin> {
        let (outbox, ticket) = self.port.outbox_of(ticket)?;
        outbox.origin(ticket)
    }

    fn answered(&self, port: u16, message: Message) {
        self.lane.push(&self.node, [Arrival::From { node: self.node.clone(), port, message }]);
    }
}

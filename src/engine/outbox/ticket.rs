//! What the host keeps of a message while the connector has it, and what its receiver may call it.

use tidegate_nodes::message::Message;
use tidegate_nodes::origin::Origin;
use tidegate_nodes::outbox::Priority;
use tidegate_nodes::value::Str;

use super::Outbox;

/// What the connector is to be handed.
pub struct Handed {
    pub ticket: u64,
    /// The name under which it went out before.
    pub sent_as: Option<Str>,
    pub message: Message,
}

/// A message that the connector had: its ticket, the name under which it went out before, and what it says.
pub type Returned = (Ticket, Option<Str>, Message);

/// What the host keeps of a message while the connector has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ticket {
    Passing(u64),
    Stored(Priority, u64),
}

impl Ticket {
    /// 0 is no ticket.
    pub fn number(self) -> u64 {
        match self {
            Ticket::Passing(id) => id << 2 | 3,
            Ticket::Stored(priority, sequence) => sequence << 2 | priority as u64,
        }
    }

    pub fn of(number: u64) -> Option<Ticket> {
        match (number, number & 3) {
            (0, _) => None,
            (_, 3) => Some(Ticket::Passing(number >> 2)),
            (_, at) => Some(Ticket::Stored(Priority::ALL[at as usize], number >> 2)),
        }
    }
}

impl Outbox {
    /// The name of a message for its receiver, the same each time it is sent: device, outbox, number.
    pub fn name(&self, ticket: Ticket) -> Str {
        match ticket {
            Ticket::Passing(id) => self.passing_name(self.store.boot(), id),
            Ticket::Stored(priority, sequence) => {
                Str::from(format!("{}/{}/{}/{sequence}", self.store.device(), self.node, priority.name()))
            }
        }
    }

    /// Where a stored message stands: it can be done with by the commit of what is made of it.
    pub fn origin(&self, ticket: Ticket) -> Option<Origin> {
        let Ticket::Stored(priority, sequence) = ticket else { return None };
        Some(self.queues[priority as usize].origin(sequence, sequence))
    }

    /// What the name of a stored message stays, where it went out under another before it was stored.
    pub(super) fn went_out_as(&self, ticket: Ticket, sent_as: Option<Str>) -> Option<Str> {
        sent_as.or_else(|| matches!(ticket, Ticket::Passing(_)).then(|| self.name(ticket)))
    }

    pub(super) fn passing_name(&self, boot: u64, id: u64) -> Str {
        Str::from(format!("{}/{}/{boot}.{id}", self.store.device(), self.node))
    }
}

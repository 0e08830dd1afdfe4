//! What a client wants to hear of.

use std::collections::HashSet;

use tidegate_nodes::host::Level;
use tidegate_nodes::value::Str;

use crate::engine::{Event, NodeRef};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wants {
    pub statuses: bool,
    /// What debug nodes show, and what nodes write to the log: they tell of messages, so not everybody may.
    pub debug: bool,
    /// Errors, panics and losses.
    pub troubles: bool,
    /// Nodes whose messages are shown.
    pub taps: HashSet<Str>,
    /// Wires whose messages are shown.
    pub wires: HashSet<Wire>,
    pub of: Selection,
}

/// Kinds of events, a bit each: what nobody wants must cost no more than a look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kinds(pub u8);

impl Kinds {
    const STATUSES: u8 = 1;
    const DEBUG: u8 = 2;
    const TROUBLES: u8 = 4;
    const MESSAGES: u8 = 8;

    pub fn of(event: &Event) -> Kinds {
        Kinds(match event {
            Event::Status(_) => Kinds::STATUSES,
            Event::Debug(_) | Event::Log(Level::Warn | Level::Error, _) => Kinds::DEBUG,
            Event::Error { caught: false, .. } => Kinds::DEBUG | Kinds::TROUBLES,
            Event::Panicked { .. } | Event::Lost { .. } => Kinds::TROUBLES,
            Event::Received(_) | Event::Sent(_) | Event::Passed { .. } => Kinds::MESSAGES,
            _ => 0,
        })
    }

    pub fn meets(self, other: Kinds) -> bool {
        self.0 & other.0 != 0
    }
}

impl Wants {
    pub fn kinds(&self) -> Kinds {
        let bit = |wanted: bool, bit: u8| if wanted { bit } else { 0 };
        let messages = !self.taps.is_empty() || !self.wires.is_empty();
        Kinds(
            bit(self.statuses, Kinds::STATUSES)
                | bit(self.debug, Kinds::DEBUG)
                | bit(self.troubles, Kinds::TROUBLES)
                | bit(messages, Kinds::MESSAGES),
        )
    }
}

/// From a node's port to a node.
pub type Wire = (Str, u16, Str);

/// The part of the flows that a client looks at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Selection {
    #[default]
    All,
    Only {
        /// Tabs, and instances of subflows, which stand for what is inside of them.
        flows: HashSet<Str>,
        nodes: HashSet<Str>,
    },
}

impl Selection {
    pub fn has(&self, flow: &str, node: &str) -> bool {
        match self {
            Selection::All => true,
            Selection::Only { flows, nodes } => {
                flows.contains(flow) || nodes.contains(node) || instances(node).any(|id| flows.contains(id))
            }
        }
    }

    pub fn has_node(&self, node: &NodeRef) -> bool {
        self.has(&node.flow, &node.id)
    }
}

/// The instances of subflows that a node may be inside of: its id is theirs, a dash, and its own.
fn instances(node: &str) -> impl Iterator<Item = &str> {
    node.match_indices('-').map(|(at, _)| &node[..at])
}

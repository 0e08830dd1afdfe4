//! What a client wants to hear of.

use std::collections::HashSet;

use tidegate_nodes::value::Str;

use crate::engine::NodeRef;

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

//! The one error of nodes. Its kind tells the engine what to do; its text tells a person what to do.

use std::fmt;

use thiserror::Error;

/// What went wrong in a node.
///
/// The text is lower case without a full stop, and says what to do next where we know it.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum NodeError {
    /// The configuration is wrong: the node is refused, the rest of the flow runs.
    #[error("{}{message}", At(pointer))]
    Config {
        /// Where in the node's object, as a JSON pointer: `/rules/2/v`.
        pointer: String,
        message: String,
    },
    /// The outside is away: the engine closes the connector and opens it again, with back-off.
    #[error("{0}")]
    Disconnected(String),
    /// This message cannot be handled, and would fail again: to Catch, else to the dead letters.
    #[error("{0}")]
    Rejected(String),
    /// The node cannot go on: it is stopped, the rest of the flow runs.
    #[error("{0}")]
    Fatal(String),
}

impl NodeError {
    pub fn config(pointer: impl Into<String>, message: impl fmt::Display) -> NodeError {
        NodeError::Config { pointer: pointer.into(), message: message.to_string() }
    }

    pub fn disconnected(message: impl fmt::Display) -> NodeError {
        NodeError::Disconnected(message.to_string())
    }

    pub fn rejected(message: impl fmt::Display) -> NodeError {
        NodeError::Rejected(message.to_string())
    }

    pub fn fatal(message: impl fmt::Display) -> NodeError {
        NodeError::Fatal(message.to_string())
    }

    /// The text alone, without the pointer: what `msg.error.message` holds.
    pub fn message(&self) -> &str {
        match self {
            NodeError::Config { message, .. } => message,
            NodeError::Disconnected(message) | NodeError::Rejected(message) | NodeError::Fatal(message) => {
                message
            }
        }
    }
}

struct At<'a>(&'a str);

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, "{}: ", self.0) }
    }
}

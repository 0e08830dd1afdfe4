//! What brokers and lapin say when something goes wrong, in the words of who has to do something about it.

use lapin::{Error, ErrorKind};

use crate::error::NodeError;

/// Texts of a broker are not shown longer than this.
const LONGEST: usize = 300;

pub const ACCESS_REFUSED: u16 = 403;
pub const NOT_FOUND: u16 = 404;

pub fn of(error: &Error) -> String {
    match error.kind() {
        ErrorKind::ProtocolError(said) => {
            let text = shortened(said.get_message().as_str());
            match hint(said.get_id()) {
                "" => text,
                hint => format!("{text} ({hint})"),
            }
        }
        ErrorKind::IOError(error) => format!("the connection broke: {error}"),
        ErrorKind::MissingHeartbeatError => "the broker has gone silent".to_string(),
        ErrorKind::InvalidConnectionState(_) | ErrorKind::InvalidChannelState(..) => {
            "the connection is closed".to_string()
        }
        ErrorKind::ChannelsLimitReached => {
            "the broker allows no more channels on this connection: use another amqp-broker node".to_string()
        }
        _ => shortened(&error.to_string()),
    }
}

fn hint(code: u16) -> &'static str {
    match code {
        402 => "the virtual host is not there, or this user may not use it",
        ACCESS_REFUSED => "the user, the password or the permissions are not right",
        405 => "another connection has it for itself alone",
        406 => "it is there with other settings: use the same, or delete it at the broker",
        530 => "the virtual host is not there, or this user may not use it",
        _ => "",
    }
}

pub fn disconnected(what: &str, error: &Error) -> NodeError {
    NodeError::disconnected(format!("{what}: {}", of(error)))
}

/// The code with which the broker has closed a channel; nothing where the whole connection is gone.
pub fn channel_closed(error: &Error) -> Option<u16> {
    match error.kind() {
        ErrorKind::ProtocolError(said) if error.is_amqp_soft_error() => Some(said.get_id()),
        _ => None,
    }
}

pub fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        None => text.to_string(),
        Some((at, _)) => format!("{}...", &text[..at]),
    }
}

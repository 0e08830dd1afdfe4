//! Finds a message that a broker does not take and answers with the end of the connection, as brokers of 3.1.1 do with one
//! that is too large for them, or whose topic this client may not use. Sent again with each connection it would stop
//! everything behind it for ever.
//!
//! After a connection was lost with messages unconfirmed they go one at a time, until one is confirmed. The message with
//! which connections end again and again, each time alone, is it.

use super::packet::Publish;
use crate::error::NodeError;

#[derive(Default)]
pub struct Doubt {
    careful: bool,
    /// What went out last, alone.
    alone: Option<Publish>,
    suspect: Option<Publish>,
    losses: u32,
    /// Connections in a row that were lost before anything was confirmed.
    barren: u32,
}

/// So many connections may be lost with a message: brokers are restarted, and networks fail.
const LOSSES: u32 = 3;

impl Doubt {
    pub fn is_careful(&self) -> bool {
        self.careful
    }

    /// A message is about to go out. An error: it is the one.
    pub fn sending(&mut self, packet: &Publish) -> Option<NodeError> {
        if !self.careful {
            return None;
        }
        let is_suspect = self.suspect.as_ref().is_some_and(|suspect| same(suspect, packet));
        if is_suspect && self.losses >= LOSSES {
            (self.suspect, self.losses) = (None, 0);
            let bytes = packet.payload.len();
            return Some(NodeError::rejected(format!(
                "the broker has closed the connection {LOSSES} times in a row when it got this message of {bytes} bytes: \
                 it is too large for the broker, or this client may not publish to its topic"
            )));
        }
        self.alone = Some(packet.clone());
        None
    }

    /// The broker has confirmed something, or refused it in words.
    pub fn answered(&mut self) {
        *self = Doubt::default();
    }

    /// `true`: what is left of QoS 2 must not be sent again as a whole.
    pub fn connection_lost(&mut self, unconfirmed: usize) -> bool {
        if unconfirmed == 0 {
            return false;
        }
        if let Some(alone) = self.alone.take() {
            let again = self.suspect.as_ref().is_some_and(|suspect| same(suspect, &alone));
            self.losses = if again { self.losses + 1 } else { 1 };
            self.suspect = Some(alone);
        }
        self.careful = true;
        self.barren += 1;
        self.barren >= LOSSES
    }
}

fn same(a: &Publish, b: &Publish) -> bool {
    a.topic == b.topic && a.payload == b.payload && a.properties == b.properties
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(payload: &'static str) -> Publish {
        Publish { topic: "t".into(), payload: payload.into(), ..Publish::default() }
    }

    #[test]
    fn the_message_with_which_connections_end_is_found() {
        let mut doubt = Doubt::default();
        assert!(doubt.sending(&packet("any")).is_none());
        doubt.connection_lost(3);
        for _ in 0..LOSSES {
            assert!(doubt.sending(&packet("bad")).is_none());
            doubt.connection_lost(1);
        }
        assert!(doubt.sending(&packet("bad")).is_some());
        assert!(doubt.sending(&packet("good")).is_none());
        doubt.answered();
        assert!(!doubt.is_careful());
    }

    #[test]
    fn a_broker_that_restarts_often_makes_no_message_suspect() {
        let mut doubt = Doubt::default();
        for _ in 0..20 {
            doubt.connection_lost(1);
            assert!(doubt.sending(&packet("a")).is_none());
            doubt.answered();
            assert!(doubt.sending(&packet("b")).is_none());
        }
    }
}

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
    /// The one that was found, until who sent it is told.
    found: Option<Publish>,
}

/// So many connections may be lost with a message: brokers are restarted, and networks fail.
const LOSSES: u32 = 3;

impl Doubt {
    /// Whether messages go one at a time.
    pub fn is_careful(&self) -> bool {
        self.careful
    }

    /// A message goes out.
    pub fn sending(&mut self, packet: &Publish) {
        if self.careful {
            self.alone = Some(packet.clone());
        }
    }

    /// Whether it is the one.
    pub fn is_found(&self, packet: &Publish) -> bool {
        self.found.as_ref().is_some_and(|found| same(found, packet))
    }

    /// What is to be said of it, once.
    pub fn refuse(&mut self, packet: &Publish) -> Option<NodeError> {
        if !self.is_found(packet) {
            return None;
        }
        self.found = None;
        let bytes = packet.payload.len();
        Some(NodeError::rejected(format!(
            "the broker has closed the connection {LOSSES} times in a row when it got this message of {bytes} bytes: \
             it is too large for the broker, or this client may not publish to its topic"
        )))
    }

    /// The broker has taken something, or refused it in words.
    pub fn answered(&mut self) {
        *self = Doubt { found: self.found.take(), ..Doubt::default() };
    }

    /// `unconfirmed`: how many messages the broker had not confirmed.
    pub fn connection_lost(&mut self, unconfirmed: usize) {
        if unconfirmed == 0 {
            return;
        }
        if let Some(alone) = self.alone.take() {
            let again = self.suspect.as_ref().is_some_and(|suspect| same(suspect, &alone));
            self.losses = if again { self.losses + 1 } else { 1 };
            if self.losses >= LOSSES {
                (self.found, self.losses) = (Some(alone), 0);
                self.suspect = None;
            } else {
                self.suspect = Some(alone);
            }
        }
        self.careful = true;
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
        doubt.sending(&packet("any"));
        doubt.connection_lost(3);
        for _ in 0..LOSSES {
            assert!(doubt.refuse(&packet("bad")).is_none());
            doubt.sending(&packet("bad"));
            doubt.connection_lost(1);
        }
        assert!(doubt.refuse(&packet("good")).is_none());
        // Another may go through before who sent the bad one offers it again.
        doubt.answered();
        assert!(doubt.refuse(&packet("bad")).is_some());
        assert!(doubt.refuse(&packet("bad")).is_none(), "another of the same content has its own tries");
        doubt.answered();
        assert!(!doubt.is_careful());
    }

    #[test]
    fn a_broker_that_restarts_often_makes_no_message_suspect() {
        let mut doubt = Doubt::default();
        for _ in 0..20 {
            doubt.connection_lost(1);
            assert!(doubt.refuse(&packet("a")).is_none());
            doubt.sending(&packet("a"));
            doubt.answered();
        }
    }
}

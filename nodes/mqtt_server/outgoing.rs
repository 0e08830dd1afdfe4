//! What leaves on one connection: the router writes packets, the connection takes the bytes.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use tokio::sync::Notify;

use super::packet::{Packet, Publish, Version};
use super::write;

/// So much of publishes may wait for the network; more stays in the session.
const FULL: usize = 256 * 1024;
/// A client that sends and does not take its answers is not read while so much of them waits.
const TOO_MUCH: usize = 1024 * 1024;

pub struct Outgoing {
    pub version: Version,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    bytes: BytesMut,
    /// The router has more for it.
    starved: bool,
    /// It ends when what is in `bytes` has left.
    ended: bool,
    /// Too much of what it sent is not acknowledged yet.
    paused: bool,
}

/// What a connection is to do next.
#[derive(Debug, Default, PartialEq)]
pub struct Next {
    pub bytes: Bytes,
    pub ended: bool,
    /// The router is to be told that there is room again.
    pub tell: bool,
}

impl Outgoing {
    pub fn new(version: Version) -> Outgoing {
        Outgoing { version, state: Mutex::default(), changed: Notify::new() }
    }

    pub fn write(&self, packet: &Packet) {
        let mut state = self.lock();
        if !state.ended {
            write::packet(packet, self.version, &mut state.bytes);
            self.changed.notify_one();
        }
    }

    pub fn publish(&self, publish: Publish) {
        self.write(&Packet::Publish(publish));
    }

    /// The last packet, and then nothing more.
    pub fn end(&self, last: Option<&Packet>) {
        let mut state = self.lock();
        if let Some(last) = last.filter(|_| !state.ended) {
            write::packet(last, self.version, &mut state.bytes);
        }
        state.ended = true;
        self.changed.notify_one();
    }

    /// Whether publishes can be written. Where not, the connection tells when there is room.
    pub fn has_room(&self) -> bool {
        let mut state = self.lock();
        state.starved |= state.bytes.len() >= FULL;
        state.bytes.len() < FULL
    }

    pub fn pause(&self, paused: bool) {
        let mut state = self.lock();
        if std::mem::replace(&mut state.paused, paused) != paused {
            self.changed.notify_one();
        }
    }

    /// Whether the connection may read.
    pub fn is_reading(&self) -> bool {
        let state = self.lock();
        !state.paused && !state.ended && state.bytes.len() < TOO_MUCH
    }

    pub fn take(&self) -> Next {
        let mut state = self.lock();
        let bytes = state.bytes.split().freeze();
        let tell = std::mem::take(&mut state.starved);
        Next { bytes, ended: state.ended, tell }
    }

    /// Waits until something has changed.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! The task behind one connection: reads, hands on what it reads, and writes what is to leave.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, ReadHalf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::cut::{Cut, Cutting};
use super::outgoing::Outgoing;
use super::stream::BoxedStream;
use crate::value::{Str, Value};

/// Events, and bytes of payloads, that wait for the node. Behind that nothing is read, and the peers feel it.
pub const EVENTS: usize = 256;
const WAITING_BYTES: usize = 4 * 1024 * 1024;
const READ_BYTES: usize = 64 * 1024;
/// How long the other direction stays open when one is closed.
const LAST_WORDS: Duration = Duration::from_secs(1);

pub struct Event {
    pub id: Str,
    /// Of the other side, where it has connected to us.
    pub from: Option<SocketAddr>,
    pub what: What,
    _waiting: Option<OwnedSemaphorePermit>,
}

#[derive(Debug, PartialEq)]
pub enum What {
    Opened,
    Data(Value),
    /// The last there was, of a peer that has closed.
    Last(Value),
    /// The connection is closed, because it brought more without an end than it may.
    TooLong,
    /// It could not be taken.
    Refused(String),
    Gone,
}

#[derive(Clone)]
pub struct Events {
    sender: mpsc::Sender<Event>,
    waiting: Arc<Semaphore>,
}

impl Events {
    pub fn channel() -> (Events, mpsc::Receiver<Event>) {
        let (sender, receiver) = mpsc::channel(EVENTS);
        (Events { sender, waiting: Arc::new(Semaphore::new(WAITING_BYTES)) }, receiver)
    }

    /// `false`: nobody wants it any more.
    pub async fn tell(&self, id: &Str, from: Option<SocketAddr>, what: What) -> bool {
        let bytes = match &what {
            What::Data(payload) | What::Last(payload) => payload.weight().min(WAITING_BYTES),
            _ => 0,
        };
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        // The semaphore is never closed, so that this only waits.
        let waiting = self.waiting.clone().acquire_many_owned(bytes).await.ok();
        self.sender.send(Event { id: id.clone(), from, what, _waiting: waiting }).await.is_ok()
    }
}

pub struct Peer {
    pub id: Str,
    pub from: Option<SocketAddr>,
    pub outgoing: Arc<Outgoing>,
    pub events: Events,
    /// Whether answers may still leave when the other side has said that it sends no more.
    pub lingers: bool,
}

impl Peer {
    /// Serves the connection to its end. Without `cutting` what comes in is thrown away.
    pub async fn serve(&self, stream: BoxedStream, cutting: Option<Cutting>) {
        if !self.events.tell(&self.id, self.from, What::Opened).await {
            return;
        }
        let is_heard = cutting.is_some();
        let (mut read, mut write) = tokio::io::split(stream);
        let writing = self.outgoing.write_to(&mut write);
        let reading = self.read(&mut read, cutting);
        tokio::pin!(writing, reading);
        tokio::select! {
            () = self.outgoing.killed() => {}
            all = &mut writing => if all && !is_heard {
                // To close on what is not read yet would take away what was written.
                let _ = tokio::time::timeout(LAST_WORDS, reading).await;
            },
            is_open = &mut reading => if is_open && self.lingers {
                // What is answered to the last words still goes out.
                tokio::select! {
                    () = self.outgoing.killed() => {}
                    _ = &mut writing => {}
                    () = tokio::time::sleep(LAST_WORDS) => {
                        self.outgoing.finish();
                        writing.await;
                    }
                }
            },
        }
        self.outgoing.close();
        // Nobody to tell means that the node is closed.
        let _ = self.events.tell(&self.id, self.from, What::Gone).await;
    }

    /// Reads until the peer sends no more, which is `true`, or the connection is lost.
    async fn read(&self, read: &mut ReadHalf<BoxedStream>, cutting: Option<Cutting>) -> bool {
        let mut cut = cutting.map(Cut::new);
        let mut buffer = vec![0; READ_BYTES];
        let mut payloads = Vec::new();
        loop {
            let Ok(bytes) = read.read(&mut buffer).await else { return false };
            let Some(cut) = &mut cut else {
                if bytes == 0 {
                    return true;
                }
                continue;
            };
            if bytes == 0 {
                if let Some(payload) = cut.end() {
                    self.events.tell(&self.id, self.from, What::Last(payload)).await;
                }
                return true;
            }
            let too_long = cut.push(&buffer[..bytes], &mut payloads);
            for payload in payloads.drain(..) {
                if !self.events.tell(&self.id, self.from, What::Data(payload)).await {
                    return false;
                }
            }
            if too_long.is_err() {
                self.events.tell(&self.id, self.from, What::TooLong).await;
                return false;
            }
        }
    }
}

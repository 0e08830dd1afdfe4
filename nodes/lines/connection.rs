//! The tasks behind `lines in`: one that accepts, and one for each connection. They all end with the connector.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::BufReader;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};

use super::line::{Read, message, read_line};
use super::peer::Outbox;
use super::socket::{Listener, ReadHalf, Stream};
use crate::connector::ConnectorHost;
use crate::error::NodeError;
use crate::host::Level;
use crate::value::{Object, Value};

/// Events and bytes of messages that wait for `next`. Behind that nothing is read, and the peers feel it.
pub const EVENTS: usize = 256;
const WAITING_BYTES: usize = 4 * 1024 * 1024;
/// Lines of one connection without an answer. More are not read.
const UNANSWERED: usize = 10_000;
const READ_BYTES: usize = 16 * 1024;
/// How long answers may take to leave when the node stops.
const LAST_ANSWERS: Duration = Duration::from_secs(1);
const AFTER_ERROR: Duration = Duration::from_secs(1);

pub enum Event {
    Opened {
        connection: u64,
        outbox: Arc<Outbox>,
        room: Arc<Semaphore>,
    },
    Line {
        connection: u64,
        line: Result<Object, String>,
        _waiting: Option<OwnedSemaphorePermit>,
    },
    /// The peer sends no more, and may still read.
    Ended {
        connection: u64,
    },
    Gone {
        connection: u64,
    },
}

#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub line: usize,
    pub connections: usize,
}

/// The listener and its connections. Dropping it ends all of them.
pub struct Listening {
    pub events: mpsc::Receiver<Event>,
    stop: Option<oneshot::Sender<()>>,
    accepting: JoinHandle<()>,
}

impl Listening {
    pub fn start(listener: Listener, limits: Limits, host: Arc<dyn ConnectorHost>) -> Listening {
        let (sender, events) = mpsc::channel(EVENTS);
        let (stop, stopped) = oneshot::channel();
        let shared = Shared { events: sender, waiting: Arc::new(Semaphore::new(WAITING_BYTES)), limits };
        let accepting = tokio::spawn(accept(listener, shared, host, stopped));
        Listening { events, stop: Some(stop), accepting }
    }

    /// Stops listening, lets the answers leave that are written, and waits until nothing is left.
    pub async fn stop(mut self) -> Result<(), NodeError> {
        self.events.close();
        // Tasks that wait for room among the events get an error now, and end.
        while let Ok(event) = self.events.try_recv() {
            if let Event::Opened { outbox, .. } = event {
                outbox.finish();
            }
        }
        self.stop.take();
        (&mut self.accepting)
            .await
            .map_err(|error| NodeError::disconnected(format!("the listener failed: {error}")))
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        // The set of connections is in that task, and goes with it.
        self.accepting.abort();
    }
}

#[derive(Clone)]
struct Shared {
    events: mpsc::Sender<Event>,
    waiting: Arc<Semaphore>,
    limits: Limits,
}

async fn accept(
    listener: Listener,
    shared: Shared,
    host: Arc<dyn ConnectorHost>,
    mut stop: oneshot::Receiver<()>,
) {
    let places = Arc::new(Semaphore::new(shared.limits.connections));
    let mut tasks = JoinSet::new();
    let mut next = 0;
    loop {
        let accepted = tokio::select! {
            _ = &mut stop => break,
            Some(_) = tasks.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok(stream) => match places.clone().try_acquire_owned() {
                Ok(place) => {
                    next += 1;
                    tasks.spawn(serve(stream, next, shared.clone(), place));
                }
                Err(_) => {
                    host.log(Level::Warn, "a connection was refused: there are too many");
                    // Without the text the peer still sees that it is closed.
                    let _ = stream.try_write(b"no 0 too many connections\n");
                }
            },
            Err(error) => {
                // Mostly too many open files: trying again at once would only burn time.
                host.log(Level::Warn, &format!("cannot accept a connection: {error}"));
                tokio::select! {
                    _ = &mut stop => break,
                    () = tokio::time::sleep(AFTER_ERROR) => {}
                }
            }
        }
    }
    drop(listener);
    let all = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(LAST_ANSWERS, all).await.is_err() {
        tasks.shutdown().await;
    }
}

async fn serve(stream: Stream, connection: u64, shared: Shared, place: OwnedSemaphorePermit) {
    let (read, write) = stream.split();
    let outbox = Arc::new(Outbox::default());
    let room = Arc::new(Semaphore::new(UNANSWERED));
    let opened = Event::Opened { connection, outbox: outbox.clone(), room: room.clone() };
    if shared.events.send(opened).await.is_err() {
        return;
    }
    let reading_and_writing = async {
        let writing = outbox.write_to(write);
        tokio::pin!(writing);
        tokio::select! {
            () = &mut writing => {}
            may_write = read_lines(read, connection, &shared, &room) => if may_write { writing.await },
        }
    };
    tokio::select! {
        () = reading_and_writing => {}
        () = outbox.killed() => {}
    }
    drop(place);
    // Nobody to tell means that the connector is closed.
    let _ = shared.events.send(Event::Gone { connection }).await;
}

/// Reads until the peer sends no more, or nobody here wants it. `true`: the peer may still want its answers.
async fn read_lines(read: ReadHalf, connection: u64, shared: &Shared, room: &Semaphore) -> bool {
    let mut reader = BufReader::with_capacity(READ_BYTES, read);
    let mut buffer = Vec::new();
    loop {
        // Its answer gives the place back.
        match room.acquire().await {
            Ok(place) => place.forget(),
            Err(_) => return false,
        }
        let line = match read_line(&mut reader, &mut buffer, shared.limits.line).await {
            Ok(Read::Line) => message(&buffer),
            Ok(Read::TooLong) => Err(format!("longer than {} bytes", shared.limits.line)),
            Ok(Read::End) => {
                // Nobody to tell means that the connector is closed, and has said so to the writer.
                let _ = shared.events.send(Event::Ended { connection }).await;
                return true;
            }
            Err(_) => return false,
        };
        if buffer.capacity() > READ_BYTES {
            buffer = Vec::new();
        }
        let bytes = line.as_ref().map_or(0, |object| Value::Object(object.clone()).weight());
        let bytes = u32::try_from(bytes.min(WAITING_BYTES)).unwrap_or(u32::MAX);
        // The semaphore is never closed, so that this only waits.
        let waiting = shared.waiting.clone().acquire_many_owned(bytes).await.ok();
        if shared.events.send(Event::Line { connection, line, _waiting: waiting }).await.is_err() {
            return true;
        }
    }
}

//! A listening socket and its connections, for `tcp in` and `tcp out`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};

use super::cut::Cutting;
use super::outgoing::Outgoing;
use super::peer::{Event, Events, Peer, What};
use super::sessions::Sessions;
use super::stream::Acceptor;
use crate::connector::ConnectorHost;
use crate::host::Level;

const AFTER_ERROR: Duration = Duration::from_secs(1);
/// How long what is on its way may take to leave when the node stops.
const LAST_BYTES: Duration = Duration::from_secs(1);

/// What a server does with its connections.
#[derive(Clone)]
pub struct Service {
    pub acceptor: Acceptor,
    /// Nothing: what comes in is thrown away.
    pub cutting: Option<Cutting>,
    /// Most at once.
    pub connections: usize,
    /// Those of this server.
    pub own: Arc<Sessions>,
    /// Where others find them too.
    pub shared: Option<Arc<Sessions>>,
}

/// Dropping it ends all of it.
pub struct Server {
    pub events: mpsc::Receiver<Event>,
    stop: Option<oneshot::Sender<()>>,
    accepting: JoinHandle<()>,
}

impl Server {
    pub fn start(listener: TcpListener, service: Service, host: Arc<dyn ConnectorHost>) -> Server {
        let (events, receiver) = Events::channel();
        let (stop, stopped) = oneshot::channel();
        let accepting = tokio::spawn(accept(listener, service, events, host, stopped));
        Server { events: receiver, stop: Some(stop), accepting }
    }

    /// Stops listening, and lets leave what is on its way.
    pub async fn stop(mut self) {
        self.events.close();
        self.stop.take();
        // One that failed has nothing left to stop.
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The set of connections is in that task, and goes with it.
        self.accepting.abort();
    }
}

async fn accept(
    listener: TcpListener,
    service: Service,
    events: Events,
    host: Arc<dyn ConnectorHost>,
    mut stop: oneshot::Receiver<()>,
) {
    let places = Arc::new(Semaphore::new(service.connections));
    let mut tasks = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            _ = &mut stop => break,
            Some(_) = tasks.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, from)) => match places.clone().try_acquire_owned() {
                Ok(place) => {
                    tasks.spawn(serve(stream, from, service.clone(), events.clone(), place));
                }
                Err(_) => {
                    let text = format!(
                        "a connection from {from} was refused: {} are open already",
                        service.connections
                    );
                    host.log(Level::Warn, &text);
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
    for outgoing in service.own.all() {
        outgoing.finish();
    }
    let all = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(LAST_BYTES, all).await.is_err() {
        tasks.shutdown().await;
    }
}

async fn serve(
    stream: TcpStream,
    from: SocketAddr,
    service: Service,
    events: Events,
    _place: OwnedSemaphorePermit,
) {
    // Without it only small pieces are slower.
    let _ = stream.set_nodelay(true);
    let id = service.own.new_id();
    let stream = match service.acceptor.accept(stream).await {
        Ok(stream) => stream,
        Err(why) => {
            // Nobody to tell means that the node is closed.
            let _ = events.tell(&id, Some(from), What::Refused(why)).await;
            return;
        }
    };
    let outgoing = Arc::new(Outgoing::default());
    let _own = service.own.enter(&id, outgoing.clone());
    let _shared = service.shared.as_ref().map(|shared| shared.enter(&id, outgoing.clone()));
    Peer { id, from: Some(from), outgoing, events, lingers: service.cutting.is_some() }
        .serve(stream, service.cutting)
        .await;
}

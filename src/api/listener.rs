//! The listening socket: opened when it is needed, or from the start; and who is let in.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tidegate_nodes::error::NodeError;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};

use super::{Listen, Shared, connection, stopped};

/// After a failure to accept, which is mostly too many open files.
const AFTER_ERROR: Duration = Duration::from_secs(1);
/// How often a port is tried that is to be had from the start.
const AGAIN: Duration = Duration::from_secs(5);
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

pub struct Listener {
    at: Listen,
    runtime: Handle,
    /// What accepts, while it is open.
    accepting: Mutex<Option<JoinHandle<()>>>,
    bound: Mutex<Option<SocketAddr>>,
}

impl Listener {
    pub fn new(at: Listen, runtime: Handle) -> Listener {
        Listener { at, runtime, accepting: Mutex::default(), bound: Mutex::default() }
    }

    /// Where it listens, once it does.
    pub fn bound(&self) -> Option<SocketAddr> {
        *self.bound.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the connections have ended, or the time is over. For threads that may wait.
    pub fn stop(&self, goodbye: Duration) {
        let accepting = self.accepting.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(accepting) = accepting {
            let abort = accepting.abort_handle();
            self.runtime.block_on(async {
                // The connections are in that task, and end with it.
                if tokio::time::timeout(goodbye, accepting).await.is_err() {
                    abort.abort();
                }
            });
        }
    }
}

/// Opens the listener unless it is open.
pub fn open(shared: &Arc<Shared>) -> Result<(), NodeError> {
    let address = match shared.listener.at {
        Listen::Needed(address) | Listen::Always(address) => address,
        Listen::Never => {
            let text =
                "this gateway listens for no HTTP: start it with --listen 127.0.0.1:1880, or another address";
            return Err(NodeError::fatal(text));
        }
    };
    let mut accepting = shared.listener.accepting.lock().unwrap_or_else(PoisonError::into_inner);
    if accepting.as_ref().is_some_and(|task| !task.is_finished()) {
        return Ok(());
    }
    if *shared.stopping.borrow() {
        return Err(NodeError::disconnected("the gateway stops"));
    }
    let _runtime = shared.listener.runtime.enter();
    let listener = bind(address).map_err(|error| {
        let hint = match error.kind() {
            ErrorKind::AddrInUse => {
                "; another program has the port: stop it, or use another with --listen ADDR:PORT"
            }
            ErrorKind::PermissionDenied => "; ports below 1024 need a privilege: use one above",
            ErrorKind::AddrNotAvailable => "; no interface of this machine has that address",
            _ => "",
        };
        NodeError::disconnected(format!("cannot listen for HTTP on {address}: {error}{hint}"))
    })?;
    let address = listener.local_addr().unwrap_or(address);
    let protocol = if shared.options.tls.is_some() { "HTTPS" } else { "HTTP" };
    tracing::info!("listening for {protocol} on {address}");
    *shared.listener.bound.lock().unwrap_or_else(PoisonError::into_inner) = Some(address);
    *accepting = Some(tokio::spawn(accept(listener, shared.clone())));
    Ok(())
}

/// Tries to open it until it is open.
pub fn keep_trying(shared: Arc<Shared>) {
    let runtime = shared.listener.runtime.clone();
    let Err(error) = open(&shared) else { return };
    tracing::error!("{error}; it is tried again");
    runtime.spawn(async move {
        let mut stopping = shared.stopping.subscribe();
        loop {
            tokio::select! {
                () = tokio::time::sleep(AGAIN) => {}
                () = stopped(&mut stopping) => return,
            }
            if open(&shared).is_ok() {
                return;
            }
        }
    });
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket =
        if address.is_ipv4() { tokio::net::TcpSocket::new_v4() } else { tokio::net::TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(1024)
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let places = Arc::new(Semaphore::new(shared.options.connections));
    let mut tasks = JoinSet::new();
    let mut stopping = shared.stopping.subscribe();
    let mut full = false;
    loop {
        let accepted = tokio::select! {
            () = stopped(&mut stopping) => break,
            Some(_) = tasks.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let (stream, from) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!("cannot accept an HTTP connection: {error}");
                tokio::time::sleep(AFTER_ERROR).await;
                continue;
            }
        };
        match places.clone().try_acquire_owned() {
            Ok(place) => {
                full = false;
                let shared = shared.clone();
                tasks.spawn(async move {
                    let _place = place;
                    connection::serve(stream, from, shared).await;
                });
            }
            Err(_) => refuse(&stream, from, &mut full),
        }
    }
    drop(listener);
    while tasks.join_next().await.is_some() {}
}

/// Said once while it lasts: a flood must not fill the log.
fn refuse(stream: &TcpStream, from: SocketAddr, full: &mut bool) {
    // It has just been accepted, so that this fits, or the client need not know.
    let _ = stream.try_write(FULL);
    if !std::mem::replace(full, true) {
        tracing::warn!(
            "an HTTP connection from {from} was refused: as many as http_connections allows are open"
        );
    }
}

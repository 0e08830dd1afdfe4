//! The HTTP listener of the gateway, shared by all that is served: health, and the routes of nodes. Whatever a client does,
//! it costs a bounded amount of memory and time.
//!
//! ```text
//! listener (the socket, who is let in) -> connection (one client) -> respond (one request) -> routes (of nodes)
//!                                                                              |             |-> exchanges (requests that wait)
//!                                                                              |-> gateway (its own: the API, the editor) -> access
//! ```

mod access;
mod admin;
mod asked;
mod connection;
mod document;
mod editor;
mod exchanges;
mod fault;
mod gateway;
mod lingering;
mod listener;
mod live;
mod metrics;
mod presses;
mod probation;
mod respond;
mod routes;
mod set_up;
mod tls;
mod v1;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tidegate_nodes::error::NodeError;
use tidegate_nodes::message::Outcome;
use tidegate_nodes::web::{Answer, Answered, Handler, Http, Served, Settled, When};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};

pub use editor::is_there as has_editor;
use exchanges::Exchanges;
pub use gateway::Gateway;
use gateway::Own;
use listener::Listener;
pub use live::Hub;
pub use presses::Presses;
use routes::{Route, Routes};
pub use tls::{Files as TlsFiles, Tls, make as make_certificate};
pub use v1::openapi;

/// Where it listens, and how much it takes on.
#[derive(Clone)]
pub struct Options {
    pub listen: Listen,
    /// The largest body, in bytes.
    pub body_limit: usize,
    /// Clients at once.
    pub connections: usize,
    /// With what it is encrypted, where it is.
    pub tls: Option<Arc<Tls>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listen {
    /// When something asks for it first.
    Needed(SocketAddr),
    /// From the start.
    Always(SocketAddr),
    Never,
}

/// What all request bodies together may hold, in KiB.
const BODIES: usize = 64 * 1024;
/// How long answers on their way may take to leave at the end.
const GOODBYE: Duration = Duration::from_secs(1);

pub struct Api {
    shared: Arc<Shared>,
}

struct Shared {
    options: Options,
    routes: Routes,
    exchanges: Arc<Exchanges>,
    listener: Listener,
    bodies: Arc<Semaphore>,
    ready: AtomicBool,
    /// There as soon as what it works on is.
    own: OnceLock<Own>,
    stopping: watch::Sender<bool>,
}

impl Api {
    pub fn new(options: Options, runtime: Handle) -> Api {
        let listener = Listener::new(options.listen, runtime);
        // A body that is allowed always has room when it is alone.
        let bodies = Arc::new(Semaphore::new(BODIES.max(options.body_limit / 1024 + 1)));
        let shared = Shared {
            options,
            routes: Routes::default(),
            exchanges: Arc::default(),
            listener,
            bodies,
            ready: AtomicBool::new(false),
            own: OnceLock::new(),
            stopping: watch::Sender::new(false),
        };
        Api { shared: Arc::new(shared) }
    }

    /// Listens from the start, where it is to. A port that cannot be had is told, and tried again.
    pub fn start(&self) {
        if let Listen::Always(_) = self.shared.options.listen {
            listener::keep_trying(self.shared.clone());
        }
    }

    /// Serves the gateway's own API from now on.
    pub fn serve(&self, gateway: Gateway) {
        self.shared.own.get_or_init(|| Own::new(gateway, self.shared.options.body_limit));
    }

    /// Where a browser finds it, when it listens.
    pub fn address(&self) -> Option<String> {
        let scheme = if self.shared.options.tls.is_some() { "https" } else { "http" };
        self.shared.listener.bound().map(|address| format!("{scheme}://{address}"))
    }

    /// Certificates that were replaced count from now on.
    pub fn renew_certificates(&self) {
        if let Some(tls) = &self.shared.options.tls {
            tls.renew();
        }
    }

    /// What nodes are lent.
    pub fn lent(&self) -> Arc<dyn Http> {
        Arc::new(Lent(self.shared.clone()))
    }

    /// The flow runs: `/health/ready` says so from now on.
    pub fn set_ready(&self) {
        self.shared.ready.store(true, Ordering::Relaxed);
    }

    /// Answers what still waits, and closes.
    pub fn stop(&self) {
        self.shared.ready.store(false, Ordering::Relaxed);
        self.shared.exchanges.give_up();
        if let Some(own) = self.shared.own.get() {
            own.stop();
        }
        self.shared.stopping.send_replace(true);
        self.shared.listener.stop(GOODBYE);
    }
}

/// Waits until the gateway stops.
async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // The sender is in what all connections share.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

struct Lent(Arc<Shared>);

impl Http for Lent {
    fn serve(&self, order: u64, handler: Handler) -> Result<Served, NodeError> {
        listener::open(&self.0)?;
        let (route, number) = self.0.routes.add(order, handler);
        Ok(Box::new(Serving { shared: self.0.clone(), route, number }))
    }

    fn answer(&self, id: &str, answer: Answer, when: When) -> Answered {
        self.0.exchanges.answer(id, answer, when)
    }

    fn settle(&self, id: &str, outcome: Outcome) -> Settled {
        self.0.exchanges.settle(id, outcome)
    }

    fn body_limit(&self) -> usize {
        self.0.options.body_limit
    }
}

/// A handler that serves, until this is dropped.
struct Serving {
    shared: Arc<Shared>,
    route: Arc<Route>,
    number: u64,
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.shared.routes.remove(self.number);
        self.route.end();
        self.shared.exchanges.orphan(self.number);
    }
}

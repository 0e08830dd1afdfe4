//! Connections to servers, and those that are kept for the next request.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use url::Url;

use super::exchange::Failure;
use super::stream::{self, Way};

/// Connections that are kept, of all servers together, and for how long.
const KEPT: usize = 32;
const IDLE: Duration = Duration::from_secs(30);
/// Headers of an answer.
const MOST_HEADERS: usize = 256;
const BUFFER: usize = 256 * 1024;

/// A connection, for one request at a time.
pub struct Sender {
    /// Scheme, host and port.
    server: String,
    requests: SendRequest<Full<Bytes>>,
    /// What reads and writes. It ends with the sender.
    task: JoinHandle<()>,
    idle_since: Instant,
}

impl Sender {
    pub async fn connect(url: &Url, way: &Way) -> Result<Sender, Failure> {
        let stream = stream::connect(url, way).await?;
        let shaken = http1::Builder::new()
            // Devices there are that know headers only as they are usually written.
            .title_case_headers(true)
            .max_headers(MOST_HEADERS)
            .max_buf_size(BUFFER)
            .handshake(TokioIo::new(stream))
            .await;
        let (requests, connection) =
            shaken.map_err(|error| Failure::new("ECONNRESET", format!("socket hang up: {error}")))?;
        let task = tokio::spawn(async move {
            // Its requests hear why it ended.
            let _ = connection.await;
        });
        Ok(Sender { server: server(url), requests, task, idle_since: Instant::now() })
    }

    /// The error comes with the request where nothing of it was sent.
    pub async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, (hyper::Error, Option<Request<Full<Bytes>>>)> {
        self.requests.try_send_request(request).await.map_err(|mut error| {
            let unsent = error.take_message();
            (error.into_error(), unsent)
        })
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn server(url: &Url) -> String {
    let (host, port) = stream::place(url);
    format!("{}://{host}:{port}", url.scheme())
}

#[derive(Default)]
pub struct Pool(Mutex<VecDeque<Sender>>);

impl Pool {
    /// The connection to this server that was used last.
    pub fn take(&self, url: &Url) -> Option<Sender> {
        let server = server(url);
        let mut kept = self.lock();
        kept.retain(|sender| !sender.requests.is_closed() && sender.idle_since.elapsed() < IDLE);
        let at = kept.iter().rposition(|sender| sender.server == server && sender.requests.is_ready())?;
        kept.remove(at)
    }

    pub fn put_back(&self, mut sender: Sender) {
        if sender.requests.is_closed() {
            return;
        }
        sender.idle_since = Instant::now();
        let mut kept = self.lock();
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(sender);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Sender>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

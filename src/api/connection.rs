//! One client: its requests, one after the other.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::access::Peer;
use super::lingering::Lingering;
use super::{Shared, respond, stopped};

/// From the first wait for a request to the end of its headers. A connection that is kept alive and says nothing is closed
/// after it too.
const HEADERS: Duration = Duration::from_secs(10);
const MOST_HEADERS: usize = 128;
/// All headers and the request line.
const HEADER_BYTES: usize = 32 * 1024;
/// What is read ahead.
const BUFFER: usize = 64 * 1024;

pub async fn serve(stream: TcpStream, from: SocketAddr, shared: Arc<Shared>) {
    // Without it only small answers are slower.
    let _ = stream.set_nodelay(true);
    let Some(tls) = shared.options.tls.clone() else {
        return talk(stream, Peer { at: from, is_secure: false }, shared).await;
    };
    let mut stopping = shared.stopping.subscribe();
    let stream = tokio::select! {
        () = stopped(&mut stopping) => None,
        stream = tls.accept(stream) => stream,
    };
    if let Some(stream) = stream {
        talk(stream, Peer { at: from, is_secure: true }, shared).await;
    }
}

async fn talk<S>(stream: S, from: Peer, shared: Arc<Shared>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut stopping = shared.stopping.subscribe();
    let service = service_fn(|request| {
        let shared = shared.clone();
        async move { Ok::<_, Infallible>(respond::respond(request, from, &shared).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS)
        .max_headers(MOST_HEADERS)
        .max_header_size(HEADER_BYTES)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(Lingering::new(stream)), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped(&mut stopping) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // Whatever a client does wrong is its own matter.
        tracing::debug!("the HTTP connection from {} ended: {error}", from.at);
    }
}

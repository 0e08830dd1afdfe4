//! One WebSocket: taken over from the listener, written to with patience that ends, and closed with a reason.

use std::future::Future;
use std::time::Duration;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Error, Message, Utf8Bytes};

use super::super::access::is_own_origin;
use super::super::fault::Fault;

/// The largest message of a client.
const LARGEST: usize = 64 * 1024;
/// What is put is written when it has become so much.
const TOGETHER: usize = 16 * 1024;
/// A client that takes nothing for so long is cut.
const STALLED: Duration = Duration::from_secs(20);
const GOODBYE: Duration = Duration::from_secs(1);
/// One that is silent for so long is gone: it is asked at each heartbeat.
const SILENT: Duration = Duration::from_secs(60);

pub struct Socket {
    stream: WebSocketStream<TokioIo<Upgraded>>,
    heard: Instant,
}

/// Why a conversation has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The other side has gone, or is too slow.
    Gone,
    /// They may not look, or no longer.
    NotAllowed,
    /// What they sent makes no sense, or is too large.
    Wrong,
    Busy,
    Stopping,
}

/// Answers the handshake; `talk` has the socket then, and says how it ended.
pub fn upgrade<F>(
    parts: &Parts,
    talk: impl FnOnce(Socket) -> F + Send + 'static,
) -> Result<Response<Body>, Fault>
where
    F: Future<Output = (Socket, Ended)> + Send + 'static,
{
    let key = accepted(&parts.headers)?;
    let Some(upgrade) = parts.extensions.get::<OnUpgrade>().cloned() else {
        return Err(Fault::bad("no_websocket", "this connection cannot become a WebSocket"));
    };
    tokio::spawn(async move {
        match upgrade.await {
            Ok(stream) => {
                let config = WebSocketConfig::default()
                    .max_message_size(Some(LARGEST))
                    .max_frame_size(Some(LARGEST))
                    .read_buffer_size(4 * 1024)
                    .write_buffer_size(TOGETHER);
                let stream =
                    WebSocketStream::from_raw_socket(TokioIo::new(stream), Role::Server, Some(config)).await;
                let (socket, ended) = talk(Socket { stream, heard: Instant::now() }).await;
                socket.close(ended).await;
            }
            Err(error) => tracing::debug!("a connection ended before it was a WebSocket: {error}"),
        }
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, key);
    Ok(response)
}

/// What is answered to a handshake, where it is one and of a page of ours, or of no page at all.
fn accepted(headers: &HeaderMap) -> Result<HeaderValue, Fault> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    if !text(header::UPGRADE).is_some_and(|kind| kind.eq_ignore_ascii_case("websocket")) {
        return Err(Fault::bad("no_websocket", "this is a WebSocket: ask for it with Upgrade: websocket"));
    }
    if headers.contains_key(header::ORIGIN) && !is_own_origin(headers) {
        let text = "this was asked for by a page of another origin";
        return Err(Fault::new(StatusCode::FORBIDDEN, "origin", text));
    }
    if text(header::SEC_WEBSOCKET_VERSION) != Some("13") {
        return Err(Fault::bad("no_websocket", "only version 13 of WebSocket is spoken"));
    }
    let key = text(header::SEC_WEBSOCKET_KEY).filter(|key| key.len() == 24);
    let key = key.ok_or_else(|| Fault::bad("no_websocket", "the key of the WebSocket is missing"))?;
    HeaderValue::from_str(&derive_accept_key(key.as_bytes()))
        .map_err(|_| Fault::bad("no_websocket", "the key of the WebSocket makes no sense"))
}

impl Socket {
    /// The next text. Cancel-safe.
    pub async fn next(&mut self) -> Result<Utf8Bytes, Ended> {
        loop {
            let message = self.stream.next().await;
            self.heard = Instant::now();
            match message {
                Some(Ok(Message::Text(text))) => return Ok(text),
                // Pings are answered by the library.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Binary(_)) | Err(Error::Capacity(_) | Error::Utf8(_))) => {
                    return Err(Ended::Wrong);
                }
                None | Some(Ok(Message::Close(_)) | Err(_)) => return Err(Ended::Gone),
            }
        }
    }

    pub async fn send(&mut self, text: String) -> Result<(), Ended> {
        self.write(Message::text(text)).await
    }

    /// Goes with what is sent next, or with `flush`.
    pub async fn put(&mut self, text: String) -> Result<(), Ended> {
        in_time(self.stream.feed(Message::text(text))).await
    }

    pub async fn flush(&mut self) -> Result<(), Ended> {
        in_time(self.stream.flush()).await
    }

    /// Asks whether anybody is there.
    pub async fn beat(&mut self) -> Result<(), Ended> {
        match self.heard.elapsed() > SILENT {
            true => Err(Ended::Gone),
            false => self.write(Message::Ping(Bytes::new())).await,
        }
    }

    async fn write(&mut self, message: Message) -> Result<(), Ended> {
        in_time(self.stream.send(message)).await
    }

    async fn close(mut self, ended: Ended) {
        let (code, reason) = match ended {
            Ended::Gone => return,
            Ended::NotAllowed => (CloseCode::Policy, "log in"),
            Ended::Wrong => (CloseCode::Unsupported, "one JSON object a message, of 64 KiB at the most"),
            Ended::Busy => (CloseCode::Again, "too many clients listen already"),
            Ended::Stopping => (CloseCode::Away, "the gateway stops"),
        };
        let goodbye = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
        let _ = timeout(GOODBYE, self.stream.close(Some(goodbye))).await;
        // The other side answers with its own; one that is closed before that is in may lose what it has not read.
        let _ = timeout(GOODBYE, async { while let Some(Ok(_)) = self.stream.next().await {} }).await;
    }
}

async fn in_time(writing: impl Future<Output = Result<(), Error>>) -> Result<(), Ended> {
    match timeout(STALLED, writing).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(Ended::Gone),
    }
}

//! The way to a broker: TCP, TLS, or WebSocket over either.

use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use super::address::Address;
use crate::error::NodeError;
use crate::tls::TlsSettings;

pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}
type BoxedStream = Box<dyn Stream>;

pub enum Reader {
    Stream(ReadHalf<BoxedStream>),
    WebSocket(SplitStream<WebSocketStream<BoxedStream>>),
}

pub enum Writer {
    Stream(WriteHalf<BoxedStream>),
    WebSocket(SplitSink<WebSocketStream<BoxedStream>, Message>),
}

const READ: usize = 32 * 1024;

/// Connects. The error says at which step it failed.
pub async fn connect(address: &Address, tls: Option<&TlsSettings>) -> Result<(Reader, Writer), NodeError> {
    let failed = |error: io::Error| NodeError::disconnected(format!("cannot connect to {address}: {error}"));
    let tcp = TcpStream::connect((address.host.as_str(), address.port)).await.map_err(failed)?;
    // Small packets leave at once: without it they wait for the other side's acknowledgement.
    tcp.set_nodelay(true).map_err(failed)?;
    let stream: BoxedStream = match tls.filter(|_| address.is_tls) {
        None => Box::new(tcp),
        Some(tls) => {
            let (config, name) = (tls.client()?, tls.server_name(&address.host)?);
            let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
            let stream = connector.connect(name, tcp).await.map_err(|error| {
                NodeError::disconnected(format!("no TLS with {address}: {}", crate::tls::explain(&error)))
            })?;
            Box::new(stream)
        }
    };
    let Some(path) = &address.websocket else {
        let (reader, writer) = tokio::io::split(stream);
        return Ok((Reader::Stream(reader), Writer::Stream(writer)));
    };
    let refused = |error: WsError| {
        let text = match &error {
            WsError::Http(answer) => format!("the server answers {}", answer.status()),
            other => other.to_string(),
        };
        NodeError::disconnected(format!("no WebSocket with {address}: {text}"))
    };
    let scheme = if address.is_tls { "wss" } else { "ws" };
    let mut request =
        format!("{scheme}://{}{path}", address.authority()).into_client_request().map_err(refused)?;
    request.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static("mqtt"));
    // Packets are bounded where they are read; a frame may hold many of them, and a packet many frames.
    let config = WebSocketConfig::default().max_message_size(Some(64 << 20)).max_frame_size(Some(16 << 20));
    let connected = tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await;
    let (socket, _) = connected.map_err(refused)?;
    let (sink, stream) = socket.split();
    Ok((Reader::WebSocket(stream), Writer::WebSocket(sink)))
}

impl Reader {
    /// Reads what has come; 0 when the other side has closed. Nothing is lost when the future is dropped.
    pub async fn read(&mut self, into: &mut BytesMut) -> io::Result<usize> {
        match self {
            Reader::Stream(stream) => {
                into.reserve(READ);
                stream.read_buf(into).await
            }
            Reader::WebSocket(socket) => loop {
                match socket.next().await {
                    None | Some(Ok(Message::Close(_))) => return Ok(0),
                    Some(Ok(Message::Binary(data))) if !data.is_empty() => {
                        into.extend_from_slice(&data);
                        return Ok(data.len());
                    }
                    // Pings are answered by the library.
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Err(io::Error::other(error)),
                }
            },
        }
    }
}

impl Writer {
    /// Writes some of the bytes, and says how many. Nothing is lost when the future is dropped, but some of the bytes may
    /// have left then.
    pub async fn write(&mut self, bytes: &mut Bytes) -> io::Result<usize> {
        match self {
            Writer::Stream(stream) => {
                let written = stream.write_buf(bytes).await?;
                if bytes.is_empty() {
                    stream.flush().await?;
                }
                Ok(written)
            }
            Writer::WebSocket(socket) => {
                let written = bytes.len();
                let message = Message::Binary(std::mem::take(bytes));
                socket.send(message).await.map_err(io::Error::other)?;
                Ok(written)
            }
        }
    }

    /// Says that nothing more comes.
    pub async fn close(&mut self) {
        // Who is gone needs no goodbye.
        match self {
            Writer::Stream(stream) => drop(stream.shutdown().await),
            Writer::WebSocket(socket) => drop(socket.close().await),
        }
    }
}

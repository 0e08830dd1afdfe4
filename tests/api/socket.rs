//! A WebSocket client that says what a test wants, and gives up after a while.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use tokio_tungstenite::tungstenite::client::client;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::{Error, HandshakeError, Message, WebSocket};

use crate::gateway::{Gateway, PATIENCE};

pub struct Socket {
    pub socket: WebSocket<TcpStream>,
    /// Messages of lists that were not looked at yet.
    waiting: Vec<Json>,
}

fn request(gateway: &Gateway, path: &str, headers: &[(&str, &str)]) -> Request {
    let mut request = Request::builder()
        .uri(format!("ws://127.0.0.1:{}{path}", gateway.port))
        .header("host", "gateway")
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap()
}

/// Connects; the status of the answer where it is no WebSocket.
pub fn open(gateway: &Gateway, path: &str, headers: &[(&str, &str)]) -> Result<Socket, u16> {
    let stream = TcpStream::connect(("127.0.0.1", gateway.port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    match client(request(gateway, path, headers), stream) {
        Ok((socket, _)) => Ok(Socket { socket, waiting: Vec::new() }),
        Err(HandshakeError::Failure(Error::Http(answer))) => Err(answer.status().as_u16()),
        Err(other) => panic!("{other}"),
    }
}

impl Socket {
    pub fn say(&mut self, said: &Json) {
        self.socket.send(Message::text(said.to_string())).unwrap();
    }

    /// The next message, one by one where they come in a list. `None` when the other side has closed.
    pub fn next(&mut self) -> Option<Json> {
        while self.waiting.is_empty() {
            match self.socket.read() {
                Ok(Message::Text(text)) => match serde_json::from_str(&text).unwrap() {
                    Json::Array(list) => self.waiting.extend(list.into_iter().rev()),
                    other => self.waiting.push(other),
                },
                Ok(Message::Close(_)) => return None,
                Ok(_) => {}
                Err(Error::ConnectionClosed | Error::AlreadyClosed | Error::Protocol(_)) => return None,
                Err(Error::Io(error)) => match error.kind() {
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut => panic!("nothing comes"),
                    _ => return None,
                },
                Err(other) => panic!("{other}"),
            }
        }
        self.waiting.pop()
    }

    /// Waits for a message that is so.
    #[track_caller]
    pub fn until(&mut self, is: impl Fn(&Json) -> bool) -> Json {
        let end = Instant::now() + PATIENCE;
        let mut seen = Vec::new();
        while Instant::now() < end {
            let Some(message) = self.next() else { break };
            if is(&message) {
                return message;
            }
            seen.push(message.to_string());
        }
        panic!("it did not come; this did:\n{}", seen.join("\n"));
    }

    #[track_caller]
    pub fn topic(&mut self, topic: &str) -> Json {
        self.until(|message| message["topic"] == topic)["data"].take()
    }

    /// What comes within a time.
    pub fn for_a_while(&mut self, time: Duration) -> Vec<Json> {
        let end = Instant::now() + time;
        let mut seen: Vec<Json> = self.waiting.drain(..).rev().collect();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            self.socket.get_ref().set_read_timeout(Some(left)).unwrap();
            match self.socket.read() {
                Ok(Message::Text(text)) => match serde_json::from_str(&text).unwrap() {
                    Json::Array(list) => seen.extend(list),
                    other => seen.push(other),
                },
                Ok(_) => {}
                Err(_) => break,
            }
        }
        self.socket.get_ref().set_read_timeout(Some(PATIENCE)).unwrap();
        seen
    }
}

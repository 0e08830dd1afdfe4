//! One connection: hands on what comes, sends what is to leave, and notices when nobody is there any more.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, Stream, StreamExt};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Error, Message, Utf8Bytes};

use super::hub::{Hub, Told};
use crate::network::outgoing::{Outgoing, Piece, STALLED};
use crate::value::{Str, Value};
use crate::web::BoxedStream;

pub type Socket = WebSocketStream<BoxedStream>;

/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// The bounds of a connection that takes messages of so many bytes.
pub fn config(max: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .max_message_size(Some(max))
        .max_frame_size(Some(max))
        .read_buffer_size(8 * 1024)
        .write_buffer_size(0)
}

/// Why a connection has ended.
pub enum Ended {
    Closed,
    Failed(String),
}

/// Works until the connection has ended. Where it is dropped before that, `leave` says goodbye.
pub async fn serve(socket: &mut Socket, hub: &Arc<Hub>, heartbeat: Option<Duration>) -> Ended {
    let (id, outgoing) = (hub.sessions.new_id(), Arc::new(Outgoing::default()));
    let entry = hub.sessions.enter(&id, outgoing.clone());
    hub.tell(&id, Told::Opened).await;
    let (mut sink, mut stream) = socket.split();
    let heard = Mutex::new(Instant::now());
    let ended = tokio::select! {
        ended = read(&mut stream, &id, hub, &heard) => ended,
        ended = write(&mut sink, &outgoing, heartbeat, &heard) => ended,
        () = outgoing.killed() => Ended::Closed,
    };
    // From here on nobody finds it, and what waits for it is told.
    drop(entry);
    let code = match &ended {
        Ended::Closed => CloseCode::Normal,
        Ended::Failed(why) if why.contains("larger than") => CloseCode::Size,
        Ended::Failed(_) => CloseCode::Protocol,
    };
    let goodbye = CloseFrame { code, reason: Utf8Bytes::default() };
    // Who is gone needs no goodbye.
    let _ = tokio::time::timeout(GOODBYE, sink.send(Message::Close(Some(goodbye)))).await;
    let _ = tokio::time::timeout(GOODBYE, sink.close()).await;
    if matches!(ended, Ended::Closed) {
        until_closed(&mut stream).await;
    }
    if let Ended::Failed(why) = &ended {
        hub.tell(&id, Told::Failed(why.clone())).await;
    }
    hub.tell(&id, Told::Gone).await;
    ended
}

/// Closes a connection that still stands.
pub async fn leave(mut socket: Socket) {
    let goodbye = CloseFrame { code: CloseCode::Normal, reason: Utf8Bytes::default() };
    let _ = tokio::time::timeout(GOODBYE, socket.close(Some(goodbye))).await;
    until_closed(&mut socket).await;
}

/// The other side answers a goodbye with its own. A socket that is closed before that is in is reset, and with it may go
/// what the other side has not read.
async fn until_closed(stream: &mut (impl Stream<Item = Result<Message, Error>> + Unpin)) {
    let _ = tokio::time::timeout(GOODBYE, async { while let Some(Ok(_)) = stream.next().await {} }).await;
}

async fn read(stream: &mut SplitStream<&mut Socket>, id: &Str, hub: &Hub, heard: &Mutex<Instant>) -> Ended {
    loop {
        let message = stream.next().await;
        *heard.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        let payload = match message {
            None | Some(Ok(Message::Close(_)) | Err(Error::ConnectionClosed | Error::AlreadyClosed)) => {
                return Ended::Closed;
            }
            Some(Ok(Message::Text(text))) => Value::str(text.as_str()),
            Some(Ok(Message::Binary(bytes))) => Value::bytes(&*bytes),
            // Pings are answered by the library.
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
            Some(Err(Error::Capacity(_))) => {
                return Ended::Failed("a message that is larger than it may be came in".to_string());
            }
            // A peer that vanishes is no error.
            Some(Err(Error::Io(_))) => return Ended::Closed,
            Some(Err(error)) => return Ended::Failed(error.to_string()),
        };
        hub.tell(id, Told::Data(payload)).await;
    }
}

async fn write(
    sink: &mut SplitSink<&mut Socket, Message>,
    outgoing: &Outgoing,
    heartbeat: Option<Duration>,
    heard: &Mutex<Instant>,
) -> Ended {
    let every = heartbeat.unwrap_or(Duration::from_secs(86_400 * 365));
    // It goes on over the turns of the loop: a connection that always has something to say must not put it off.
    let mut beat = tokio::time::interval_at(Instant::now() + every, every);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let next = tokio::select! {
            piece = outgoing.next() => piece,
            _ = beat.tick() => {
                let silent = heard.lock().unwrap_or_else(PoisonError::into_inner).elapsed();
                if silent > every * 2 {
                    return Ended::Failed("the other side does not answer a heartbeat".to_string());
                }
                if !sent(sink, Message::Ping(Bytes::new())).await {
                    return Ended::Closed;
                }
                continue;
            }
        };
        let Some(piece) = next else { return Ended::Closed };
        if !sent(sink, message(&piece)).await {
            return Ended::Closed;
        }
        outgoing.left(piece);
    }
}

fn message(piece: &Piece) -> Message {
    if piece.is_text {
        return Message::text(String::from_utf8_lossy(&piece.bytes).into_owned());
    }
    Message::Binary(Bytes::copy_from_slice(&piece.bytes))
}

/// A peer that takes nothing for so long is cut.
async fn sent(sink: &mut SplitSink<&mut Socket, Message>, message: Message) -> bool {
    matches!(tokio::time::timeout(STALLED, sink.send(message)).await, Ok(Ok(())))
}

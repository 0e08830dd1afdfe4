//! One client's connection: handshakes, bytes to packets, bytes of the router to the network, and silence.

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::limits::{CONNECT_BYTES, Limits};
use super::outgoing::Outgoing;
use super::packet::{Connect, Packet, Version, reason};
use super::read;
use super::session::LinkId;
use crate::mqtt::transport::{Reader, Stream, Writer};

/// What a connection tells the router.
pub enum Input {
    Connect {
        link: LinkId,
        connect: Box<Connect>,
        outgoing: Arc<Outgoing>,
    },
    Packets {
        link: LinkId,
        packets: Vec<Packet>,
    },
    /// There is room for more of its messages.
    Room {
        link: LinkId,
    },
    /// Its client does something that is not allowed.
    Wrong {
        link: LinkId,
        reason: u8,
        why: &'static str,
    },
    Gone {
        link: LinkId,
    },
}

/// How connections of one listener are taken.
#[derive(Clone)]
pub struct Entrance {
    pub tls: Option<TlsAcceptor>,
    pub websocket: bool,
    pub limits: Arc<Limits>,
    pub inputs: mpsc::Sender<Input>,
}

/// How long the last bytes to a client may take.
const LAST_BYTES: Duration = Duration::from_secs(5);

/// Serves one client to its end. An error says why it never became one.
pub async fn serve(stream: TcpStream, link: LinkId, entrance: Entrance) -> Result<(), String> {
    // Small packets leave at once; without it they are only slower.
    let _ = stream.set_nodelay(true);
    let opening = async {
        let (mut reader, writer) = shake_hands(stream, &entrance).await?;
        let mut buffer = BytesMut::new();
        let connect = first_packet(&mut reader, &mut buffer).await?;
        Ok::<_, String>((reader, writer, buffer, connect))
    };
    let opened = tokio::time::timeout(entrance.limits.connect, opening).await;
    let (reader, writer, buffer, connect) =
        opened.map_err(|_| format!("no CONNECT within {} s", entrance.limits.connect.as_secs()))??;
    let outgoing = Arc::new(Outgoing::new(connect.version));
    // One and a half times as long as the client says; 0 is for ever.
    let silence =
        (connect.keep_alive > 0).then(|| Duration::from_millis(u64::from(connect.keep_alive) * 1500));
    let told = Input::Connect { link, connect: Box::new(connect), outgoing: outgoing.clone() };
    let mut connection = Connection {
        link,
        reader,
        buffer,
        outgoing,
        silence,
        most: entrance.limits.packet,
        inputs: entrance.inputs,
    };
    // The router is gone only when the whole server is.
    if connection.inputs.send(told).await.is_ok() {
        connection.run(writer).await;
        let _ = connection.inputs.send(Input::Gone { link }).await;
    }
    Ok(())
}

async fn shake_hands(stream: TcpStream, entrance: &Entrance) -> Result<(Reader, Writer), String> {
    let stream: Box<dyn Stream> = match &entrance.tls {
        None => Box::new(stream),
        Some(tls) => {
            let joined = tls.accept(stream).await;
            Box::new(joined.map_err(|error| format!("no TLS: {}", crate::tls::explain(&error)))?)
        }
    };
    if !entrance.websocket {
        let (reader, writer) = tokio::io::split(stream);
        return Ok((Reader::Stream(reader), Writer::Stream(writer)));
    }
    // A frame may hold several packets, and a packet several frames; packets are measured where they are read.
    let most = entrance.limits.packet + 64 * 1024;
    let config = WebSocketConfig::default().max_message_size(Some(most)).max_frame_size(Some(most));
    let joined = tokio_tungstenite::accept_hdr_async_with_config(stream, subprotocol, Some(config)).await;
    let (sink, stream) = joined.map_err(|error| format!("no WebSocket: {error}"))?.split();
    Ok((Reader::WebSocket(stream), Writer::WebSocket(sink)))
}

/// MQTT over WebSocket is the subprotocol `mqtt`, and older clients say `mqttv3.1`.
#[allow(clippy::result_large_err, reason = "the library's type")]
fn subprotocol(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    let offered = request.headers().get_all("Sec-WebSocket-Protocol").into_iter();
    let mut offered =
        offered.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).map(str::trim);
    let chosen = offered.find_map(|name| match name {
        "mqtt" => Some("mqtt"),
        "mqttv3.1" => Some("mqttv3.1"),
        _ => None,
    });
    let Some(chosen) = chosen else {
        let mut refused = ErrorResponse::new(Some("the WebSocket subprotocol mqtt is needed".to_string()));
        *refused.status_mut() = StatusCode::BAD_REQUEST;
        return Err(refused);
    };
    response.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static(chosen));
    Ok(response)
}

async fn first_packet(reader: &mut Reader, buffer: &mut BytesMut) -> Result<Connect, String> {
    loop {
        match read::next(buffer, Version::V3, CONNECT_BYTES) {
            Ok(Some(Packet::Connect(connect))) => return Ok(*connect),
            Ok(Some(_)) => return Err("it does not begin with CONNECT".to_string()),
            Err(wrong) => return Err(format!("{} instead of CONNECT", wrong.1)),
            Ok(None) => {}
        }
        match reader.read(buffer).await {
            Ok(0) => return Err("it went without a word".to_string()),
            Ok(_) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
}

struct Connection {
    link: LinkId,
    reader: Reader,
    buffer: BytesMut,
    outgoing: Arc<Outgoing>,
    silence: Option<Duration>,
    most: usize,
    inputs: mpsc::Sender<Input>,
}

enum Turn {
    Read(io::Result<usize>),
    Written(io::Result<usize>),
    Changed,
    Silence,
}

impl Connection {
    /// Until either side ends it.
    async fn run(&mut self, mut writer: Writer) {
        let mut bytes = Bytes::new();
        let mut ends: Option<Instant> = None;
        let mut heard = Instant::now();
        let mut wrong = !self.hand_over().await;
        loop {
            if bytes.is_empty() {
                let next = self.outgoing.take();
                bytes = next.bytes;
                if next.tell && self.inputs.send(Input::Room { link: self.link }).await.is_err() {
                    return;
                }
                if next.ended {
                    ends.get_or_insert_with(|| Instant::now() + LAST_BYTES);
                    if bytes.is_empty() {
                        return writer.close().await;
                    }
                }
            }
            let reads = !wrong && ends.is_none() && self.outgoing.is_reading();
            let turn = tokio::select! {
                written = writer.write(&mut bytes), if !bytes.is_empty() => Turn::Written(written),
                read = self.reader.read(&mut self.buffer), if reads => Turn::Read(read),
                () = self.outgoing.changed() => Turn::Changed,
                // While it is not read, its silence is ours.
                () = until(self.silence.filter(|_| reads).map(|silence| heard + silence)) => Turn::Silence,
                () = until(ends) => return,
            };
            match turn {
                Turn::Changed | Turn::Written(Ok(_)) => {}
                Turn::Read(Ok(0) | Err(_)) | Turn::Written(Err(_)) => return,
                Turn::Read(Ok(_)) => {
                    heard = Instant::now();
                    wrong = !self.hand_over().await;
                }
                Turn::Silence => {
                    wrong = true;
                    self.tell_wrong(reason::KEEP_ALIVE, "nothing was heard of it for longer than it said")
                        .await;
                }
            }
            if !reads {
                heard = Instant::now();
            }
        }
    }

    /// Gives the router what is whole; `false` when it is no MQTT.
    async fn hand_over(&mut self) -> bool {
        let mut packets = Vec::new();
        let end = loop {
            match read::next(&mut self.buffer, self.outgoing.version, self.most) {
                Ok(Some(packet)) => packets.push(packet),
                Ok(None) => break None,
                Err(wrong) => break Some(wrong),
            }
        };
        let link = self.link;
        if !packets.is_empty() && self.inputs.send(Input::Packets { link, packets }).await.is_err() {
            return false;
        }
        match end {
            None => true,
            Some(wrong) => {
                self.tell_wrong(wrong.0, wrong.1).await;
                false
            }
        }
    }

    async fn tell_wrong(&mut self, reason: u8, why: &'static str) {
        // Nobody to tell means that the server stops.
        let _ = self.inputs.send(Input::Wrong { link: self.link, reason, why }).await;
    }
}

async fn until(when: Option<Instant>) {
    match when {
        Some(when) => tokio::time::sleep_until(when).await,
        None => pending().await,
    }
}

//! MQTT 3.1.1 by hand, as much as a load needs: it must not share a mistake with the gateway.

use std::io::{self, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A broker that says nothing for so long is taken for gone.
const SILENCE: Duration = Duration::from_secs(10);

pub enum Packet {
    Acknowledged(u16),
    Publish { id: u16, payload: Vec<u8> },
    Other,
}

pub struct Reader(BufReader<TcpStream>);

/// Connects under a name whose session the broker keeps.
pub fn connect(port: u16, name: &str) -> io::Result<(Reader, TcpStream)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(SILENCE))?;
    stream.set_write_timeout(Some(SILENCE))?;
    // Protocol "MQTT", level 4, no clean session, no keep-alive.
    let mut body = vec![0, 4, b'M', b'Q', b'T', b'T', 4, 0, 0, 0];
    push_text(&mut body, name);
    stream.write_all(&packet(0x10, &body))?;
    let mut reader = Reader(BufReader::with_capacity(256 * 1024, stream.try_clone()?));
    match reader.packet()? {
        (0x20, body) if body.get(1) == Some(&0) => Ok((reader, stream)),
        (kind, body) => Err(io::Error::other(format!("no connection: {kind:#x} {body:?}"))),
    }
}

/// Asks for a topic at QoS 1.
pub fn subscribe(stream: &mut TcpStream, topic: &str) -> io::Result<()> {
    let mut body = vec![0, 1];
    push_text(&mut body, topic);
    body.push(1);
    stream.write_all(&packet(0x82, &body))
}

/// Appends a PUBLISH at QoS 1.
pub fn publish(to: &mut Vec<u8>, id: u16, again: bool, topic: &str, payload: &[u8]) {
    let mut body = Vec::with_capacity(topic.len() + payload.len() + 4);
    push_text(&mut body, topic);
    body.extend_from_slice(&id.to_be_bytes());
    body.extend_from_slice(payload);
    to.extend_from_slice(&packet(if again { 0x3a } else { 0x32 }, &body));
}

/// Appends a PUBACK.
pub fn acknowledge(to: &mut Vec<u8>, id: u16) {
    to.extend_from_slice(&packet(0x40, &id.to_be_bytes()));
}

impl Reader {
    pub fn next(&mut self) -> io::Result<Packet> {
        let (kind, body) = self.packet()?;
        let number = |at: usize| {
            let bytes = body.get(at..at + 2).ok_or_else(|| io::Error::other("a packet is cut off"))?;
            Ok::<u16, io::Error>(u16::from_be_bytes([bytes[0], bytes[1]]))
        };
        Ok(match kind & 0xf0 {
            0x40 => Packet::Acknowledged(number(0)?),
            0x30 => {
                let topic = usize::from(number(0)?);
                Packet::Publish { id: number(2 + topic)?, payload: body[4 + topic..].to_vec() }
            }
            _ => Packet::Other,
        })
    }

    /// Whether more has come in already.
    pub fn has_more(&self) -> bool {
        !self.0.buffer().is_empty()
    }

    fn packet(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let mut byte = [0];
        self.0.read_exact(&mut byte)?;
        let (kind, mut length, mut shift) = (byte[0], 0, 0);
        loop {
            self.0.read_exact(&mut byte)?;
            length |= usize::from(byte[0] & 0x7f) << shift;
            shift += 7;
            if byte[0] & 0x80 == 0 {
                break;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body)?;
        Ok((kind, body))
    }
}

fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![kind];
    let mut length = body.len();
    loop {
        let byte = (length & 0x7f) as u8;
        length >>= 7;
        packet.push(if length > 0 { byte | 0x80 } else { byte });
        if length == 0 {
            break;
        }
    }
    packet.extend_from_slice(body);
    packet
}

fn push_text(to: &mut Vec<u8>, text: &str) {
    to.extend_from_slice(&(text.len() as u16).to_be_bytes());
    to.extend_from_slice(text.as_bytes());
}

//! A broker that does what a test says, packet by packet. It speaks 3.1.1.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::brokers::PATIENCE;

pub struct Fake {
    pub port: u16,
    listener: TcpListener,
}

pub struct Peer(TcpStream);

#[derive(Debug)]
pub struct Publish {
    pub id: u16,
    pub payload: String,
}

#[derive(Clone, Copy)]
pub enum Say {
    /// PUBACK, PUBREC, PUBREL, PUBCOMP.
    Ack,
    Rec,
    Rel,
    Comp,
}

impl Fake {
    pub fn start() -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Fake { port: listener.local_addr().unwrap().port(), listener }
    }

    /// A connection, before anything was said on it; `None` when none comes in this time.
    pub fn incoming(&self, within: Duration) -> Option<Peer> {
        let end = Instant::now() + within;
        while Instant::now() < end {
            if let Ok((stream, _)) = self.listener.accept() {
                stream.set_nonblocking(false).unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                return Some(Peer(stream));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        None
    }

    /// A connection that is welcome.
    pub fn accept(&self, session_present: bool) -> Peer {
        let mut peer = self.incoming(3 * PATIENCE).expect("a connection comes");
        peer.welcome(session_present);
        peer
    }
}

impl Peer {
    pub fn welcome(&mut self, session_present: bool) {
        assert_eq!(self.read().0 >> 4, 1, "CONNECT comes first");
        self.write(&[0x20, 2, u8::from(session_present), 0]);
    }

    pub fn close(&mut self) {
        self.0.shutdown(std::net::Shutdown::Both).unwrap();
    }

    pub fn write(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    pub fn say(&mut self, what: Say, id: u16) {
        let first = match what {
            Say::Ack => 0x40,
            Say::Rec => 0x50,
            Say::Rel => 0x62,
            Say::Comp => 0x70,
        };
        let id = id.to_be_bytes();
        self.write(&[first, 2, id[0], id[1]]);
    }

    /// Sends a message.
    pub fn send(&mut self, qos: u8, id: u16, topic: &[u8], payload: &[u8], dup: bool) {
        let mut body = (topic.len() as u16).to_be_bytes().to_vec();
        body.extend_from_slice(topic);
        if qos > 0 {
            body.extend_from_slice(&id.to_be_bytes());
        }
        body.extend_from_slice(payload);
        let mut packet = vec![0x30 | qos << 1 | u8::from(dup) << 3];
        let mut left = body.len();
        while left >= 0x80 {
            packet.push(left as u8 | 0x80);
            left >>= 7;
        }
        packet.push(left as u8);
        packet.extend(body);
        self.write(&packet);
    }

    /// The next packet: its first byte and its body. Pings are answered and passed over.
    pub fn read(&mut self) -> (u8, Vec<u8>) {
        loop {
            let (first, body) = self.try_read().expect("the connection stands");
            if first == 0xc0 {
                self.write(&[0xd0, 0]);
                continue;
            }
            return (first, body);
        }
    }

    pub fn try_read(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut byte = [0];
        self.0.read_exact(&mut byte).ok()?;
        let first = byte[0];
        let (mut length, mut shift) = (0, 0);
        loop {
            self.0.read_exact(&mut byte).ok()?;
            length |= usize::from(byte[0] & 0x7f) << shift;
            shift += 7;
            if byte[0] & 0x80 == 0 {
                break;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).ok()?;
        Some((first, body))
    }

    /// The next packet, which has to be of this kind: its packet id.
    pub fn packet(&mut self, kind: u8) -> u16 {
        let (first, body) = self.read();
        assert_eq!(first >> 4, kind, "packet {first:#x} where one of kind {kind} is due");
        u16::from_be_bytes([body[0], body[1]])
    }

    /// Whether nothing but a ping comes in this time.
    pub fn is_quiet(&mut self, time: Duration) -> bool {
        self.0.set_read_timeout(Some(time)).unwrap();
        let quiet = loop {
            match self.try_read() {
                Some((0xc0, _)) => self.write(&[0xd0, 0]),
                Some(_) => break false,
                None => break true,
            }
        };
        self.0.set_read_timeout(Some(PATIENCE)).unwrap();
        quiet
    }

    /// The next packet, which has to be a message.
    pub fn publish(&mut self) -> Publish {
        let (first, body) = self.read();
        assert_eq!(first >> 4, 3, "packet {first:#x} where a message is due");
        let qos = first >> 1 & 3;
        let length = usize::from(u16::from_be_bytes([body[0], body[1]]));
        let rest = &body[2 + length..];
        let (id, rest) =
            if qos > 0 { (u16::from_be_bytes([rest[0], rest[1]]), &rest[2..]) } else { (0, rest) };
        Publish { id, payload: String::from_utf8(rest.to_vec()).unwrap() }
    }

    /// Answers the next subscription with these codes.
    pub fn subscribed(&mut self, code: u8) -> String {
        let (first, body) = self.read();
        assert_eq!(first, 0x82, "SUBSCRIBE is due");
        self.write(&[0x90, 3, body[0], body[1], code]);
        let length = usize::from(u16::from_be_bytes([body[2], body[3]]));
        String::from_utf8(body[4..4 + length].to_vec()).unwrap()
    }
}

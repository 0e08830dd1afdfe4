//! MQTT 3.1.1 at QoS 0, written and read by hand: a load generator must cost less than what it measures.

use std::io::{self, Read, Write};
use std::net::TcpStream;

/// Connects, and waits until the broker has answered.
pub fn connect(port: u16, name: &str) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    // Protocol "MQTT", level 4, clean session, no keep-alive.
    let mut body = vec![0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 0];
    push_text(&mut body, name);
    stream.write_all(&packet(0x10, &body))?;
    let mut answer = [0; 4];
    stream.read_exact(&mut answer)?;
    if answer[3] != 0 {
        return Err(io::Error::other(format!("the broker refused {name}: {}", answer[3])));
    }
    Ok(stream)
}

/// Subscribes at QoS 0, and waits until the broker has answered.
pub fn subscribe(stream: &mut TcpStream, topic: &str) -> io::Result<()> {
    let mut body = vec![0, 1];
    push_text(&mut body, topic);
    body.push(0);
    stream.write_all(&packet(0x82, &body))?;
    let mut answer = [0; 5];
    stream.read_exact(&mut answer)?;
    if answer[4] > 2 { Err(io::Error::other("the broker refused the subscription")) } else { Ok(()) }
}

/// Appends a PUBLISH at QoS 0.
pub fn publish(to: &mut Vec<u8>, topic: &str, payload: &[u8]) {
    let length = 2 + topic.len() + payload.len();
    to.push(0x30);
    push_length(to, length);
    push_text(to, topic);
    to.extend_from_slice(payload);
}

/// Reads packets and hands the payloads of PUBLISH packets to `each`, until it says `false` or the broker goes away.
pub fn receive(stream: &mut TcpStream, mut each: impl FnMut(&[u8]) -> bool) -> io::Result<()> {
    let mut buffer = vec![0; 256 * 1024];
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..])?;
        if read == 0 {
            return Ok(());
        }
        filled += read;
        let mut at = 0;
        while let Some((body, end)) = whole_packet(&buffer[at..filled]) {
            if buffer[at] & 0xf0 == 0x30 {
                let body = &buffer[at + body..at + end];
                let topic = usize::from(u16::from_be_bytes([body[0], body[1]]));
                if !each(&body[2 + topic..]) {
                    return Ok(());
                }
            }
            at += end;
        }
        buffer.copy_within(at..filled, 0);
        filled -= at;
    }
}

/// Where the body of the first packet begins and ends, once all of it is there.
fn whole_packet(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut length = 0;
    for (at, byte) in bytes.iter().skip(1).take(4).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            let body = at + 2;
            return (bytes.len() >= body + length).then_some((body, body + length));
        }
    }
    None
}

fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![kind];
    push_length(&mut packet, body.len());
    packet.extend_from_slice(body);
    packet
}

fn push_length(to: &mut Vec<u8>, mut length: usize) {
    loop {
        let byte = (length & 0x7f) as u8;
        length >>= 7;
        to.push(if length > 0 { byte | 0x80 } else { byte });
        if length == 0 {
            return;
        }
    }
}

fn push_text(to: &mut Vec<u8>, text: &str) {
    to.extend_from_slice(&(text.len() as u16).to_be_bytes());
    to.extend_from_slice(text.as_bytes());
}

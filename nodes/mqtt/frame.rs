//! Packets in a stream of bytes. One that is longer than the limit is read past without being kept, so that a single
//! large message neither fills the memory nor breaks the connection, over which it would come again and again.

use bytes::{Buf, Bytes, BytesMut};

use super::packet::Verdict;

#[derive(Debug, PartialEq)]
pub enum Frame {
    /// The kind of packet (the upper half of its first byte), and all of it.
    Whole(u8, Bytes),
    /// A packet over the limit: its first byte, its length, and how it begins.
    TooLong { first: u8, length: usize, head: Bytes },
}

/// How much is kept of a packet over the limit: a topic of the longest kind and a packet id.
const HEAD: usize = 2 + 65_535 + 2;

pub struct Frames {
    limit: usize,
    skipping: Option<Skipping>,
}

struct Skipping {
    first: u8,
    length: usize,
    left: usize,
    head: BytesMut,
}

impl Frames {
    pub fn new(limit: usize) -> Frames {
        Frames { limit, skipping: None }
    }

    /// The next packet of the buffer; `None` where more bytes are needed.
    pub fn next(&mut self, buffer: &mut BytesMut) -> Result<Option<Frame>, String> {
        if let Some(skipping) = &mut self.skipping {
            let take = skipping.left.min(buffer.len());
            let keep = take.min(HEAD - skipping.head.len());
            skipping.head.extend_from_slice(&buffer[..keep]);
            buffer.advance(take);
            skipping.left -= take;
            if skipping.left > 0 {
                return Ok(None);
            }
            let Skipping { first, length, head, .. } = match self.skipping.take() {
                Some(skipped) => skipped,
                None => return Ok(None),
            };
            return Ok(Some(Frame::TooLong { first, length, head: head.freeze() }));
        }
        let Some((header, body)) = lengths(buffer)? else { return Ok(None) };
        let length = header + body;
        if length > self.limit {
            let first = buffer[0];
            buffer.advance(header);
            self.skipping = Some(Skipping { first, length, left: body, head: BytesMut::new() });
            return self.next(buffer);
        }
        if buffer.len() < length {
            buffer.reserve(length - buffer.len());
            return Ok(None);
        }
        let kind = buffer[0] >> 4;
        Ok(Some(Frame::Whole(kind, buffer.split_to(length).freeze())))
    }
}

/// How long the fixed header is, and what follows it.
fn lengths(buffer: &[u8]) -> Result<Option<(usize, usize)>, String> {
    let mut body = 0;
    for at in 1..5 {
        let Some(byte) = buffer.get(at) else { return Ok(None) };
        body |= usize::from(byte & 0x7f) << (7 * (at - 1));
        if byte & 0x80 == 0 {
            return Ok(Some((at + 1, body)));
        }
    }
    Err("a packet whose length has more than four bytes".to_string())
}

/// What follows the fixed header of a whole packet.
pub fn body(packet: &[u8]) -> Option<&[u8]> {
    let (header, _) = lengths(packet).ok()??;
    packet.get(header..)
}

/// The topic and the packet id of a PUBLISH that was too long, as far as they can be read.
pub fn publish_head(first: u8, head: &[u8]) -> (String, u16) {
    let length = head.get(..2).map_or(0, |bytes| usize::from(u16::from_be_bytes([bytes[0], bytes[1]])));
    let topic = head.get(2..2 + length).map(|topic| String::from_utf8_lossy(topic).into_owned());
    let has_id = first & 0b0110 != 0;
    let id = head.get(2 + length..4 + length).filter(|_| has_id);
    (topic.unwrap_or_default(), id.map_or(0, |id| u16::from_be_bytes([id[0], id[1]])))
}

/// An acknowledgement of any kind, also SUBACK, UNSUBACK and DISCONNECT. The library refuses reason codes that it does
/// not know, and brokers send some; so these few bytes are read here.
#[derive(Debug, PartialEq)]
pub struct Ack {
    pub id: u16,
    pub verdicts: Vec<Verdict>,
}

pub fn ack(kind: u8, frame: &Bytes, is_v5: bool) -> Result<Ack, String> {
    let malformed = || "a malformed acknowledgement".to_string();
    let (header, _) = lengths(frame)?.ok_or_else(malformed)?;
    let mut rest = frame.slice(header..);
    let id = if kind == 14 {
        0
    } else if rest.len() >= 2 {
        rest.get_u16()
    } else {
        return Err(malformed());
    };
    // SUBACK and UNSUBACK: properties, then a code for each filter. The others: a code, then properties.
    let codes_last = matches!(kind, 9 | 11);
    let one_code = if codes_last || rest.is_empty() { None } else { Some(rest.get_u8()) };
    let reason = if is_v5 { reason_string(&mut rest) } else { None };
    let codes: Vec<u8> = match one_code {
        Some(code) => vec![code],
        None if codes_last && !rest.is_empty() => rest.to_vec(),
        None => vec![0],
    };
    let verdicts = codes.into_iter().map(|code| Verdict { code, reason: reason.clone() }).collect();
    Ok(Ack { id, verdicts })
}

/// Reads past the properties, and finds the reason string among them.
fn reason_string(rest: &mut Bytes) -> Option<String> {
    let mut length = 0;
    for shift in [0, 7, 14, 21] {
        if rest.is_empty() {
            return None;
        }
        let byte = rest.get_u8();
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    let mut properties = rest.split_to(length.min(rest.len()));
    // A reason string and user properties are all that stand there.
    while properties.len() > 3 {
        let kind = properties.get_u8();
        let mut text = || {
            let length = if properties.len() >= 2 { usize::from(properties.get_u16()) } else { 0 };
            properties.split_to(length.min(properties.len()))
        };
        match kind {
            0x1f => return Some(String::from_utf8_lossy(&text()).into_owned()),
            0x26 => {
                text();
                text();
            }
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(frames: &mut Frames, bytes: &[u8], chunk: usize) -> Vec<Frame> {
        let (mut buffer, mut all) = (BytesMut::new(), Vec::new());
        for chunk in bytes.chunks(chunk) {
            buffer.extend_from_slice(chunk);
            while let Some(frame) = frames.next(&mut buffer).unwrap() {
                all.push(frame);
            }
        }
        assert!(buffer.is_empty());
        all
    }

    #[test]
    fn packets_come_out_whole_however_they_come_in() {
        let bytes = [0xd0, 0, 0x40, 2, 0, 7, 0x30, 5, 0, 1, b'a', b'x', b'y'];
        for chunk in 1..bytes.len() {
            let kinds: Vec<(u8, usize)> = all(&mut Frames::new(100), &bytes, chunk)
                .into_iter()
                .map(|frame| match frame {
                    Frame::Whole(kind, frame) => (kind, frame.len()),
                    other => panic!("{other:?}"),
                })
                .collect();
            assert_eq!(kinds, [(13, 2), (4, 4), (3, 7)]);
        }
    }

    #[test]
    fn a_packet_over_the_limit_is_read_past_and_its_head_is_known() {
        let mut bytes = vec![0x32, 0xb8, 0x17, 0, 3, b'a', b'/', b'b', 0, 9];
        bytes.extend(vec![b'x'; 3000 - 7]);
        bytes.extend([0xd0, 0]);
        for chunk in [1, 7, 5000] {
            let frames = all(&mut Frames::new(100), &bytes, chunk);
            let Frame::TooLong { first, length, head } = &frames[0] else { panic!("{frames:?}") };
            assert_eq!(*length, 3003);
            assert_eq!(publish_head(*first, head), ("a/b".to_string(), 9));
            assert_eq!(frames[1], Frame::Whole(13, Bytes::from_static(&[0xd0, 0])));
        }
    }

    #[test]
    fn a_length_without_an_end_is_an_error() {
        let mut buffer = BytesMut::from(&[0x30, 0xff, 0xff, 0xff, 0xff, 1][..]);
        assert!(Frames::new(100).next(&mut buffer).is_err());
    }

    #[test]
    fn codes_that_the_library_does_not_know_are_read() {
        let too_large = Bytes::from_static(&[0x40, 3, 0, 5, 0x95]);
        let expected = Ack { id: 5, verdicts: vec![Verdict { code: 0x95, reason: None }] };
        assert_eq!(ack(4, &too_large, true), Ok(expected));
        let short = Bytes::from_static(&[0x40, 2, 0, 5]);
        assert_eq!(ack(4, &short, true).unwrap().verdicts[0].code, 0);
        let refused = Bytes::from_static(&[0x90, 10, 0, 6, 5, 0x1f, 0, 2, b'n', b'o', 0x87, 1]);
        let verdicts = ack(9, &refused, true).unwrap().verdicts;
        assert_eq!(verdicts[0].to_string(), "not authorized (no)");
        assert_eq!(verdicts[1].code, 1);
        assert_eq!(
            ack(9, &Bytes::from_static(&[0x90, 3, 0, 6, 0x80]), false).unwrap().verdicts[0].code,
            0x80
        );
        assert_eq!(ack(14, &Bytes::from_static(&[0xe0, 0]), true).unwrap().verdicts[0].code, 0);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, kind in 0u8..16, is_v5: bool) {
            let mut buffer = BytesMut::from(&bytes[..]);
            let mut frames = Frames::new(64);
            while let Ok(Some(frame)) = frames.next(&mut buffer) {
                if let Frame::TooLong { first, head, .. } = frame {
                    publish_head(first, &head);
                }
            }
            let _ = ack(kind, &Bytes::from(bytes), is_v5);
        }
    }
}

//! Reads packets. What comes in is a stranger's: nothing here panics, and nothing is taken beyond the packet.

use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};

use super::packet::{
    Ack, Carried, ConnAck, Connect, Packet, Publish, QoS, Subscribe, Version, Will, Wish, reason,
};

/// What is wrong with what came in, by its reason code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wrong(pub u8, pub &'static str);

pub const MALFORMED: Wrong = Wrong(reason::MALFORMED, "a packet that is not MQTT");
const PROTOCOL: Wrong = Wrong(reason::PROTOCOL_ERROR, "a packet against the protocol");

/// Takes the next whole packet out of `from`; nothing while it is not all there. `version` is the connection's, and is not
/// looked at for CONNECT, which says its own.
pub fn next(from: &mut BytesMut, version: Version, most: usize) -> Result<Option<Packet>, Wrong> {
    let Some((header, length)) = length(from)? else { return Ok(None) };
    if header + length > most {
        return Err(Wrong(reason::TOO_LARGE, "a packet that is larger than is allowed"));
    }
    if from.len() < header + length {
        return Ok(None);
    }
    let first = from[0];
    let mut body = from.split_to(header + length).freeze();
    body.advance(header);
    packet(first, body, version).map(Some)
}

/// How long the fixed header is, and what follows it.
fn length(from: &[u8]) -> Result<Option<(usize, usize)>, Wrong> {
    let mut length = 0;
    for (at, byte) in from.iter().skip(1).take(4).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Ok(Some((at + 2, length)));
        }
    }
    if from.len() >= 5 { Err(MALFORMED) } else { Ok(None) }
}

fn packet(first: u8, body: Bytes, version: Version) -> Result<Packet, Wrong> {
    let (kind, flags) = (first >> 4, first & 0x0f);
    let expected = if matches!(kind, 6 | 8 | 10) { 2 } else { 0 };
    if kind != 3 && flags != expected {
        return Err(MALFORMED);
    }
    let mut body = Body { bytes: body };
    let v5 = version == Version::V5;
    let packet = match kind {
        1 => Packet::Connect(Box::new(connect(&mut body)?)),
        2 => Packet::ConnAck(conn_ack(&mut body, v5)?),
        3 => Packet::Publish(publish(flags, &mut body, v5)?),
        4..=7 => {
            let kind = [Ack::PubAck, Ack::PubRec, Ack::PubRel, Ack::PubComp][usize::from(kind) - 4];
            let id = body.id()?;
            let code = if v5 && !body.is_empty() { body.byte()? } else { 0 };
            if v5 && !body.is_empty() {
                properties(&mut body)?;
            }
            Packet::Ack(kind, id, code)
        }
        8 => Packet::Subscribe(subscribe(&mut body, v5)?),
        10 => {
            let id = body.id()?;
            if v5 {
                properties(&mut body)?;
            }
            let mut filters = Vec::new();
            while !body.is_empty() {
                filters.push(body.text()?);
            }
            if filters.is_empty() {
                return Err(PROTOCOL);
            }
            Packet::Unsubscribe(id, filters)
        }
        9 | 11 => {
            let id = body.id()?;
            if v5 {
                properties(&mut body)?;
            }
            let codes = std::mem::take(&mut body.bytes).to_vec();
            if kind == 9 { Packet::SubAck(id, codes) } else { Packet::UnsubAck(id, codes) }
        }
        12 => Packet::PingReq,
        13 => Packet::PingResp,
        14 => {
            let code = if v5 && !body.is_empty() { body.byte()? } else { 0 };
            let properties =
                if v5 && !body.is_empty() { properties(&mut body)? } else { Properties::default() };
            Packet::Disconnect(code, properties.session_expiry)
        }
        15 => return Err(Wrong(reason::PROTOCOL_ERROR, "AUTH, which was not agreed on")),
        _ => return Err(MALFORMED),
    };
    if body.is_empty() { Ok(packet) } else { Err(MALFORMED) }
}

fn connect(body: &mut Body) -> Result<Connect, Wrong> {
    let name = body.text()?;
    let version = match (name.as_str(), body.byte()? & 0x7f) {
        ("MQIsdp", 3) | ("MQTT", 4) => Version::V3,
        ("MQTT", 5) => Version::V5,
        _ => return Err(Wrong(0x84, "a version of MQTT that is not known here")),
    };
    let v5 = version == Version::V5;
    let flags = body.byte()?;
    let keep_alive = body.short()?;
    let about = if v5 { properties(body)? } else { Properties::default() };
    let client = body.text()?;
    let (has_will, will_qos, will_retain) = (flags & 4 != 0, flags >> 3 & 3, flags & 0x20 != 0);
    if flags & 1 != 0 || !has_will && (will_qos != 0 || will_retain) {
        return Err(MALFORMED);
    }
    let will = if has_will {
        let with = if v5 { properties(body)? } else { Properties::default() };
        let topic = Arc::from(body.text()?);
        let payload = body.binary()?;
        let qos = QoS::of(will_qos).ok_or(MALFORMED)?;
        let carried = Arc::new(with.carried);
        let publish = Publish {
            qos,
            retain: will_retain,
            topic,
            payload,
            expiry: with.expiry,
            carried,
            ..Publish::default()
        };
        Some(Will { publish, delay: with.will_delay.unwrap_or(0) })
    } else {
        None
    };
    let user = if flags & 0x80 != 0 { Some(body.text()?) } else { None };
    let password = if flags & 0x40 != 0 { Some(body.binary()?) } else { None };
    if !v5 && password.is_some() && user.is_none() {
        return Err(MALFORMED);
    }
    if about.receive_maximum == Some(0) || about.maximum_packet == Some(0) {
        return Err(PROTOCOL);
    }
    Ok(Connect {
        version,
        client,
        clean: flags & 2 != 0,
        keep_alive,
        will,
        user,
        password,
        session_expiry: about.session_expiry,
        receive_maximum: about.receive_maximum.unwrap_or(u16::MAX),
        maximum_packet: about.maximum_packet,
        topic_alias_maximum: about.topic_alias_maximum.unwrap_or(0),
        authentication: about.authentication,
    })
}

fn conn_ack(body: &mut Body, v5: bool) -> Result<ConnAck, Wrong> {
    let (flags, reason) = (body.byte()?, body.byte()?);
    let about = if v5 { properties(body)? } else { Properties::default() };
    Ok(ConnAck {
        session_present: flags & 1 != 0,
        reason,
        assigned_client: about.assigned_client,
        session_expiry: about.session_expiry,
        receive_maximum: about.receive_maximum.unwrap_or(u16::MAX),
        maximum_packet: about.maximum_packet.unwrap_or(u32::MAX),
        topic_alias_maximum: about.topic_alias_maximum.unwrap_or(0),
        keep_alive: about.keep_alive,
    })
}

fn publish(flags: u8, body: &mut Body, v5: bool) -> Result<Publish, Wrong> {
    let qos = QoS::of(flags >> 1 & 3).ok_or(MALFORMED)?;
    let topic = Arc::from(body.text()?);
    let id = if qos == QoS::AtMostOnce { 0 } else { body.id()? };
    let about = if v5 { properties(body)? } else { Properties::default() };
    Ok(Publish {
        dup: flags & 8 != 0,
        qos,
        retain: flags & 1 != 0,
        topic,
        id,
        payload: std::mem::take(&mut body.bytes),
        alias: about.alias,
        expiry: about.expiry,
        subscriptions: about.subscriptions,
        carried: Arc::new(about.carried),
    })
}

fn subscribe(body: &mut Body, v5: bool) -> Result<Subscribe, Wrong> {
    let id = body.id()?;
    let about = if v5 { properties(body)? } else { Properties::default() };
    let mut filters = Vec::new();
    while !body.is_empty() {
        let filter = body.text()?;
        let bits = body.byte()?;
        let qos = QoS::of(bits & 3).ok_or(MALFORMED)?;
        let (allowed, retain_handling) = if v5 { (0x3f, bits >> 4 & 3) } else { (0x03, 0) };
        if bits & !allowed != 0 || retain_handling == 3 {
            return Err(MALFORMED);
        }
        let wish = Wish { qos, no_local: bits & 4 != 0, retain_as_published: bits & 8 != 0, retain_handling };
        filters.push((filter, wish));
    }
    if filters.is_empty() || about.subscriptions.len() > 1 {
        return Err(PROTOCOL);
    }
    Ok(Subscribe { id, filters, identifier: about.subscriptions.first().copied() })
}

/// All properties that this server looks at or hands on.
#[derive(Default)]
struct Properties {
    carried: Carried,
    expiry: Option<u32>,
    alias: Option<u16>,
    subscriptions: Vec<u32>,
    session_expiry: Option<u32>,
    receive_maximum: Option<u16>,
    maximum_packet: Option<u32>,
    topic_alias_maximum: Option<u16>,
    will_delay: Option<u32>,
    assigned_client: Option<String>,
    keep_alive: Option<u16>,
    authentication: bool,
}

/// Properties of version 5. Which of them belong to which packet is not checked but for what would do harm: what a packet
/// does not use is passed over.
fn properties(body: &mut Body) -> Result<Properties, Wrong> {
    let length = body.variable()? as usize;
    let mut part = Body { bytes: body.take(length)? };
    let mut found = Properties::default();
    let mut seen: u64 = 0;
    while !part.is_empty() {
        let kind = part.byte()?;
        // User properties and subscription identifiers may be there several times.
        if !matches!(kind, 0x26 | 0x0b) && kind < 64 {
            if seen >> kind & 1 == 1 {
                return Err(PROTOCOL);
            }
            seen |= 1 << kind;
        }
        match kind {
            0x01 => found.carried.format = Some(part.byte()?),
            0x02 => found.expiry = Some(part.long()?),
            0x03 => found.carried.content_type = Some(part.text()?),
            0x08 => found.carried.response_topic = Some(part.text()?),
            0x09 => found.carried.correlation = Some(part.binary()?),
            0x0b => match part.variable()? {
                0 => return Err(PROTOCOL),
                number => found.subscriptions.push(number),
            },
            0x11 => found.session_expiry = Some(part.long()?),
            0x12 => found.assigned_client = Some(part.text()?),
            0x13 => found.keep_alive = Some(part.short()?),
            0x15 => {
                part.text()?;
                found.authentication = true;
            }
            0x16 => drop(part.binary()?),
            0x17 | 0x19 | 0x24 | 0x25 | 0x28 | 0x29 | 0x2a => drop(part.byte()?),
            0x18 => found.will_delay = Some(part.long()?),
            0x1a | 0x1c | 0x1f => drop(part.text()?),
            0x21 => found.receive_maximum = Some(part.short()?),
            0x22 => found.topic_alias_maximum = Some(part.short()?),
            0x23 => found.alias = Some(part.short()?),
            0x26 => {
                let name = part.text()?;
                found.carried.user.push((name, part.text()?));
            }
            0x27 => found.maximum_packet = Some(part.long()?),
            _ => return Err(MALFORMED),
        }
    }
    Ok(found)
}

struct Body {
    bytes: Bytes,
}

impl Body {
    fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    fn take(&mut self, length: usize) -> Result<Bytes, Wrong> {
        if length > self.bytes.len() {
            return Err(MALFORMED);
        }
        Ok(self.bytes.split_to(length))
    }

    fn byte(&mut self) -> Result<u8, Wrong> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn short(&mut self) -> Result<u16, Wrong> {
        self.take(2).map(|mut bytes| bytes.get_u16())
    }

    fn long(&mut self) -> Result<u32, Wrong> {
        self.take(4).map(|mut bytes| bytes.get_u32())
    }

    /// A packet id, which is never 0.
    fn id(&mut self) -> Result<u16, Wrong> {
        match self.short()? {
            0 => Err(PROTOCOL),
            id => Ok(id),
        }
    }

    fn variable(&mut self) -> Result<u32, Wrong> {
        let mut number = 0;
        for at in 0..4 {
            let byte = self.byte()?;
            number |= u32::from(byte & 0x7f) << (7 * at);
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(MALFORMED)
    }

    fn binary(&mut self) -> Result<Bytes, Wrong> {
        let length = self.short()?;
        self.take(usize::from(length))
    }

    /// Text, which has no zero character in it.
    fn text(&mut self) -> Result<String, Wrong> {
        let bytes = self.binary()?;
        match std::str::from_utf8(&bytes) {
            Ok(text) if !text.contains('\0') => Ok(text.to_string()),
            _ => Err(MALFORMED),
        }
    }
}

//! Writes packets. What a client sends is here for tests only.

use bytes::{BufMut, BytesMut};

use super::packet::{ConnAck, Packet, Publish, QoS, Version};

/// Appends a packet to what leaves.
pub fn packet(packet: &Packet, version: Version, to: &mut BytesMut) {
    let v5 = version == Version::V5;
    let mut body = BytesMut::new();
    let first = match packet {
        Packet::Publish(publish) => return self::publish(publish, version, to),
        Packet::ConnAck(ack) => {
            conn_ack(ack, v5, &mut body);
            0x20
        }
        Packet::Ack(kind, id, reason) => {
            body.put_u16(*id);
            if v5 && *reason != 0 {
                body.put_u8(*reason);
            }
            (*kind as u8) << 4 | if *kind as u8 == 6 { 2 } else { 0 }
        }
        Packet::SubAck(id, reasons) => {
            body.put_u16(*id);
            if v5 {
                body.put_u8(0);
            }
            body.put_slice(reasons);
            0x90
        }
        Packet::UnsubAck(id, reasons) => {
            body.put_u16(*id);
            if v5 {
                body.put_u8(0);
                body.put_slice(reasons);
            }
            0xb0
        }
        Packet::PingReq => 0xc0,
        Packet::PingResp => 0xd0,
        Packet::Disconnect(reason, expiry) => {
            if v5 && (*reason != 0 || expiry.is_some()) {
                body.put_u8(*reason);
                if let Some(expiry) = expiry {
                    body.put_slice(&[5, 0x11]);
                    body.put_u32(*expiry);
                }
            }
            0xe0
        }
        #[cfg(test)]
        Packet::Connect(connect) => {
            client::connect(connect, &mut body);
            0x10
        }
        #[cfg(test)]
        Packet::Subscribe(subscribe) => {
            client::subscribe(subscribe, v5, &mut body);
            0x82
        }
        #[cfg(test)]
        Packet::Unsubscribe(id, filters) => {
            body.put_u16(*id);
            if v5 {
                body.put_u8(0);
            }
            filters.iter().for_each(|filter| text(filter, &mut body));
            0xa2
        }
        #[cfg(not(test))]
        Packet::Connect(_) | Packet::Subscribe(_) | Packet::Unsubscribe(..) => return,
    };
    to.put_u8(first);
    variable(body.len(), to);
    to.put_slice(&body);
}

/// How long a publish is as a packet.
pub fn publish_length(publish: &Publish, version: Version) -> usize {
    let rest = publish_rest(publish, version);
    1 + variable_length(rest) + rest
}

fn publish_rest(publish: &Publish, version: Version) -> usize {
    let id = if publish.qos == QoS::AtMostOnce { 0 } else { 2 };
    let properties = match version {
        Version::V3 => 0,
        Version::V5 => {
            let length = properties_length(publish);
            variable_length(length) + length
        }
    };
    2 + publish.topic.len() + id + properties + publish.payload.len()
}

fn publish(publish: &Publish, version: Version, to: &mut BytesMut) {
    let rest = publish_rest(publish, version);
    to.reserve(rest + 5);
    let flags = u8::from(publish.dup) << 3 | (publish.qos as u8) << 1 | u8::from(publish.retain);
    to.put_u8(0x30 | flags);
    variable(rest, to);
    text(&publish.topic, to);
    if publish.qos != QoS::AtMostOnce {
        to.put_u16(publish.id);
    }
    if version == Version::V5 {
        variable(properties_length(publish), to);
        properties(publish, to);
    }
    to.put_slice(&publish.payload);
}

fn properties_length(publish: &Publish) -> usize {
    let carried = &*publish.carried;
    let text = |text: &Option<String>| text.as_ref().map_or(0, |text| 3 + text.len());
    let mut length = text(&carried.content_type) + text(&carried.response_topic);
    length +=
        carried.format.map_or(0, |_| 2) + publish.expiry.map_or(0, |_| 5) + publish.alias.map_or(0, |_| 3);
    length += carried.correlation.as_ref().map_or(0, |data| 3 + data.len());
    length += publish.subscriptions.iter().map(|id| 1 + variable_length(*id as usize)).sum::<usize>();
    length + carried.user.iter().map(|(name, value)| 5 + name.len() + value.len()).sum::<usize>()
}

fn properties(publish: &Publish, to: &mut BytesMut) {
    let carried = &*publish.carried;
    if let Some(format) = carried.format {
        to.put_slice(&[0x01, format]);
    }
    if let Some(expiry) = publish.expiry {
        to.put_u8(0x02);
        to.put_u32(expiry);
    }
    for (kind, value) in [(0x03, &carried.content_type), (0x08, &carried.response_topic)] {
        if let Some(value) = value {
            to.put_u8(kind);
            text(value, to);
        }
    }
    if let Some(data) = &carried.correlation {
        to.put_u8(0x09);
        binary(data, to);
    }
    for id in &publish.subscriptions {
        to.put_u8(0x0b);
        variable(*id as usize, to);
    }
    if let Some(alias) = publish.alias {
        to.put_u8(0x23);
        to.put_u16(alias);
    }
    for (name, value) in &carried.user {
        to.put_u8(0x26);
        text(name, to);
        text(value, to);
    }
}

fn conn_ack(ack: &ConnAck, v5: bool, body: &mut BytesMut) {
    body.put_u8(u8::from(ack.session_present));
    body.put_u8(ack.reason);
    if !v5 {
        return;
    }
    let mut about = BytesMut::new();
    if let Some(expiry) = ack.session_expiry {
        about.put_u8(0x11);
        about.put_u32(expiry);
    }
    if let Some(client) = &ack.assigned_client {
        about.put_u8(0x12);
        text(client, &mut about);
    }
    if let Some(keep_alive) = ack.keep_alive {
        about.put_u8(0x13);
        about.put_u16(keep_alive);
    }
    if ack.reason == 0 {
        about.put_u8(0x21);
        about.put_u16(ack.receive_maximum);
        about.put_u8(0x22);
        about.put_u16(ack.topic_alias_maximum);
        about.put_u8(0x27);
        about.put_u32(ack.maximum_packet);
    }
    variable(about.len(), body);
    body.put_slice(&about);
}

/// Lengths are bounded where texts come in: a packet of MQTT cannot have longer ones.
fn text(text: &str, to: &mut BytesMut) {
    binary(text.as_bytes(), to);
}

fn binary(data: &[u8], to: &mut BytesMut) {
    let length = u16::try_from(data.len()).unwrap_or(u16::MAX);
    to.put_u16(length);
    to.put_slice(&data[..usize::from(length)]);
}

fn variable_length(number: usize) -> usize {
    match number {
        0..=127 => 1,
        128..=16_383 => 2,
        16_384..=2_097_151 => 3,
        _ => 4,
    }
}

fn variable(mut number: usize, to: &mut BytesMut) {
    loop {
        let byte = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            return to.put_u8(byte);
        }
        to.put_u8(byte | 0x80);
    }
}

/// What only clients send.
#[cfg(test)]
mod client {
    use super::{BufMut, BytesMut, Version, binary, properties, properties_length, text, variable};
    use crate::mqtt_server::packet::{Connect, Subscribe};

    pub fn connect(connect: &Connect, body: &mut BytesMut) {
        let v5 = connect.version == Version::V5;
        text("MQTT", body);
        body.put_u8(if v5 { 5 } else { 4 });
        let mut flags = u8::from(connect.clean) << 1;
        if let Some(will) = &connect.will {
            flags |= 4 | (will.publish.qos as u8) << 3 | u8::from(will.publish.retain) << 5;
        }
        flags |= u8::from(connect.user.is_some()) << 7 | u8::from(connect.password.is_some()) << 6;
        body.put_u8(flags);
        body.put_u16(connect.keep_alive);
        if v5 {
            let mut about = BytesMut::new();
            if let Some(expiry) = connect.session_expiry {
                about.put_u8(0x11);
                about.put_u32(expiry);
            }
            about.put_u8(0x21);
            about.put_u16(connect.receive_maximum);
            about.put_u8(0x22);
            about.put_u16(connect.topic_alias_maximum);
            if let Some(maximum) = connect.maximum_packet {
                about.put_u8(0x27);
                about.put_u32(maximum);
            }
            variable(about.len(), body);
            body.put_slice(&about);
        }
        text(&connect.client, body);
        if let Some(will) = &connect.will {
            if v5 {
                variable(5 + properties_length(&will.publish), body);
                body.put_u8(0x18);
                body.put_u32(will.delay);
                properties(&will.publish, body);
            }
            text(&will.publish.topic, body);
            binary(&will.publish.payload, body);
        }
        if let Some(user) = &connect.user {
            text(user, body);
        }
        if let Some(password) = &connect.password {
            binary(password, body);
        }
    }

    pub fn subscribe(subscribe: &Subscribe, v5: bool, body: &mut BytesMut) {
        body.put_u16(subscribe.id);
        if v5 {
            let mut about = BytesMut::new();
            if let Some(id) = subscribe.identifier {
                about.put_u8(0x0b);
                variable(id as usize, &mut about);
            }
            variable(about.len(), body);
            body.put_slice(&about);
        }
        for (filter, wish) in &subscribe.filters {
            text(filter, body);
            let mut bits = wish.qos as u8;
            if v5 {
                bits |= u8::from(wish.no_local) << 2
                    | u8::from(wish.retain_as_published) << 3
                    | wish.retain_handling << 4;
            }
            body.put_u8(bits);
        }
    }
}

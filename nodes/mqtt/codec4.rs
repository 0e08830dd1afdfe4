//! The coding of MQTT 3.1.1 and 3.1, by rumqttc.

use bytes::{BufMut, Bytes, BytesMut};
use rumqttc::mqttbytes::{QoS, check, v4};

use super::frame;
use super::packet::{Codec, ConnAck, Connect, Publish, Qos, SubscribeOptions};
use super::reasons;
use crate::value::Str;

pub struct Codec4 {
    /// Connects as MQTT 3.1.
    pub old: bool,
}

fn text(error: rumqttc::mqttbytes::Error) -> String {
    error.to_string()
}

pub fn qos(qos: Qos) -> QoS {
    match qos {
        Qos::AtMostOnce => QoS::AtMostOnce,
        Qos::AtLeastOnce => QoS::AtLeastOnce,
        Qos::ExactlyOnce => QoS::ExactlyOnce,
    }
}

fn qos_of(qos: QoS) -> Qos {
    match qos {
        QoS::AtMostOnce => Qos::AtMostOnce,
        QoS::AtLeastOnce => Qos::AtLeastOnce,
        QoS::ExactlyOnce => Qos::ExactlyOnce,
    }
}

impl Codec for Codec4 {
    fn connect(&self, connect: &Connect, out: &mut BytesMut) -> Result<(), String> {
        let mut packet = v4::Connect::new(connect.client_id.clone());
        packet.keep_alive = connect.keep_alive;
        packet.clean_session = connect.clean;
        if connect.user.is_some() || connect.password.is_some() {
            let (user, password) = (connect.user.clone(), connect.password.clone());
            packet.set_login(user.unwrap_or_default(), password.unwrap_or_default());
        }
        packet.last_will = connect.will.as_ref().map(|will| v4::LastWill {
            topic: will.publish.topic.to_string(),
            message: will.publish.payload.clone(),
            qos: qos(will.publish.qos),
            retain: will.publish.retain,
        });
        if !self.old {
            return packet.write(out).map(drop).map_err(text);
        }
        // The library knows no 3.1, which has another name and number of the protocol and is else the same.
        let mut new = BytesMut::new();
        packet.write(&mut new).map_err(text)?;
        let body = frame::body(&new).and_then(|body| body.get(7..)).ok_or("a CONNECT without a body")?;
        out.put_u8(0x10);
        let mut length = body.len() + 9;
        while length >= 0x80 {
            out.put_u8(length as u8 | 0x80);
            length >>= 7;
        }
        out.put_u8(length as u8);
        out.put_slice(b"\0\x06MQIsdp\x03");
        out.put_slice(body);
        Ok(())
    }

    fn publish(&self, publish: &Publish, out: &mut BytesMut) -> Result<(), String> {
        let mut packet =
            v4::Publish::from_bytes(publish.topic.to_string(), qos(publish.qos), publish.payload.clone());
        packet.retain = publish.retain;
        packet.dup = publish.dup;
        packet.pkid = publish.id;
        packet.write(out).map(drop).map_err(text)
    }

    fn subscribe(
        &self,
        id: u16,
        filter: &str,
        options: SubscribeOptions,
        _number: Option<u32>,
        out: &mut BytesMut,
    ) -> Result<(), String> {
        let mut packet = v4::Subscribe::new(filter, qos(options.qos));
        packet.pkid = id;
        packet.write(out).map(drop).map_err(text)
    }

    fn unsubscribe(&self, id: u16, filter: &str, out: &mut BytesMut) -> Result<(), String> {
        let mut packet = v4::Unsubscribe::new(filter);
        packet.pkid = id;
        packet.write(out).map(drop).map_err(text)
    }

    fn read_conn_ack(&self, frame: Bytes) -> Result<ConnAck, String> {
        match frame[..] {
            [0x20, 2, flags, code] => {
                let code = reasons::of_old_answer(code);
                Ok(ConnAck { code, session_present: flags & 1 == 1, ..ConnAck::default() })
            }
            _ => Err("a malformed CONNACK".to_string()),
        }
    }

    fn read_publish(&self, frame: Bytes) -> Result<Publish, String> {
        let header = check(frame.iter(), frame.len()).map_err(text)?;
        let packet = v4::Publish::read(header, frame).map_err(text)?;
        Ok(Publish {
            topic: Str::from(packet.topic),
            payload: packet.payload,
            qos: qos_of(packet.qos),
            retain: packet.retain,
            dup: packet.dup,
            id: packet.pkid,
            properties: None,
        })
    }
}

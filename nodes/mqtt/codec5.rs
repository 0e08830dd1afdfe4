//! The coding of MQTT 5, by rumqttc.

use bytes::{Bytes, BytesMut};
use rumqttc::v5::mqttbytes::{Error, QoS, v5};

use super::frame;
use super::packet::{Codec, ConnAck, Connect, Properties, Publish, Qos, SubscribeOptions};
use crate::value::Str;

pub struct Codec5;

fn text(error: Error) -> String {
    error.to_string()
}

fn qos(qos: Qos) -> QoS {
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

impl Codec for Codec5 {
    fn connect(&self, connect: &Connect, out: &mut BytesMut) -> Result<(), String> {
        let packet = v5::Connect {
            keep_alive: connect.keep_alive,
            client_id: connect.client_id.clone(),
            clean_start: connect.clean,
            properties: Some(v5::ConnectProperties {
                session_expiry_interval: connect.session_expiry,
                receive_maximum: Some(connect.receive_maximum),
                max_packet_size: Some(connect.maximum_packet),
                topic_alias_max: (connect.alias_maximum > 0).then_some(connect.alias_maximum),
                request_response_info: None,
                request_problem_info: Some(1),
                user_properties: connect.user_properties.clone(),
                authentication_method: None,
                authentication_data: None,
            }),
        };
        let will = connect.will.as_ref().map(|will| {
            let properties = will.publish.properties.as_deref();
            v5::LastWill {
                topic: Bytes::copy_from_slice(will.publish.topic.as_bytes()),
                message: will.publish.payload.clone(),
                qos: qos(will.publish.qos),
                retain: will.publish.retain,
                properties: Some(v5::LastWillProperties {
                    delay_interval: will.delay,
                    payload_format_indicator: properties.and_then(|p| p.is_utf8).map(u8::from),
                    message_expiry_interval: properties.and_then(|p| p.expiry),
                    content_type: properties.and_then(|p| p.content_type.clone()),
                    response_topic: properties.and_then(|p| p.response_topic.clone()),
                    correlation_data: properties.and_then(|p| p.correlation.clone()),
                    user_properties: properties.map(|p| p.user.clone()).unwrap_or_default(),
                }),
            }
        });
        let login = (connect.user.is_some() || connect.password.is_some()).then(|| v5::Login {
            username: connect.user.clone().unwrap_or_default(),
            password: connect.password.clone().unwrap_or_default(),
        });
        packet.write(&will, &login, out).map(drop).map_err(text)
    }

    fn publish(&self, publish: &Publish, out: &mut BytesMut) -> Result<(), String> {
        let packet = v5::Publish {
            dup: publish.dup,
            qos: qos(publish.qos),
            retain: publish.retain,
            topic: Bytes::copy_from_slice(publish.topic.as_bytes()),
            pkid: publish.id,
            payload: publish.payload.clone(),
            properties: publish.properties.as_deref().map(|p| v5::PublishProperties {
                payload_format_indicator: p.is_utf8.map(u8::from),
                message_expiry_interval: p.expiry,
                topic_alias: p.alias,
                response_topic: p.response_topic.clone(),
                correlation_data: p.correlation.clone(),
                user_properties: p.user.clone(),
                subscription_identifiers: Vec::new(),
                content_type: p.content_type.clone(),
            }),
        };
        packet.write(out).map(drop).map_err(text)
    }

    fn subscribe(
        &self,
        id: u16,
        filter: &str,
        options: SubscribeOptions,
        number: Option<u32>,
        out: &mut BytesMut,
    ) -> Result<(), String> {
        let mut wanted = v5::Filter::new(filter, qos(options.qos));
        wanted.nolocal = options.no_local;
        wanted.preserve_retain = options.retain_as_published;
        wanted.retain_forward_rule = match options.retain_handling {
            0 => v5::RetainForwardRule::OnEverySubscribe,
            1 => v5::RetainForwardRule::OnNewSubscribe,
            _ => v5::RetainForwardRule::Never,
        };
        let properties = number
            .map(|number| v5::SubscribeProperties { id: Some(number as usize), user_properties: Vec::new() });
        let packet = v5::Subscribe { pkid: id, filters: vec![wanted], properties };
        packet.write(out).map(drop).map_err(text)
    }

    fn unsubscribe(&self, id: u16, filter: &str, out: &mut BytesMut) -> Result<(), String> {
        let packet = v5::Unsubscribe { pkid: id, filters: vec![filter.to_string()], properties: None };
        packet.write(out).map(drop).map_err(text)
    }

    fn read_conn_ack(&self, frame: Bytes) -> Result<ConnAck, String> {
        let malformed = || "a malformed CONNACK".to_string();
        let Some(&[flags, code, ..]) = frame::body(&frame) else { return Err(malformed()) };
        let mut answer = ConnAck { code, session_present: flags & 1 == 1, ..ConnAck::default() };
        let whole = v5::Packet::read(&mut BytesMut::from(frame), None);
        let properties = match whole {
            Ok(v5::Packet::ConnAck(packet)) => packet.properties,
            // A refusal with a code that the library does not know is a refusal all the same.
            _ if code != 0 => None,
            Ok(_) => return Err(malformed()),
            Err(error) => return Err(text(error)),
        };
        if let Some(properties) = properties {
            answer.reason = properties.reason_string;
            answer.receive_maximum = properties.receive_max;
            answer.maximum_qos = properties.max_qos;
            answer.no_retain = properties.retain_available == Some(0);
            answer.maximum_packet = properties.max_packet_size;
            answer.alias_maximum = properties.topic_alias_max.unwrap_or(0);
            answer.keep_alive = properties.server_keep_alive;
            answer.no_subscription_ids = properties.subscription_identifiers_available == Some(0);
            answer.assigned_id = properties.assigned_client_identifier;
        }
        Ok(answer)
    }

    fn read_publish(&self, frame: Bytes) -> Result<Publish, String> {
        let packet = match v5::Packet::read(&mut BytesMut::from(frame), None).map_err(text)? {
            v5::Packet::Publish(packet) => packet,
            _ => return Err("a malformed PUBLISH".to_string()),
        };
        let topic = std::str::from_utf8(&packet.topic).map_err(|_| "a topic that is not UTF-8")?;
        Ok(Publish {
            topic: Str::new(topic),
            payload: packet.payload,
            qos: qos_of(packet.qos),
            retain: packet.retain,
            dup: packet.dup,
            id: packet.pkid,
            properties: packet.properties.map(|p| {
                Box::new(Properties {
                    is_utf8: p.payload_format_indicator.map(|indicator| indicator == 1),
                    expiry: p.message_expiry_interval,
                    alias: p.topic_alias,
                    response_topic: p.response_topic,
                    correlation: p.correlation_data,
                    user: p.user_properties,
                    content_type: p.content_type,
                    subscriptions: p.subscription_identifiers.iter().map(|id| *id as u32).collect(),
                })
            }),
        })
    }
}

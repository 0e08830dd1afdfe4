//! MQTT packets of versions 3.1, 3.1.1 and 5, one type for all of them.

use std::sync::Arc;

use bytes::Bytes;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// 3.1 and 3.1.1, which differ in the name of the protocol only.
    V3,
    V5,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
#[allow(clippy::enum_variant_names, reason = "the names that the standard gives them")]
pub enum QoS {
    #[default]
    AtMostOnce = 0,
    AtLeastOnce = 1,
    ExactlyOnce = 2,
}

impl QoS {
    pub fn of(number: u8) -> Option<QoS> {
        Some(match number {
            0 => QoS::AtMostOnce,
            1 => QoS::AtLeastOnce,
            2 => QoS::ExactlyOnce,
            _ => return None,
        })
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Packet {
    Connect(Box<Connect>),
    ConnAck(ConnAck),
    Publish(Publish),
    /// PUBACK, PUBREC, PUBREL, PUBCOMP.
    Ack(Ack, u16, u8),
    Subscribe(Subscribe),
    /// The answers to SUBSCRIBE, a reason for each filter.
    SubAck(u16, Vec<u8>),
    Unsubscribe(u16, Vec<String>),
    UnsubAck(u16, Vec<u8>),
    PingReq,
    PingResp,
    /// The reason, and with version 5 perhaps another session expiry.
    Disconnect(u8, Option<u32>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::enum_variant_names, reason = "the names that the standard gives them")]
pub enum Ack {
    PubAck = 4,
    PubRec = 5,
    PubRel = 6,
    PubComp = 7,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Connect {
    pub version: Version,
    pub client: String,
    pub clean: bool,
    pub keep_alive: u16,
    pub will: Option<Will>,
    pub user: Option<String>,
    pub password: Option<Bytes>,
    /// Version 5; nothing means 0.
    pub session_expiry: Option<u32>,
    pub receive_maximum: u16,
    pub maximum_packet: Option<u32>,
    pub topic_alias_maximum: u16,
    /// It wants an exchange of AUTH packets.
    pub authentication: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Will {
    pub publish: Publish,
    pub delay: u32,
}

/// What CONNACK says. Everything but the first two is of version 5.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ConnAck {
    pub session_present: bool,
    pub reason: u8,
    pub assigned_client: Option<String>,
    pub session_expiry: Option<u32>,
    pub receive_maximum: u16,
    pub maximum_packet: u32,
    pub topic_alias_maximum: u16,
    pub keep_alive: Option<u16>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Publish {
    pub dup: bool,
    pub qos: QoS,
    pub retain: bool,
    /// Empty where an alias stands for it.
    pub topic: Arc<str>,
    /// 0 with QoS 0.
    pub id: u16,
    pub payload: Bytes,
    pub alias: Option<u16>,
    /// Seconds.
    pub expiry: Option<u32>,
    pub subscriptions: Vec<u32>,
    /// What is handed on as it came.
    pub carried: Arc<Carried>,
}

/// Properties of a publish that are nobody's business but the receiver's.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Carried {
    pub format: Option<u8>,
    pub content_type: Option<String>,
    pub response_topic: Option<String>,
    pub correlation: Option<Bytes>,
    pub user: Vec<(String, String)>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Subscribe {
    pub id: u16,
    pub filters: Vec<(String, Wish)>,
    pub identifier: Option<u32>,
}

/// How a client wants a subscription served.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wish {
    pub qos: QoS,
    pub no_local: bool,
    pub retain_as_published: bool,
    /// 0: retained messages are sent; 1: only for a new subscription; 2: never.
    pub retain_handling: u8,
}

/// Reason codes of version 5 that are used here.
pub mod reason {
    pub const SUCCESS: u8 = 0x00;
    pub const WITH_WILL: u8 = 0x04;
    pub const NO_SUBSCRIBERS: u8 = 0x10;
    pub const NO_SUBSCRIPTION: u8 = 0x11;
    pub const MALFORMED: u8 = 0x81;
    pub const PROTOCOL_ERROR: u8 = 0x82;
    pub const BAD_CLIENT: u8 = 0x85;
    pub const BAD_PASSWORD: u8 = 0x86;
    pub const NOT_AUTHORIZED: u8 = 0x87;
    pub const UNAVAILABLE: u8 = 0x88;
    pub const SHUTTING_DOWN: u8 = 0x8b;
    pub const BAD_METHOD: u8 = 0x8c;
    pub const KEEP_ALIVE: u8 = 0x8d;
    pub const TAKEN_OVER: u8 = 0x8e;
    pub const BAD_FILTER: u8 = 0x8f;
    pub const BAD_TOPIC: u8 = 0x90;
    pub const NO_SUCH_ID: u8 = 0x92;
    pub const RECEIVE_MAXIMUM: u8 = 0x93;
    pub const BAD_ALIAS: u8 = 0x94;
    pub const TOO_LARGE: u8 = 0x95;
    pub const QUOTA: u8 = 0x97;
    /// Where version 3 has one answer for all: the subscription failed.
    pub const FAILURE_V3: u8 = 0x80;
}

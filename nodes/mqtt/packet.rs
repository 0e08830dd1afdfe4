//! MQTT packets as the session sees them, whatever the version, and what it needs of a client library.

use std::fmt;

use bytes::{Bytes, BytesMut};

use crate::value::Str;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
#[expect(clippy::enum_variant_names, reason = "the standard's own names")]
pub enum Qos {
    #[default]
    AtMostOnce,
    AtLeastOnce,
    ExactlyOnce,
}

impl Qos {
    pub fn of(number: i64) -> Option<Qos> {
        match number {
            0 => Some(Qos::AtMostOnce),
            1 => Some(Qos::AtLeastOnce),
            2 => Some(Qos::ExactlyOnce),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Version {
    /// 3.1, which a few old brokers still want.
    V3,
    #[default]
    V4,
    V5,
}

/// What a client says when it connects.
#[derive(Clone, Default)]
pub struct Connect {
    pub client_id: String,
    pub clean: bool,
    pub keep_alive: u16,
    pub user: Option<String>,
    pub password: Option<String>,
    pub will: Option<Will>,
    pub session_expiry: Option<u32>,
    pub receive_maximum: u16,
    pub maximum_packet: u32,
    pub alias_maximum: u16,
    pub user_properties: Vec<(String, String)>,
}

/// It holds a password.
impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connect as {}", self.client_id)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Will {
    pub publish: Publish,
    /// Seconds that the broker waits before it sends it.
    pub delay: Option<u32>,
}

/// The answer to `Connect`: 0 is yes. What a broker does not say is allowed, without a limit.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ConnAck {
    pub code: u8,
    pub reason: Option<String>,
    pub session_present: bool,
    pub receive_maximum: Option<u16>,
    pub maximum_qos: Option<u8>,
    pub no_retain: bool,
    pub maximum_packet: Option<u32>,
    pub alias_maximum: u16,
    pub keep_alive: Option<u16>,
    pub no_subscription_ids: bool,
    pub assigned_id: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Publish {
    pub topic: Str,
    pub payload: Bytes,
    pub qos: Qos,
    pub retain: bool,
    pub dup: bool,
    pub id: u16,
    /// Only MQTT 5 has them.
    pub properties: Option<Box<Properties>>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Properties {
    pub is_utf8: Option<bool>,
    pub expiry: Option<u32>,
    pub alias: Option<u16>,
    pub response_topic: Option<String>,
    pub correlation: Option<Bytes>,
    pub user: Vec<(String, String)>,
    pub content_type: Option<String>,
    /// Which of the subscriptions it is for.
    pub subscriptions: Vec<u32>,
}

impl Publish {
    /// No packet of this is larger.
    pub fn weight(&self) -> usize {
        let properties = self.properties.as_deref().map_or(0, |p| {
            let text = |text: &Option<String>| text.as_ref().map_or(0, |text| text.len() + 3);
            let user: usize = p.user.iter().map(|(name, value)| name.len() + value.len() + 5).sum();
            let correlation = p.correlation.as_ref().map_or(0, |data| data.len() + 3);
            text(&p.response_topic) + text(&p.content_type) + user + correlation
        });
        self.topic.len() + self.payload.len() + properties + 32
    }
}

/// How a filter is subscribed to; all but `qos` is for MQTT 5.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct SubscribeOptions {
    pub qos: Qos,
    pub no_local: bool,
    pub retain_as_published: bool,
    /// 0: what is retained is sent; 1: only for a new subscription; 2: never.
    pub retain_handling: u8,
}

/// What the session needs of a client library: the coding of the packets that have a content. It asks for no
/// connection, queue or event loop of the library.
pub trait Codec: Send + Sync {
    fn connect(&self, connect: &Connect, out: &mut BytesMut) -> Result<(), String>;
    fn publish(&self, publish: &Publish, out: &mut BytesMut) -> Result<(), String>;
    fn subscribe(
        &self,
        id: u16,
        filter: &str,
        options: SubscribeOptions,
        number: Option<u32>,
        out: &mut BytesMut,
    ) -> Result<(), String>;
    fn unsubscribe(&self, id: u16, filter: &str, out: &mut BytesMut) -> Result<(), String>;
    /// `frame` is a whole packet of that kind.
    fn read_conn_ack(&self, frame: Bytes) -> Result<ConnAck, String>;
    fn read_publish(&self, frame: Bytes) -> Result<Publish, String>;
}

/// What a broker says about something that it was sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    pub code: u8,
    pub reason: Option<String>,
}

impl Verdict {
    pub fn is_refusal(&self) -> bool {
        self.code >= 0x80
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(super::reasons::text(self.code))?;
        match &self.reason {
            Some(reason) => write!(f, " ({})", super::reasons::shortened(reason)),
            None => Ok(()),
        }
    }
}

//! A message on its way through the server, and as a record of a log.

use std::sync::Arc;

use bytes::Bytes;

use super::packet::{Carried, Publish, QoS};
use super::tree::SessionId;
use crate::value::{Object, Value};

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Message {
    pub topic: Arc<str>,
    pub payload: Bytes,
    pub qos: QoS,
    pub retain: bool,
    /// Milliseconds of this run.
    pub expires: Option<u64>,
    pub carried: Arc<Carried>,
    pub from: Option<SessionId>,
}

/// A message for one session.
#[derive(Debug, Clone, PartialEq)]
pub struct Queued {
    pub message: Arc<Message>,
    pub qos: QoS,
    pub retain: bool,
    pub identifiers: Vec<u32>,
    /// In the log of its session; 0 where it is in memory only.
    pub sequence: u64,
    /// Taken for a group of this name: another member may have it when this one goes.
    pub group: Option<Arc<str>>,
}

/// What a message costs beside its bytes, about.
const OVERHEAD: usize = 200;

impl Message {
    pub fn of(publish: Publish, from: Option<SessionId>, now: u64) -> Message {
        Message {
            topic: publish.topic,
            payload: publish.payload,
            qos: publish.qos,
            retain: publish.retain,
            expires: publish.expiry.map(|seconds| now + u64::from(seconds) * 1000),
            carried: publish.carried,
            from,
        }
    }

    pub fn weight(&self) -> usize {
        let user: usize = self.carried.user.iter().map(|(name, value)| 48 + name.len() + value.len()).sum();
        let correlation = self.carried.correlation.as_ref().map_or(0, Bytes::len);
        OVERHEAD + self.topic.len() + self.payload.len() + user + correlation
    }

    pub fn has_expired(&self, now: u64) -> bool {
        self.expires.is_some_and(|at| at <= now)
    }

    /// What is left of its time, in seconds, at least one.
    pub fn seconds_left(&self, now: u64) -> Option<u32> {
        let left = |at: u64| u32::try_from(at.saturating_sub(now).div_ceil(1000)).unwrap_or(u32::MAX);
        self.expires.map(|at| left(at).max(1))
    }

    fn to_object(&self, run: &str, now: u64) -> Object {
        let mut object = Object::new();
        object.insert("topic", &*self.topic);
        object.insert("payload", Value::Bytes(self.payload.to_vec().into()));
        object.insert("qos", self.qos as i64);
        if self.retain {
            object.insert("retain", true);
        }
        if let Some(left) = self.seconds_left(now) {
            object.insert("expiry", i64::from(left));
            // In the same run it is known how much of it has gone by; after a restart it begins anew.
            object.insert("run", run);
            object.insert("at", now as i64);
        }
        let carried = &*self.carried;
        if let Some(format) = carried.format {
            object.insert("format", i64::from(format));
        }
        for (name, value) in
            [("contentType", &carried.content_type), ("responseTopic", &carried.response_topic)]
        {
            if let Some(value) = value {
                object.insert(name, value.as_str());
            }
        }
        if let Some(data) = &carried.correlation {
            object.insert("correlationData", Value::Bytes(data.to_vec().into()));
        }
        if !carried.user.is_empty() {
            let pairs =
                carried.user.iter().flat_map(|(name, value)| [name.as_str().into(), value.as_str().into()]);
            object.insert("userProperties", Value::array(pairs.collect()));
        }
        object
    }

    fn of_object(object: &Object, run: &str, now: u64) -> Option<Message> {
        let text = |name: &str| match object.get(name) {
            Some(Value::Str(text)) => Some(text.to_string()),
            _ => None,
        };
        let bytes = |name: &str| match object.get(name) {
            Some(Value::Bytes(bytes)) => Some(Bytes::copy_from_slice(bytes)),
            _ => None,
        };
        let number = |name: &str| match object.get(name) {
            Some(Value::Int(number)) => u64::try_from(*number).ok(),
            _ => None,
        };
        let mut user = Vec::new();
        if let Some(Value::Array(pairs)) = object.get("userProperties") {
            for pair in pairs.chunks_exact(2) {
                if let [Value::Str(name), Value::Str(value)] = pair {
                    user.push((name.to_string(), value.to_string()));
                }
            }
        }
        let since = number("at").filter(|_| text("run").as_deref() == Some(run)).unwrap_or(now);
        Some(Message {
            topic: Arc::from(text("topic")?),
            payload: bytes("payload")?,
            qos: QoS::of(number("qos")? as u8)?,
            retain: object.get("retain") == Some(&Value::Bool(true)),
            expires: number("expiry").map(|seconds| since + seconds * 1000),
            carried: Arc::new(Carried {
                format: number("format").map(|format| format as u8),
                content_type: text("contentType"),
                response_topic: text("responseTopic"),
                correlation: bytes("correlationData"),
                user,
            }),
            from: None,
        })
    }
}

/// A retained message as a record.
pub fn record(message: &Message, run: &str, now: u64) -> Object {
    message.to_object(run, now)
}

pub fn of_record(object: &Object, run: &str, now: u64) -> Option<Message> {
    Message::of_object(object, run, now)
}

impl Queued {
    pub fn to_object(&self, run: &str, now: u64) -> Object {
        let mut object = self.message.to_object(run, now);
        object.insert("for", self.qos as i64);
        object.insert("asRetained", self.retain);
        if !self.identifiers.is_empty() {
            let ids = self.identifiers.iter().map(|id| Value::Int(i64::from(*id)));
            object.insert("subscriptions", Value::array(ids.collect()));
        }
        object
    }

    /// Nothing where the record is none of this server's.
    pub fn of_object(object: &Object, sequence: u64, run: &str, now: u64) -> Option<Queued> {
        let message = Message::of_object(object, run, now)?;
        let qos = match object.get("for") {
            Some(Value::Int(number)) => QoS::of(u8::try_from(*number).ok()?)?,
            _ => return None,
        };
        let identifiers = match object.get("subscriptions") {
            Some(Value::Array(ids)) => ids
                .iter()
                .filter_map(|id| if let Value::Int(id) = id { u32::try_from(*id).ok() } else { None })
                .collect(),
            _ => Vec::new(),
        };
        let retain = object.get("asRetained") == Some(&Value::Bool(true));
        Some(Queued { message: Arc::new(message), qos, retain, identifiers, sequence, group: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_gives_back_what_went_in() {
        let message = Message {
            topic: Arc::from("a/b"),
            payload: Bytes::from_static(&[0, 255]),
            qos: QoS::ExactlyOnce,
            retain: true,
            expires: Some(61_000),
            carried: Arc::new(Carried {
                format: Some(1),
                content_type: Some("c".to_string()),
                response_topic: Some("r".to_string()),
                correlation: Some(Bytes::from_static(b"\0")),
                user: vec![("a".to_string(), "1".to_string()), ("a".to_string(), "2".to_string())],
            }),
            from: None,
        };
        let queued = Queued {
            message: Arc::new(message.clone()),
            qos: QoS::AtLeastOnce,
            retain: true,
            identifiers: vec![1, 300],
            sequence: 7,
            group: None,
        };
        let object = queued.to_object("r", 1000);
        assert_eq!(Queued::of_object(&object, 7, "r", 31_000), Some(queued));
        let later = of_record(&object, "another run", 5000).unwrap();
        assert_eq!(later.expires, Some(65_000), "it begins anew");
        assert_eq!(of_record(&Object::new(), "r", 0), None);
    }
}
